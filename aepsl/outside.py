"""What jobs read that no rule makes: photographs, lists, labels, masks, weights, saliency maps."""

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from aepsl.data import folder, voc
from aepsl.errors import InputError
from aepsl.fingerprints import contents
from aepsl.settings.sections import Dataset
from aepsl.settings.settings import Settings

T = TypeVar("T")
FORMATS = {"voc": voc, "folder": folder}  # of data that the project does not make itself
CONTENT_CACHE = Path(".snakemake/aepsl-contents.json")
PAGES = Path(__file__).parent / "pages"
TRAINING = ("train_classifier", "train_segmentation")


class Outside:
    """Looks at each thing once: a dataset has a hundred thousand files, and Snakemake asks of each job anew."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def _once(self, key: Any, look: Callable[[], T]) -> T:
        if key not in self._known:
            self._known[key] = look()
        found: T = self._known[key]
        return found

    def masks(self, dataset: Dataset, split: str) -> tuple[Path, list[Path]] | None:
        """The folder of masks and where those of a split belong; None: there are none, or the project draws them."""
        if dataset.format not in FORMATS:
            return None
        key = ("masks", dataset.model_dump_json(), split)
        return self._once(key, lambda: FORMATS[dataset.format].masks(dataset, split))

    def lacking(self, dataset: Dataset, split: str) -> list[Path]:
        """The masks of a split that are not there."""
        paths = (self.masks(dataset, split) or (Path(), []))[1]
        key = ("lacking", dataset.model_dump_json(), split)
        return self._once(key, lambda: [path for path in paths if not path.exists()])

    def judged(self, dataset: Dataset, split: str) -> bool:
        """Whether there are ground-truth masks of the split's images, all of them.

        Of the training images some may have masks; of the validation images all or none: else InputError is raised.
        """
        if dataset.format == "scenes":
            return True
        if (found := self.masks(dataset, split)) is None:
            return False
        lacking = self.lacking(dataset, split)
        if split == "val" and 0 < len(lacking) < len(found[1]):
            also = "; those left out by skip_unreadable need one too" if dataset.skip_unreadable else ""
            raise InputError(f"{lacking[0]}: no such mask ({len(lacking)} of {len(found[1])} validation images{also})")
        return not lacking

    def without_masks(self, product: str, dataset: Dataset, split: str) -> InputError:
        """Why a product cannot be: which masks there are not."""
        lacking = self.lacking(dataset, split)
        images = "training" if split == "train" else "validation"
        first = f" ({lacking[0]} is missing)" if lacking else ""
        sbd = bool(lacking) and lacking[0].parent.name == voc.AUGMENTED_FOLDER
        return InputError(
            f"{product}: cannot be made without ground-truth masks of all {images} images{first}; "
            f"{f'those of train_aug: {voc.AUGMENTED}; ' if sbd else ''}"
            "`snakemake` without a target makes what can be made"
        )

    def content(self, stage: str, s: Settings, *, split: str | None, truths: Iterable[str]) -> str:
        """A hash of what the stage reads from outside; empty where it reads nothing.

        split: of which it lists the images. truths: the splits whose masks it reads.
        """
        given = (s.dataset.model_dump_json(), s.network.weights, s.saliency.model_dump_json())
        return self._once((stage, split, *truths, *given), lambda: self._content(stage, s, split, truths))

    def _content(self, stage: str, s: Settings, split: str | None, truths: Iterable[str]) -> str:
        dataset, weights, text = s.dataset, s.network.weights, ""
        paths = [Path(weights)] if stage in TRAINING and weights not in (None, "torchvision") else []
        if stage == "saliency" and s.saliency.method == "external":
            paths += self._maps(s)
        if stage == "manifest" and split and dataset.format != "scenes":
            text, files = FORMATS[dataset.format].sources(dataset, split)
            paths += files
        for truth in truths:
            paths += masks[1] if (masks := self.masks(dataset, truth)) else []
        if stage == "gallery":
            paths += sorted(PAGES.glob("gallery*"))
        return contents(paths, CONTENT_CACHE, text) if paths or text else ""

    def _maps(self, s: Settings) -> list[Path]:
        """The saliency maps of the training images, or all there are where no list names these images yet."""
        place = Path(s.saliency.folder or ".")
        if s.dataset.format not in FORMATS or not place.is_dir():
            return [place]
        ids = set(FORMATS[s.dataset.format].ids(s.dataset, "train"))
        return sorted(path for path in place.iterdir() if unicodedata.normalize("NFC", path.stem) in ids)
