"""What Snakemake plans after a change, which is taken back."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.reruns.projects import Finished
from tests.reruns.row import Row
from tests.workflow.project import Project


def planned(finished: Finished, row: Row) -> set[str]:
    """The jobs of a dry run after the row's change."""
    words = (*row.words, *(["--config", row.config] if row.config else []))
    with _kept(finished.project, row.files):
        if row.edit:
            row.edit(finished.project)
        targets = (
            word.replace("results_test/", f"{row.results}/") if row.results else word for word in finished.targets
        )
        return finished.project.planned(*targets, *words)


@contextmanager
def _kept(project: Project, names: tuple[str, ...]) -> Iterator[None]:
    """Files and folders of the project as they were when the block ends."""
    kept = project.path(".kept")
    for name in names:
        _copy(project.path(name), kept / name)
    try:
        yield
    finally:
        for name in names:
            path = project.path(name)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            _copy(kept / name, path)
        shutil.rmtree(kept, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
