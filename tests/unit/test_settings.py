import difflib
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from aepsl.errors import InputError
from aepsl.settings.settings import Settings, load, runs
from aepsl.tools import schema

ROOT = Path(__file__).parents[2]
SPLITS = ("train", "val")


def loaded(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    return load(tmp_path / "c.yaml")


def refusal(tmp_path: Path, text: str) -> str:
    """What is said of a configuration that is refused, as itself or for one of its variants."""
    with pytest.raises(InputError) as caught:
        runs(loaded(tmp_path, text))
    return str(caught.value).replace(str(tmp_path / "c.yaml"), "FILE")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("erasing: {treshold: 0.3}", "FILE: erasing.treshold: unknown key (did you mean threshold?)"),
        ("network: {intt: 1}", "FILE: network.intt: unknown key (known keys: backbone, weights, stride, "),
        ("erasing: {per_round: [{round: 2, treshold: 0.3}]}", "erasing.per_round.0.treshold: unknown key (did you"),
        ("classification: {training: {epoch: 3}}", "classification.training.epoch: unknown key (did you mean epochs?)"),
        ("erasing: {threshold: 1.5}", "FILE: erasing.threshold: Input should be less than 1. Got: 1.5"),
        ("seed: -1", "FILE: seed: Input should be greater than or equal to 0. Got: -1"),
        ("seed: 4294967296", "seed: Input should be less than 4294967296. Got: 4294967296"),
        ("dataset: {scenes: {size: 8}}", "dataset.scenes.size: Input should be greater than or equal to 64. Got: 8"),
        ("classification: {training: {steps: [6, 0]}}", "classification.training.steps.1: "),
        ("erasing: {threshold: high}", "FILE: erasing.threshold: Input should be a valid number. Got: 'high'"),
        ("erasing: {threshold: .nan}", "erasing.threshold: Input should be a finite number. Got: nan"),
        ("erasing: {rounds: 3.0}", "erasing.rounds: Input should be a valid integer. Got: 3.0"),
        ("erasing: {rounds: true}", "erasing.rounds: Input should be a valid integer. Got: True"),
        ("erasing: {merge: most}", "FILE: erasing.merge: Input should be a valid integer or 'auto'. Got: 'most'"),
        ("network: {backbone: resnet}", "network.backbone: Input should be 'vgg16', 'mobilenet_v2' or 'squeezenet'"),
        ("dataset: 3", "FILE: dataset: Input should be a valid dictionary"),
        ("1: 2", "FILE: 1: Keys should be strings"),
        ("classification: {training: {crop: 320}}", "classification.training: crop is a multiple of 32 plus 1"),
        ("classification: {training: {scale: [2.0, 1.0]}}", "scale is [smallest, largest]. Got: [2.0, 1.0]"),
        ("network: {blocks: 3, stride: 8}", "network: 3 blocks reach stride 4. Got: stride 8"),
        ("saliency: {method: external}", "saliency: method external needs folder"),
        ("erasing: {rounds: 2}", "erasing: merge is at most rounds. Got: merge 3, rounds 2"),
        ("erasing: {per_round: [{round: 5}]}", "erasing: per_round names round 5, but there are 4"),
        ("erasing: {per_round: [{round: 2}, {round: 2}]}", "erasing: per_round names a round twice"),
        ("chosen_on_ground_truth: [erasing.treshold]", "(did you mean erasing.threshold?). Got: 'erasing.treshold'"),
        ("erasing: {per_round: {round: 2}}", "erasing.per_round: Input should be a valid list"),
        ("erasing: {per_round: [{threshold: 0.3}]}", "erasing.per_round.0.round: Field required"),
        ("variants: {a: {erasing: {merg: 1}}}", "variants.a: erasing.merg: unknown key (did you mean merge?)"),
        ("variants: {a: {erasing: {rounds: 2}}}", "variants.a: erasing: merge is at most rounds"),
        ("variants: {a: {erasing: 3}}", "variants.a: erasing: Input should be a valid dictionary"),
        ("variants: {a: 3}", "FILE: variants.a: Input should be a valid dictionary"),
        ("variants: {a/b: {seed: 1}}", "variants: a variant's name has 1 to 100 letters, digits and ._+-, "),
        ("variants: {..: {seed: 1}}", "variants: a variant's name"),
        ("variants: {a: {results: x}}", "variants: variant a cannot set results"),
        ("dataset: {masks: m}", "FILE: dataset: masks is read by format folder alone. Got: format voc"),
        ("dataset: {format: scenes, val_labels: t.csv}", "dataset: val_labels is read by format folder alone"),
        ("dataset: {format: folder, classes: [a, b, a]}", "dataset: classes names one twice. Got: ['a', 'b', 'a']"),
        ("dataset: {format: folder, classes: []}", "dataset.classes: List should have at least 1 item"),
        ("dataset: {format: folder, classes: [1]}", "dataset.classes.0: Input should be a valid string. Got: 1"),
        ("[seed, 1]", "FILE: a configuration is a table of keys and values. Got: list"),
        ("seed: [", "FILE: not YAML: "),
        ("seed: 2024-13-45", "FILE: not YAML: month must be in 1..12"),
        ("erasing:\n  rounds: 3\n  rounds: 4", "FILE: line 3: the key 'rounds' stands there twice; keep one of them"),
        ("variants: &a {x: *a}", "FILE: more than 100,000 values, its aliases written out"),
        ("results: '{run}'", "results: the folder of results has no braces in its name"),
        ("results: -rf", "results: the folder of results has no braces in its name and no - before it. Got: '-rf'"),
        ('dataset: {root: "a\\nb"}', "dataset.root: a text has no line ends or control characters. Got: 'a\\nb'"),
        ("crf: {bilateral_rgb: 1.0e-6}", "crf.bilateral_rgb: Input should be greater than or equal to 0.1. Got: 1e-06"),
        ("attention: {scales: [1000.0]}", "attention.scales.0: Input should be less than or equal to 16"),
        ("dataset: {scenes: {train: 100000}}", "Input should be less than or equal to 99999"),
        ("dataset: {format: folder, masks: ''}", "dataset.masks: String should have at least 1 character"),
        ("variants: {base: {seed: 1}}", "variants: no variant is called base"),
        (f"variants: {{{'a' * 101}: {{seed: 1}}}}", "variants: a variant's name has 1 to 100 letters"),
        ("results: ./", "results: the folder of results is one of its own. Got: './'"),
        ("seed: !!python/object/apply:os.getpid []", "FILE: not YAML: "),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_refused_with_place_value_and_way_on(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_what_one_run_reads_may_stand_where_a_variant_does_not_read_it(tmp_path: Path) -> None:
    base = (
        "segmentation: {prohibit_below: 0.1}\nerasing: {reading: calibrated, per_round: [{round: 3, target_area: 0.1}]}"
    )
    variants = "variants: {plain: {segmentation: {loss: cross_entropy}}, top: {erasing: {reading: top_pixels}}}"
    assert len(runs(loaded(tmp_path, f"{base}\n{variants}"))) == 3


def test_settings_chosen_on_ground_truth_may_be_sections_and_values(tmp_path: Path) -> None:
    named = ["seed", "crf", "erasing.target_area", "classification.training.lr"]
    assert loaded(tmp_path, f"chosen_on_ground_truth: {named}").chosen_on_ground_truth == named


def test_later_files_are_merged_over_earlier_ones_as_snakemake_does(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("seed: 3\nerasing: {rounds: 6, merge: 2}\nseeds: [1, 2]\n")
    (tmp_path / "b.yaml").write_text("erasing: {merge: 5}\nseeds: [4]\n")
    both = load(tmp_path / "a.yaml", tmp_path / "b.yaml")
    merged: dict[str, Any] = {}
    for name in ("a.yaml", "b.yaml"):
        update_config(merged, yaml.safe_load((tmp_path / name).read_text()))
    assert both == Settings(**merged) and (both.erasing.rounds, both.erasing.merge, both.seeds) == (6, 5, [4])
    (tmp_path / "b.yaml").write_text("erasing: {merge: 7}\n")
    with pytest.raises(InputError, match=r"a\.yaml .*b\.yaml: erasing: merge is at most rounds. Got: merge 7"):
        load(tmp_path / "a.yaml", tmp_path / "b.yaml")


def test_every_defect_has_its_line(tmp_path: Path) -> None:
    lines = refusal(tmp_path, "seed: -1\nerasing: {threshold: 2.0, fil: zero}").splitlines()
    assert [line.split(": ")[1] for line in lines] == ["seed", "erasing.threshold", "erasing.fil"]


def test_an_exponent_that_yaml_takes_for_text_is_explained(tmp_path: Path) -> None:
    assert "write it as in 1.0e-3" in refusal(tmp_path, "classification: {training: {lr: 1e-3}}")
    assert "1.0e-3" not in refusal(tmp_path, "classification: {training: {lr: small}}")
    assert loaded(tmp_path, "classification: {training: {lr: 1.0e-3}}").classification.training.lr == 0.001


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"seed: \xff\xfe")
    for name, said in (
        ("absent.yaml", "the configuration cannot be read"),
        ("c.yaml", "cannot be read"),
        (".", "folder"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            load(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_a_leading_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    text = "results: ~/out\ndataset: {root: ~/voc, labels: ~/l.csv}\nnetwork: {weights: ~/w.pth}"
    s = loaded(tmp_path, text)
    assert (s.results, s.dataset.root) == ("/home/somebody/out", "/home/somebody/voc")
    assert (s.dataset.labels, s.network.weights) == ("/home/somebody/l.csv", "/home/somebody/w.pth")


@pytest.mark.parametrize("text", ["out/", "./out", "out//"])
def test_the_folder_of_results_is_written_in_one_way(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, f"results: {text}").results == "out"


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert loaded(tmp_path, "# nothing\n") == Settings()


def test_defaults_are_the_papers() -> None:
    """Wei et al., CVPR 2017, and where it is silent the recommended readings (docs/method.md)."""
    s = Settings()
    for training in (s.classification.training, s.segmentation.training):
        assert (training.crop, training.batch, training.epochs, training.steps) == (321, 30, 15, [6])
        assert (training.lr, training.lr * training.head_lr_factor) == (0.001, pytest.approx(0.01))
        assert (training.optimizer, training.schedule) == ("sgd", "step")
        assert (training.momentum, training.weight_decay, training.scale) == (0.9, 0.0005, [1.0, 1.0])
    assert s.dataset.train_list == "train_aug"
    assert (s.network.backbone, s.network.stride, s.network.dilation) == ("vgg16", 8, 12)
    assert (s.network.width, s.network.blocks, s.network.norm) == (1.0, 5, "none")
    assert s.classification.loss == "squared"
    assert (s.erasing.rounds, s.erasing.merge) == (4, 3)
    assert (s.erasing.reading, s.erasing.threshold, s.erasing.fill) == ("fraction_of_max", 0.2, "mean")
    assert s.pseudo_labels.background_threshold == 0.06
    assert (s.segmentation.loss, s.segmentation.class_scores, s.segmentation.branch_loss) == ("psl", "sigmoid", "bce")
    assert (s.segmentation.branch_weight, s.segmentation.prohibit_below) == (1.0, 0.0)
    crf = s.crf
    assert (crf.bilateral_weight, crf.bilateral_xy, crf.bilateral_rgb) == (4, 49, 5)
    assert (crf.gaussian_weight, crf.gaussian_xy, crf.iterations) == (3, 3, 10)


def test_defaults_where_the_paper_is_silent_are_the_recommended_readings() -> None:
    """Not the paper's values: docs/method.md gives the reason for each."""
    s = Settings()
    assert s.attention.flip is True
    assert s.erasing.mine_erased is True
    assert (s.segmentation.online_classes, s.segmentation.loss_at) == ("all", "scores")


def test_a_variant_merges_its_sections_and_replaces_its_lists(tmp_path: Path) -> None:
    base = loaded(
        tmp_path,
        """
        seed: 7
        erasing: {fill: zero, per_round: [{round: 2, threshold: 0.3}]}
        classification: {training: {steps: [4, 8], epochs: 9}}
        variants:
          a: {erasing: {merge: 2, per_round: [{round: 1, epochs: 3}]}}
          b: {classification: {training: {steps: [5]}}}
        """,
    )
    a, b = (run.settings for run in runs(base)[1:])
    assert (a.seed, a.erasing.fill, a.erasing.merge, a.erasing.threshold) == (7, "zero", 2, 0.2)
    assert [o.model_dump(exclude_none=True) for o in a.erasing.per_round] == [{"round": 1, "epochs": 3}]
    assert (b.classification.training.steps, b.classification.training.epochs) == ([5], 9)
    assert b.erasing == base.erasing, "a variant leaves no trace in the next"
    assert not a.variants and not b.variants


def test_further_seeds_repeat_the_base_and_every_variant_with_their_own_scenes(tmp_path: Path) -> None:
    found = runs(loaded(tmp_path, "seed: 1\nseeds: [2, 7]\nvariants: {plain: {segmentation: {loss: cross_entropy}}}"))
    assert [(run.variant, run.folder, run.settings.seed, run.settings.dataset.scenes.seed) for run in found] == [
        ("", "", 1, 0),
        ("plain", "variants/plain/", 1, 0),
        ("", "variants/seed2/", 2, 2),
        ("plain", "variants/plain-seed2/", 2, 2),
        ("", "variants/seed7/", 7, 7),
        ("plain", "variants/plain-seed7/", 7, 7),
    ]
    assert [run.settings.segmentation.loss for run in found] == ["psl", "cross_entropy"] * 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds: [0]", "seeds are further ones, each once. Got: seed 0, seeds [0]"),
        ("seed: 3\nseeds: [1, 1]", "seeds are further ones, each once"),
        ("seeds: [1]\nvariants: {a: {seed: 5}}", "variant a sets a seed of its own"),
        ("seeds: [1]\nvariants: {seed1: {erasing: {merge: 1}}}", "two runs have the folder variants/seed1/"),
        ("variants: {a: {seeds: [5]}}", "variant a cannot set seeds"),
    ],
)
def test_seeds_that_would_not_be_repeats_are_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


@pytest.mark.parametrize(("path", "made"), [(schema.SCHEMA, schema.schema), (schema.TABLE, schema.table)])
def test_schema_and_reference_are_those_of_the_settings(path: Path, made: Any) -> None:
    kept = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).exists() else ""
    diff = "\n".join(difflib.unified_diff(kept.splitlines(), made().splitlines(), str(path), "now", lineterm="", n=1))
    assert kept == made(), f"{path} is stale: run `python -m aepsl schema` and commit it\n{diff}"


def test_every_setting_is_documented() -> None:
    rows = [line for line in schema.table().splitlines() if line.startswith("| ") and not line.startswith("| key")]
    assert len(rows) > 80
    assert not [row for row in rows if not row.split(" | ")[-1].strip(" |")]


@pytest.mark.parametrize(
    "path", ["config.yaml", *sorted(f"configs/{p.name}" for p in (ROOT / "configs").glob("*.yaml"))]
)
def test_the_projects_own_configurations_and_their_variants_are_valid(path: str) -> None:
    settings = load(ROOT / path)
    assert {run.variant for run in runs(settings)} == {"", *settings.variants}


def test_the_voc_configuration_leaves_the_papers_values() -> None:
    settings = load(ROOT / "configs/voc2012.yaml")
    ours = {"results": Settings().results, "variants": {}, "dataset": Settings().dataset}
    assert settings.model_copy(update=ours) == Settings()


def test_the_conda_environment_installs_what_the_package_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    environment = yaml.safe_load((ROOT / "envs/aepsl.yaml").read_text(encoding="utf-8"))["dependencies"]
    assert environment[-1]["pip"] == project["dependencies"]
    assert f"python {project['requires-python']}" in environment
