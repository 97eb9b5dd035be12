"""What each stage reads of the configuration: exactly this, so that a change elsewhere cannot rerun it.

A stage takes its settings as one of these models and cannot see more. `settings_for` cuts them out of the whole.
"""

from typing import Any, Literal

from aepsl.settings.base import Section
from aepsl.settings.sections import (
    CRF,
    Attention,
    Dataset,
    Network,
    Saliency,
    Scenes,
    Segmentation,
    Training,
)
from aepsl.settings.settings import Settings


class ScenesSettings(Section):
    scenes: Scenes


class ManifestSettings(Section):
    dataset: Dataset
    split: Literal["train", "val"]


class TrainClassifierSettings(Section):
    seed: int
    round: int
    cpu_threads: int
    network: Network
    attention: Literal["cam"]
    loss: Literal["squared", "bce"]
    training: Training


class CamsSettings(Section):
    round: int
    cpu_threads: int
    attention: Attention


class MineSettings(Section):
    round: int
    reading: Literal["fraction_of_max", "top_pixels", "top_values", "calibrated"]
    threshold: float
    """Fraction or share t, or the target area where the reading is `calibrated`."""


class EraseSettings(Section):
    round: int
    fill: Literal["mean", "zero", "noise"]
    seed: int | None
    """None where nothing is random."""


class SaliencySettings(Section):
    saliency: Saliency


class PseudoLabelsSettings(Section):
    background_threshold: float
    jump: float | None
    """None where the number of merged rounds is given."""


class TrainSegmentationSettings(Section):
    seed: int
    cpu_threads: int
    network: Network
    segmentation: Segmentation


class PredictSettings(Section):
    cpu_threads: int
    prohibit_below: float


class SelfLabelsSettings(Section):
    cpu_threads: int
    crf: CRF | None


class CrfSettings(Section):
    crf: CRF


class EvaluateSettings(Section):
    chosen_on_ground_truth: list[str]


class QualitySettings(Section):
    background_threshold: float


class ComparisonSettings(Section):
    runs: list[str]


class OverviewSettings(Section):
    images: int


def settings_for(stage: str, settings: Settings, *, round: int | None = None, split: str | None = None) -> Section:
    """What `stage` reads of `settings`, in round `round` (1..T) or for `split` where it has them."""
    s = settings
    erasing = s.erasing
    override = next((o for o in erasing.per_round if o.round == round), None)

    t = round or 0

    def of_round(name: str, default: Any) -> Any:
        own = getattr(override, name, None)
        return default if own is None else own

    match stage:
        case "scenes":
            return ScenesSettings(scenes=s.dataset.scenes)
        case "manifest":
            unread = {"scenes": Scenes(), "val_list" if split == "train" else "train_list": "-"}
            if s.dataset.format == "scenes":
                unread |= {"root": "-", "train_list": "-", "val_list": "-"}
            return ManifestSettings(dataset=s.dataset.model_copy(update=unread), split=split)  # type: ignore[arg-type]
        case "train_classifier":
            epochs = of_round("epochs", s.classification.training.epochs)
            return TrainClassifierSettings(
                seed=s.seed,
                round=t,
                cpu_threads=s.cpu_threads,
                network=s.network,
                attention=s.attention.method,
                loss=s.classification.loss,
                training=s.classification.training.model_copy(update={"epochs": epochs}),
            )
        case "cams":
            return CamsSettings(round=t, cpu_threads=s.cpu_threads, attention=s.attention)
        case "mine":
            reading = of_round("reading", erasing.reading)
            given = "target_area" if reading == "calibrated" else "threshold"
            return MineSettings(round=t, reading=reading, threshold=of_round(given, getattr(erasing, given)))
        case "erase":
            return EraseSettings(round=t, fill=erasing.fill, seed=s.seed if erasing.fill == "noise" else None)
        case "saliency":
            return SaliencySettings(saliency=s.saliency)
        case "pseudo_labels":
            return PseudoLabelsSettings(
                background_threshold=s.pseudo_labels.background_threshold,
                jump=erasing.jump if erasing.merge == "auto" else None,
            )
        case "train_segmentation":
            elsewhere = {"labels": "pseudo", "prohibit_below": 0.0, "self_label_crf": True}
            return TrainSegmentationSettings(
                seed=s.seed,
                cpu_threads=s.cpu_threads,
                network=s.network,
                segmentation=s.segmentation.model_copy(update=elsewhere),
            )
        case "predict":
            return PredictSettings(cpu_threads=s.cpu_threads, prohibit_below=s.segmentation.prohibit_below)
        case "self_labels":
            return SelfLabelsSettings(cpu_threads=s.cpu_threads, crf=s.crf if s.segmentation.self_label_crf else None)
        case "crf":
            return CrfSettings(crf=s.crf)
        case "evaluate":
            return EvaluateSettings(chosen_on_ground_truth=s.chosen_on_ground_truth)
        case "quality":
            return QualitySettings(background_threshold=s.pseudo_labels.background_threshold)
        case "comparison":
            return ComparisonSettings(runs=["", *s.variants])
        case "overview":
            return OverviewSettings(images=8)
    raise ValueError(f"no stage is called {stage!r}")
