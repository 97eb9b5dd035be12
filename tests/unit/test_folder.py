import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from aepsl.data import folder
from aepsl.data.manifest import Listing
from aepsl.errors import InputError
from aepsl.settings.sections import Dataset


class Photographs:
    """A folder of files of no bytes, which listing them does not open, and a table beside it or in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def add(self, *paths: str) -> None:
        for path in paths:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).touch()

    def table(self, *rows: str, head: str = "image,label", name: str = "labels.csv") -> Path:
        (self.root / name).write_text("\n".join([head, *rows, ""]), encoding="utf-8")
        return self.root / name

    def read(self, split: str = "train", **values: Any) -> Listing:
        return folder.read(Dataset(format="folder", root=str(self.root), **values), split)

    def labels(self, split: str = "train", **values: Any) -> dict[str, tuple[str, ...]]:
        """Path → labels."""
        return {path: labels for _, path, labels in self.read(split, **values).images}

    def ids(self, **values: Any) -> list[str]:
        return [image_id for image_id, _, _ in self.read(**values).images]

    def refusal(self, split: str = "train", **values: Any) -> str:
        with pytest.raises(InputError) as caught:
            self.read(split, **values)
        assert "\n" not in str(caught.value)
        return str(caught.value).replace(str(self.root), "ROOT")


@pytest.fixture
def photographs(tmp_path: Path) -> Photographs:
    return Photographs(tmp_path / "photographs")


def test_nested_photographs_of_any_kind_in_the_order_of_their_paths(photographs: Photographs) -> None:
    kinds = ["b.jpg", "a.JPEG", "z/1.png", "z/deep er/ä.webp", "z/2.bmp", "y.tif", "x.TIFF"]
    photographs.add(*kinds, "notes.txt", ".hidden.jpg", ".cache/c.jpg", "IMG_1.heic")
    photographs.table(*(f"{path},cat" for path in reversed(kinds)))
    listing = photographs.read()
    assert listing.folder == photographs.root and not listing.missing and not listing.unlabelled
    assert [path for _, path, _ in listing.images] == sorted(kinds)
    assert {path: image_id for image_id, path, _ in listing.images} | {"z/1.png": "z__1"} == {
        "a.JPEG": "a", "b.jpg": "b", "x.TIFF": "x", "y.tif": "y", "z/1.png": "z__1", "z/2.bmp": "z__2",
        "z/deep er/ä.webp": "z__deep er__ä",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["pets/my cat.v2.jpg", "pets/my cat.v2", "pets\\my cat.v2.jpg", "./pets//my cat.v2.JPG", "my cat.v2.jpg",
     "my cat.v2", "pets__my cat.v2"],
)  # fmt: skip
def test_an_image_stands_by_path_file_name_or_id(photographs: Photographs, name: str) -> None:
    photographs.add("pets/my cat.v2.jpg", "my.jpg")
    photographs.table(f"{name},cat", "my,dog")
    assert photographs.labels() == {"my.jpg": ("dog",), "pets/my cat.v2.jpg": ("cat",)}


def test_a_path_goes_before_a_bare_name_and_a_name_of_two_is_refused(photographs: Photographs) -> None:
    photographs.add("x.jpg", "a/x.jpg", "a/y.jpg", "b/y.jpg")
    photographs.table("x.jpg,cat", "a/x.jpg,dog")
    assert photographs.labels() == {"a/x.jpg": ("dog",), "x.jpg": ("cat",)}
    photographs.table("x.jpg,cat", "y,dog")
    assert photographs.refusal() == "ROOT/labels.csv, line 3: 'y' may be a/y.jpg or b/y.jpg; give its path"


def test_names_agree_whether_their_umlauts_are_one_character_or_two(photographs: Photographs) -> None:
    composed, apart = (unicodedata.normalize(form, "Bär/süß.jpg") for form in ("NFC", "NFD"))
    assert composed != apart
    photographs.add(apart, "b.jpg")
    photographs.table(f"{composed},Bär", unicodedata.normalize("NFD", "b.jpg,Bär"))
    listing = photographs.read()
    assert listing.classes == ("Bär",)
    assert listing.images == (("Bär__süß", apart, ("Bär",)), ("b", "b.jpg", ("Bär",)))


def test_classes_are_the_tables_sorted_and_hold_almost_anything(photographs: Photographs) -> None:
    names = ['"a ""quote"""', "käse", '"a, comma"', "and/or", "it's", "$x$", "..", "100%"]
    photographs.add("a.jpg", "b.jpg")
    photographs.table(*(f"a,{name}" for name in names), "b,  and/or ")
    expected = ("$x$", "..", "100%", 'a "quote"', "a, comma", "and/or", "it's", "käse")
    assert photographs.read().classes == expected == tuple(sorted(expected))
    assert photographs.labels() == {"a.jpg": expected, "b.jpg": ("and/or",)}


