"""A copy of the workflow in a folder of its own, run as a user runs it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "aepsl", "rules", "configs", "profiles", "envs")
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # the rules call `python`
    "NO_COLOR": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
TEST = ("--cores", "2", "--configfile", "configs/test.yaml")
TARGETS = ("all", "results_test/variants/psl++/miou.json", *TEST)


GATHERED = {
    "cams": "cams", "masks": "mine", "erased": "erase", "saliency": "saliency", "self_labels": "self_labels",
    "scores": "predict", "predictions": "predict", "predictions_crf": "crf",
}  # fmt: skip
"""Product → the rule that makes its shards."""


class Project:
    """`folder` holds the workflow and the package: `python -m` takes both from there, so tests may edit them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            source = REPOSITORY / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / part)

    def copied(self, folder: Path) -> "Project":
        """The project with all its results and its bookkeeping, to be spoilt by a test."""
        shutil.copytree(self.folder, folder, symlinks=True)
        copy = object.__new__(Project)
        copy.folder = folder
        return copy

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`python {words}` in the folder; what it says is in `stdout`."""
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=ENVIRONMENT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    def stage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`aepsl {words}`."""
        return self.python("-m", "aepsl", *words)

    def snakemake(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`snakemake {words}`, targets first: options such as --configfile swallow what follows them."""
        return self.python("-m", "snakemake", *words)

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """`snakemake {words}` in a session of its own, going on beside the test; what it says is in `said.log`."""
        with open(self.path("said.log"), "wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "snakemake", *words],
                cwd=self.folder,
                env=ENVIRONMENT,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def run(self, *words: str) -> str:
        """What a run that has to succeed says."""
        done = self.snakemake(*words)
        assert done.returncode == 0, f"{done.stdout[-4000:]}\nexit status {done.returncode}"
        return done.stdout

    def planned(self, *words: str) -> set[str]:
        """The jobs of a dry run, each as its rule and its wildcards: `mine 3`, `evaluate variants/plain/`.

        Shards, and what gathers them, are the one job that they are parts of.
        """
        text = self.run(*words, "--dry-run")
        blocks = re.findall(r"^(?:local)?rule (\w+):\n((?: +.*\n)*)", text, re.MULTILINE)
        jobs = {_job(rule, block) for rule, block in blocks}
        assert jobs or "Nothing to be done" in text, text
        return jobs - {"all"}

    def path(self, name: str) -> Path:
        return self.folder / name

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the one place of a file that holds `old`."""
        text = self.path(name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} holds {old!r} {text.count(old)} times"
        self.path(name).write_text(text.replace(old, new), encoding="utf-8")


def _job(rule: str, block: str) -> str:
    found = re.search(r"^ +wildcards: (.*)$", block, re.MULTILINE)
    values = dict(pair.split("=", 1) for pair in found[1].split(", ")) if found else {}
    values.pop("scatteritem", None)
    product = values.pop("file", None) or values.pop("folder", None)
    if product:  # the product that is gathered
        folder, _, name = product.rpartition("/")
        rule = GATHERED[name]
        values["round"] = folder.removeprefix("round")
    return " ".join([rule, *filter(None, values.values())])


def complaints(text: str) -> list[str]:
    """The lines that the project itself says to a person who gave bad input."""
    return [line for line in text.splitlines() if re.match(r"aepsl( [\w-]+)?: ", line)]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path in it."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
