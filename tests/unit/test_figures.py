"""The report's figures: what stands on their axes is what they were given."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from aepsl.data.manifest import Entry, Manifest
from aepsl.figures import examples, quality, resources, result, style, training
from aepsl.figures.data import data


def lines(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """Label of each line → its points."""
    found = {}
    for line in axes.lines:
        x, y = (np.asarray(values, float).tolist() for values in line.get_data())
        found[str(line.get_label())] = list(zip(x, y, strict=True))
    return found


def names(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_yticklabels()]


def said(figure: Figure) -> str:
    return str(figure._suptitle.get_text())  # type: ignore[attr-defined]


def manifest(*labels: tuple[str, ...], classes: tuple[str, ...] = ("cat", "dog")) -> Manifest:
    return Manifest(classes, None, ".", tuple(Entry(f"{i}", f"{i}.jpg", one, "") for i, one in enumerate(labels)), 3)


def test_the_data_are_shares_of_each_splits_photographs() -> None:
    figure = data(manifest(("cat",), ("cat", "dog"), (), ("cat",)), manifest(("dog",)))
    (axes,) = figure.axes
    training_, validation = lines(axes).items()
    assert training_[0] == "training: 4 photographs, 1.0 labels each, 3 more cannot be read"
    assert training_[1] == [(75.0, 0.0), (25.0, 1.0)] and validation[1] == [(0.0, 0.0), (100.0, 1.0)]
    assert names(axes) == ["cat  3 / 0", "dog  1 / 1"]
    assert axes.get_xlabel() == "share of the photographs (%)"


HISTORIES = [
    [{"epoch": 1, "loss": 0.6}, {"epoch": 2, "loss": 0.2, "converged_loss": 0.1, "constant_loss": 0.7}],
    [{"epoch": 1, "loss": 0.6}, {"epoch": 2, "loss": 0.4, "converged_loss": 0.3, "constant_loss": 0.7}],
    [{"epoch": 1, "loss": 0.7, "converged_loss": 0.65, "constant_loss": 0.7}],
]


def test_the_rounds_show_each_training_and_the_converged_losses() -> None:
    learning, converged = training.rounds(HISTORIES, merged=2, loss="squared error").axes
    assert lines(learning) == {
        "round 1": [(1, 0.6), (2, 0.2)], "round 2": [(1, 0.6), (2, 0.4)], "round 3": [(1, 0.7)]
    }  # fmt: skip
    found = lines(converged)
    assert found["_loss"] == [(1, 0.1), (2, 0.3), (3, 0.65)]
    assert found["merged"] == [(1, 0.1), (2, 0.3)] and found["not merged"] == [(3, 0.65)]
    assert [(0.0, 0.7), (1.0, 0.7)] in found.values(), "the constant predictor's"
    assert converged.get_ylabel() == "converged loss (squared error)" and learning.get_xlabel() == "epoch"


def test_the_segmentation_shows_the_terms_there_are() -> None:
    terms = {"epoch": 1, "loss": 3.0, "seed": 2.0, "online": 0.6, "branch": 0.4}
    (axes,) = training.segmentation([terms, terms | {"epoch": 2, "loss": 2.0}]).axes
    found = lines(axes)
    assert found["sum of the terms"] == [(1, 3.0), (2, 2.0)] and found["classification branch"] == [(1, 0.4), (2, 0.4)]
    assert len(found) == 4
    (axes,) = training.segmentation([{"epoch": 1, "loss": 3.0}]).axes
    assert lines(axes) == {"cross-entropy": [(1, 3.0)]}


def judged(value: float | None, **more: Any) -> dict[str, Any]:
    return {
        "recall": value,
        "precision": value,
        "area": 0.25,
        "miou": value,
        "miou_labelled": 1.0,
        "labelled": 0.5,
    } | more


def test_merges_stand_beside_their_controls_and_an_empty_region_leaves_a_gap() -> None:
    merges = [
        {
            "rounds": t,
            "mined": judged(0.2 * t),
            "pseudo_labels": judged(0.3 * t),
            "control": {"mined": judged(None if t == 1 else 0.1), "pseudo_labels": judged(0.4)},
        }
        for t in (1, 2)
    ]
    coverage, precision = quality.regions(merges, merged=2).axes
    for axes in (coverage, precision):
        found = lines(axes)
        assert found["rounds 1 to t"] == [(1, 0.2), (2, 0.4)]
        (_, gap), control = found["round 1 alone, equal area"]
        assert np.isnan(gap) and control == (2, 0.1)
        assert found["merged here"][0][0] == 2
        assert [text.get_text() for text in axes.get_xticklabels()] == ["1\n25", "2\n25"]
    panels = quality.pseudo_labels(merges, merged=1).axes
    assert [lines(axes)["rounds 1 to t"] for axes in panels] == [
        [(1, 0.3), (2, 0.6)], [(1, 1.0), (2, 1.0)], [(1, 0.5), (2, 0.5)]
    ]  # fmt: skip


def test_scenes_show_the_coverage_of_each_part() -> None:
    parts = judged(0.5, coverage={"head": 0.9, "body": 0.3})
    merges = [
        {"rounds": 1, "mined": parts, "pseudo_labels": parts, "control": {"mined": parts, "pseudo_labels": parts}}
    ]
    panels = quality.regions(merges, merged=1).axes
    assert [axes.get_title() for axes in panels[2:]] == ["coverage: head", "coverage: body"]
    assert [lines(axes)["rounds 1 to t"] for axes in panels[2:]] == [[(1, 0.9)], [(1, 0.3)]]


def scored(iou: dict[str, float | None], miou: float) -> dict[str, Any]:
    own = {"iou": iou, "miou": miou, "images": 7, "confusion": [[3, 1, 0], [0, 8, 0], [0, 0, 0]]}
    return own | {"without_crf": own}


def test_iou_by_class_is_sorted_and_a_class_without_one_stands_last() -> None:
    own = scored({"background": 0.5, "cat": 0.8, "dog": None}, 0.65)
    own["without_crf"] = scored({"background": 0.4, "cat": 0.7, "dog": 0.0}, 0.367)
    ceiling = scored({"background": 0.9, "cat": 0.85, "dog": 0.1}, 0.617)
    figure = result.iou(own, refined=True, ceiling=ceiling)
    (axes,) = figure.axes
    assert names(axes) == ["cat  0.80", "background  0.50", "dog  –"]
    assert lines(axes) == {
        "without CRF, mIoU 0.367": [(0.7, 0), (0.4, 1), (0.0, 2)],
        "after the CRF, mIoU 0.650": [(0.8, 0), (0.5, 1)],
        "full supervision, mIoU 0.617": [(0.85, 0), (0.9, 1), (0.1, 2)],
    }
    assert "7 validation photographs" in said(figure)
    (axes,) = result.iou(own, refined=False).axes
    assert list(lines(axes)) == ["prediction, mIoU 0.650"]


def test_the_confusion_is_each_rows_share() -> None:
    axes = result.confusion(scored({"background": 0.5, "cat": 0.8, "dog": None}, 0.65)).axes[0]
    shown = np.asarray(axes.images[0].get_array(), float)
    np.testing.assert_array_equal(shown[:2], [[75, 25, 0], [0, 100, 0]])
    assert np.isnan(shown[2]).all(), "no pixel is of this class"
    assert {text.get_text(): text.get_position() for text in axes.texts} == {"75": (0, 0), "25": (1, 0), "100": (1, 1)}


@pytest.mark.parametrize(("classes", "columns"), [(1, 1), (21, 1), (81, 2), (254, 2)])
def test_many_classes_all_have_a_row(classes: int, columns: int) -> None:
    iou: dict[str, float | None] = {f"class {i} of many with a long name": i / 254 for i in range(classes)}
    figure = result.iou(scored(iou, 0.5), refined=False)
    assert len(figure.axes) == columns
    assert sum(len(names(axes)) for axes in figure.axes) == classes
    assert sum(len(points) for axes in figure.axes for points in lines(axes).values()) == classes
    assert max(len(name) for axes in figure.axes for name in names(axes)) <= style.LONGEST + 6


@pytest.mark.parametrize(
    ("iou", "expected"),
    [
        ([0.5], [("best", 0)]),
        ([0.5, 0.9], [("best", 1), ("worst", 0)]),
        ([0.5, 0.9, 0.7], [("best", 1), ("median", 2), ("worst", 0)]),
        ([0.1, 0.9, np.nan, 0.5, 0.5, 0.6, 0.2], [("best", 1), ("best", 5), ("median", 3), ("median", 4),
                                                  ("worst", 6), ("worst", 0)]),
        ([np.nan], []),
    ],
)  # fmt: skip
def test_best_median_and_worst_are_none_twice(iou: Sequence[float], expected: list[tuple[str, int]]) -> None:
    assert examples.ranked(np.array(iou)) == expected


def test_examples_name_their_regions_where_they_are() -> None:
    labels = np.zeros((20, 40), np.uint8)
    labels[5:15, 20:30], labels[0, 0] = 2, 1  # the second too small for a name
    one = examples.Example("worst", "a", 0.25, np.zeros((20, 40, 3), np.uint8), labels, np.zeros_like(labels))
    photograph, truth, prediction = examples.examples([one], ("background", "cat", "$dog$")).axes
    assert [axes.get_title() for axes in (photograph, truth, prediction)] == [
        "worst: a", "ground truth", "prediction, IoU 0.25"
    ]  # fmt: skip
    (text,) = truth.texts
    assert text.get_text() == "$dog$" and not text.get_parse_math()
    x, y = text.get_position()
    assert labels[int(y), int(x)] == 2 and not prediction.texts


def test_costs_add_up_by_stage() -> None:
    costs = [
        resources.Cost("cams", 60.0, 1024.0), resources.Cost("cams", 120.0, 2048.0), resources.Cost("crf", 600.0, None)
    ]  # fmt: skip
    figure = resources.resources(costs)
    time, memory = figure.axes
    assert [bar.get_width() for bar in time.patches] == [3.0, 10.0] and "(min)" in time.get_xlabel()
    assert [bar.get_width() for bar in memory.patches] == [2.0], "GiB, the largest; of the other nothing is known"
    assert [line.get_xdata().tolist() for line in memory.lines] == [[1.0, 2.0]]  # type: ignore[union-attr]
    assert names(time) == ["cams (2 jobs)", "crf"]
    assert said(figure).endswith("13 min 0 s")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (3599.7, "1 h 0 min"), (90061, "25 h 1 min")],
)
def test_durations_are_said_as_people_say_them(seconds: float, expected: str) -> None:
    assert resources.duration(seconds) == expected


def contrast(colour: Any) -> float:
    """To white paper, 1 to 21 (WCAG 2, of the relative luminance)."""
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(colour)]
    return 1.05 / (float(np.dot(linear, [0.2126, 0.7152, 0.0722])) + 0.05)


def test_every_line_stands_out_from_paper_and_has_a_marker_of_its_own() -> None:
    terms = {"epoch": 1, "loss": 3.0, "seed": 2.0, "online": 0.6, "branch": 0.4}
    for figure in (training.rounds([HISTORIES[2]] * 10, merged=10, loss=""), training.segmentation([terms])):
        drawn = figure.axes[0].lines
        assert min(contrast(line.get_color()) for line in drawn) > 3
        assert len({line.get_marker() for line in drawn}) == len(drawn)
    assert min(contrast(look["color"]) for look in style.SERIES.values()) > 3
    assert len({look["marker"] for look in style.SERIES.values()}) == len(style.SERIES)


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_equal_figures_give_equal_bytes_and_names_are_no_formulas(tmp_path: Path, kind: str) -> None:
    for name in ("one", "other"):
        iou: dict[str, float | None] = {"$x^2$ & <b>": 0.5, "€": 0.4}
        style.save(result.iou(scored(iou, 0.45), refined=True), tmp_path / f"{name}.{kind}")
    one, other = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("one", "other"))
    assert one == other and len(one) > 1000
    assert b"<dc:date>" not in one
