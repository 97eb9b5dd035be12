"""Dry runs: the graph of every configuration, without a photograph."""

import json
import re
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from project import REPOSITORY, Project, complaints
from snakemake.utils import update_config

from aepsl.lock import locked
from aepsl.machine import usable_cpus
from aepsl.settings.settings import Settings

CONFIGURATIONS = ["config.yaml", *sorted(str(p.relative_to(REPOSITORY)) for p in REPOSITORY.glob("configs/*.yaml"))]


@pytest.fixture(scope="module")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VOC2012 with files of no bytes, and its photographs' table for who takes them for a mere folder."""
    root = tmp_path_factory.mktemp("devkit") / "VOC2012"
    lists = root / "ImageSets" / "Segmentation"
    for folder in (root / "JPEGImages", root / "Annotations", root / "SegmentationClass", lists):
        folder.mkdir(parents=True)
    for split, names in {"train": ["2007_000032", "2007_000039"], "val": ["2007_000033"]}.items():
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            (root / "JPEGImages" / f"{name}.jpg").touch()
            (root / "Annotations" / f"{name}.xml").touch()
            (root / "SegmentationClass" / f"{name}.png").touch()
    rows = ["image,label,split", "2007_000032,cat,train", "2007_000039,dog,train", "2007_000033,dog,val"]
    (root / "JPEGImages" / "labels.csv").write_text("\n".join(rows))
    return root


def words_for(configuration: str, devkit: Path) -> tuple[dict[str, Any], list[str]]:
    files = ["config.yaml", configuration] if configuration == "configs/benchmark.yaml" else [configuration]
    values: dict[str, Any] = {}
    for file in files:
        update_config(values, yaml.safe_load((REPOSITORY / file).read_text()))
    words = [] if files == ["config.yaml"] else ["--configfile", *files]
    if values["dataset"]["format"] == "voc":
        lists = ", train_list: train, val_list: val" if values["dataset"].get("train_list", "").endswith(".txt") else ""
        words += ["--config", f"dataset={{root: {devkit}{lists}}}"]
    if values["dataset"]["format"] == "folder":
        masks = f"masks: {devkit}/SegmentationClass, classes: [cat, dog]"
        words += ["--config", f"dataset={{root: {devkit}/JPEGImages, {masks}}}"]
    return values, words


def settings_in(text: str, command: str) -> list[dict[str, Any]]:
    """The --settings of each printed call of a stage."""
    calls = re.findall(rf"(python -m aepsl {command} .*)$", text, re.MULTILINE)
    words = [shlex.split(call) for call in calls]
    return [json.loads(call[call.index("--settings") + 1]) for call in words]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_the_headline_needs_the_merged_rounds_alone(untouched: Project, devkit: Path, configuration: str) -> None:
    values, words = words_for(configuration, devkit)
    results = values.get("results", "results")
    rules = Counter(job.split()[0] for job in untouched.planned(f"{results}/miou.json", *words))
    merged = values.get("erasing", {}).get("merge", 3)
    assert rules["train_classifier"] == rules["cams"] == rules["mine"] == merged
    assert rules["erase"] == merged - 1
    assert rules["train_segmentation"] == rules["predict"] == rules["evaluate"] == 1
    assert not rules["quality"] and not rules["self_labels"]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_the_default_target_adds_the_judging_and_the_ceiling(
    untouched: Project, devkit: Path, configuration: str
) -> None:
    values, words = words_for(configuration, devkit)
    jobs = untouched.planned(*words)
    last = values.get("erasing", {}).get("rounds", 4)
    assert {"quality", "overview", "evaluate", f"mine {last}"} <= jobs
    assert f"erase {last}" not in jobs
    if "ceiling" in values.get("variants", {}):
        assert {"train_segmentation variants/ceiling/", "evaluate variants/ceiling/"} <= jobs
    assert {job for job in jobs if "variants" in job and "ceiling" not in job} == set()


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_the_comparison_judges_every_run(untouched: Project, devkit: Path, configuration: str) -> None:
    values, words = words_for(configuration, devkit)
    jobs = untouched.planned(f"{values.get('results', 'results')}/comparison.json", *words)
    judged = {job.removeprefix("evaluate").strip() for job in jobs if job.split()[0] == "evaluate"}
    variants = values.get("variants", {})
    equal = {name for name, own in variants.items() if own == {"erasing": {"merge": 3}}}  # as the base
    names = ["", *(variants.keys() - equal)]
    seeds = ["", *(f"seed{seed}" for seed in values.get("seeds", []))]
    folders = {"-".join(filter(None, [name, seed])) for name in names for seed in seeds}
    assert judged == {folder and f"variants/{folder}/" for folder in folders}


def test_the_archive_of_test_images_trains_what_the_headline_trains_and_judges_nothing(
    untouched: Project, devkit: Path
) -> None:
    (devkit / "ImageSets/Segmentation/test.txt").write_text("2008_000006\n")
    words = ("--configfile", "configs/voc2012.yaml", "--config", f"dataset={{root: {devkit}}}")
    jobs = untouched.planned(
        "results/voc2012/variants/test/submission.tar.gz", *words, "variants={test: {dataset: {val_list: test}}}"
    )
    headline = untouched.planned("results/voc2012/miou.json", *words)
    own = {f"{rule} variants/test/" for rule in ("predict", "crf", "submission")} | {"manifest variants/test/ val"}
    assert jobs == headline - {"manifest val", "predict", "crf", "evaluate"} | own


