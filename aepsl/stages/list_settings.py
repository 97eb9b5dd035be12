"""List all settings of a run beside their defaults, as a page."""

import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from aepsl.files import write_text
from aepsl.settings.settings import Settings
from aepsl.settings.stages import MACHINE, ListSettingsSettings

HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Settings</title>
<style>
body {font: 9pt/1.35 sans-serif; margin: 1.5em; color: black; background: white}
table {border-collapse: collapse; width: 100%}
th, td {text-align: left; vertical-align: top; padding: 2px 10px 2px 0; border-bottom: 1px solid #ddd}
td:first-child {white-space: nowrap}
td:nth-child(2), td:nth-child(3) {overflow-wrap: anywhere; min-width: 6em}
tr.set td:nth-child(-n+2) {font-weight: bold}
tr.section td {font-weight: bold; padding-top: 1em; border-bottom: 1px solid black}
</style>
"""


def run(settings: ListSettingsSettings, *, output: Path) -> None:
    """output: an HTML page; in bold what departs from its default. What says where to compute is left out."""
    rows = "\n".join(_rows(settings.configuration, Settings(), ""))
    text = (
        f"{HEAD}<h1>Settings</h1>\n<p>In bold what departs from its default.</p>\n<table>\n"
        f"<tr><th>setting</th><th>value</th><th>default</th><th>meaning</th></tr>\n{rows}\n</table>\n</html>\n"
    )
    write_text(output, text)


def _rows(own: BaseModel, default: BaseModel, prefix: str) -> Iterator[str]:
    for name, field in type(own).model_fields.items():
        if not prefix and name in MACHINE:
            continue
        value, usual = getattr(own, name), getattr(default, name)
        if isinstance(value, BaseModel):
            meaning = _words(type(value).__doc__)
            yield f'<tr class="section"><td>{prefix}{name}</td><td></td><td></td><td>{meaning}</td></tr>'
            yield from _rows(value, usual, f"{prefix}{name}.")
        elif isinstance(value, dict) and value:
            for key, one in value.items():
                yield _row(f"{prefix}{name}.{key}", one, None, field.description)
        else:
            yield _row(f"{prefix}{name}", value, usual, field.description)


def _row(name: str, value: Any, usual: Any, meaning: str | None) -> str:
    shown = [f"<code>{escape(_text(one))}</code>" for one in (value, usual)]
    kind = "" if value == usual else ' class="set"'
    return f"<tr{kind}><td>{escape(name)}</td><td>{shown[0]}</td><td>{shown[1]}</td><td>{_words(meaning)}</td></tr>"


def _words(text: str | None) -> str:
    """A docstring as HTML."""
    return re.sub("`(.*?)`", r"<code>\1</code>", escape(" ".join((text or "").split())))


def _text(value: Any) -> str:
    plain = (
        [one.model_dump() if isinstance(one, BaseModel) else one for one in value] if isinstance(value, list) else value
    )
    return json.dumps(plain, ensure_ascii=False)
