"""The plan: which run owns a product, what a job needs and is told. Without Snakemake."""

import inspect
import json
from importlib import import_module
from typing import Any

import pytest

from aepsl.errors import InputError
from aepsl.graph import PRODUCTS, STAGES
from aepsl.settings.settings import Settings, validate
from aepsl.workflow import Job, Plan, teacher

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"segmentation": {"loss": "cross_entropy"}},
    "merge1": {"erasing": {"merge": 1}},
    "merge4": {"erasing": {"merge": 4}},
    "seed1": {"seed": 1},
    "ceiling": {"segmentation": {"labels": "truth", "loss": "cross_entropy"}},
    "psl++": {"segmentation": {"labels": "predictions"}},
}


def plan(**values: Any) -> Plan:
    scenes = {"dataset": {"format": "scenes"}, "variants": VARIANTS}
    return Plan(validate(Settings, scenes | values, source="test"))


def owner(plan: Plan, product: str, run: str, **where: Any) -> str:
    """The variant in whose folder `run` finds the product; "" for the base's."""
    path = plan.path(product, run and f"variants/{run}/", **where)
    below = path.removeprefix("results/")
    return below.split("/")[1] if below.startswith("variants/") else ""


def upstream(job: Job) -> set[Job]:
    """The job and all before it, by following the needs."""
    found, waiting = set(), [job]
    while waiting:
        one = waiting.pop()
        key = Job(one.plan, one.stage, one.run, one.round, one.split)
        if key not in found:
            found.add(key)
            needs = [n for need in one.needs.values() for n in (need if isinstance(need, list) else [need])]
            waiting += [one.maker(need) for need in needs]
    return found


@pytest.mark.parametrize(
    ("run", "shared", "own"),
    [
        ("plain", ["pseudo_labels", "saliency"], ["model", "segmentation_history", "predictions", "refined", "miou"]),
        ("merge1", ["saliency"], ["pseudo_labels", "model", "scores", "miou"]),
        ("merge4", ["saliency"], ["pseudo_labels", "model", "scores", "miou"]),
        ("seed1", ["scenes", "saliency"], ["pseudo_labels", "model", "miou", "quality", "overview"]),
        ("ceiling", ["scenes", "pseudo_labels", "quality"], ["model", "predictions", "miou"]),
        ("psl++", ["pseudo_labels", "quality"], ["model", "predictions", "miou"]),
    ],
)
def test_a_variant_owns_what_its_settings_change_and_what_follows(run: str, shared: list[str], own: list[str]) -> None:
    p = plan()
    assert {name: owner(p, name, run, split="val") for name in shared} == dict.fromkeys(shared, "")
    assert {name: owner(p, name, run, split="val") for name in own} == dict.fromkeys(own, run)


@pytest.mark.parametrize("run", [run for run in VARIANTS if run != "seed1"])
def test_the_rounds_are_trained_once_for_all_variants_of_what_comes_after(run: str) -> None:
    p = plan()
    names = ("classifier", "history", "cams", "masks")
    assert {owner(p, name, run, round=t) for name in names for t in range(1, 5)} == {""}
    assert {owner(p, "manifest", run, split=split) for split in ("train", "val")} == {""}


def test_another_seed_trains_its_own_rounds_on_the_same_data() -> None:
    p = plan()
    assert {owner(p, "classifier", "seed1", round=t) for t in range(1, 5)} == {"seed1"}
    assert owner(p, "manifest", "seed1", split="train") == ""


def test_psl_plus_plus_learns_from_the_run_that_learned_from_pseudo_labels() -> None:
    p = plan()
    assert Job(p, "train_segmentation", "variants/psl++/").inputs()["labels"] == ["results/self_labels/index.json"]
    jobs = upstream(Job(p, "evaluate", "variants/psl++/"))
    assert len([job for job in jobs if job.stage == "train_segmentation"]) == 2
    assert p.path("model", "variants/psl++@teacher/") == "results/segmentation/model.safetensors"


