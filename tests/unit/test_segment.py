"""The tool `segment`: masks of photographs from a model file alone."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from aepsl import stores
from aepsl.cli import main
from aepsl.compute import MEAN, STD
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import load_label_map, voc_palette
from aepsl.machine import Machine
from aepsl.models import Card, generator_of, save
from aepsl.networks.build import backbone
from aepsl.networks.segmenter import Segmenter
from aepsl.settings.sections import CRF, Network
from aepsl.settings.stages import CrfSettings, PredictSettings
from aepsl.stages import crf, predict

pytestmark = pytest.mark.usefixtures("workplace")
CLASSES = ("cat", "dog / wolf", "ära")
SMALL = Network(weights=None, width=0.125, blocks=3, stride=4, dilation=1)
ALIGNED = (33, 65)  # 4·8 + 1, 4·16 + 1: the network sees such a photograph as it is


def network() -> Segmenter:
    """Random, but each label wins somewhere."""
    draw = generator_of(0)
    made = Segmenter(backbone(SMALL, draw), len(CLASSES), generator=draw).eval()
    with torch.no_grad():
        made.score.weight.mul_(300)
        made.score.bias.sub_(made(normalised(photograph(0)))[0].mean((0, 2, 3)))
    return made


def photograph(seed: int, size: tuple[int, int] = ALIGNED) -> Image.Image:
    """Blobs of colour."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), np.uint8)
    return Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)


@pytest.fixture
def model(workplace: Path) -> Path:
    card = Card("segmenter", None, CLASSES, (0.0, 0.0, 0.0), SMALL, {"cpu_threads": 1}, longest_side=65)
    save(workplace / "model.safetensors", network(), card)
    return Path("model.safetensors")


