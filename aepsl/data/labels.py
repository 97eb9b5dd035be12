"""Tables of image-level labels: CSV, one label a row."""

import csv
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from aepsl.errors import InputError
from aepsl.files import regular

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Row:
    """One label of one image, as it stands in a table."""

    image: str
    """An id, a file name or a path."""
    label: str | None
    """None where the image is known to have none."""
    split: str | None
    """None where the table does not say."""
    place: str
    """Where it stands, for messages."""


def read_csv(path: Path) -> list[Row]:
    """The rows of a CSV with the columns image, label and perhaps split; cells without the white space around them.

    Case makes no difference in the columns' names. Raises InputError for a missing file, a column that is missing or
    there twice, and a row of more cells than columns.
    """
    found = []
    try:
        with open(regular(path), newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            rows.fieldnames = columns = [(name or "").strip().lower() for name in rows.fieldnames or []]
            if not {"image", "label"} <= set(columns):
                raise InputError(f"{path}: expected the columns image,label. Got: {','.join(columns)[:80]}")
            if twice := [name for name in ("image", "label", "split") if columns.count(name) > 1]:
                raise InputError(f"{path}: two columns are called {twice[0]}; one row a label")
            for row in rows:
                if any(row.get(None) or []):  # type: ignore[call-overload]
                    raise InputError(f"{path}, line {rows.line_num}: more cells than columns; one row a label")
                image, label = ((row[name] or "").strip() for name in ("image", "label"))
                split = (row["split"] or "").strip() if "split" in columns else None
                if image or label:
                    found.append(Row(image, label, split, f"{path}, line {rows.line_num}"))
    except FileNotFoundError:
        raise InputError(f"{path}: the table of labels cannot be read (no such file); set dataset.labels") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: the table of labels cannot be read (not UTF-8); save it as UTF-8") from None
    except (OSError, csv.Error) as error:
        raise InputError(f"{path}: the table of labels cannot be read ({error})") from None
    return found


def no_class(label: str, classes: tuple[str, ...]) -> str:
    """What to say of a label that no class has."""
    near = get_close_matches(label, classes, n=1)
    hint = f"did you mean {near[0]}?" if near else f"classes: {', '.join(classes)}"
    return f"no class {label!r} ({hint})"
