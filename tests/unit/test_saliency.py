import hashlib
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aepsl.errors import InputError
from aepsl.saliency.external import external_map, read
from aepsl.saliency.maps import min_max, resized
from aepsl.saliency.rbd import Regions, boundary_connectivity, optimised, rbd, superpixels, two_steps, weighted_contrast


def textured(height: int, width: int, *, colour=(70, 110, 60), strength: float = 12.0) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, strength, (height, width, 1))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


def with_square(height: int, width: int, *, rows: slice, columns: slice, colour=(230, 60, 40)) -> np.ndarray:
    photograph = textured(height, width)
    photograph[rows, columns] = colour
    return photograph


def regions(*, colour: np.ndarray, neighbours: np.ndarray, border: np.ndarray) -> Regions:
    count = len(border)
    return Regions(np.arange(count)[None], colour, np.zeros((count, count)), neighbours, border)


def grid_of_nine(centre: float) -> Regions:
    """Nine regions in a 3x3 grid, the middle one `centre` Lab units away from the others."""
    places = np.stack(np.divmod(np.arange(9), 3), axis=1)
    neighbours = np.abs(places[:, None] - places).max(axis=2) == 1
    is_centre = np.arange(9) == 4
    colour = centre * (is_centre[:, None] ^ is_centre).astype(float)
    return regions(colour=colour, neighbours=neighbours, border=~is_centre)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (120, 200), (300, 220)])
def test_rbd_finds_a_square_and_not_the_ground_around_it(height, width):
    rows, columns = slice(height // 3, height * 2 // 3), slice(width // 3, width // 2)
    saliency = rbd(with_square(height, width, rows=rows, columns=columns))
    inside = np.zeros((height, width), bool)
    inside[rows, columns] = True
    assert saliency[inside].mean() > 0.9
    assert saliency[~inside].mean() < 0.1
    assert max(saliency[0].max(), saliency[-1].max(), saliency[:, 0].max(), saliency[:, -1].max()) < 0.1


def test_rbd_takes_a_strip_along_the_border_for_background_though_its_colour_is_rare():
    photograph = with_square(128, 160, rows=slice(40, 80), columns=slice(60, 100))
    photograph[112:] = (240, 230, 60)
    saliency = rbd(photograph)
    assert saliency[114:].max() < 0.001 and saliency[42:78, 62:98].mean() > 0.8


def test_rbd_keeps_an_object_that_touches_the_border_with_a_narrow_foot():
    photograph = with_square(160, 160, rows=slice(40, 110), columns=slice(50, 110))
    photograph[110:, 74:86] = (230, 60, 40)
    assert rbd(photograph)[45:105, 55:105].mean() > 0.6


@pytest.mark.parametrize(
    "change", [np.fliplr, np.flipud, lambda a: np.swapaxes(a, 0, 1)], ids=["mirror", "upside down", "transpose"]
)
def test_rbd_follows_the_photograph_when_it_is_turned(change):
    photograph = with_square(120, 170, rows=slice(20, 60), columns=slice(30, 70))
    photograph[70:100, 100:150] = (60, 60, 220)
    assert np.abs(change(rbd(photograph)) - rbd(np.ascontiguousarray(change(photograph)))).mean() < 0.05


@pytest.mark.parametrize("value", [0, 77, 255])
@pytest.mark.parametrize("size", [(1, 1), (5, 300), (90, 130)])
def test_rbd_of_a_constant_photograph_is_zero(value, size):
    saliency = rbd(np.full((*size, 3), value, np.uint8))
    assert saliency.shape == size and saliency.dtype == np.float32 and not saliency.any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (2, 2), (3, 7), (1, 300), (5, 300), (300, 5), (16, 16), (128, 128), (2, 3000), (97, 401)]
)
@pytest.mark.parametrize("kind", ["noise", "almost constant", "two halves"])
def test_rbd_takes_any_size_and_fills_the_unit_range(size, kind):
    random = np.random.default_rng(1)
    left = np.indices(size)[1] < size[1] / 2
    photograph = {
        "noise": random.integers(0, 256, (*size, 3)),
        "almost constant": random.integers(100, 102, (*size, 3)),
        "two halves": np.where(left[..., None], [10, 200, 30], [90, 20, 70]),
    }[kind].astype(np.uint8)
    saliency = rbd(photograph)
    assert saliency.shape == size and saliency.dtype == np.float32
    assert saliency.min() == 0 and saliency.max() in (0, 1)