@pytest.fixture
def segment(model: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the command says on standard output."""

    def run(*words: str, output: str = "masks") -> str:
        capsys.readouterr()
        fixed = ("--output", output, "--workers", "1", "--precision", "float32")
        main(["segment", "--model", str(model), *fixed, *words])
        return capsys.readouterr().out

    return run


def folder_of(**photographs: Image.Image) -> Path:
    for name, image in photographs.items():
        path = Path("photos", f"{name.replace('__', '/')}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    return Path("photos")


def normalised(image: Image.Image) -> torch.Tensor:
    pixels = torch.tensor(np.asarray(image)).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (pixels - mean) / std


@torch.no_grad()
def scores_of(image: Image.Image) -> torch.Tensor:
    """By torch alone."""
    return network()(normalised(image))[0]


def expected(image: Image.Image, seen: Image.Image | None = None) -> np.ndarray:
    scores = scores_of(seen or image)
    whole = F.interpolate(scores, size=image.size[::-1], mode="bilinear", align_corners=True)
    return whole[0].argmax(0).numpy().astype(np.uint8)


def test_masks_are_the_networks_and_lie_as_the_photographs_do(segment: Callable[..., str]) -> None:
    images = {f"{place}{n}": photograph(n) for n, place in enumerate(("", "day1__", "day1__am__"))}
    said = segment(str(folder_of(**images)))
    masks = {name: load_label_map(Path("masks", f"{name.replace('__', '/')}.png")) for name in images}
    for name, image in images.items():
        assert len(np.unique(masks[name])) > 1 and np.mean(masks[name] == expected(image)) > 0.999, "but for ties"
    assert sum(path.is_file() for path in Path("masks").rglob("*")) == len(images)
    coloured = Image.open("masks/0.png")
    assert coloured.mode == "P" and coloured.getpalette()[:9] == voc_palette()[:3].ravel().tolist()
    holding = {name: sum(k in mask for mask in masks.values()) for k, name in enumerate(CLASSES, start=1)}
    found = ", ".join(f"{name} in {count}" for name, count in holding.items() if count)
    assert found and said == f"3 masks in masks; classes found: {found}\n"


@pytest.mark.parametrize("below", [0.0, 0.5])
def test_masks_are_those_of_the_workflow_without_and_with_the_crf(
    segment: Callable[..., str], model: Path, below: float
) -> None:
    sizes = [(40, 64), (33, 65), (64, 31), (7, 5)]
    folder = folder_of(**{f"p{n}": photograph(n, size) for n, size in enumerate(sizes)})
    entries = tuple(Entry(id=f"p{n}", path=f"p{n}.png", labels=(), sha256="") for n in range(len(sizes)))
    Manifest(CLASSES, None, "photos", entries).write(Path("val.json"))
    machine = Machine("cpu", "float32", 1)
    output, scores = Path("predictions/index.json"), Path("scores.h5")
    settings = PredictSettings(cpu_threads=1, prohibit_below=below)
    predict.run(settings, images=Path("val.json"), model=model, scores=scores, output=output, machine=machine)
    how = CRF(bilateral_xy=10.0, bilateral_rgb=20.0)
    refined = Path("refined/index.json")
    crf.run(CrfSettings(crf=how), images=Path("val.json"), scores=scores, output=refined, machine=machine)
    Path("own.yaml").write_text("crf: {bilateral_xy: 10.0, bilateral_rgb: 20.0}\n")

    prohibit = ("--prohibit-below", str(below))
    segment(str(folder), "--workers", "2", *prohibit)
    segment(str(folder), "--crf", "--config", "own.yaml", *prohibit, output="masks_crf")

    for entry in entries:
        for made, workflows in (("masks", output), ("masks_crf", refined)):
            assert Path(made, entry.path).read_bytes() == (workflows.parent / entry.path).read_bytes()
    assert Path("masks/p0.png").read_bytes() != Path("masks_crf/p0.png").read_bytes()


@pytest.mark.parametrize(("words", "seen"), [((), (33, 65)), (("--longest-side", "129"), (65, 129))])
def test_a_large_photograph_is_seen_at_the_size_of_those_trained_on(
    segment: Callable[..., str], words: tuple[str, ...], seen: tuple[int, int]
) -> None:
    image = photograph(5, (260, 516))
    segment(str(folder_of(large=image)), *words)
    mask = load_label_map(Path("masks/large.png"))
    assert mask.shape == (260, 516)
    assert np.mean(mask == expected(image, image.resize(seen[::-1], Image.Resampling.BILINEAR))) > 0.999


def test_the_crf_sees_a_large_photograph_at_that_size_too(segment: Callable[..., str]) -> None:
    segment(str(folder_of(large=photograph(5, (260, 516)))), "--crf")
    segment("photos", output="plain")
    refined, plain = (load_label_map(Path(folder, "large.png")) for folder in ("masks", "plain"))
    assert refined.shape == (260, 516) and 0.5 < np.mean(refined == plain) < 1


def test_probabilities_are_the_softmax_of_all_classes_by_name(segment: Callable[..., str]) -> None:
    image = photograph(1)
    segment(str(folder_of(**{"day1__a": image, "b": photograph(2)})), "--probabilities", "new/p.h5")
    softmax = scores_of(image).softmax(1)[0].numpy()
    with stores.Reader(Path("new/p.h5"), "probabilities") as store:
        assert store.ids() == ["b", "day1/a"]
        assert store.attributes["classes"] == ["background", *CLASSES]
        assert store.size("day1/a") == ALIGNED
        found = store.read("day1/a")
    assert {one.dtype for one in found.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose([found[name] for name in ("background", *CLASSES)], softmax, atol=2e-3)


def test_overlays_show_the_photograph_and_the_classes_colours(segment: Callable[..., str]) -> None:
    image = photograph(3, (132, 260))
    segment(str(folder_of(**{"day1__a": image})), "--overlays", "overlays")
    mask, pixels = load_label_map(Path("masks/day1/a.png")), np.asarray(image).astype(float)
    shown = np.asarray(Image.open("overlays/day1/a.jpg")).astype(float)
    blended = np.where(mask[..., None] > 0, (pixels + voc_palette()[mask]) / 2, pixels)
    assert shown.shape == blended.shape
    assert np.abs(shown - blended).mean() < 4 < np.abs(shown - pixels).mean(), "JPEG loses a little"


def test_a_photograph_lying_on_its_side_gets_an_upright_mask(segment: Callable[..., str]) -> None:
    image, exif = photograph(4), Image.Exif()
    exif[0x0112] = 6  # turn right to look at it
    Path("photos").mkdir()
    image.save("photos/a.png", exif=exif)
    segment("photos/a.png")
    turned = image.transpose(Image.Transpose.ROTATE_270)
    mask = load_label_map(Path("masks/a.png"))
    assert mask.shape == (65, 33) and np.mean(mask == expected(turned)) > 0.999


def test_hidden_files_and_own_masks_are_left_out_and_linked_folders_followed(segment: Callable[..., str]) -> None:
    folder = folder_of(a=photograph(1), day1__b=photograph(2))
    for name in (".c.png", ".thumbnails/d.png", "notes.txt", "e.PNG"):
        (folder / name).parent.mkdir(exist_ok=True)
        photograph(3).save(folder / name, format="PNG")
    os.symlink("day1", folder / "linked")
    segment("photos", "photos/a.png", output="photos/masks")
    first = sorted(str(path.relative_to("photos/masks")) for path in Path("photos/masks").rglob("*.png"))
    assert first == ["a.png", "day1/b.png", "e.png", "linked/b.png"]
    assert segment("photos", output="photos/masks").startswith("4 masks"), "masks are no photographs"


def test_a_mask_that_is_there_is_replaced(segment: Callable[..., str]) -> None:
    folder = folder_of(a=photograph(1))
    Path("masks").mkdir()
    Path("masks/a.png").write_text("old")
    segment(str(folder))
    assert load_label_map(Path("masks/a.png")).shape == ALIGNED


@pytest.mark.parametrize("words", [[], ["--skip-unreadable"]])
def test_an_unreadable_photograph_ends_the_run_or_is_counted(
    segment: Callable[..., str], refusal: Callable[..., str], model: Path, words: list[str]
) -> None:
    folder = folder_of(a=photograph(1), b=photograph(2), c=photograph(3))
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:200])
    made = ["--model", str(model), "--output", "masks", "--probabilities", "p.h5"]
    if words:
        assert segment("photos", *words).endswith("; 1 skipped\n")
        assert sorted(os.listdir("masks")) == ["a.png", "c.png"]
        assert "none of 1 photographs can be read; the first: photos/b.png" in refusal(
            "segment", "photos/b.png", *made, *words
        )
    else:
        assert "photos/b.png: not a readable photograph" in refusal("segment", "photos", *made)
    assert not Path("p.h5").exists() and not list(Path().rglob("*.tmp"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent"], "absent: no such photograph or folder"),
        (["photos", "empty"], "empty: no photograph in this folder (.bmp, .gif, .jpeg, .jpg, "),
        (["photos", "photos/day1"], "photos/a.png and photos/day1/a.png would both become a"),
        (["twice"], "twice/a.jpg and twice/a.png would both become a: rename one, or take them apart"),
        (["photos", "--output", "photos"], "photos: the folder of the photographs cannot take"),
        (["photos/a.png", "--output", "photos"], "photos: a folder of photographs; give another one"),
        (["twice/a.jpg", "--overlays", "twice"], "twice: a folder of photographs; give another one"),
        (["photos", "--output", "file"], "file: a file; give a folder"),
        (["photos", "--probabilities", "empty"], "empty: a folder; give a file"),
        (["photos", "--probabilities", "file"], "file: is there already, and is no .h5; give another file"),
        (["photos", "--model", "empty"], "empty: a folder; give a file"),
        (["photos", "--probabilities", "photos/a.png"], "photos/a.png: an input, not to be overwritten"),
        (["photos", "--longest-side", "31"], "--longest-side is at least 32. Got: 31"),
        (["photos", "--prohibit-below", "2"], "--prohibit-below is in 0..1. Got: 2.0"),
        (["photos", "--prohibit-below", "0.1", "--model", "plain"], "plain: trained without PSL, so it has no v"),
        (["photos", "--cpu-threads", "0"], "--cpu-threads is 1 to 256. Got: 0"),
        (["photos", "--config", "own.yaml"], "--config own.yaml: nothing but the CRF's settings is read of it"),
        (["photos", "--crf", "--config", "absent.yaml"], "absent.yaml: the configuration cannot be read"),
        (["photos", "--model", "absent"], "absent: no such model"),
        (["photos", "--model", "file"], "file: not a readable safetensors file"),
        (["photos", "--model", "classifier"], "classifier: expected a segmenter of format 'aepsl model 1'. Got: aepsl"),
    ],
)
def test_bad_input_is_one_line_before_any_work(
    refusal: Callable[..., str], model: Path, words: list[str], said: str
) -> None:
    folder_of(a=photograph(1), day1__a=photograph(2))
    for folder in ("empty", "twice"):
        Path(folder).mkdir()
    for name in ("twice/a.jpg", "twice/a.png", "file"):
        Path(name).write_text("not opened")
    card = Card("segmenter", None, CLASSES, (0.0, 0.0, 0.0), SMALL, {})
    save(Path("classifier"), network(), replace(card, task="classifier"))
    save(Path("plain"), network(), replace(card, settings={"segmentation": {"loss": "cross_entropy"}}))
    before = sorted(Path().rglob("*"))
    assert said in refusal("segment", "--model", str(model), "--output", "masks", *words)
    assert sorted(Path().rglob("*")) == before


def test_a_name_that_is_no_utf_8_is_refused(refusal: Callable[..., str], model: Path) -> None:
    folder_of(a=photograph(1))
    os.rename("photos/a.png", b"photos/\xff.png")
    assert "the name is not UTF-8; rename it" in refusal("segment", "photos", "--model", str(model), "--output", "m")
