"""Erase what round t mined: I_{t+1} = I_t with the union of F_t filled (paper, Algorithm 1)."""

from pathlib import Path

from aepsl import erasing, stores
from aepsl.data.images import load_photograph, save_photograph
from aepsl.data.index import made, write_index
from aepsl.data.manifest import Entry, Manifest
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.seeds import generator
from aepsl.settings.stages import EraseSettings
from aepsl.shards import WHOLE, Shard


def run(
    settings: EraseSettings, *, images: Path, masks: Path, output: Path, machine: Machine, shard: Shard = WHOLE
) -> None:
    """images: manifest of I_t. output: index.json of I_{t+1}, a manifest, written last; its PNGs lie beside it."""
    manifest = Manifest.read(images).shard(shard)
    mean_pixel = manifest.training_mean()

    def erase(entry: Entry) -> Entry:
        photograph = load_photograph(manifest.file(entry))
        regions = stores.opened(masks, "masks").read(entry.id, names=entry.labels, size=photograph.shape[:2])
        mined = erasing.union([region > 0 for region in regions.values()], size=photograph.shape[:2])
        rng = generator(settings.seed or 0, "erase", settings.round, entry.id)
        erased = erasing.erase(photograph, mined, fill=settings.fill, mean_pixel=mean_pixel, rng=rng)
        return made(entry, output.parent, save_photograph, erased)

    write_index(manifest, in_processes(erase, manifest.entries, workers=machine.workers), output)
