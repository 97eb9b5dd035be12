"""The graph: what each stage makes, and what it needs for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aepsl.settings.sections import CALIBRATED
from aepsl.settings.settings import Settings, runs


@dataclass(frozen=True)
class Product:
    """A file that a stage makes: its path below the folder of a run, and the stage's argument that names it."""

    stage: str
    path: str
    argument: str = "output"


PRODUCTS = {
    "scenes": Product("scenes", "data/scenes/{split}/labels.csv"),
    "manifest": Product("manifest", "data/{split}.json"),
    "classifier": Product("train_classifier", "round{round}/classifier.safetensors", "model"),
    "history": Product("train_classifier", "round{round}/history.jsonl", "history"),
    "cams": Product("cams", "round{round}/cams.h5"),
    "threshold": Product("calibrate", "round{round}/threshold.json"),
    "masks": Product("mine", "round{round}/masks.h5"),
    "erased": Product("erase", "round{round}/erased/index.json"),
    "saliency": Product("saliency", "saliency.h5"),
    "pseudo_labels": Product("pseudo_labels", "pseudo_labels/index.json"),
    "model": Product("train_segmentation", "segmentation/model.safetensors", "model"),
    "segmentation_history": Product("train_segmentation", "segmentation/history.jsonl", "history"),
    "self_labels": Product("self_labels", "self_labels/index.json"),
    "scores": Product("predict", "scores.h5", "scores"),
    "predictions": Product("predict", "predictions/index.json"),
    "refined": Product("crf", "predictions_crf/index.json"),
    "submission": Product("submission", "submission.tar.gz"),
    "miou": Product("evaluate", "miou.json"),
    "counts": Product("evaluate", "miou_images.csv", "counts"),
    "judged_classifiers": Product("judge_classifiers", "classifiers.json"),
    "judged_labels": Product("judge_labels", "labels.json"),
    "quality": Product("quality", "quality.json"),
    "overview": Product("overview", "overview.png"),
    "gallery": Product("gallery", "gallery/index.html"),
    "data_figure": Product("plot_training", "report/data.svg", "data"),
    "rounds_figure": Product("plot_training", "report/rounds.svg", "rounds"),
    "segmentation_figure": Product("plot_training", "report/segmentation.svg", "segmentation"),
    "regions_figure": Product("plot_quality", "report/regions.svg", "regions"),
    "labels_figure": Product("plot_quality", "report/pseudo_labels.svg", "labels"),
    "iou_figure": Product("plot_result", "report/iou.svg", "iou"),
    "confusion_figure": Product("plot_result", "report/confusion.svg", "confusion"),
    "photographs_figure": Product("plot_result", "report/photographs.png", "photographs"),
    "resources_figure": Product("plot_resources", "report/resources.svg"),
    "settings_page": Product("list_settings", "report/settings.html"),
    "comparison": Product("comparison", "comparison.json"),
    "comparison_table": Product("comparison", "comparison.md", "table"),
    "comparison_figure": Product("comparison", "comparison.png", "figure"),
}

STAGES = tuple(dict.fromkeys(product.stage for product in PRODUCTS.values()))


SHARDED = ("cams", "mine", "erase", "saliency", "self_labels", "predict", "crf")
"""The stages whose images are split over jobs (rules/gather.smk)."""


@dataclass(frozen=True)
class Need:
    """A product that a stage needs: of the same run, unless it is another's."""

    product: str
    round: int | None = None
    split: str | None = None
    run: str | None = None


Needs = Mapping[str, Need | list[Need]]
CEILING = "variants/ceiling/"  # the run that learns from the truth, where the configuration has one
TRAIN, VAL = Need("manifest", split="train"), Need("manifest", split="val")


