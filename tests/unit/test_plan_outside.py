"""The plan and what lies outside of it: photographs, weights, the command line, the folder of results."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aepsl.errors import InputError
from aepsl.graph import STAGES
from aepsl.lock import locked
from aepsl.settings.settings import Settings, validate
from aepsl.workflow import Job, Plan, plan_of


def plan(**values: Any) -> Plan:
    scenes = {"dataset": {"format": "scenes"}, "variants": {"ceiling": {"segmentation": {"labels": "truth"}}}}
    return Plan(validate(Settings, scenes | values, source="test"))


def anew(p: Plan) -> Plan:
    """The plan of the next run of Snakemake: one looks at what lies outside once."""
    return Plan(p.settings)


@pytest.fixture
def voc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # the hashes are kept below the working folder
    root = tmp_path / "VOC2012"
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for split, names in {"train": ("a", "b"), "val": ("c",)}.items():
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("\n".join(names))
        for name in names:
            (root / f"JPEGImages/{name}.jpg").write_bytes(name.encode())
            (root / f"SegmentationClass/{name}.png").write_bytes(name.encode())
    (root / "labels.csv").write_text("image,label\na,dog\nb,cat\nc,dog\n")
    return root


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("JPEGImages/a.jpg", {"manifest train"}),
        ("JPEGImages/c.jpg", {"manifest val"}),
        ("labels.csv", {"manifest train", "manifest val"}),
        ("Annotations/c.xml", set()),
        ("ImageSets/Segmentation/val.txt", {"manifest val", "evaluate"}),
        ("SegmentationClass/a.png", {"quality", "train_segmentation ceiling"}),
        ("SegmentationClass/c.png", {"evaluate"}),
        ("JPEGImages/unlisted.jpg", set()),
    ],
)
def test_files_from_outside_rerun_the_stages_that_read_them(voc: Path, file: str, expected: set[str]) -> None:
    p = plan(dataset={"format": "voc", "root": str(voc), "train_list": "train"})
    jobs = {
        "manifest train": Job(p, "manifest", split="train"),
        "manifest val": Job(p, "manifest", split="val"),
        "saliency": Job(p, "saliency"),
        "train_classifier": Job(p, "train_classifier", round=1),
        "train_segmentation": Job(p, "train_segmentation"),
        "train_segmentation ceiling": Job(p, "train_segmentation", "variants/ceiling/"),
        "evaluate": Job(p, "evaluate"),
        "quality": Job(p, "quality"),
    }
    before = {name: job.content() for name, job in jobs.items()}
    (voc / file).write_bytes(b"something else\n")
    p = anew(p)
    assert {name for name, job in jobs.items() if replace(job, plan=p).content() != before[name]} == expected


def test_of_a_table_of_both_splits_each_reads_its_own_rows(voc: Path) -> None:
    p = plan(dataset={"format": "voc", "root": str(voc), "train_list": "train"})
    before = [Job(p, "manifest", split=split).content() for split in ("train", "val")]
    table = (voc / "labels.csv").read_text()
    (voc / "labels.csv").write_text(table.replace("c,dog", "c,cow") + "unlisted,cat\n")
    p = anew(p)
    after = [Job(p, "manifest", split=split).content() for split in ("train", "val")]
    assert after[0] == before[0] and after[1] != before[1]


def test_of_a_folder_of_saliency_maps_those_of_the_training_images_count(voc: Path) -> None:
    maps = voc.parent / "maps"
    maps.mkdir()
    (maps / "a.png").write_bytes(b"one")
    saliency = {"method": "external", "folder": str(maps)}
    p = plan(dataset={"format": "voc", "root": str(voc), "train_list": "train"}, saliency=saliency)
    before = Job(p, "saliency").content()
    for name in ("c.png", "unlisted.png"):
        (maps / name).write_bytes(b"one")
        assert Job(anew(p), "saliency").content() == before
    (maps / "a.png").write_bytes(b"other")
    assert Job(anew(p), "saliency").content() != before


def test_weights_in_a_file_are_tracked_by_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    weights = tmp_path / "vgg16.pth"
    weights.write_bytes(b"one")
    p = plan(network={"weights": str(weights)})
    stages = ("train_classifier", "train_segmentation", "cams", "predict")
    before = {stage: (Job(p, stage, round=1).content(), Job(p, stage, round=1).options(1)) for stage in stages}
    weights.write_bytes(b"two, trained longer")
    p = anew(p)
    for stage, (content, options) in before.items():
        trains = stage.startswith("train")
        assert (Job(p, stage, round=1).content() != content) == trains
        assert (Job(p, stage, round=1).options(1) != options) == trains, "a checkpoint of other weights is dropped"


def test_the_command_lines_nested_texts_are_read_as_in_a_file() -> None:
    given = {
        "seed": 3,
        "results": "2024",
        "erasing": {"merge": "2", "per_round": [{"round": "2", "threshold": "0.5"}]},
        "network": {"weights": "null"},
        "segmentation": {"self_label_crf": "false"},
        "dataset": {"format": "scenes", "root": "/data/VOC: 2012"},
    }
    s = plan_of(given, given).settings
    assert (s.seed, s.results, s.erasing.merge, s.network.weights) == (3, "2024", 2, None)
    assert s.erasing.per_round[0].round == 2 and s.erasing.per_round[0].threshold == 0.5
    assert s.segmentation.self_label_crf is False
    assert s.dataset.root == "/data/VOC: 2012"


def test_texts_of_a_file_stay_texts() -> None:
    with pytest.raises(InputError, match=r"erasing\.merge"):
        plan_of({"erasing": {"merge": "2"}}, {"seed": 3})
    dataset = {"root": "2012", "format": "scenes"}
    assert plan_of({"dataset": dataset}, {"dataset": {"format": "scenes"}}).settings.dataset.root == "2012"


def test_a_root_or_weights_that_are_not_there_are_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nope: no such folder; set dataset\.root to the VOC devkit's"):
        plan_of({"dataset": {"format": "voc", "root": str(tmp_path / "nope")}})
    with pytest.raises(InputError, match=r"network\.weights: no such file\. Got: .*vgg\.pth"):
        plan_of({"dataset": {"format": "scenes"}, "network": {"weights": str(tmp_path / "vgg.pth")}})


def test_results_below_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for results in ("file", "file/below"):
        with pytest.raises(InputError, match="file: the folder of results cannot be written"):
            plan_of({"results": str(tmp_path / results)})


def test_a_folder_of_results_is_one_runs_at_a_time(tmp_path: Path) -> None:
    kept = locked(str(tmp_path / "results"))
    with pytest.raises(InputError, match="another run is at work"):
        locked(str(tmp_path / "results"))
    other = locked(str(tmp_path / "other"))
    kept.close()
    locked(str(tmp_path / "results")).close()
    other.close()


def test_without_masks_of_the_training_images_the_comparison_judges_validation_alone(voc: Path) -> None:
    p = plan(dataset={"format": "voc", "root": str(voc), "train_list": "train"})
    inputs = Job(p, "comparison").inputs()
    assert [len(inputs[name]) for name in ("miou", "labels", "quality")] == [2, 1, 1]
    (voc / "SegmentationClass/a.png").unlink()
    p = anew(p)
    inputs = Job(p, "comparison").inputs()
    assert [len(inputs[name]) for name in ("miou", "labels", "quality")] == [2, 0, 0]


def judged(p: Plan) -> set[str]:
    """What is asked for beside the report's figures and tables of pixels."""
    return {path for path in p.wanted() if "/report/" not in path and not path.endswith(".csv")}


