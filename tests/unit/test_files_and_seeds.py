import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aepsl.errors import InputError
from aepsl.files import (
    canonical,
    read_json,
    read_json_lines,
    remove_leftovers,
    replacing,
    sha256,
    write_json,
    write_text,
)
from aepsl.seeds import generator, seed_of

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


def test_a_file_gets_its_name_when_the_block_ends_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == path.parent and not path.exists()
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("written", [True, False])
def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, written: bool) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with replacing(path) as temporary:
            if written:
                temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_text_is_utf8_with_its_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "ä\n日")
    assert (tmp_path / "a").read_bytes() == "ä\n日".encode()


def test_canonical_by_hand() -> None:
    assert canonical({"b": [1, 2.5, None], "a": {"ü": True}}) == '{"a":{"ü":true},"b":[1,2.5,null]}'


@settings(max_examples=30)
@given(st.dictionaries(st.text(), values))
def test_canonical_keeps_the_value_in_one_line_whatever_the_order_of_keys(value: dict) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert "\n" not in text
    assert canonical(dict(reversed(value.items()))) == text


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_json_does_not_know_are_refused_and_leave_no_file(tmp_path: Path, bad: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": bad})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": bad})
    assert not list(tmp_path.iterdir())


def test_json_comes_back_with_its_keys_in_order(tmp_path: Path) -> None:
    value = {"z": [1, "ä"], "a": {"deep": None}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert list(read_json(tmp_path / "a.json")) == ["z", "a"]
    assert "ä" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("read", [read_json, read_json_lines, sha256])
def test_a_missing_file_or_a_folder_is_named(tmp_path: Path, read) -> None:  # type: ignore[no-untyped-def]
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"[" * 100_000, b"text"])
def test_a_file_that_is_not_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json: not readable as JSON"):
        read_json(tmp_path / "a.json")
    if content:
        with pytest.raises(InputError, match=r"a\.json: not readable as JSON"):
            read_json_lines(tmp_path / "a.json")


def test_json_lines_are_read_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('{"epoch": 1}\n[2]\n')
    assert read_json_lines(tmp_path / "a") == [{"epoch": 1}, [2]]


def test_sha256_is_that_of_fips_180(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "b").write_bytes(b"x" * 3_000_000)
    assert sha256(tmp_path / "b") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_purposes_and_seeds_are_told_apart() -> None:
    purposes = [(), ("a",), ("b",), ("a", 1), ("a", "1"), ("a", 1, 2), ("a", 12), ("a1",), ("a", ""), ("a', 'b",),
                ("a", "b")]  # fmt: skip
    seeds = {seed_of(seed, *purpose) for seed in (0, 1, 2**32 - 1) for purpose in purposes}
    assert len(seeds) == 3 * len(purposes)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_is_the_same_in_another_process() -> None:
    code = "from aepsl.seeds import seed_of; print(seed_of(3, 'augment', 2, 'ä'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == seed_of(3, "augment", 2, "ä")


def test_generators_of_one_purpose_draw_the_same_and_of_two_uncorrelated_numbers() -> None:
    draws = [generator(0, "augment", image).normal(size=20_000) for image in ("a", "a", "b")]
    assert np.array_equal(draws[0], draws[1])
    assert abs(np.corrcoef(draws[0], draws[2])[0, 1]) < 0.04


@pytest.mark.parametrize(
    ("output", "goes"),
    [("a/masks.h5", {".masks.h5.12.tmp", ".masks.resume.7.tmp"}), ("a/index.json", None)],
    ids=["a file", "an index, whose folder is its own"],
)
def test_what_a_killed_process_left_is_removed_and_nothing_else(
    tmp_path: Path, output: str, goes: set[str] | None
) -> None:
    left = {".masks.h5.12.tmp", ".masks.resume.7.tmp", ".cams.h5.12.tmp", ".x.png.3.tmp"}
    kept = {"masks.h5", "masks.resume", "index.json", "x.png", "a.tmp"}
    (tmp_path / "a").mkdir()
    for name in left | kept:
        (tmp_path / "a" / name).touch()

    remove_leftovers(tmp_path / output)
    assert {path.name for path in (tmp_path / "a").iterdir()} == kept | (left - (left if goes is None else goes))

    remove_leftovers(tmp_path / "nowhere" / "masks.h5")
