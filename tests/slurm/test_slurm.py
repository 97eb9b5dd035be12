"""The workflow through `profiles/slurm` on a true SLURM: equal bytes, resources, retries, going on, reruns."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster import Cluster
from project import ENVIRONMENT, Project, bytes_of

TARGET = ("results_test/round2/masks.h5", "results_test/saliency.h5", "--configfile", "configs/test.yaml")
PATIENCE = 300  # seconds
NETWORKS = {
    "train_classifier",
    "cams",
    "judge_classifiers",
    "train_segmentation",
    "self_labels",
    "predict",
}  # who computes with one
UNLIKE = ("logs", "benchmarks", "provenance")
SCALED = {  # the profile for a node of two CPUs and 8 GB, polled often
    "cores: 8": "cores: 2",
    "24000 * attempt": "2000 * attempt",
    "16000 * attempt": "2000 * attempt",
    "8000 * attempt": "1500 * attempt",
    "  predict:": "  saliency: {mem_mb: 60 if attempt < 2 else 1500}\n  predict:",  # the first try has too little
    "shards=16": "shards=2",
    "latency-wait: 60": "latency-wait: 20",
    "executor: slurm\n": (
        "executor: slurm\nslurm-no-account: true\nslurm-status-command: squeue\n"
        "slurm-init-seconds-before-status-checks: 2\nseconds-between-status-checks: 2\n"
    ),
}


class Submitting:
    """A project whose jobs go to the cluster."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.project, self.cluster = Project(folder), cluster
        for old, new in SCALED.items():
            text = self.project.path("profiles/slurm/profile.yaml").read_text()
            assert old in text
            self.project.path("profiles/slurm/profile.yaml").write_text(text.replace(old, new))

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "snakemake", *TARGET, *words, "--workflow-profile", "profiles/slurm"]
        log = open(self.project.path("said.log"), "wb")  # noqa: SIM115
        return subprocess.Popen(
            command,
            cwd=self.project.folder,
            env=ENVIRONMENT | self.cluster.environment | {"PATH": f"{ENVIRONMENT['PATH']}:/usr/sbin"},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )

    def said(self) -> str:
        return self.project.path("said.log").read_text(errors="replace")

    def finish(self, *words: str) -> None:
        main = self.start(*words)
        assert main.wait(PATIENCE) == 0, self.said()[-4000:]

    def wait_for(self, main: subprocess.Popen[bytes], what: str, ready: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not ready():
            assert main.poll() is None and time.monotonic() < end, f"{what}: {self.said()[-4000:]}"
            time.sleep(0.2)

    def jobs(self) -> list[dict[str, str]]:
        """All jobs that the cluster remembers, by the fields of `scontrol show job`, the oldest first."""
        blocks = self.cluster.ask("scontrol", "--details", "show", "job").split("\n\n")
        found = [dict(re.findall(r"(\w+)=(\S*)", block)) for block in blocks if "JobId=" in block]
        return sorted(found, key=lambda job: int(job["JobId"]))

    def running(self, comment: str) -> list[str]:
        found = [job for job in self.jobs() if job["Comment"] == comment and job["JobState"] == "RUNNING"]
        return [job["JobId"] for job in found]


@pytest.fixture(scope="module")
def submitted(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Submitting:
    """A run cancelled in its first training, and gone on with; then a job cancelled and one killed for its memory."""
    run = Submitting(tmp_path_factory.mktemp("cluster") / "project", cluster)
    main = run.start()
    first = "rule_train_classifier_wildcards__1"
    run.wait_for(main, "the first training", lambda: run.running(first))
    main.send_signal(signal.SIGINT)
    main.wait(PATIENCE)
    assert "the same command goes on from there" in run.said() and not run.running(first)

    main = run.start()
    second = "rule_train_classifier_wildcards__2"
    run.wait_for(main, "the second training", lambda: run.running(second))
    cluster.ask("scancel", run.running(second)[0])
    assert main.wait(PATIENCE) == 0, run.said()[-4000:]
    return run


def test_the_results_are_a_local_runs(submitted: Submitting, tmp_path: Path) -> None:
    """Of two shards on the cluster, of one here."""
    local = Project(tmp_path / "local")
    local.run(*TARGET, "--cores", "2")
    made, expected = (
        {
            path: data
            for path, data in bytes_of(project.path("results_test")).items()
            if Path(path).parts[0] not in UNLIKE and path not in ("provenance.json", ".lock")
        }
        for project in (submitted.project, local)
    )
    assert made == expected


def test_gpus_are_asked_for_where_a_network_computes(submitted: Submitting) -> None:
    asked = {job["Comment"]: "gpu" in job.get("TresPerJob", "") + job.get("TRES", "") for job in submitted.jobs()}
    assert asked
    for comment, gpu in asked.items():
        assert gpu == any(comment.startswith(f"rule_{rule}") for rule in NETWORKS), comment


def test_a_cancelled_job_and_one_over_its_memory_are_given_another_try(submitted: Submitting) -> None:
    by_comment: dict[str, list[dict[str, str]]] = {}
    for job in submitted.jobs():
        by_comment.setdefault(job["Comment"], []).append(job)
    trained = by_comment["rule_train_classifier_wildcards__2"]
    assert [job["JobState"] for job in trained] == ["CANCELLED", "COMPLETED"]
    salient = by_comment["rule_saliency_wildcards__1-of-2"][-2:]  # the run before may have been cancelled in one, too
    assert [job["MinMemoryNode"] for job in salient] == ["60M", "1500M"]
    assert salient[0]["JobState"] != salient[1]["JobState"] == "COMPLETED"


def test_after_a_change_the_rounds_that_it_invalidates_are_submitted_alone(submitted: Submitting) -> None:
    before = len(submitted.jobs())
    submitted.finish("--config", "erasing={per_round: [{round: 2, target_area: 0.3}]}")
    jobs = {re.sub(r"_wildcards_*", " ", job["Comment"]).strip() for job in submitted.jobs()[before:]}
    again = {"calibrate 2", "mine 2_1-of-2", "mine 2_2-of-2", "gather_file round2_masks"}
    assert jobs == {f"rule_{job}" for job in again}
