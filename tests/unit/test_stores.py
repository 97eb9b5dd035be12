import random
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aepsl import stores
from aepsl.errors import InputError

HOSTILE = [
    "a/b",
    "/",
    "ä %2F",
    "%2F",
    "..",
    ".",
    ".hidden",
    "a\"b'c",
    "a b",
    "$(x);`y`",
    "\\n",
    "\n",
    "café",
    "日本",
    "-x",
]


def noise(shape: tuple[int, int] = (40, 50), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def write(path: Path, ids: list[str], names: list[str] | None = None) -> None:
    with stores.create(path, "cams", {"classes": names or ["cat"], "round": 2, "unit": "evidence, ≥ 0"}) as store:
        for image_id in ids:
            pictures = {name: noise(seed=number) for number, name in enumerate(names or ["cat"])}
            store.add(image_id, pictures, size=(120, 150), scales=dict.fromkeys(pictures, 0.5))


def test_hostile_ids_and_class_names_come_back(tmp_path: Path) -> None:
    write(tmp_path / "c.h5", HOSTILE, HOSTILE)
    with stores.Reader(tmp_path / "c.h5", "cams") as store:
        assert store.ids() == sorted(HOSTILE)
        for image_id in HOSTILE:
            found = store.read(image_id)
            assert set(found) == set(HOSTILE)
            assert all(np.array_equal(found[name], noise(seed=number)) for number, name in enumerate(HOSTILE))
            assert store.size(image_id) == (120, 150)
            assert store.scales(image_id) == dict.fromkeys(HOSTILE, 0.5)
    with h5py.File(tmp_path / "c.h5") as file:
        assert len(file) == len(HOSTILE), "no id makes a group within a group"
        assert all(isinstance(item, h5py.Dataset) for group in file.values() for item in group.values())


@given(st.text(min_size=1), st.text(min_size=1))
def test_escaped_names_are_printable_links_and_never_meet(name: str, other: str) -> None:
    escaped = stores.escape(name)
    assert escaped.isprintable() and "/" not in escaped and not escaped.startswith(".")
    assert (stores.escape(other) == escaped) == (other == name)


def test_plain_names_stay_readable() -> None:
    assert stores.escape("2007_000032") == "2007_000032"
    assert stores.escape("potted plant") == "potted plant"
    assert stores.escape("Käse, 日本") == "Käse, 日本"
    assert stores.escape("a/b\n\u202e.") == "a%2Fb%0A%E2%80%AE."


def test_attributes_come_back_as_they_were_given(tmp_path: Path) -> None:
    write(tmp_path / "c.h5", ["x"], ["cat", "Käse"])
    with stores.Reader(tmp_path / "c.h5", "cams") as store:
        assert store.attributes["unit"] == "evidence, ≥ 0"
        assert store.attributes["round"] == 2
        assert store.attributes["classes"] == ["cat", "Käse"]


def test_datasets_are_hdf5_images_with_fixed_length_text(tmp_path: Path) -> None:
    write(tmp_path / "c.h5", ["x"], ["cat", "Käse"])
    with h5py.File(tmp_path / "c.h5") as file:
        dataset = file["x/cat"]
        expected = {"CLASS": b"IMAGE", "IMAGE_VERSION": b"1.2", "IMAGE_SUBCLASS": b"IMAGE_GRAYSCALE"}
        expected |= {"interpretation": b"image"}
        assert {key: dataset.attrs[key] for key in expected} == expected
        assert dataset.attrs["IMAGE_MINMAXRANGE"].tolist() == [0, 255]
        assert (dataset.compression, dataset.shuffle, dataset.dtype) == ("gzip", True, np.uint8)
        for place in (file, file["x"], dataset):
            for key in place.attrs:
                text = h5py.check_string_dtype(place.attrs.get_id(key).dtype)
                assert text is None or text.length is not None, f"{place.name} {key}"
                value = "" if text is None else str(place.attrs[key])
                assert value.isascii() or text.encoding == "utf-8", f"{place.name} {key}"


def test_an_image_and_the_file_name_the_picture_to_show(tmp_path: Path) -> None:
    """By NeXus: `default` of the root, `signal` and `auxiliary_signals` of NXdata."""
    with stores.create(tmp_path / "c.h5", "cams", {}) as store:
        for image_id, names in {"none": [], "text": ["title"], "z": ["cow/calf", "Käse", "a"], "b": ["cat"]}.items():
            store.add(image_id, dict.fromkeys(names, noise()), size=(40, 50))
    with h5py.File(tmp_path / "c.h5") as file:
        assert file.attrs["default"] == b"z", "the first to have one"
        assert (file["z"].attrs["NX_class"], file["z"].attrs["signal"]) == (b"NXdata", "Käse".encode())
        assert [name.decode() for name in file["z"].attrs["auxiliary_signals"]] == ["a", "cow%2Fcalf"]
        assert file["b"].attrs["signal"] == b"cat" and "auxiliary_signals" not in file["b"].attrs
        assert not any("NX_class" in file[image_id].attrs for image_id in ("none", "text"))


def test_float16_pictures_come_back_as_float32(tmp_path: Path) -> None:
    scores = np.linspace(-4, 9, 12).reshape(3, 4).astype(np.float16)
    with stores.create(tmp_path / "s.h5", "scores", {}) as store:
        store.add("x", {"scores": scores}, size=(3, 4))
    with stores.Reader(tmp_path / "s.h5", "scores") as store:
        found = store.read("x")["scores"]
        assert found.dtype == np.float32 and np.array_equal(found, scores)
        assert store.scales("x") == {"scores": 1.0}
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["x/scores"].attrs["IMAGE_MINMAXRANGE"].tolist() == [-4, 9]


def test_rounded_to_float16_a_picture_is_packed_nearly_as_small(tmp_path: Path) -> None:
    """Even noise, which hardly can be."""
    scores = np.random.default_rng(0).normal(0, 5, (200, 200)).astype(np.float16)
    with stores.create(tmp_path / "s.h5", "scores", {}) as store:
        store.add("x", {"scores": scores}, size=(3, 4))
    with h5py.File(tmp_path / "s.h5") as file, h5py.File(tmp_path / "half.h5", "w") as half:
        packed = half.create_dataset("x", data=scores, chunks=scores.shape, compression="gzip", shuffle=True)
        assert file["x/scores"].id.get_storage_size() < 1.15 * packed.id.get_storage_size()


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.h5", "other.h5"):
        write(tmp_path / name, HOSTILE)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "other.h5").read_bytes()


