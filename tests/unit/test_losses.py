"""Losses of the classifier and of prohibitive learning, against numbers by hand and slow NumPy."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from aepsl.losses import classification_loss, constant_loss, first_scores
from aepsl.psl import class_weights, prohibitive_target, psl_loss, seed_loss

FORMS = ("squared", "bce")
CLASS_SCORE_FORMS = ("sigmoid", "softmax", "labels")


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-scores))


def test_squared_loss_by_hand() -> None:
    scores = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]))
    labels = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    # p̂ = (½, ½, 0) and (0, 0, 1): 0 + 1/16 + 1/16 and 0.04 + 0.04 + 0.16.
    assert float(classification_loss(scores, labels, form="squared")) == pytest.approx((0.125 + 0.24) / 2)


def test_bce_loss_by_hand() -> None:
    scores = torch.tensor([[0.0, math.log(3)], [math.log(3), -math.log(3)]])
    labels = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    expected = -(math.log(0.5) + math.log(0.25) + math.log(0.75) + math.log(0.25)) / 4
    assert float(classification_loss(scores, labels, form="bce")) == pytest.approx(expected)


def test_an_image_without_labels_has_a_finite_squared_loss() -> None:
    loss = classification_loss(torch.zeros(1, 4), torch.zeros(1, 4), form="squared")
    assert float(loss) == pytest.approx(4 * 0.25**2)


def test_losses_refuse_other_shapes_and_forms() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\)"):
        classification_loss(torch.zeros(2, 3), torch.zeros(2, 4), form="bce")
    with pytest.raises(ValueError, match="'hinge'"):
        classification_loss(torch.zeros(2, 3), torch.zeros(2, 3), form="hinge")
    with pytest.raises(ValueError, match="one grid"):
        seed_loss(torch.zeros(1, 3, 4, 5), torch.zeros(1, 5, 4))
    with pytest.raises(ValueError, match="'relu'"):
        class_weights(torch.zeros(1, 3), torch.zeros(1, 3), form="relu")


def image_labels(images: int, classes: int, seed: int) -> Tensor:
    """Each image with one label at least, some with several."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((images, classes)) < 0.25).astype(np.float32)
    labels[np.arange(images), rng.integers(classes, size=images)] = 1
    return torch.from_numpy(labels)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_constant_loss_is_the_minimum_over_all_constant_scores(form: str, seed: int) -> None:
    labels = image_labels(30, 5, seed)
    claimed = constant_loss(labels, form=form)
    constant = torch.zeros(1, 5, requires_grad=True)
    search = torch.optim.LBFGS([constant], max_iter=100, line_search_fn="strong_wolfe")

    def loss_of_constant() -> Tensor:
        search.zero_grad()
        loss = classification_loss(constant.expand_as(labels), labels, form=form)
        loss.backward()
        return loss

    search.step(loss_of_constant)
    assert loss_of_constant().item() == pytest.approx(claimed, rel=1e-4)
    rng = np.random.default_rng(seed)
    for deviation in (0.1, 1.0, 5.0):
        others = torch.from_numpy(rng.normal(scale=deviation, size=(50, 5))).float()
        worse = [float(classification_loss(other.expand_as(labels), labels, form=form)) for other in others]
        assert min(worse) > claimed - 1e-6


def test_constant_loss_by_hand() -> None:
    labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert constant_loss(labels, form="squared") == pytest.approx(2 * (3 * 0.25**2 + 0.75**2) / 4)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert constant_loss(labels, form="bce") == pytest.approx(2 * entropy / 3)  # the third class is certain


def test_first_scores_are_nearly_the_best_constant_ones_and_finite() -> None:
    labels = image_labels(1000, 5, seed=3)
    labels[:, 4] = 0  # a class of no image
    first = first_scores(labels, form="bce")
    assert torch.isfinite(first).all() and first[4] < -7
    reached = float(classification_loss(first.expand_as(labels), labels, form="bce"))
    assert reached == pytest.approx(constant_loss(labels, form="bce"), abs=2e-4)
    assert first_scores(labels, form="squared").tolist() == [0.0] * 5


def numpy_seed_loss(scores: np.ndarray, target: np.ndarray) -> float:
    f = softmax(scores.astype(np.float64))
    terms = [-math.log(f[b, target[b, y, x], y, x]) for b, y, x in zip(*np.nonzero(target != 255), strict=True)]
    return sum(terms) / len(terms) if terms else 0.0