def test_rbd_of_a_large_photograph_is_near_that_of_a_small_one():
    small = with_square(150, 200, rows=slice(40, 100), columns=slice(60, 110))
    large = np.asarray(Image.fromarray(small).resize((1200, 900), Image.Resampling.BICUBIC))
    saliency = rbd(large)
    assert saliency.shape == (900, 1200)
    assert np.abs(resized(saliency, size=(150, 200)) - rbd(small)).mean() < 0.05


@pytest.mark.parametrize(
    "photograph",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_rbd_refuses_what_is_no_rgb_photograph(photograph):
    with pytest.raises(ValueError, match="uint8"):
        rbd(photograph)


def test_rbd_gives_the_same_bytes_on_one_thread_and_on_several():
    program = (
        "import sys, numpy as np; from aepsl.saliency.rbd import rbd;"
        "a = np.random.default_rng(3).integers(0, 256, (12, 16, 3)).astype(np.uint8).repeat(25, 0).repeat(25, 1);"
        "sys.stdout.buffer.write(rbd(a).tobytes())"
    )
    digests = set()
    for threads in ("1", "2"):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        result = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        assert len(result.stdout) == 300 * 400 * 4
        digests.add(hashlib.sha256(result.stdout).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("strength", [12.0, 90.0], ids=["texture", "noise"])
def test_small_photographs_have_dozens_of_superpixels_and_an_inside(strength):
    found = superpixels(textured(128, 128, strength=strength))
    count = len(found.border)
    assert 75 <= count <= 300
    assert np.array_equal(np.unique(found.labels), np.arange(count))
    assert 0.2 < found.border.mean() < 0.6


def test_superpixels_know_their_neighbours_border_and_distances():
    photograph = np.zeros((60, 90, 3), np.uint8)
    photograph[:, 45:] = 255
    found = superpixels(photograph)
    left, right = found.labels[30, 10], found.labels[30, 80]
    assert found.colour[left, right] == pytest.approx(100, abs=0.1)  # black and white in Lab
    assert found.distance[left, right] == pytest.approx(70 / 90, abs=0.12)
    assert found.border[found.labels[0]].all() and not found.border[found.labels[30, 45]]
    assert np.array_equal(found.neighbours, found.neighbours.T) and not found.neighbours.diagonal().any()
    for row in found.labels:
        assert found.neighbours[row[:-1], row[1:]][row[:-1] != row[1:]].all()


def test_two_steps_reach_neighbours_and_theirs():
    path = np.eye(5, k=1, dtype=bool) | np.eye(5, k=-1, dtype=bool)
    expected = [[abs(i - j) in (1, 2) for j in range(5)] for i in range(5)]
    assert two_steps(path).tolist() == expected


def test_boundary_connectivity_of_nine_equal_regions_is_eight_over_three():
    assert boundary_connectivity(grid_of_nine(centre=0)) == pytest.approx(np.full(9, 8 / 3))


def test_boundary_connectivity_of_a_region_far_in_colour_is_zero_and_leaves_the_others_alone():
    expected = np.full(9, np.sqrt(8))
    expected[4] = 0
    assert boundary_connectivity(grid_of_nine(centre=100)) == pytest.approx(expected)


def test_boundary_connectivity_weights_a_small_colour_step_softly():
    step = 9.0 * 8 / 9  # the mean least distance within two steps, 9/9, is free
    weight = np.exp(-(step**2) / (2 * 7**2))
    assert boundary_connectivity(grid_of_nine(centre=9))[4] == pytest.approx(8 * weight / np.sqrt(1 + 8 * weight))


def test_weighted_contrast_counts_near_background_most():
    colour, distance = np.array([[0, 20.0, 30], [20, 0, 10], [30, 10, 0]]), np.array([[0, 0.4, 0.8]] * 3)
    found = weighted_contrast(
        regions(colour=colour, neighbours=colour > 0, border=colour[0] > 0), np.array([0, 1, 0.5])
    )
    assert found[0] == pytest.approx(20 + 15)
    placed = regions(colour=colour, neighbours=colour > 0, border=colour[0] > 0)._replace(distance=distance)
    expected = 20 * np.exp(-0.5) + 15 * np.exp(-2)
    assert weighted_contrast(placed, np.array([0, 1, 0.5]))[0] == pytest.approx(expected)


def test_optimised_saliency_is_the_least_of_its_cost():
    random = np.random.default_rng(5)
    count = 12
    places = random.uniform(0, 30, (count, 3))
    colour = np.linalg.norm(places[:, None] - places, axis=2)
    ring = np.eye(count, k=1, dtype=bool) | np.eye(count, k=count - 1, dtype=bool)
    neighbours = ring | ring.T
    border = np.arange(count) < 4
    background, foreground = random.uniform(0, 1, count), random.uniform(0, 1, count)

    def cost(saliency):
        total = (5 * background * saliency**2 + foreground * (saliency - 1) ** 2).sum()
        for i in range(count):
            for j in range(i):
                steps = min(i - j, count - i + j)
                linked = steps <= 2 or (border[i] and border[j])
                weight = linked * np.exp(-(colour[i, j] ** 2) / 200) + 0.1 * (steps == 1)
                total += weight * (saliency[i] - saliency[j]) ** 2
        return total

    found = optimised(regions(colour=colour, neighbours=neighbours, border=border), background, foreground)
    slope = [(cost(found + step) - cost(found - step)) / 2e-3 for step in np.eye(count) * 1e-3]
    assert np.abs(slope).max() < 1e-8
    assert cost(found) < cost(np.zeros(count)) and 0 < found.min() < found.max() < 1


def test_min_max_fills_the_unit_range_and_turns_a_constant_to_zero():
    assert min_max(np.array([2.0, 3, 6])).tolist() == [0, 0.25, 1]
    assert min_max(np.full((2, 3), 0.7)).tolist() == [[0] * 3] * 2


def save(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values).save(path)
    return path


RAMP = np.array([[0, 51, 102], [153, 204, 204]], np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".tif"])
@pytest.mark.parametrize("kind", ["grey", "equal channels"])
def test_external_map_reads_eight_bits(tmp_path, suffix, kind):
    absolute = read(save(tmp_path / f"cat.1{suffix}", RAMP if kind == "grey" else np.stack([RAMP] * 3, axis=-1)))
    assert absolute.dtype == np.float32
    assert absolute == pytest.approx(np.array([[0, 0.2, 0.4], [0.6, 0.8, 0.8]]))
    assert external_map(tmp_path, "cat.1", (2, 3)) == pytest.approx(absolute / 0.8)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_external_map_reads_sixteen_bits(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", np.array([[0, 1, 13107], [65535, 300, 2]], np.uint16))
    expected = np.array([[0, 1 / 65535, 0.2], [1, 300 / 65535, 2 / 65535]])
    assert read(path) == pytest.approx(expected, abs=1e-7)
    assert external_map(tmp_path, "a", (2, 3)) == pytest.approx(expected, abs=1e-7), "from 0 to 1 already"


def test_external_map_reads_grey_palettes_and_two_levels(tmp_path):
    Image.fromarray(RAMP).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(RAMP > 100).save(tmp_path / "levels.png")
    assert external_map(tmp_path, "palette", (2, 3)) * 204 == pytest.approx(RAMP)
    assert external_map(tmp_path, "levels", (2, 3)).tolist() == [[0, 0, 1], [1, 1, 1]]


def test_external_map_reads_jpeg(tmp_path):
    save(tmp_path / "a.jpg", np.arange(0, 256, 4, dtype=np.uint8)[:, None].repeat(48, axis=1))
    expected = np.linspace(0, 1, 64)[:, None].repeat(48, axis=1)
    assert external_map(tmp_path, "a", (64, 48)) == pytest.approx(expected, abs=0.03)


def test_external_map_of_a_constant_is_zero(tmp_path):
    save(tmp_path / "a.png", np.full((4, 5), 204, np.uint8))
    assert not external_map(tmp_path, "a", (4, 5)).any()


@pytest.mark.parametrize("saved", [(94, 125), (93, 125), (750, 1000)], ids=["rounded up", "rounded down", "larger"])
def test_external_map_of_another_scale_is_resized_to_height_by_width(tmp_path, saved):
    ramp = np.linspace(0, 255, saved[1]).round().astype(np.uint8)[None].repeat(saved[0], axis=0)
    save(tmp_path / "a.png", ramp)
    found = external_map(tmp_path, "a", (375, 500))
    assert found.shape == (375, 500) and found.min() == 0 and found.max() == 1
    assert found == pytest.approx(np.linspace(0, 1, 500)[None].repeat(375, axis=0), abs=0.01)


@pytest.mark.parametrize("saved", [(500, 375), (256, 256), (373, 500), (375, 496)])
def test_external_map_of_other_proportions_is_refused_with_both_sizes(tmp_path, saved):
    path = save(tmp_path / "a.png", np.zeros(saved, np.uint8))
    with pytest.raises(InputError, match=f"{saved[1]}x{saved[0]}.*500x375") as caught:
        external_map(tmp_path, "a", (375, 500))
    assert str(path) in str(caught.value)


def refused(folder: Path, image_id: str, *, naming: Path, matching: str) -> None:
    with pytest.raises(InputError, match=matching) as caught:
        external_map(folder, image_id, (48, 64))
    assert str(naming) in str(caught.value) and "\n" not in str(caught.value)


def test_external_map_missing_names_the_file_expected(tmp_path):
    refused(tmp_path, "dog", naming=tmp_path / "dog.png", matching="no saliency map")
    refused(tmp_path / "nowhere", "dog", naming=tmp_path / "nowhere", matching="no such folder")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
@pytest.mark.parametrize("left", [0.0, 0.05, 0.5])
def test_external_map_truncated_or_empty_is_refused(tmp_path, suffix, left):
    path = save(tmp_path / f"a{suffix}", np.random.default_rng(2).integers(0, 256, (48, 64)).astype(np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * left)])
    refused(tmp_path, "a", naming=path, matching="cannot be read")


@pytest.mark.parametrize(("channels", "matching"), [(3, "coloured"), (4, "RGBA"), (2, "LA")])
def test_external_map_in_colour_or_with_transparency_is_refused(tmp_path, channels, matching):
    values = np.random.default_rng(2).integers(0, 256, (48, 64, channels)).astype(np.uint8)
    refused(tmp_path, "a", naming=save(tmp_path / "a.png", values), matching=matching)


def test_external_map_is_found_under_a_name_of_decomposed_accents(tmp_path):
    values = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
    save(tmp_path / f"{unicodedata.normalize('NFD', 'Grüße')}.PNG", values)
    assert external_map(tmp_path, "Grüße", (48, 64)).shape == (48, 64)


def test_two_external_maps_of_one_photograph_are_refused(tmp_path):
    for name in ("a.png", "a.jpg"):
        save(tmp_path / name, np.zeros((48, 64), np.uint8))
    refused(tmp_path, "a", naming=tmp_path, matching=r"a\.jpg, a\.png")


@pytest.mark.parametrize("image_id", ["../a", "sub/a", "..", ".", "", "..\\a", "/a", "a\0"])
def test_an_id_never_leaves_the_folder(tmp_path, image_id):
    folder = tmp_path / "maps"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path, folder, folder / "sub"):
        save(place / "a.png", np.zeros((48, 64), np.uint8))
    refused(folder, image_id, naming=folder, matching="plain file name")
    refused(folder, str(tmp_path / "a"), naming=folder, matching="plain file name")
