"""What each stage reads of the configuration: a change reaches the stages that read it, and no other."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from aepsl.files import canonical
from aepsl.graph import PRODUCTS, STAGES
from aepsl.settings.settings import Settings, load, validate
from aepsl.settings.stages import settings_for

ROOT = Path(__file__).parents[2]
SPLITS = ("train", "val")


def loaded(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    return load(tmp_path / "c.yaml")


def every_job(s: Settings) -> dict[str, str]:
    """job → its settings as a rule gets them; a stage of rounds has one in each, `manifest` one a split."""
    jobs = {}
    for stage in STAGES:
        path = next(product.path for product in PRODUCTS.values() if product.stage == stage)
        for round_ in range(1, s.erasing.rounds + 1) if "{round}" in path else [None]:
            for split in SPLITS if "{split}" in path else [None]:
                if stage == "calibrate" and s.erasing.in_round(round_ or 0, "reading") not in ("calibrated", "random"):
                    continue
                found = settings_for(stage, s, round=round_, split=split)
                jobs[f"{stage} {round_ or split or ''}".strip()] = canonical(found.model_dump())
    return jobs


def test_every_stage_has_settings_that_its_command_takes_back() -> None:
    settings = validate(Settings, {"erasing": {"reading": "calibrated"}}, source="test")
    assert {job.split()[0] for job in every_job(settings)} == set(STAGES)
    for stage in STAGES:
        found = settings_for(stage, settings, round=1, split="train")
        assert validate(type(found), json.loads(canonical(found.model_dump())), source="--settings") == found
    with pytest.raises(ValueError, match="camz"):
        settings_for("camz", Settings())


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_keys(inner) for key, inner in reversed(value.items())}
    return [reversed_keys(inner) for inner in value] if isinstance(value, list) else value


def test_the_order_of_keys_changes_no_job(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "configs/test.yaml").read_text(encoding="utf-8"))
    config.pop("variants")
    forth, back = (yaml.safe_dump(c, sort_keys=False) for c in (config, reversed_keys(config)))
    assert forth != back
    assert every_job(loaded(tmp_path, forth)) == every_job(loaded(tmp_path, back))


def rounds(*stages: str, of: tuple[int, ...] = (1, 2, 3, 4)) -> set[str]:
    return {f"{stage} {number}" for stage in stages for number in of}


BASE, FOLDER = "dataset: {format: voc}", "dataset: {format: folder}"
CHANGES: list[tuple[str, str, set[str]]] = [
    (BASE, "seed: 1", {*rounds("train_classifier"), "train_segmentation", "comparison"}),
    ("erasing: {fill: noise}", "seed: 1", {*rounds("train_classifier", "erase"), "train_segmentation", "comparison"}),
    (
        BASE,
        "cpu_threads: 4",
        {*rounds("train_classifier", "cams"), "judge_classifiers", "train_segmentation", "predict", "self_labels"},
    ),
    (BASE, "device: cuda", set()),
    (BASE, "precision: float32", set()),
    (BASE, "results: elsewhere", set()),
    (BASE, "variants: {plain: {segmentation: {loss: cross_entropy}}}", {"comparison"}),
    (BASE, "dataset: {root: elsewhere}", {"manifest train", "manifest val"}),
    (BASE, "dataset: {labels: table.csv}", {"manifest train", "manifest val"}),
    (BASE, "dataset: {train_list: train}", {"manifest train"}),
    (BASE, "dataset: {val_list: test}", {"manifest val"}),
    (BASE, "dataset: {scenes: {train: 3}}", {"scenes train"}),
    (BASE, "dataset: {scenes: {val: 3}}", {"scenes val"}),
    (BASE, "dataset: {skip_unreadable: true}", {"manifest train", "manifest val"}),
    (FOLDER, "dataset: {classes: [cat]}", {"manifest train", "manifest val"}),
    (FOLDER, "dataset: {val_labels: table.csv}", {"manifest train", "manifest val"}),
    (FOLDER, "dataset: {masks: masks}", set()),
    (FOLDER, "dataset: {val_list: test}", set()),
    ("dataset: {format: scenes}", "dataset: {root: elsewhere}", set()),
    ("dataset: {format: scenes}", "dataset: {val_list: test}", set()),
    ("dataset: {format: scenes}", "dataset: {labels: table.csv}", set()),
    ("dataset: {format: scenes}", "dataset: {skip_unreadable: true}", set()),
    (BASE, "network: {width: 0.5}", {*rounds("train_classifier"), "train_segmentation"}),
    ("network: {backbone: squeezenet}", "network: {width: 0.5, blocks: 4, norm: group, dilation: 1}", set()),
    (BASE, "network: {dropout: 0.4}", {*rounds("train_classifier"), "train_segmentation"}),
    (BASE, "classification: {loss: bce}", {*rounds("train_classifier"), "plot_training"}),
    (BASE, "classification: {training: {lr: 0.01}}", rounds("train_classifier")),
    (BASE, "classification: {training: {momentum: 0.5}}", rounds("train_classifier")),
    (BASE, "classification: {training: {steps: [4]}}", rounds("train_classifier")),
    (
        "classification: {training: {optimizer: adamw}}",
        "classification: {training: {optimizer: adamw, momentum: 0.5}}",
        set(),
    ),
    (
        "classification: {training: {schedule: cosine}}",
        "classification: {training: {schedule: cosine, steps: [4]}}",
        set(),
    ),
    (
        "segmentation: {training: {optimizer: adamw}}",
        "segmentation: {training: {optimizer: adamw, momentum: 0.5}}",
        set(),
    ),
    (BASE, "attention: {flip: false}", rounds("cams")),
    (BASE, "attention: {scales: [0.5, 1.0]}", rounds("cams")),
    (BASE, "erasing: {threshold: 0.3}", rounds("mine")),
    (BASE, "erasing: {target_area: 0.3}", set()),
    ("erasing: {reading: calibrated}", "erasing: {target_area: 0.3}", rounds("calibrate")),
    ("erasing: {reading: calibrated}", "erasing: {threshold: 0.3}", set()),
    (BASE, "erasing: {fill: zero}", rounds("erase")),
    (BASE, "erasing: {per_round: [{round: 3, threshold: 0.3}]}", {"mine 3"}),
    (BASE, "erasing: {per_round: [{round: 3, reading: top_pixels}]}", {"mine 3"}),
    (BASE, "erasing: {per_round: [{round: 3, threshold: 0.2}]}", set()),
    (BASE, "erasing: {per_round: [{round: 3, epochs: 4}]}", {"train_classifier 3"}),
    (BASE, "erasing: {merge: 2}", {"plot_training", "plot_quality"}),
    (BASE, "erasing: {merge: auto}", {"pseudo_labels", "plot_training", "plot_quality"}),
    (BASE, "erasing: {jump: 0.2}", {"quality"}),
    ("erasing: {merge: auto}", "erasing: {jump: 0.2}", {"pseudo_labels", "quality", "plot_training"}),
    (BASE, "saliency: {method: external, folder: maps}", {"saliency"}),
    (BASE, "saliency: {folder: maps}", set()),
    (BASE, "pseudo_labels: {background_threshold: 0.1}", {"pseudo_labels", "quality"}),
    (BASE, "pseudo_labels: {background_threshold: mined}", {"pseudo_labels", "quality"}),
    (BASE, "segmentation: {class_scores: softmax}", {"train_segmentation"}),
    ("segmentation: {loss: cross_entropy}", "segmentation: {class_scores: softmax, branch_loss: squared}", set()),
    ("segmentation: {loss: cross_entropy}", "segmentation: {loss_at: pixels}", {"train_segmentation"}),
    (BASE, "segmentation: {training: {epochs: 3}}", {"train_segmentation"}),
    (BASE, "segmentation: {labels: truth}", {"train_segmentation", "comparison"}),
    (BASE, "segmentation: {background_share: all}", {"train_segmentation"}),
    ("segmentation: {labels: truth}", "segmentation: {background_share: all}", set()),
    ("segmentation: {labels: predictions}", "segmentation: {background_share: all}", set()),
    ("segmentation: {loss: cross_entropy}", "segmentation: {background_share: all}", {"train_segmentation"}),
    (BASE, "seeds: [1]", {"comparison"}),
    (BASE, "erasing: {reading: random, target_area: 0.3}", rounds("mine")),
    (
        "erasing: {reading: random}",
        "seed: 1",
        {*rounds("train_classifier", "calibrate", "mine"), "train_segmentation", "comparison"},
    ),
    (BASE, "segmentation: {prohibit_below: 0.1}", {"predict"}),
    ("segmentation: {loss: cross_entropy}", "segmentation: {prohibit_below: 0.1}", set()),
    (BASE, "segmentation: {self_label_crf: false}", {"self_labels"}),
    (BASE, "segmentation: {train_on: true}", set()),
    (BASE, "crf: {bilateral_xy: 15.0}", {"crf", "self_labels"}),
    ("segmentation: {self_label_crf: false}", "crf: {bilateral_xy: 15.0}", {"crf"}),
    ("crf: {iterations: 0}", "crf: {bilateral_xy: 15.0}", {"crf"}),
    (BASE, "chosen_on_ground_truth: [erasing.threshold]", {"evaluate"}),
]


@pytest.mark.parametrize(("base", "change", "expected"), CHANGES)
def test_a_change_reaches_exactly_the_stages_that_read_it(base: str, change: str, expected: set[str]) -> None:
    """`train_on` and the like change no stage's settings: they change which files it is given (graph.needs).

    The list of all settings is changed by each but those of the machine.
    """
    before = yaml.safe_load(base)
    (section, value), *rest = yaml.safe_load(change).items()
    assert not rest
    after = before | {section: before.get(section, {}) | value if isinstance(value, dict) else value}
    jobs, changed = (every_job(validate(Settings, config, source="test")) for config in (before, after))
    listed = set() if section in ("device", "precision") else {"list_settings"}
    assert {job for job in jobs if jobs[job] != changed[job]} == expected | listed
