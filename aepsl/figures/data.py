"""What there is to learn from and to judge by."""

from matplotlib.figure import Figure

from aepsl.data.manifest import Manifest
from aepsl.figures.dots import Series, dots
from aepsl.figures.style import styled


@styled
def data(train: Manifest, val: Manifest) -> Figure:
    """The share of the photographs that have each class, in both splits; beside the names how many they are."""
    counted = [_counted(split) for split in (train, val)]
    shares = [[100 * n / max(1, len(m.entries)) for n in c] for m, c in zip((train, val), counted, strict=True)]
    most = max([1.0, *shares[0], *shares[1]])
    return dots(
        train.classes,
        [f"{a:,} / {b:,}" for a, b in zip(*counted, strict=True)],
        [
            Series(f"training: {_said(train)}", shares[0], "main"),
            Series(f"validation: {_said(val)}", shares[1], "before"),
        ],
        text="Photographs with each class, training / validation",
        label="share of the photographs (%)",
        limit=most,
    )


def _counted(manifest: Manifest) -> list[int]:
    return [sum(name in entry.labels for entry in manifest.entries) for name in manifest.classes]


def _said(manifest: Manifest) -> str:
    count = len(manifest.entries)
    labels = sum(len(entry.labels) for entry in manifest.entries) / max(1, count)
    left_out = f", {manifest.skipped} more cannot be read" if manifest.skipped else ""
    return f"{count:,} photograph{'s' * (count != 1)}, {labels:.1f} labels each{left_out}"
