"""What each stage reads of the configuration: exactly this, so that a change elsewhere cannot rerun it.

A stage takes its settings as one of these models and cannot see more. `settings_for` cuts them out of the whole.
"""

from typing import Any, Literal

from pydantic import model_validator

from aepsl.errors import InputError
from aepsl.settings.base import Section
from aepsl.settings.sections import (
    CALIBRATED,
    CRF,
    Attention,
    Count,
    Dataset,
    Network,
    Reading,
    Saliency,
    SceneCount,
    Scenes,
    SceneSize,
    Seed,
    Segmentation,
    Threads,
    Training,
)
from aepsl.settings.settings import Settings, runs

MACHINE = ("device", "devices", "precision")
"""Settings that say where to compute, and rerun nothing."""


class Compared(Section):
    """A run of the comparison."""

    variant: str
    """Its name without the seed; empty: the base."""
    seed: Seed
    labels: Literal["pseudo", "predictions", "truth"]
    """What it learned from; all but the truth is judged."""


class ScenesSettings(Section):
    split: Literal["train", "val"]
    count: SceneCount
    size: SceneSize
    seed: Seed


class ManifestSettings(Section):
    dataset: Dataset
    split: Literal["train", "val"]


class TrainClassifierSettings(Section):
    seed: Seed
    round: Count
    cpu_threads: Threads
    network: Network
    attention: Literal["cam"]
    loss: Literal["squared", "bce"]
    training: Training


class CamsSettings(Section):
    round: Count
    cpu_threads: Threads
    attention: Attention


class CalibrateSettings(Section):
    round: Count
    target_area: float
    seed: Seed | None
    """None where nothing is random."""


class MineSettings(Section):
    round: Count
    reading: Reading
    threshold: float | None
    """Fraction or share t; None where it is calibrated."""
    seed: Seed | None = None
    """None where nothing is random."""

    @model_validator(mode="after")
    def _threshold_given(self) -> "MineSettings":
        if (self.threshold is None) != (self.reading in CALIBRATED):
            raise ValueError(f"a threshold belongs to readings that find none. Got: {self.reading}, {self.threshold}")
        return self


class EraseSettings(Section):
    round: Count
    fill: Literal["mean", "zero", "noise"]
    seed: Seed | None
    """None where nothing is random."""


class SaliencySettings(Section):
    saliency: Saliency


class PseudoLabelsSettings(Section):
    background_threshold: float | Literal["mined"]
    jump: float | None
    """None where the number of merged rounds is given."""


class TrainSegmentationSettings(Section):
    seed: Seed
    cpu_threads: Threads
    network: Network
    segmentation: Segmentation


class PredictSettings(Section):
    cpu_threads: Threads
    prohibit_below: float


class SelfLabelsSettings(Section):
    cpu_threads: Threads
    crf: CRF | None


class CrfSettings(Section):
    crf: CRF


class SubmissionSettings(Section):
    pass


class EvaluateSettings(Section):
    chosen_on_ground_truth: list[str]


class JudgeClassifiersSettings(Section):
    cpu_threads: Threads


class JudgeLabelsSettings(Section):
    pass


class QualitySettings(Section):
    background_threshold: float | Literal["mined"]
    jump: float
    mine_erased: bool


class ComparisonSettings(Section):
    runs: list[Compared]
    """In the order of the results."""


class OverviewSettings(Section):
    images: Count


class GallerySettings(Section):
    pass


class PlotTrainingSettings(Section):
    merge: Count | Literal["auto"]
    jump: float | None
    """None where the number of merged rounds is given."""
    loss: Literal["squared", "bce"]


class PlotQualitySettings(Section):
    merge: Count | Literal["auto"]


class PlotResultSettings(Section):
    refined: bool
    """Whether the predictions are those after the CRF."""


class PlotResourcesSettings(Section):
    pass


class ListSettingsSettings(Section):
    configuration: Settings
    """The whole, but for `MACHINE`."""


