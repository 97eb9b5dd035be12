from pathlib import Path

import pytest
from project import TARGETS, Project


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The workflow before its first run, for dry runs; nothing may be written into it."""
    return Project(tmp_path_factory.mktemp("untouched") / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The whole graph of configs/test.yaml, run once; tests that write take a copy."""
    project = Project(tmp_path_factory.mktemp("finished") / "project")
    project.run(*TARGETS)
    return project


@pytest.fixture
def spoilt(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, for one test alone."""
    return finished.copied(tmp_path / "project")
