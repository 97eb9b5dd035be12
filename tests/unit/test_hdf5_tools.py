"""The HDF5 files in h5ls and h5dump, as Debian has them: another library reads what h5py wrote."""

import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

from aepsl import stores

pytestmark = pytest.mark.skipif(not shutil.which("h5dump"), reason="h5dump is not installed: Debian's hdf5-tools")

NAMES = {  # and how h5ls lists them
    "cat": "cat",
    "a/b": "a%2Fb",
    "100 %": r"100\ %25",
    '"quote"\'s': '\\"quote\\"\'s',
    "Käse ü": r"K\303\244se\ \303\274",
    "back\\slash": "back\\\\slash",
    "x" * 200: "x" * 200,
}
ABOUT = {"title": "of round 2", "round": 2, "classes": list(NAMES), "units": "score, ≥ 0"}


def said(*words: object) -> str:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout


def store_of(path: Path, kind: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    if stores.PIXELS[kind] == np.uint8:
        pictures = {name: rng.integers(0, 256, (9, 14), np.uint8) for name in NAMES}
    else:
        pictures = {name: rng.normal(0, 5, (9, 14)).astype(np.float16) for name in NAMES}
    with stores.create(path, kind, ABOUT) as store:
        for image_id in ("x", "day 1/Öl"):
            store.add(image_id, pictures, size=(9, 14), scales=dict.fromkeys(NAMES, 0.5))
    return pictures


@pytest.mark.parametrize("kind", stores.PIXELS)
def test_all_pictures_are_listed_and_are_pictures(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{kind}.h5"
    store_of(path, kind)

    listed = said("h5ls", "-r", path).splitlines()
    dumped = said("h5dump", "-A", path)

    groups = ["/x", r"/day\ 1%2F\303\226l"]
    expected = {f"{group}/{name} Dataset {{9, 14}}" for group in groups for name in NAMES.values()}
    assert {re.sub(" +Dataset", " Dataset", line) for line in listed if "Dataset" in line} == expected
    assert dumped.count('"IMAGE"') == dumped.count('"IMAGE_GRAYSCALE"') == dumped.count('"1.2"') == len(expected)
    assert dumped.count('"UL"') == dumped.count('"image"') == len(expected)
    assert "H5T_VARIABLE" not in dumped and "H5T_CSET_UTF8" in dumped
    if stores.PIXELS[kind] == np.uint8:
        assert dumped.count("(0): 0, 255") == len(expected)  # IMAGE_MINMAXRANGE


@pytest.mark.parametrize("kind", stores.PIXELS)
def test_the_numbers_are_the_same(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{kind}.h5"
    for name, picture in store_of(path, kind).items():
        link = "/day 1%2FÖl/" + name.replace("%", "%25").replace("/", "%2F")
        said("h5dump", "-d", link, "-b", "LE", "-o", tmp_path / "numbers", path)
        numbers = np.fromfile(tmp_path / "numbers", np.dtype(stores.PIXELS[kind]).newbyteorder("<"))
        np.testing.assert_array_equal(numbers.reshape(picture.shape), picture)
        text = said("h5dump", "-d", link, "-m", "%.9g", "-y", "-w", "0", path)
        printed = text.partition("DATA {")[2].partition("}")[0].replace(",", " ").split()
        np.testing.assert_allclose(np.array(printed, float), picture.ravel().astype(float), rtol=1e-8)


def test_every_hdf5_since_1_8_has_what_it_takes(tmp_path: Path) -> None:
    store_of(tmp_path / "c.h5", "cams")
    properties = said("h5dump", "-p", "-H", "-d", "/x/cat", tmp_path / "c.h5")
    assert "COMPRESSION DEFLATE { LEVEL 4 }" in properties and "PREPROCESSING SHUFFLE" in properties
    with h5py.File(tmp_path / "c.h5") as file:
        assert file.id.get_create_plist().get_version()[0] == 0, "the superblock that all versions read"