def test_a_teacher_that_no_other_run_equals_is_trained_in_a_folder_of_its_own() -> None:
    both = {"segmentation": {"labels": "predictions", "branch_weight": 0.5}}
    p = plan(variants={"other": both})
    folder = "results/variants/other@teacher"
    assert Job(p, "train_segmentation", "variants/other/").inputs()["labels"] == [f"{folder}/self_labels/index.json"]
    assert (
        Job(p, "self_labels", "variants/other@teacher/").inputs()["model"] == f"{folder}/segmentation/model.safetensors"
    )
    base = plan(segmentation={"labels": "predictions"}, variants={})
    assert Job(base, "train_segmentation").inputs()["labels"] == ["results/variants/@teacher/self_labels/index.json"]
    assert base.path("model") == "results/segmentation/model.safetensors"


def test_no_variant_can_have_a_teachers_name() -> None:
    assert teacher("variants/psl++/") == "variants/psl++@teacher/"
    with pytest.raises(InputError, match="a variant's name"):
        plan(variants={"psl++@teacher": {"seed": 1}})


@pytest.mark.parametrize("base", ["pseudo", "predictions"])
def test_the_comparison_takes_one_result_for_each_named_run(base: str) -> None:
    p = plan(segmentation={"labels": base})
    job = Job(p, "comparison")
    compared = json.loads(job.settings())["runs"]
    named = [run["variant"] for run in compared]
    assert named == ["", *VARIANTS]
    folders = [name and f"variants/{name}/" for name in named]
    assert job.inputs()["miou"] == [p.path("miou", folder) for folder in folders]
    judged = [folder for folder, run in zip(folders, compared, strict=True) if run["labels"] != "truth"]
    assert "variants/ceiling/" not in judged
    assert job.inputs()["labels"] == [p.path("judged_labels", folder) for folder in judged]
    assert job.inputs()["quality"] == [p.path("quality")]


def test_every_stage_has_needs_and_no_other_name() -> None:
    p = plan()
    for stage in STAGES:
        inputs = Job(p, stage, round=2, split="train").inputs()
        assert inputs.keys() == Job(p, stage, round=2, split="train").needs.keys()
    for stage in ("evalute", "", "gather"):
        with pytest.raises(ValueError, match=f"no stage is called '{stage}'"):
            _ = Job(p, stage).needs


def test_psl_plus_plus_starts_afresh_or_from_its_teacher() -> None:
    learned = {"labels": "predictions"}
    p = plan(variants={"afresh": {"segmentation": learned}, "on": {"segmentation": learned | {"train_on": True}}})
    afresh, on = (Job(p, "train_segmentation", f"variants/{name}/").inputs() for name in ("afresh", "on"))
    assert (afresh["start"], on["start"]) == ([], [p.path("model")])
    assert afresh["labels"] == on["labels"]
    assert p.path("model", "variants/on/") != p.path("model", "variants/afresh/")


def test_without_erasing_every_round_sees_the_photographs() -> None:
    p = plan(variants={"union": {"erasing": {"fill": "none"}}})
    run = "variants/union/"
    assert {Job(p, "train_classifier", run, round=t).inputs()["images"] for t in range(1, 5)} == {
        p.path("manifest", split="train")
    }
    assert p.path("classifier", run, round=1) == p.path("classifier", round=1)
    assert p.path("classifier", run, round=2) != p.path("classifier", round=2)
    with pytest.raises(InputError, match="no round erases anything"):
        Job(p, "erase", run, round=1).settings()


def test_random_regions_need_no_classifier() -> None:
    p = plan(variants={"random": {"erasing": {"per_round": [{"round": 2, "reading": "random"}]}}})
    assert Job(p, "mine", "variants/random/", round=2).inputs()["cams"] == []
    assert Job(p, "mine", "variants/random/", round=1).inputs()["cams"] == [p.path("cams", round=1)]


def test_equal_variants_share_and_the_first_owns() -> None:
    twin = {"segmentation": {"branch_weight": 0.5}}
    p = plan(variants={"first": twin, "second": twin, "third": twin} | {"as_base": {}, "same": {"seed": 0}})
    assert {owner(p, "miou", run) for run in ("first", "second", "third")} == {"first"}
    assert {owner(p, "miou", run) for run in ("as_base", "same")} == {""}


