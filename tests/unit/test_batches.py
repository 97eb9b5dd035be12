"""Batches: the same for every number of workers and every start, and broken files named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aepsl.data.batches import Batch, Batches
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.errors import InputError
from aepsl.settings.sections import Training

CLASSES = ("cat", "dog", "a, b")
MEAN_PIXEL = (100.0, 110.0, 120.0)
IMAGES = 7
BATCH = 3


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rng = np.random.default_rng(0)
    entries = []
    for n in range(IMAGES):
        picture = rng.integers(256, size=(30 + 3 * n, 40, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{n}.png")
        save_label_map(tmp_path / f"{n}.labels.png", rng.integers(4, size=picture.shape[:2], dtype=np.uint8))
        labels = tuple(name for c, name in enumerate(CLASSES) if (n + 1) >> c & 1)
        entries.append(Entry(id=f"image {n}", path=f"{n}.png", labels=labels, sha256=""))
    return Manifest(classes=CLASSES, mean_pixel=MEAN_PIXEL, root=".", entries=tuple(entries), folder=tmp_path)


def label_maps(manifest: Manifest) -> dict[str, Path]:
    return {entry.id: manifest.folder / f"{Path(entry.path).stem}.labels.png" for entry in manifest.entries}


def batches(
    manifest: Manifest, *, workers: int = 1, maps: bool = True, seed: int = 5, purpose: str = "test", batch: int = BATCH
) -> Batches:
    return Batches(
        manifest,
        recipe=Training(crop=33, batch=batch, scale=[0.8, 1.5], brightness=0.2),
        mean_pixel=MEAN_PIXEL,
        seed=seed,
        purpose=purpose,
        workers=workers,
        label_maps=label_maps(manifest) if maps else None,
    )


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        a.ids == b.ids
        and torch.equal(a.images, b.images)
        and torch.equal(a.labels, b.labels)
        and a.label_maps is not None
        and b.label_maps is not None
        and torch.equal(a.label_maps, b.label_maps)
        for a, b in zip(one, other, strict=True)
    )


def test_a_batch_has_the_shapes_types_and_labels_of_its_images(manifest: Manifest) -> None:
    found = batches(manifest)
    assert found.steps == 3
    listed = list(found.epochs(1, 1))
    assert [len(batch.ids) for batch in listed] == [3, 3, 1]
    for batch in listed:
        size = len(batch.ids)
        assert (batch.images.shape, batch.images.dtype) == ((size, 3, 33, 33), torch.uint8)
        assert (batch.labels.shape, batch.labels.dtype) == ((size, 3), torch.float32)
        assert batch.label_maps is not None
        assert (batch.label_maps.shape, batch.label_maps.dtype) == ((size, 33, 33), torch.uint8)
        for image_id, labels in zip(batch.ids, batch.labels, strict=True):
            n = int(image_id.removeprefix("image "))
            assert labels.tolist() == [float((n + 1) >> c & 1) for c in range(3)]


def test_channels_come_before_height_and_width(tmp_path: Path) -> None:
    picture = np.zeros((33, 33, 3), np.uint8)
    picture[:, :, 0] = np.arange(33)[:, None]
    picture[:, :, 2] = np.arange(33)[None] + 100
    Image.fromarray(picture).save(tmp_path / "a.png")
    entry = Entry(id="a", path="a.png", labels=("cat",), sha256="")
    one = Manifest(classes=CLASSES, mean_pixel=MEAN_PIXEL, root=".", entries=(entry,), folder=tmp_path)
    recipe = Training(crop=33, flip=False)
    stream = Batches(one, recipe=recipe, mean_pixel=MEAN_PIXEL, seed=0, purpose="test", workers=1).epochs(1, 1)
    np.testing.assert_array_equal(next(stream).images[0], picture.transpose(2, 0, 1))


def test_batches_are_the_same_whatever_the_number_of_workers(manifest: Manifest) -> None:
    here = list(batches(manifest, workers=1).epochs(1, 2))
    for workers in (2, 5):
        assert same(here, list(batches(manifest, workers=workers).epochs(1, 2)))


def test_each_epoch_has_each_image_once_in_another_order_and_view(manifest: Manifest) -> None:
    listed = list(batches(manifest).epochs(1, 4))
    assert len(listed) == 4 * 3
    orders, views = [], []
    for start in range(0, 12, 3):
        epoch = listed[start : start + 3]
        ids = [image_id for batch in epoch for image_id in batch.ids]
        assert sorted(ids) == [entry.id for entry in manifest.entries]
        orders.append(tuple(ids))
        views.append(torch.cat([batch.images for batch in epoch])[ids.index("image 4")])
    assert len(set(orders)) == 4
    assert not any(torch.equal(views[0], view) for view in views[1:])


def test_later_epochs_do_not_depend_on_earlier_ones_being_made(manifest: Manifest) -> None:
    whole = list(batches(manifest).epochs(1, 4))
    assert same(list(batches(manifest).epochs(3, 4)), whole[6:])
    assert list(batches(manifest).epochs(5, 4)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_making_batches_draws_nothing_from_torchs_own_generator(manifest: Manifest, workers: int) -> None:
    """Dropout draws from it: a restarted job makes its batches anew, an undisturbed one does not."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert len(list(batches(manifest, workers=workers).epochs(1, 1))) == 3
    assert torch.equal(torch.get_rng_state(), before)