def test_given_classes_fix_the_order_and_name_those_allowed(photographs: Photographs) -> None:
    photographs.add("a.jpg")
    photographs.table("a,cat", "a,dog")
    listing = photographs.read(classes=["dog", "unseen", "cat"])
    assert listing.classes == ("dog", "unseen", "cat") and listing.images[0][2] == ("dog", "cat")
    said = photographs.refusal(classes=["cat", "dogs"])
    assert said == "ROOT/labels.csv, line 3: no class 'dog' (did you mean dogs?)"


def test_the_column_split_parts_the_photographs(photographs: Photographs) -> None:
    photographs.add("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    photographs.table("b,cat,val", "a,cat,train", "a,dog,train", "c,dog,val", head="image,label,split")
    assert photographs.labels() == {"a.jpg": ("cat", "dog")}
    assert photographs.labels("val") == {"b.jpg": ("cat",), "c.jpg": ("dog",)}
    assert photographs.read().unlabelled == ("d.jpg",)
    photographs.table("a,cat,train", "a,dog,val", head="image,label,split")
    assert "labels.csv, line 3: a.jpg is of the split train already" in photographs.refusal()
    photographs.table("a,cat,test", head="image,label,split")
    assert photographs.refusal() == "ROOT/labels.csv, line 2: a split is train or val. Got: 'test'"
    photographs.table("a,cat,val", head="image,label,split")
    assert "no photograph in ROOT has a label and the split train" in photographs.refusal()


def test_columns_are_known_in_capitals_too_and_others_do_no_harm(photographs: Photographs) -> None:
    photographs.add("a.jpg", "b.jpg")
    photographs.table("a,x,cat,train", "b,,cat,val,", head="Image,note,LABEL,Split")
    assert (list(photographs.labels("train")), list(photographs.labels("val"))) == (["a.jpg"], ["b.jpg"])


@pytest.mark.parametrize("head", ["image,label", "image,label,split"])
def test_without_a_validation_split_all_photographs_are_predicted_also_those_without_a_label(
    photographs: Photographs, head: str
) -> None:
    photographs.add("a.jpg", "b.jpg", "c.jpg")
    photographs.table(*(f"{name},cat{',train' * ('split' in head)}" for name in "ab"), head=head)
    assert photographs.labels() == {"a.jpg": ("cat",), "b.jpg": ("cat",)}
    assert photographs.labels("val") == {"a.jpg": ("cat",), "b.jpg": ("cat",), "c.jpg": ()}


@pytest.mark.parametrize(("one", "other"), [("a.jpg", "a.png"), ("x/a.jpg", "x__a.jpg"), ("x/a.webp", "x/a.JPG")])
def test_two_photographs_of_one_id_are_refused_by_name(photographs: Photographs, one: str, other: str) -> None:
    photographs.add(one, other)
    photographs.table(f"{one},cat")
    said = photographs.refusal()
    assert f"ROOT/{one}" in said and f"ROOT/{other}" in said and "rename one of them" in said


@pytest.mark.parametrize("name", [b"-x.jpg", b"a\\b.jpg", b"a\nb.jpg", b"\xff.jpg", b"x" * 210 + b".jpg"])
def test_names_that_no_result_can_have_are_refused(photographs: Photographs, name: bytes) -> None:
    (Path(os.fsdecode(os.fsencode(photographs.root) + b"/" + name))).touch()
    photographs.table("a,cat")
    said = photographs.refusal()
    assert said.startswith("ROOT: photograph '") and said.endswith("; rename it")


def test_a_table_may_name_whole_paths(photographs: Photographs) -> None:
    photographs.add("x/a.jpg", "b.jpg")
    photographs.table(f"{photographs.root}/x/a.jpg,cat", "b,dog")
    assert photographs.ids() == ["b", "x__a"]
    photographs.table("/elsewhere/a.jpg,cat", "b,dog")
    assert "no photograph '/elsewhere/a.jpg' below ROOT" in photographs.refusal()


def test_rows_without_a_photograph_are_counted_or_left_out(photographs: Photographs) -> None:
    photographs.add("a.jpg", "b.HEIC")
    photographs.table("a,cat", "gone/1.jpg,cat", "gone/1.jpg,dog", "gone/2,dog")
    assert photographs.refusal() == (
        "ROOT/labels.csv, line 3: no photograph 'gone/1.jpg' below ROOT (2 images of the table are not there); "
        "correct the table or dataset.root"
    )
    listing = photographs.read(skip_unreadable=True)
    assert listing.missing == ("gone/1.jpg", "gone/2") and [path for _, path, _ in listing.images] == ["a.jpg"]
    assert listing.classes == ("cat", "dog")
    photographs.table("b.HEIC,cat")
    assert "ROOT/b.HEIC is none of .bmp, .gif, .jpeg, .jpg, .png" in photographs.refusal()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a,"], "line 2: no label for 'a'"),
        ([",cat"], "line 2: no image"),
        (["a"], "line 2: no label for 'a'"),
        ([], "there is no label in it"),
        ([",", ""], "there is no label in it"),
        (["a,background"], "'background' cannot name a class"),
        (["a,x\x01y"], "'x\\x01y' cannot name a class"),
        ([f"a,{'x' * 101}"], "cannot name a class"),
        (["a,cat,dog"], "line 2: more cells than columns; one row a label"),
        ([f"a,c{number}" for number in range(255)], "255 classes, of which a label map can hold 254"),
    ],
)
def test_a_row_that_says_nothing_and_classes_that_cannot_be_are_refused(
    photographs: Photographs, rows: list[str], said: str
) -> None:
    photographs.add("a.jpg")
    photographs.table(*rows)
    assert said in photographs.refusal()


