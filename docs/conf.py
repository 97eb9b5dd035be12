"""The site: plain Markdown pages, equations as MathML, pictures from a run's results. Built by `make docs`."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator

project = "aepsl"
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "aepsl"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_use_index = html_copy_source = html_show_sphinx = html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}
html_math_renderer = "mathml"
pygments_style, pygments_dark_style = "friendly", "github-dark"
highlight_language = "text"

REPOSITORY = Path(__file__).parents[1]
PICTURE = re.compile(r"<!-- picture: (?P<path>\S+), (?P<text>[^>]*?) -->", re.DOTALL)


def setup(app: Sphinx) -> None:
    """The results that pictures are taken from, where not the demo's: `sphinx -D results=FOLDER`."""
    app.add_config_value("results", str(REPOSITORY / "results"), "env", str)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("source-read", _navigation)
    app.connect("source-read", _pictures)


def _navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """Below each heading of the index, the pages that its list names: one place, plain Markdown for who reads it so."""
    if page != "index":
        return
    head, *sections = re.split(r"^## (.*)\n", source[0], flags=re.MULTILINE)
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        links = re.findall(r"^- \[(.*?)\]\((\w+)\.md\)", text, re.MULTILINE)
        pages = "\n".join(f"{name} <{place}>" for name, place in links)
        head += f"## {title}\n{text}\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{pages}\n```\n\n"
    source[0] = head


def _pictures(app: Sphinx, page: str, source: list[str]) -> None:
    """`<!-- picture: PATH, TEXT -->` shows a file of the results, or what the page's last command before it writes."""

    text = source[0].replace("\\\n", " ")

    def shown(found: re.Match[str]) -> str:
        path = Path(found["path"])
        if path.parts[0] == "results":
            file = Path(app.config.results, *path.parts[1:])
        else:
            file = Path(app.doctreedir, "pictures", path)
            command = re.findall(r"^python (-m aepsl .*)$", text[: found.start()], re.MULTILINE)[-1]
            _run(app, command, file)
        if not file.is_file():
            raise ExtensionError(f"{page}: no picture {file}; `make docs` makes it")
        place = Path(os.path.relpath(file.resolve(), app.srcdir)).as_posix()
        return f"```{{figure}} {place}\n{' '.join(found['text'].split())}\n```"

    source[0] = PICTURE.sub(shown, text)


def _run(app: Sphinx, command: str, file: Path) -> None:
    """Run a page's command that writes `file`; the page is made anew when the files that it reads have changed."""
    folder = file.parents[0 if file.parent.name == "pictures" else 1]
    folder.mkdir(parents=True, exist_ok=True)
    results = Path(app.config.results).resolve()
    words = [re.sub("^results/", f"{results}/", word) for word in shlex.split(command)]
    for word in filter(os.path.isfile, words):
        app.env.note_dependency(word)
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    if done.returncode:
        raise ExtensionError(f"{command}: {done.stderr.strip()}")


def _mathml(node: nodes.Element, *, block: bool) -> str:
    try:
        return str(tex2mathml(node.astext(), as_block=block))
    except MathError as error:
        raise ExtensionError(f"{node.source}: {error} in {node.astext()}") from None


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_mathml(node, block=False))
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{_mathml(node, block=True)}</div>\n')
    raise nodes.SkipNode
