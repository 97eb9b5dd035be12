"""Say in a few lines what a run came to, and what to open."""

import argparse
from pathlib import Path
from typing import Any

from aepsl.data.manifest import Manifest
from aepsl.errors import InputError
from aepsl.files import read_json, whole
from aepsl.run_folder import OWN, REFINED, RunFolder, judged


def options(parser: argparse.ArgumentParser) -> None:
    """The folder of the results."""
    parser.description = __doc__
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))


def run(options: argparse.Namespace) -> None:
    """Print the summary of a folder of results."""
    print(summary(options.results))


def summary(results: Path) -> str:
    """The headline, the rounds, and the files to look at."""
    if not results.is_dir():
        raise InputError(f"{results}: no such folder of results")
    has_miou = (results / "miou.json").exists() or not (results / "overview.png").exists()
    lines = ["", *(_headline(results) if has_miou else ["  no mIoU: there are no ground-truth masks to judge by"])]
    for split in ("train", "val"):
        manifest = results / "data" / f"{split}.json"
        if manifest.exists() and (skipped := Manifest.read(manifest).skipped):
            lines.append(f"  photographs left out of {split}, as they cannot be read: {skipped}")
    if (quality := results / "quality.json").exists():
        with whole(quality):
            lines += ["", *_rounds(read_json(quality))]
    lines += ["", "  to look at"]
    crf = RunFolder.around(results).settings.get("crf", {})
    refined = crf.get("iterations") != 0 and (results / REFINED).exists()
    for name, what in (
        ("overview.png", "images as rows through the pipeline"),
        ("report", "figures; `snakemake --report report.html`, with the run's --configfile, makes one file of them"),
        ("pseudo_labels", "what the segmentation network learned from"),
        (REFINED if refined else OWN, "its result: the masks"),
        ("round1/cams.h5", "class activation maps, in any HDF5 viewer"),
        ("quality.json", "every intermediate product judged"),
        ("miou.json", "IoU by class, confusion matrix"),
    ):
        if (results / name).exists():
            lines.append(f"    {results / name!s:<34} {what}")
    return "\n".join(lines) + "\n"


def _headline(results: Path) -> list[str]:
    with whole(results / "miou.json"):
        miou = read_json(results / "miou.json")
        try:
            judged(results, miou)
        except InputError as error:
            return [f"  no mIoU: {error}"]
        own, without = miou["miou"], miou["without_crf"]["miou"]
        lines = [f"  mIoU on {miou['images']} validation images    {_number(own)}  (without CRF {_number(without)})"]
    ceiling = results / "variants" / "ceiling" / "miou.json"
    if ceiling.exists():
        with whole(ceiling):
            full = read_json(ceiling)["miou"]
            share = f"  share {own / full:.2f}" if full else ""
            lines.append(f"  fully supervised (the ceiling)   {_number(full)}{share}")
    return lines


def _rounds(quality: dict[str, Any]) -> list[str]:
    lines = ["  merged rounds   mined area  precision  recall   pseudo-label mIoU   at equal area, round 1 alone"]
    for merge in quality["merges"]:
        mined, labels, control = merge["mined"], merge["pseudo_labels"], merge.get("control")
        beside = _number(control["pseudo_labels"]["miou"]) if control else ""
        lines.append(
            f"  {merge['rounds']:>13} {_number(mined['area']):>12} {_number(mined['precision']):>10}"
            f" {_number(mined['recall']):>7} {_number(labels['miou']):>19}   {beside:>28}"
        )
    return lines


def _number(value: float | None) -> str:
    """None: of nothing, such as the precision of regions that are empty."""
    return "–" if value is None else f"{value:.3f}"
