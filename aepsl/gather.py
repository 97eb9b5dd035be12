"""Put the shards of a product together, in the order of the manifest: to the bytes that one job would have made."""

import glob
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.errors import InputError
from aepsl.files import flush
from aepsl.shards import Shard

SHARD = re.compile(r"\.[0-9]+-of-[0-9]+")  # between a product's name and its extension


def gather_files(manifest: Manifest, shards: Sequence[Path], output: Path) -> None:
    """shards: HDF5 files of one kind, each of its shard's images, with equal root attributes.

    Raises InputError where one is of other images or was made in another way.
    """
    with stores.Reader(shards[0]) as first:
        kind, description = first.kind, first.description
    with stores.create(output, kind, description) as store:
        for number, path in enumerate(shards, start=1):
            with stores.Reader(path, kind) as shard:
                own = _ids(manifest, Shard(number, len(shards)))
                if shard.ids() != sorted(own):
                    raise _of_other_images(path)
                if not _equal(shard.description, description):
                    raise _made_otherwise(path, shards[0])
                for image_id in own:
                    store.copy(image_id, shard)


def gather_folders(manifest: Manifest, shards: Sequence[Path], output: Path) -> None:
    """shards: folders of pictures with an index.json each. output: the index of all, beside which they come to lie.

    Pictures are linked, where the disk can, as copies need its time and space. Raises InputError where a shard is of
    other images or was made in another way.
    """
    whole = Manifest.read(shards[0] / "index.json")
    entries: list[Entry] = []
    for number, folder in enumerate(shards, start=1):
        shard = Manifest.read(folder / "index.json")
        if [entry.id for entry in shard.entries] != _ids(manifest, Shard(number, len(shards))):
            raise _of_other_images(folder)
        if (shard.classes, shard.mean_pixel) != (whole.classes, whole.mean_pixel):
            raise _made_otherwise(folder, shards[0])
        for entry in shard.entries:
            _link(shard.file(entry), output.parent / entry.path)
        entries += shard.entries
    replace(whole, entries=tuple(entries)).write(output)


def remove_other_shards(shards: Sequence[Path], output: Path) -> None:
    """Remove what a killed run that was split into another number of shards has left of the same product."""
    product, own = output.parent if output.name == "index.json" else output, {shard.resolve() for shard in shards}
    for left in product.parent.glob(f"{glob.escape(product.stem)}.*-of-*{glob.escape(product.suffix)}"):
        is_shard = SHARD.fullmatch(left.name.removeprefix(product.stem).removesuffix(product.suffix))
        if is_shard and left.resolve() not in own:
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _ids(manifest: Manifest, shard: Shard) -> list[str]:
    return [entry.id for entry in shard.of(manifest.entries)]


def _equal(some: dict[str, Any], others: dict[str, Any]) -> bool:
    return some.keys() == others.keys() and all(np.array_equal(some[key], others[key]) for key in some)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        flush(target)


def _made_otherwise(shard: Path, first: Path) -> InputError:
    return InputError(f"{shard}: made in another way than {first}; remove it and run again")


def _of_other_images(shard: Path) -> InputError:
    return InputError(f"{shard}: a shard of other images; remove it and run again")