def settings_for(stage: str, settings: Settings, *, round: int | None = None, split: str | None = None) -> Section:
    """What `stage` reads of `settings`, in round `round` (1..T) or for `split` where it has them."""
    s = settings
    erasing = s.erasing
    t = round or 0
    match stage:
        case "scenes":
            scenes = s.dataset.scenes
            count = scenes.train if split == "train" else scenes.val
            return ScenesSettings(split=split, count=count, size=scenes.size, seed=scenes.seed)  # type: ignore[arg-type]
        case "manifest":
            unread: dict[str, Any] = {
                "scenes": Scenes(),
                "masks": None,
                "val_list" if split == "train" else "train_list": "-",
            }
            if s.dataset.format != "voc":
                unread |= {"train_list": "-", "val_list": "-"}
            if s.dataset.format == "scenes":
                unread |= {"root": "-", "labels": None, "skip_unreadable": False}
            return ManifestSettings(dataset=s.dataset.model_copy(update=unread), split=split)  # type: ignore[arg-type]
        case "train_classifier":
            own = next((one.epochs for one in erasing.per_round if one.round == round), None)
            return TrainClassifierSettings(
                seed=s.seed,
                round=t,
                cpu_threads=s.cpu_threads,
                network=_network(s.network),
                attention=s.attention.method,
                loss=s.classification.loss,
                training=_training(s.classification.training, epochs=own),
            )
        case "cams":
            return CamsSettings(round=t, cpu_threads=s.cpu_threads, attention=s.attention)
        case "calibrate":
            seed = s.seed if erasing.in_round(t, "reading") == "random" else None
            return CalibrateSettings(round=t, target_area=erasing.in_round(t, "target_area"), seed=seed)
        case "mine":
            reading = erasing.in_round(t, "reading")
            threshold = None if reading in CALIBRATED else erasing.in_round(t, "threshold")
            seed = s.seed if reading == "random" else None
            return MineSettings(round=t, reading=reading, threshold=threshold, seed=seed)
        case "erase":
            if erasing.fill == "none":
                raise InputError("erasing.fill is none: no round erases anything")
            return EraseSettings(round=t, fill=erasing.fill, seed=s.seed if erasing.fill == "noise" else None)
        case "saliency":
            unread = {} if s.saliency.method == "external" else {"folder": None}
            return SaliencySettings(saliency=s.saliency.model_copy(update=unread))
        case "pseudo_labels":
            return PseudoLabelsSettings(
                background_threshold=s.pseudo_labels.background_threshold,
                jump=erasing.jump if erasing.merge == "auto" else None,
            )
        case "train_segmentation":
            return TrainSegmentationSettings(
                seed=s.seed,
                cpu_threads=s.cpu_threads,
                network=_network(s.network),
                segmentation=_learning(s.segmentation),
            )
        case "predict":
            below = s.segmentation.prohibit_below if s.segmentation.loss == "psl" else 0.0  # else there is no branch
            return PredictSettings(cpu_threads=s.cpu_threads, prohibit_below=below)
        case "self_labels":
            refined = s.segmentation.self_label_crf and s.crf.iterations > 0
            return SelfLabelsSettings(cpu_threads=s.cpu_threads, crf=s.crf if refined else None)
        case "crf":
            return CrfSettings(crf=s.crf)
        case "submission":
            return SubmissionSettings()
        case "evaluate":
            return EvaluateSettings(chosen_on_ground_truth=s.chosen_on_ground_truth)
        case "quality":
            return QualitySettings(
                background_threshold=s.pseudo_labels.background_threshold,
                jump=erasing.jump,
                mine_erased=erasing.mine_erased,
            )
        case "judge_classifiers":
            return JudgeClassifiersSettings(cpu_threads=s.cpu_threads)
        case "judge_labels":
            return JudgeLabelsSettings()
        case "comparison":
            compared = [
                Compared(variant=one.variant, seed=one.settings.seed, labels=one.settings.segmentation.labels)
                for one in runs(s)
            ]
            return ComparisonSettings(runs=compared)
        case "overview":
            return OverviewSettings(images=8)
        case "gallery":
            return GallerySettings()
        case "plot_training":
            jump = erasing.jump if erasing.merge == "auto" else None
            return PlotTrainingSettings(merge=erasing.merge, jump=jump, loss=s.classification.loss)
        case "plot_quality":
            return PlotQualitySettings(merge=erasing.merge)
        case "plot_result":
            return PlotResultSettings(refined=s.crf.iterations > 0)
        case "plot_resources":
            return PlotResourcesSettings()
        case "list_settings":
            unset = {name: getattr(Settings(), name) for name in MACHINE}
            return ListSettingsSettings(configuration=s.model_copy(update=unset))
    raise ValueError(f"no stage is called {stage!r}")


def _network(network: Network) -> Network:
    """The network, with the defaults of what its backbone has no use for."""
    if network.backbone == "vgg16":
        return network
    unread = {name: getattr(Network(), name) for name in ("width", "blocks", "norm", "dilation")}
    return network.model_copy(update=unread)


def _training(training: Training, *, epochs: int | None = None) -> Training:
    """The recipe, with the defaults of what its optimiser and its schedule have no use for. epochs: others instead."""
    unread = (["momentum"] if training.optimizer != "sgd" else []) + (["steps"] if training.schedule != "step" else [])
    own = {name: getattr(Training(), name) for name in unread} | ({} if epochs is None else {"epochs": epochs})
    return training.model_copy(update=own)


def _learning(segmentation: Segmentation) -> Segmentation:
    """What training reads of the section; with plain cross-entropy, the defaults of what belongs to PSL."""
    unread = ["prohibit_below", "self_label_crf", "train_on"]
    if segmentation.labels != "pseudo":
        unread += ["background_share"]
    if segmentation.loss == "cross_entropy":
        unread += ["class_scores", "branch_loss", "branch_weight", "online_classes"]
    own = {name: getattr(Segmentation(), name) for name in unread} | {"training": _training(segmentation.training)}
    return segmentation.model_copy(update=own)
