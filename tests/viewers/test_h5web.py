"""The HDF5 files in h5web, in a browser: named, scaled pictures, and which way up."""

import base64
import io
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image
from shown import IMAGES, RANGES, SHOWN, first, named, picture

Show = Callable[..., list[list[dict]]]


def cells(pixels: str | None, shape: tuple[int, int]) -> np.ndarray:
    """The colours (h, w, 3) in the cells' middles of the picture in a PNG, all else of which is transparent."""
    assert pixels is not None, "no picture is shown"
    png = np.asarray(Image.open(io.BytesIO(base64.b64decode(pixels.partition(",")[2]))).convert("RGBA"))
    rows, columns = (np.flatnonzero((png[..., 3] > 0).any(axis)) for axis in (1, 0))
    middles = [
        np.floor(span[0] + (np.arange(count) + 0.5) * len(span) / count).astype(int)
        for span, count in zip((rows, columns), shape, strict=True)
    ]
    return png[np.ix_(*middles)][..., :3].astype(int)


def coloured(values: np.ndarray) -> np.ndarray:
    """Viridis from the lowest to the highest number."""
    values = values.astype(float)
    share = (values - values.min()) / (values.max() - values.min())
    return np.rint(matplotlib.colormaps["viridis"](share)[..., :3] * 255).astype(int)


def case(kind: str, path: str = "/", *steps: list[str]) -> dict:
    return {"file": f"{kind}.h5", "path": path, "steps": steps}


def same(look: dict, expected: np.ndarray) -> None:
    np.testing.assert_allclose(cells(look["pixels"], expected.shape), coloured(expected), atol=4)


def test_every_kind_opens_on_a_picture_and_every_picture_has_its_name(h5web: Show, folder: Path) -> None:
    """h5web draws the first row at the bottom, whatever a file says, until it is told otherwise; it remembers that."""
    classes = [[shown] for shown in SHOWN.values()]
    cases = [case("cams", "/", ["day 1%2Fb"], *classes), case("masks"), case("saliency"), case("scores")]
    cases += [case("probabilities", "/", ["More controls", "Flip Y"]), case("masks", "/Öl/a%2Fb")]

    looks = h5web(folder, cases)

    for kind, (root, *_) in zip(RANGES, looks, strict=False):
        name, expected = first(kind)
        assert (root["title"], root["tab"]) == (name, "NX Heatmap")
        assert root["tree"] == [f"{kind}.h5", *IMAGES.values()]
        same(root, expected[::-1])
    _, group, *found = looks[0]
    assert {*SHOWN.values()} < {*group["tree"]}
    for (name, shown), look in zip(SHOWN.items(), found, strict=True):
        assert (look["title"], look["tab"]) == (shown, "Heatmap")
        same(look, named("cams")[name][::-1])
    same(looks[-2][1], first("probabilities")[1])
    same(looks[-1][0], named("masks")["a/b"])


def test_a_class_called_title_is_no_title(h5web: Show, folder: Path) -> None:
    """NeXus has a text of that name beside its pictures."""
    ((group, dataset),) = h5web(folder, [case("title", "/a", ["title"])])
    assert group["pixels"] is None
    assert dataset["title"] == "title"
    same(dataset, picture("masks", 0)[::-1])