def test_a_dry_run_writes_nothing(untouched: Project) -> None:
    untouched.planned("--configfile", "configs/test.yaml")
    assert not list(untouched.folder.glob("results*"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["device=cpu", "cpu_threads=1"], 4),
        (["device=cpu", f"cpu_threads={usable_cpus()}"], 4 * usable_cpus()),
        (["device=cuda"], 4 * usable_cpus()),
        (["device=cuda", "--resources", "gpu=4"], usable_cpus()),
    ],
)
def test_networks_compute_side_by_side_where_there_is_room(untouched: Project, words: list[str], expected: int) -> None:
    """On CPUs as their threads leave some, on GPUs as many as Snakemake may give at a time."""
    cores = str(4 * usable_cpus())
    text = untouched.run("results/miou.json", "--dry-run", "--cores", cores, "--config", *words)
    taken = re.findall(r"^rule (train_\w+|cams|predict):\n(?: +.*\n)*? +threads: (\d+)$", text, re.MULTILINE)
    assert {int(count) for _, count in taken} == {expected}
    assert {rule for rule, _ in taken} == {"train_classifier", "train_segmentation", "cams", "predict"}


@pytest.mark.parametrize("words", [[], ["--configfile", "configs/test.yaml"]])
def test_a_setting_of_the_command_line_adds_to_either_configuration(untouched: Project, words: list[str]) -> None:
    plain = untouched.run("--dry-run", "--printshellcmds", *words)
    seeded = untouched.run("--dry-run", "--printshellcmds", *words, "--config", "seed=3")
    before, after = settings_in(plain, "train-classifier"), settings_in(seeded, "train-classifier")
    assert before and [one | {"seed": 3} for one in before] == after != before


def test_nested_settings_of_the_command_line_are_read_as_in_a_file(untouched: Project) -> None:
    text = untouched.run(
        *("--dry-run", "--printshellcmds", "--configfile", "configs/test.yaml", "--config"),
        "network={width: 0.25, weights: null}",
        "erasing={per_round: [{round: 2, target_area: 0.3}]}",
        "segmentation={self_label_crf: false}",
    )
    assert {one["network"]["width"] for one in settings_in(text, "train-classifier")} == {0.25}
    assert {one["network"]["weights"] for one in settings_in(text, "train-classifier")} == {None}
    assert {one["round"]: one["target_area"] for one in settings_in(text, "calibrate")} == {1: 0.15, 2: 0.3, 3: 0.15}


def test_a_named_configuration_meets_the_defaults_and_nothing_of_config_yaml(
    untouched: Project, tmp_path: Path
) -> None:
    named = tmp_path / "named.yaml"
    named.write_text("dataset: {format: scenes}\nclassification: {training: {epochs: 7}}\n")
    text = untouched.run("--dry-run", "--printshellcmds", "--configfile", str(named))
    defaults = Settings()
    trained = settings_in(text, "train-classifier")
    assert len(trained) == defaults.erasing.rounds
    for one in trained:
        assert one["network"] == defaults.network.model_dump()
        assert one["training"] == defaults.classification.training.model_dump() | {"epochs": 7}
    assert settings_in(text, "crf") == [{"crf": defaults.crf.model_dump()}]
    assert not re.search("variants/", text)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sed=3"], "sed: unknown key (did you mean seed?)"),
        (["seed=three"], "seed"),
        (["network={strid: 4}"], "network.strid: unknown key (did you mean stride?)"),
        (["network={stride: 5}"], "network.stride: Input should be 4, 8 or 16. Got: 5"),
        (["erasing={merge: 4}"], "merge is at most rounds"),
        (["variants={twice: {classification: {epochs: 3}}}"], "variants.twice"),
    ],
)
def test_a_wrong_configuration_stops_in_one_line(untouched: Project, words: list[str], expected: str) -> None:
    stopped = untouched.snakemake("--dry-run", "--configfile", "configs/test.yaml", "--config", *words)
    assert stopped.returncode == 2
    (line,) = complaints(stopped.stdout)
    assert expected in line
    assert "Traceback" not in stopped.stdout and "File " not in stopped.stdout
    assert len(stopped.stdout.strip().splitlines()) <= 2, "Snakemake's line on the profile, and ours"


@pytest.mark.parametrize("target", ["variants/plian/miou.json", "mious.json", "round0/cams.h5", "data/test.json"])
def test_a_target_that_is_none_is_told_by_its_name(untouched: Project, target: str) -> None:
    stopped = untouched.snakemake(f"results_test/{target}", "--dry-run", "--configfile", "configs/test.yaml")
    assert stopped.returncode == 1
    assert f"No rule to produce results_test/{target}" in stopped.stdout
    assert "Traceback" not in stopped.stdout


def test_a_second_run_in_the_same_results_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    lock = locked(str(project.path("results_test")))
    words = ("results_test/data/train.json", "--cores", "1", "--configfile", "configs/test.yaml")
    refused = project.snakemake(*words)
    assert refused.returncode == 2
    (line,) = complaints(refused.stdout)
    assert line.startswith("aepsl: results_test: another run is at work")
    assert "Traceback" not in refused.stdout
    assert not project.path("results_test/data").exists()
    lock.close()
    project.run(*words)


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/nowhere"])
def test_results_that_cannot_be_written_are_told_in_one_line(tmp_path: Path, folder: str) -> None:
    project = Project(tmp_path / "project")
    project.path("file").touch()
    target = f"{folder}/data/train.json"
    stopped = project.snakemake(
        target, "--cores", "1", "--configfile", "configs/test.yaml", "--config", f"results={folder}"
    )
    assert stopped.returncode == 2
    (line,) = complaints(stopped.stdout)
    assert (
        line.startswith("aepsl: ")
        and "the folder of results cannot be written" in line
        and folder.split("/below")[0] in line
    )
    assert "Traceback" not in stopped.stdout and 'File "' not in stopped.stdout
