"""Shards gathered are what one job would have made, byte by byte, whatever their number."""

import shutil
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aepsl import stores
from aepsl.data.images import load_photograph
from aepsl.data.manifest import Entry, Manifest
from aepsl.errors import InputError
from aepsl.gather import gather_files, gather_folders, remove_other_shards
from aepsl.gather_jobs import GatherJob
from aepsl.machine import Machine
from aepsl.settings.settings import Settings, validate
from aepsl.settings.stages import EraseSettings, MineSettings
from aepsl.shards import WHOLE, Shard
from aepsl.stages import erase, mine
from aepsl.workflow import Plan

IDS = ["b", "a", "ä 1", "c%", "10", "9"]
"""In another order than by name."""
NAMES = ("cat", "a/b")
MACHINE = Machine(workers=1)


@given(st.integers(0, 300), st.integers(1, 40))
def test_every_item_is_in_one_shard_in_order_and_shards_are_as_large_as_each_other(items: int, count: int) -> None:
    shards = [list(Shard(number, count).of(range(items))) for number in range(1, count + 1)]
    assert list(chain(*shards)) == list(range(items))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    assert list(WHOLE.of(range(items))) == list(range(items))


def test_shards_are_named_as_snakemake_names_them() -> None:
    assert Shard.named("2-of-8") == Shard(2, 8) and str(Shard(2, 8)) == "2-of-8"
    for wrong in ("0-of-8", "9-of-8", "1-of-0", "", "2/8", "2-of-8\n", "١-of-2", "1-of-99999999999999999999"):
        with pytest.raises(InputError, match="a shard is named 1-of-8 to 8-of-8"):
            Shard.named(wrong)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Photographs with one or two labels, and maps of them."""
    rng = np.random.default_rng(0)
    entries = []
    with stores.create(tmp_path / "cams.h5", "cams", {"title": "maps", "round": 1}) as store:
        for number, name in enumerate(IDS):
            Image.fromarray(rng.integers(0, 256, (24, 32 + number, 3), np.uint8)).save(tmp_path / f"{name}.png")
            labels = NAMES[: 1 + number % 2]
            entries.append(Entry(id=name, path=f"{name}.png", labels=labels, sha256=""))
            store.add(name, {label: rng.integers(0, 256, (6, 8), np.uint8) for label in labels}, size=(24, 32 + number))
    Manifest(NAMES, (1.0, 2.0, 3.0), ".", tuple(entries)).write(tmp_path / "images.json")
    return tmp_path


def mined(place: Path, name: str, shard: Shard = WHOLE, threshold: float = 0.4) -> Path:
    settings = MineSettings(round=1, reading="fraction_of_max", threshold=threshold)
    read = {"cams": [place / "cams.h5"], "earlier": [], "calibration": []}
    mine.run(
        settings,
        images=place / "images.json",
        output=place / name,
        machine=MACHINE,
        shard=shard,
        **read,  # type: ignore[arg-type]
    )
    return place / name


def erased(place: Path, name: str, shard: Shard = WHOLE) -> Path:
    settings = EraseSettings(round=1, fill="noise", seed=0)
    output = place / name / "index.json"
    erase.run(settings, images=place / "images.json", masks=place / "m.h5", output=output, machine=MACHINE, shard=shard)
    return output.parent


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_gathered_shards_are_what_one_job_makes(place: Path, count: int) -> None:
    """Of nine shards of six images three are empty."""
    manifest, shards = Manifest.read(place / "images.json"), [Shard(n, count) for n in range(1, count + 1)]
    whole = mined(place, "m.h5")
    gather_files(manifest, [mined(place, f"m.{shard}.h5", shard) for shard in shards], place / "gathered.h5")
    assert (place / "gathered.h5").read_bytes() == whole.read_bytes()

    one = erased(place, "erased")
    gather_folders(manifest, [erased(place, f"e.{shard}", shard) for shard in shards], place / "together/index.json")
    files = sorted(path.name for path in one.iterdir())
    assert len(files) == len(IDS) + 1 and files == sorted(path.name for path in (place / "together").iterdir())
    assert all((one / name).read_bytes() == (place / "together" / name).read_bytes() for name in files)


def test_pictures_are_copied_where_they_cannot_be_linked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mined(place, "m.h5")
    one = erased(place, "erased")
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    for _ in range(2):  # also over what is there
        gather_folders(Manifest.read(place / "images.json"), [one], place / "together/index.json")
    shutil.rmtree(one)
    assert (place / "together/b.png").stat().st_size > 0


def test_what_is_left_of_another_number_of_shards_goes_and_nothing_else(tmp_path: Path) -> None:
    files = ("masks.1-of-2.h5", "masks.2-of-2.h5", "masks.2-of-4.h5", "masks.h5", "masks.x-of-4.h5", "masks2.1-of-4.h5",
             "masks.1-of-4.json", "cams.1-of-4.h5")  # fmt: skip
    folders = ("erased", "erased.1-of-1", "erased.3-of-4", "erased_more.3-of-4")
    for name in files:
        (tmp_path / name).touch()
    for name in folders:
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.json").touch()
    remove_other_shards([tmp_path / "below/.." / name for name in files[:2]], tmp_path / "masks.h5")
    remove_other_shards([tmp_path / "erased.1-of-1"], tmp_path / "erased/index.json")
    assert {path.name for path in tmp_path.iterdir()} == {*files, *folders} - {"masks.2-of-4.h5", "erased.3-of-4"}


def test_no_shard_at_all_is_refused() -> None:
    job = GatherJob.of(Plan(validate(Settings, {"dataset": {"format": "scenes"}}, source="test")), "saliency.h5", "")
    assert (job.product, job.job.stage, job.images()) == ("saliency", "saliency", "results/data/train.json")
    assert "results/provenance/saliency.2-of-3.json" in job.options(3).split()
    with pytest.raises(InputError, match="shards is at least 1"):
        job.options(0)


def test_shards_that_do_not_belong_together_are_named(place: Path) -> None:
    manifest = Manifest.read(place / "images.json")
    first, second = (mined(place, f"m.{n}-of-2.h5", Shard(n, 2)) for n in (1, 2))
    other = mined(place, "other.h5", Shard(2, 2), threshold=0.5)
    output = place / "gathered.h5"
    for shards, said in (
        ([first], "m.1-of-2.h5: a shard of other images; remove it"),
        ([second, first], "m.2-of-2.h5: a shard of other images"),
        ([first, other], "other.h5: made in another way than .*m.1-of-2.h5"),
        ([first, place / "cams.h5"], "cams.h5: expected a file of format 'aepsl masks 1'"),
        ([first, place / "absent.h5"], "absent.h5: no such file"),
        ([place / "images.json"], "images.json: not a readable HDF5 file"),
    ):
        with pytest.raises(InputError, match=said):
            gather_files(manifest, shards, output)
        assert not output.exists()
    mined(place, "m.h5")
    folder = erased(place, "erased", Shard(1, 2))
    with pytest.raises(InputError, match="erased: a shard of other images"):
        gather_folders(manifest, [folder], place / "together/index.json")
    whole = [erased(place, "erased", Shard(1, 2)), erased(place, "more", Shard(2, 2))]
    other = Manifest.read(whole[1] / "index.json")
    replace(other, classes=other.classes[::-1]).write(whole[1] / "index.json")
    with pytest.raises(InputError, match=r"more: made in another way than .*erased"):
        gather_folders(manifest, whole, place / "other/index.json")
    with pytest.raises(InputError, match=r"index\.json: no such file"):
        gather_folders(manifest, [place / "nothing"], place / "together/index.json")
    assert not (place / "together").exists()


def test_the_noise_of_each_photograph_is_its_own(place: Path) -> None:
    mined(place, "m.h5", threshold=0.0)
    pictures = [load_photograph(path)[:, :32] for path in sorted(erased(place, "erased").glob("*.png"))]
    with stores.Reader(place / "m.h5", "masks") as store:
        masks = [sum(store.read(i).values()) > 0 for i in IDS]
    assert all(mask.any() for mask in masks)
    both = masks[0][:, :32] & masks[2][:, :32]
    assert both.sum() > 50 and (pictures[0][both] != pictures[2][both]).any(1).mean() > 0.9