def test_seed_and_purpose_give_other_batches(manifest: Manifest) -> None:
    first = list(batches(manifest).epochs(1, 1))
    assert same(first, list(batches(manifest).epochs(1, 1)))
    for other in (batches(manifest, seed=6), batches(manifest, purpose="other")):
        assert not same(first, list(other.epochs(1, 1)))


def test_an_images_view_depends_neither_on_the_batch_size_nor_on_the_label_maps(manifest: Manifest) -> None:
    def views(found: Batches) -> dict[str, torch.Tensor]:
        return {i: image for batch in found.epochs(2, 2) for i, image in zip(batch.ids, batch.images, strict=True)}

    expected = views(batches(manifest))
    for other in (batches(manifest, batch=5), batches(manifest, maps=False)):
        assert all(torch.equal(image, expected[image_id]) for image_id, image in views(other).items())
    assert next(batches(manifest, maps=False).epochs(1, 1)).label_maps is None


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("content", [b"no picture", b"", None], ids=["text", "empty", "missing"])
def test_a_broken_photograph_is_named_by_one_line(manifest: Manifest, workers: int, content: bytes | None) -> None:
    path = manifest.folder / "4.png"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(batches(manifest, workers=workers).epochs(1, 1))
    message = str(caught.value)
    assert type(caught.value) is InputError
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "Traceback" not in message


@pytest.mark.parametrize("workers", [1, 2])
def test_a_truncated_photograph_is_named(manifest: Manifest, workers: int) -> None:
    path = manifest.folder / "2.png"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"2\.png: not a readable photograph"):
        list(batches(manifest, workers=workers).epochs(1, 1))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_label_map_of_another_size_is_named_with_both_sizes(manifest: Manifest, workers: int) -> None:
    path = label_maps(manifest)["image 3"]
    save_label_map(path, np.zeros((40, 39), np.uint8))
    with pytest.raises(InputError) as caught:
        list(batches(manifest, workers=workers).epochs(1, 1))
    assert str(path) in str(caught.value)
    assert "(40, 39)" in str(caught.value)
    assert "(39, 40)" in str(caught.value)


def test_a_label_map_with_a_label_that_no_class_has_is_named(manifest: Manifest) -> None:
    path = label_maps(manifest)["image 3"]
    save_label_map(path, np.full((39, 40), len(CLASSES) + 1, np.uint8))
    with pytest.raises(InputError, match=rf"3\.labels\.png: label {len(CLASSES) + 1}, but the last class has"):
        list(batches(manifest).epochs(1, 1))


def test_a_missing_label_map_is_named(manifest: Manifest) -> None:
    path = label_maps(manifest)["image 0"]
    path.unlink()
    with pytest.raises(InputError, match=r"0\.labels\.png: no such label map"):
        list(batches(manifest).epochs(1, 1))
