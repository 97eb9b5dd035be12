"""Draw the time and the memory of each stage, as Snakemake measured its jobs."""

import csv
from pathlib import Path

from aepsl.errors import InputError
from aepsl.figures.resources import Cost, resources
from aepsl.figures.style import save
from aepsl.settings.stages import PlotResourcesSettings


def run(settings: PlotResourcesSettings, *, benchmarks: list[Path], output: Path) -> None:
    """benchmarks: a table each job, in the order of the jobs; the file is named as the stage, a split behind it.

    Where a job was split, those of its shards; one that is not there is left out. output: the figure, SVG.
    Raises InputError where there is none.
    """
    costs = [cost(one) for path in benchmarks for one in tables(path)]
    if not costs:
        raise InputError("no benchmark is there: run the workflow first, or name the tables by --benchmarks")
    save(resources(costs), output)


def tables(path: Path) -> list[Path]:
    """The job's own table, or those of its shards: of the number of shards that ran last."""
    shards: dict[str, list[Path]] = {}
    for shard in sorted(path.parent.glob(f"{path.stem}.*-of-*.tsv")):
        shards.setdefault(shard.stem.rpartition("-of-")[2], []).append(shard)
    if not shards:
        return [path] if path.exists() else []
    return max(shards.values(), key=lambda tables: max(table.stat().st_mtime_ns for table in tables))


def cost(path: Path) -> Cost:
    """What a job took. Raises InputError when the file is no benchmark of Snakemake's, OSError when it is missing."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        memory = row["max_rss"]
        known = None if memory in ("NA", "-", "") else float(memory)
        return Cost(path.name.partition(".")[0].removesuffix("_train").removesuffix("_val"), float(row["s"]), known)
    except (ValueError, LookupError, TypeError, StopIteration, csv.Error) as error:
        raise InputError(f"{path}: not a benchmark ({error!r}); remove it and run again") from None