def test_without_masks_nothing_is_asked_for_that_judges_by_them(voc: Path) -> None:
    ceiling = {"ceiling": {"segmentation": {"labels": "truth"}}, "plain": {"segmentation": {"loss": "cross_entropy"}}}
    p = plan(dataset={"format": "voc", "root": str(voc), "train_list": "train"}, variants=ceiling, results="r")
    overview, miou, quality, full = "r/overview.png", "r/miou.json", "r/quality.json", "r/variants/ceiling/miou.json"
    assert judged(p) == {overview, miou, quality, full}
    assert Job(p, "plot_result").inputs()["ceiling"] == [full]
    (voc / "SegmentationClass/a.png").unlink()
    p = anew(p)
    assert judged(p) == {overview, miou}
    assert Job(p, "plot_result").inputs()["ceiling"] == [] and Job(p, "plot_result").outside()
    with pytest.raises(InputError, match=r"r/quality\.json: cannot be made without ground-truth masks of all training"):
        Job(p, "quality").inputs()
    with pytest.raises(InputError, match=r"ceiling/segmentation/model\.safetensors: cannot be made without"):
        Job(p, "train_segmentation", "variants/ceiling/").inputs()
    assert Job(p, "evaluate").outside() == {"truth": str(voc / "SegmentationClass")}
    (voc / "SegmentationClass/c.png").unlink()
    p = anew(p)
    assert judged(p) == {overview}
    assert Job(p, "overview").inputs() and Job(p, "overview").outside() == {}
    looked_into = {f"{split}_truth": str(voc / "SegmentationClass") for split in ("train", "val")}
    assert Job(p, "gallery").inputs() and Job(p, "gallery").outside() == looked_into, "for the masks that there are"
    with pytest.raises(InputError, match=r"r/miou\.json: cannot be made without ground-truth masks of all validation"):
        Job(p, "evaluate").inputs()


