"""Depthwise convolutions that train on a CPU at the speed of their forward pass."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Depthwise(nn.Conv2d):
    """torch's, for odd kernels padded by half their reach, with other ways back on a CPU.

    Where the kernel is dilated or takes steps, torch's own take ten to eighty times as long as the way forward.
    """

    @classmethod
    def like(cls, other: nn.Conv2d) -> "Depthwise":
        """One of the other's form, on its device, with weights of its own."""
        sizes = (other.kernel_size, other.stride, other.padding, other.dilation)
        biased, device = other.bias is not None, other.weight.device
        return cls(other.in_channels, other.out_channels, *sizes, other.groups, biased, device=device)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, h, w), h = (H - 1) // stride + 1."""
        plain = self.stride[0] == self.dilation[0] == 1
        if plain or not self.training or images.device.type != "cpu":
            return super().forward(images)
        found: Tensor = _Convolution.apply(images, self.weight, self.bias, self.stride[0], self.dilation[0])
        return found


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, stride: int, dilation: int) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.form = stride, dilation, bias is not None
        return F.conv2d(images, weight, bias, stride, dilation * (weight.shape[-1] // 2), dilation, len(weight))

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = (saved.to(gradient.dtype) for saved in ctx.saved_tensors)
        stride, dilation, biased = ctx.form
        of_images = _of_images(images, weight, gradient, stride, dilation)
        of_weight, of_bias = _of_weights(images, weight, gradient, stride, dilation, biased)
        kinds = [saved.dtype for saved in ctx.saved_tensors]
        return of_images.to(kinds[0]), of_weight.to(kinds[1]), of_bias.to(kinds[1]) if biased else None, None, None


def _of_images(images: Tensor, weight: Tensor, gradient: Tensor, stride: int, dilation: int) -> Tensor:
    """The images' gradient is a depthwise convolution too: at step 1, of the output's gradient, the kernel turned."""
    spread = gradient
    if stride > 1:
        spread = torch.zeros_like(images)
        spread[:, :, ::stride, ::stride] = gradient
    return F.conv2d(spread, weight.flip(2, 3), None, 1, dilation * (weight.shape[-1] // 2), dilation, len(weight))


def _of_weights(
    images: Tensor, weight: Tensor, gradient: Tensor, stride: int, dilation: int, biased: bool
) -> tuple[Tensor, Tensor]:
    """torch's gradients of weights and biases, on pictures to which a dilated kernel is a dense one."""
    if stride == 1 < dilation:
        images, gradient, dilation = _lattices(images, dilation), _lattices(gradient, dilation), 1
    padding, channels = dilation * (weight.shape[-1] // 2), len(weight)
    form = ([stride] * 2, [padding] * 2, [dilation] * 2, False, [0, 0], channels, [False, True, biased])
    _, of_weight, of_bias = torch.ops.aten.convolution_backward(gradient, images, weight, [channels], *form)
    return of_weight, of_bias


def _lattices(images: Tensor, d: int) -> Tensor:
    """(B, C, H, W) → (d²·B, C, ⌈H/d⌉, ⌈W/d⌉): each d-th row and column is a picture of its own, padded by zeros."""
    batch, channels, height, width = images.shape
    rows, columns = -(-height // d), -(-width // d)
    last = F.pad(images, (0, columns * d - width, 0, rows * d - height)).permute(0, 2, 3, 1)
    parts = last.reshape(batch, rows, d, columns, d, channels).permute(2, 4, 0, 1, 3, 5)
    return parts.reshape(d * d * batch, rows, columns, channels).permute(0, 3, 1, 2)
