"""ImageNet's weights for a backbone, from torchvision or from a file."""

import zipfile
from collections.abc import Iterator, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from aepsl.errors import SHOWN, InputError
from aepsl.networks.backbone import Backbone

EPSILON = 1e-5  # of torchvision's batch norm


def load_imagenet(backbone: Backbone, source: str) -> list[str]:
    """Fill the backbone's convolutions, in place, from a state dict with torchvision's names.

    source: `torchvision`, its first ImageNet weights, fetched once; or a .pth, .pt or .safetensors file. Batch norm is
    folded with its running statistics; a file may also have it folded already, as a bias of the convolution. The file's
    classifier is not used, and what the file knows nothing of, VGG16's fc6 and fc7, stays as it was.
    Returns the names of the parameters that were filled. Raises InputError, naming the file and the first mismatches,
    when it is missing, broken, or of another network; the backbone is then as it was.
    """
    state = _fetched(backbone.architecture) if source == "torchvision" else _read(Path(source))
    if problems := list(_mismatches(backbone, state)):
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise InputError(
            f"{source}: not the weights of this {backbone.architecture}: {'; '.join(problems[:SHOWN])}{more}; "
            "give a file of that network at width 1, or set network.weights to null"
        )
    folded = {own: _folded(state, conv, _norm_in(state, norm)) for own, conv, norm in backbone.origins}
    if wrong := [own for own, parts in folded.items() if not all(part.float().isfinite().all() for part in parts)]:
        raise InputError(f"{source}: the weights of {wrong[0]} are not finite in 32 bits; fetch the file again")
    filled = []
    for own, parts in folded.items():
        for part, value in zip(("weight", "bias"), parts, strict=True):
            with torch.no_grad():
                backbone.get_submodule(own).get_parameter(part).copy_(value)
            filled.append(f"{own}.{part}")
    return filled


def _fetched(architecture: str) -> Mapping[str, Tensor]:
    from torchvision.models import get_model_weights

    weights = get_model_weights(architecture)["IMAGENET1K_V1"]
    try:
        state: Mapping[str, Tensor] = weights.get_state_dict(map_location="cpu", check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"torchvision: cannot fetch {weights.url} ({_line(error)}); "
            "download it elsewhere and set network.weights to the file"
        ) from None
    return state


def _read(path: Path) -> Mapping[str, Tensor]:
    if path.suffix not in (".pth", ".pt", ".safetensors"):
        raise InputError(f"{path}: weights are torchvision, or a .pth, .pt or .safetensors file")
    if not path.is_file():
        raise InputError(f"{path}: no such file; set network.weights to a file of weights, torchvision or null")
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            _refuse_compressed(path)
            with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
                # Not the file itself: of it, memory is asked for any length that it claims.
                state = torch.load(mapped, map_location="cpu", weights_only=True)  # type: ignore[arg-type]
    except Exception as error:  # a foreign file may break its reader in any way
        raise InputError(
            f"{path}: cannot be read as weights: cut short, or more in it than tensors ({_line(error)}); "
            "fetch it again, or save the network's state_dict()"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(n, str) and isinstance(v, Tensor) for n, v in state.items()):
        raise InputError(f"{path}: expected a state dict, names and tensors. Got: {_described(state)}")
    return state


def _refuse_compressed(path: Path) -> None:
    """Raises ValueError where the file would be larger in memory than it is: torch never compresses."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > path.stat().st_size:
                raise ValueError("compressed")


def _mismatches(backbone: Backbone, state: Mapping[str, Tensor]) -> Iterator[str]:
    expected: dict[str, tuple[int, ...]] = {}
    for own, conv, norm in backbone.origins:
        layer = backbone.get_submodule(own)
        assert isinstance(layer, nn.Conv2d)
        expected[f"{conv}.weight"] = tuple(layer.weight.shape)
        if present := _norm_in(state, norm):
            names = [f"{present}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        else:
            names = [f"{conv}.bias"]
        expected |= dict.fromkeys(names, (layer.out_channels,))
    for name, shape in expected.items():
        if name not in state:
            yield f"{name} is missing"
        elif tuple(state[name].shape) != shape:
            yield f"{name} is {tuple(state[name].shape)}, expected {shape}"
        elif state[name].layout != torch.strided or not state[name].is_floating_point() or state[name].is_meta:
            yield f"{name} is {state[name].dtype} {state[name].layout}, expected plain numbers"
        elif not torch.isfinite(state[name]).all():
            yield f"{name} is not finite"
    for name in state:
        if name.startswith("features.") and name not in expected and not name.endswith("num_batches_tracked"):
            yield f"{name} is not expected"


def _norm_in(state: Mapping[str, Tensor], norm: str | None) -> str | None:
    return norm if norm is not None and any(name.startswith(f"{norm}.") for name in state) else None


def _folded(state: Mapping[str, Tensor], conv: str, norm: str | None) -> tuple[Tensor, Tensor]:
    """The convolution's weight and bias with the batch norm behind it worked in, in float64."""
    weight = state[f"{conv}.weight"].double()
    if norm is None:
        return weight, state[f"{conv}.bias"]
    gamma, beta, mean, variance = (
        state[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gamma / (variance + EPSILON).sqrt()
    return weight * factor[:, None, None, None], beta - mean * factor


def _described(state: object) -> str:
    if not isinstance(state, dict):
        return type(state).__name__
    return f"a dict with {', '.join([name for name in state if isinstance(name, str)][:SHOWN])}"


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
