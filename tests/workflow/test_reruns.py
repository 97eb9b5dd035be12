"""Some rows of tests/reruns, whose table is docs/reruns.md, tried; and that the table has all of them."""

import re
import shutil
from pathlib import Path

import pytest
from project import TARGETS, TEST, Project, bytes_of

from aepsl.fingerprints import closure, fingerprint
from aepsl.graph import STAGES
from aepsl.settings.settings import load
from aepsl.tools import schema
from aepsl.workflow import Job, Plan
from tests.reruns import events, projects, settings, sources
from tests.reruns.dry_run import planned
from tests.reruns.flow import follows, outside, scenes
from tests.reruns.row import Row
from tests.reruns.table import DOCUMENT, document
from tests.workflow.project import REPOSITORY

PACKAGES = ("aepsl", "aepsl.data", "aepsl.figures")  # their `__init__.py` are empty
MANIFESTS = ("own/data/train.json", "own/data/val.json", "--cores", "2", "--configfile", "own.yaml")


def rows(group: list[Row], *names: str) -> list[Row]:
    """The rows that begin so."""
    found = [row for name in names for row in group if row.what.strip("`").startswith(name)]
    assert len(found) == len(names)
    return found


def test_every_setting_has_a_row_that_says_what_depends_on_it() -> None:
    known = set(re.findall(r"^\| `([\w.\[\]]+)` \|", schema.table(), re.MULTILINE))
    said = {row.name for group in (settings.SCENES, settings.DEVKIT, settings.FOLDER) for row in group if row.name}
    assert len(known) > 80 and known == said, f"tests/reruns/settings.py: {sorted(known ^ said)}"


def test_every_source_file_has_a_row_that_says_what_depends_on_it() -> None:
    said = {*sources.USED, *sources.UNUSED}
    assert set(sources.files()) == said | {"errors.py", "machine.py", "progress.py"}, "tests/reruns/sources.py"
    assert not sources.USED.keys() & set(sources.UNUSED)


@pytest.mark.parametrize("stage", STAGES)
def test_the_code_of_a_stage_is_the_files_whose_rows_name_it(stage: str) -> None:
    """A dry run shows the first stages of a wave and those after them alike; this tells them apart."""
    said = {
        f"aepsl.{path.removesuffix('.py').replace('/', '.')}"
        for path in sources.files()
        for stages in (sources.USED.get(path, ""), sources.IMPORTED.get(path, ("", ""))[0])
        if stage in stages.split(", ")
    }
    assert {module for module in closure(said) if module not in PACKAGES} == said
    job = Job(Plan(load(REPOSITORY / "configs/test.yaml")), stage, round=1, split="train")
    assert job.code() == fingerprint(*said)


def test_what_follows_is_what_reads_it_directly_or_not() -> None:
    flow = scenes()
    assert follows(flow, {"overview"}) == {"overview", "plot_resources"} and follows(flow, set()) == set()
    assert follows(flow, {"mine 3"}) == {"mine 3", "quality", "plot_quality", "plot_resources"}
    assert follows(flow, {"scenes train", "scenes val"}) == flow.keys() - {"list_settings"}
    assert {job.split()[0] for job in follows(flow, {"manifest val"})} == {
        "manifest", "predict", "crf", "evaluate", "overview", "plot_training", "plot_result", "plot_resources"
    }  # fmt: skip


def test_the_page_is_that_of_the_table() -> None:
    assert (REPOSITORY / DOCUMENT).read_text(encoding="utf-8") == document(), f"{DOCUMENT} is stale: run `make reruns`"


@pytest.fixture(scope="module")
def changed(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> projects.Finished:
    """A copy of the finished project; each row takes back what it changes."""
    copy = finished.copied(tmp_path_factory.mktemp("reruns") / "project")
    return projects.Finished(copy, TARGETS, scenes())


CHANGES = [
    *rows(
        settings.SCENES,
        "erasing.per_round: [{round: 3, target_area",
        "erasing: {rounds: 4, merge: 4}",
        "erasing.merge: auto",
        "erasing.fill: none",
        "two numbers swapped",
        "dataset.scenes.val",
        "device:",
    ),
    *rows(
        events.SCENES, "--cores", "comments, white space", "comments and docstrings", "the project", "a new file of an"
    ),
    *rows(sources.SCENES, "aepsl/crf.py", "aepsl/psl.py", "aepsl/workflow.py"),
]


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row.what)
def test_a_change_reruns_exactly_what_depends_on_it(changed: projects.Finished, row: Row) -> None:
    assert planned(changed, row) == row.planned(changed.flow)


@pytest.fixture(scope="module")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> projects.Finished:
    """Photographs in VOC's layout and their manifests, no more: what follows from them is the graph's."""
    project = projects.devkit_of(tmp_path_factory.mktemp("devkit") / "project")
    project.path("weights.safetensors").touch()
    project.run(*MANIFESTS)
    return projects.Finished(project, MANIFESTS, outside())


@pytest.mark.parametrize(
    "row",
    rows(
        events.DEVKIT,
        "all photographs",
        "a training photograph changed",
        "a training photograph removed",
        "a validation photograph added",
    ),
    ids=lambda row: row.what,
)
def test_a_changed_photograph_reruns_the_manifest_of_its_split(devkit: projects.Finished, row: Row) -> None:
    assert planned(devkit, row) == row.planned(devkit.flow) & {"manifest train", "manifest val"}


def test_equal_bytes_stop_the_wave_in_the_next_invocation(spoilt: Project) -> None:
    folder = spoilt.path("results_test/pseudo_labels")
    before = bytes_of(folder)
    shutil.rmtree(folder)
    sources.edited(spoilt, "aepsl/pseudo_labels.py")
    spoilt.run("results_test/pseudo_labels/index.json", *TEST)
    assert {name: bytes_ for name, bytes_ in bytes_of(folder).items() if Path(name).suffix} == {
        name: bytes_ for name, bytes_ in before.items() if Path(name).suffix
    }
    follow = {"quality", "plot_quality", "plot_resources"}
    assert spoilt.planned(*TARGETS) == follow, "quality.py imports what was edited; the time was another"


def test_other_bytes_of_equal_labels_do_not_stop_it(spoilt: Project) -> None:
    larger = (*TARGETS[-2:], "--cores", "2", "--config", "dataset={scenes: {size: 80}}")
    spoilt.run("results_test/data/scenes/val/labels.csv", *larger)
    assert spoilt.planned(*TARGETS[:2], *larger) == scenes().keys() - {"scenes val"}
