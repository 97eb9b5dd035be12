"""The picture of a whole run, from products made by hand."""

from collections import Counter
from pathlib import Path

import pytest
from galleries import make
from matplotlib.patches import Patch
from PIL import Image

from aepsl.data.manifest import Manifest
from aepsl.errors import InputError
from aepsl.settings.stages import OverviewSettings
from aepsl.stages import overview


def draw(folder: Path, **changed: Path) -> Path:
    """Of two rounds; the truth of one image is missing."""
    paths = {name: folder / f"{name}.json" for name in ("train", "val", "predictions")}
    paths |= {"saliency": folder / "saliency.h5", "pseudo_labels": folder / "pseudo.json", "truth": folder / "truth"}
    output = folder / "overview.png"
    overview.run(
        OverviewSettings(images=3),
        erased=[folder / "train.json", folder / "erased.json"],
        cams=[folder / "round1/cams.h5", folder / "round2/cams.h5"],
        refined=[folder / "refined.json"],
        output=output,
        **(paths | changed),
    )
    return output


def test_each_manifest_is_read_once_however_many_images_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    read: Counter[str] = Counter()
    own = Manifest.read
    monkeypatch.setattr(Manifest, "read", lambda path: read.update([path.name]) or own(path))
    drawn = Image.open(draw(tmp_path))
    assert drawn.format == "PNG" and min(drawn.size) > 300
    assert read == {
        "train.json": 2, "val.json": 1, "erased.json": 1, "pseudo.json": 1, "predictions.json": 1, "refined.json": 1
    }  # fmt: skip


def test_the_legend_names_the_labels_that_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    named: list[str] = []
    monkeypatch.setattr(overview, "Patch", lambda *, color, label: named.append(label) or Patch(color=color))
    draw(tmp_path)
    classes = Manifest.read(tmp_path / "train.json").classes
    assert named[0] == "background" and {"ignored", classes[0]} <= set(named) <= {"background", "ignored", *classes}


def test_an_image_that_an_index_lacks_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(InputError, match=r"val\.json: no image .* in it"):
        draw(tmp_path, pseudo_labels=tmp_path / "val.json")
    assert not (tmp_path / "overview.png").exists()
