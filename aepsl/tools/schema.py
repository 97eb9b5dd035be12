"""Write the JSON schema of the configuration and the table of all settings."""

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from aepsl.files import write_text
from aepsl.settings.settings import Settings

SCHEMA, TABLE = Path("configs/schema.json"), Path("docs/settings.md")


def options(parser: argparse.ArgumentParser) -> None:
    """None."""
    parser.description = __doc__


def run(_options: argparse.Namespace) -> None:
    """Write both files below the working folder."""
    write_text(SCHEMA, schema())
    write_text(TABLE, table())


def schema() -> str:
    """The JSON schema, as an editor takes it for completion and checks."""
    return json.dumps(Settings.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def table() -> str:
    """The reference of all settings, in Markdown."""
    lines = [
        "# Settings",
        "",
        "Every key of the configuration, its default, and what it does. Made by `python -m aepsl schema`.",
        "",
        "| key | default | meaning |",
        "|---|---|---|",
        *_rows(Settings, ""),
    ]
    return "\n".join(lines) + "\n"


def _rows(model: type[BaseModel], prefix: str) -> list[str]:
    rows = []
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            rows += [f"| **{prefix}{name}** | | {_one_line(type(default).__doc__)} |"]
            rows += _rows(type(default), f"{prefix}{name}.")
        else:
            shown = "required" if field.is_required() else f"`{json.dumps(default, ensure_ascii=False)}`"
            rows.append(f"| `{prefix}{name}` | {shown} | {_one_line(field.description)} |")
            inner: Any = [a for a in getattr(field.annotation, "__args__", ()) if isinstance(a, type)]
            rows += [row for a in inner if issubclass(a, BaseModel) for row in _rows(a, f"{prefix}{name}[].")]
    return rows


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
