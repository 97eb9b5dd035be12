"""Write a table of image-level labels from masks, once, for who has only masks; nothing else then needs them."""

import argparse
import csv
import io
import json
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np

from aepsl.data.manifest import check_classes
from aepsl.data.palette import load_label_map
from aepsl.data.voc import VOC_CLASSES
from aepsl.data.void import VOID
from aepsl.data.walk import pictures
from aepsl.errors import InputError
from aepsl.files import refuse_overwriting, write_text


def options(parser: argparse.ArgumentParser) -> None:
    """The folder of the masks, the classes, the table."""
    parser.description = __doc__
    parser.add_argument(
        "masks",
        type=Path,
        help="folder of label maps, also in folders below it: 0 background, 1.. classes, 255 ignored",
    )
    parser.add_argument("--output", type=Path, default=Path("labels.csv"), help="a new file (default: %(default)s)")
    names = "names of the labels 1, 2, … (default: VOC's 20 classes)"
    parser.add_argument("--classes", nargs="+", default=list(VOC_CLASSES), help=names)


def run(options: argparse.Namespace) -> None:
    """Write the table: image,label, one row a label; hidden files are no masks."""
    classes = [unicodedata.normalize("NFC", name).strip() for name in options.classes]
    try:
        check_classes(classes)
    except InputError as error:
        raise InputError(f"--classes: {error}") from None
    if len(set(classes)) < len(classes):
        raise InputError("--classes: each class has a name of its own")
    paths = sorted(pictures(options.masks, suffixes={".png"}))
    if not paths:
        raise InputError(f"{options.masks}: no PNG in this folder")
    refuse_overwriting(options.output, paths)
    if options.output.exists():
        raise InputError(f"{options.output}: is there already; remove it, or name another file by --output")
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["image", "label"])
    found: Counter[str] = Counter()
    for path in paths:
        if not str(path).isprintable():
            raise InputError(f"{str(path)!r}: the name is not UTF-8, or cannot be printed; rename it")
        for label in np.unique(load_label_map(path)):
            if label not in (0, VOID):
                if label > len(classes):
                    raise InputError(f"{path}: label {label}, but {len(classes)} classes are named")
                image, name = path.relative_to(options.masks).with_suffix("").as_posix(), classes[label - 1]
                rows.writerow([image, name])
                found[name] += 1
    if not found:
        raise InputError(f"{options.masks}: no mask has a class in it")
    write_text(options.output, text.getvalue())
    print(f"{options.output}: {len(paths)} masks; {', '.join(f'{name} {count}' for name, count in found.items())}")
    if options.classes != list(VOC_CLASSES):
        names = json.dumps(classes, ensure_ascii=False)
        print(f"to judge by these masks, write into the configuration: dataset: {{classes: {names}}}")