@pytest.mark.parametrize(("classes", "said"), [(["cat", ""], "'' cannot name"), (["é", "e\u0301", "cat"], "are one")])
def test_given_classes_have_names_of_their_own(photographs: Photographs, classes: list[str], said: str) -> None:
    photographs.add("a.jpg")
    photographs.table("a,cat")
    assert said in photographs.refusal(classes=classes)


def test_as_many_classes_as_a_label_map_holds_are_taken(photographs: Photographs) -> None:
    photographs.add("a.jpg")
    photographs.table(*(f"a,c{number}" for number in range(254)))
    assert len(photographs.read().classes) == 254


def test_what_is_missing_says_which_setting_names_it(photographs: Photographs, tmp_path: Path) -> None:
    photographs.table("a,cat")
    assert photographs.refusal().startswith("ROOT: no photograph in this folder (.bmp, ")
    photographs.add("a.jpg")
    (photographs.root / "labels.csv").unlink()
    assert photographs.refusal() == (
        "ROOT/labels.csv: the table of labels cannot be read (no such file); set dataset.labels"
    )
    with pytest.raises(InputError, match=r"absent: no such folder; set dataset\.root"):
        folder.read(Dataset(format="folder", root=str(tmp_path / "absent")), "train")
    (photographs.root / "labels.csv").write_bytes("image,label\na,Käse\n".encode("latin-1"))
    assert "(not UTF-8); save it as UTF-8" in photographs.refusal()
    photographs.table("a,cat,dog", head="image,label,Label")
    assert "two columns are called label; one row a label" in photographs.refusal()
    photographs.table("a;cat", head="image;label")
    assert "expected the columns image,label. Got: image;label" in photographs.refusal()


