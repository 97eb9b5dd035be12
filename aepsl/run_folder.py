"""The folder of a run, as the tools look at it: its settings, its photographs, the predictions that it judges."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aepsl.errors import InputError
from aepsl.files import sha256
from aepsl.provenance import gathered_above, not_gathered
from aepsl.settings.sections import MOST_ROUNDS

REFINED, OWN = "predictions_crf", "predictions"  # folders of predictions


@dataclass(frozen=True)
class RunFolder:
    """What provenance.json tells of a run in the last configuration; else what lies in the folder itself."""

    settings: Mapping[str, Any]
    splits: tuple[Path, ...]
    """Manifests of the training and the validation photographs, this run's or those that it has from another."""
    rounds: tuple[Path, ...]
    """Likewise, of the images that the classifier of each round saw; they need not be there."""

    @classmethod
    def around(cls, path: Path) -> "RunFolder":
        """Of the run whose folder `path` is, or in which it lies. Raises InputError for a broken provenance.json."""
        found = gathered_above(path)
        if found is not None:
            root, told = found
            below = Path(os.path.relpath(path, root)).parts
            run = "/".join(below[:2]) if below[:1] == ("variants",) else "."
            try:
                if run in told.get("runs", {}):
                    settings, images = told["runs"][run]["settings"], told["runs"][run]["images"]
                    splits = (root / images["train"], root / images["val"])
                    return cls(dict(settings), splits, tuple(root / one for one in images["rounds"]))
            except (LookupError, TypeError, AttributeError, ValueError):
                raise not_gathered(root) from None
        folder = path if path.is_dir() else path.absolute().parent
        folder = folder.parent if folder.name.startswith("round") else folder
        splits = (folder / "data" / "train.json", folder / "data" / "val.json")
        erased = [folder / f"round{t}" / "erased" / "index.json" for t in range(1, MOST_ROUNDS)]
        return cls({}, splits, (splits[0], *erased))


def judged(run: Path, miou: Mapping[str, Any]) -> Path | None:
    """The index of the predictions in the run's folder that `miou`, its miou.json, was computed from.

    None where its folder has no predictions, as another run's are the same. Raises InputError where it has others, made
    since then.
    """
    there = [index for folder in (REFINED, OWN) if (index := run / folder / "index.json").is_file()]
    if not there or "predictions" not in miou:
        return next(iter(there), None)
    for index in there:
        if sha256(index) == miou["predictions"]:
            return index
    path = run / "miou.json"
    raise InputError(f"{path}: of earlier predictions than those beside it; make it anew with `snakemake {path}`")
