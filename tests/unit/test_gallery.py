"""The gallery's files: what the strips show, and what stands in the page."""

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from galleries import BLUE, BOTH, CAT, CLASSES, GREEN, ODD, PLAIN, SEEN, SIZE, make
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aepsl.data.palette import save_label_map
from aepsl.strips import BOX, MOST, fitted, pitch, small_labels

HEIGHT = SIZE[0]  # a multiple of 16: the pictures lie close
DARK_RED, GREEN_LABEL, OCHRE = (128, 0, 0), (0, 128, 0), (128, 128, 0)  # VOC's labels 1, 2 and 3
BLACK, CREAM = (0, 0, 0), (224, 224, 192)


@pytest.fixture
def gallery(workplace: Path) -> Path:
    return make(workplace).parent


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found
    value: dict[str, Any] = json.loads(found[1])
    return value


def rows_of(page: Path) -> dict[str, dict[str, Any]]:
    names = ("id", "use", "height", "width", "layout", "labels", "area", "iou", "classes")
    data = data_of(page)
    rows = [dict(zip(names, row, strict=True)) for row in data["images"]]
    return {row["id"]: {**row, "layout": data["layouts"][row["layout"]]} for row in rows}


def colours(strip: Path, number: int) -> list[tuple[int, ...]]:
    """Those of a picture in a strip, at its left and its right end."""
    pixels = np.asarray(Image.open(strip).convert("RGB"))[number * HEIGHT : (number + 1) * HEIGHT]
    assert pixels.shape == (*SIZE, 3)
    return [tuple(map(int, pixels[12, column])) for column in (0, 63)]


def close(found: list[tuple[int, ...]], *expected: tuple[int, ...]) -> bool:
    return bool(np.abs(np.subtract(found, expected)).max() <= 12)


def test_a_strip_of_pictures_has_each_rounds_image_its_heat_and_saliency(gallery: Path) -> None:
    strip = gallery / "train/pictures" / f"{ODD}.webp"
    names, _ = rows_of(gallery / "index.html")[ODD]["layout"]
    assert names == ["I1", "I2", "H1", "H1.0", "H1.1", "H2", "H2.0", "H2.1", "S"]
    assert close(colours(strip, 0), GREEN, GREEN) and close(colours(strip, 1), BLUE, BLUE)
    hot, cold = (252, 255, 164), (0, 0, 4)  # the ends of matplotlib's inferno
    assert close(colours(strip, names.index("H2.0")), hot, cold)
    assert close(colours(strip, names.index("H2.1")), cold, hot), "each relative to its own maximum"
    assert close(colours(strip, names.index("H2")), hot, hot), "the highest of both"
    assert close(colours(strip, names.index("S")), (200,) * 3, (50,) * 3)


def test_a_strip_of_label_maps_has_them_in_vocs_colours_to_the_bit(gallery: Path) -> None:
    rows = rows_of(gallery / "index.html")
    strips = {one: gallery / ("val" if one == SEEN else "train") / "labels" / f"{one}.webp" for one in rows}
    assert rows[ODD]["layout"][1] == ["F1", "F2", "P"]
    assert [colours(strips[ODD], k) for k in range(3)] == [
        [DARK_RED, GREEN_LABEL],
        [DARK_RED, CREAM],  # mined for both
        [GREEN_LABEL, CREAM],
    ]
    assert rows[BOTH]["layout"][1] == ["F1", "F2", "P", "R", "C", "T"], "one row through the whole pipeline"
    assert rows[SEEN]["layout"] == [["I1"], ["R", "C", "T"]]
    assert [colours(strips[SEEN], k) for k in range(3)] == [[BLACK, OCHRE], [BLACK, DARK_RED], [GREEN_LABEL, BLACK]]


def test_iou_and_area_are_those_of_the_last_label_map(gallery: Path) -> None:
    rows = rows_of(gallery / "index.html")
    assert [rows[one]["use"] for one in (ODD, BOTH, PLAIN, SEEN)] == [1, 3, 1, 2]
    # Truth: dog on the upper left, background on the upper right, void below.
    # Pseudo-label: dog on the left, ignored, so background, on the right: all that is judged is right.
    assert rows[PLAIN]["iou"] == 1000 and rows[PLAIN]["area"] == 500
    assert rows[PLAIN]["classes"] == [[1, None], [2, 1000]], "its label is in neither, what was found is"
    # After the CRF: background on the left, cat on the right: nothing is right.
    assert rows[SEEN]["iou"] == 0 and rows[SEEN]["classes"] == [[1, 0]]
    assert rows[BOTH]["classes"] == [[2, 0], [1, 0]] and rows[BOTH]["labels"] == 1
    assert rows[ODD]["iou"] is None and rows[ODD]["classes"] == [[1, None], [2, None]], "it has no mask"


