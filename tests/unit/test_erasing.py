import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from aepsl.erasing import (
    AreaCalibration,
    Threshold,
    erase,
    mine,
    noise_map,
    normalised,
    rounds_before_jump,
    union,
)
from aepsl.upsampling import upsample

READINGS: list[Threshold] = ["fraction_of_max", "top_pixels", "top_values"]
maps = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(-2, 2, width=16))
shares = st.floats(0, 1)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize(
    ("cells", "size"),
    [((5, 7), (33, 49)), ((7, 5), (100, 31)), ((1, 4), (6, 9)), ((4, 1), (3, 3)), ((9, 9), (4, 5)), ((3, 3), (1, 1))],
)
def test_upsample_equals_torch_with_aligned_corners(cells: tuple[int, int], size: tuple[int, int]) -> None:
    cam = rng().normal(size=cells).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(cam)[None, None], size, mode="bilinear", align_corners=True
    )[0, 0]
    found = upsample(cam, size=size)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-6)


def test_cell_j_lies_on_pixel_stride_times_j() -> None:
    cam = rng().normal(size=(6, 4))
    np.testing.assert_array_equal(upsample(cam, size=(8 * 5 + 1, 8 * 3 + 1))[::8, ::8], cam.astype(np.float32))


@given(maps, st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_upsampled_map_stays_within_the_values_of_the_map(cam: np.ndarray, height: int, width: int) -> None:
    found = upsample(cam, size=(height, width))
    assert found.shape == (height, width)
    assert found.min() >= cam.min() - 1e-6 and found.max() <= cam.max() + 1e-6


def test_upsample_refuses_what_is_no_map() -> None:
    for shape in [(2, 3, 4), (3,), (0, 3)]:
        with pytest.raises(ValueError, match="a map is"):
            upsample(np.zeros(shape), size=(4, 4))


def test_each_reading_mines_what_it_says() -> None:
    cam = np.array([[-9.0, 0, 1, 2, 3], [4, 5, 6, 8, 10]])
    mined = {reading: mine(cam, reading=reading, threshold=0.2) for reading in READINGS}
    assert set(cam[mined["fraction_of_max"]]) == {3, 4, 5, 6, 8, 10}, "2 is 0.2 of the maximum, not above it"
    assert set(cam[mined["top_values"]]) == {10}, "8 is 0.8 of the maximum, not above it"
    assert set(cam[mined["top_pixels"]]) == {8, 10}, "two of ten pixels"


def test_pixels_equal_to_the_first_left_out_are_left_out() -> None:
    cam = np.array([[5.0, 3, 3, 3, 1]])
    assert mine(cam, reading="top_pixels", threshold=0.4).tolist() == [[True, False, False, False, False]]
    assert mine(cam, reading="top_pixels", threshold=0.8).tolist() == [[True, True, True, True, False]]


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_map_without_positive_value_mines_nothing(reading: Threshold, value: float) -> None:
    for threshold in (0.0, 0.5, 1.0):
        assert not mine(np.full((3, 4), value), reading=reading, threshold=threshold).any()


@pytest.mark.parametrize("reading", READINGS)
@given(cam=maps, threshold=shares)
@settings(max_examples=50, deadline=None)
def test_mined_pixels_are_positive_and_no_lower_than_the_others(
    reading: Threshold, cam: np.ndarray, threshold: float
) -> None:
    mined = mine(cam, reading=reading, threshold=threshold)
    assert mined.dtype == bool and mined.shape == cam.shape
    assert (cam[mined] > 0).all()
    if mined.any() and not mined.all():
        assert cam[mined].min() > cam[~mined].max()
    if reading == "top_pixels":
        assert mined.sum() <= round(threshold * cam.size)
    doubled = mine(2 * cam, reading=reading, threshold=threshold)
    np.testing.assert_array_equal(mined, doubled, "the scale of a map does not matter")


@given(st.permutations(range(20)), shares)
@settings(max_examples=30, deadline=None)
def test_top_pixels_is_the_share_of_the_sorted_values(values: list[int], share: float) -> None:
    mined = mine(np.array(values).reshape(4, 5) + 1.0, reading="top_pixels", threshold=share)
    count = round(share * 20)
    assert sorted(np.array(values).reshape(4, 5)[mined]) == list(range(20))[20 - count :]


def test_mine_refuses_other_readings_thresholds_and_maps() -> None:
    cam = np.ones((2, 2))
    with pytest.raises(ValueError, match="reading is"):
        mine(cam, reading="calibrated", threshold=0.2)  # type: ignore[arg-type]
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="threshold is"):
            mine(cam, reading="top_pixels", threshold=threshold)
    for broken in (np.array([[1.0, np.nan]]), np.array([[1.0, np.inf]]), np.zeros((0, 2))):
        with pytest.raises(ValueError, match="finite"):
            mine(broken, reading="top_values", threshold=0.2)


