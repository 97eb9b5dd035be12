"""The trainer: it learns, goes on after a kill to the same bits, and says when it cannot."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from aepsl.compute import Compute
from aepsl.data.batches import Batches
from aepsl.data.manifest import Entry, Manifest
from aepsl.errors import InputError
from aepsl.losses import classification_loss
from aepsl.networks.build import backbone
from aepsl.networks.classifier import Classifier
from aepsl.settings.sections import Network, Training
from aepsl.training import rate_factor, train

CLASSES = ("red", "green", "blue")
IMAGES = 5
MEAN_PIXEL = (80.0, 80.0, 80.0)
COMPUTE = Compute(torch.device("cpu"), "float32")
# Dropout and batch statistics: what a restart must bring back beside the weights.
SMALL = Network(backbone="vgg16", weights=None, width=0.125, blocks=3, stride=4, dilation=1, dropout=0.3, norm="batch")


class Killed(BaseException):
    """The process has gone."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slowed manyfold by threads that wait for a busy CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Photographs of one colour each, which is their class, under some noise."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    entries = []
    for n in range(IMAGES):
        picture = rng.integers(60, size=(40, 36, 3), dtype=np.uint8)
        picture[:, :, n % 3] += 150
        Image.fromarray(picture).save(folder / f"{n}.png")
        entries.append(Entry(id=f"image{n}", path=f"{n}.png", labels=(CLASSES[n % 3],), sha256=""))
    return Manifest(classes=CLASSES, mean_pixel=MEAN_PIXEL, root=".", entries=tuple(entries), folder=folder)


def recipe(**options: Any) -> Training:
    return Training(**{"epochs": 4, "batch": 3, "crop": 33, "lr": 0.002, "steps": [2], **options})


def fresh(settings: Network = SMALL) -> Classifier:
    draw = torch.Generator().manual_seed(1)
    return Classifier(backbone(settings, draw), torch.zeros(len(CLASSES)), generator=draw)


def bce(network: nn.Module, images: Tensor, labels: Tensor, _maps: Tensor | None) -> dict[str, Tensor]:
    return {"loss": classification_loss(network(images), labels, form="bce")}


class Counted:
    """A loss that counts its calls, and does something of its own at one of them."""

    def __init__(self, at: int = 0, act: Callable[[Tensor], Tensor] | None = None) -> None:
        self.calls, self.at, self.act = 0, at, act

    def __call__(self, *batch: Any) -> dict[str, Tensor]:
        self.calls += 1
        terms = bce(*batch)
        if self.calls == self.at and self.act is not None:
            terms["loss"] = self.act(terms["loss"])
        return terms


def kill(_loss: Tensor) -> Tensor:
    raise Killed


def run(
    manifest: Manifest,
    checkpoint: Path,
    loss: Callable[..., dict[str, Tensor]] = bce,
    *,
    network: nn.Module | None = None,
    key: str = "key",
    how: Training | None = None,
) -> tuple[nn.Module, list[dict[str, Any]]]:
    how, network = how or recipe(), network or fresh()
    stream = Batches(manifest, recipe=how, mean_pixel=MEAN_PIXEL, seed=2, purpose="test", workers=1)
    history = train(
        network,
        stream,
        loss,
        recipe=how,
        compute=COMPUTE,
        seed=2,
        title="a classifier",
        checkpoint=checkpoint,
        key=key,
    )
    return network, history


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def checkpoint_after(manifest: Manifest, path: Path, epochs: int, *, how: Training | None = None) -> None:
    """Leave the checkpoint of a job that was killed in the midst of the epoch after."""
    with pytest.raises(Killed):
        run(manifest, path, Counted(2 * epochs + 2, kill), how=how)
    assert path.exists()


def test_the_loss_falls(manifest: Manifest, tmp_path: Path) -> None:
    how = recipe(epochs=15, optimizer="adamw", schedule="cosine", weight_decay=0.0)
    _, history = run(manifest, tmp_path / "a.resume", how=how)
    assert [record["epoch"] for record in history] == list(range(1, 16))
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_killed_job_goes_on_to_the_same_bits(manifest: Manifest, tmp_path: Path, optimizer: str, epochs: int) -> None:
    how = recipe(optimizer=optimizer, schedule="cosine" if optimizer == "adamw" else "step")
    undisturbed, history = run(manifest, tmp_path / "undisturbed.resume", how=how)
    path = tmp_path / "killed.resume"
    checkpoint_after(manifest, path, epochs, how=how)
    torch.manual_seed(99)  # another process draws otherwise
    counted = Counted()
    restarted, records = run(manifest, path, counted, how=how)
    assert counted.calls == 2 * (4 - epochs)
    assert records == history
    assert_same_weights(restarted, undisturbed)


