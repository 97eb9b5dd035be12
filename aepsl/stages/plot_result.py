"""Draw the result: IoU by class, the confusions, and the photographs that came out best and worst."""

from pathlib import Path

from aepsl.data.images import load_photograph
from aepsl.data.manifest import BACKGROUND, Manifest, entries_by_id
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
    manifest, index = Manifest.read(images), Manifest.read(predictions)
    shown = [] if void else _examples(PixelCounts.read(counts), manifest, images, index, predictions, truth)
    pictures = examples(shown, (BACKGROUND, *manifest.classes))
    save(by_class, iou)
    save(confused, confusion)
    save(pictures, photographs)


def _examples(
    pixels: PixelCounts, manifest: Manifest, images: Path, index: Manifest, predictions: Path, truth: Path
) -> list[Example]:
    """The photographs that came out best, as most do, and worst. images, predictions: where the manifests lie."""
    entries = entries_by_id(manifest, images, pixels.images)
    predicted = entries_by_id(index, predictions, pixels.images)
    own, shown = pixels.by_image(), []
    for rank, number in ranked(own):
        image = pixels.images[number]
        labels = load_label_map(index.file(predicted[image]))
        expected = load_truth(entries[image].mask(truth), size=labels.shape, classes=len(manifest.classes) + 1)
        photograph = load_photograph(manifest.file(entries[image]))
        shown.append(Example(rank, image, float(own[number]), photograph, expected, labels))
    return shown