@given(maps)
@settings(max_examples=50, deadline=None)
def test_normalising_twice_changes_nothing(cam: np.ndarray) -> None:
    once = normalised(cam)
    assert once.min() >= 0 and once.max() == (1 if cam.max() > 0 else 0)
    np.testing.assert_array_equal(normalised(once), once)


def images() -> list[list[np.ndarray]]:
    random = rng()
    sizes = [(6, 9), (5, 5), (12, 3), (7, 8), (4, 4)]
    found = [[random.normal(0.3, 1, size) * 5 for _ in range(1 + i % 3)] for i, size in enumerate(sizes)]
    return [*found, [np.full((3, 3), -1.0)], []]


def mean_mined_area(fraction: float, left_out: list[np.ndarray | None] | None = None) -> float:
    areas = []
    for i, image in enumerate(images()):
        if not image:
            areas.append(0.0)
            continue
        mined = union(mine(cam, reading="fraction_of_max", threshold=fraction) for cam in image)
        hidden = left_out[i] if left_out else None
        areas.append(float((mined if hidden is None else mined & ~hidden).mean()))
    return float(np.mean(areas))


@pytest.mark.parametrize("target", [0.01, 0.14, 0.2, 0.37, 0.9])
@pytest.mark.parametrize("masked", [False, True])
def test_calibrated_fraction_is_the_best_of_all_tried_one_by_one(target: float, masked: bool) -> None:
    hidden = [rng().random(image[0].shape) < 0.3 if image and masked else None for image in images()]
    calibration = AreaCalibration(bins=50)
    for image, left_out in zip(images(), hidden, strict=True):
        calibration.add(image, left_out=left_out)
    distances = [round(abs(mean_mined_area(k / 50, hidden) - target), 12) for k in range(50)]
    best = max(k for k in range(50) if distances[k] == min(distances))
    assert calibration.fraction(target) == best / 50


def test_calibration_weighs_images_equally_and_takes_normalised_maps_too() -> None:
    small, large = np.array([[1.0, 0.65]]), np.linspace(0, 1, 400).reshape(20, 20)
    plain, normal, repeated = AreaCalibration(), AreaCalibration(), AreaCalibration()
    for cam in (small, large):
        plain.add([cam])
        normal.add([normalised(cam)])
        repeated.add([np.tile(cam, (3, 3))])
    # The mean area at fraction f is (1 + 1 - f) / 2 below 0.65 and (0.5 + 1 - f) / 2 above.
    assert plain.fraction(0.7) == pytest.approx(0.6, abs=0.005)
    assert plain.fraction(0.3) == pytest.approx(0.9, abs=0.005)
    for target in (0.7, 0.3):
        assert plain.fraction(target) == normal.fraction(target) == repeated.fraction(target)


def test_calibration_compares_as_mine_does_where_a_value_is_a_fraction_of_max() -> None:
    calibration = AreaCalibration(bins=10)
    calibration.add([np.array([[1.0, 2.0]])])
    assert calibration.fraction(1.0) == 0.4, "0.5 of the maximum is not above it"


def test_calibration_tells_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="no image was added"):
        AreaCalibration().fraction(0.1)
    with pytest.raises(ValueError, match="one shape"):
        AreaCalibration().add([np.ones((2, 3)), np.ones((3, 2))])
    with pytest.raises(ValueError, match="one shape"):
        AreaCalibration().add([np.ones((2, 3))], left_out=np.zeros((1, 3), bool))
    with pytest.raises(ValueError, match="bins"):
        AreaCalibration(bins=0)


def test_union_is_any_of_the_masks() -> None:
    a, b = np.array([[True, False, False]]), np.array([[False, False, True]])
    assert union([a, b]).tolist() == [[True, False, True]]
    assert union(mask for mask in [a]).tolist() == a.tolist()
    assert union([], size=(2, 3)).tolist() == [[False] * 3] * 2
    with pytest.raises(ValueError, match="size"):
        union([])


