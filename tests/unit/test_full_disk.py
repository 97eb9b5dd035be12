"""A disk that fills up, really: a small file system in memory, where this machine lets one be mounted."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from aepsl.data.images import save_photograph
from aepsl.files import replacing, write_text

NOISE = np.random.default_rng(0).integers(256, size=(700, 700, 3), dtype=np.uint8)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def checkpoint(path: Path) -> None:
    with replacing(path) as temporary:
        torch.save({"weights": torch.zeros(10**6)}, temporary)


def model(path: Path) -> None:
    with replacing(path) as temporary:
        save_file({"weights": torch.zeros(10**6)}, temporary)


def jpeg(path: Path) -> None:
    with replacing(path) as temporary:
        Image.fromarray(NOISE).save(temporary, format="JPEG", quality=100)


WRITERS = [
    checkpoint,
    model,
    jpeg,
    lambda path: save_photograph(path, NOISE),
    lambda path: write_text(path, "labels " * 10**5),
]


@pytest.mark.parametrize("write", WRITERS)
def test_whoever_writes_a_full_disk_is_told_by_its_name_and_nothing_is_left(
    small_disk: Path, write: Callable[[Path], None]
) -> None:
    path = small_disk / "made"
    path.write_text("former")
    with pytest.raises(OSError, match="No space left on device") as caught:
        write(path)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    assert os.listdir(small_disk) == ["made"] and path.read_text() == "former"


# HDF5 keeps the broken file open and may crash the process when a later one is closed: so in a process of its own.
STORE = """
import sys, numpy as np
from pathlib import Path
from aepsl import stores
noise = np.random.default_rng(0).integers(256, size=(700, 700), dtype=np.uint8)
try:
    with stores.create(Path(sys.argv[1]), "masks", {}) as file:
        for number in range(10):
            file.add(str(number), {"dog": noise}, size=noise.shape)
except OSError as error:
    print(error.errno, error.filename)
"""


def test_hdf5_is_no_exception(small_disk: Path) -> None:
    path = small_disk / "masks.h5"
    done = subprocess.run([sys.executable, "-c", STORE, str(path)], capture_output=True, text=True)
    assert done.stdout.split() == [str(errno.ENOSPC), str(path)], done.stderr
    assert not os.listdir(small_disk)


def test_other_errors_pass_as_they_are(small_disk: Path) -> None:
    with pytest.raises(ZeroDivisionError), replacing(small_disk / "made"):
        _ = 1 / 0
    assert not os.listdir(small_disk)
