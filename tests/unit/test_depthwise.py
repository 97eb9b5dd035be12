"""Depthwise convolutions against torch's own: values, gradients, precision."""

import pytest
import torch
from torch import Tensor, nn

from aepsl.networks.depthwise import Depthwise

FORMS = [(stride, dilation) for stride in (1, 2) for dilation in (1, 2, 4)]


def pair(stride: int, dilation: int, *, side: int = 3, bias: bool = True) -> tuple[nn.Conv2d, Depthwise]:
    """torch's layer and ours, of one form and the same weights, in double precision."""
    torch.manual_seed(0)
    reach = dilation * (side // 2)
    theirs = nn.Conv2d(6, 6, side, stride, reach, dilation, groups=6, bias=bias).double()
    ours = Depthwise.like(theirs).double()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours.train()


def gradients(layer: nn.Module, images: Tensor, weights: Tensor) -> list[Tensor]:
    """The output, and the gradients of its weighted sum: of the input, then of the parameters."""
    own = images.clone().requires_grad_()
    found = layer(own)
    return [
        found,
        *torch.autograd.grad(
            (found * weights[:, :, : found.shape[2], : found.shape[3]]).sum(), [own, *layer.parameters()]
        ),
    ]


@pytest.mark.parametrize(("stride", "dilation"), FORMS)
@pytest.mark.parametrize("size", [(9, 9), (8, 11), (1, 7), (3, 2)])
def test_values_and_gradients_are_torchs(stride: int, dilation: int, size: tuple[int, int]) -> None:
    theirs, ours = pair(stride, dilation)
    images, weights = torch.rand(2, 2, 6, *size, dtype=torch.float64) - 0.5
    for got, expected in zip(gradients(ours, images, weights), gradients(theirs, images, weights), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("side", [1, 5])
def test_other_kernels_and_no_bias(side: int) -> None:
    theirs, ours = pair(2, 3, side=side, bias=False)
    images, weights = torch.rand(2, 1, 6, 9, 8, dtype=torch.float64)
    for got, expected in zip(gradients(ours, images, weights), gradients(theirs, images, weights), strict=True):
        torch.testing.assert_close(got, expected)


def test_the_arithmetic_is_bfloat16_and_the_weights_gradients_stay_float32() -> None:
    theirs, ours = (layer.float() for layer in pair(2, 1))
    images, weights = (torch.rand(2, 2, 6, 17, 17) - 0.5).contiguous()
    with torch.autocast("cpu", torch.bfloat16):
        got, expected = gradients(ours, images, weights), gradients(theirs, images, weights)
    assert got[0].dtype == torch.bfloat16 and {one.dtype for one in got[1:]} == {torch.float32}
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02)
