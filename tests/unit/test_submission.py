"""The archive for the evaluation server of PASCAL VOC 2012."""

import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map, voc_palette
from aepsl.data.voc import VOC_CLASSES
from aepsl.errors import InputError
from aepsl.settings.stages import SubmissionSettings
from aepsl.stages import submission

PLACE = "results/VOC2012/Segmentation/comp6_test_cls"


def predictions(folder: Path, ids: list[str], classes: tuple[str, ...] = VOC_CLASSES) -> Path:
    for number, image_id in enumerate(ids):
        save_label_map(folder / f"{image_id}.png", np.full((3, 4 + number), 19 + number % 2, np.uint8))
    entries = tuple(Entry(id=image_id, path=f"{image_id}.png", labels=(), sha256="") for image_id in ids)
    Manifest(classes, None, ".", entries).write(folder / "index.json")
    return folder / "index.json"


def packed(index: Path, name: str) -> Path:
    output = index.parent.parent / name
    submission.run(SubmissionSettings(), predictions=index, output=output)
    return output


def test_the_archive_unpacks_to_what_the_server_wants(tmp_path: Path) -> None:
    index = predictions(tmp_path / "predictions_crf", ["2008_000009", "2008_000006"])
    archive = packed(index, "submission.tar.gz")
    (tmp_path / "server").mkdir()
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(tmp_path / "server")], check=True)
    files = sorted(path for path in (tmp_path / "server").rglob("*") if path.is_file())
    assert files == [tmp_path / "server" / PLACE / f"2008_{number}.png" for number in ("000006", "000009")]
    first = Image.open(files[0])
    assert first.mode == "P" and first.size == (5, 3) and set(np.asarray(first).ravel()) == {20}
    assert np.asarray(first.convert("RGB"))[0, 0].tolist() == voc_palette()[20].tolist()


def test_equal_predictions_give_equal_bytes_in_whatever_order(tmp_path: Path) -> None:
    one = packed(predictions(tmp_path / "one", ["a", "b"]), "one.tar.gz").read_bytes()
    time.sleep(1.1)  # gzip and tar know seconds
    save_label_map(tmp_path / "two/b.png", np.full((3, 5), 20, np.uint8))
    save_label_map(tmp_path / "two/a.png", np.full((3, 4), 19, np.uint8))
    entries = tuple(Entry(id=image_id, path=f"{image_id}.png", labels=(), sha256="") for image_id in "ba")
    Manifest(VOC_CLASSES, None, ".", entries).write(tmp_path / "two/index.json")
    assert packed(tmp_path / "two/index.json", "two.tar.gz").read_bytes() == one
    with tarfile.open(tmp_path / "two.tar.gz") as archive:
        assert {(one.mtime, one.uid, one.gid, one.uname, one.mode) for one in archive} == {(0, 0, 0, "", 0o644)}


def test_other_classes_than_vocs_are_refused(tmp_path: Path) -> None:
    index = predictions(tmp_path / "own", ["a"], classes=("cat", "dog"))
    with pytest.raises(InputError, match=r"index\.json: the evaluation server judges VOC's classes\. Got: cat, dog"):
        packed(index, "submission.tar.gz")
    assert not (tmp_path / "submission.tar.gz").exists()


def test_a_missing_prediction_leaves_no_archive(tmp_path: Path) -> None:
    index = predictions(tmp_path / "predictions", ["a", "b"])
    (tmp_path / "predictions/b.png").unlink()
    with pytest.raises(OSError, match=r"b\.png"):
        packed(index, "submission.tar.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["predictions"]
