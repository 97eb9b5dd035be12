"""Batches of augmented training images, decoded in threads, the same whatever their number.

Threads and not processes: once a process has children, every page that training writes is copied first, which costs a
step of VGG16 on a CPU a fifth more; decoding and scaling leave the interpreter free.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aepsl.data.augment import augment
from aepsl.data.images import load_photograph
from aepsl.data.manifest import Entry, Manifest, one_hot
from aepsl.data.palette import load_truth
from aepsl.parallel import ahead
from aepsl.seeds import generator
from aepsl.settings.sections import Training


@dataclass(frozen=True)
class Batch:
    """images: uint8 (B, 3, crop, crop); labels: float32 (B, C), 0 and 1; label_maps: uint8 (B, crop, crop) or None.

    whole: images of the step, in all processes that train together.
    """

    ids: list[str]
    whole: int
    images: Tensor
    labels: Tensor
    label_maps: Tensor | None


class Batches:
    """The training batches of each epoch.

    Order and augmentation are drawn from (seed, purpose, epoch, image id) alone.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        recipe: Training,
        mean_pixel: tuple[float, float, float],
        seed: int,
        purpose: str,
        workers: int,
        label_maps: dict[str, Path] | None = None,
    ) -> None:
        """workers: threads. label_maps: image id → file of its label map, where there are any."""
        self._manifest, self._recipe, self._mean_pixel = manifest, recipe, mean_pixel
        self._seed, self._purpose, self._workers, self._label_maps = seed, purpose, workers, label_maps
        self.steps = -(-len(manifest.entries) // recipe.batch)

    def epochs(self, first: int, last: int, *, part: tuple[int, int] = (0, 1)) -> Iterator[Batch]:
        """The batches of epochs first..last, counted from 1, one epoch after the other.

        part: (i, n): of each batch's images every n-th from the i-th, for one of n processes; it may be none.
        Raises InputError for a photograph or label map that is missing, damaged or of another size.
        """
        return ahead(lambda which: self._batch(*which, part), self._order(first, last), threads=self._workers)

    def _order(self, first: int, last: int) -> Iterator[tuple[int, list[Entry]]]:
        """(epoch, its next images), each epoch in an order of its own."""
        entries, size = self._manifest.entries, self._recipe.batch
        for epoch in range(first, last + 1):
            order = generator(self._seed, self._purpose, "order", epoch).permutation(len(entries))
            for start in range(0, len(entries), size):
                yield epoch, [entries[index] for index in order[start : start + size]]

    def _batch(self, epoch: int, whole: list[Entry], part: tuple[int, int]) -> Batch:
        entries = whole[part[0] :: part[1]]
        samples = [self._sample(epoch, entry) for entry in entries]
        square = (self._recipe.crop, self._recipe.crop)
        images = np.array([image for image, _ in samples], np.uint8).reshape(-1, *square, 3)
        maps = [label_map for _, label_map in samples if label_map is not None]
        labels = [one_hot(self._manifest, entry.labels) for entry in entries]
        return Batch(
            ids=[entry.id for entry in entries],
            whole=len(whole),
            images=torch.from_numpy(images).permute(0, 3, 1, 2),
            labels=torch.tensor(labels).reshape(-1, len(self._manifest.classes)),
            label_maps=None
            if self._label_maps is None
            else torch.from_numpy(np.array(maps, np.uint8).reshape(-1, *square)),
        )

    def _sample(self, epoch: int, entry: Entry) -> tuple[np.ndarray, np.ndarray | None]:
        """The image's crop (crop, crop, 3) and that of its label map."""
        photograph = load_photograph(self._manifest.file(entry))
        label_map = None
        if self._label_maps is not None:
            path = self._label_maps[entry.id]
            label_map = load_truth(path, size=photograph.shape[:2], classes=len(self._manifest.classes) + 1)
        rng = generator(self._seed, self._purpose, "augment", epoch, entry.id)
        return augment(photograph, label_map, recipe=self._recipe, mean_pixel=self._mean_pixel, rng=rng)