def test_a_block_that_fails_leaves_nothing_and_keeps_the_old_file(tmp_path: Path) -> None:
    def fail() -> None:
        with stores.create(tmp_path / "c.h5", "cams", {}) as store:
            store.add("x", {"cat": noise()}, size=(40, 50))
            raise ZeroDivisionError

    for before in ([], ["c.h5"]):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert [p.name for p in tmp_path.iterdir()] == before
        write(tmp_path / "c.h5", ["old"])
    with stores.Reader(tmp_path / "c.h5", "cams") as store:
        assert store.ids() == ["old"]


def test_the_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    with stores.create(tmp_path / "c.h5", "cams", {}) as store:
        store.add("x", {"cat": noise()}, size=(40, 50))
        assert not (tmp_path / "c.h5").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["c.h5"]


def read_all(path: Path) -> dict[str, dict[str, np.ndarray]]:
    with stores.Reader(path, "cams") as store:
        assert isinstance(store.attributes, dict)
        for image_id in store.ids():
            store.size(image_id), store.scales(image_id)
        return {image_id: store.read(image_id) for image_id in store.ids()}


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (0.0, "not a readable"), (0.01, "not a readable"), (0.5, "not a readable"), (0.99, "not")],
)
def test_a_missing_empty_or_truncated_file_is_named(tmp_path: Path, content: float | None, said: str) -> None:
    path = tmp_path / "c.h5"
    write(path, ["x", "y"])
    whole = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(whole[: int(content * len(whole))])
    with pytest.raises(InputError, match=said) as caught:
        read_all(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_folder_or_a_text_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.h5").write_text("not HDF5")
    (tmp_path / "folder.h5").mkdir()
    for name, said in (("c", "not a readable HDF5 file .*; remove it and run again"), ("folder", "a folder; give a")):
        with pytest.raises(InputError, match=said):
            stores.Reader(tmp_path / f"{name}.h5", "cams")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "c.h5", ["x"])
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match=r"c\.h5: expected a file of format 'aepsl masks 1'. Got: 'aepsl cams 1'"):
        stores.Reader(tmp_path / "c.h5", "masks")
    with pytest.raises(InputError, match=r"foreign\.h5: expected .* Got: ''"):
        stores.Reader(tmp_path / "foreign.h5", "cams")


