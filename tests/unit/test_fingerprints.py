"""Fingerprints: what a stage's code does, and what files from outside hold."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aepsl import fingerprints
from aepsl.fingerprints import closure, contents, fingerprint
from aepsl.graph import STAGES

REAL = fingerprints.PACKAGE

STAGE = '''"""A stage."""

from aepsl import tools
from aepsl.deep.below import area


def run(side: int) -> int:
    """The area, doubled."""
    # twice
    return 2 * area(side) + tools.NOTHING
'''
BELOW = '''"""Areas."""

LIMIT = 10
"""The largest side."""


def area(side: int) -> int:
    return side * side
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of a stage, a module below it, one that nobody imports, and settings."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "settings").mkdir()
    for name in ("__init__.py", "deep/__init__.py", "settings/__init__.py", "unused.py", "cli.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "deep/below.py").write_text(BELOW)
    (tmp_path / "settings/stages.py").write_text("LEAST = 1\n")
    (tmp_path / "tools.py").write_text("from aepsl.settings.stages import LEAST\n\nNOTHING = 0\n")
    monkeypatch.setattr(fingerprints, "PACKAGE", tmp_path)
    forget()
    yield tmp_path
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Snakemake starts anew each time; here the modules read are kept."""
    for kept in (fingerprints._tree, fingerprints._dump, fingerprints._imports):
        kept.cache_clear()


def of_edited(path: Path, old: str, new: str) -> str:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    forget()
    return fingerprint("aepsl.stage")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stage.py", "    # twice\n", "    # two times\n\n"),
        ("stage.py", "    # twice\n", ""),
        ("stage.py", '"""A stage."""', '"""Another stage."""'),
        ("stage.py", '    """The area, doubled."""\n', ""),
        ("deep/below.py", "def area(side: int) -> int:\n", 'def area(side: int) -> int:\n    """Of a square."""\n'),
        ("deep/below.py", '"""The largest side."""\n', ""),
        ("deep/below.py", "    return side * side", "    return (\n        side\n        * side\n    )"),
        ("settings/stages.py", "LEAST = 1", "LEAST = 2"),
        ("cli.py", "", "MORE = 1\n"),
        ("unused.py", "", "MORE = 1\n"),
    ],
)
def test_text_layout_settings_and_what_is_not_imported_change_nothing(
    package: Path, file: str, old: str, new: str
) -> None:
    assert fingerprint("aepsl.stage") == of_edited(package / file, old, new)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stage.py", "2 * area", "3 * area"),
        ("deep/below.py", "side * side", "side + side"),
        ("deep/below.py", "LIMIT = 10", "LIMIT = 11"),
        ("tools.py", "NOTHING = 0", 'NOTHING = "0"'),
        ("tools.py", "NOTHING = 0", "NOTHING = 0.0"),
    ],
)
def test_a_real_edit_changes_the_fingerprint(package: Path, file: str, old: str, new: str) -> None:
    assert fingerprint("aepsl.stage") != of_edited(package / file, old, new)


def test_a_chosen_module_counts(package: Path) -> None:
    assert fingerprint("aepsl.stage") != fingerprint("aepsl.stage", "aepsl.unused")


def test_the_closure_follows_every_way_of_importing(package: Path) -> None:
    assert closure(["aepsl.stage"]) == ["aepsl", "aepsl.deep.below", "aepsl.stage", "aepsl.tools"]


@pytest.mark.parametrize("stage", STAGES)
def test_neither_settings_nor_the_command_line_are_in_a_stage(stage: str) -> None:
    found = closure([f"aepsl.stages.{stage}"])
    assert f"aepsl.stages.{stage}" in found
    assert not [m for m in found if m.startswith(("aepsl.settings", "aepsl.cli", "aepsl.workflow", "aepsl.graph"))]
    assert (
        not [m for m in found if m.startswith("aepsl.stages.") and m != f"aepsl.stages.{stage}"] or stage == "quality"
    )


def test_closures_of_the_real_stages_hold_what_they_compute_with() -> None:
    mine = closure(["aepsl.stages.mine"])
    assert {"aepsl.erasing", "aepsl.stores", "aepsl.data.manifest"} <= set(mine)
    assert not {"aepsl.training", "aepsl.losses", "aepsl.crf", "aepsl.metrics"} & set(mine)
    training = closure(["aepsl.stages.train_segmentation"])
    assert {"aepsl.training", "aepsl.losses", "aepsl.data.augment", "aepsl.networks.segmenter"} <= set(training)
    assert "aepsl.crf" in closure(["aepsl.stages.crf"]) and "aepsl.crf" not in closure(["aepsl.stages.predict"])


def test_no_module_imports_in_a_way_that_the_closure_does_not_see() -> None:
    relative = [
        path
        for path in REAL.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative
    assert not [path for path in REAL.rglob("__init__.py") if path.read_text(encoding="utf-8").strip()]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"first")
    (folder / "b.png").write_bytes(b"second")
    return folder


def test_new_times_change_nothing(files: Path, tmp_path: Path) -> None:
    before = contents([files], tmp_path / "cache.json")
    os.utime(files / "a.png", (1, 1))
    assert contents([files], tmp_path / "cache.json") == before
    assert contents([files], tmp_path / "no cache.json") == before


def test_other_bytes_another_name_and_a_file_more_or_less_change_it(files: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    seen = [contents([files], cache)]
    (files / "a.png").write_bytes(b"fjrst")
    os.utime(files / "a.png", (2, 2))
    seen.append(contents([files], cache))
    (files / "c.png").write_bytes(b"third")
    seen.append(contents([files], cache))
    (files / "c.png").rename(files / "d.png")
    seen.append(contents([files], cache))
    (files / "b.png").unlink()
    seen.append(contents([files], cache))
    assert len(set(seen)) == len(seen)
    (files / "d.png").unlink()
    (files / "a.png").write_bytes(b"first")
    (files / "b.png").write_bytes(b"second")
    assert contents([files], cache) == seen[0]


def test_a_missing_file_counts_as_missing(files: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    there = contents([files / "a.png"], cache)
    (files / "a.png").unlink()
    assert contents([files / "a.png"], cache) != there
    assert contents([], cache) != contents([files / "a.png"], cache)


def test_a_second_look_reads_no_file(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents([files], tmp_path / "cache.json")

    def read(*_: object) -> None:
        raise AssertionError("a file was read again")

    monkeypatch.setattr(fingerprints.hashlib, "file_digest", read)
    assert contents([files], tmp_path / "cache.json") == before


@pytest.mark.parametrize("spoilt", ["", "{", "[1, 2]", '{"x": 3}', "null"])
def test_a_spoilt_cache_costs_time_and_nothing_else(files: Path, tmp_path: Path, spoilt: str) -> None:
    before = contents([files], tmp_path / "cache.json")
    text = spoilt.replace('"x"', f'"{files / "a.png"}"')
    (tmp_path / "cache.json").write_text(text)
    assert contents([files], tmp_path / "cache.json") == before


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(files: Path, tmp_path: Path) -> None:
    before = contents([files], tmp_path / "cache.json")
    assert contents([files], files / "a.png" / "cache.json") == before
