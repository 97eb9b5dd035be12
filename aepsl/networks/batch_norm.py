"""Batch normalisation over all images of a step, also where several processes have a part of them each."""

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce


class BatchNorm(nn.BatchNorm2d):
    """torch's, but for training in several processes: its own SyncBatchNorm computes on GPUs alone."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) → the same; with several processes B may be 0."""
        if not (self.training and distributed.is_initialized()):
            return super().forward(images)
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        values = images.float()
        count = values.new_tensor([values.numel() // values.shape[1]])
        *sums, total = all_reduce(torch.cat([values.sum((0, 2, 3)), values.square().sum((0, 2, 3)), count])).split(
            [self.num_features, self.num_features, 1]
        )
        mean, square = (one / total for one in sums)
        variance = (square - mean.square()).clamp(min=0)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * total / (total - 1), self.momentum)
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr,operator]
        factor = self.weight * torch.rsqrt(variance + self.eps)
        normalised = values * factor[:, None, None] + (self.bias - mean * factor)[:, None, None]
        return normalised.to(images.dtype)
