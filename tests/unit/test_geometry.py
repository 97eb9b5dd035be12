"""Where the cells of every network's features lie in the image."""

from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import squeezenet1_1

from aepsl.networks.backbone import Backbone
from aepsl.networks.build import backbone
from aepsl.networks.classifier import Classifier
from aepsl.networks.segmenter import Segmenter
from aepsl.settings.sections import Network

BACKBONES = get_args(Network.model_fields["backbone"].annotation)
SLIM = {"vgg16": {"width": 0.1, "dilation": 1}, "mobilenet_v2": {}, "squeezenet": {}}
CASES = [(name, stride) for name in BACKBONES for stride in (4, 8, 16)]
SIDE = 641  # no border lies within the field of view of the middle


def slim(name: str, stride: int, **options: object) -> Backbone:
    settings = Network(backbone=name, stride=stride, **SLIM[name], **options)  # type: ignore[arg-type]
    return backbone(settings, torch.Generator().manual_seed(0)).eval()


def averaging(network: nn.Module) -> nn.Module:
    """All weights one positive constant a layer: what is left of a network is where it looks."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
            nn.init.zeros_(layer.bias)
    return network.double().eval()


@torch.no_grad()
def response(network: nn.Module, pixel: tuple[int, int], size: tuple[int, int]) -> Tensor:
    image = torch.zeros(1, 3, *size, dtype=torch.float64)
    image[:, :, pixel[0], pixel[1]] = 1
    return network(image)[0].sum(0)


def centroid(values: Tensor) -> float:
    return float((values * torch.arange(len(values))).sum() / values.sum())


@pytest.mark.parametrize(("name", "stride"), CASES)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_lit_pixel_lights_the_cells_around_pixel_over_stride_symmetrically(name: str, stride: int, axis: int) -> None:
    network = averaging(slim(name, stride))
    for pixel in (288, 304, 304 + stride // 2, 320 - stride):
        place, size = ((pixel, 0), (SIDE, 1)) if axis == 0 else ((0, pixel), (1, SIDE))
        lit = response(network, place, size).flatten()
        assert len(lit) == (SIDE - 1) // stride + 1
        assert centroid(lit) == pytest.approx(pixel / stride, abs=1e-9)
        mirror = 2 * pixel // stride  # cell j and cell mirror - j lie opposite each other
        around = lit[max(0, mirror - len(lit) + 1) : mirror + 1]
        torch.testing.assert_close(around, around.flip(0), rtol=1e-9, atol=0)


def test_the_same_measurement_finds_torchvisions_squeezenet_off_centre() -> None:
    lit = response(averaging(squeezenet1_1(weights=None).features), (0, 16 * 19 + 15), (1 + 64, SIDE)).sum(0)
    assert centroid(lit) == pytest.approx(19, abs=1e-9)


@pytest.mark.parametrize(("name", "stride"), CASES)
def test_height_and_width_of_a_long_image_keep_their_places(name: str, stride: int) -> None:
    grid = (96 // stride + 1, 288 // stride + 1)
    draw, images = torch.Generator().manual_seed(0), torch.zeros(2, 3, 97, 289)
    network = slim(name, stride)
    with torch.no_grad():
        assert network(images).shape == (2, network.channels, *grid)
        assert Classifier(network, torch.zeros(4), generator=draw).cams(images).shape == (2, 4, *grid)
        assert Segmenter(network, 4, generator=draw)(images)[0].shape == (2, 5, *grid)
    lit = response(averaging(network), (32, 224), (97, 289))
    assert centroid(lit.sum(1)) * stride == pytest.approx(32, abs=40)
    assert centroid(lit.sum(0)) * stride == pytest.approx(224, abs=40)


@pytest.mark.parametrize(("name", "stride"), CASES)
def test_a_transposed_image_gives_the_transposed_features(name: str, stride: int) -> None:
    network = averaging(slim(name, stride))
    image = torch.rand(1, 3, 33, 97, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network(image.mT), network(image).mT)
