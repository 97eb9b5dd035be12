"""Say in a few lines what a run came to, and what to open."""

import argparse
from pathlib import Path
from typing import Any

from aepsl.files import read_json


def options(parser: argparse.ArgumentParser) -> None:
    """The folder of the results."""
    parser.description = __doc__
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))


def run(options: argparse.Namespace) -> None:
    """Print the summary of a folder of results."""
    print(summary(options.results))


def summary(results: Path) -> str:
    """The headline, the rounds, and the files to look at."""
    judged = (results / "miou.json").exists() or not (results / "overview.png").exists()
    lines = ["", *(_headline(results) if judged else ["  no mIoU: there are no ground-truth masks to judge by"])]
    for split in ("train", "val"):
        manifest = results / "data" / f"{split}.json"
        if manifest.exists() and (skipped := read_json(manifest)["skipped"]):
            lines.append(f"  photographs left out of {split}, as they cannot be read: {skipped}")
    if (results / "quality.json").exists():
        lines += ["", *_rounds(read_json(results / "quality.json"))]
    lines += ["", "  to look at"]
    refined = (results / "predictions_crf").exists()
    for name, what in (
        ("overview.png", "images as rows through the pipeline"),
        ("pseudo_labels", "what the segmentation network learned from"),
        ("predictions_crf" if refined else "predictions", "its result: the masks"),
        ("round1/cams.h5", "class activation maps, in any HDF5 viewer"),
        ("quality.json", "every intermediate product judged"),
        ("miou.json", "IoU by class, confusion matrix"),
    ):
        if (results / name).exists():
            lines.append(f"    {results / name!s:<34} {what}")
    return "\n".join(lines) + "\n"


def _headline(results: Path) -> list[str]:
    miou = read_json(results / "miou.json")
    lines = [
        f"  mIoU on {miou['images']} validation images    {miou['miou']:.3f}"
        f"  (without CRF {miou['without_crf']['miou']:.3f})",
    ]
    ceiling = results / "variants" / "ceiling" / "miou.json"
    if ceiling.exists():
        full = read_json(ceiling)["miou"]
        lines.append(f"  fully supervised (the ceiling)   {full:.3f}  share {miou['miou'] / full:.2f}")
    return lines


def _rounds(quality: dict[str, Any]) -> list[str]:
    lines = ["  merged rounds   mined area  precision  recall   pseudo-label mIoU   at equal area, round 1 alone"]
    for merge in quality["merges"]:
        mined, labels, control = merge["mined"], merge["pseudo_labels"], merge.get("control")
        beside = f"{control['pseudo_labels']['miou']:.3f}" if control else ""
        lines.append(
            f"  {merge['rounds']:>13} {mined['area']:>12.3f} {mined['precision']:>10.3f} {mined['recall']:>7.3f}"
            f" {labels['miou']:>19.3f}   {beside:>28}"
        )
    return lines
