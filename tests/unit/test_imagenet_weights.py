"""ImageNet's weights in the backbones. The oracles are torchvision's own networks, undilated."""

import pickle
from itertools import pairwise
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision.models as torchvision_models
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from aepsl.errors import InputError
from aepsl.networks.build import backbone
from aepsl.networks.weights import load_imagenet
from aepsl.settings.sections import Network


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def reference(architecture: str) -> nn.Module:
    """torchvision's network with random weights, norms and statistics."""
    network = getattr(torchvision_models, architecture)(weights=None, num_classes=2)
    for layer in network.features.modules():
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d) and layer.bias is not None:
            nn.init.normal_(layer.bias, std=0.1, generator=draw(1))
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data.uniform_(0.5, 1.5, generator=draw(2))
            layer.running_mean.normal_(std=0.1, generator=draw(3))
            layer.running_var.uniform_(0.5, 1.5, generator=draw(4))
    return network.eval()


def saved(state: dict[str, Tensor], path: Path) -> str:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return str(path)


def features(network: nn.Module) -> Tensor:
    images = torch.randn(2, 3, 65, 97, generator=draw(9), dtype=torch.float64)
    with torch.no_grad():
        return network.double().eval()(images)


def folded(network: nn.Module) -> dict[str, Tensor]:
    """The state dict with torch's own folding of batch norm, the norms gone."""
    state = {}
    for path, layers in network.named_modules():
        if isinstance(layers, nn.Sequential):
            for index, (conv, norm) in enumerate(pairwise(layers)):
                if isinstance(norm, nn.BatchNorm2d):
                    weight, bias = fuse_conv_bn_weights(
                        conv.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
                    )
                    state[f"{path}.{index}.weight"], state[f"{path}.{index}.bias"] = weight.data, bias.data
    return state


