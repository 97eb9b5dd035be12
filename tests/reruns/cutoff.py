"""Early cut-off: what ran again and gave the same bytes stops the wave in the next invocation, and only that does."""

from collections.abc import Iterator

from tests.reruns.projects import Finished
from tests.reruns.sources import edited
from tests.reruns.table import shown

AGAIN = {
    "scenes train": "data/scenes/train/labels.csv",
    "manifest train": "data/train.json",
    "manifest val": "data/val.json",
    "train_classifier 1": "round1/classifier.safetensors",
    "cams 1": "round1/cams.h5",
    "calibrate 1": "round1/threshold.json",
    "mine 1": "round1/masks.h5",
    "erase 1": "round1/erased/index.json",
    "saliency": "saliency.h5",
    "pseudo_labels": "pseudo_labels/index.json",
    "train_segmentation": "segmentation/model.safetensors",
    "self_labels": "self_labels/index.json",
    "predict": "scores.h5",
    "crf": "predictions_crf/index.json",
}
"""A job of each stage that others follow, and a product of it."""


def again(finished: Finished) -> Iterator[bool]:
    """Whether nothing follows, of each job after it was run again alone."""
    cores = finished.targets[finished.targets.index("--cores") :]
    for job, product in AGAIN.items():
        finished.project.run("--force", f"results_test/{product}", *cores)
        jobs = finished.project.planned(*finished.targets)
        print(f"{job} run again\n  expected  nothing\n  planned   {shown(jobs)}", flush=True)
        yield not jobs


def broken(finished: Finished) -> bool:
    """Whether the wave goes on from a job that ran alone and gave other bytes, and stops where the bytes are the same.

    An edit of the CRF's code that changes nothing is run in jobs that use it; then scenes are drawn larger, with the
    same labels.
    """
    project, cores = finished.project, finished.targets[finished.targets.index("--cores") :]
    edited(project, "aepsl/crf.py")
    indices = [f"results_test/{run}predictions_crf/index.json" for run in ("", "variants/ceiling/")]
    project.run("results_test/self_labels/index.json", *indices, *cores)
    jobs = project.planned(*finished.targets)
    left = {"crf variants/psl++/", "evaluate variants/psl++/"}
    print(f"crf.py edited, run in the base\n  expected  {shown(left)}\n  planned   {shown(jobs)}", flush=True)
    larger = ("--config", "dataset={scenes: {size: 80}}")
    project.run("results_test/data/scenes/val/labels.csv", *cores, *larger)
    jobs_after, rest = project.planned(*finished.targets, *larger), finished.flow.keys() - {"scenes val"}
    print(f"validation scenes drawn larger\n  expected  {shown(rest)}\n  planned   {shown(jobs_after)}", flush=True)
    return jobs == left and jobs_after == rest