def test_variants_of_one_change_share_what_comes_before_the_next() -> None:
    loss = {"segmentation": {"loss": "cross_entropy"}}
    p = plan(variants={"one": loss, "two": loss | {"crf": {"iterations": 3}}})
    assert owner(p, "scores", "two") == "one"
    assert owner(p, "refined", "two") == "two"


@pytest.mark.parametrize(("merge", "expected"), [(1, {1}), (3, {1, 2, 3}), (4, {1, 2, 3, 4}), ("auto", {1, 2, 3, 4})])
def test_the_headline_needs_the_merged_rounds_alone(merge: Any, expected: set[int]) -> None:
    jobs = upstream(Job(plan(erasing={"merge": merge}), "evaluate"))
    assert {job.round for job in jobs if job.stage == "mine"} == expected
    assert {job.round for job in jobs if job.stage == "train_classifier"} == expected
    assert {job.round for job in jobs if job.stage == "erase"} == expected - {max(expected)}


def test_the_ceiling_needs_no_round() -> None:
    stages = {job.stage for job in upstream(Job(plan(), "evaluate", "variants/ceiling/"))}
    assert stages == {"evaluate", "crf", "predict", "train_segmentation", "manifest", "scenes"}


def test_the_submission_packs_the_predictions_after_the_crf_where_there_is_one() -> None:
    p = plan(variants={"raw": {"crf": {"iterations": 0}}})
    assert Job(p, "submission").inputs() == {"predictions": "results/predictions_crf/index.json"}
    assert Job(p, "submission", "variants/raw/").inputs() == {"predictions": "results/predictions/index.json"}
    assert {job.stage for job in upstream(Job(p, "submission"))}.isdisjoint({"evaluate", "quality"})


def test_predictions_of_another_list_share_the_trained_network() -> None:
    p = plan(dataset={"format": "voc"}, variants={"test": {"dataset": {"val_list": "test"}}})
    assert owner(p, "model", "test") == "" and owner(p, "refined", "test") == "test"


def test_an_override_of_round_3_leaves_rounds_1_and_2_shared() -> None:
    override = {"erasing": {"per_round": [{"round": 3, "threshold": 0.5}]}}
    p = plan(variants={"other": override})
    for name in ("classifier", "cams", "masks"):
        assert [owner(p, name, "other", round=t) for t in (1, 2)] == ["", ""]
    assert [owner(p, "erased", "other", round=t) for t in (1, 2)] == ["", ""]
    assert [owner(p, name, "other", round=3) for name in ("classifier", "cams")] == ["", ""]
    assert owner(p, "masks", "other", round=3) == "other"
    assert owner(p, "classifier", "other", round=4) == "other"
    assert owner(p, "pseudo_labels", "other") == "other"


def test_a_round_that_only_a_variant_has_is_its_own() -> None:
    p = plan(variants={"long": {"erasing": {"rounds": 6}}, "longer": {"erasing": {"rounds": 8}}})
    assert owner(p, "masks", "long", round=4) == ""
    assert owner(p, "masks", "long", round=5) == "long"
    assert owner(p, "masks", "longer", round=6) == "long"
    assert owner(p, "masks", "longer", round=7) == "longer"


def test_runs_with_scenes_of_their_own_share_nothing() -> None:
    p = plan(variants={"other": {"dataset": {"scenes": {"seed": 5}}}})
    assert owner(p, "scenes", "other", split="val") == owner(p, "manifest", "other", split="val") == "other"
    assert Job(p, "evaluate", "variants/other/").outside() == {
        "truth": "results/variants/other/data/scenes/val/SegmentationClass"
    }


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_takes_just_the_files_that_the_graph_gives_it(stage: str) -> None:
    p = plan(crf={"iterations": 1})
    job = Job(p, stage, round=2, split="train")
    outside = {"train_segmentation": {"truth": ""}, "plot_resources": {"benchmarks": ""}}.get(stage, job.outside())
    parameters = inspect.signature(import_module(f"aepsl.stages.{stage}").run).parameters
    files = {name for name, parameter in parameters.items() if "Path" in str(parameter.annotation)}
    made = set(job.outputs())
    assert files == job.inputs().keys() - {"drawn", "after"} | made | outside.keys()
    lists = {name for name, parameter in parameters.items() if "list" in str(parameter.annotation)}
    given = {name for name, paths in job.inputs().items() if isinstance(paths, list)}
    assert lists - {"benchmarks"} == given - {"drawn", "after"}


