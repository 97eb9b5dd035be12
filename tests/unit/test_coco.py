import json
from pathlib import Path
from typing import Any

import pytest

from aepsl.data.coco import read
from aepsl.errors import InputError


def coco(*labelled: tuple[str, str | None]) -> dict[str, Any]:
    """An annotation file of (file name, category) pairs."""
    files = list(dict.fromkeys(file for file, _ in labelled))
    names = list(dict.fromkeys(name for _, name in labelled if name))
    return {
        "info": {}, "licenses": [],
        "images": [{"id": 100 + n, "file_name": file, "width": 3, "height": 2} for n, file in enumerate(files)],
        "categories": [{"id": 7 * n + 1, "name": name, "supercategory": "s"} for n, name in enumerate(names)],
        "annotations": [
            {"id": n, "image_id": 100 + files.index(file), "category_id": 7 * names.index(name) + 1, "iscrowd": 0,
             "bbox": [0, 0, 1, 1], "segmentation": [[0, 0, 1, 0, 1, 1]], "area": 0.5}
            for n, (file, name) in enumerate(labelled) if name
        ],
    }  # fmt: skip


def test_each_category_of_an_image_is_a_row_and_an_image_without_any_is_one_without(tmp_path: Path) -> None:
    table = tmp_path / "instances_train2017.json"
    table.write_text(json.dumps(coco(("1.jpg", "tram"), ("1.jpg", "tram"), ("a/2.jpg", None), ("1.jpg", "bus"))))
    rows = [(row.image, row.label, row.split) for row in read(table)]
    assert rows == [("1.jpg", "tram", None), ("1.jpg", "bus", None), ("a/2.jpg", None, None)]
    table.write_text(table.read_text(), encoding="utf-8-sig")  # as Windows' editors save it
    assert [(row.image, row.label, row.split) for row in read(table)] == rows


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": None}, "not in COCO's format: expected an object with the lists images, categories, annotations"),
        ({"images": ["a.jpg"]}, "images[0]: not in COCO's format: it has no id"),
        ({"images": [{"id": 100}]}, "images[0]: not in COCO's format: it has no file_name"),
        ({"images": [{"id": [1], "file_name": "a.jpg"}]}, "images[0]: not in COCO's format: it has no id"),
        ({"images": [{"id": 100, "file_name": 3}]}, "images[0]: file_name is text. Got: 3"),
        ({"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]}, "also that of 'a.jpg'"),
        ({"categories": [{"id": 2, "name": "cat"}]}, "annotations[0]: category_id is none of the file's"),
        ({"annotations": [{"image_id": 5, "category_id": 1}]}, "annotations[0]: image_id is none of the file's"),
        ({"annotations": [{"image_id": 100}]}, "annotations[0]: not in COCO's format: it has no category_id"),
    ],
)
def test_json_that_is_not_cocos_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    table = tmp_path / "instances.json"
    table.write_text(json.dumps(coco(("a.jpg", "cat")) | change))
    with pytest.raises(InputError) as caught:
        read(table)
    assert said in str(caught.value) and str(caught.value).startswith(str(table))


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '"images"', "image,label\na,cat\n", "[" * 100_000])
def test_a_file_that_is_no_coco_json_at_all_is_refused(tmp_path: Path, content: str) -> None:
    table = tmp_path / "instances.json"
    table.write_text(content)
    with pytest.raises(InputError, match=r"instances\.json: not "):
        read(table)
