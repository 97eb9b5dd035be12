"""Image-level labels of an annotation file in COCO's format; boxes and masks are not looked at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aepsl.data.labels import Row
from aepsl.errors import InputError
from aepsl.files import read_json


def read(path: Path) -> list[Row]:
    """A row for each image and category annotated in it, and one without a label for each image without annotation.

    Raises InputError for what is not `images`, `categories` and `annotations` that name one another.
    """
    value = read_json(path)
    sections = ("images", "categories", "annotations")
    if not isinstance(value, dict) or not all(isinstance(value.get(name), list) for name in sections):
        raise InputError(f"{path}: not in COCO's format: expected an object with the lists {', '.join(sections)}")
    files = dict(_named(path, value["images"], "images", "file_name"))
    classes = dict(_named(path, value["categories"], "categories", "name"))
    labelled: dict[tuple[str, str], str] = {}
    for number, annotation in enumerate(value["annotations"]):
        place = f"{path}, annotations[{number}]"
        image = files.get(_field(annotation, "image_id", place))
        label = classes.get(_field(annotation, "category_id", place))
        if image is None or label is None:
            raise InputError(f"{place}: {'image_id' if image is None else 'category_id'} is none of the file's")
        labelled.setdefault((image, label), place)
    rows = [Row(image, label, None, place) for (image, label), place in labelled.items()]
    bare = set(files.values()) - {image for image, _ in labelled}
    return rows + [Row(image, None, None, f"{path}, images") for image in sorted(bare)]


def _named(path: Path, items: list[Any], section: str, key: str) -> Iterator[tuple[Any, str]]:
    """(id, name) of each item; an id stands for one name."""
    seen: dict[Any, str] = {}
    for number, item in enumerate(items):
        place = f"{path}, {section}[{number}]"
        own, name = _field(item, "id", place), _field(item, key, place)
        if not isinstance(name, str):
            raise InputError(f"{place}: {key} is text. Got: {name!r}")
        if seen.setdefault(own, name) != name:
            raise InputError(f"{place}: id {own!r} is also that of {seen[own]!r}")
        yield own, name


def _field(item: Any, key: str, place: str) -> Any:
    if not isinstance(item, dict) or key not in item or isinstance(item[key], list | dict):
        raise InputError(f"{place}: not in COCO's format: it has no {key}")
    return item[key]
