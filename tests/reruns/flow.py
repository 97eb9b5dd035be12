"""The method's data flow by hand: which job reads what which job made. Nothing here asks the package.

A job is its rule and its wildcards, as a dry run names it: `mine 3`, `evaluate variants/psl++/`.
"""

from collections.abc import Iterable

Flow = dict[str, set[str]]
"""job → the jobs whose products it reads."""


REPORT = ("plot_training", "plot_quality", "plot_result", "plot_resources", "list_settings")


def erasing(
    rounds: int,
    merge: int | None,
    *,
    erased: bool = True,
    earlier: bool = True,
    calibrated: bool = True,
    cams: bool = True,
    crf: bool = True,
) -> Flow:
    """The rounds and what is made of them.

    merge: None where the histories decide. erased: rounds see what the round before left. earlier: mined pixels are not
    mined again. calibrated: a threshold is found. cams: mining reads them. crf: predictions are refined.
    """
    every = range(1, rounds + 1)

    def images(t: int) -> str:
        return "manifest train" if t == 1 or not erased else f"erase {t - 1}"

    read: Flow = {"manifest train": set(), "manifest val": set(), "saliency": {"manifest train"}}
    for t in every:
        read[f"train_classifier {t}"] = {images(t)}
        read[f"cams {t}"] = {images(t), f"train_classifier {t}"}
        read[f"mine {t}"] = {images(t), *([f"cams {t}"] if cams else [])}
        read[f"mine {t}"] |= {f"mine {s}" for s in range(1, t)} if earlier else set()
        if calibrated:
            read[f"calibrate {t}"] = set(read[f"mine {t}"])
            read[f"mine {t}"].add(f"calibrate {t}")
        if erased and t < rounds:
            read[f"erase {t}"] = {images(t), f"mine {t}"}
    merged = every if merge is None else every[:merge]
    losses = {f"train_classifier {t}" for t in every}
    read["pseudo_labels"] = {"manifest train", "saliency", *(f"mine {t}" for t in merged)}
    read["pseudo_labels"] |= losses if merge is None else set()
    read["quality"] = {
        "manifest train",
        "saliency",
        "cams 1",
        f"cams {every[-1]}",
        *losses,
        *(f"mine {t}" for t in every),
    }
    read["overview"] = {"manifest train", "manifest val", "saliency", "pseudo_labels", "predict"}
    read["overview"] |= {images(t) for t in every} | {f"cams {t}" for t in every} | ({"crf"} if crf else set())
    return read


def reported(read: Flow) -> Flow:
    """The flow with the report: its figures, and the one of time and memory, which follows all jobs before them."""
    ceiling = {at("evaluate", "ceiling")} & read.keys()
    histories = {job for job in read if job.startswith("train_classifier ") and "variants" not in job}
    predictions = {"crf"} & read.keys() or {"predict"}
    figures: Flow = {
        "plot_training": {"manifest train", "manifest val", "train_segmentation", *histories},
        "plot_quality": {"quality"},
        "plot_result": {"manifest val", "evaluate", *predictions, *ceiling, *({"scenes val"} & read.keys())},
        "plot_resources": {"overview", "evaluate", "quality", *ceiling},
        "list_settings": set(),
    }
    waiting = set(figures["plot_resources"])
    while waiting:
        figures["plot_resources"] |= waiting
        waiting = {before for job in waiting for before in read[job]} - figures["plot_resources"]
    return read | figures


def segmentation(run: str, labels: str, *, start: str | None = None, crf: bool = True) -> Flow:
    """A run's network, which learns from what the job `labels` made, and its result. start: whose weights it takes."""
    train, predict, refine, evaluate = (at(s, run) for s in ("train_segmentation", "predict", "crf", "evaluate"))
    read = {
        train: {"manifest train", labels, *([start] if start else [])},
        predict: {"manifest val", train},
        evaluate: {"manifest val", predict},
    }
    if crf:
        read[refine] = {"manifest val", predict}
        read[evaluate].add(refine)
    return read