def photograph_and_mask() -> tuple[np.ndarray, np.ndarray]:
    random = rng()
    return random.integers(1, 256, (60, 80, 3), np.uint8), random.random((60, 80)) < 0.4


@pytest.mark.parametrize("fill", ["mean", "zero", "noise"])
def test_erasing_changes_mined_pixels_only_and_no_argument(fill: str) -> None:
    photograph, mask = photograph_and_mask()
    before = photograph.copy()
    erased = erase(photograph, mask, fill=fill, mean_pixel=(122.675, 116.669, 104.008), rng=rng())  # type: ignore[arg-type]
    assert erased.dtype == np.uint8
    np.testing.assert_array_equal(photograph, before)
    np.testing.assert_array_equal(erased[~mask], photograph[~mask])
    if fill == "mean":
        assert (erased[mask] == (123, 117, 104)).all(), "the mean pixel, rounded, channels in order"
    elif fill == "zero":
        assert (erased[mask] == 0).all()


def test_noise_has_the_mean_pixel_and_the_spread_of_imagenet_and_comes_from_the_generator() -> None:
    photograph, mask = photograph_and_mask()
    fill = {"fill": "noise", "mean_pixel": (120.0, 100.0, 140.0)}
    noise = erase(photograph, mask, rng=rng(), **fill)[mask].astype(float)  # type: ignore[arg-type]
    wide = np.random.default_rng(9).normal((120, 100, 140), 0.229 * 255, (100_000, 3)).clip(0, 255)
    np.testing.assert_allclose(noise.mean(0), wide.mean(0), atol=4)
    np.testing.assert_allclose(noise.std(0), wide.std(0), atol=3)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.1, "channels are drawn apart"
    again = erase(photograph, mask, rng=rng(), **fill)[mask]  # type: ignore[arg-type]
    np.testing.assert_array_equal(again, noise)


def test_noise_is_clipped_and_does_not_wrap() -> None:
    photograph, mask = photograph_and_mask()
    erased = erase(photograph, mask, fill="noise", mean_pixel=(0, 128, 255), rng=rng())[mask]
    assert np.mean(erased[:, 0] < 160) > 0.98 and np.mean(erased[:, 2] > 95) > 0.98
    assert np.mean(erased[:, 0] == 0) == pytest.approx(0.5, abs=0.05)
    assert np.mean(erased[:, 2] == 255) == pytest.approx(0.5, abs=0.05)


def test_erase_refuses_other_shapes_and_fills() -> None:
    photograph, mask = photograph_and_mask()
    with pytest.raises(ValueError, match="photograph is"):
        erase(photograph, mask.T, fill="zero", mean_pixel=(0, 0, 0), rng=rng())
    with pytest.raises(ValueError, match="fill is"):
        erase(photograph, mask, fill="blur", mean_pixel=(0, 0, 0), rng=rng())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("losses", "jump", "count"),
    [
        ([(0.2, 1.0), (0.3, 1.0), (0.9, 1.0)], 0.5, 2),
        ([(0.2, 1.0), (0.6, 1.0), (0.7, 1.0)], 0.5, 2),  # half of the way is not more than half
        ([(0.2, 1.0), (0.9, 2.0), (0.1, 2.0)], 0.5, 3),  # each round beside its own constant predictor
        ([(0.2, 1.0)], 0.5, 1),
        ([(0.7, 0.6), (0.7, 0.6)], 0.5, 1),  # a first round that learned nothing is merged alone
    ],
)
def test_rounds_before_the_loss_jumps(losses: list[tuple[float, float]], jump: float, count: int) -> None:
    assert rounds_before_jump(losses, jump=jump) == count


def test_noise_maps_are_smooth_and_know_nothing_of_place() -> None:
    generator = rng()
    drawn = np.stack([noise_map((40, 60), generator) for _ in range(300)])
    assert drawn.dtype == np.float32 and drawn.shape == (300, 40, 60)
    assert drawn.min() == 0 and drawn.max() == 1
    steps, spread = np.abs(np.diff(drawn, axis=2)).mean(), drawn.std()
    assert steps < spread / 4, "neighbours are alike"
    assert drawn.mean(0).std() < 0.15 * spread, "no pixel is higher than others in the mean"
