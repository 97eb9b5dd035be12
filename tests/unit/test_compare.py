import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aepsl.cli import main
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.files import read_json, sha256, write_json
from aepsl.pixel_counts import PixelCounts
from aepsl.settings.settings import Settings, validate
from aepsl.workflow import Plan

IMAGES_OF = {"train": "data/train.json", "val": "data/val.json", "rounds": ["data/train.json"]}
IMAGES = ("cat & <mouse>", "dog")
# (truth, prediction, both), by image the pixels of the background and of the object.
BEFORE = [[[60, 40], [80, 20]], [[70, 30], [60, 40]], [[55, 25], [55, 15]]]
AFTER = [[[60, 40], [80, 20]], [[60, 40], [60, 40]], [[60, 40], [55, 15]]]  # the first image is now right throughout


def results(folder: Path, counts: list, miou: float, iou: dict[str, float], settings: dict) -> Path:
    folder.mkdir(parents=True)
    PixelCounts(IMAGES, ("background", "pet"), np.array(counts)).write(folder / "miou_images.csv")
    write_json(folder / "miou.json", {"miou": miou, "iou": iou})
    write_json(folder / "provenance.json", {"runs": {".": {"settings": settings, "images": IMAGES_OF}}, "products": {}})
    entries = tuple(Entry(image, f"{number}.png", ("pet",), "") for number, image in enumerate(IMAGES))
    for place, name in (("data", "val.json"), ("predictions", "index.json")):
        (folder / place).mkdir()
        Manifest(("pet",), None, ".", entries).write(folder / place / name)
    for entry in entries:
        Image.new("RGB", (40, 30)).save(folder / "data" / entry.path)
        save_label_map(folder / "predictions" / entry.path, np.zeros((30, 40), np.uint8))
    return folder


@pytest.fixture
def two(workplace: Path) -> tuple[str, str]:
    before = {"segmentation": {"loss": "cross_entropy", "training": {"epochs": 3, "lr": 0.1}}}
    after = {"segmentation": {"loss": "psl", "training": {"epochs": 3, "lr": 0.01}}}
    results(workplace / "one", BEFORE, 0.5, {"background": 0.6, "pet": 0.4}, before)
    results(workplace / "other", AFTER, 0.75, {"background": 0.9, "pet": 0.6}, after)
    return "one", "other"