def test_masks_of_some_validation_images_alone_are_refused(voc: Path) -> None:
    (voc / "ImageSets/Segmentation/val.txt").write_text("c\nd\ne")
    p = plan(dataset={"format": "voc", "root": str(voc), "train_list": "train"})
    for ask in (p.wanted, Job(p, "evaluate").inputs):
        with pytest.raises(InputError, match=r"d\.png: no such mask \(2 of 3 validation images\)"):
            ask()


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "photographs"
    for path in ("a.jpg", "x/b.png", "x/c.webp", "unlabelled.jpg"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    (root / "labels.csv").write_text("image,label,split\na,dog,train\nb,cat,train\nc,dog,val\n")
    return root


def swap(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"x/b.png")
    (root / "x/b.png").write_bytes(b"a.jpg")


def relabel(old: str, new: str) -> Callable[[Path], None]:
    return lambda root: (root / "labels.csv").write_text((root / "labels.csv").read_text().replace(old, new))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda root: (root / "a.jpg").write_bytes(b"brighter"), {"manifest train"}),
        (lambda root: (root / "x/c.webp").write_bytes(b"brighter"), {"manifest val"}),
        (lambda root: (root / "x/b.png").rename(root / "x/b.bmp"), {"manifest train"}),
        (lambda root: (root / "x/b.png").rename(root / "b.png"), {"manifest train"}),
        (swap, {"manifest train"}),
        (lambda root: (root / "new.jpg").touch(), set()),
        (relabel("b,cat", "unlabelled,cat,train\nb,cat"), {"manifest train"}),
        (relabel("b,cat,train\n", "b,cat,train\nb,dog,train\n"), {"manifest train"}),
        (relabel("c,dog", "c,cat"), {"manifest val"}),
        (relabel("c,dog", "c,horse"), {"manifest train", "manifest val"}),
        (relabel("a,dog,train\nb,cat,train", "x/b.png,cat,train\na.jpg,dog,train"), set()),
    ],
    ids=["photograph", "validation", "kind", "moved", "swapped", "unlabelled", "added", "label", "validation label",
         "class", "rows in another order"],
)  # fmt: skip
def test_photographs_and_labels_of_a_folder_rerun_exactly_the_manifest(
    photographs: Path, change: Callable[[Path], None], expected: set[str]
) -> None:
    p = plan(dataset={"format": "folder", "root": str(photographs)}, variants={})
    jobs = {f"{stage} {split}": Job(p, stage, round=1, split=split) for stage in STAGES for split in ("train", "val")}
    before = {name: job.content() for name, job in jobs.items()}
    change(photographs)
    p = anew(p)
    assert {name for name, job in jobs.items() if replace(job, plan=p).content() != before[name]} == expected


def test_masks_of_a_folder_rerun_who_judges_by_them_alone(photographs: Path) -> None:
    masks = photographs.parent / "masks"
    (masks / "x").mkdir(parents=True)
    folder = {"format": "folder", "root": str(photographs), "classes": ["cat", "dog"]}
    bare, masked = (plan(dataset=folder | own, variants={}) for own in ({}, {"masks": str(masks)}))
    assert judged(bare) == judged(masked) == {"results/overview.png"}
    (masks / "x/c.png").touch()
    assert judged(anew(masked)) == {"results/overview.png", "results/miou.json"}
    for name in ("a", "x/b"):
        (masks / f"{name}.png").touch()
    masked = anew(masked)
    assert judged(masked) == {"results/overview.png", "results/miou.json", "results/quality.json"}
    assert Job(masked, "evaluate").outside() == {"truth": str(masks)} and Job(bare, "overview").outside() == {}
    changed = {
        stage
        for stage in STAGES
        for split in ("train", "val")
        if Job(bare, stage, round=1, split=split).content() != Job(masked, stage, round=1, split=split).content()
        or Job(bare, stage, round=1, split=split).settings() != Job(masked, stage, round=1, split=split).settings()
    }
    assert changed == {
        "evaluate",
        "judge_labels",
        "quality",
        "overview",
        "gallery",
        "plot_result",
        "list_settings",
    }


def test_results_among_the_photographs_are_refused(photographs: Path) -> None:
    for root, results in ((photographs, "photographs/results"), (photographs.parent, "results"), (".", "results")):
        with pytest.raises(InputError, match="the results would lie among the photographs"):
            plan_of({"results": results, "dataset": {"format": "folder", "root": str(root)}})
    assert plan_of({"results": "results", "dataset": {"format": "folder", "root": str(photographs)}})


def test_judging_training_images_needs_train_augs_masks_and_judging_the_others_does_not(voc: Path) -> None:
    p = plan(dataset={"format": "voc", "root": str(voc)})

    def truths() -> dict[str, str | None]:
        jobs = {"evaluate": "", "overview": "", "quality": "", "train_segmentation": "variants/ceiling/"}
        found = {stage: Job(anew(p), stage, run).outside().get("truth") for stage, run in jobs.items()}
        return {stage: truth and Path(truth).name for stage, truth in found.items()}

    assert set(truths().values()) == {"SegmentationClass"}, "train.txt is taken"
    (voc / "ImageSets/Segmentation/train_aug.txt").write_text("a\n")
    own, augmented = "SegmentationClass", "SegmentationClassAug"
    assert truths() == {"evaluate": own, "overview": own, "quality": None, "train_segmentation": None}
    with pytest.raises(InputError, match=r"SegmentationClassAug/a\.png is missing\); those of train_aug: http"):
        Job(anew(p), "quality").inputs()
    (voc / augmented).mkdir()
    for name in ("a", "c"):
        (voc / augmented / f"{name}.png").touch()
    assert set(truths().values()) == {augmented}