def test_no_name_is_taken_for_the_pages_own_text_and_nothing_comes_from_elsewhere(gallery: Path) -> None:
    page = gallery / "index.html"
    assert data_of(page)["classes"] == list(CLASSES) and ODD in rows_of(page)
    text = page.read_text(encoding="utf-8")
    assert CAT not in text and text.count("</script>") == 2

    class Links(HTMLParser):
        found: list[str | None] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += [value for name, value in attrs if name in ("src", "href")]

    Links().feed(text)
    assert Links.found == ["data:,"] and not re.search(r"https?:|//[a-z]|@import|\bfetch\(|XMLHttpRequest", text)


def test_without_masks_there_is_no_truth_in_it(workplace: Path) -> None:
    rows = rows_of(make(workplace, truth=False)).values()
    assert all(row["iou"] is None and "T" not in row["layout"][1] for row in rows)


def test_equal_products_give_equal_bytes_whatever_the_number_of_workers(gallery: Path, workplace: Path) -> None:
    again = make(workplace / "again", workers=2).parent
    files = sorted(path.relative_to(gallery) for path in gallery.rglob("*") if path.is_file())
    assert len(files) == 1 + 2 * 4
    assert all((gallery / path).read_bytes() == (again / path).read_bytes() for path in files)


def test_where_a_strip_would_be_too_high_it_has_the_highest_of_the_labels_alone(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST * pitch(BOX[0]) <= 16_383, "the height that WebP's format ends at"
    monkeypatch.setattr("aepsl.stages.gallery.MOST", 8)
    assert rows_of(make(workplace))[ODD]["layout"][0] == ["I1", "I2", "H1", "H2", "S"]


def test_a_label_map_of_another_size_or_of_no_class_is_told(workplace: Path, refusal: Callable[..., str]) -> None:
    page = make(workplace)
    shutil.rmtree(page.parent)
    words = ["gallery", "--settings", "{}", "--train", "train.json", "--val", "val.json", "--saliency", "saliency.h5"]
    words += ["--pseudo-labels", "pseudo.json", "--predictions", "predictions.json", "--output", str(page)]
    for labels, said in ((np.zeros((9, 9), np.uint8), "(9, 9) pixels"), (np.full(SIZE, 4, np.uint8), "label 4")):
        save_label_map(workplace / "predictions/1.png", labels)
        assert f"predictions/1.png: {said}" in refusal(*words)
        assert not page.exists()


def test_a_product_of_other_images_is_told(workplace: Path, refusal: Callable[..., str]) -> None:
    make(workplace)
    shutil.copy("train.json", "val.json")
    words = [
        *("gallery", "--settings", "{}", "--train", "train.json", "--val", "val.json", "--saliency", "saliency.h5"),
        *("--pseudo-labels", "pseudo.json", "--predictions", "predictions.json", "--output", "new/index.html"),
    ]
    assert "predictions.json: no image it's" in refusal(*words)
    assert not Path("new").exists()


@given(st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)))
def test_a_small_picture_fits_and_keeps_its_shape(size: tuple[int, int]) -> None:
    height, width = fitted(size)
    assert 1 <= height <= BOX[0] and 1 <= width <= BOX[1] and height <= size[0] and width <= size[1]
    if min(height, width) > 20:
        assert height / width == pytest.approx(size[0] / size[1], rel=0.03)
        assert (height, width) == size or height == BOX[0] or width == BOX[1]
    assert pitch(height) % 16 == 0 and 0 <= pitch(height) - height < 16


def test_small_label_maps_have_no_label_that_was_not_there() -> None:
    labels = np.full((360, 480), 20, np.uint8)
    labels[:, 240:] = 255
    found = {tuple(map(int, colour)) for colour in small_labels(labels, (180, 240)).reshape(-1, 3)}
    assert found == {(0, 64, 128), CREAM}