def test_ground_truth_is_told_only_to_who_may_read_it() -> None:
    p = plan()
    told = {stage for stage in STAGES if "SegmentationClass" in Job(p, stage, round=1, split="train").options(1)}
    assert told == {"evaluate", "judge_labels", "quality", "overview", "gallery", "plot_result"}
    assert "SegmentationClass" in Job(p, "train_segmentation", "variants/ceiling/").options(1)
    both = [f"--{split}-truth results/data/scenes/{split}/SegmentationClass" for split in ("train", "val")]
    assert all(words in Job(p, "gallery").options(1) for words in both)
    assert "truth" not in Job(p, "train_segmentation", "variants/psl++/").options(1)


def test_the_machine_and_other_stages_are_not_in_a_stages_settings() -> None:
    one, other = plan(), plan(device="cpu", precision="float32", results="results", crf={"iterations": 3})
    for stage in STAGES:
        jobs = [Job(p, stage, round=2, split="val") for p in (one, other)]
        differ = jobs[0].settings() != jobs[1].settings()
        assert differ == (stage in ("crf", "self_labels", "list_settings"))


def test_numbers_that_swap_places_change_the_settings() -> None:
    crf = {"bilateral_xy": 5.0, "bilateral_rgb": 49.0}
    swapped = {"bilateral_xy": 49.0, "bilateral_rgb": 5.0}
    assert Job(plan(crf=crf), "crf").settings() != Job(plan(crf=swapped), "crf").settings()


def test_the_order_of_keys_does_not_change_the_settings() -> None:
    given = {"erasing": {"rounds": 5, "merge": 2}, "seed": 4}
    turned = {"seed": 4, "erasing": {"merge": 2, "rounds": 5}}
    assert Job(plan(**given), "mine", round=1).settings() == Job(plan(**turned), "mine", round=1).settings()


def test_the_results_folder_leads_every_path() -> None:
    p = plan(results="elsewhere/run 1")
    paths = [p.path(name, "variants/seed1/", round=2, split="val") for name in PRODUCTS if name != "comparison"]
    assert all(path.startswith("elsewhere/run 1/") for path in paths)


def test_a_backbone_chosen_by_name_is_part_of_the_code() -> None:
    small, large = plan(network={"backbone": "squeezenet"}), plan()
    changed = {
        s for s in STAGES if Job(small, s, round=1, split="val").code() != Job(large, s, round=1, split="val").code()
    }
    assert changed == {
        "train_classifier", "cams", "judge_classifiers", "train_segmentation", "predict", "self_labels"
    }  # fmt: skip


def test_a_run_is_told_where_it_finds_its_images_in_its_own_folder_or_anothers() -> None:
    variants = {"whole": {"erasing": {"fill": "none"}}, "late": {"erasing": {"per_round": [{"round": 3, "epochs": 1}]}}}
    told = plan(dataset={"format": "scenes"}, variants=variants, seeds=[3]).told()
    assert told["variants/whole"]["images"]["rounds"] == ["data/train.json"] * 4, "nothing is erased"
    late = told["variants/late-seed3"]["images"]
    assert late["val"] == "variants/seed3/data/val.json", "its scenes are drawn from its seed"
    assert late["rounds"][1:] == [
        *(f"variants/seed3/round{t}/erased/index.json" for t in (1, 2)),
        "variants/late-seed3/round3/erased/index.json",
    ]
    assert told["."]["settings"]["seed"] == 0 and told["variants/late-seed3"]["settings"]["seed"] == 3