def test_links_are_followed_but_not_in_circles(photographs: Photographs, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.jpg").touch()
    photographs.add("sub/a.jpg")
    (photographs.root / "linked").symlink_to(tmp_path / "elsewhere")
    (photographs.root / "sub" / "up").symlink_to(photographs.root)
    photographs.table("b,cat", "a,cat")
    assert list(photographs.labels()) == ["linked/b.jpg", "sub/a.jpg"]


def test_masks_among_the_photographs_are_none_and_lie_under_the_photographs_paths(photographs: Photographs) -> None:
    photographs.add("a.jpg", "x/b.c.webp", "masks/a.png", "masks/x/b.c.png")
    photographs.table("a,cat", "b.c.webp,dog")
    masks = photographs.root / "masks"
    assert photographs.ids(masks=str(masks)) == ["a", "x__b.c"]
    bare = Dataset(format="folder", root=str(photographs.root), masks=str(masks))
    with pytest.raises(InputError, match=r'Set dataset\.classes to their order, .* sorted labels: \["cat","dog"\]'):
        folder.masks(bare, "train")
    dataset = bare.model_copy(update={"classes": ["dog", "cat"]})
    assert folder.masks(dataset, "train") == (masks, [masks / "a.png", masks / "x/b.c.png"])
    assert folder.masks(dataset.model_copy(update={"masks": None}), "train") is None
    with pytest.raises(InputError, match=r"absent: no such folder of masks; set dataset\.masks"):
        folder.masks(dataset.model_copy(update={"masks": str(photographs.root / "absent")}), "train")


def test_cocos_annotations_are_tables_too(photographs: Photographs) -> None:
    photographs.add("train2017/1.jpg", "train2017/2.jpg", "val2017/3.jpg", "val2017/4.jpg")
    tables = {"labels": str(photographs.root / "train.json"), "val_labels": str(photographs.root / "val.json")}
    for path, numbers in zip(tables.values(), ([1, 2], [3, 4]), strict=True):
        found = {
            "images": [{"id": number, "file_name": f"{number}.jpg"} for number in numbers],
            "categories": [{"id": 7, "name": "tram"}, {"id": 9, "name": "unused"}],
            "annotations": [{"image_id": numbers[0], "category_id": 7}],
        }
        Path(path).write_text(json.dumps(found))
    assert photographs.read(**tables).classes == ("tram",)
    assert photographs.labels(**tables) == {"train2017/1.jpg": ("tram",)}
    assert photographs.read(**tables).unlabelled == ("train2017/2.jpg",)
    assert photographs.labels("val", **tables) == {"val2017/3.jpg": ("tram",), "val2017/4.jpg": ()}
    assert len(photographs.labels("val", labels=tables["labels"])) == 4


def test_a_table_of_the_validation_says_the_split_alone(photographs: Photographs) -> None:
    photographs.add("a.jpg", "b.jpg")
    photographs.table("a,cat")
    own = photographs.table("b,dog", name="val.csv")
    assert photographs.labels("val", val_labels=str(own)) == {"b.jpg": ("dog",)}
    photographs.table("a,cat,train", head="image,label,split")
    assert "a split is named here, and dataset.val_labels is set too" in photographs.refusal(val_labels=str(own))
