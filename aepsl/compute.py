"""Where and how exactly networks compute."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aepsl.errors import InputError
from aepsl.machine import Machine, processes

# torchvision's ImageNet normalisation, of RGB in 0..1; every network here takes its input so.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Compute:
    """A device and a precision, settled."""

    device: torch.device
    precision: str

    @classmethod
    def on(cls, machine: Machine, *, cpu_threads: int) -> "Compute":
        """Settle `auto`, and set the number of threads. Raises InputError for a GPU that is not there."""
        torch.set_num_threads(cpu_threads)
        if machine.device == "cuda" and not torch.cuda.is_available():
            raise InputError("device cuda is asked for, but torch sees no GPU; set device: auto or cpu")
        name = machine.device
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        precision = machine.precision
        if precision == "auto":
            precision = "bf16" if _computes_bf16(name) else "float32"
        if name == "cuda" and processes() > 1:
            own, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
            if own >= there:
                raise InputError(f"devices: {processes()} are asked for, but torch sees {there} GPUs")
            torch.cuda.set_device(own)
            name = f"cuda:{torch.cuda.current_device()}"
        return cls(torch.device(name), precision)

    def device_name(self) -> str:
        """The GPU's name, or what of the CPU decides how sums are done."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"cpu {torch.backends.cpu.get_cpu_capability()}"

    def move(self, network: nn.Module) -> nn.Module:
        """The network on the device, its images' channels last, which convolutions like best."""
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def normalised(self, images: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) → float32 on the device, as the networks expect it."""
        moved = images.to(self.device, non_blocking=True).contiguous(memory_format=torch.channels_last).float()
        mean = torch.tensor(MEAN, device=self.device).mul(255).view(1, 3, 1, 1)
        std = torch.tensor(STD, device=self.device).mul(255).view(1, 3, 1, 1)
        return (moved - mean) / std

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """Arithmetic in the precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            yield


def _computes_bf16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
