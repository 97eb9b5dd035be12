"""Two processes that train together come to what one comes to with the same whole batch, to rounding."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from safetensors.torch import load_file

from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.settings.sections import Network, Segmentation, Training
from aepsl.settings.settings import Settings
from aepsl.settings.stages import TrainClassifierSettings, TrainSegmentationSettings
from aepsl.workflow import Plan

ROOT = Path(__file__).parents[2]
IMAGES = 5  # in batches of 4: of the last step's one image the second process has none
RECIPE = Training(epochs=2, batch=4, crop=33, lr=0.02, head_lr_factor=1.0, steps=[2])
PATIENCE = 120  # seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs and label maps of which some have far more ignored pixels than others."""
    root, rng, entries = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0), []
    for number in range(IMAGES):
        Image.fromarray(rng.integers(256, size=(33, 33, 3), dtype=np.uint8)).save(root / f"{number}.png")
        labels = rng.integers(3, size=(33, 33), dtype=np.uint8)
        labels[: 7 * number] = 255
        save_label_map(root / "labels" / f"{number}.png", labels)
        names = [("cat",), ("dog",), ("cat", "dog")][number % 3]
        entries.append(Entry(id=str(number), path=f"{number}.png", labels=names, sha256=""))
    for place in (root, root / "labels"):
        Manifest(("cat", "dog"), (9.0, 9.0, 9.0), ".", tuple(entries)).write(place / "index.json")
    return root


def network(norm: str) -> Network:
    return Network(weights=None, width=0.125, blocks=3, norm=norm, stride=4, dilation=1, dropout=0.0)


def classifier(folder: Path, norm: str, recipe: Training = RECIPE) -> list[str]:
    settings = TrainClassifierSettings(
        seed=0, round=1, cpu_threads=1, network=network(norm), attention="cam", loss="bce", training=recipe
    )
    return ["train-classifier", "--settings", settings.model_dump_json(), "--images", str(folder / "index.json")]


def segmenter(folder: Path, norm: str, loss: str = "psl") -> list[str]:
    settings = TrainSegmentationSettings(
        seed=0, cpu_threads=1, network=network(norm), segmentation=Segmentation(training=RECIPE, loss=loss)
    )
    paths = ["--images", str(folder / "index.json"), "--labels", str(folder / "labels" / "index.json")]
    return ["train-segmentation", "--settings", settings.model_dump_json(), *paths]


def plain(folder: Path, norm: str) -> list[str]:
    """A segmenter of whose branch nothing is learned."""
    return segmenter(folder, norm, "cross_entropy")


def started(together: bool, words: list[str]) -> list[str]:
    """The command as a rule writes it."""
    plan = Plan(Settings(device="cpu", devices=2 if together else 1))
    python, *start, _ = shlex.split(plan.job("train_segmentation").command())
    assert python == "python"
    return [sys.executable, *start, *words]


def command(together: bool, words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        started(together, words),
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def trained(words: list[str], output: Path, together: bool) -> tuple[list[dict], dict[str, np.ndarray]]:
    files = ["--model", str(output / "model.safetensors"), "--history", str(output / "history.jsonl")]
    how = ["--device", "cpu", "--precision", "float32", "--workers", "1", "--record", str(output / "record.json")]
    how += ["--log", str(output / "log")]
    done = command(together, [*words, *files, *how])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 2 of 2") == 1, "one process speaks for all"
    assert sorted(path.name for path in output.iterdir()) == [
        "history.jsonl",
        "log",
        "model.safetensors",
        "record.json",
    ]
    history = [json.loads(line) for line in (output / "history.jsonl").read_text().splitlines()]
    return history, {name: value.numpy() for name, value in load_file(output / "model.safetensors").items()}


@pytest.mark.parametrize(("stage", "norm"), [(classifier, "batch"), (segmenter, "none"), (plain, "batch")])
def test_two_processes_come_to_what_one_comes_to(folder: Path, tmp_path: Path, stage, norm: str) -> None:
    runs = []
    for together in (False, True):
        output = tmp_path / str(together)
        output.mkdir()
        runs.append(trained(stage(folder, norm), output, together))
    (alone, weights), (both, shared) = runs
    assert [record.keys() for record in alone] == [record.keys() for record in both]
    for one, other in zip(alone, both, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    assert alone[0]["loss"] != alone[1]["loss"], "something is learned"
    for name, value in weights.items():
        np.testing.assert_allclose(shared[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_bad_input_of_several_processes_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text((folder / "index.json").read_text())  # beside no photographs
    for number in (0, 2, 4):  # all but one: only one of the processes comes upon it
        shutil.copy(folder / f"{number}.png", tmp_path)
    files = ["--model", str(tmp_path / "m"), "--history", str(tmp_path / "h"), "--log", str(tmp_path / "log")]
    done = command(True, [*classifier(tmp_path, "none"), *files, "--device", "cpu"])
    assert done.returncode != 0
    said = re.compile(r"aepsl train-classifier: .*\d\.png: no such photograph$", re.MULTILINE)
    assert said.search(done.stderr) and said.search((tmp_path / "log").read_text())
    assert not (tmp_path / "m").exists()


def test_both_end_with_the_workflow_and_the_same_command_goes_on(folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    files = ["--model", str(model), "--history", str(tmp_path / "history.jsonl"), "--end-with-parent"]
    words = [*classifier(folder, "batch", RECIPE.model_copy(update={"epochs": 60})), *files, "--device", "cpu"]
    whole = started(True, words)
    workflow = subprocess.Popen([sys.executable, "-c", f"import subprocess; subprocess.run({whole!r})"], cwd=ROOT)
    checkpoint, end = tmp_path / "model.resume", time.monotonic() + PATIENCE
    while not checkpoint.exists():
        assert workflow.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    working = psutil.Process(workflow.pid).children(recursive=True)
    workflow.kill()
    workflow.wait()
    _, alive = psutil.wait_procs(working, timeout=PATIENCE)
    assert not alive and len(working) >= 3, "torchrun and its two processes"
    assert checkpoint.exists() and not model.exists()

    again = command(True, words)

    assert again.returncode == 0, again.stderr
    assert "going on after epoch" in again.stderr and "epoch 60 of 60" in again.stderr
    assert model.exists() and not checkpoint.exists()
