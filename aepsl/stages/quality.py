"""Judge every intermediate product on the training images, beside its control. Nothing is trained on what is found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import load_label_map, load_truth
from aepsl.erasing import AreaCalibration, mine, normalised, rounds_before_jump, union
from aepsl.files import write_json
from aepsl.labelling import background_threshold, merged_regions, saliency_of
from aepsl.machine import Machine
from aepsl.merging import final_losses
from aepsl.metrics import Cells, ThresholdSweep, mean_iou, rounded
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.pseudo_labels import pseudo_label
from aepsl.quality import LabelCounts, RegionCounts
from aepsl.settings.stages import QualitySettings
from aepsl.upsampling import upsample

THRESHOLDS = np.arange(100) / 100


def run(
    settings: QualitySettings,
    *,
    images: Path,
    cams: list[Path],
    masks: list[Path],
    histories: list[Path],
    saliency: Path,
    truth: Path,
    parts: Path | None,
    output: Path,
    machine: Machine,
) -> None:
    """cams: of the first round and of the last, T. masks, histories: of rounds 1..T.

    truth: folder of masks; parts: of the objects' parts, for scenes.

    output: quality.json: `rounds`, each alone; `merges` of the first 1..T rounds, each beside its control, the first
    round's maps alone with the threshold lowered to the merge's area; `auto`, how many rounds `erasing.merge: auto`
    takes; `sweep`, the label maps of all rounds with the last one's threshold varied (later rounds would see other
    images); `background_threshold`, where it was found, not given.
    """
    manifest = Manifest.read(images)
    workers, given = machine.workers, settings.background_threshold
    threshold = background_threshold(given, manifest, masks=masks[0], saliency=saliency, workers=workers)
    judge = _Judge(threshold, settings.mine_erased, manifest, cams, masks, saliency, truth, parts)
    rounds = len(masks)
    first = _Counts.empty(rounds)
    won, lost = (ThresholdSweep(judge.classes, THRESHOLDS) for _ in range(2))
    for counts, contest in in_processes(judge.merges, each(manifest.entries, "quality"), workers=workers):
        first += counts
        won.add(contest.won)
        lost.add(contest.lost)
    areas = [merged.area / merged.images for merged in first.merged]
    fractions = [first.calibration.fraction(area) for area in areas]
    controls = [(RegionCounts(), LabelCounts()) for _ in fractions]
    for found in in_processes(judge.controls(fractions), each(manifest.entries, "controls"), workers=workers):
        for (regions, labels), (more_regions, more_labels) in zip(controls, found, strict=True):
            regions += more_regions
            labels += more_labels
    losses = [final_losses(path) for path in histories]
    write_json(
        output,
        {
            "rounds": [
                {
                    "round": t,
                    "loss": loss,
                    "constant_loss": constant,
                    **alone.summary(),
                }
                for t, ((loss, constant), alone) in enumerate(zip(losses, first.alone, strict=True), start=1)
            ],
            "merges": [
                {
                    "rounds": t,
                    "mined": first.merged[t - 1].summary(),
                    "pseudo_labels": first.labels[t - 1].summary(),
                    "control": {
                        "fraction_of_max": fractions[t - 1],
                        "mined": controls[t - 1][0].summary(),
                        "pseudo_labels": controls[t - 1][1].summary(),
                    },
                }
                for t in range(1, rounds + 1)
            ],
            **({"background_threshold": rounded(threshold)} if given == "mined" else {}),
            "auto": rounds_before_jump(losses, jump=settings.jump),
            "sweep": {
                "fraction_of_max": THRESHOLDS.tolist(),
                "miou": [rounded(mean_iou(confusion)) for confusion in swept(won, lost)],
            },
        },
    )


@dataclass
class _Counts:
    """What one pass over the images counts."""

    alone: list[RegionCounts]
    merged: list[RegionCounts]
    labels: list[LabelCounts]
    calibration: AreaCalibration

    @classmethod
    def empty(cls, rounds: int) -> "_Counts":
        return cls(
            alone=[RegionCounts() for _ in range(rounds)],
            merged=[RegionCounts() for _ in range(rounds)],
            labels=[LabelCounts() for _ in range(rounds)],
            calibration=AreaCalibration(),
        )

    def __iadd__(self, other: "_Counts") -> "_Counts":
        for mine_, others in ((self.alone, other.alone), (self.merged, other.merged), (self.labels, other.labels)):
            for one, more in zip(mine_, others, strict=True):  # type: ignore[arg-type]
                one += more
        self.calibration.include(other.calibration)
        return self


class _Contest(NamedTuple):
    """An image's pixels by truth, strongest label and the thresholds of the last round below its strength."""

    won: Cells
    """Those that the last round and those before it mine for a class at all."""
    lost: Cells
    """Of these, those that they mine for another one too, a conflict."""