@pytest.mark.parametrize("form", ["with norms.pth", "with norms.safetensors", "folded.pt"])
@pytest.mark.parametrize("stride", [4, 8, 16])
def test_mobilenet_v2_computes_torchvisions_features_on_a_finer_grid(tmp_path: Path, form: str, stride: int) -> None:
    whole = reference("mobilenet_v2")
    source = saved(folded(whole) if form == "folded.pt" else whole.state_dict(), tmp_path / form)
    network = backbone(Network(backbone="mobilenet_v2", stride=stride), draw())
    filled = load_imagenet(network, source)
    assert sorted(filled) == sorted(name for name, _ in network.named_parameters())
    finer = 32 // stride
    torch.testing.assert_close(features(network)[..., ::finer, ::finer], features(whole.features), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stride", [8, 16])
def test_squeezenet_computes_the_padded_features_on_a_finer_grid(tmp_path: Path, stride: int) -> None:
    whole = reference("squeezenet1_1")
    network = backbone(Network(backbone="squeezenet", stride=stride), draw())
    load_imagenet(network, saved(whole.state_dict(), tmp_path / "squeezenet.pth"))
    whole.features[0].padding = (1, 1)
    for index in (2, 5, 8):
        whole.features[index].padding, whole.features[index].ceil_mode = 1, False
    finer = 16 // stride
    torch.testing.assert_close(features(network)[..., ::finer, ::finer], features(whole.features))


def test_vgg16_takes_its_thirteen_convolutions_and_leaves_fc6_and_fc7_fresh(tmp_path: Path) -> None:
    whole = reference("vgg16").features
    source = saved(nn.ModuleDict({"features": whole}).state_dict(), tmp_path / "vgg16.pth")
    network, fresh = (backbone(Network(backbone="vgg16"), draw()) for _ in range(2))
    filled = load_imagenet(network, source)
    theirs = [layer for layer in whole if isinstance(layer, nn.Conv2d)]
    names = [
        f"features.conv{block}_{layer}"
        for block, depth in enumerate((2, 2, 3, 3, 3), 1)
        for layer in range(1, depth + 1)
    ]
    assert filled == [f"{name}.{part}" for name in names for part in ("weight", "bias")]
    for name, layer in zip(names, theirs, strict=True):
        assert torch.equal(network.get_submodule(name).weight, layer.weight)
        assert torch.equal(network.get_submodule(name).bias, layer.bias)
    for layer in (network.features.fc6, network.features.fc7):
        name = "fc6" if layer is network.features.fc6 else "fc7"
        assert torch.equal(layer.weight, fresh.features.get_submodule(name).weight)
    images = torch.randn(1, 3, 33, 33, generator=draw(9))
    with torch.no_grad():
        torch.testing.assert_close(network.features[:4](images), whole[:4](images))


def refused(network: nn.Module, source: str) -> str:
    """The one line of the InputError; the network must come out of it unchanged."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(InputError) as caught:
        load_imagenet(network, source)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500 and message.startswith(source)
    return message


@pytest.fixture
def squeezenet() -> nn.Module:
    return backbone(Network(backbone="squeezenet"), draw())


def test_a_file_of_another_network_is_refused_with_its_first_mismatches(tmp_path: Path, squeezenet: nn.Module) -> None:
    state = reference("squeezenet1_0").state_dict()
    message = refused(squeezenet, saved(state, tmp_path / "squeezenet1_0.pth"))
    assert "features.0.weight is (96, 3, 7, 7), expected (64, 3, 3, 3)" in message and "more" in message
    state = reference("mobilenet_v2").state_dict()
    message = refused(squeezenet, saved(state, tmp_path / "mobilenet.pth"))
    assert "this squeezenet1_1: features.0.weight is missing" in message


def test_imagenets_weights_do_not_fit_a_narrow_network(tmp_path: Path) -> None:
    narrow = backbone(Network(backbone="vgg16", width=0.25), draw())
    source = saved(reference("squeezenet1_1").state_dict(), tmp_path / "weights.pth")
    assert "expected (16, 3, 3, 3)" in refused(narrow, source) and "width 1" in refused(narrow, source)


@pytest.mark.parametrize("damage", ["a layer too many", "a layer missing", "not finite"])
def test_a_state_dict_that_nearly_fits_is_refused(tmp_path: Path, squeezenet: nn.Module, damage: str) -> None:
    state = reference("squeezenet1_1").state_dict()
    if damage == "a layer too many":
        state["features.13.weight"], said = torch.zeros(3), "features.13.weight is not expected"
    elif damage == "a layer missing":
        del state["features.7.squeeze.bias"]
        said = "features.7.squeeze.bias is missing"
    else:
        state["features.0.bias"][5], said = torch.nan, "features.0.bias is not finite"
    assert said in refused(squeezenet, saved(state, tmp_path / "weights.pth"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.5, 0.999])
def test_a_file_cut_short_is_refused(tmp_path: Path, squeezenet: nn.Module, suffix: str, share: float) -> None:
    whole = Path(saved(reference("squeezenet1_1").state_dict(), tmp_path / f"whole{suffix}")).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole[: int(len(whole) * share)])
    assert "cannot be read as weights" in refused(squeezenet, str(cut))


def test_a_pickle_that_would_run_code_is_refused_unrun(tmp_path: Path, squeezenet: nn.Module) -> None:
    trace = tmp_path / "trace"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return open, (str(trace), "w")

    for name, write in (("zip.pth", lambda path: torch.save(Trap(), path)), ("plain.pt", None)):
        path = tmp_path / name
        if write:
            write(path)
        else:
            path.write_bytes(pickle.dumps(Trap(), protocol=2))
        assert "more in it than tensors" in refused(squeezenet, str(path))
        assert not trace.exists()


def test_what_is_no_state_dict_is_refused(tmp_path: Path, squeezenet: nn.Module) -> None:
    state = reference("squeezenet1_1").state_dict()
    assert "Got: a dict with epoch, state_dict" in refused(
        squeezenet, saved({"epoch": 3, "state_dict": state}, tmp_path / "checkpoint.pth")
    )
    assert "Got: Tensor" in refused(squeezenet, saved(torch.zeros(3), tmp_path / "tensor.pt"))
    assert "no such file" in refused(squeezenet, str(tmp_path / "absent.pth"))
    assert "no such file" in refused(squeezenet, str(Path(saved(state, tmp_path / "a.pth")) / "b.pth"))
    assert ".safetensors file" in refused(squeezenet, "imagenet")


def test_torchvision_means_its_first_weights_of_that_network(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(url: str, **_options: object) -> dict[str, Tensor]:
        asked.append(url)
        return reference("squeezenet1_1").state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    network = backbone(Network(backbone="squeezenet"), draw())
    assert len(load_imagenet(network, "torchvision")) == 50
    assert asked == [torchvision_models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url]


@pytest.mark.parametrize("error", [URLError("no route"), RuntimeError("invalid hash value")])
def test_without_a_network_torchvisions_weights_end_in_one_line(
    monkeypatch: pytest.MonkeyPatch, squeezenet: nn.Module, error: Exception
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    assert "cannot fetch https://download.pytorch.org/" in refused(squeezenet, "torchvision")
