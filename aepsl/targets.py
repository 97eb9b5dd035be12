"""What is made where nothing is asked for by name, and what Snakemake measured of the jobs behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aepsl.graph import CEILING

if TYPE_CHECKING:
    from aepsl.workflow import Job, Plan

PLOTS = {"evaluate": "plot_result", "quality": "plot_quality"}  # what shows a judgement in the report


def wanted(plan: Plan) -> list[str]:
    """The overview, the judgements that the dataset has the masks for, and the report's figures of both."""
    ends = _ends(plan)
    plots = ["plot_training", *(PLOTS[job.stage] for job in ends if job.stage in PLOTS and not job.run)]
    plots += ["plot_resources", "list_settings"]
    jobs = [*ends, *(plan.job(stage) for stage in plots)]
    return [path for job in jobs for path in plan.owner(job).outputs().values()]


def measured(plan: Plan) -> list[str]:
    """The benchmarks of the overview's and the judgements' jobs and of all before them, in an order they can run in.

    They are inputs of the figure of time and memory, which so follows every job that runs again. A benchmark that was
    lost while its job's products stand is left out: no job runs again for its sake.
    """
    jobs: dict[Job, None] = {}

    def follow(job: Job) -> None:
        if job not in jobs:
            for need in job.needs.values():
                for one in need if isinstance(need, list) else [need]:
                    follow(plan.owner(job.maker(one)))
            jobs[job] = None

    for end in _ends(plan):
        follow(plan.owner(end))
    return [str(path) for job in jobs if (path := benchmark(job)).exists() or not _stands(job)]


def benchmark(job: Job) -> Path:
    """Where Snakemake leaves what it measured of the job."""
    folder = f"round{job.round}" if job.round else ""
    name = "_".join(filter(None, [job.stage, job.split]))
    return Path(job.plan.settings.results, "benchmarks", job.run, folder, f"{name}.tsv")


def _ends(plan: Plan) -> list[Job]:
    """The last jobs of the base and of the ceiling before the report. Raises InputError as `Job.judged` does."""
    base = plan.job("overview")
    val, train = base.judged("val"), base.judged("train")
    ends = [base]
    if val:
        ends.append(plan.job("evaluate"))
    if train:
        ends.append(plan.job("quality"))
    if val and train and CEILING in plan.runs:
        ends.append(plan.job("evaluate", CEILING))
    return ends


def _stands(job: Job) -> bool:
    """Whether the job's products are there."""
    return all(Path(path).exists() for path in job.outputs().values())
