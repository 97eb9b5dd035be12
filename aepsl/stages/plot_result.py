"""Draw the result: IoU by class, the confusions, and the photographs that came out best and worst."""

from pathlib import Path

from aepsl.data.images import load_photograph
from aepsl.data.manifest import BACKGROUND, Index
from aepsl.data.palette import load_label_map, load_truth
from aepsl.figures import result as drawing
from aepsl.figures.examples import Example, examples, ranked
from aepsl.figures.style import save
from aepsl.files import read_json, whole
from aepsl.pixel_counts import PixelCounts
from aepsl.settings.stages import PlotResultSettings


def run(
    settings: PlotResultSettings,
    *,
    images: Path,
    predictions: Path,
    miou: Path,
    counts: Path,
    ceiling: list[Path],
    truth: Path,
    iou: Path,
    confusion: Path,
    photographs: Path,
) -> None:
    """images: the validation manifest. predictions: their index, after the CRF where there is one. truth: masks.

    miou, counts: of these predictions; ceiling: miou.json of full supervision, where there is one. iou, confusion: the
    figures, SVG; photographs: PNG.
    """
    with whole(miou, *ceiling):
        found = read_json(miou)
        full = read_json(ceiling[0]) if ceiling else None
        by_class = drawing.iou(found, refined=settings.refined, ceiling=full)
        confused = drawing.confusion(found)
        void = found["miou"] is None  # no mask has a pixel of any class, and the table of pixels no row
    pixels = None if void else PixelCounts.read(counts)
    ids = pixels.images if pixels else ()
    judged, predicted = Index.of(images, ids), Index.of(predictions, ids)
    shown = _examples(pixels, judged, predicted, truth) if pixels else []
    pictures = examples(shown, (BACKGROUND, *judged.manifest.classes))
    save(by_class, iou)
    save(confused, confusion)
    save(pictures, photographs)


def _examples(pixels: PixelCounts, judged: Index, predicted: Index, truth: Path) -> list[Example]:
    """The photographs that came out best, as most do, and worst. judged, predicted: photographs and label maps."""
    own, shown = pixels.by_image(), []
    for rank, number in ranked(own):
        image = pixels.images[number]
        labels = load_label_map(predicted.file(image))
        classes = len(judged.manifest.classes) + 1
        expected = load_truth(judged.entries[image].mask(truth), size=labels.shape, classes=classes)
        photograph = load_photograph(judged.file(image))
        shown.append(Example(rank, image, float(own[number]), photograph, expected, labels))
    return shown
