"""Device, precision and the networks' input."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms.functional import normalize

from aepsl.compute import Compute
from aepsl.errors import InputError
from aepsl.machine import Machine


@pytest.fixture(autouse=True)
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def cpu_with(monkeypatch: pytest.MonkeyPatch, **capabilities: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)


def test_normalised_images_equal_torchvisions() -> None:
    pictures = np.random.default_rng(0).integers(256, size=(2, 3, 5, 7), dtype=np.uint8)
    images = torch.from_numpy(pictures)
    found = Compute(torch.device("cpu"), "float32").normalised(images)
    expected = normalize(images / 255, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(images, pictures)


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": True}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": False, "avx2": True}, "float32"),
        ({}, "float32"),
    ],
)
@pytest.mark.usefixtures("no_gpu")
def test_auto_precision_is_bf16_where_the_cpu_computes_with_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], precision: str
) -> None:
    cpu_with(monkeypatch, **capabilities)
    assert Compute.on(Machine(), cpu_threads=1) == Compute(torch.device("cpu"), precision)


@pytest.mark.usefixtures("no_gpu")
def test_a_precision_that_is_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu_with(monkeypatch, amx_bf16=True)
    assert Compute.on(Machine(precision="float32"), cpu_threads=1).precision == "float32"
    cpu_with(monkeypatch)
    assert Compute.on(Machine(precision="bf16"), cpu_threads=1).precision == "bf16"


def test_a_torch_that_does_not_know_its_cpu_means_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert Compute.on(Machine(device="cpu"), cpu_threads=1).precision == "float32"


@pytest.mark.parametrize(("known", "precision"), [(True, "bf16"), (False, "float32")])
def test_auto_device_is_the_gpu_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, known: bool, precision: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: known or including_emulation)
    assert Compute.on(Machine(), cpu_threads=1) == Compute(torch.device("cuda"), precision)
    assert Compute.on(Machine(device="cpu"), cpu_threads=1).device == torch.device("cpu")


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="torch sees no GPU; set device: auto or cpu"):
        Compute.on(Machine(device="cuda"), cpu_threads=1)


@pytest.mark.parametrize("count", [1, 2])
def test_the_number_of_threads_is_set(count: int) -> None:
    Compute.on(Machine(device="cpu"), cpu_threads=count)
    assert torch.get_num_threads() == count


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("float32", torch.float32)])
def test_arithmetic_is_in_the_precision_and_weights_stay_float32(precision: str, dtype: torch.dtype) -> None:
    compute = Compute(torch.device("cpu"), precision)
    network = compute.move(nn.Conv2d(3, 4, 3))
    assert network.weight.is_contiguous(memory_format=torch.channels_last)
    with compute.autocast():
        found = network(compute.normalised(torch.zeros(1, 3, 5, 5, dtype=torch.uint8)))
    assert found.dtype == dtype
    assert network.weight.dtype == torch.float32
