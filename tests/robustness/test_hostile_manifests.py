"""Manifests and indices, histories and tables of pixel counts: what the stages hand to one another."""

import json
from pathlib import Path
from typing import Any

from hostile import Rng, damaged, junk, name, pick, share, spoilt, survive

from aepsl.data.manifest import Manifest
from aepsl.merging import merged_rounds
from aepsl.pixel_counts import PixelCounts
from aepsl.tools.summary import summary

MANIFEST: dict[str, Any] = {
    "format": "aepsl manifest 1",
    "classes": ["cat", "a/b"],
    "mean_pixel": [104.5, 117.0, 123.25],
    "root": "../photographs",
    "skipped": 0,
    "images": [
        {"id": image_id, "path": f"{image_id}.jpg", "labels": ["cat"], "sha256": "0" * 64} for image_id in ("a", "b")
    ],
}


def make_manifest(rng: Rng, folder: Path) -> None:
    value = MANIFEST
    if rng.integers(3) == 0:
        entry = {**MANIFEST["images"][0], pick(rng, ["id", "path"]): name(rng)}
        value = {**MANIFEST, "images": [entry, MANIFEST["images"][1]]}
    elif rng.integers(2):
        value = spoilt(rng, MANIFEST)
    content = json.dumps(value).encode()
    (folder / "m.json").write_bytes(damaged(rng, content) if rng.integers(3) == 0 else content)


def read_manifest(folder: Path) -> None:
    """As stages use it: nothing that its entries name lies outside of where it should."""
    manifest = Manifest.read(folder / "m.json")
    for entry in manifest.entries:
        assert (Path("/out") / f"{entry.id}.png").parent == Path("/out") and entry.id not in ("", ".", "..")
        assert entry.mask(Path("/masks")).is_relative_to("/masks") and ".." not in entry.path.split("/")
        manifest.file(entry).exists()
        assert all(1 <= index <= 254 for index in manifest.label_indices(entry))
    assert manifest.mean_pixel is None or all(0 <= value <= 255 for value in manifest.mean_pixel)
    manifest.write(folder / "m.json")
    assert Manifest.read(folder / "m.json") == manifest


def test_manifests(tmp_path: Path) -> None:
    found = survive(make_manifest, read_manifest, tmp_path / "c", cases=share(0.07))
    assert found["read"] and found["refused"]


def make_history(rng: Rng, folder: Path) -> None:
    record = {"epoch": 1, "lr": 0.1, "loss": 0.5, "converged_loss": 0.25, "constant_loss": 0.5}
    for number in (1, 2):
        lines = [json.dumps(spoilt(rng, record) if rng.integers(2) else record) for _ in range(int(rng.integers(4)))]
        content = "\n".join(lines).encode()
        (folder / f"{number}.jsonl").write_bytes(damaged(rng, content) if rng.integers(4) == 0 else content)


def test_histories(tmp_path: Path) -> None:
    def read(folder: Path) -> None:
        assert merged_rounds([folder / "1.jsonl", folder / "2.jsonl"], jump=0.5) in (1, 2)

    found = survive(make_history, read, tmp_path / "c", cases=share(0.03))
    assert found["read"] and found["refused"]


def make_counts(rng: Rng, folder: Path) -> None:
    lines = ["image,class,truth,predicted,both", "a,cat,3,4,2", 'b,"a,b",1,1,0']
    if rng.integers(2):
        lines[int(rng.integers(3))] = f"{name(rng)},{name(rng)},{pick(rng, [-1, 2**64, 'x', ''])},1,{junk(rng)!s:.50}"
    if rng.integers(20) == 0:
        lines += [f"i{n},c{n},1,1,1" for n in range(30_000)]
    content = "\n".join(lines).encode(errors="replace")
    (folder / "c.csv").write_bytes(damaged(rng, content) if rng.integers(3) == 0 else content)


def test_counts(tmp_path: Path) -> None:
    found = survive(make_counts, lambda folder: PixelCounts.read(folder / "c.csv"), tmp_path / "c", cases=share(0.02))
    assert found["read"] and found["refused"]


RESULTS: dict[str, Any] = {
    "data/train.json": MANIFEST,
    "data/val.json": MANIFEST,
    "miou.json": {"images": 2, "miou": 0.5, "without_crf": {"miou": 0.4}},
    "variants/ceiling/miou.json": {"miou": 0.0},
    "quality.json": {
        "merges": [
            {
                "rounds": 1,
                "mined": {"area": 0.1, "precision": None, "recall": 0.5},
                "pseudo_labels": {"miou": 0.3},
                "control": {"pseudo_labels": {"miou": 0.2}},
            }
        ]
    },
}


def make_results(rng: Rng, folder: Path) -> None:
    spoiled = pick(rng, list(RESULTS))
    for path, value in RESULTS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(spoilt(rng, value) if path == spoiled and rng.integers(4) else value))


def test_summaries(tmp_path: Path) -> None:
    found = survive(make_results, summary, tmp_path / "c", cases=share(0.02))
    assert found["read"] and found["refused"]
