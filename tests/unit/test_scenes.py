import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from aepsl.data.palette import load_label_map
from aepsl.data.scenes.anatomy import PARTS, pieces_of
from aepsl.data.scenes.names import CLASSES
from aepsl.data.scenes.scene import Scene, draw_scene
from aepsl.data.scenes.sprite import draw
from aepsl.data.scenes.writer import split_scenes, write_scenes

SIZE = 128


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [scene for _, scene in split_scenes("train", count=240, size=SIZE, seed=0)]


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_classes_are_vocs_names_in_alphabetical_order() -> None:
    assert CLASSES == ("bird", "boat", "car", "cat", "cow", "train")
    assert PARTS == ("none", "head", "body", "limb")


def test_equal_generators_draw_equal_scenes_and_others_do_not() -> None:
    first, second, other = (draw_scene(size=SIZE, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    for name in ("photograph", "mask", "parts", "labels"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert first.photograph.shape != other.photograph.shape or np.any(first.photograph != other.photograph)


def test_frames_have_the_long_side_asked_for_in_all_three_formats(scenes: list[Scene]) -> None:
    shapes = np.array([scene.mask.shape for scene in scenes])
    assert np.all(shapes.max(axis=1) == SIZE) and np.all(shapes.min(axis=1) >= 0.75 * SIZE)
    formats = np.sign(shapes[:, 0] - shapes[:, 1])
    assert all(np.mean(formats == format) > 0.2 for format in (-1, 0, 1))
    assert all(s.photograph.shape == (*s.mask.shape, 3) and s.parts.shape == s.mask.shape for s in scenes)


def test_labels_are_exactly_the_classes_in_the_mask(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert set(np.unique(scene.mask)) - {0, 255} == {CLASSES.index(label) + 1 for label in scene.labels}
        assert scene.labels == tuple(sorted(scene.labels))


def test_parts_lie_on_objects_and_void_on_void(scenes: list[Scene]) -> None:
    for scene in scenes:
        thing = (scene.mask > 0) & (scene.mask < 255)
        assert np.array_equal(thing, (scene.parts >= 1) & (scene.parts <= 3))
        assert np.array_equal(scene.mask == 255, scene.parts == 255)


def test_a_thin_contour_parts_every_object_from_all_else(scenes: list[Scene]) -> None:
    for scene in scenes:
        below = np.stack([scene.mask[:-1].ravel(), scene.mask[1:].ravel()])
        beside = np.stack([scene.mask[:, :-1].ravel(), scene.mask[:, 1:].ravel()])
        for one, other in (below, beside):
            touching = (one != other) & (one != 255) & (other != 255)
            assert not touching.any()
        thickness = ndimage.distance_transform_edt(np.pad(scene.mask, 1) == 255)
        assert thickness.max() < 3


def test_at_least_half_of_every_object_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    whole: list[tuple[str, int]] = []

    def noting(name: str, **settings: object) -> list:
        names.append(name)
        return pieces_of(name, **settings)

    def measuring(pieces: list, **settings: object) -> object:
        sprite = draw(pieces, **settings)
        whole.append((names[-1], np.count_nonzero(sprite.parts)))
        return sprite

    names: list[str] = []
    monkeypatch.setattr("aepsl.data.scenes.scene.pieces_of", noting)
    monkeypatch.setattr("aepsl.data.scenes.scene.draw", measuring)
    for seed in range(40):
        scene = draw_scene(size=SIZE, rng=np.random.default_rng(seed))
        for name, drawn in whole[-len(scene.labels) :]:
            thing = scene.mask == CLASSES.index(name) + 1
            contour = ndimage.binary_dilation(thing, np.ones((3, 3))) & (scene.mask == 255)
            # Drawn at twice the size, four pixels for one; the contour lies partly on the object.
            assert np.count_nonzero(thing | contour) >= 0.5 * drawn / 4
        assert {name for name, _ in whole[-len(scene.labels) :]} == set(scene.labels)


@pytest.mark.parametrize("name", CLASSES)
def test_whole_objects_keep_the_documented_part_shares(name: str) -> None:
    shares = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        pieces = pieces_of(name, ground=np.full(3, 120, np.float32), rng=rng)
        sprite = draw(pieces, scale=160, stretch=1.0, angle=rng.uniform(-0.2, 0.2), flip=bool(seed % 2))
        shares.append(np.bincount(sprite.parts.ravel(), minlength=4)[1:4] / sprite.area)
    head, body, limb = np.mean(shares, axis=0)
    assert 0.08 <= head <= 0.15
    assert 0.50 <= body <= 0.65
    assert 0.24 <= limb <= 0.36
    assert np.ptp(shares, axis=0).max() < 0.12


def test_classes_and_their_numbers_come_as_often_as_documented(scenes: list[Scene]) -> None:
    counts = np.bincount([len(scene.labels) for scene in scenes], minlength=4)[1:] / len(scenes)
    assert np.abs(counts - (0.6, 0.3, 0.1)).max() < 0.08
    for name in CLASSES:
        assert 0.16 < np.mean([name in scene.labels for scene in scenes]) < 0.34


def test_objects_are_large_and_some_heads_are_out_of_sight(scenes: list[Scene]) -> None:
    areas, heads = [], []
    for scene in scenes:
        for label in scene.labels:
            thing = scene.mask == CLASSES.index(label) + 1
            areas.append(thing.mean())
            heads.append(np.mean(scene.parts[thing] == 1))
    assert min(areas) > 0.05 and max(areas) < 0.65
    assert 0.15 < np.median(areas) < 0.25
    assert 0.08 < np.mean(np.array(heads) < 0.04) < 0.20


def test_objects_stand_out_from_the_ground_on_average_but_not_always(scenes: list[Scene]) -> None:
    contrast = []
    for scene in scenes:
        thing = (scene.mask > 0) & (scene.mask < 255)
        means = [scene.photograph[pixels].mean(axis=0) for pixels in (thing, scene.mask == 0)]
        contrast.append(np.abs(means[0] - means[1]).mean())
    assert 20 < np.mean(contrast) < 70
    assert np.mean(np.array(contrast) < 15) > 0.05


def test_written_folder_has_vocs_layout_and_says_what_was_drawn(tmp_path: Path) -> None:
    for split, first, count in (("train", "scene_000001", 4), ("val", "scene_100001", 3)):
        root = tmp_path / split
        write_scenes(root, split, count=count, size=96, seed=1)
        rows = list(csv.DictReader((root / "labels.csv").open(newline="")))
        ids = (root / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split()
        assert len(ids) == count and ids[0] == first
        for image, (name, scene) in zip(ids, split_scenes(split, count=count, size=96, seed=1), strict=True):
            assert image == name
            assert np.array_equal(load_label_map(root / "SegmentationClass" / f"{image}.png"), scene.mask)
            assert np.array_equal(load_label_map(root / "SegmentationParts" / f"{image}.png"), scene.parts)
            with Image.open(root / "JPEGImages" / f"{image}.jpg") as photograph:
                error = np.asarray(photograph, float) - scene.photograph
            assert np.abs(error).mean() < 4
            assert tuple(row["label"] for row in rows if row["image"] == image) == scene.labels
            assert {row["split"] for row in rows if row["image"] == image} == {split}


def test_equal_arguments_write_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_scenes(tmp_path / name, "val", count=3, size=64, seed=5)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_more_scenes_leave_the_earlier_ones_as_they_were(tmp_path: Path) -> None:
    write_scenes(tmp_path / "few", "train", count=2, size=64, seed=5)
    write_scenes(tmp_path / "more", "train", count=5, size=64, seed=5)
    few, more = digests(tmp_path / "few"), digests(tmp_path / "more")
    images = [name for name in few if name.endswith((".jpg", ".png"))]
    assert len(images) == 3 * 2
    assert all(few[name] == more[name] for name in images)


def test_another_drawing_is_another_table_though_its_labels_are_the_same(tmp_path: Path) -> None:
    tables = []
    for size in (64, 80):
        write_scenes(tmp_path / str(size), "val", count=2, size=size, seed=5)
        tables.append(list(csv.reader((tmp_path / str(size) / "labels.csv").open(newline=""))))
    first, second = tables
    assert [row[:3] for row in first] == [row[:3] for row in second]
    assert {row[3] for row in first[1:]}.isdisjoint(row[3] for row in second[1:])


def test_splits_and_seeds_draw_different_scenes(tmp_path: Path) -> None:
    drawn = {
        (split, seed): next(split_scenes(split, count=1, size=64, seed=seed))[1].photograph.tobytes()
        for split in ("train", "val") for seed in (0, 1)
    }  # fmt: skip
    assert len(set(drawn.values())) == 4


def test_too_small_or_too_many_scenes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 64 pixels"):
        draw_scene(size=32, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="99999"):
        write_scenes(tmp_path, "train", count=100_000, size=64, seed=0)


def test_the_drawing_is_frozen(scenes: list[Scene]) -> None:
    """Numbers measured on the scenes hold as long as this does: a change of the drawing is a new benchmark."""
    first = scenes[:60]
    assert [scene.labels for scene in first[:4]] == [("car",), ("car", "cat"), ("car",), ("car", "train")]
    labels = np.concatenate([scene.mask.ravel() for scene in first])
    pixels = np.bincount(labels[labels < 255], minlength=7)
    frozen = [565485, 53658, 37589, 58200, 54670, 60390, 46916]
    np.testing.assert_allclose(pixels, frozen, rtol=0.003)
    colour = np.concatenate([scene.photograph.reshape(-1, 3) for scene in first]).mean(0)
    np.testing.assert_allclose(colour, [121.81, 117.12, 104.2], atol=0.3)
