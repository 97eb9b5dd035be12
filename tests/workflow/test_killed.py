"""A training killed in the middle: the same command goes on from its checkpoint, to the same bytes."""

import signal
import time
from pathlib import Path

import psutil
import pytest
from project import TEST, Project

FOLDER = "results_test/round1"
COMMAND = (f"{FOLDER}/classifier.safetensors", *TEST, "--config", "classification={training: {epochs: 30}}")
MADE = ("classifier.safetensors", "history.jsonl")
PATIENCE = 120  # seconds


@pytest.fixture(scope="module")
def uninterrupted(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    project = finished.copied(tmp_path_factory.mktemp("uninterrupted") / "project")
    project.run(*COMMAND)
    return {name: project.path(f"{FOLDER}/{name}").read_bytes() for name in MADE}


def trainers(pid: int) -> list[psutil.Process]:
    """The processes below `pid` that train, the first before its helpers."""
    found = [p for p in psutil.Process(pid).children(recursive=True) if "python" in p.name()]
    return sorted((p for p in found if "train-classifier" in p.cmdline()), key=lambda p: p.create_time())


def killed_after_an_epoch(project: Project, victim: str) -> None:
    checkpoint = project.path(f"{FOLDER}/classifier.resume")
    main = project.start(*COMMAND)
    end = time.monotonic() + PATIENCE
    while not checkpoint.exists():
        assert main.poll() is None and time.monotonic() < end, project.path("said.log").read_text()
        time.sleep(0.01)
    working = trainers(main.pid)
    if victim == "the job":
        working[0].send_signal(signal.SIGKILL)
    else:
        main.kill()
    assert main.wait(PATIENCE) != 0
    _, left = psutil.wait_procs(working, timeout=20)
    assert not left, "a job must not outlive its workflow"


@pytest.mark.parametrize("victim", ["the job", "the workflow"])
def test_the_plain_command_goes_on_to_the_same_bytes(
    finished: Project, uninterrupted: dict[str, bytes], tmp_path: Path, victim: str
) -> None:
    project = finished.copied(tmp_path / "project")
    killed_after_an_epoch(project, victim)
    assert project.path(f"{FOLDER}/classifier.resume").exists()
    assert not [name for name in MADE if project.path(f"{FOLDER}/{name}").exists()]
    project.path(f"{FOLDER}/.classifier.resume.12.tmp").touch()  # killed while it wrote a checkpoint

    text = project.run(*COMMAND)

    assert "going on after epoch" in text
    assert {name: project.path(f"{FOLDER}/{name}").read_bytes() for name in MADE} == uninterrupted
    left = sorted(path.name for path in project.path(FOLDER).iterdir() if path.is_file())
    assert left == ["cams.h5", "classifier.safetensors", "history.jsonl", "masks.h5", "threshold.json"]