def test_an_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path / "c.h5", ["x"])
    with stores.Reader(tmp_path / "c.h5", "cams") as store, pytest.raises(InputError, match=r"c\.h5: no image x/cat"):
        store.read("x/cat")


def test_a_damaged_chunk_is_refused_and_the_other_images_are_read(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    write(path, ["x", "y"])
    with h5py.File(path) as file:
        chunk = file["x/cat"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 0xFF
    path.write_bytes(content)
    with stores.Reader(path, "cams") as store:
        assert np.array_equal(store.read("y")["cat"], noise())
        with pytest.raises(InputError, match=r"c\.h5: image x is damaged .*; remove the file and run again"):
            store.read("x")


def test_no_damage_ends_in_anything_but_an_input_error(tmp_path: Path) -> None:
    """One bit flipped anywhere: the file is read, or named as damaged; never a traceback."""
    write(tmp_path / "c.h5", ["x", "y"])
    whole = (tmp_path / "c.h5").read_bytes()
    draw = random.Random(0)
    path = tmp_path / "damaged.h5"
    refused = []
    for _ in range(250):
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        try:
            read_all(path)
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 30
    assert all(said.startswith(f"{path}: ") for said in refused)


@example(np.full((1, 2), np.finfo(np.float32).tiny))
@given(arrays(np.float32, (3, 5), elements=st.floats(-100, 1e6, width=32)))
def test_to_bytes_keeps_a_map_to_half_a_step(map_: np.ndarray) -> None:
    stored, scale = stores.to_bytes(map_)
    positive = np.maximum(map_, 0).astype(np.float64)
    assert stored.dtype == np.uint8
    assert np.all(np.abs(positive - stored * scale) <= scale / 2 * (1 + 1e-4))
    assert stored.max() == (255 if positive.max() > 0 else 0)


def test_to_bytes_by_hand() -> None:
    stored, scale = stores.to_bytes(np.array([[-3.0, 0.0, 1.0, 2.0, 5.1]]))
    assert scale == pytest.approx(0.02)
    assert stored.tolist() == [[0, 0, 50, 100, 255]]
    assert stores.to_bytes(np.full((2, 2), -1.0))[1] == 0.0


def test_an_opened_file_stays_open_until_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"

    def write(value: int) -> None:
        with stores.create(path, "masks", {}) as store:
            store.add("x", {"cat": np.full((2, 3), value, np.uint8)}, size=(2, 3))

    with pytest.raises(InputError, match=r"m\.h5: no such file"):
        stores.opened(path, "masks")
    write(1)
    first = stores.opened(path, "masks")
    assert first.read("x")["cat"].max() == 1
    assert stores.opened(path, "masks") is first
    write(2)
    assert stores.opened(path, "masks").read("x")["cat"].max() == 2
    assert first.read("x")["cat"].max() == 1
    with pytest.raises(InputError, match="expected a file of format"):
        stores.opened(path, "cams")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"names": ["cat"]}, "x has the names ['cat', 'dog'], expected ['cat']"),
        ({"names": ["cat", "cow", "dog"]}, "x has the names ['cat', 'dog'], expected ['cat', 'cow', 'dog']"),
        ({"size": (50, 40)}, "x has (120, 150) pixels, expected (50, 40)"),
    ],
)
def test_pictures_of_other_classes_or_photographs_are_refused(tmp_path: Path, wanted: Any, said: str) -> None:
    write(tmp_path / "c.h5", ["x"], ["cat", "dog"])
    with stores.Reader(tmp_path / "c.h5", "cams") as store:
        assert set(store.read("x", names=["dog", "cat"], size=(120, 150))) == {"cat", "dog"}
        with pytest.raises(InputError) as caught:
            store.read("x", **wanted)
    assert said in str(caught.value)
