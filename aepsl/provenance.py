"""How each product was made: a record a job, and `provenance.json`, all of them by product.

Records are no products: what a product holds never depends on one.
"""

import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from aepsl.errors import InputError
from aepsl.files import read_json, sha256, write_json
from aepsl.machine import Machine, processes

PACKAGES = (
    "aepsl",
    "h5py",
    "numpy",
    "pillow",
    "pydensecrf2",
    "scikit-image",
    "scipy",
    "snakemake",
    "torch",
    "torchvision",
)
RECORDS = "provenance"  # folder in the results
GATHERED = "provenance.json"


def write_record(
    path: Path, stage: str, settings: BaseModel, *, code: str, products: Iterable[Path], machine: Machine
) -> None:
    """What a job has just made, and how: to be called when its products stand.

    code: the fingerprint of the stage's code, "" where it was not given.
    """
    made = {str(product): sha256(product) for product in sorted(products) if product.is_file()}
    environment = _environment() | _computing(settings, machine)
    how = {"stage": stage, "settings": settings.model_dump(mode="json"), "code": code, "environments": [environment]}
    write_json(path, {"products": made, **how})


def write_record_of_shards(path: Path, shards: Iterable[Path], *, product: Path) -> None:
    """How a product was made of its shards, by those of their records that are there.

    Raises InputError for one that is not readable.
    """
    records = [_read(shard) for shard in shards if shard.exists()]
    environments: list[Any] = []
    for record in records:
        environments += [one for one in record["environments"] if one not in environments]
    if records:
        write_json(path, records[0] | {"products": {str(product): sha256(product)}, "environments": environments})


def gather(results: Path) -> dict[str, Any]:
    """The records of a results folder by product, for the products that are there; of several the newest.

    `products`: path below the folder → `sha256`, `stage`, `settings`, `code` and the numbers of its environments in
    `environments`: interpreter, packages and commit; for networks device, precision and threads as settled. Shards may
    have several. Raises InputError for a record that is not readable.
    """
    products: dict[str, Any] = {}
    for path in sorted(Path(results, RECORDS).rglob("*.json"), key=lambda path: path.stat().st_mtime_ns):
        record = _read(path)
        for product, digest in record.pop("products").items():
            if Path(product).is_file():
                products[_below(product, results)] = {"sha256": digest, **record}
    products = dict(sorted(products.items()))
    environments: list[Any] = []
    for record in products.values():
        own = record["environments"]
        environments += [one for one in own if one not in environments]
        record["environments"] = [environments.index(one) for one in own]
    return {"products": products, "environments": environments}


def _read(path: Path) -> dict[str, Any]:
    """A record. Raises InputError where it is none."""
    try:
        record = dict(read_json(path))
        return record | {"products": dict(record["products"]), "environments": list(record["environments"])}
    except (TypeError, ValueError, KeyError):
        raise InputError(f"{path}: not a record of a job; remove it") from None


def write_gathered(results: Path, runs: Mapping[str, Any]) -> None:
    """Write `provenance.json` into a results folder in which any job has been done.

    runs: folder below the results → what the configuration says of the run; of those that have a folder, in `runs`.
    """
    if Path(results, RECORDS).is_dir():
        there = {folder: told for folder, told in runs.items() if Path(results, folder).is_dir()}
        write_json(Path(results, GATHERED), {"runs": there, **gather(results)})


def gathered_above(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """The results folder that a file or a run's folder lies in, and its `provenance.json`, where there is one."""
    root = next((folder for folder in (path, *path.absolute().parents) if (folder / GATHERED).is_file()), None)
    return None if root is None else (root, read_json(root / GATHERED))


def not_gathered(root: Path) -> InputError:
    """For a `provenance.json` that holds something else."""
    return InputError(f"{root / GATHERED}: not what a run writes; remove it and run again")


def _below(product: str, results: Path) -> str:
    path = Path(product)
    return str(path.relative_to(results)) if path.is_relative_to(results) else product


def _environment() -> dict[str, Any]:
    return {"python": platform.python_version(), "packages": {name: _version(name) for name in PACKAGES}} | _source()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _source() -> dict[str, Any]:
    """The commit of the package's own checkout, where it is one."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return {"commit": None}
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return {"commit": None}
    return {"commit": said.stdout.strip()}


def _computing(settings: BaseModel, machine: Machine) -> dict[str, Any]:
    """Device, precision, threads and processes as settled; nothing for stages without a network."""
    threads = getattr(settings, "cpu_threads", None)
    if threads is None:
        return {}
    from aepsl.compute import Compute  # torch is here already

    compute = Compute.on(machine, cpu_threads=threads)
    return {
        "device": compute.device_name(),
        "precision": compute.precision,
        "cpu_threads": threads,
        "processes": processes(),
    }