def needs(
    stage: str, s: Settings, *, round: int | None, split: str | None, teacher: str, judged: Callable[[str], bool]
) -> Needs:
    """The inputs of `stage` by argument. A list may be empty: the settings then do without.

    teacher: the run whose predictions PSL++ learns from. judged: whether there are masks of all images of a split; only
    the report and the comparison ask. `drawn` and `after` are no arguments of a stage: the scenes whose masks it reads,
    so that Snakemake knows of them, and the ends of all jobs before it. Raises ValueError for a stage that is none.
    """
    rounds = range(1, s.erasing.rounds + 1)
    merged = rounds if s.erasing.merge == "auto" else rounds[: s.erasing.merge]
    learned = {"pseudo": [Need("pseudo_labels")], "predictions": [Need("self_labels", run=teacher)], "truth": []}
    refined = [Need("refined")] if s.crf.iterations else []
    match stage:
        case "scenes" | "list_settings":
            return {}
        case "manifest":
            return {"scenes": _drawn(s, split)}
        case "train_classifier":
            return {"images": _images(s, round)}
        case "cams":
            return {"images": _images(s, round), "classifier": Need("classifier", round)}
        case "calibrate" | "mine":
            reading = s.erasing.in_round(round or 1, "reading")
            calibration = {"calibration": [Need("threshold", round)] if reading in CALIBRATED else []}
            return {
                "images": _images(s, round),
                "cams": [] if reading == "random" else [Need("cams", round)],
                "earlier": [] if s.erasing.mine_erased else [Need("masks", t) for t in range(1, round or 1)],
                **(calibration if stage == "mine" else {}),
            }
        case "erase":
            return {"images": _images(s, round), "masks": Need("masks", round)}
        case "saliency":
            return {"images": TRAIN}
        case "pseudo_labels":
            return {
                "images": TRAIN,
                "masks": [Need("masks", t) for t in merged],
                "saliency": Need("saliency"),
                "histories": [Need("history", t) for t in rounds] if s.erasing.merge == "auto" else [],
            }
        case "train_segmentation":
            own = s.segmentation.labels == "predictions" and s.segmentation.train_on
            return {
                "images": TRAIN,
                "labels": learned[s.segmentation.labels],
                "start": [Need("model", run=teacher)] if own else [],
                "drawn": _drawn(s, "train") if s.segmentation.labels == "truth" else [],
            }
        case "self_labels":
            return {"images": TRAIN, "model": Need("model")}
        case "predict":
            return {"images": VAL, "model": Need("model")}
        case "crf":
            return {"images": VAL, "scores": Need("scores")}
        case "submission":
            return {"predictions": refined[0] if refined else Need("predictions")}
        case "evaluate":
            return {"images": VAL, "predictions": Need("predictions"), "refined": refined, "drawn": _drawn(s, "val")}
        case "judge_classifiers":
            return {"images": VAL, "classifiers": [Need("classifier", t) for t in rounds]}
        case "judge_labels":
            return {"images": TRAIN, "labels": learned[s.segmentation.labels], "drawn": _drawn(s, "train")}
        case "quality":
            return {
                "images": TRAIN,
                "cams": [Need("cams", t) for t in sorted({1, len(rounds)})],
                "masks": [Need("masks", t) for t in rounds],
                "histories": [Need("history", t) for t in rounds],
                "saliency": Need("saliency"),
                "drawn": _drawn(s, "train"),
            }
        case "overview":
            return {
                "train": TRAIN,
                "val": VAL,
                "erased": [_images(s, t) for t in rounds],
                "cams": [Need("cams", t) for t in rounds],
                "saliency": Need("saliency"),
                "pseudo_labels": Need("pseudo_labels"),
                "predictions": Need("predictions"),
                "refined": refined,
                "drawn": _drawn(s, "val"),
            }
        case "gallery":
            shown = needs("overview", s, round=round, split=split, teacher=teacher, judged=judged)
            masks = [Need("masks", t) for t in rounds]
            return {**shown, "masks": masks, "drawn": _drawn(s, "train") + _drawn(s, "val")}
        case "plot_training":
            return {
                "train": TRAIN,
                "val": VAL,
                "histories": [Need("history", t) for t in rounds],
                "segmentation_history": Need("segmentation_history"),
            }
        case "plot_quality":
            return {"quality": Need("quality")}
        case "plot_result":
            return {
                "images": VAL,
                "predictions": refined[0] if refined else Need("predictions"),
                "miou": Need("miou"),
                "counts": Need("counts"),
                "ceiling": [Need("miou", run=CEILING)] if "ceiling" in s.variants and judged("train") else [],
                "drawn": _drawn(s, "val"),
            }
        case "plot_resources":
            val, train = judged("val"), judged("train")
            after = [Need("overview"), *([Need("miou"), Need("counts")] if val else [])]
            after += [Need("quality")] if train else []
            ceiling = val and train and "ceiling" in s.variants
            return {"after": [*after, *([Need(name, run=CEILING) for name in ("miou", "counts")] if ceiling else [])]}
        case "comparison":
            compared = runs(s)
            trained = compared if judged("train") else []  # else there is nothing to judge training by
            bases = [run.folder for run in compared if not run.variant]
            learned_from = [run.folder for run in trained if run.settings.segmentation.labels != "truth"]
            return {
                "miou": [Need("miou", run=run.folder) for run in compared],
                "counts": [Need("counts", run=run.folder) for run in compared],
                "classifiers": [Need("judged_classifiers", run=folder) for folder in bases],
                "labels": [Need("judged_labels", run=folder) for folder in learned_from],
                "quality": [Need("quality", run=folder) for folder in bases if trained],
            }
    raise ValueError(f"no stage is called {stage!r}")


def _drawn(s: Settings, split: str | None) -> list[Need]:
    """The scenes of a split, where the photographs are scenes."""
    return [Need("scenes", split=split)] if s.dataset.format == "scenes" else []


def _images(s: Settings, round: int | None) -> Need:
    """I_t: the training photographs, or what the round before left of them."""
    first = round in (None, 1) or s.erasing.fill == "none"
    return TRAIN if first else Need("erased", round - 1)  # type: ignore[operator]
