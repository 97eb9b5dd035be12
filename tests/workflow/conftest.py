import re
from pathlib import Path

import pytest
from project import REPOSITORY, TARGETS, Project


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


@pytest.fixture(scope="session")
def shown(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The finished project, compared, as a reader of the pages has theirs after `make demo`: config.yaml is what ran.

    Of the variants those are left that ran. Tests may add files, and change none.
    """
    project = finished.copied(tmp_path_factory.mktemp("shown") / "project")
    text = (REPOSITORY / "configs/test.yaml").read_text(encoding="utf-8")
    own, count = re.subn(r"^  (plain|merge1|seed1): .*\n", "", text, flags=re.MULTILINE)
    assert count == 3
    project.path("config.yaml").write_text(own, encoding="utf-8")
    project.run("results_test/comparison.json", "--cores", "2")
    return project