def swept(won: ThresholdSweep, lost: ThresholdSweep) -> np.ndarray:
    """The confusion matrix of each threshold, int64 (T, C, C), ignored pixels as background."""
    conflicts = lost.confusions()
    found = won.confusions() - conflicts
    found[:, :, 0] += conflicts.sum(2)  # all pixels: what is lost is background, as what was never won
    return found


@dataclass(frozen=True)
class _Judge:
    """Judges one image at a time."""

    background_threshold: float
    mine_erased: bool
    manifest: Manifest
    cams: list[Path]
    masks: list[Path]
    saliency: Path
    truth: Path
    parts: Path | None

    @property
    def classes(self) -> int:
        return len(self.manifest.classes) + 1

    def merges(self, entry: Entry) -> tuple[_Counts, _Contest]:
        """The rounds alone and merged, the areas of the first, and the sweep of the last."""
        truth, parts, saliency = self._truth(entry)
        counts, sweep = _Counts.empty(0), ThresholdSweep(self.classes, THRESHOLDS)
        merged = {label: np.zeros(truth.shape, bool) for label in self.manifest.label_indices(entry)}
        before = merged
        for path in self.masks:
            mined = merged_regions([path], entry, self.manifest, size=truth.shape)
            before, merged = merged, {label: mask | mined[label] for label, mask in merged.items()}
            counts.alone.append(RegionCounts.of(mined, truth, parts))
            counts.merged.append(RegionCounts.of(merged, truth, parts))
            counts.labels.append(self._labels(merged, saliency, truth))
        counts.calibration.add(list(self._maps(self.cams[0], entry, truth).values()))
        label, won, lost = self._contest(self._maps(self.cams[-1], entry, truth), before, truth.shape)
        salient = saliency >= self.background_threshold
        cells = (sweep.cells(truth, label, strength * salient) for strength in (won, lost))
        return counts, _Contest(*cells)

    def controls(self, fractions: list[float]):  # type: ignore[no-untyped-def]
        """For each fraction of max, the first round's maps alone, thresholded there."""

        def judge(entry: Entry) -> list[tuple[RegionCounts, LabelCounts]]:
            truth, parts, saliency = self._truth(entry)
            maps = self._maps(self.cams[0], entry, truth)
            found = []
            for fraction in fractions:
                mined = {c: mine(map_, reading="fraction_of_max", threshold=fraction) for c, map_ in maps.items()}
                found.append((RegionCounts.of(mined, truth, parts), self._labels(mined, saliency, truth)))
            return found

        return judge

    def _truth(self, entry: Entry) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        parts = None if self.parts is None else load_label_map(self.parts / f"{entry.id}.png")
        saliency = saliency_of(self.saliency, entry) / np.float32(255)
        truth = load_truth(entry.mask(self.truth), size=saliency.shape, classes=self.classes)
        return truth, parts, saliency

    def _labels(self, mined: Mapping[int, np.ndarray], saliency: np.ndarray, truth: np.ndarray) -> LabelCounts:
        labels = pseudo_label(mined, saliency, background_threshold=self.background_threshold)
        return LabelCounts.of(labels, truth, self.classes)

    def _contest(
        self, maps: dict[int, np.ndarray], before: dict[int, np.ndarray], size: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each pixel's strongest label, and its strength and the next label's, (H, W): mined above these fractions.

        maps: of the last round. before: regions of those before it, mined at any fraction.
        """
        free = ~union(before.values(), size=size) | self.mine_erased  # type: ignore[arg-type]
        none = np.zeros(size, np.float32)
        strengths = [np.where(before[label], np.float32(1), normalised(map_) * free) for label, map_ in maps.items()]
        *_, lost, won = np.sort([none, none, *strengths], axis=0)
        return np.array([0, *maps], np.uint8)[np.argmax([none, *strengths], axis=0)], won, lost

    def _maps(self, path: Path, entry: Entry, like: np.ndarray) -> dict[int, np.ndarray]:
        cams = stores.opened(path, "cams").read(entry.id, names=entry.labels, size=like.shape)
        return {self.manifest.classes.index(name) + 1: upsample(map_, size=like.shape) for name, map_ in cams.items()}
