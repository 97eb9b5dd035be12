"""aepsl: from photographs with image-level labels to per-pixel segmentation (Wei et al., CVPR 2017).

Products lie in the folder `results` of the configuration; those of a variant in its `variants/{name}/`.
"""

from snakemake.utils import min_version

min_version("9.20")


if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"


pathvars:
    results=PLAN.settings.results,
    logs=f"{PLAN.settings.results}/logs",
    benchmarks=f"{PLAN.settings.results}/benchmarks",


wildcard_constraints:
    run=RUNS,
    round=ROUNDS,
    split="train|val",
    scatteritem="[0-9]+-of-[0-9]+",


include: "rules/data.smk"
include: "rules/erasing.smk"
include: "rules/saliency.smk"
include: "rules/segmentation.smk"
include: "rules/gather.smk"
include: "rules/evaluation.smk"
include: "rules/report.smk"


onstart:
    only_run_in(PLAN.settings.results)


onsuccess:
    or_stop(write_gathered, Path(PLAN.settings.results), PLAN.told())


onerror:
    or_stop(write_gathered, Path(PLAN.settings.results), PLAN.told())
    print("Stopped before the end. What is finished is kept: the same command goes on from there.", file=sys.stderr)


rule all:
    default_target: True
    input:
        wanted,
