"""A gallery to walk through: every image as a row through the pipeline, a folder that any browser opens offline.

The page's files are aepsl/pages/gallery.*; beside it lie two strips of small pictures an image.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aepsl import metrics, stores
from aepsl.data.images import load_photograph
from aepsl.data.manifest import BACKGROUND, Entry, Index, Manifest
from aepsl.data.palette import load_truth, voc_palette
from aepsl.data.void import VOID
from aepsl.files import canonical, flush_all, write_text
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.settings.stages import GallerySettings
from aepsl.strips import BLOCK, BOX, MOST, Picture, fitted, grey, heated, save_strip, small_labels, small_photograph
from aepsl.upsampling import upsample

PAGES = Path(__file__).parent.parent / "pages"
TRAINED, PREDICTED = 1, 2  # what an image is for, and 3 for both

Layout = tuple[tuple[str, ...], tuple[str, ...]]
"""The names of the pictures in an image's two strips, from the top.

I1.. the images of each round; H1.. its heat map, the highest of the labels; H1.0 that of the first label, where there
are several and the strip has room; S saliency. Label maps: F1.. mined regions, P pseudo-label, R prediction, C after
the CRF, T truth.
"""


class Row(NamedTuple):
    """What the page knows of an image, beside its strips."""

    id: str
    use: int
    size: tuple[int, int]
    """(height, width) of its pictures."""
    layout: Layout
    labels: list[int]
    """Numbers in a label map, as in the manifest."""
    area: float
    """Share of the pixels that its last label map gives to an object."""
    iou: dict[int, float] | None
    """Of that map, where there is truth: of each class in either, the background among them; ignored is background."""
    found: list[int]
    """The classes in that map."""


def run(
    settings: GallerySettings,
    *,
    train: Path,
    val: Path,
    erased: list[Path],
    cams: list[Path],
    masks: list[Path],
    saliency: Path,
    pseudo_labels: Path,
    predictions: Path,
    refined: list[Path],
    train_truth: Path | None,
    val_truth: Path | None,
    output: Path,
    machine: Machine,
) -> None:
    """erased, cams, masks: manifests of I_1..I_T, maps and regions of all rounds. output: index.html, written last.

    train_truth, val_truth: folders of masks, which some or all images may lack. A photograph that is in both manifests
    is one row.
    """
    training, validation = Manifest.read(train), Manifest.read(val)
    trained, predicted = ([entry.id for entry in manifest.entries] for manifest in (training, validation))
    folder = output.parent
    draw = _Drawer(
        manifests=(training, validation),
        erased=[None if path == train else Index.of(path, trained) for path in erased],
        cams=cams,
        masks=masks,
        saliency=saliency,
        pseudo_labels=Index.of(pseudo_labels, trained),
        predictions=[Index.of(path, predicted) for path in (predictions, *refined)],
        truths=(train_truth, val_truth),
        folder=folder,
    )
    hashes = {entry.id: entry.sha256 for entry in validation.entries}
    jobs = [(entry, TRAINED | (PREDICTED * (hashes.get(entry.id) == entry.sha256))) for entry in training.entries]
    both = {entry.id for entry, use in jobs if use & PREDICTED}
    jobs += [(entry, PREDICTED) for entry in validation.entries if entry.id not in both]
    rows = list(in_processes(draw, each(jobs, "gallery"), workers=machine.workers))
    flush_all(output.parent.glob("*/*.webp"))
    write_text(output, page(rows, training.classes, rounds=len(cams), title=folder.absolute().parent.name))


def page(rows: list[Row], classes: tuple[str, ...], *, rounds: int, title: str) -> str:
    """index.html: the page with its style, its script and its data in it."""
    layouts = list(dict.fromkeys(row.layout for row in rows))
    data = {
        "classes": classes,
        "colours": [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in voc_palette()],
        "rounds": rounds,
        "box": BOX,
        "block": BLOCK,
        "layouts": layouts,
        "images": [_compact(row, layouts.index(row.layout)) for row in rows],
    }
    text = canonical(data).replace("<", "\\u003c")  # so that no name ends the script
    values = {"title": html.escape(title), "data": text}

    def filled(mark: re.Match[str]) -> str:
        return values.get(mark[1]) or (PAGES / mark[1]).read_text(encoding="utf-8")

    return re.sub(r"/\* ([\w.]+) \*/", filled, (PAGES / "gallery.html").read_text(encoding="utf-8"))


def _compact(row: Row, layout: int) -> list[Any]:
    """[id, use, height, width, layout, labels, area, mean IoU or null, [[class, IoU or null], …]], in thousandths.

    The classes are the labels, then those that were found beside them; the mean is over the classes in truth or map.
    """
    named = [*row.labels, *(label for label in row.found if label not in row.labels)]
    of_class = [[label, None if row.iou is None else _thousandths(row.iou.get(label))] for label in named]
    mean = None if not row.iou else _thousandths(sum(row.iou.values()) / len(row.iou))
    return [row.id, row.use, *row.size, layout, len(row.labels), _thousandths(row.area), mean, of_class]


def _thousandths(value: float | None) -> int | None:
    return None if value is None else round(1000 * value)


@dataclass(frozen=True)
class _Drawer:
    """Draws one image at a time."""

    manifests: tuple[Manifest, Manifest]
    erased: list[Index | None]
    cams: list[Path]
    masks: list[Path]
    saliency: Path
    pseudo_labels: Index
    predictions: list[Index]
    truths: tuple[Path | None, Path | None]
    folder: Path

    def __call__(self, job: tuple[Entry, int]) -> Row:
        """Write the image's strips. job: the image and what it is for."""
        entry, use = job
        manifest = self.manifests[0 if use & TRAINED else 1]
        photograph = load_photograph(manifest.file(entry))
        full, size = photograph.shape[:2], fitted(photograph.shape[:2])
        pictures: dict[str, Picture] = {"I1": small_photograph(photograph, size)}
        maps: dict[str, Picture] = {}
        if use & TRAINED:
            pictures |= self._seen(entry, size) | self._heat(entry, full, size)
            pictures["S"] = small_photograph(grey(self._read(self.saliency, "saliency", entry, full)["saliency"]), size)
            maps |= {f"F{t}": self._mined(path, entry, full) for t, path in enumerate(self.masks, start=1)}
            maps["P"] = self._labels(self.pseudo_labels.file(entry.id), full)
            if len(pictures) > MOST:
                pictures = {name: picture for name, picture in pictures.items() if "." not in name}
        if use & PREDICTED:
            maps |= {
                name: self._labels(index.file(entry.id), full)
                for name, index in zip("RC", self.predictions, strict=False)
            }
        last = np.where(maps[list(maps)[-1]] == VOID, 0, maps[list(maps)[-1]])
        truth = self._truth(entry, use, full)
        if truth is not None:
            maps["T"] = truth
        place = self.folder / ("train" if use & TRAINED else "val")
        save_strip(place / "pictures" / f"{entry.id}.webp", list(pictures.values()), lossless=False)
        small = [small_labels(labels, size) for labels in maps.values()]
        save_strip(place / "labels" / f"{entry.id}.webp", small, lossless=True)
        return Row(
            id=entry.id,
            use=use,
            size=size,
            layout=(tuple(pictures), tuple(maps)),
            labels=manifest.label_indices(entry),
            area=float(np.mean(last > 0)),
            iou=None if truth is None else self._iou(truth, last),
            found=[int(label) for label in np.unique(last) if label],
        )

    def _seen(self, entry: Entry, size: tuple[int, int]) -> dict[str, Picture]:
        """I_2..I_T, where they are not the photograph itself."""
        return {
            f"I{t}": small_photograph(load_photograph(index.file(entry.id)), size)
            for t, index in enumerate(self.erased, start=1)
            if index is not None
        }

    def _heat(self, entry: Entry, full: tuple[int, ...], size: tuple[int, int]) -> dict[str, Picture]:
        """Of each round the heat map of each label, relative to its maximum, and before them the highest of several."""
        drawn = {}
        for t, path in enumerate(self.cams, start=1):
            found = self._read(path, "cams", entry, full)
            maps = [upsample(found[name] / max(1.0, found[name].max()), size=size) for name in entry.labels]
            if maps:
                drawn[f"H{t}"] = heated(np.max(maps, axis=0))
            if len(maps) > 1:
                drawn |= {f"H{t}.{number}": heated(map_) for number, map_ in enumerate(maps)}
        return drawn

    def _mined(self, path: Path, entry: Entry, full: tuple[int, ...]) -> Picture:
        """A round's regions as a label map; what several classes have is ignored."""
        regions = self._read(path, "masks", entry, full)
        labels, times = np.zeros(full, np.uint8), np.zeros(full, np.uint8)
        for number, name in zip(self.manifests[0].label_indices(entry), entry.labels, strict=True):
            labels[regions[name] > 0] = number
            times += regions[name] > 0
        labels[times > 1] = VOID
        return labels

    def _truth(self, entry: Entry, use: int, full: tuple[int, ...]) -> Picture | None:
        """The image's mask, where there is one."""
        for split, folder in zip((TRAINED, PREDICTED), self.truths, strict=True):
            if use & split and folder is not None and entry.mask(folder).exists():
                return self._labels(entry.mask(folder), full)
        return None

    def _labels(self, path: Path, full: tuple[int, ...]) -> Picture:
        return load_truth(path, size=full, classes=self._classes)

    def _iou(self, truth: Picture, found: Picture) -> dict[int, float]:
        iou = metrics.iou(metrics.confusion_matrix(truth, found, self._classes))
        return {number: float(value) for number, value in enumerate(iou) if not np.isnan(value)}

    @property
    def _classes(self) -> int:
        return len((BACKGROUND, *self.manifests[0].classes))

    @staticmethod
    def _read(path: Path, kind: str, entry: Entry, size: tuple[int, ...]) -> Mapping[str, Picture]:
        names = ["saliency"] if kind == "saliency" else entry.labels
        return stores.opened(path, kind).read(entry.id, names=names, size=size)
