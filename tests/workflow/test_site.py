"""The site is built without a warning, and needs nothing from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project import REPOSITORY, Project


def build(source: Path, results: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "--fail-on-warning",
        "--keep-going",
        "--quiet",
        "-D",
        f"results={results}",
    ]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run([*command, str(source), str(site)], env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    done = build(REPOSITORY / "docs", finished.path("results_test"), site)
    assert done.returncode == 0, done.stderr
    return site


def test_the_site_has_every_page_and_its_pictures(site: Path) -> None:
    pages = {path.stem for path in (REPOSITORY / "docs").glob("*.md")}
    assert pages < {path.stem for path in site.glob("*.html")}
    tutorial = (site / "tutorial.html").read_text(encoding="utf-8")
    shown = re.findall(r'<img [^>]*src="([^"]+)"', tutorial)
    asked = re.findall("<!-- picture: ", (REPOSITORY / "docs/tutorial.md").read_text(encoding="utf-8"))
    assert len(shown) == len(asked) > 5 and all((site / path).stat().st_size > 100 for path in shown)


def test_the_site_loads_nothing_from_elsewhere_and_its_equations_are_mathml(site: Path) -> None:
    for page in site.glob("*.html"):
        loaded = re.findall(
            r'<(?:script|img|link|iframe)\b[^>]*(?:src|href)="([^"]+)"', page.read_text(encoding="utf-8")
        )
        assert loaded and not [address for address in loaded if "//" in address], page
    method = (site / "method.html").read_text(encoding="utf-8")
    assert method.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') >= 9


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("[a page](gone.md)", "gone.md"),
        ("[a heading](index.md#gone)", "gone"),
        ("$\\gone$", "gone"),
        ("<!-- picture: results/gone.png, Gone. -->", "gone.png"),
    ],
)
def test_what_leads_nowhere_ends_the_build(tmp_path: Path, wrong: str, said: str) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    for name in ("conf.py", "site.css"):
        (source / name).write_bytes((REPOSITORY / "docs" / name).read_bytes())
    (source / "index.md").write_text(f"# Title\n\n{wrong}\n", encoding="utf-8")
    done = build(source, tmp_path, tmp_path / "site")
    assert done.returncode != 0 and said in done.stderr
