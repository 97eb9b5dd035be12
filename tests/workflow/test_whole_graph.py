"""The whole graph, really run: equal bytes, and what reruns."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from project import TARGETS, TEST, Project

# What has to come out in equal bytes; logs, benchmarks and scores of the machine's precision are not among it.
DATA = ["data/scenes/train/labels.csv", "data/scenes/val/labels.csv", "data/train.json", "data/val.json"]
ROUND = ["classifier.safetensors", "history.jsonl", "cams.h5", "masks.h5"]
PRODUCTS = [
    *DATA,
    *(f"round{t}/{name}" for t in (1, 2) for name in ROUND),
    "round1/erased/index.json",
    "saliency.h5",
    "pseudo_labels/index.json",
    "segmentation/model.safetensors",
    "segmentation/history.jsonl",
    "scores.h5",
    "predictions/index.json",
    "predictions_crf/index.json",
    "miou.json",
]
PRECISIONS = ("bf16", "float32")


def results(project: Project) -> Path:
    return project.path("results_test")


def assert_equal_bytes(one: Project, other: Project, names: Iterable[str]) -> None:
    different = [n for n in names if (results(one) / n).read_bytes() != (results(other) / n).read_bytes()]
    assert not different


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The base run on one core, in three shards, in another folder, without truth of the training images at first."""
    project = Project(tmp_path_factory.mktemp("one core") / "another folder")
    words = ("--cores", "1", "--set-scatter", "shards=3", "--configfile", "configs/test.yaml")
    project.run("results_test/data/train.json", *words)
    truth = results(project) / "data/scenes/train/SegmentationClass"
    kept = project.path("kept")
    kept.mkdir()
    training = [entry["id"] for entry in json.loads((results(project) / "data/train.json").read_text())["images"]]
    for image_id in training:
        (truth / f"{image_id}.png").rename(kept / f"{image_id}.png")
    project.run("results_test/miou.json", *words)
    for image_id in training:
        assert not (truth / f"{image_id}.png").exists()
        (kept / f"{image_id}.png").rename(truth / f"{image_id}.png")
    project.run("results_test/quality.json", *words)
    return project


def test_the_run_leaves_every_product_and_nothing_half_written(finished: Project) -> None:
    missing = [name for name in PRODUCTS if not (results(finished) / name).is_file()]
    assert not missing
    left = [p for p in results(finished).rglob("*") if p.suffix in (".tmp", ".resume")]
    assert not left
    found = json.loads((results(finished) / "miou.json").read_text())
    assert found["images"] == 4 and 0 <= found["miou"] <= 1
    quality = json.loads((results(finished) / "quality.json").read_text())
    assert 0 < quality["background_threshold"] < 1, "found, not given"


def test_provenance_says_of_every_product_how_it_was_made(finished: Project) -> None:
    told = json.loads((results(finished) / "provenance.json").read_text())
    for name in PRODUCTS:
        one = told["products"][name]
        assert one["sha256"] == hashlib.sha256((results(finished) / name).read_bytes()).hexdigest()
        assert re.fullmatch("[0-9a-f]{16}", one["code"])
    environments = told["environments"]
    assert {environment["packages"]["torch"] for environment in environments} == {torch.__version__.split("+")[0]}
    trained = told["products"]["round2/classifier.safetensors"]
    assert trained["settings"]["round"] == 2 and environments[trained["environments"][0]]["precision"] in PRECISIONS
    assert "precision" not in environments[told["products"]["round2/masks.h5"]["environments"][0]]
    assert "variants/psl++/segmentation/model.safetensors" in told["products"]


def test_one_core_and_three_shards_in_another_folder_give_equal_bytes(finished: Project, blind: Project) -> None:
    assert_equal_bytes(finished, blind, [*PRODUCTS, "quality.json"])
    for folder in ("round1/erased", "pseudo_labels", "predictions", "predictions_crf"):
        names = [p.relative_to(results(finished)) for p in (results(finished) / folder).glob("*.png")]
        assert names
        assert_equal_bytes(finished, blind, map(str, names))
    left = [path for path in results(blind).rglob("*-of-3*") if path.suffix not in (".log", ".tsv", ".json")]
    assert not left, "shards are temporary"


