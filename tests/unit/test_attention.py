"""Class activation maps against torch-cam, and their mean over views of a photograph."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchcam.methods import CAM
from torchvision.transforms.functional import normalize

from aepsl.attention.protocol import method
from aepsl.attention.views import averaged_maps
from aepsl.compute import Compute
from aepsl.networks.build import backbone
from aepsl.networks.classifier import Classifier
from aepsl.settings.sections import Network

CLASSES = 4
STRIDE = 8
COMPUTE = Compute(torch.device("cpu"), "float32")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    draw = torch.Generator().manual_seed(3)
    settings = Network(backbone="vgg16", weights=None, width=0.125)
    network = method("cam").network(backbone(settings, draw), torch.zeros(CLASSES), draw)
    assert isinstance(network, Classifier)
    return network.eval()


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


def as_input(picture: np.ndarray) -> Tensor:
    """As torchvision would prepare it."""
    return normalize(torch.from_numpy(picture).permute(2, 0, 1) / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])[
        None
    ]


def our_maps(network: Classifier, picture: np.ndarray, *, flip: bool = False, scales: tuple[float, ...] = (1.0,)):
    def maps(views: Tensor) -> Tensor:
        return method("cam").maps(network, COMPUTE.normalised(views))

    with torch.no_grad():
        return averaged_maps(maps, picture, stride=STRIDE, flip=flip, scales=scales)


@pytest.mark.parametrize("size", [(65, 65), (33, 97)])
def test_maps_equal_torch_cam_up_to_its_normalisation(classifier: Classifier, size: tuple[int, int]) -> None:
    picture = photograph(*size)
    ours = our_maps(classifier, picture)
    assert ours.shape == (CLASSES, (size[0] - 1) // 8 + 1, (size[1] - 1) // 8 + 1)
    with CAM(classifier, target_layer="backbone.features", fc_layer="score") as extractor, torch.no_grad():
        classifier(as_input(picture))
        for c in range(CLASSES):
            raw = extractor(c, normalized=False)[0][0]
            assert raw.abs().max() > 1e-3
            torch.testing.assert_close(ours[c], raw, rtol=1e-4, atol=1e-6)
            stretched = (ours[c] - ours[c].min()) / (ours[c].max() - ours[c].min())
            torch.testing.assert_close(stretched, extractor(c)[0][0], rtol=1e-3, atol=1e-4)


def test_the_maps_mean_is_the_score_without_its_bias(classifier: Classifier) -> None:
    picture = photograph(65, 33)
    with torch.no_grad():
        scores = classifier(as_input(picture))[0] - classifier.score.bias
    torch.testing.assert_close(our_maps(classifier, picture).mean((1, 2)), scores, rtol=1e-4, atol=1e-6)


def test_flip_averaging_is_the_mean_of_two_passes_by_hand(classifier: Classifier) -> None:
    picture = photograph(65, 97)
    straight = our_maps(classifier, picture)
    turned_back = our_maps(classifier, picture[:, ::-1].copy()).flip(2)
    assert not torch.allclose(straight, turned_back, rtol=1e-2)
    torch.testing.assert_close(
        our_maps(classifier, picture, flip=True), (straight + turned_back) / 2, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 0.5)])
def test_maps_of_a_mirrored_photograph_are_the_mirrored_maps(classifier: Classifier, scales: tuple[float, ...]) -> None:
    picture = photograph(65, 97)
    maps = our_maps(classifier, picture, flip=True, scales=scales)
    mirrored = our_maps(classifier, picture[:, ::-1].copy(), flip=True, scales=scales)
    torch.testing.assert_close(mirrored, maps.flip(2), rtol=1e-3, atol=1e-4 * float(maps.abs().max()))


def cells(views: Tensor) -> Tensor:
    """A method whose map is the photograph itself, seen at pixel stride·j."""
    return views[:, :, ::STRIDE, ::STRIDE].float()


def test_scales_are_averaged_on_the_grid_of_scale_one(classifier: Classifier) -> None:
    picture = photograph(65, 97)
    one, half, double = (our_maps(classifier, picture, scales=(s,)) for s in (1.0, 0.5, 2.0))
    assert one.shape == half.shape == double.shape == (CLASSES, 9, 13)
    together = our_maps(classifier, picture, scales=(1.0, 0.5, 2.0))
    torch.testing.assert_close(together, (one + half + double) / 3, rtol=1e-4, atol=1e-6)


def test_every_scale_sees_the_same_place() -> None:
    """On a smooth slope a sampled map says where its cells lie: at each scale within half a pixel or so."""
    y, x = np.mgrid[:129, :257]
    slope = np.stack([y, x // 2, 255 - x // 2], -1).astype(np.uint8)
    for scale in (1.0, 0.5, 2.0):
        found = averaged_maps(cells, slope, stride=STRIDE, flip=True, scales=[scale])
        expected = torch.from_numpy(slope[::STRIDE, ::STRIDE].copy()).permute(2, 0, 1).float()
        assert found.shape == expected.shape
        assert (found - expected).abs().max() < 1.5


@pytest.mark.parametrize("size", [(40, 120), (120, 40), (50, 33), (7, 100)])
def test_height_and_width_never_change_places(size: tuple[int, int]) -> None:
    height, width = size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: max(1, height // 4), -(width // 4) :] = 255  # the top right
    maps = averaged_maps(cells, picture, stride=STRIDE, flip=True, scales=[1.0, 2.0])
    grid = (max(1, round((height - 1) / STRIDE)) + 1, max(1, round((width - 1) / STRIDE)) + 1)
    assert maps.shape == (3, *grid)
    assert maps[0, 0, -1] > 250
    assert maps[0, -1, 0] == maps[0, 0, 0] == maps[0, -1, -1] == 0


def test_cells_of_another_scale_are_stretched_corner_to_corner() -> None:
    picture = photograph(33, 65)
    small = np.asarray(averaged_maps(cells, picture, stride=STRIDE, flip=False, scales=[0.5]))
    # The view of 17 × 33 pixels has 3 × 5 cells; they come out on 5 × 9, every second of which is one of them.
    doubled = F.interpolate(torch.from_numpy(small[None, :, ::2, ::2]), (5, 9), mode="bilinear", align_corners=True)
    np.testing.assert_allclose(small, doubled[0], atol=1e-3)
