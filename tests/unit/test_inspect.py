import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aepsl import stores
from aepsl.cli import main
from aepsl.data.manifest import Entry, Manifest
from aepsl.files import write_json
from aepsl.machine import Machine
from aepsl.provenance import gather, write_record
from aepsl.settings.sections import Section

SIZE = (40, 60)
RED = (255, 0, 0)


def index(folder: Path, *ids: str, colour: tuple[int, int, int]) -> None:
    """A manifest of photographs of one colour, beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for image_id in ids:
        Image.new("RGB", SIZE[::-1], colour).save(folder / f"{image_id}.png")
    entries = tuple(Entry(image_id, f"{image_id}.png", ("dog",), "") for image_id in ids)
    name = "train.json" if folder.name == "data" else "index.json"
    Manifest(("cat", "dog"), None, ".", entries).write(folder / name)


@pytest.fixture
def results(workplace: Path) -> Path:
    """Two photographs in their second round; of a dog a quarter was mined in one and nothing in the other."""
    folder = workplace / "results"
    index(folder / "data", "one", "two", colour=RED)
    index(folder / "round1/erased", "one", "two", colour=(0, 255, 0))
    index(folder / "round2/erased", "one", "two", colour=(0, 0, 255))
    quarter = np.zeros(SIZE, np.uint8)
    quarter[:20, :30] = 255
    with stores.create(folder / "round2/masks.h5", "masks", {"title": "mined", "classes": ["cat", "dog"]}) as store:
        store.add("one", {"dog": quarter}, size=SIZE)
        store.add("two", {"dog": np.zeros(SIZE, np.uint8)}, size=SIZE)
    with stores.create(folder / "round2/cams.h5", "cams", {"classes": ["cat", "dog"]}) as store:
        map_ = np.array([[255, 60, 40]], np.uint8)
        store.add("one", {"dog": map_}, size=SIZE, scales={"dog": 0.5})
    return folder


def test_a_file_tells_its_statistics_by_class(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["inspect", "results/round2/masks.h5"])
    said = capsys.readouterr().out
    assert said.startswith("results/round2/masks.h5: mined\n  masks, 2 images, ")
    assert said.splitlines()[-1].split() == ["dog", "2", "0.000", "0.125", "0.250"]
    main(["inspect", "results/round2/cams.h5"])
    assert capsys.readouterr().out.splitlines()[-1].split() == ["dog", "1", "0.667", "0.667", "0.667"]


def test_a_file_tells_how_it_was_made(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = results / "provenance/round2/mine.json"
    write_record(record, "mine", Section(), code="c0de", products=[Path("results/round2/masks.h5")], machine=Machine())
    write_json(results / "provenance.json", gather(Path("results")))
    main(["inspect", "results/round2/masks.h5"])
    assert "made by stage mine, code c0de, " in capsys.readouterr().out


def test_an_image_stands_there_with_all_that_its_round_made_of_it(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "105")
    main(["inspect", "results/round2/masks.h5", "one"])
    titles, *lines = capsys.readouterr().out.splitlines()
    assert re.findall("photograph|seen by|cams: dog|mined: dog|erased", titles) == [
        "photograph", "seen by", "cams: dog", "mined: dog", "erased"
    ]  # fmt: skip
    first = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", lines[0])
    assert len(first) == 5 * 20 and len(lines) == 7, "20 characters are 14 pixels high"
    colours = [tuple(map(int, cell[:3])) for cell in first]
    assert set(colours[:20]) == {RED} and set(colours[20:40]) == {(0, 255, 0)} and set(colours[80:]) == {(0, 0, 255)}
    mined = [colour != (0, 255, 0) for colour in colours[60:80]]
    assert mined == [True] * 10 + [False] * 10, "the left half, over what the classifier saw"


def test_a_variants_round_is_told_of_and_shown_with_what_it_has_from_the_base(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = results / "variants/plain/round2"
    own.mkdir(parents=True)
    shutil.copy(results / "round2/masks.h5", own)
    record = results / "provenance/variants/plain/round2/mine.json"
    write_record(record, "mine", Section(), code="c0de", products=[own / "masks.h5"], machine=Machine())
    images = {"train": "data/train.json", "val": "data/val.json"}
    for saw, colour in (("round1/erased/index.json", (0, 255, 0)), ("data/train.json", RED)):
        runs = {"variants/plain": {"settings": {}, "images": images | {"rounds": ["data/train.json", saw]}}}
        write_json(results / "provenance.json", {"runs": runs, **gather(results)})
        main(["inspect", "results/variants/plain/round2/masks.h5"])
        assert "made by stage mine, code c0de, " in capsys.readouterr().out
        main(["inspect", "results/variants/plain/round2/masks.h5", "two"])
        titles, first, *_ = capsys.readouterr().out.splitlines()
        assert re.findall("photograph|seen by|mined: dog", titles) == ["photograph", "seen by", "mined: dog"]
        colours = [tuple(map(int, cell)) for cell in re.findall(r"38;2;(\d+);(\d+);(\d+)", first)]
        assert colours[-1] == colour, "what this run's classifier saw, of which nothing was mined"
    write_json(results / "provenance.json", {"runs": {}, **gather(results)})
    main(["inspect", "results/variants/plain/round2/masks.h5", "two"])
    assert "photograph" not in capsys.readouterr().out, "another run's photographs may be others"


def test_a_picture_takes_no_other_files_place(results: Path, refusal: Callable[..., str]) -> None:
    before = (results / "round2/cams.h5").read_bytes()
    said = refusal("inspect", "results/round2/masks.h5", "one", "--output", "results/round2/cams.h5")
    assert "cams.h5: is there already, and is no .png" in said and (results / "round2/cams.h5").read_bytes() == before


def test_scores_of_an_images_classes_are_shown_in_one_range(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "105")
    with stores.create(results / "scores.h5", "scores", {}) as store:
        store.add("one", {name: np.full((2, 2), top, np.float32) for name, top in (("cat", 1), ("dog", 4))}, size=SIZE)
    main(["inspect", "results/scores.h5", "one"])
    line = capsys.readouterr().out.splitlines()[1]
    panels = [re.findall(r"38;2;(\d+);(\d+);(\d+)", cells) for cells in line.split(" ")]
    *_, cat, dog = (sum(map(int, cells[0])) for cells in panels)
    assert dog > 2 * cat
    main(["inspect", "results/round2/cams.h5", "one"])
    assert "cams: dog" in capsys.readouterr().out


def test_a_file_that_is_no_hdf5_is_not_to_be_removed(results: Path, refusal: Callable[..., str]) -> None:
    assert "remove it" not in refusal("inspect", "results/data/train.json")
    (results / "broken.h5").write_text("x")
    assert "remove it and run again" in refusal("inspect", "results/broken.h5")


def test_an_image_is_drawn_as_a_picture(results: Path) -> None:
    main(["inspect", "results/round2/cams.h5", "one", "--output", "shown.png"])
    with Image.open("shown.png") as picture:
        assert picture.width > 4 * picture.height


def test_a_file_alone_shows_its_picture(results: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "round2/masks.h5").rename(workplace / "alone.h5")
    main(["inspect", "alone.h5", "one"])
    assert capsys.readouterr().out.startswith("mined: dog")


def test_what_cannot_be_looked_into_is_told(results: Path, refusal: Callable[..., str]) -> None:
    assert "no image 'three'; its images: one, two" in refusal("inspect", "results/round2/masks.h5", "three")
    assert "not a readable HDF5 file" in refusal("inspect", "results/data/train.json")
    assert "no such file" in refusal("inspect", "absent.h5")
    assert "give its id" in refusal("inspect", "results/round2/masks.h5", "--output", "shown.png")
