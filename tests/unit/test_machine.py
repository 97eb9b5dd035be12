"""Which of Snakemake's cores a job that computes with a network takes, and whether it asks for a GPU."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aepsl import machine
from aepsl.machine import share
from aepsl.settings.settings import Settings, validate
from aepsl.workflow import Plan

COUNTS = st.integers(1, 256)


def on(monkeypatch: pytest.MonkeyPatch, *, cpus: int, gpu: Path | None = None) -> None:
    """A machine of so many CPUs, with a driver of a GPU or without one."""
    monkeypatch.setattr(machine, "usable_cpus", lambda: cpus)
    monkeypatch.setattr(machine, "DRIVERS", ("/nowhere", *([str(gpu)] if gpu else [])))


def plan(**values: object) -> Plan:
    return Plan(validate(Settings, values, source="test"))


@pytest.mark.parametrize(
    ("cpus", "cores", "threads", "expected"),
    [
        (2, 2, 2, 2),  # one at a time
        (2, 2, 1, 1),  # two
        (2, 8, 2, 8),  # --cores 8 on two CPUs: one
        (2, 8, 1, 4),  # two
        (8, 8, 2, 2),  # four
        (64, 8, 2, 2),  # four, as many as were allowed
        (8, 8, 3, 3),  # two
        (3, 8, 2, 6),  # one
        (21, 87, 7, 29),  # three: not a core more by rounding
        (8, 1, 2, 1),  # a job takes no more than there is
    ],
)
def test_jobs_side_by_side(monkeypatch: pytest.MonkeyPatch, cpus: int, cores: int, threads: int, expected: int) -> None:
    on(monkeypatch, cpus=cpus)
    assert share(cores, threads) == expected


@given(cpus=COUNTS, cores=COUNTS, threads=COUNTS)
def test_jobs_never_compute_with_more_threads_than_cpus_or_cores(cpus: int, cores: int, threads: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        on(patch, cpus=cpus)
        taken = share(cores, threads)
    together = cores // taken
    assert 1 <= taken <= cores
    assert together == 1 or together * threads <= min(cpus, cores)


@pytest.mark.parametrize("stage", ["train_classifier", "cams", "judge_classifiers", "train_segmentation", "predict"])
def test_a_job_beside_a_gpu_takes_all_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stage: str) -> None:
    on(monkeypatch, cpus=8, gpu=tmp_path)
    job = plan().job(stage)
    assert (job.gpus(elsewhere=False), job.threads(8, gpus=1, elsewhere=False)) == (1, 8)


@pytest.mark.parametrize(
    ("device", "gpu", "elsewhere", "expected"),
    [
        ("auto", False, False, 0),
        ("auto", True, False, 1),
        ("auto", False, True, 1),  # a login node has none, the cluster's machines do
        ("cpu", True, False, 0),
        (
            "cpu",
            False,
            True,
            0,
        ),  # a cluster's job has the cores that the profile gives it, whatever runs where it is sent
        ("cuda", False, False, 1),  # the stage then says that there is none
    ],
)
def test_who_asks_for_a_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, gpu: bool, elsewhere: bool, expected: int
) -> None:
    on(monkeypatch, cpus=8, gpu=tmp_path if gpu else None)
    job = plan(device=device, cpu_threads=2).job("predict")
    assert job.gpus(elsewhere=elsewhere) == expected
    assert job.threads(8, gpus=1, elsewhere=elsewhere) == (8 if expected or elsewhere else 2)


def test_a_training_in_several_processes_takes_the_threads_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, cpus=16)
    several = plan(variants={"four": {"cpu_threads": 4}}, device="cpu", devices=3, cpu_threads=2)
    assert several.job("train_segmentation").threads(16, gpus=1, elsewhere=False) == 6
    assert several.job("predict").threads(16, gpus=1, elsewhere=False) == 2
    assert several.job("predict", "variants/four/").threads(16, gpus=1, elsewhere=False) == 4
