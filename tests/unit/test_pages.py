"""What the pages name is there: functions, commands, targets, files."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from aepsl.cli import TOOLS, _parser
from aepsl.graph import STAGES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_each_equation_is_followed_by_functions_that_exist() -> None:
    equations = text("docs/method.md").split("## Readings")[0].split("\n### ")[1:]
    for section in equations:
        (names,) = re.findall(r"^Code: (.*?)(?:\n\n|\Z)", section, re.MULTILINE | re.DOTALL)
        places = [name for name in re.findall(r"`([\w.]+)`", names) if not _is_setting(name)]
        assert places, section.splitlines()[0]
        for place in places:
            thing = _named(f"aepsl.{place}")
            assert callable(thing) and thing.__doc__, place


def _is_setting(name: str) -> bool:
    return f"| `{name}` |" in text("docs/settings.md")


def _named(path: str) -> object:
    """What a dotted path names: an attribute of the longest module of which it is the beginning."""
    words = path.split(".")
    for count in range(len(words), 0, -1):
        try:
            found: object = import_module(".".join(words[:count]))
        except ModuleNotFoundError:
            continue
        for word in words[count:]:
            found = getattr(found, word)
        return found
    raise AssertionError(path)


def test_the_page_of_commands_has_each_of_them() -> None:
    page = text("docs/commands.md")
    targets = re.findall(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)[0].split()
    assert sorted(re.findall(r"^\| `make ([\w-]+)` \|", page, re.MULTILINE)) == sorted(targets)
    assert {*re.findall(r"^\| `aepsl ([\w-]+)", page, re.MULTILINE)} == {tool.replace("_", "-") for tool in TOOLS}
    stages = re.findall(r"`([\w-]+)`", page.rpartition("in their order:")[2])
    assert sorted(stages) == sorted(stage.replace("_", "-") for stage in STAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_are_known_with_their_options(page: Path) -> None:
    found = page.read_text(encoding="utf-8").replace("\\\n", " ")
    # `aepsl masks 1` and the like are no commands but the names of formats.
    for command in re.findall(r"(?:`|^)(?:python -m )?aepsl ([a-z][\w-]* (?!1`)[^`\n]*)", found, re.MULTILINE):
        name, *words = shlex.split(command.replace("…", " "), comments=True)
        parser, _ = _parser([name])
        (choices,) = (action.choices for action in parser._actions if isinstance(action.choices, dict))
        options = {word for word in words if word.startswith("-")}
        assert options <= choices[name]._option_string_actions.keys(), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_and_make_targets_that_a_page_names_are_there(page: Path) -> None:
    """The site checks the headings that links lead to, and has no README (tests/workflow/test_site.py)."""
    found = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!http|#)([^)#]+)(?:#[^)]*)?\)", found):
        assert (page.parent / link).exists(), link
    targets = {*re.findall(r"^([\w-]+):", text("Makefile"), re.MULTILINE)}
    assert {*re.findall(r"(?:`|^)make ([\w-]+)", found, re.MULTILINE)} <= targets
