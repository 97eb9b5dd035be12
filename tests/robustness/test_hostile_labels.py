"""Tables of labels, COCO's annotations, VOC's lists and annotations, and the names of photographs."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from hostile import HOSTILE_NAMES, Rng, damaged, name, pick, share, spoilt, survive
from hypothesis import given
from hypothesis import strategies as st

from aepsl.data import voc
from aepsl.data.folder import read
from aepsl.data.manifest import check_id
from aepsl.errors import InputError
from aepsl.settings.sections import Dataset
from aepsl.workflow import Job, plan_of

TABLE = 'image,label,split\na,cat,train\nsub/b,dog,train\nc,cat,val\nc,"do""g, it\'s",val\n'
COCO = {
    "images": [{"id": n, "file_name": stem, "width": 3} for n, stem in enumerate(("a", "sub/b", "c"))],
    "categories": [{"id": 1, "name": "cat"}, {"id": 18, "name": "dog"}],
    "annotations": [{"image_id": n, "category_id": 1, "bbox": [0, 0, 1, 1]} for n in range(3)],
}
XML = "<annotation><object><name>cat</name></object><object><name>dog</name></object></annotation>"
XML_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "cat">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 9}">' for n in range(9))
    + "]><annotation><object><name>&j;</name></object></annotation>"
)
XMLS = [
    XML,
    XML_LAUGHS,
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation><object><name>&a;</name></object></annotation>',
    '<!DOCTYPE x SYSTEM "http://localhost:1/x.dtd"><annotation/>',
    "<a>" * 100_000,
    "<a>" * 100_000 + "</a>" * 100_000,
    '<?xml version="1.0" encoding="utf-7"?><a/>',
    '<?xml version="1.0" encoding="no-such"?><a/>',
    "<annotation>" + "<object><name>cat</name></object>" * 2000 + "</annotation>",
    f"<annotation><object><name>{'x' * 1_000_000}</name></object></annotation>",
    "",
]
TABLES = [
    "",
    "\0",
    "image,label",
    "image;label\na;cat\n",
    "label,image,label,image\ncat,a,dog,b\n",
    '"image","label"\n"a,cat\n',
    "image,label\na,cat,b,c,d\n",
    "image,label\ra,cat\rc,dog\r",
    f"image,label\na,{'x' * 1_000_000}\n",
    f"image,label\n{'x' * 100_000},cat\n",
    f"image,label\n{'../' * 30_000}a,cat\n",
    "image,label\n" + "a,cat\n" * 50_000,
    "image,label\n" + "".join(f"a,c{n}\n" for n in range(3000)),
    ",".join(f"c{n}" for n in range(50_000)) + "\n",
]


def folder_of(rng: Rng, root: Path) -> None:
    """Empty photographs; listing them does not open them. And a folder for their masks."""
    root.mkdir()
    (root.parent / "masks").mkdir()
    for path in ("a.jpg", "sub/b.png", "c.webp"):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).touch()
    for _ in range(int(rng.integers(-1, 3))):
        with suppress(OSError, ValueError):  # no file system has such a name
            (root / f"{name(rng)}.jpg").touch()
    if rng.integers(20) == 0:
        os.mkfifo(root / "d.jpg")


def jobs(dataset: dict[str, Any]) -> None:
    """All that a dry run asks of a dataset."""
    plan = plan_of({"dataset": dataset, "network": {"weights": None}})
    plan.wanted()
    for split in ("train", "val"):
        Job(plan, "manifest", split=split).content()
    Job(plan, "quality").content()


def rows(rng: Rng) -> bytes:
    """A table that is one, of names that may be hostile."""
    lines = ["image,label,split" if rng.integers(2) else "image,label"]
    for _ in range(int(rng.integers(1, 5))):
        cells = [
            pick(rng, ["a", "sub/b", "c", name(rng)]),
            pick(rng, ["cat", "dog", name(rng)]),
            pick(rng, ["train", "val", ""]),
        ]
        if rng.integers(2):
            cells = ['"' + cell.replace('"', '""') + '"' for cell in cells]
        lines.append(",".join(cells[: lines[0].count(",") + 1]))
    head = b"\xef\xbb\xbf" if rng.integers(4) == 0 else b""
    return head + pick(rng, ["\n", "\r\n"]).join(lines).encode("utf-8", pick(rng, ["replace", "surrogatepass"]))


def make_csv(rng: Rng, folder: Path) -> None:
    folder_of(rng, folder / "root")
    match int(rng.integers(3)):
        case 0:
            content = damaged(rng, TABLE.encode())
        case 1:
            content = pick(rng, TABLES).encode()
        case _:
            content = rows(rng)
    (folder / "root/labels.csv").write_bytes(content)


def read_folder(folder: Path) -> None:
    root, table = folder / "root", folder / "root/labels.json"
    more: dict[str, Any] = {"labels": str(table)} if table.exists() else {}
    dataset = {"format": "folder", "root": str(root), **more}
    jobs(dataset)
    classes = read(Dataset(**dataset), "train").classes
    jobs(dataset | {"masks": str(folder / "masks"), "classes": list(classes)})


def test_tables(tmp_path: Path) -> None:
    found = survive(make_csv, read_folder, tmp_path / "c", cases=share(0.08))
    assert found["read"] and found["refused"]


def make_coco(rng: Rng, folder: Path) -> None:
    folder_of(rng, folder / "root")
    content = json.dumps(spoilt(rng, COCO)).encode()
    if rng.integers(3) == 0:
        content = damaged(rng, content)
    (folder / "root/labels.json").write_bytes(content)


def test_cocos_annotations(tmp_path: Path) -> None:
    found = survive(make_coco, read_folder, tmp_path / "c", cases=share(0.06))
    assert found["read"] and found["refused"]


def make_voc(rng: Rng, folder: Path) -> None:
    root = folder / "root"
    for part in ("JPEGImages", "Annotations", "ImageSets/Segmentation", "SegmentationClass"):
        (root / part).mkdir(parents=True)
    ids = ["a", "b"] if rng.integers(2) else [name(rng), name(rng)]
    names = "\n".join(ids).encode(errors="replace")
    for split in ("train", "val"):
        content = damaged(rng, names) if rng.integers(4) == 0 else names
        (root / f"ImageSets/Segmentation/{split}.txt").write_bytes(content)
    if rng.integers(3) == 0:
        (root / "labels.csv").write_bytes(rows(rng))
    xml = str(pick(rng, XMLS)).encode()
    for image_id in ("a", "b"):
        (root / f"Annotations/{image_id}.xml").write_bytes(damaged(rng, xml) if rng.integers(3) == 0 else xml)


def read_voc(folder: Path) -> None:
    root = folder / "root"
    jobs({"format": "voc", "root": str(root), "train_list": "train"})
    voc.read(root, image_set="train", labels=None)


def test_vocs_lists_and_annotations(tmp_path: Path) -> None:
    found = survive(make_voc, read_voc, tmp_path / "c", cases=share(0.08))
    assert found["read"] and found["refused"]


@given(st.text() | st.sampled_from(HOSTILE_NAMES))
def test_an_id_that_is_taken_names_a_file_in_its_folder_and_nothing_else(image_id: str) -> None:
    try:
        place = Path("/results/predictions", f"{check_id(image_id)}.png")
    except InputError:
        return
    assert os.path.normpath(place).rpartition("/")[0] == "/results/predictions"
    assert place.stem == image_id and len(os.fsencode(f".{place.name}.{2**22}.tmp")) <= 255
