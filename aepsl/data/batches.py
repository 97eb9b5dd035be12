"""Batches of augmented training images, decoded in niced workers, the same whatever the number of workers."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from aepsl.data.augment import augment
from aepsl.data.images import load_photograph
from aepsl.data.manifest import Manifest, one_hot
from aepsl.data.palette import load_label_map
from aepsl.errors import InputError
from aepsl.parallel import NICENESS
from aepsl.seeds import generator
from aepsl.settings.sections import Training


@dataclass(frozen=True)
class Batch:
    """images: uint8 (B, 3, crop, crop); labels: float32 (B, C), 0 and 1; label_maps: uint8 (B, crop, crop) or None."""

    ids: list[str]
    images: Tensor
    labels: Tensor
    label_maps: Tensor | None


class Batches:
    """The training batches of each epoch.

    Order and augmentation are drawn from (seed, purpose, epoch, image id) alone. `label_maps`: image id → file of its
    label map, where there are any.
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
        self._images = _Images(manifest, recipe, mean_pixel, seed, purpose, label_maps)
        self._workers = workers
        self.steps = -(-len(manifest.entries) // recipe.batch)

    def epochs(self, first: int, last: int) -> Iterator[Batch]:
        """The batches of epochs first..last, counted from 1, one epoch after the other."""
        loader = DataLoader(
            self._images,
            batch_sampler=_Order(self._images, first, last),
            num_workers=self._workers,
            collate_fn=_collate,
            worker_init_fn=_nice,
            multiprocessing_context="fork" if self._workers else None,
            prefetch_factor=3 if self._workers else None,
            # Else it draws from torch's own generator, and dropout after a restart is not what it was without one.
            generator=torch.Generator(),
        )
        for batch in loader:
            if isinstance(batch, InputError):
                raise batch
            yield batch


class _Images(Dataset[tuple[str, np.ndarray, list[float], np.ndarray | None]]):
    def __init__(
        self,
        manifest: Manifest,
        recipe: Training,
        mean_pixel: tuple[float, float, float],
        seed: int,
        purpose: str,
        label_maps: dict[str, Path] | None,
    ) -> None:
        self.manifest, self.recipe, self.mean_pixel = manifest, recipe, mean_pixel
        self.seed, self.purpose, self.label_maps = seed, purpose, label_maps

    def __getitem__(self, where: tuple[int, int]) -> tuple[str, np.ndarray, list[float], np.ndarray | None]:
        epoch, index = where
        entry = self.manifest.entries[index]
        photograph = load_photograph(self.manifest.file(entry))
        label_map = None
        if self.label_maps is not None:
            path = self.label_maps[entry.id]
            label_map = load_label_map(path)
            if label_map.shape != photograph.shape[:2]:
                raise InputError(f"{path}: {label_map.shape} pixels, but its photograph has {photograph.shape[:2]}")
        rng = generator(self.seed, self.purpose, "augment", epoch, entry.id)
        image, labels = augment(photograph, label_map, recipe=self.recipe, mean_pixel=self.mean_pixel, rng=rng)
        return entry.id, image, one_hot(self.manifest, entry.labels), labels

    def __getitems__(self, wheres: list[tuple[int, int]]) -> "list[object] | InputError":
        try:
            return [self[where] for where in wheres]
        except InputError as error:  # handed over whole: the loader would wrap it in a traceback
            return error


class _Order(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, index), each epoch in an order of its own."""

    def __init__(self, images: _Images, first: int, last: int) -> None:
        self._images, self._epochs = images, range(first, last + 1)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        count, batch = len(self._images.manifest.entries), self._images.recipe.batch
        for epoch in self._epochs:
            order = generator(self._images.seed, self._images.purpose, "order", epoch).permutation(count)
            for start in range(0, count, batch):
                yield [(epoch, int(index)) for index in order[start : start + batch]]


def _collate(
    samples: "list[tuple[str, np.ndarray, list[float], np.ndarray | None]] | InputError",
) -> Batch | InputError:
    if isinstance(samples, InputError):
        return samples
    ids, images, labels, maps = zip(*samples, strict=True)
    return Batch(
        ids=list(ids),
        images=torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2),
        labels=torch.tensor(labels),
        label_maps=None if maps[0] is None else torch.from_numpy(np.stack(maps)),
    )


def _nice(_worker: int) -> None:
    os.nice(NICENESS)
