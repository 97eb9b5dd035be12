"""Backbones, heads and parameter groups."""

import math
from typing import get_args

import pytest
import torch
from torch import nn
from torchcam.methods import CAM
from torchvision.models import vgg16

from aepsl.networks import vgg16 as large_field_of_view
from aepsl.networks.backbone import Backbone
from aepsl.networks.build import backbone
from aepsl.networks.classifier import Classifier
from aepsl.networks.parameters import parameter_groups
from aepsl.networks.segmenter import Segmenter
from aepsl.settings.sections import Network

SLIM = {"vgg16": {"width": 0.1}, "mobilenet_v2": {}, "squeezenet": {}}
BACKBONES = get_args(Network.model_fields["backbone"].annotation)


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(name: str, generator: torch.Generator | None = None, **options: object) -> Backbone:
    return backbone(Network(backbone=name, **options), generator or draw())  # type: ignore[arg-type]


def slim(name: str, seed: int = 0, **options: object) -> Backbone:
    return built(name, draw(seed), **{**SLIM[name], **options})


def pictures(side: int = 65) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=draw(9))


@pytest.mark.parametrize(("name", "channels"), [("vgg16", 1024), ("mobilenet_v2", 1280), ("squeezenet", 512)])
def test_features_have_the_channels_and_the_grid_that_the_backbone_names(name: str, channels: int) -> None:
    network = built(name).eval()
    assert (network.channels, network.stride) == (channels, 8)
    with torch.no_grad():
        assert network(pictures(33)[:1]).shape == (1, channels, 5, 5)


def test_vgg16_is_the_official_large_field_of_view_at_stride_8() -> None:
    features = built("vgg16").features
    own = sum(p.numel() for name, p in features.named_parameters() if name.startswith("conv"))
    with torch.device("meta"):
        assert own == sum(p.numel() for p in vgg16(weights=None).features.parameters()) == 14_714_688
    fc6, fc7 = 512 * 1024 * 9 + 1024, 1024 * 1024 + 1024
    assert sum(p.numel() for p in features.parameters()) == own + fc6 + fc7 == 20_483_904
    assert [features.get_submodule(f"pool{n}").stride for n in range(1, 6)] == [2, 2, 2, 1, 1]
    assert {layer.kernel_size for layer in features if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d)} == {3}
    assert [name for name, _ in features.named_children()][-8:] == [
        "pool5", "pool5a", "fc6", "relu6", "drop6", "fc7", "relu7", "drop7",
    ]  # fmt: skip


@pytest.mark.parametrize(("stride", "dilations"), [(4, (1, 2, 4, 12)), (8, (1, 1, 2, 12)), (16, (1, 1, 1, 12))])
def test_vgg16s_blocks_span_the_same_pixels_at_every_stride(stride: int, dilations: tuple[int, ...]) -> None:
    features = slim("vgg16", stride=stride).features
    for name, dilation in zip(("conv3_1", "conv4_3", "conv5_3", "fc6"), dilations, strict=True):
        assert features.get_submodule(name).dilation == (dilation, dilation)


@pytest.mark.parametrize(
    ("width", "channels"), [(0.25, (16, 256)), (0.3, (16, 304)), (0.01, (8, 8)), (1.1, (72, 1128))]
)
def test_width_multiplies_all_of_vgg16s_channels_to_multiples_of_8(width: float, channels: tuple[int, int]) -> None:
    network = built("vgg16", width=width, norm="group")
    assert (network.features.conv1_1.out_channels, network.channels) == channels
    assert network.features.fc7.out_channels == network.channels
    assert network.features.norm1_1.num_groups * 8 == channels[0]


def test_group_norm_stands_behind_each_of_vgg16s_convolutions_and_each_image_is_its_own() -> None:
    network = slim("vgg16", norm="group").eval()
    kinds = [type(layer) for layer in network.features]
    for index, kind in enumerate(kinds):
        assert kind is not nn.Conv2d or kinds[index + 1 : index + 3] == [nn.GroupNorm, nn.ReLU]
    with torch.no_grad():
        torch.testing.assert_close(network(pictures())[:1], network(pictures()[:1]))


