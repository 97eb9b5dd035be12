import hashlib
import json
import os
from pathlib import Path

import pytest

from aepsl.errors import InputError
from aepsl.machine import Machine
from aepsl.provenance import gather, write_gathered, write_record, write_record_of_shards
from aepsl.settings.sections import Section


class Settings(Section):
    area: float = 0.25


class Networks(Settings):
    cpu_threads: int = 1


def record(results: Path, stage: str, settings: Settings, *names: str, machine: Machine | None = None) -> None:
    products = [results / name for name in names]
    for product in products:
        product.write_text(f"{product.name} of {stage}")
    path = results / "provenance" / f"{stage}.json"
    write_record(path, stage, settings, code="c0de", products=products, machine=machine or Machine())


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    record(folder, "mine", Settings(area=0.5), "masks.h5")
    record(folder, "train", Networks(), "model", "history", machine=Machine("cpu", "float32"))
    return folder


def test_each_product_has_its_making(results: Path) -> None:
    told = gather(results)
    assert list(told["products"]) == ["history", "masks.h5", "model"]
    masks = told["products"]["masks.h5"]
    assert masks["sha256"] == hashlib.sha256(b"masks.h5 of mine").hexdigest()
    assert (masks["stage"], masks["settings"], masks["code"]) == ("mine", {"area": 0.5}, "c0de")
    plain, network = (told["environments"][told["products"][name]["environments"][0]] for name in ("masks.h5", "model"))
    assert network.items() > plain.items()
    assert network["precision"] == "float32" and network["device"].startswith("cpu") and network["cpu_threads"] == 1


def test_equal_environments_are_told_once(results: Path) -> None:
    record(results, "erase", Settings(), "index.json")
    assert len(gather(results)["environments"]) == 2


def test_what_is_gone_is_left_out_and_what_is_made_anew_told_anew(results: Path) -> None:
    (results / "model").unlink()
    record(results, "mine", Settings(area=0.1), "masks.h5")
    told = gather(results)["products"]
    assert told.keys() == {"masks.h5", "history"}
    assert told["masks.h5"]["settings"] == {"area": 0.1}


def test_of_several_records_of_a_product_the_newest_counts(results: Path) -> None:
    for name in ("a", "z"):  # as by hand and by the workflow, in either order
        record(results, name, Settings(area=0.3), "masks.h5")
        later = max(path.stat().st_mtime_ns for path in (results / "provenance").iterdir()) + 10**9
        os.utime(results / "provenance" / f"{name}.json", ns=(later, later))
        assert gather(results)["products"]["masks.h5"]["stage"] == name
    later += 10**9
    os.utime(results / "provenance/a.json", ns=(later, later))
    assert gather(results)["products"]["masks.h5"]["stage"] == "a"


def test_the_file_holds_what_was_gathered_and_the_settings_of_the_runs_that_are_there(
    results: Path, tmp_path: Path
) -> None:
    write_gathered(results, {".": {"seed": 0}, "variants/absent": {"seed": 1}})
    assert json.loads((results / "provenance.json").read_text()) == {"runs": {".": {"seed": 0}}, **gather(results)}
    write_gathered(tmp_path, {".": {}})
    assert not (tmp_path / "provenance.json").exists(), "no job was done there"


def test_a_product_of_shards_has_the_environments_of_all(results: Path) -> None:
    shards = [results / f"provenance/cams.{n}-of-3.json" for n in (1, 2, 3)]
    for shard, precision in zip(shards, ("float32", "bf16", "float32"), strict=True):
        write_record(shard, "cams", Networks(), code="c0de", products=[], machine=Machine("cpu", precision))
    (results / "cams.h5").write_text("all of them")
    write_record_of_shards(results / "provenance/cams.json", shards, product=results / "cams.h5")
    told = gather(results)
    cams = told["products"]["cams.h5"]
    assert (cams["stage"], cams["code"], cams["sha256"]) == ("cams", "c0de", hashlib.sha256(b"all of them").hexdigest())
    assert [told["environments"][number]["precision"] for number in cams["environments"]] == ["float32", "bf16"]
    shards[0].unlink()  # what a product holds never depends on a record
    write_record_of_shards(results / "provenance/cams.json", shards, product=results / "cams.h5")
    write_record_of_shards(results / "provenance/none.json", shards[:1], product=results / "cams.h5")
    assert len(gather(results)["products"]["cams.h5"]["environments"]) == 2
    assert not (results / "provenance/none.json").exists()


def test_a_spoilt_record_is_named(results: Path) -> None:
    (results / "provenance/mine.json").write_text("{")
    with pytest.raises(InputError, match=r"mine\.json: not readable"):
        gather(results)
    for wrong in ("[]", "3", '{"environments": 1}', '{"environments": [], "products": 3}'):
        (results / "provenance/mine.json").write_text(wrong)
        with pytest.raises(InputError, match=r"mine\.json: not a record of a job"):
            gather(results)
