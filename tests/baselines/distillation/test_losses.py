"""The losses of distillation against the papers' released arithmetic and plain formulas in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from baselines.distillation.losses import (
    Activation,
    Reduction,
    cross_model_divergence,
    label_loss,
    require_shares,
    softened_divergence,
)
from harness.contract import Mistake


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Tensor]:
    return load_file(shared / "golden/kd/asc_ensemble_kd.safetensors")


def logits(seed: int, clips: int = 7, classes: int = 5, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(clips, classes, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("reduction", "key"), [("elements", "kd.kd_loss_elementmean_tau2"), ("clips", "kd.kd_loss_batchmean_tau2")]
)
def test_the_softened_divergence_is_that_of_the_official_code(
    golden: dict[str, Tensor], reduction: Reduction, key: str
) -> None:
    found = softened_divergence(golden["kd.student"], golden["kd.teacher"], 2.0, reduction)
    assert float(found) == pytest.approx(float(golden[key]), rel=1e-5)


def test_both_losses_together_and_their_gradient_are_those_of_the_official_code(golden: dict[str, Tensor]) -> None:
    student = golden["kd.student"].clone().requires_grad_()
    labels = label_loss(student, golden["kd.labels"])
    assert float(labels.detach()) == pytest.approx(float(golden["kd.label_loss"]), rel=1e-5)
    total = 0.02 * labels + 0.98 * softened_divergence(student, golden["kd.teacher"], 2.0)
    assert float(total.detach()) == pytest.approx(float(golden["kd.total"]), rel=1e-5)
    total.backward()
    assert student.grad is not None
    expected = golden["kd.grad_student"]
    assert float((student.grad - expected).abs().max() / expected.abs().max()) < 1e-5


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0, 6.0])
@pytest.mark.parametrize("reduction", ["elements", "clips"])
def test_the_softened_divergence_is_tau_squared_times_teacher_against_student(tau: float, reduction: Reduction) -> None:
    student, teacher = logits(1), logits(2)
    p = scipy.special.softmax(teacher.double().numpy() / tau, axis=1)
    q = scipy.special.softmax(student.double().numpy() / tau, axis=1)
    terms = p * np.log(p / q)
    expected = tau**2 * (terms.mean() if reduction == "elements" else terms.sum(1).mean())
    assert float(softened_divergence(student, teacher, tau, reduction)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reduction", ["elements", "clips"])
def test_turned_round_it_is_the_mean_over_the_student_s_distribution(reduction: Reduction) -> None:
    """Paper 004, equation 1."""
    student, teacher = logits(1).requires_grad_(), logits(2)
    p = scipy.special.softmax(teacher.double().numpy() / 2, axis=1)
    q = scipy.special.softmax(student.detach().double().numpy() / 2, axis=1)
    terms = q * np.log(q / p)
    expected = 4 * (terms.mean() if reduction == "elements" else terms.sum(1).mean())
    found = softened_divergence(student, teacher, 2.0, reduction, "student_teacher")
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)
    found.backward()
    assert student.grad is not None
    moved = (student - 0.1 * student.grad).detach()
    assert float(softened_divergence(moved, teacher, 2.0, reduction, "student_teacher")) < expected


@pytest.mark.parametrize("tau", [1.0, 2.5, 6.0])
@pytest.mark.parametrize("reduction", ["elements", "clips"])
def test_the_cross_model_divergence_softens_the_teacher_only_and_scales_nothing(
    tau: float, reduction: Reduction
) -> None:
    student, teacher = logits(1), logits(2)
    p = scipy.special.softmax(teacher.double().numpy() / tau, axis=1)
    q = scipy.special.softmax(student.double().numpy(), axis=1)
    terms = p * np.log(p / q)
    expected = terms.mean() if reduction == "elements" else terms.sum(1).mean()
    found = cross_model_divergence(student, teacher, tau, reduction=reduction)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("tau", [1.0, 2.5])
@pytest.mark.parametrize("reduction", ["elements", "clips"])
def test_with_several_labels_each_class_is_a_two_sided_divergence(tau: float, reduction: Reduction) -> None:
    student, teacher = logits(1), logits(2)
    t = scipy.special.expit(teacher.double().numpy() / tau)
    s = scipy.special.expit(student.double().numpy())
    terms = t * np.log(t / s) + (1 - t) * np.log((1 - t) / (1 - s))
    expected = terms.mean() if reduction == "elements" else terms.sum(1).mean()
    found = cross_model_divergence(student, teacher, tau, "sigmoid", reduction)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_with_several_labels_the_gradient_is_student_less_teacher() -> None:
    student, teacher = logits(1).requires_grad_(), logits(2)
    cross_model_divergence(student, teacher, 2.5, "sigmoid").backward()
    assert student.grad is not None
    expected = (scipy.special.expit(student.detach().double().numpy()) - scipy.special.expit(teacher.numpy() / 2.5)) / 7
    assert np.allclose(student.grad.numpy(), expected, atol=1e-6)


def test_the_gradient_of_the_softened_divergence_is_tau_times_student_less_teacher() -> None:
    student, teacher, tau = logits(1).requires_grad_(), logits(2), 3.0
    softened_divergence(student, teacher, tau, "clips").backward()
    assert student.grad is not None
    p, q = (scipy.special.softmax(one.double().numpy() / tau, axis=1) for one in (teacher, student.detach()))
    assert np.allclose(student.grad.numpy(), tau * (q - p) / 7, atol=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_student_that_says_what_its_teacher_says_has_nothing_to_learn(activation: Activation) -> None:
    teacher = logits(2)
    assert float(cross_model_divergence(teacher, teacher, 1.0, activation)) == pytest.approx(0, abs=1e-6)
    assert float(cross_model_divergence(teacher / 2.5, teacher, 2.5, activation)) == pytest.approx(0, abs=1e-6)
    assert float(cross_model_divergence(-teacher, teacher, 1.0, activation)) > 1
    assert float(softened_divergence(teacher, teacher, 2.0)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("scale", [100.0, 1e4])
def test_very_sure_logits_give_numbers_and_gradients(scale: float) -> None:
    losses = [
        lambda student, teacher: softened_divergence(student, teacher, 1.0),
        lambda student, teacher: cross_model_divergence(student, teacher, 1.0),
        lambda student, teacher: cross_model_divergence(student, teacher, 1.0, "sigmoid"),
    ]
    for loss in losses:
        student = logits(1, scale=scale).requires_grad_()
        value = loss(student, logits(2, scale=scale))
        value.backward()
        assert float(value.detach()) > 1
        assert student.grad is not None
        assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_of_short_numbers_are_computed_in_float32(dtype: torch.dtype) -> None:
    student, teacher = logits(1).to(dtype), logits(2).to(dtype)
    for loss in (softened_divergence, cross_model_divergence):
        found = loss(student, teacher, 2.0)
        assert found.dtype == torch.float32
        assert torch.equal(found, loss(student.float(), teacher.float(), 2.0))
    assert label_loss(student, torch.zeros(7, dtype=torch.int64)).dtype == torch.float32


def test_cross_entropy_takes_labels_and_shares() -> None:
    student, labels = logits(1), torch.tensor([0, 4, 2, 2, 1, 3, 0])
    logs = scipy.special.log_softmax(student.double().numpy(), axis=1)
    assert float(label_loss(student, labels)) == pytest.approx(-logs[np.arange(7), labels.numpy()].mean(), rel=1e-6)
    shares = torch.rand(7, 5, generator=torch.Generator().manual_seed(3)).softmax(1)
    assert float(label_loss(student, shares)) == pytest.approx(-(shares.numpy() * logs).sum(1).mean(), rel=1e-6)


def test_binary_cross_entropy_is_a_mean_over_clips_and_classes_for_labels_and_shares() -> None:
    student, labels = logits(1), torch.tensor([0, 4, 2, 2, 1, 3, 0])
    s = scipy.special.expit(student.double().numpy())
    for targets in (labels, F.one_hot(labels, 5).float(), torch.rand(7, 5)):
        t = (F.one_hot(targets, 5) if targets.dim() == 1 else targets).double().numpy()
        expected = -(t * np.log(s) + (1 - t) * np.log(1 - s)).mean()
        assert float(label_loss(student, targets, "sigmoid")) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("wrong", [-0.01, 1.01, 7.0, float("nan"), float("inf")])
def test_targets_that_are_no_shares_are_refused(wrong: float) -> None:
    targets = torch.rand(4, 3)
    targets[2, 1] = wrong
    with pytest.raises(Mistake) as raised:
        require_shares(targets)
    assert raised.value.rule == "training.targets"
    assert raised.value.problem.endswith(".")


def test_labels_and_shares_from_0_to_1_both_included_are_taken() -> None:
    require_shares(torch.tensor([0, 9, 3]))
    require_shares(torch.tensor([[0.0, 1.0], [0.5, 0.5]]))