def test_a_job_killed_twice_goes_on_to_the_same_bits(manifest: Manifest, tmp_path: Path) -> None:
    undisturbed, history = run(manifest, tmp_path / "undisturbed.resume")
    path = tmp_path / "killed.resume"
    checkpoint_after(manifest, path, 1)
    with pytest.raises(Killed):
        run(manifest, path, Counted(4, kill))
    restarted, records = run(manifest, path)
    assert records == history
    assert_same_weights(restarted, undisturbed)


def test_a_job_killed_in_its_first_epoch_leaves_nothing_and_starts_anew(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(manifest, tmp_path / "a.resume", Counted(2, kill))
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_key_is_dropped(manifest: Manifest, tmp_path: Path) -> None:
    undisturbed, history = run(manifest, tmp_path / "undisturbed.resume")
    path = tmp_path / "killed.resume"
    checkpoint_after(manifest, path, 2)
    counted = Counted()
    network, records = run(manifest, path, counted, key="another")
    assert counted.calls == 8
    assert records == history
    assert_same_weights(network, undisturbed)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.98])
def test_a_truncated_checkpoint_is_dropped(manifest: Manifest, tmp_path: Path, share: float) -> None:
    undisturbed, history = run(manifest, tmp_path / "undisturbed.resume")
    path = tmp_path / "killed.resume"
    checkpoint_after(manifest, path, 2)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    counted = Counted()
    network, records = run(manifest, path, counted)
    assert counted.calls == 8
    assert records == history
    assert_same_weights(network, undisturbed)


@pytest.mark.parametrize("lost", ["network", "optimizer", "history"])
def test_a_checkpoint_that_lacks_a_part_leaves_no_trace(manifest: Manifest, tmp_path: Path, lost: str) -> None:
    undisturbed, history = run(manifest, tmp_path / "undisturbed.resume")
    path = tmp_path / "killed.resume"
    checkpoint_after(manifest, path, 2)
    state = torch.load(path, weights_only=True)
    del state[lost]
    torch.save(state, path)
    network, records = run(manifest, path)
    assert records == history
    assert_same_weights(network, undisturbed)


def test_a_checkpoint_that_fits_in_part_leaves_no_trace(manifest: Manifest, tmp_path: Path) -> None:
    undisturbed, history = run(manifest, tmp_path / "undisturbed.resume")
    for part, spoil in (("network", lambda state: state.popitem()), ("optimizer", lambda state: state.clear())):
        path = tmp_path / f"{part}.resume"
        checkpoint_after(manifest, path, 2)
        state = torch.load(path, weights_only=True)
        spoil(state[part])
        torch.save(state, path)
        network, records = run(manifest, path)
        assert records == history
        assert_same_weights(network, undisturbed)


def test_each_epoch_drops_other_features_and_the_momentum_is_the_recipes(manifest: Manifest, tmp_path: Path) -> None:
    seeds: list[int] = []

    def loss(*batch: Any) -> dict[str, Tensor]:
        seeds.append(torch.initial_seed())
        return bce(*batch)

    path = tmp_path / "a.resume"
    run(manifest, path, loss, how=recipe(momentum=0.3))
    assert len(seeds) == 8 and len(set(seeds)) == 4, "one an epoch"
    groups = torch.load(path, weights_only=True)["optimizer"]["param_groups"]
    assert {group["momentum"] for group in groups} == {0.3}


@pytest.mark.parametrize(("call", "epoch", "step", "images"), [(1, 1, 1, 3), (4, 2, 2, 2)])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_names_epoch_step_and_images(
    manifest: Manifest, tmp_path: Path, call: int, epoch: int, step: int, images: int, value: float
) -> None:
    with pytest.raises(InputError) as caught:
        run(manifest, tmp_path / "a.resume", Counted(call, lambda loss: loss * value))
    message = str(caught.value)
    stream = Batches(manifest, recipe=recipe(), mean_pixel=MEAN_PIXEL, seed=2, purpose="test", workers=1)
    ids = list(stream.epochs(epoch, epoch))[step - 1].ids
    assert len(ids) == images
    for part in ("a classifier", str(value), f"epoch {epoch}, step {step}", ", ".join(ids), "learning rate"):
        assert part in message