def test_batch_norm_starts_as_the_identity_whatever_memory_held() -> None:
    network = slim("vgg16", norm="batch")
    norms = [layer for layer in network.features if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == sum(isinstance(layer, nn.Conv2d) for layer in network.features) == 15
    for norm in norms:
        assert norm.weight.eq(1).all() and norm.running_var.eq(1).all() and norm.num_batches_tracked == 0
        assert not norm.bias.any() and not norm.running_mean.any()


@pytest.mark.parametrize("name", BACKBONES)
def test_no_network_keeps_batch_statistics_unasked(name: str) -> None:
    network = Segmenter(slim(name, dropout=0.0), 3, generator=draw()).train()
    with torch.no_grad():
        torch.testing.assert_close(network(pictures())[0][:1], network(pictures()[:1])[0], rtol=1e-3, atol=1e-4)
    assert not list(network.buffers())


@pytest.mark.parametrize("name", BACKBONES)
def test_initial_weights_come_from_the_generator_alone(name: str) -> None:
    def weights(seed: int, world: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(world)
        before, generator = torch.get_rng_state(), draw(seed)
        network = Segmenter(built(name, generator, **SLIM[name]), 3, generator=generator)
        assert torch.equal(before, torch.get_rng_state())
        return network.state_dict()

    first, again, other = weights(1, world=1), weights(1, world=2), weights(2, world=1)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not any(torch.equal(first[key], other[key]) for key in first if key.endswith("weight"))


@pytest.mark.parametrize("name", BACKBONES)
def test_initial_weights_are_hes_and_the_heads_are_small(name: str) -> None:
    network = Segmenter(built(name), 20, generator=draw())
    for layer in network.backbone.modules():
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.weight[0].numel()
            deviation = 8 / math.sqrt(2 * layer.weight.numel())  # eight standard errors
            assert layer.weight.std().item() * math.sqrt(fan_in / 2) == pytest.approx(1, abs=deviation)
            assert not layer.bias.any()
    for head in (network.score, network.branch):
        assert head.weight.std().item() == pytest.approx(0.01, rel=0.05) and not head.bias.any()


@pytest.mark.parametrize("name", BACKBONES)
def test_a_classifiers_score_is_the_mean_of_its_map_plus_the_bias(name: str) -> None:
    network = Classifier(slim(name), torch.zeros(4), generator=draw()).eval()
    nn.init.normal_(network.score.bias, generator=draw(3))
    with torch.no_grad():
        scores, maps = network(pictures()), network.cams(pictures())
    assert scores.shape == (2, 4) and maps.shape == (2, 4, 9, 9) and scores.dtype == maps.dtype == torch.float32
    torch.testing.assert_close(maps.mean((2, 3)) + network.score.bias, scores, rtol=1e-4, atol=1e-5)
    assert maps.min() < 0 < maps.max()


def test_class_activation_maps_are_those_of_torchcam() -> None:
    network = Classifier(slim("squeezenet"), torch.zeros(4), generator=draw()).eval()
    with CAM(network, target_layer="backbone.features", fc_layer="score") as other, torch.no_grad():
        scores = network(pictures())
        theirs = [other(class_idx=c, scores=scores, normalized=False)[0] for c in range(4)]
    torch.testing.assert_close(network.cams(pictures()), torch.stack(theirs, dim=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BACKBONES)
def test_scores_and_maps_are_float32_averages_of_bfloat16_features(name: str) -> None:
    classifier = Classifier(slim(name), torch.zeros(4), generator=draw()).eval()
    segmenter = Segmenter(classifier.backbone, 4, generator=draw()).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        features = classifier.backbone(pictures())
        scores, maps, (score_maps, branch) = classifier(pictures()), classifier.cams(pictures()), segmenter(pictures())
    assert features.dtype == torch.bfloat16
    assert {each.dtype for each in (scores, maps, score_maps, branch)} == {torch.float32}
    exact = torch.einsum("bkhw,ck->bchw", features.double(), classifier.score.weight.double())
    torch.testing.assert_close(maps.double(), exact, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scores.double(), exact.mean((2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BACKBONES)
def test_channels_last_changes_nothing_but_rounding(name: str) -> None:
    network = slim(name).eval()
    with torch.no_grad():
        expected = network(pictures())
        last = network.to(memory_format=torch.channels_last)(pictures().contiguous(memory_format=torch.channels_last))
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, expected, rtol=1e-3, atol=1e-4)


def test_the_segmenters_branch_averages_the_features_that_its_score_layer_reads() -> None:
    network = Segmenter(slim("squeezenet"), 3, generator=draw()).eval()
    with torch.no_grad():
        features = network.backbone(pictures())
        scores, class_scores = network(pictures())
    cell = features[1, :, 2, 7]
    torch.testing.assert_close(scores[1, :, 2, 7], network.score.weight.flatten(1) @ cell, rtol=1e-4, atol=1e-5)
    mean = features[1].flatten(1).mean(1)
    torch.testing.assert_close(class_scores[1], network.branch.weight @ mean, rtol=1e-4, atol=1e-5)
    assert scores.shape == (2, 4, 9, 9) and class_scores.shape == (2, 3)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_parameter_learns(name: str) -> None:
    network = Segmenter(slim(name), 3, generator=draw()).train()
    torch.manual_seed(0)
    scores, class_scores = network(pictures())
    (scores.square().mean() + class_scores.square().mean()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in network.parameters())


def test_heads_learn_faster_and_biases_do_not_decay() -> None:
    network = Segmenter(slim("vgg16", norm="group"), 3, generator=draw())
    network.backbone.features.conv1_1.requires_grad_(False)
    groups = parameter_groups(network, lr=0.1, weight_decay=0.5, head_factor=10)
    rule = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    expected = {
        "backbone.features.conv1_2.weight": (0.1, 0.5),
        "backbone.features.conv1_2.bias": (0.1, 0.0),
        "backbone.features.norm7.weight": (0.1, 0.0),
        "backbone.features.fc7.weight": (0.1, 0.5),
        "score.weight": (1.0, 0.5),
        "score.bias": (1.0, 0.0),
        "branch.weight": (1.0, 0.5),
    }
    assert {name: rule[id(network.get_parameter(name))] for name in expected} == expected
    assert rule.keys() == {id(p) for p in network.parameters() if p.requires_grad}
    assert sum(len(group["params"]) for group in groups) == len(rule)
    torch.optim.SGD(groups, lr=0.1)


def test_the_configuration_reaches_the_backbone() -> None:
    network = backbone(Network(width=0.1, norm="group", stride=4, dilation=3, dropout=0.2), draw())
    assert (network.channels, network.stride, network.features.drop7.p) == (104, 4, 0.2)
    assert network.features.fc6.dilation == (3, 3) and isinstance(network.features.norm1_1, nn.GroupNorm)
    assert backbone(Network(backbone="mobilenet_v2", stride=16), draw()).stride == 16


def test_three_blocks_at_stride_4_see_67_pixels_around_a_cell() -> None:
    network = built("vgg16", blocks=3, stride=4, dilation=1, width=0.125).eval()
    for parameter in network.parameters():
        parameter.data.fill_(0.01 if parameter.ndim > 1 else 0.0)  # positive weights: nothing that is seen cancels
    for layer in [module for module in network.modules() if isinstance(module, nn.MaxPool2d)]:
        layer.forward = nn.AvgPool2d(3, layer.stride, padding=1).forward  # a maximum would see one pixel of nine
    image = torch.ones(1, 3, 129, 129, requires_grad=True)
    network(image)[0, :, 16, 16].sum().backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert (int(rows.min()), int(rows.max())) == (64 - 33, 64 + 33)


def test_a_stride_that_the_blocks_do_not_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="stride 16 wants 5 to 5 blocks"):
        large_field_of_view.build(generator=draw(), blocks=3, stride=16)