def at(stage: str, run: str) -> str:
    """The job of a stage in a run."""
    return f"{stage} variants/{run}/" if run else stage


def scenes(rounds: int = 3, merge: int | None = 2, *, crf: bool = True, start: str | None = None, **how: bool) -> Flow:
    """configs/test.yaml: the base, the ceiling, PSL++ on the base's predictions; masks are drawn with the scenes."""
    read = erasing(rounds, merge, crf=crf, **how)
    for run, labels in (("", "pseudo_labels"), ("ceiling", "scenes train"), ("psl++", "self_labels")):
        read |= segmentation(run, labels, crf=crf, start=start if run == "psl++" else None)
        read[at("evaluate", run)].add("scenes val")
    read["self_labels"] = {"manifest train", "train_segmentation"}
    read["quality"].add("scenes train")
    read["overview"].add("scenes val")
    for split in ("train", "val"):
        read |= {f"scenes {split}": set(), f"manifest {split}": {f"scenes {split}"}}
    return reported(read)


def taught() -> Flow:
    """The same where the base learns from the truth: PSL++'s teacher is then a run of its own."""
    teacher = "psl++@teacher"
    read = scenes()
    del read["self_labels"]
    read["train_segmentation"] = {"manifest train", "scenes train"}
    read[at("train_segmentation", teacher)] = {"manifest train", "pseudo_labels"}
    read[at("self_labels", teacher)] = {"manifest train", at("train_segmentation", teacher)}
    read[at("train_segmentation", "psl++")] = {"manifest train", at("self_labels", teacher)}
    return reported(read)


def outside(*, judged: bool = True, crf: bool = True, rounds: int = 2) -> Flow:
    """Photographs, labels and masks of somebody's own: two rounds and no variant; `judged` with the comparison."""
    read = erasing(rounds, rounds, crf=crf) | segmentation("", "pseudo_labels", crf=crf)
    if judged:
        read |= {
            "judge_classifiers": {"manifest val", *(f"train_classifier {t}" for t in range(1, rounds + 1))},
            "judge_labels": {"manifest train", "pseudo_labels"},
            "comparison": {"evaluate", "judge_classifiers", "judge_labels", "quality"},
            "submission": {"crf"},
            "gallery": read["overview"] | {f"mine {t}" for t in range(1, rounds + 1)},
        }
    return reported(read)


def seeded() -> Flow:
    """`outside` once more with seed 1, which shares the manifests and the saliency."""
    shared = {"manifest train", "manifest val", "saliency"}

    def own(job: str) -> str:
        stage, *round_ = job.split()
        return job if job in shared else " ".join([at(stage, "seed1"), *round_])

    second = {own(job): {own(one) for one in read} for job, read in outside().items() if job not in shared}
    gone = {"comparison", "submission", "overview", "gallery", *REPORT}
    second = {job: read for job, read in second.items() if job.split()[0] not in gone}
    judged = {at(stage, "seed1") for stage in ("evaluate", "judge_classifiers", "judge_labels", "quality")}
    both = outside() | second
    both["comparison"] = both["comparison"] | judged
    return both


def compared(run: str) -> Flow:
    """`outside` beside a variant that learns otherwise from the same labels."""
    both = outside() | segmentation(run, "pseudo_labels")
    both["comparison"] = both["comparison"] | {at("evaluate", run)}
    return both


def named(flow: Flow, first: Iterable[str]) -> set[str]:
    """The jobs that are named, or are of a stage that is named; `predict base` is the base's alone."""
    return {job for job in flow if job in first or job.split()[0] in first or f"{job} base" in first}


def follows(flow: Flow, first: Iterable[str]) -> set[str]:
    """The jobs and all that read, directly or not, what they make."""
    found: set[str] = set()
    waiting = set(first)
    while waiting:
        found |= waiting
        waiting = {job for job, read in flow.items() if read & waiting} - found
    return found
