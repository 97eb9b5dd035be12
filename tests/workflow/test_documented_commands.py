"""The commands of README.md and the tutorial, run as they stand there, in a finished project; and what they say.

The project is configs/test.yaml's in place of the demo's: its folder of results has another name, and its numbers are
others. What else is done in place of a command stands in `instead`. Of other pages, whose runs take minutes to days,
Snakemake's commands are planned, nothing more; tests/unit/test_pages.py knows the options of the package's own.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from project import ENVIRONMENT, REPOSITORY, Project

PROGRAMS = ("make", "snakemake", "python -m aepsl", "aepsl", "source", "head", "python -m pip", "pip")
PLANNED = [f"docs/{page}.md" for page in ("cluster", "faq", "gallery", "own_data", "use", "voc2012")]
PLACES = re.compile(
    r"^```(\w*)\n(.*?)^```$|`((?:snakemake|python -m aepsl|aepsl) [^`…]*)`|<!-- picture: (\S+),",
    re.MULTILINE | re.DOTALL,
)
NUMBERS = r"(?:[-+]?\d[\d.]*|-)(?!\w)(?:\s+(?:[-+]?\d[\d.]*|-)(?!\w))*"


class Command(NamedTuple):
    """A command of a page, what the page says that it prints, if anything, and whether the site shows what it makes."""

    text: str
    output: str = ""
    pictured: bool = False


def commands(page: str) -> list[Command]:
    """Those of blocks without a language, and whole ones in running text; a block `text` is the last's output."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    found: list[Command] = []
    for place in PLACES.finditer(text):
        language, block, inline, picture = place.groups()
        if inline:
            found.append(Command(" ".join(inline.split())))
        elif picture:
            found[-1] = found[-1]._replace(pictured=not picture.startswith("results/"))
        elif not language and block.startswith(PROGRAMS):
            found += [Command(line.strip()) for line in block.replace("\\\n", " ").splitlines()]
        elif language == "text" and found:
            found[-1] = found[-1]._replace(output=block)
    return found


def instead(command: str, photographs: Path) -> str | None:
    """What is run in place of a command; None: nothing."""
    if command.startswith(("source ", "pip ", "python -m pip ")):
        return None  # the environment of the tests
    if command.startswith("make "):  # hours, or an environment made anew: whether Make knows the way to it
        dry = f"make --dry-run --directory {REPOSITORY} {command.removeprefix('make ')}"
        return f"{dry}\npython -m aepsl summary results_test" if command.startswith("make demo") else dry
    command = re.sub("^aepsl ", "python -m aepsl ", command)  # the project's own, whatever is installed
    if re.fullmatch(r"python -m aepsl [\w-]+", command):  # a tool's mere name
        return f"{command} --help"
    if "export-onnx" in command:  # ten seconds; tests/unit/test_export_onnx.py runs it
        return "python -m aepsl export-onnx --help"
    command = in_place(command, photographs)
    if "--configfile" in command:  # VOC, a folder of one's own, the benchmark: minutes to days
        return f"{command} --dry-run"
    return re.sub("(?<![\\w/])results(?=/| |$)", "results_test", command)


def in_place(command: str, photographs: Path) -> str:
    """The command on this machine: with its photographs, and without the cluster."""
    command = command.replace(" --workflow-profile profiles/slurm", "")  # its plugin comes with an extra; tests/slurm
    command = re.sub("/data/VOC2012|/path/to/VOC2012", str(photographs), command)
    return command.replace("/path/to/photographs", f"{photographs}/JPEGImages")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VOC's devkit with files of no bytes, and a table for who takes its photographs for a mere folder."""
    root = tmp_path_factory.mktemp("devkit") / "VOC2012"
    for name, text in {
        "ImageSets/Segmentation/train_aug.txt": "a\n",
        "ImageSets/Segmentation/val.txt": "b\n",
        "ImageSets/Segmentation/test.txt": "b\n",
        "JPEGImages/a.jpg": "",
        "JPEGImages/b.jpg": "",
        "JPEGImages/labels.csv": "image,label\na,cat\nb,cat\n",
        "labels.csv": "image,label\na,cat\nb,cat\n",
        "SegmentationClassAug/a.png": "",
        "SegmentationClassAug/b.png": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def reader(shown: Project, photographs: Path) -> Project:
    """The project of a reader, with photographs where the pages have them."""
    (shown.path("data")).mkdir()
    shown.path("data/VOC2012").symlink_to(photographs)
    shown.path("folder").mkdir()
    for name in ("photo.jpg", "folder/other.jpg"):
        shown.path(name).write_bytes(
            shown.path("results_test/data/scenes/val/JPEGImages/scene_100001.jpg").read_bytes()
        )
    return shown


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_each_command_ends_well_and_says_what_the_page_says(reader: Project, photographs: Path, page: str) -> None:
    found = commands(page)
    assert len(found) > 8
    for command in found:
        run = instead(command.text, photographs)
        if run is None or command.pictured:  # these are run by the build of the site, whose test is test_site.py
            continue
        done = subprocess.run(
            ["bash", "-c", run],
            cwd=reader.folder,
            env=ENVIRONMENT | {"PYTHONPATH": str(reader.folder), "COLUMNS": "80", "PWD": os.fspath(reader.folder)},
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{page}: {command.text}\n{run}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        missing = set(masked(command.output)) - set(masked(done.stdout + done.stderr))
        assert not missing, f"{page}: {command.text}\n{missing}\n{done.stdout}"


def test_snakemakes_commands_of_other_pages_can_be_planned(untouched: Project, photographs: Path) -> None:
    found = {
        in_place(one.text, photographs): page
        for page in PLANNED
        for one in commands(page)
        if one.text.startswith("snakemake ")
    }
    assert set(found.values()) == set(PLANNED)
    for command, page in found.items():
        words = shlex.split(command.removeprefix("snakemake "))
        assert untouched.planned(*words), f"{page}: {command}"


def masked(text: str) -> list[str]:
    """The lines that say something, without their numbers, which are another run's."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "#", text.replace("results_test", "results"))
    return [" ".join(re.sub(NUMBERS, "#", line).split()) for line in text.splitlines() if line.strip()]


def test_numbers_are_masked_and_nothing_else() -> None:
    assert masked("car  101   0.008   0.117\n\n  IoU -  - \nscene_000001,car\n") == ["car #", "IoU #", "scene_#,car"]
    assert masked("results_test/x: 2.6 MB") == ["results/x: # MB"]
