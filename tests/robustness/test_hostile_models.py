"""Models of the project and weights from elsewhere."""

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from hostile import MIB, Rng, damaged, junk, pick, share, spoilt, survive
from safetensors.torch import save as to_bytes

from aepsl.models import Card, generator_of, load_weights, read_card, save
from aepsl.networks.build import backbone
from aepsl.networks.segmenter import Segmenter
from aepsl.networks.weights import load_imagenet
from aepsl.settings.sections import Network

SMALL = Network(weights=None, width=0.125, blocks=3, stride=4, dilation=1)
LARGEST = 1500 * MIB  # the widest network that a card may name


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    torch.set_num_threads(1)  # threads do not outlive a fork
    network = Segmenter(backbone(SMALL, generator_of(0)), 2, generator=generator_of(0))
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    save(path, network, Card("segmenter", None, ("cat", "dog"), (1.0, 2.0, 3.0), SMALL, {"seed": 1}, 65))
    return path.read_bytes()


def parts(model: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and weights of a safetensors file."""
    (length,) = struct.unpack("<Q", model[:8])
    header = json.loads(model[8 : 8 + length])
    assert isinstance(header, dict)
    return header, model[8 + length :]


def joined(header: Any, weights: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode(errors="surrogatepass")
    return struct.pack("<Q", len(text) if length is None else length) + text + weights


def of_tensors(rng: Rng, header: dict[str, Any], weights: bytes) -> bytes:
    """A header that says something else of one tensor."""
    name = pick(rng, [key for key in header if key != "__metadata__"])
    about = dict(header[name])
    start, end = about["data_offsets"]
    changes: list[dict[str, Any]] = [
        {"data_offsets": [start, 2**60]},
        {"data_offsets": [2**63, 2**64 - 1]},
        {"data_offsets": [end, start]},
        {"data_offsets": [max(0, start - 4), end - 4]},
        {"data_offsets": [-1, end]},
        {"data_offsets": [start]},
        {"shape": [-1, *about["shape"]]},
        {"shape": [2**32, 2**32]},
        {"shape": [2**63, 2, 2**63]},
        {"shape": []},
        {"shape": [1] * 5000},
        {"shape": about["shape"][::-1]},
        {"dtype": "F64"},
        {"dtype": "I32"},
        {"dtype": "BOOL"},
        {"dtype": "F8_E4M3"},
        {"dtype": "no such"},
        {"dtype": junk(rng)},
    ]
    return joined({**header, name: {**about, **pick(rng, changes)}}, weights)


def with_numbers(rng: Rng, header: dict[str, Any], weights: bytes) -> bytes:
    numbers = np.frombuffer(weights, np.float32).copy()
    numbers[int(rng.integers(len(numbers)))] = pick(rng, [np.nan, np.inf, -np.inf, 3e38])
    return joined(header, numbers.tobytes())


def make_model(model: bytes) -> Any:
    header, weights = parts(model)
    about = json.loads(header["__metadata__"]["aepsl"])

    def make(rng: Rng, folder: Path) -> None:
        path = folder / "m.safetensors"
        match int(rng.integers(8)):
            case 0 | 1:
                changed = spoilt(rng, about)
                content = joined({**header, "__metadata__": {"aepsl": json.dumps(changed)}}, weights)
            case 2:
                content = of_tensors(rng, header, weights)
            case 3:
                content = with_numbers(rng, header, weights)
            case 4:
                content = joined(header, weights, pick(rng, [2**60, 2**64 - 1, 0, 1, 10**8, len(model)]))
            case 5:
                content = joined(spoilt(rng, header), weights)
            case 6:
                content = damaged(rng, model[:3000]) + model[3000:]
            case _:
                content = damaged(rng, model)
        path.write_bytes(content)
        if rng.integers(40) == 0:
            path.unlink()
            os.mkfifo(path)

    return make


def read_model(folder: Path) -> None:
    path = folder / "m.safetensors"
    card = read_card(path, "segmenter")
    draw = generator_of(0)
    network = load_weights(path, Segmenter(backbone(card.network, draw), len(card.classes), generator=draw))
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_models(tmp_path: Path, model: bytes) -> None:
    found = survive(make_model(model), read_model, tmp_path / "c", cases=share(0.08), memory=LARGEST)
    assert found["read"] and found["refused"]


class Trap:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch executed",)


def saved(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def zipped(content: bytes, *, grown: int = 0) -> bytes:
    """A torch archive compressed, a tensor's bytes grown to that many zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, bytes(grown) if grown and "/data/" in part else old.read(part))
    return file.getvalue()


@pytest.fixture(scope="module")
def states() -> dict[str, list[bytes]]:
    """Files by their ending: some that are read, many that are not."""
    torch.set_num_threads(1)
    whole = torchvision.models.squeezenet1_1(weights=None, num_classes=1).state_dict()
    zeros = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}
    huge = torch.zeros(1).expand(10**9, 10**9)
    values = [
        whole,
        zeros,
        {**whole, "features.0.bias": torch.full((64,), torch.nan)},
        {**whole, "features.0.bias": torch.full((64,), 1e300, dtype=torch.float64)},
        {**whole, "features.0.bias": torch.zeros(64, dtype=torch.complex64)},
        {**whole, "features.0.bias": torch.zeros(64, dtype=torch.int64)},
        {**whole, "features.0.bias": torch.zeros(64).to_sparse()},
        {**whole, "features.0.bias": torch.zeros(64, device="meta")},
        {**whole, "features.0.bias": torch.zeros(1).expand(64)},
        {**whole, "features.0.bias": huge},
        {"x" * 100_000: torch.zeros(1)},
        {(1, 2): torch.zeros(1)},
        {"a\nb\x1b[2J": torch.zeros(1)},
        {"model": {"model": whole}},
        Trap(),
        {"features.0.bias": Trap()},
        [1, 2],
        None,
    ]
    pth = [saved(value) for value in values] + [
        saved(value, _use_new_zipfile_serialization=False) for value in values[1:]
    ]
    pth += [pickle.dumps(Trap(), protocol=protocol) for protocol in range(6)]
    pth += [zipped(pth[0]), zipped(pth[1], grown=200_000_000), b"\x80\x02\x8e" + b"\xff" * 7 + b"\x7f.", b"", b"PK\3\4"]
    plain = [
        v
        for v in values
        if isinstance(v, dict)
        and all(
            isinstance(k, str)
            and isinstance(t, torch.Tensor)
            and not t.is_meta
            and t.layout == torch.strided
            and t is not huge
            for k, t in v.items()
        )
    ]
    return {".pth": pth, ".safetensors": [to_bytes({k: t.clone() for k, t in v.items()}) for v in plain]}


def test_weights(tmp_path: Path, states: dict[str, list[bytes]]) -> None:
    network = backbone(Network(backbone="squeezenet"), generator_of(0))

    def make(rng: Rng, folder: Path) -> None:
        suffix = pick(rng, [".pth", ".pth", ".safetensors"])
        content = pick(rng, states[suffix])
        if rng.integers(2):
            head, tail = content[:4000], content[4000:]
            content = damaged(rng, head) + tail if rng.integers(2) else head + damaged(rng, tail)
        (folder / f"w{suffix}").write_bytes(content)

    def read(folder: Path) -> None:
        (path,) = folder.iterdir()
        load_imagenet(network, str(path))
        assert all(torch.isfinite(value).all() for value in network.state_dict().values())

    found = survive(make, read, tmp_path / "c", cases=share(0.05))
    assert found["read"] and found["refused"]
