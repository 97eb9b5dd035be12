"""The report's stages: what the default target asks for, what they read, and how they end on what is not whole."""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.errors import InputError
from aepsl.pixel_counts import PixelCounts
from aepsl.settings.settings import Settings, validate
from aepsl.settings.stages import (
    ListSettingsSettings,
    PlotQualitySettings,
    PlotResourcesSettings,
    PlotResultSettings,
    PlotTrainingSettings,
)
from aepsl.stages import list_settings, plot_quality, plot_resources, plot_result, plot_training
from aepsl.tools import schema
from aepsl.workflow import Job, Plan

CEILING = {"ceiling": {"segmentation": {"labels": "truth", "loss": "cross_entropy"}}}
ALWAYS = {"data.svg", "rounds.svg", "segmentation.svg", "resources.svg", "settings.html"}


def plan(**values: Any) -> Plan:
    return Plan(validate(Settings, {"dataset": {"format": "scenes"}} | values, source="test"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reported(plan: Plan) -> set[str]:
    return {path.removeprefix("results/report/") for path in plan.wanted() if path.startswith("results/report/")}


def test_the_default_target_reports_what_can_be_judged(here: Path) -> None:
    judged = {"iou.svg", "confusion.svg", "photographs.png", "regions.svg", "pseudo_labels.svg"}
    assert reported(plan()) == reported(plan(variants=CEILING)) == ALWAYS | judged
    (here / "photographs").mkdir()
    (here / "photographs/a.jpg").touch()
    (here / "photographs/labels.csv").write_text("image,label\na.jpg,cat\n")
    assert reported(plan(dataset={"format": "folder", "root": "photographs"})) == ALWAYS


def test_the_result_stands_beside_the_ceiling_where_there_is_one(here: Path) -> None:
    assert Job(plan(), "plot_result").inputs()["ceiling"] == []
    assert Job(plan(variants=CEILING), "plot_result").inputs()["ceiling"] == ["results/variants/ceiling/miou.json"]
    assert Job(plan(crf={"iterations": 0}), "plot_result").inputs()["predictions"] == "results/predictions/index.json"


def test_the_time_of_every_job_behind_the_results_is_told_and_no_job_runs_for_its_sake(here: Path) -> None:
    erasing = {"rounds": 2, "merge": 1, "reading": "calibrated"}
    p = plan(variants=CEILING | {"plain": {"segmentation": {"loss": "cross_entropy"}}}, erasing=erasing)
    learned = ["train_segmentation", "predict", "crf", "evaluate"]
    rounds = [f"round{t}/{stage}" for t in (1, 2) for stage in ("train_classifier", "cams", "calibrate", "mine")]
    data = [f"{stage}_{split}" for stage in ("scenes", "manifest") for split in ("train", "val")]
    others = ["round1/erase", "saliency", "pseudo_labels", "overview", "quality"]
    ceiling = [f"variants/ceiling/{stage}" for stage in learned]
    expected = {f"results/benchmarks/{job}.tsv" for job in [*data, *rounds, *others, *learned, *ceiling]}
    words = shlex.split(Job(p, "plot_resources").options(1))
    assert set(words[words.index("--benchmarks") + 1 :]) == expected
    ends = {"overview.png", "miou.json", "miou_images.csv", "quality.json"}
    ends |= {f"variants/ceiling/{name}" for name in ("miou.json", "miou_images.csv")}
    assert set(Job(p, "plot_resources").inputs()["after"]) == {f"results/{name}" for name in ends}


def test_of_shards_those_that_ran_last_are_told_and_what_was_lost_is_not(tmp_path: Path) -> None:
    head = "s\tmax_rss\n"
    for age, name in enumerate(("cams.1-of-1", "cams.1-of-2", "cams.2-of-2", "cams", "crf", "cams_2.1-of-1")):
        path = tmp_path / f"{name}.tsv"
        path.write_text(f"{head}{age + 1}\t{100 * age}\n")
        os.utime(path, (age, age))
    costs = [
        plot_resources.cost(one)
        for name in ("cams", "lost", "crf")
        for one in plot_resources.tables(tmp_path / f"{name}.tsv")
    ]
    assert [(one.stage, one.seconds) for one in costs] == [("cams", 2), ("cams", 3), ("crf", 5)]


@pytest.mark.parametrize(("memory", "expected"), [("1572.61", 1572.61), ("NA", None), ("-", None)])
def test_a_benchmark_is_read(tmp_path: Path, memory: str, expected: float | None) -> None:
    path = tmp_path / "manifest_val.tsv"
    path.write_text(f"s\th:m:s\tmax_rss\tmax_vms\n582.58\t0:09:42\t{memory}\t4682.35\n")
    assert plot_resources.cost(path) == plot_resources.Cost("manifest", 582.58, expected)


@pytest.mark.parametrize(
    "text", ["", "s\tmax_rss\n", "s\tmax_rss\n1\n", "max_rss\n1\n", "s\tmax_rss\nlong\t1\n", "\0\xff"]
)
def test_a_broken_benchmark_ends_in_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "crf.tsv"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"crf\.tsv: not a benchmark .*; remove it and run again"):
        plot_resources.run(PlotResourcesSettings(), benchmarks=[path], output=tmp_path / "figure.svg")
    assert not (tmp_path / "figure.svg").exists()


def test_the_page_lists_every_setting_and_marks_what_was_set(tmp_path: Path) -> None:
    own = {
        "seed": 7,
        "dataset": {"root": "<b>&photographs"},
        "variants": {"plain": {"segmentation": {"loss": "cross_entropy"}}},
        "erasing": {"per_round": [{"round": 2, "threshold": 0.3}]},
    }
    settings = ListSettingsSettings(configuration=validate(Settings, own, source=""))
    list_settings.run(settings, output=tmp_path / "settings.html")
    page = (tmp_path / "settings.html").read_text()
    rows = re.findall(r"<tr( class=\"set\")?><td>(.*?)</td>", page)
    known = re.findall(r"^\| `([\w.]+)` \|", schema.table(), re.MULTILINE)
    machine = {"device", "devices", "precision"}
    assert {name for _, name in rows} == {*known} - machine - {"variants"} | {"variants.plain"}
    assert {name for set_, name in rows if set_} == {"seed", "dataset.root", "variants.plain", "erasing.per_round"}
    assert "&lt;b&gt;&amp;photographs" in page and "<b>&" not in page
    assert "https://" not in page and "src=" not in page, "self-contained"


@pytest.fixture
def results(tmp_path: Path) -> dict[str, Any]:
    """Two photographs, one right and one wrong, and all that is said of them."""
    truth = np.zeros((6, 8), np.uint8)
    truth[:3] = 1
    entries = tuple(Entry(name, f"{name}.png", ("$cat$",), "") for name in ("a", "b"))
    folders = {name: tmp_path / name for name in ("photographs", "masks", "predictions")}
    confusions = []
    for name, predicted in (("a", truth), ("b", np.zeros_like(truth))):
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(folders["photographs"] / f"{name}.png")
        save_label_map(folders["masks"] / f"{name}.png", truth)
        save_label_map(folders["predictions"] / f"{name}.png", predicted)
        confusions.append(np.bincount(truth.ravel() * 2 + predicted.ravel(), minlength=4).reshape(2, 2))
    Manifest(("$cat$",), None, "photographs", entries).write(tmp_path / "val.json")
    Manifest(("$cat$",), None, ".", entries).write(folders["predictions"] / "index.json")
    pixels = np.stack([np.stack([c.sum(1), c.sum(0), c.diagonal()]) for c in confusions], axis=1)
    PixelCounts(("a", "b"), ("background", "$cat$"), pixels).write(tmp_path / "counts.csv")
    own = {"iou": {"background": 2 / 3, "$cat$": 0.5}, "miou": 0.583333}
    miou = own | {"images": 2, "confusion": sum(confusions).tolist(), "without_crf": own}
    (tmp_path / "miou.json").write_text(json.dumps(miou))
    return {
        "images": tmp_path / "val.json",
        "predictions": folders["predictions"] / "index.json",
        "miou": tmp_path / "miou.json",
        "counts": tmp_path / "counts.csv",
        "ceiling": [],
        "truth": folders["masks"],
        "iou": tmp_path / "report/iou.svg",
        "confusion": tmp_path / "report/confusion.svg",
        "photographs": tmp_path / "report/photographs.png",
    }


def test_the_result_is_drawn(results: dict[str, Any]) -> None:
    plot_result.run(PlotResultSettings(refined=True), **results | {"ceiling": [results["miou"]]})
    with Image.open(results["photographs"]) as picture:
        assert picture.width == 1050, "7 inches of 150 dots"
    assert results["iou"].read_text().startswith("<?xml") and results["confusion"].exists()


@pytest.mark.parametrize("text", ["{}", "[]", '{"iou": {"a": "b"}}', "null"])
def test_a_result_that_is_not_whole_ends_in_a_line_and_leaves_no_figure(results: dict[str, Any], text: str) -> None:
    results["miou"].write_text(text)
    with pytest.raises(InputError, match=r"miou\.json: not as its stage writes it .*; remove it and run again"):
        plot_result.run(PlotResultSettings(refined=True), **results)
    assert not results["iou"].parent.exists()


def test_a_mask_that_is_missing_ends_in_a_line_and_leaves_no_figure(results: dict[str, Any]) -> None:
    (results["truth"] / "a.png").unlink()
    with pytest.raises(InputError, match="no such label map"):
        plot_result.run(PlotResultSettings(refined=True), **results)
    assert not results["iou"].parent.exists()


@pytest.mark.parametrize("text", ['{"merges": []}', '{"merges": [{"rounds": 1}]}', "3"])
def test_a_judgement_that_is_not_whole_ends_in_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "quality.json").write_text(text)
    outputs = {name: tmp_path / f"{name}.svg" for name in ("regions", "labels")}
    with pytest.raises(InputError, match=r"quality\.json: not as its stage writes it"):
        plot_quality.run(PlotQualitySettings(merge="auto"), quality=tmp_path / "quality.json", **outputs)
    assert not any(path.exists() for path in outputs.values())


@pytest.mark.parametrize("last", ['{"epoch": 1, "loss": 0.5}', "{}", '"text"', ""])
def test_a_history_that_is_not_whole_ends_in_a_line(results: dict[str, Any], tmp_path: Path, last: str) -> None:
    (tmp_path / "history.jsonl").write_text(last)
    outputs = {name: tmp_path / f"{name}.svg" for name in ("data", "rounds", "segmentation")}
    with pytest.raises(InputError, match=r"history\.jsonl: not as its stage writes it"):
        plot_training.run(
            PlotTrainingSettings(merge=1, jump=None, loss="bce"),
            train=results["images"],
            val=results["images"],
            histories=[tmp_path / "history.jsonl"],
            segmentation_history=tmp_path / "history.jsonl",
            **outputs,
        )
    assert not any(path.exists() for path in outputs.values())