def numpy_online_target(
    scores: np.ndarray, class_scores: np.ndarray, labels: np.ndarray, *, form: str, classes: str
) -> np.ndarray:
    f = softmax(scores.astype(np.float64))
    v = {"sigmoid": sigmoid(class_scores), "softmax": softmax(class_scores), "labels": labels}[form]
    batch, _, height, width = scores.shape
    online = np.zeros((batch, height, width), np.int64)
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                weighted = [f[b, 0, y, x], *(v[b, c] * f[b, c + 1, y, x] for c in range(v.shape[1]))]
                best = weighted.index(max(weighted))
                absent = best > 0 and labels[b, best - 1] == 0
                online[b, y, x] = 255 if classes == "labels" and absent else best
    return online


def numpy_branch_loss(class_scores: np.ndarray, labels: np.ndarray, form: str) -> float:
    if form == "bce":
        p = sigmoid(class_scores)
        return float(-(labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean())
    target = labels / labels.sum(1, keepdims=True)
    return float(((softmax(class_scores) - target) ** 2).sum() / len(labels))


def problem(seed: int, ignored: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores (3, 5, 4, 6), class scores (3, 4), a target with that share ignored, labels."""
    rng = np.random.default_rng(seed)
    target = rng.integers(5, size=(3, 4, 6)).astype(np.uint8)
    target[rng.random(target.shape) < ignored] = 255
    return (
        torch.from_numpy(rng.normal(scale=2, size=(3, 5, 4, 6))).float(),
        torch.from_numpy(rng.normal(scale=2, size=(3, 4))).float(),
        torch.from_numpy(target),
        image_labels(3, 4, seed),
    )


def one_image_ignored(target: Tensor) -> Tensor:
    target = target.clone()
    target[1] = 255
    return target


@pytest.mark.parametrize("ignored", [0.0, 0.3, 0.95, 1.0])
def test_seed_loss_equals_slow_numpy_over_the_labelled_pixels(ignored: float) -> None:
    for seed in range(3):
        scores, _, target, _ = problem(seed, ignored)
        for pattern in (target, one_image_ignored(target)):
            found = seed_loss(scores, pattern)
            assert float(found) == pytest.approx(numpy_seed_loss(scores.numpy(), pattern.numpy()), rel=1e-5)


def test_seed_loss_of_nothing_labelled_is_zero_with_zero_gradient() -> None:
    scores = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = seed_loss(scores, torch.full((2, 4, 4), 255, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None
    assert not scores.grad.any()


def test_a_balanced_branch_learns_what_an_image_adds_to_the_classes_frequency() -> None:
    scores, class_scores, target, labels = problem(4, 0.5)
    log_odds = torch.tensor([-3.0, 0.0, 1.5, -0.5][: labels.shape[1]])
    terms = psl_loss(scores, class_scores, target, labels, branch_loss="balanced", log_odds=log_odds)
    expected = numpy_branch_loss((class_scores + log_odds).double().numpy(), labels.double().numpy(), "bce")
    assert float(terms["branch"]) == pytest.approx(expected, rel=1e-5)
    plain = psl_loss(scores, class_scores, target, labels)
    assert terms["online"] == plain["online"], "v is of the scores alone"
    for words in ({"branch_loss": "balanced"}, {"log_odds": log_odds}):
        with pytest.raises(ValueError, match="log_odds belong to"):
            psl_loss(scores, class_scores, target, labels, **words)


@pytest.mark.parametrize("online_classes", ["all", "labels"])
@pytest.mark.parametrize("form", CLASS_SCORE_FORMS)
@pytest.mark.parametrize("branch_loss", FORMS)
@pytest.mark.parametrize("ignored", [0.0, 0.4, 0.97, 1.0])
def test_psl_equals_slow_numpy(online_classes: str, form: str, branch_loss: str, ignored: float) -> None:
    won_by_absent = 0
    for seed in range(3):
        scores, class_scores, target, labels = problem(seed, ignored)
        weights = class_weights(class_scores, labels, form=form)
        allowed = torch.cat([torch.ones(3, 1), labels], dim=1) if online_classes == "labels" else None
        online = numpy_online_target(
            scores.numpy(), class_scores.double().numpy(), labels.numpy(), form=form, classes=online_classes
        )
        np.testing.assert_array_equal(prohibitive_target(scores, weights, allowed=allowed), online)
        won_by_absent += int((online == 255).sum())
        terms = psl_loss(
            scores,
            class_scores,
            target,
            labels,
            class_score_form=form,
            branch_loss=branch_loss,
            branch_weight=0.7,
            online_classes=online_classes,
        )
        seed_term = numpy_seed_loss(scores.numpy(), target.numpy())
        online_term = numpy_seed_loss(scores.numpy(), online)
        branch_term = numpy_branch_loss(class_scores.double().numpy(), labels.double().numpy(), branch_loss)
        assert float(terms["seed"]) == pytest.approx(seed_term, rel=1e-5)
        assert float(terms["online"]) == pytest.approx(online_term, rel=1e-5)
        assert float(terms["branch"]) == pytest.approx(branch_term, rel=1e-5)
        assert float(terms["loss"]) == pytest.approx(seed_term + online_term + 0.7 * branch_term, rel=1e-5)
    # The random cases must reach what they are about: absent classes do win pixels, unless v is the labels themselves.
    assert (won_by_absent > 0) == (online_classes == "labels" and form != "labels")


def test_a_class_that_the_branch_doubts_is_prohibited() -> None:
    scores = torch.log(torch.tensor([0.2, 0.5, 0.3])).view(1, 3, 1, 1)
    assert prohibitive_target(scores, torch.tensor([[1.0, 1.0, 1.0]])).item() == 1
    assert prohibitive_target(scores, torch.tensor([[1.0, 0.5, 0.9]])).item() == 2  # 0.20, 0.25, 0.27
    assert prohibitive_target(scores, torch.tensor([[1.0, 0.3, 0.5]])).item() == 0  # 0.20, 0.15, 0.15
    scores[0, 2] = math.log(0.05)
    assert prohibitive_target(scores, torch.tensor([[1.0, 0.5, 0.9]])).item() == 1  # 0.20, 0.25, 0.05


def test_negative_scores_are_weighed_as_probabilities_not_as_scores() -> None:
    # A product with the score itself would turn -1 into -0.1 and let the doubted class win.
    scores = torch.tensor([-0.5, -1.0]).view(1, 2, 1, 1)
    assert prohibitive_target(scores, torch.tensor([[1.0, 0.1]])).item() == 0


@pytest.mark.parametrize("form", CLASS_SCORE_FORMS)
@pytest.mark.parametrize("online_classes", ["all", "labels"])
def test_gradients_hold_the_online_target_constant(form: str, online_classes: str) -> None:
    scores, class_scores, target, labels = problem(5, 0.5)
    scores.requires_grad_()
    class_scores.requires_grad_()
    terms = psl_loss(
        scores,
        class_scores,
        target,
        labels,
        class_score_form=form,
        branch_weight=2.0,
        online_classes=online_classes,
    )
    terms["loss"].backward()
    with torch.no_grad():
        f = softmax(scores.double().numpy())
        v = class_scores.double().numpy()
        online = numpy_online_target(scores.numpy(), v, labels.numpy(), form=form, classes=online_classes)
    # d J(f, S) / d score = (f - [S = c]) / |S| on labelled pixels; J(f, Ŝ) alike, Ŝ a constant.
    expected = np.zeros_like(f)
    for labelling in (target.numpy().astype(np.int64), online):
        seen = labelling != 255
        hot = (np.arange(5)[None, :, None, None] == labelling[:, None]).astype(np.float64)
        expected += (f - hot) * seen[:, None] / seen.sum()
    np.testing.assert_allclose(scores.grad, expected, atol=1e-6)
    # Only the branch's own loss reaches the class scores: 2·(sigmoid - y) / (B·C).
    np.testing.assert_allclose(class_scores.grad, 2 * (sigmoid(v) - labels.numpy()) / labels.numel(), atol=1e-6)


def test_the_online_target_is_outside_the_graph() -> None:
    scores, class_scores, _, labels = problem(1, 0)
    weights = class_weights(class_scores.requires_grad_(), labels, form="sigmoid")
    assert weights.requires_grad
    assert not prohibitive_target(scores.requires_grad_(), weights).requires_grad


def test_each_term_is_divided_by_its_own_pixel_count() -> None:
    scores, class_scores, target, labels = problem(3, 0)
    few = torch.full_like(target, 255)
    few[0, 0, :2] = target[0, 0, :2]
    all_labelled, two_labelled = (psl_loss(scores, class_scores, t, labels) for t in (target, few))
    f = softmax(scores.double().numpy())
    by_hand = -sum(math.log(f[0, int(target[0, 0, x]), 0, x]) for x in range(2)) / 2
    assert float(two_labelled["seed"]) == pytest.approx(by_hand, rel=1e-5)
    # How many pixels S labels is nothing to Ŝ.
    assert float(two_labelled["online"]) == float(all_labelled["online"])
    # Twice the batch is the same mean.
    twice = [torch.cat([t, t]) for t in (scores, class_scores, few, labels)]
    doubled = psl_loss(*twice)
    for name, value in two_labelled.items():
        assert float(doubled[name]) == pytest.approx(float(value), rel=1e-5)