def test_what_differs_is_told_and_what_is_the_same_is_not(
    two: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compare", *two])
    said = capsys.readouterr().out
    assert "mIoU 0.500 → 0.750: +25.0 points, [" in said
    assert re.findall(r"^    (segm\S+): (.*)$", said, re.MULTILINE) == [
        ("segmentation.loss", "cross_entropy → psl"),
        ("segmentation.training.lr", "0.1 → 0.01"),
    ]
    rows = [line.split() for line in said.splitlines()]
    assert ["pet", "0.400", "0.600", "+0.200"] in rows


def test_the_photograph_that_changed_most_comes_first(two: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", *two, "--most", "1"])
    *_, last = capsys.readouterr().out.splitlines()
    before = (55 / (60 + 70 - 55) + 25 / (40 + 30 - 25)) / 2
    assert last.split()[-3:] == [f"{before:.3f}", "1.000", f"{1 - before:+.3f}"] and last.strip().startswith(IMAGES[0])


def test_the_page_holds_all_of_it_and_needs_nothing_beside_it(two: tuple[str, str], workplace: Path) -> None:
    main(["compare", *two, "--output", "page.html"])
    page = (workplace / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2 * 3, "photograph and both predictions of two images"
    assert "cat &amp; &lt;mouse&gt;" in page and "<mouse>" not in page
    assert not re.search(r"(src|href)=.(?!data:)", page)


def test_every_setting_in_which_two_runs_of_a_configuration_differ_is_told_and_no_other(
    two: tuple[str, str], workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = {
        "merge1": {"erasing": {"merge": 1}},
        "plain": {"segmentation": {"loss": "cross_entropy"}},
        "psl++": {"segmentation": {"labels": "predictions"}},
        "more": {"dataset": {"scenes": {"train": 500}}},
        "round2": {"erasing": {"per_round": [{"round": 2, "target_area": 0.1}]}},
    }
    plan = Plan(validate(Settings, {"variants": variants, "seeds": [3]}, source="test"))
    write_json(workplace / "one/provenance.json", {"runs": plan.told(), "products": {}})
    for run in plan.runs:
        if run and "@" not in run:
            (results(workplace / "one" / run, AFTER, 0.75, {"pet": 0.6}, {}) / "provenance.json").unlink()

    def told(one: str, other: str) -> list[str]:
        main(["compare", f"one/{one}", f"one/{other}"])
        said = capsys.readouterr().out.partition("settings\n")[2].partition("\n\n")[0]
        return [line.strip() for line in said.splitlines()]

    assert told("", "variants/merge1") == ["erasing.merge: 3 → 1"]
    assert told("variants/psl++", "variants/plain") == [
        "segmentation.labels: predictions → pseudo", "segmentation.loss: psl → cross_entropy"
    ]  # fmt: skip
    assert told("", "variants/round2") == ["erasing.per_round: [] → [{'round': 2, 'target_area': 0.1}]"]
    assert told("", "variants/more") == ["dataset.scenes.train: 400 → 500"]
    assert told("variants/seed3", "variants/plain-seed3") == ["segmentation.loss: psl → cross_entropy"]
    assert told("variants/plain", "variants/plain-seed3") == ["dataset.scenes.seed: 0 → 3", "seed: 0 → 3"]


def test_results_may_lie_behind_a_link(
    two: tuple[str, str], workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.rename("one", "scratch")
    (workplace / "runs/variants").mkdir(parents=True)
    os.remove("scratch/provenance.json")
    told = {"settings": {"segmentation": {"loss": "cross_entropy"}}, "images": IMAGES_OF}
    write_json(Path("runs/provenance.json"), {"runs": {"variants/one": told}})
    (workplace / "runs/variants/one").symlink_to(workplace / "scratch")
    main(["compare", "runs/variants/one", "other"])
    assert "segmentation.loss: cross_entropy → psl" in capsys.readouterr().out


def test_what_cannot_be_compared_is_told(two: tuple[str, str], workplace: Path, refusal: Callable[..., str]) -> None:
    assert "absent/miou.json: no such file" in refusal("compare", "one", "absent")
    assert "miou.json: is there already, and is no .html" in refusal("compare", *two, "--output", "one/miou.json")
    Path("three").mkdir()
    for broken in ({"miou": None, "iou": {"pet": 0.4}}, {"miou": 0.4, "iou": {"pet": "x"}}):
        write_json(Path("three/miou.json"), broken)
        assert "three/miou.json: has no mIoU to compare" in refusal("compare", "one", "three")
    (workplace / "one/provenance.json").write_text('{"runs": 3}')
    assert "provenance.json: not what a run writes" in refusal("compare", *two)
    (workplace / "one/provenance.json").unlink()
    PixelCounts(("dog",), ("pet",), np.ones((3, 1, 1), np.int64)).write(workplace / "other/miou_images.csv")
    assert "judge different photographs" in refusal("compare", *two)


def test_photographs_of_equal_names_are_not_the_same_where_their_truth_differs(
    two: tuple[str, str], workplace: Path, refusal: Callable[..., str]
) -> None:
    moved = np.array(AFTER)
    moved[0, 1] += [1, -1]
    PixelCounts(IMAGES, ("background", "pet"), moved).write(workplace / "other/miou_images.csv")
    assert "judge different photographs" in refusal("compare", *two)


@pytest.mark.parametrize("refined", [True, False])
def test_only_the_predictions_that_were_judged_are_compared(
    two: tuple[str, str], workplace: Path, refusal: Callable[..., str], refined: bool
) -> None:
    index = workplace / "one/predictions/index.json"
    miou = read_json(workplace / "one/miou.json")
    write_json(workplace / "one/miou.json", miou | {"predictions": sha256(index)})
    if refined:  # left from an earlier run, with the CRF
        shutil.copytree(index.parent, workplace / "one/predictions_crf")
        (workplace / "one/predictions_crf/index.json").write_text("of another run")
    main(["compare", *two, "--output", "page.html"])
    assert (workplace / "page.html").read_text(encoding="utf-8").count("data:image/png") == 2 * 3
    index.write_text(index.read_text().replace('"pet"', '"pet", "owl"'))
    assert "one/miou.json: of earlier predictions than those beside it" in refusal("compare", *two)
