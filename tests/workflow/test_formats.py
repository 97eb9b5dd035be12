"""docs/formats.md against the files of a run: each key and attribute is there, of its type, and no other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest
from PIL import Image
from project import REPOSITORY, Project
from safetensors import safe_open

from aepsl.data.palette import voc_palette
from aepsl.graph import PRODUCTS

PAGE = (REPOSITORY / "docs/formats.md").read_text(encoding="utf-8")
TYPES = {"text": str, "integer": int, "number": (int, float)}
JSON = {
    "Manifests": ["data/train.json", "data/val.json", "round1/erased/index.json", "predictions_crf/index.json"],
    "threshold.json": ["round1/threshold.json"],
    "miou.json": ["miou.json"],
    "classifiers.json": ["classifiers.json"],
    "labels.json": ["labels.json"],
    "quality.json": ["quality.json"],
    "comparison.json": ["comparison.json"],
    "provenance.json": ["provenance.json"],
}
HDF5 = {"cams": "round2/cams.h5", "masks": "round2/masks.h5", "saliency": "saliency.h5", "scores": "scores.h5"}


class Row(NamedTuple):
    """A row of a table: a key as the words of its path, its type, and what the page says of it."""

    path: tuple[str, ...]
    type: str
    what: str


def rows(heading: str) -> list[Row]:
    """The rows of the section's last table, one for each key that a row names."""
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    found = []
    for line in re.findall(r"^\| (`.*) \|$", section, re.MULTILINE):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 3:
            found += [Row(_words(key), cells[1], cells[2]) for key in re.findall("`(.*?)`", cells[0])]
    return found


def _words(key: str) -> tuple[str, ...]:
    return tuple(key.replace("[]", ".[]").split("."))


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each value of a JSON document with the words of its path, `[]` for a place in a list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value or [None]:
            yield from leaves(inner, (*path, "[]"))
    else:
        yield path, value


def fits(row: Row, path: tuple[str, ...]) -> bool:
    """Whether the row is of this key: `{…}` is any word, and an object has what it likes below."""
    own = path[: len(row.path)] if row.type == "object" else path
    return len(own) == len(row.path) and all(
        said.startswith("{") or said == word for said, word in zip(row.path, own, strict=True)
    )


def check(heading: str, documents: list[Any]) -> None:
    table, met = rows(heading), set()
    for path, value in (leaf for document in documents for leaf in leaves(document)):
        found = [row for row in table if fits(row, path) or (value is None and fits(row, (*path, "[]")))]
        assert len(found) == 1, f"docs/formats.md, {heading}: {'.'.join(path)} is in {len(found)} rows"
        if found[0].type != "object" and value is not None:
            assert isinstance(value, TYPES[found[0].type]), f"{'.'.join(path)} is {value!r}"
        met.add(found[0])
    assert not (left := set(table) - met), f"docs/formats.md, {heading}: no file has {left}"


@pytest.mark.parametrize("heading", JSON)
def test_a_json_file_has_the_keys_of_its_table(shown: Project, heading: str) -> None:
    check(heading, [json.loads(shown.path(f"results_test/{name}").read_text()) for name in JSON[heading]])


def test_histories_and_the_cards_of_models_have_the_keys_of_their_tables(shown: Project) -> None:
    results = shown.path("results_test")
    histories = [results / "round1/history.jsonl", results / "segmentation/history.jsonl"]
    check("Histories", [json.loads(line) for path in histories for line in path.read_text().splitlines()])
    cards = []
    for path in (results / "round1/classifier.safetensors", results / "segmentation/model.safetensors"):
        with safe_open(path, "pt") as file:
            assert set(file.metadata()) == {"aepsl"}
            assert {file.get_slice(name).get_dtype() for name in file.keys()} <= {"F32", "I64"}  # noqa: SIM118
            cards.append(json.loads(file.metadata()["aepsl"]))
    check("Models", cards)


def test_an_hdf5_file_has_the_attributes_of_its_table(shown: Project) -> None:
    said = {row.path[0]: row for row in rows("HDF5")}
    met: set[str] = set()
    for kind, name in HDF5.items():
        found = dict(_of_file(shown.path(f"results_test/{name}")))
        for place, type_ in found.items():
            assert type_ in said[place].type.split(", "), f"{name}: {place} is {type_}"
        for place, row in said.items():
            assert (place in found) == _belongs(row.what, kind), f"{name}: {place}"
        met |= found.keys()
    assert met == said.keys()


def _belongs(what: str, kind: str) -> bool:
    """Whether a file of this kind has what a row says: of some files only, named at its beginning; or not in some."""
    if others := re.findall(r"not in `(\w+)\.h5`", what):
        return kind not in others
    only = re.match(r"(?:`\w+\.h5`(?:, |: |$))+", what)
    return only is None or f"`{kind}.h5`" in only[0]


def _of_file(path: Path) -> Iterator[tuple[str, str]]:
    """Place → type of all that is in the file, ids and names as on the page."""
    with h5py.File(path) as file:
        for image in file.values():
            for thing in (file, image, *image.values()):
                place = (
                    {1: "/{image}", 2: "/{image}/{name}"}.get(thing.name.count("/"), "") if thing.name != "/" else ""
                )
                yield from ((f"{place or '/'}@{key}", _type(thing.attrs.get_id(key))) for key in thing.attrs)
                if isinstance(thing, h5py.Dataset):
                    assert thing.ndim == 2 and thing.chunks == thing.shape
                    assert thing.compression == "gzip" and thing.shuffle
                    yield place, str(thing.dtype)


def _type(attribute: Any) -> str:
    text = "texts" if attribute.shape else "text"
    return text if attribute.dtype.kind == "S" else str(attribute.dtype)


def test_label_maps_are_indices_with_vocs_palette(shown: Project) -> None:
    image = Image.open(shown.path("results_test/pseudo_labels/scene_000001.png"))
    assert image.mode == "P" and np.array_equal(np.reshape(image.getpalette(), (-1, 3)), voc_palette())
    assert set(np.unique(np.array(image))) <= {*range(7), 255}


def test_the_table_of_files_has_every_product_with_its_stage() -> None:
    head = PAGE.split("\n## ")[0]
    said = {
        (path, stage)
        for files, stages in re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", head, re.MULTILINE)
        for path in re.findall("`(.*?)`", files)
        for stage in re.findall("`(.*?)`", stages)
    }
    for product in PRODUCTS.values():
        path = product.path.replace("{round}", "{t}").replace("index.json", "").replace("labels.csv", "")
        names = {path, path.replace("{split}", "train")} | {path.replace("comparison", "")}
        assert any((name, product.stage) in said for name in names), path