def test_a_history_has_each_epochs_rate_and_the_mean_over_its_images(manifest: Manifest, tmp_path: Path) -> None:
    def loss(network: nn.Module, images: Tensor, labels: Tensor, maps: Tensor | None) -> dict[str, Tensor]:
        return {**bce(network, images, labels, maps), "size": torch.tensor(float(len(images)))}

    _, history = run(manifest, tmp_path / "a.resume", loss)
    assert [record["lr"] for record in history] == [0.002, 0.002, 0.0002, 0.0002]
    # Batches of 3 and 2: the mean over images, not over batches, is (9 + 4) / 5.
    assert [record["size"] for record in history] == [2.6] * 4
    assert all(list(record) == ["epoch", "lr", "loss", "size"] for record in history)


def test_the_step_schedule_by_hand() -> None:
    how = Training(epochs=15, steps=[6, 9])
    expected = {0: 1, 5.99: 1, 6: 0.1, 8.5: 0.1, 9: 0.01, 14.9: 0.01}
    for epoch, factor in expected.items():
        assert rate_factor(how, epoch) == pytest.approx(factor)


def test_the_cosine_schedule_by_hand() -> None:
    how = Training(epochs=11, schedule="cosine")
    # A warm-up of one epoch from a tenth, then half a wave over the ten epochs left.
    expected = {0: 0.1, 0.5: 0.55, 1: 1, 6: 0.5, 1 + 10 / 3: 0.75, 1 + 20 / 3: 0.25, 11: 0}
    for epoch, factor in expected.items():
        assert rate_factor(how, epoch) == pytest.approx(factor, abs=1e-12)
    short = Training(epochs=2, schedule="cosine")
    assert [rate_factor(short, epoch) for epoch in (0, 0.2, 0.4, 1.2, 2)] == pytest.approx([0.1, 0.55, 1, 0.5, 0])


def test_the_rate_moves_with_every_step_and_the_history_has_each_epochs_last(
    manifest: Manifest, tmp_path: Path
) -> None:
    _, history = run(manifest, tmp_path / "a.resume", how=recipe(epochs=2, schedule="cosine", lr=0.002))
    # The second of an epoch's two steps is at 0.5 and 1.5 epochs, 0.1 and 1.1 of 1.6 after the warm-up.
    expected = [0.001 * (1 + math.cos(math.pi * gone / 1.6)) for gone in (0.1, 1.1)]
    assert [record["lr"] for record in history] == pytest.approx(expected, rel=1e-5)


def test_one_step_by_hand_for_each_group_of_parameters(manifest: Manifest, tmp_path: Path) -> None:
    """w ← w - rate·(gradient + decay·w): heads ten times as fast, biases and norms without decay."""
    how = recipe(epochs=1, batch=IMAGES, lr=0.01, momentum=0.9, weight_decay=0.1)
    settings = SMALL.model_copy(update={"dropout": 0.0})
    start = fresh(settings)
    batch = next(Batches(manifest, recipe=how, mean_pixel=MEAN_PIXEL, seed=2, purpose="test", workers=1).epochs(1, 1))
    start.train()
    bce(start, COMPUTE.normalised(batch.images), batch.labels, None)["loss"].backward()
    trained, _ = run(manifest, tmp_path / "a.resume", network=fresh(settings), how=how)
    after = dict(trained.named_parameters())
    seen = set()
    for name, before in start.named_parameters():
        assert before.grad is not None
        rate = 0.01 if name.startswith("backbone.") else 0.1
        decay = 0.1 if before.ndim > 1 else 0.0
        expected = before - rate * (before.grad + decay * before)
        torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-6)
        seen.add((rate, decay))
    assert len(seen) == 4


def test_the_last_epoch_leaves_its_checkpoint_to_the_stage(manifest: Manifest, tmp_path: Path) -> None:
    """Between the last epoch and the model's file a kill costs one epoch, no more."""
    path = tmp_path / "a.resume"
    undisturbed, history = run(manifest, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.resume"]
    counted = Counted()
    restarted, records = run(manifest, path, counted)
    assert counted.calls == 2
    assert records == history
    assert_same_weights(restarted, undisturbed)
