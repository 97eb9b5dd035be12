"""What is made where nothing is asked for by name, and what Snakemake measured of the jobs behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aepsl.workflow import Job, Plan

PLOTS = {"evaluate": "plot_result", "quality": "plot_quality"}  # what shows a judgement in the report


def wanted(plan: Plan) -> list[str]:
    """The overview, the judgements that the dataset has the masks for, and the report's figures of both."""
    lasts = ends(plan)
    plots = ["plot_training", *(PLOTS[job.stage] for job in lasts if job.stage in PLOTS and not job.run)]
    plots += ["plot_resources", "list_settings"]
    jobs = [*lasts, *(plan.job(stage) for stage in plots)]
    return [path for job in jobs for path in plan.owner(job).outputs().values()]


def measured(plan: Plan) -> list[str]:
    """Where Snakemake leaves what it measures of the ends' jobs and of all before them, in an order they can run in.

    The figure of time and memory reads them when these jobs are done. They are no inputs, as no job is to run again for
    the sake of one that was lost, or for another number of shards.
    """
    jobs: dict[Job, None] = {}

    def follow(job: Job) -> None:
        if job not in jobs:
            for need in job.needs.values():
                for one in need if isinstance(need, list) else [need]:
                    follow(plan.owner(job.maker(one)))
            jobs[job] = None

    for end in ends(plan):
        follow(plan.owner(end))
    return [str(benchmark(job)) for job in jobs]


def benchmark(job: Job) -> Path:
    """Where Snakemake leaves what it measured of the job; of a shard, with its name before the extension."""
    folder = f"round{job.round}" if job.round else ""
    name = "_".join(filter(None, [job.stage, job.split]))
    return Path(job.plan.settings.results, "benchmarks", job.run, folder, f"{name}.tsv")


def ends(plan: Plan) -> list[Job]:
    """The last jobs of the base and of the ceiling before the report. Raises InputError as `Job.judged` does."""
    figure = plan.job("plot_resources")
    after = figure.needs["after"]
    assert isinstance(after, list)
    return list(dict.fromkeys(map(figure.maker, after)))
