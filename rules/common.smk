"""What the rules ask of the package: paths, settings and code of a stage, for the run and the round of a job."""

import re
import sys
from pathlib import Path

from aepsl.errors import InputError
from aepsl.gather_jobs import GatherJob
from aepsl.lock import locked
from aepsl.provenance import write_gathered
from aepsl.workflow import Job, plan_of


def or_stop(call, *arguments):
    try:
        return call(*arguments)
    except (InputError, OSError) as error:
        print(f"aepsl: {error}", file=sys.stderr)
        sys.exit(2)


if workflow.resource_settings.cores is None:  # as in `snakemake --report`: it runs nothing, but asks for all threads
    workflow.global_resources["_cores"] = 1

PLAN = or_stop(plan_of, config, workflow.config_settings.config, workflow.configfiles)

# A run or a round that is none of these matches no rule.
RUNS = f"({'|'.join(map(re.escape, PLAN.runs))})"
ROUNDS = "|".join(str(t + 1) for t in range(max(run.erasing.rounds for run in PLAN.runs.values())))


def job(stage, wildcards):
    round = int(wildcards.round) if "round" in wildcards.keys() else None
    split, shard = wildcards.get("split"), wildcards.get("scatteritem")
    return Job(PLAN, stage, wildcards.get("run", ""), round=round, split=split, shard=shard)


def inputs_of(stage):
    return lambda wildcards: or_stop(job(stage, wildcards).inputs)


def settings_of(stage):
    return lambda wildcards: job(stage, wildcards).settings()


def tracked_by(stage):
    return lambda wildcards: or_stop(job(stage, wildcards).tracked)


def wanted(wildcards):
    return or_stop(PLAN.wanted)


def options_of(stage):  # takes threads, so that Snakemake does not track it: the machine reruns nothing
    return lambda wildcards, threads: job(stage, wildcards).options(threads)


def command_of(stage):  # likewise
    return lambda wildcards, threads: job(stage, wildcards).command()


def gathering(wildcards):
    path = f"{wildcards.file}.h5" if "file" in wildcards.keys() else f"{wildcards.folder}/index.json"
    return GatherJob.of(PLAN, path, wildcards.run)


def images_gathered(wildcards):
    return or_stop(gathering(wildcards).images)


def tracked_by_gathering(wildcards):
    return or_stop(gathering(wildcards).tracked)


def options_of_gathering(wildcards, input):  # takes input, likewise
    return or_stop(gathering(wildcards).options, len(input.shards))


def elsewhere():  # whether a cluster's machines run the jobs; what runs them is known once the rules are read
    submits = workflow.dryrun and workflow.resource_settings.nodes is not None
    return workflow.non_local_exec or workflow.remote_exec or submits


# How many jobs may compute on GPUs at a time, as `--resources` or the profile says.
GPUS = workflow.global_resources["gpu"].value if "gpu" in workflow.global_resources else 1


def gpus_of(stage):
    return lambda wildcards: job(stage, wildcards).gpus(elsewhere=elsewhere())


def threads_of(stage):  # of a stage that computes with a network, and with nothing else
    return lambda wildcards: job(stage, wildcards).threads(workflow.cores, gpus=GPUS, elsewhere=elsewhere())


def labels_of(what, run=None):  # in the report's menu
    return lambda wildcards: {
        "what": what,
        "run": run or Path(wildcards.get("run", "")).name or "base",
    }


LOCKS = []  # what is not kept here is freed


def only_run_in(results):
    LOCKS.append(or_stop(locked, results))