def test_pseudo_labels_and_miou_need_no_ground_truth_of_the_training_images(finished: Project, blind: Project) -> None:
    # `blind` had none from the moment its scenes were drawn until its miou.json stood
    assert_equal_bytes(finished, blind, ["pseudo_labels/index.json", "miou.json"])


def test_the_ceiling_cannot_be_trained_without_them(spoilt: Project) -> None:
    for mask in (results(spoilt) / "data/scenes/train/SegmentationClass").glob("*.png"):
        mask.unlink()
    model = "results_test/variants/ceiling/segmentation/model.safetensors"
    spoilt.path(model).unlink()
    stopped = spoilt.snakemake(model, *TEST)
    assert stopped.returncode == 1
    assert "no such label map (12 of 12 missing)" in stopped.stdout


def test_a_second_invocation_does_nothing(finished: Project) -> None:
    assert "Nothing to be done" in finished.run(*TARGETS)


def test_files_with_new_times_and_old_contents_rerun_nothing(spoilt: Project) -> None:
    for name in PRODUCTS[1:]:
        (results(spoilt) / name).touch()
    assert spoilt.planned(*TARGETS) == set()


def test_the_lint_passes(untouched: Project) -> None:
    linted = untouched.snakemake("--lint")
    assert linted.returncode == 0, linted.stdout


def test_the_gallery_of_any_run_is_made_on_demand_alone(spoilt: Project) -> None:
    base, variant = "results_test/gallery/index.html", "results_test/variants/psl++/gallery/index.html"
    assert spoilt.planned(base, variant, *TEST) == {"gallery", "gallery variants/psl++/"}
    spoilt.run(base, variant, *TEST)
    for page in (base, variant):
        assert len(list(spoilt.path(page).parent.glob("*/*/*.webp"))) == 2 * (12 + 4)
    assert spoilt.planned(base, variant, *TEST) == set()


STORY = {
    "1 Data": {"data.svg"},
    "2 Erasing rounds": {"rounds.svg"},
    "3 Mined regions": {"regions.svg", "quality.json"},
    "4 Pseudo-labels": {"pseudo_labels.svg"},
    "5 Segmentation training": {"segmentation.svg"},
    "6 Result": {"iou.svg", "confusion.svg", "miou.json"},
    "7 Photographs": {"photographs.png", "overview.png"},
    "8 Time and memory": {"resources.svg"},
    "9 Settings": {"settings.html"},
}


def test_the_report_tells_the_story_in_order_in_one_file(spoilt: Project) -> None:
    spoilt.run("--configfile", "configs/test.yaml", "--report", "report.html")
    page = spoilt.path("report.html").read_text(encoding="utf-8")
    found = re.findall(r'<script id="(\w+)">\s*var \w+ = (.*);\s*</script>', page)
    told = {name: json.loads(value) for name, value in found if name in ("categories", "results")}
    menu = {category: told["categories"][category] for category in sorted(told["categories"])}  # as the viewer sorts it
    shown = {name: {Path(path).name for paths in groups.values() for path in paths} for name, groups in menu.items()}
    assert list(shown.items()) == list(STORY.items())
    for path, one in told["results"].items():
        assert one["data_uri"].startswith("data:") and set(one["labels"]) == {"what", "run"}
        assert one["caption"] or path.endswith(".json")
        assert "problematic" not in one["caption"], "reStructuredText that docutils does not understand"
    times = base64.b64decode(told["results"]["results_test/report/resources.svg"]["data_uri"].rpartition(",")[2])
    assert times == spoilt.path("results_test/report/resources.svg").read_bytes()
    assert not re.search(r"""<(script|link|img|iframe)[^>]+(src|href)=["']?(https?:)?//""", page), "self-contained"
