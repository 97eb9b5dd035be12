import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aepsl.cli import main
from aepsl.data import voc
from aepsl.data.manifest import Manifest
from aepsl.data.palette import save_label_map
from aepsl.errors import InputError
from aepsl.settings.sections import Dataset


class Devkit:
    """A tiny VOC2012 folder. Its photographs are not opened by what is tested here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("JPEGImages", "Annotations", "ImageSets/Segmentation"):
            (root / folder).mkdir(parents=True)

    def images(self, *ids: str, name: str = "train", encoding: str = "utf-8") -> None:
        text = "".join(f"{image_id}\n" for image_id in ids)
        (self.root / f"ImageSets/Segmentation/{name}.txt").write_text(text, encoding=encoding)

    def annotation(self, image_id: str, *names: str) -> None:
        objects = "".join(
            f"<object><name>{name}</name><difficult>1</difficult><part><name>head</name></part></object>"
            for name in names
        )
        text = f"<annotation><filename>{image_id}.jpg</filename>{objects}</annotation>"
        (self.root / f"Annotations/{image_id}.xml").write_text(text, encoding="utf-8")

    def table(self, text: str, *, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
        (self.root / name).write_text(text, encoding=encoding)
        return self.root / name

    def read(
        self, image_set: str = "train", labels: Path | None = None, *, labelled: bool = True
    ) -> dict[str, tuple[str, ...]]:
        """id → labels, in the list's order, the files' names checked."""
        listing = voc.read(self.root, image_set=image_set, labels=labels, labelled=labelled)
        assert listing.folder == self.root / "JPEGImages"
        assert all(name == f"{image_id}.jpg" for image_id, name, _ in listing.images)
        return {image_id: names for image_id, _, names in listing.images}

    def refusal(self, image_set: str = "train", labels: Path | None = None) -> str:
        with pytest.raises(InputError) as caught:
            self.read(image_set, labels)
        assert "\n" not in str(caught.value)
        return str(caught.value).replace(str(self.root), "ROOT")


@pytest.fixture
def devkit(tmp_path: Path) -> Devkit:
    return Devkit(tmp_path / "VOC2012")


def test_the_classes_are_vocs_in_label_order() -> None:
    assert len(voc.VOC_CLASSES) == 20 and list(voc.VOC_CLASSES) == sorted(voc.VOC_CLASSES)
    assert [voc.VOC_CLASSES.index(name) + 1 for name in ("aeroplane", "person", "tvmonitor")] == [1, 15, 20]


def test_labels_of_annotations_are_all_objects_once_in_class_order(devkit: Devkit) -> None:
    devkit.images("2007_000033", "2007_000032")
    devkit.annotation("2007_000032", "person", "aeroplane", "person")
    devkit.annotation("2007_000033", "tvmonitor")
    found = devkit.read()
    assert found == {"2007_000033": ("tvmonitor",), "2007_000032": ("aeroplane", "person")}
    assert list(found) == ["2007_000033", "2007_000032"], "in the list's order"


def test_images_of_the_table_stand_by_id_file_name_or_path(devkit: Devkit) -> None:
    devkit.images("a", "b", "c", "v1.2")
    devkit.table(
        "image,label,split\na,cat,train\na,cat,val\na,bird,train\nb.jpg,dog,\n"
        "some/where/c.JPEG,cow,\nv1.2,sofa,\nv1.2.png,bus,\nunlisted,car,\n"
    )
    assert devkit.read() == {"a": ("bird", "cat"), "b": ("dog",), "c": ("cow",), "v1.2": ("bus", "sofa")}


def test_a_given_table_goes_before_labels_csv_and_that_before_the_annotations(devkit: Devkit) -> None:
    devkit.images("a")
    devkit.annotation("a", "cat")
    assert devkit.read() == {"a": ("cat",)}
    devkit.table("image,label\na,dog\n")
    assert devkit.read() == {"a": ("dog",)}
    assert devkit.read(labels=devkit.table("image,label\na,cow\n", name="own.csv")) == {"a": ("cow",)}


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_a_name(devkit: Devkit) -> None:
    devkit.images("a\r", "b\r", encoding="utf-8-sig")
    devkit.table("image,label\r\na,cat\r\nb,dog\r\n", encoding="utf-8-sig")
    assert devkit.read() == {"a": ("cat",), "b": ("dog",)}
    assert voc.listed(devkit.root, "train") == ["a", "b"]


def test_hostile_ids_come_through(devkit: Devkit) -> None:
    ids = ["ä%2F", "'quoted'", "a,b", "$(x)", "日本", "a.b.c", "#1"]
    devkit.images(*ids)
    devkit.table("image,label\n" + "".join(f'"{image_id}",cat\n' for image_id in ids))
    assert devkit.read() == dict.fromkeys(ids, ("cat",))


@pytest.mark.parametrize("image_id", ["../secret", "/etc/passwd", "..", ".hidden", "-x"])
def test_an_id_that_is_a_way_out_of_the_folder_is_refused(devkit: Devkit, image_id: str) -> None:
    devkit.images("a", image_id)
    assert f"image id {image_id!r} cannot name a file" in devkit.refusal()


def test_train_aug_falls_back_to_train_and_says_so(devkit: Devkit, caplog: pytest.LogCaptureFixture) -> None:
    devkit.images("a")
    devkit.annotation("a", "cat")
    with caplog.at_level(logging.WARNING):
        assert devkit.read("train_aug") == {"a": ("cat",)}
    assert "has no list train_aug: training on train.txt alone" in caplog.text
    devkit.images("a", "b", name="train_aug")
    devkit.annotation("b", "dog")
    caplog.clear()
    assert devkit.read("train_aug") == {"a": ("cat",), "b": ("dog",)}
    assert not caplog.text


def test_deeplabs_lists_name_photograph_and_mask_of_each_image(devkit: Devkit) -> None:
    devkit.images("/JPEGImages/a.jpg /SegmentationClassAug/a.png", "/JPEGImages/b.jpg /SegmentationClassAug/b.png")
    devkit.table("image,label\na,cat\nb,dog\n")
    assert devkit.read() == {"a": ("cat",), "b": ("dog",)}
    assert voc.listed(devkit.root, "train") == ["a", "b"]


def test_test_images_need_no_labels(devkit: Devkit) -> None:
    devkit.images("a", "b", name="test")
    devkit.annotation("b", "dog")
    assert devkit.read("test", labelled=False) == {"a": (), "b": ("dog",)}
    assert "Annotations/a.xml: no image-level labels" in devkit.refusal("test")
    devkit.table("image,label\nb,cat\n")
    assert devkit.read("test", labelled=False) == {"a": (), "b": ("cat",)}
    assert "no label for image a" in devkit.refusal("test")


def test_what_the_devkit_lacks_is_named_with_where_to_get_it(devkit: Devkit) -> None:
    page = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"
    said = devkit.refusal("test")
    assert said.startswith("ROOT/ImageSets/Segmentation/test.txt: ") and said.endswith(
        f"test with its test data: {page}"
    )
    devkit.images("a")
    (devkit.root / "Annotations").rmdir()
    said = devkit.refusal()
    assert said.startswith("ROOT/Annotations/a.xml: no image-level labels (No such file") and page in said
    (devkit.root / "JPEGImages").rmdir()
    assert devkit.refusal() == f"ROOT/JPEGImages: no such folder; the devkit has it: {page}"


def test_no_other_list_falls_back(devkit: Devkit) -> None:
    devkit.images("a")
    assert devkit.refusal("val").startswith("ROOT/ImageSets/Segmentation/val.txt: the list of images cannot be read")
    assert voc.listed(devkit.root, "val") == []


def test_a_missing_devkit_says_which_setting_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent: no such folder; set dataset\.root"):
        voc.read(tmp_path / "absent", image_set="train", labels=None)


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ((), "ROOT/ImageSets/Segmentation/train.txt: the list names no image"),
        (("", "  "), "train.txt: the list names no image"),
        (("a", "b", "a"), "train.txt: image a is listed twice (1 such)"),
    ],
)
def test_an_empty_list_and_an_id_that_stands_twice_are_refused(devkit: Devkit, ids: tuple[str, ...], said: str) -> None:
    devkit.images(*ids)
    assert said in devkit.refusal()


def test_a_list_that_is_no_text_is_refused(devkit: Devkit) -> None:
    (devkit.root / "ImageSets/Segmentation/train.txt").write_bytes(b"\xff\xfe\x00")
    assert "train.txt: the list of images cannot be read" in devkit.refusal()
    assert voc.listed(devkit.root, "train") == []


def test_an_unknown_class_is_named_with_its_place_and_the_nearest_one(devkit: Devkit) -> None:
    devkit.images("a")
    devkit.annotation("a", "cat", "aeroplan")
    assert devkit.refusal() == "ROOT/Annotations/a.xml: no class 'aeroplan' (did you mean aeroplane?)"
    devkit.table("image,label\na,cat\na,Person\n")
    assert devkit.refusal() == "ROOT/labels.csv, line 3: no class 'Person' (did you mean person?)"
    devkit.table("image,label\na,xyzzy\n")
    assert "no class 'xyzzy' (classes: aeroplane, bicycle, " in devkit.refusal()
    devkit.table("image,label\na\n")
    assert "line 2: no class ''" in devkit.refusal()


def test_images_without_a_label_are_counted_where_labels_were_sought(devkit: Devkit) -> None:
    devkit.images("a", "b", "c")
    for image_id in "abc":
        devkit.annotation(image_id)
    assert devkit.refusal() == "ROOT/Annotations: no label for image a (3 images without)"
    devkit.table("image,label\nb,cat\n")
    assert devkit.refusal() == "ROOT/labels.csv: no label for image a (2 images without)"


@pytest.mark.parametrize(
    "content", [None, "", "<annotation>", "no XML", '<?xml version="1.0" encoding="nonsense"?><a/>']
)
def test_annotations_that_are_missing_or_broken_say_how_to_have_labels(devkit: Devkit, content: str | None) -> None:
    devkit.images("a")
    if content is not None:
        (devkit.root / "Annotations/a.xml").write_text(content)
    said = devkit.refusal()
    assert said.startswith("ROOT/Annotations/a.xml: no image-level labels (")
    assert "dataset.labels" in said and "labels-from-masks" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"file,class\na,cat\n", "expected the columns image,label. Got: file,class"),
        (b"", "expected the columns image,label. Got: "),
        (b"image,label\na,\xff\xfe\n", "the table of labels cannot be read"),
    ],
)
def test_a_table_of_another_form_is_refused(devkit: Devkit, content: bytes, said: str) -> None:
    devkit.images("a")
    (devkit.root / "labels.csv").write_bytes(content)
    assert devkit.refusal().startswith(f"ROOT/labels.csv: {said}")
    assert "absent.csv: the table of labels cannot be read" in devkit.refusal(labels=devkit.root / "absent.csv")


def test_a_list_may_be_a_file_of_its_own(devkit: Devkit, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    devkit.annotation("b", "cat")
    (tmp_path / "half.txt").write_text("b\n")
    found = voc.read(devkit.root, image_set=str(tmp_path / "half.txt"), labels=None)
    assert [image_id for image_id, _, _ in found.images] == ["b"] and not caplog.records
    dataset = Dataset(root=str(devkit.root), train_list=str(tmp_path / "half.txt"))
    assert voc.masks(dataset, "train")[1] == [devkit.root / "SegmentationClass/b.png"]
    assert tmp_path / "half.txt" in voc.sources(dataset, "train")[1]
    with pytest.raises(InputError, match=r"absent\.txt: the list of images cannot be read"):
        voc.read(devkit.root, image_set="absent.txt", labels=None)


def test_the_truth_is_the_augmented_one_for_train_aug_and_where_there_is_one(devkit: Devkit) -> None:
    devkit.images("a")
    plain, augmented = devkit.root / "SegmentationClass", devkit.root / "SegmentationClassAug"
    assert voc.truth_folder(devkit.root, "train_aug") == plain, "as downloaded: train.txt is taken"
    devkit.images("a", "b", name="train_aug")
    assert voc.truth_folder(devkit.root, "train_aug") == augmented
    assert voc.truth_folder(devkit.root, "val") == plain
    augmented.mkdir()
    assert voc.truth_folder(devkit.root, "val") == augmented


def test_the_devkit_as_downloaded_and_with_sbds_masks_end_to_end(
    devkit: Devkit, workplace: Path, refusal: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The stages that meet the folder: manifest, and those that read masks."""
    for number, image_id in enumerate("abc"):
        Image.new("RGB", (40, 40), (40 * number, 90, 200)).save(devkit.root / f"JPEGImages/{image_id}.jpg")
        devkit.annotation(image_id, "cat")
    devkit.images("a")
    devkit.images("b", name="val")
    config = workplace / "voc.yaml"
    config.write_text(
        f"dataset: {{root: {devkit.root}}}\n"
        "network: {weights: null, width: 0.125, blocks: 3, stride: 4, dilation: 1}\n"
        "segmentation: {training: {epochs: 1, batch: 2, crop: 33}}\n"
        "variants: {ceiling: {segmentation: {labels: truth}}}\n"
    )
    listing = ["manifest", "--config", str(config), "--split", "train", "--workers", "1"]
    ceiling = ["train-segmentation", "--config", str(config), "--run", "variants/ceiling/"]

    main(listing)
    assert "has no list train_aug: training on train.txt alone; list and masks: https://" in capsys.readouterr().err
    assert [entry.id for entry in Manifest.read(Path("results/data/train.json")).entries] == ["a"]
    assert "SegmentationClass/a.png is missing" in refusal(*ceiling)

    devkit.images("a", "c", name="train_aug")
    main(listing)
    assert "train_aug" not in capsys.readouterr().err
    assert [entry.id for entry in Manifest.read(Path("results/data/train.json")).entries] == ["a", "c"]
    assert "SegmentationClassAug/a.png is missing); those of train_aug: https://" in refusal(*ceiling)
    (devkit.root / "SegmentationClassAug").mkdir()
    for image_id in "ac":
        save_label_map(devkit.root / f"SegmentationClassAug/{image_id}.png", np.zeros((40, 40), np.uint8))
    main(ceiling)
    assert Path("results/variants/ceiling/segmentation/model.safetensors").exists()
