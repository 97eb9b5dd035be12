import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aepsl.data.manifest import Entry, Index, Manifest, check_id, entries_by_id, one_hot
from aepsl.errors import InputError

CLASSES = ("cat", "a/b", 'quo"te', "Käse, alt")


def manifest(ids: tuple[str, ...] = ("2007_000032", "ä %2F", 'a"b;n')) -> Manifest:
    entries = tuple(Entry(i, f"{i}.jpg", CLASSES[: n % 3 + 1], f"{n:064x}") for n, i in enumerate(ids))
    return Manifest(classes=CLASSES, mean_pixel=(104.5, 117.0, 123.25), root="../photographs", entries=entries)


@pytest.mark.parametrize("ids", [(), ("only",), ("2007_000032", "ä %2F", 'a"b;n')])
def test_a_manifest_comes_back(tmp_path: Path, ids: tuple[str, ...]) -> None:
    for mean_pixel in ((104.5, 117.0, 123.25), None):
        written = replace(manifest(ids), mean_pixel=mean_pixel)
        written.write(tmp_path / "data" / "train.json")
        assert Manifest.read(tmp_path / "data" / "train.json") == replace(written, folder=tmp_path / "data")


def test_a_manifest_is_json_with_one_image_a_line(tmp_path: Path) -> None:
    manifest().write(tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text(encoding="utf-8")
    assert [image["id"] for image in json.loads(text)["images"]] == ["2007_000032", "ä %2F", 'a"b;n']
    assert sum('"id"' in line for line in text.splitlines()) == 3


def test_files_are_found_from_the_manifests_folder_and_from_an_absolute_root(tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "x.jpg").touch()
    (tmp_path / "data").mkdir()
    for root in ("../photographs", str(photographs)):
        replace(manifest(("x",)), root=root).write(tmp_path / "data" / "m.json")
        found = Manifest.read(tmp_path / "data" / "m.json")
        assert found.file(found.entries[0]).samefile(photographs / "x.jpg")


def test_labels_are_numbered_from_one_and_one_hot_from_zero() -> None:
    entry = replace(manifest().entries[0], labels=("a/b", "Käse, alt"))
    assert manifest().label_indices(entry) == [2, 4]
    assert one_hot(manifest(), entry.labels) == [0.0, 1.0, 0.0, 1.0]


def test_entries_by_id_names_what_is_missing() -> None:
    assert entries_by_id(manifest(), Path("m.json"), ["ä %2F"])["ä %2F"].labels == CLASSES[:2]
    with pytest.raises(InputError, match=r"m\.json: no image x in it \(2 missing\)"):
        entries_by_id(manifest(), Path("m.json"), ["x", "ä %2F", "y"])


def test_an_index_finds_what_was_made_of_an_image(tmp_path: Path) -> None:
    manifest().write(tmp_path / "data" / "m.json")
    index = Index.of(tmp_path / "data" / "m.json", ["ä %2F"])
    assert index.file("ä %2F") == index.manifest.file(index.manifest.entries[1])
    with pytest.raises(InputError, match=r"m\.json: no image x in it"):
        Index.of(tmp_path / "data" / "m.json", ["x"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "aepsl manifest 0"}, "not a manifest"),
        ({"classes": None}, "not a whole manifest"),
        ({"images": None}, "not a whole manifest"),
        (
            {"images": [{"id": "x", "path": "x.jpg", "labels": ["cat"]}]},
            r"not a whole manifest \(images\.0\.sha256: Field required",
        ),
        ({"images": ["x"]}, "not a whole manifest"),
        ({"images": [{"id": "x", "path": "x", "labels": ["dog"], "sha256": ""}]}, "image x has a label .* 'dog'"),
    ],
)
def test_another_file_is_refused_by_name(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    manifest().write(tmp_path / "m.json")
    value = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    (tmp_path / "m.json").write_text(json.dumps(value | change))
    with pytest.raises(InputError, match=rf"m\.json: {said}"):
        Manifest.read(tmp_path / "m.json")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "aepsl manifest 1"}', '"aepsl manifest 1"'])
def test_what_is_no_manifest_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(InputError, match=r"m\.json: not "):
        Manifest.read(tmp_path / "m.json")
    with pytest.raises(InputError, match=r"absent\.json: no such file"):
        Manifest.read(tmp_path / "absent.json")


@pytest.mark.parametrize("image_id", ["2007_000032", "ä %2F", "a.b", "a b", "'\"$(x)", "日" * 66, "x" * 200])
def test_ids_that_can_name_a_file_are_taken(tmp_path: Path, image_id: str) -> None:
    assert check_id(image_id) == image_id
    (tmp_path / f"{image_id}.png").touch()
    assert [p.stem for p in tmp_path.iterdir()] == [image_id]


@pytest.mark.parametrize(
    "image_id", ["", ".", "..", ".hidden", "-rf", "a/b", "/etc", "a\\b", "a\0b", "a\nb", "日" * 67]
)
def test_ids_that_would_leave_the_folder_or_name_no_file_are_refused(image_id: str) -> None:
    with pytest.raises(InputError, match="cannot name a file"):
        check_id(image_id)
