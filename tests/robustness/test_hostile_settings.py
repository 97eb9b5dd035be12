"""Configurations from files and from the command line."""

import json
from pathlib import Path
from typing import Any

import yaml
from hostile import Rng, damaged, name, pick, share, spoilt, survive

from aepsl.graph import STAGES
from aepsl.settings.settings import Settings, load, runs, validate
from aepsl.workflow import Job, Plan, plan_of

ROOT = Path(__file__).parents[2]
WHOLE = [path.read_bytes() for path in (ROOT / "config.yaml", *sorted((ROOT / "configs").glob("*.yaml")))]
PARSED = [yaml.safe_load(content) for content in WHOLE]
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)
BOMBS = [
    LAUGHS,
    LAUGHS + "variants: *j\n",
    LAUGHS + "variants: {a: {erasing: *j}}\n",
    LAUGHS + "chosen_on_ground_truth: *j\n",
    "a: &a {b: *a}",
    "variants: &a {b: *a}",
    "variants: {a: &a {erasing: *a}}",
    "chosen_on_ground_truth: &a [*a]",
    "<<: &a {<<: *a}",
    "? [a]\n: 1",
    "? {a: 1}\n: 1",
    "seed: 2024-13-45",
    "results: 2024-01-01",
    "seed: !!timestamp x",
    "seed: !!int ''",
    "seed: !!float ''",
    "seed: !!bool x",
    "seed: !!binary '%'",
    "seed: !!omap [1]",
    "seed: !!set {a, b}",
    "seed: 0x" + "f" * 5000,
    "seed: " + "9" * 5000,
    "dataset: {scenes: {train: 0x" + "f" * 5000 + "}}",
    "seed: !!python/object/apply:os.system ['touch executed']",
    "!!python/object/new:type {args: [x], kwds: {}}",
    "[" * 5000,
    "{a: " * 5000,
    "- " * 5000,
    "a: " * 3,
    "--- 1\n--- 2",
    "\0",
    "seed: 1\nseed: 2",
    "erasing: {rounds: 3, rounds: 4}",
    "x" * 1_000_000,
    "\n".join(f"k{n}: 1" for n in range(3000)),
    "variants: {" + ", ".join(f"v{n}: {{seed: -1}}" for n in range(50)) + "}",
    "__use_yte__: true\nseed: 1",
]


def make(rng: Rng, folder: Path) -> None:
    match int(rng.integers(4)):
        case 0:
            content = damaged(rng, pick(rng, WHOLE))
        case 1:
            content = str(pick(rng, BOMBS)).encode()
        case 2:
            content = json.dumps(spoilt(rng, pick(rng, PARSED))).encode()
        case _:
            content = yaml.dump(spoilt(rng, pick(rng, PARSED))).encode(errors="surrogatepass")
    (folder / "c.yaml").write_bytes(content)


def jobs(plan: Plan) -> None:
    for run, settings in plan.runs.items():
        for stage in STAGES:
            if stage != "erase" or settings.erasing.fill != "none":
                Job(plan, stage, run, 1, "train").settings()


def test_files(tmp_path: Path) -> None:
    found = survive(make, lambda folder: jobs(Plan(load(folder / "c.yaml"))), tmp_path / "c", cases=share(0.1))
    assert found["read"] and found["refused"]


def as_text(value: Any) -> Any:
    """As Snakemake leaves what stands below the first level of --config."""
    match value:
        case dict():
            return {str(key): as_text(one) for key, one in value.items()}
        case list():
            return [as_text(one) for one in value]
    return str(value)


def make_given(rng: Rng, folder: Path) -> None:
    given = as_text(spoilt(rng, pick(rng, PARSED)))
    if isinstance(given, dict) and rng.integers(2):
        given["dataset"] = {"root": name(rng), "format": pick(rng, ["voc", "folder"]), "train_list": name(rng)}
    (folder / "given.json").write_text(json.dumps(given))


def read_given(folder: Path) -> None:
    given = json.loads((folder / "given.json").read_text())
    if isinstance(given, dict):
        jobs(plan_of(given, given))


def test_values_of_the_command_line(tmp_path: Path) -> None:
    found = survive(make_given, read_given, tmp_path / "c", cases=share(0.06))
    assert found["read"] and found["refused"]


def test_settings_of_a_stage(tmp_path: Path) -> None:
    def read(folder: Path) -> None:
        validate(Settings, json.loads((folder / "s.json").read_text()), source="--settings")

    def make(rng: Rng, folder: Path) -> None:
        (folder / "s.json").write_text(json.dumps(spoilt(rng, pick(rng, PARSED))))

    survive(make, read, tmp_path / "c", cases=share(0.04))


def test_every_bomb_is_refused(tmp_path: Path) -> None:
    def make(rng: Rng, folder: Path) -> None:
        (folder / "c.yaml").write_text(BOMBS[int(folder.name)])

    found = survive(make, lambda folder: runs(load(folder / "c.yaml")), tmp_path / "c", cases=len(BOMBS))
    assert not found["read"]
