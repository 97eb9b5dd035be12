"""What the tests of commands share."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aepsl.cli import main


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, empty; the command's log leaves with the test."""
    monkeypatch.chdir(tmp_path)
    logger, hook = logging.getLogger("aepsl"), sys.excepthook
    level = logger.level
    yield tmp_path
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level)
    sys.excepthook = hook


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command prints that ends with status 2: one line on standard error, after a bar and what it skipped."""

    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        printed = capsys.readouterr()
        assert caught.value.code == 2
        assert printed.out == ""
        *before, said = printed.err.replace("\r", "\n").splitlines()
        assert said.startswith(f"aepsl {words[0]}: ")
        told = [line for line in before if line.strip() and "image/s" not in line]
        assert all(line.startswith("skipped: ") for line in told)
        return said + "\n"

    return run
