"""Losses of knowledge distillation; logits (batch, classes) in, one number out.

Two families of papers, two conventions: the acoustic-scene papers (000, 004) soften both sides and scale by tau
squared, CMKD and FastAST (003, 001) soften the teacher only.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from harness.contract import Mistake

Reduction = Literal["elements", "clips"]
"""Mean over all of batch x classes, as the released code of papers 000 and 004; or a sum over classes, mean over clips:
for ten classes ten times as much."""

Order = Literal["teacher_student", "student_teacher"]
"""Of which distribution a divergence is the mean: KL(teacher || student), or KL(student || teacher)."""

Activation = Literal["softmax", "sigmoid"]


def softened_divergence(
    student: Tensor,
    teacher: Tensor,
    tau: float,
    reduction: Reduction = "elements",
    order: Order = "teacher_student",
) -> Tensor:
    """tau^2 KL(teacher || student) of the softmax of both at temperature `tau`.

    Paper 000, equation 1, as released. Paper 004 prints KL(student || teacher); its code computes the other.
    """
    mean, other = (F.log_softmax(logits.float() / tau, dim=1) for logits in (teacher, student))
    if order == "student_teacher":
        mean, other = other, mean
    terms = F.kl_div(other, mean, reduction="none", log_target=True)
    return tau**2 * (terms.mean() if reduction == "elements" else terms.sum(1).mean())


def cross_model_divergence(
    student: Tensor, teacher: Tensor, tau: float, activation: Activation = "softmax", reduction: Reduction = "clips"
) -> Tensor:
    """KL(psi(teacher / tau) || psi(student)): the temperature on the teacher only, no tau^2 (paper 003, section 2.4).

    psi is the softmax, or the sigmoid for tasks with several labels a clip: the sum over classes of the divergences of
    two-sided distributions, whose gradient is that of binary cross-entropy against the teacher. The paper states no
    reduction and published no code.
    """
    student, teacher = student.float(), teacher.float() / tau
    if activation == "softmax":
        terms = F.kl_div(
            F.log_softmax(student, dim=1), F.log_softmax(teacher, dim=1), reduction="none", log_target=True
        )
    else:
        target = teacher.sigmoid()
        entropy = F.binary_cross_entropy_with_logits(teacher, target, reduction="none")
        terms = F.binary_cross_entropy_with_logits(student, target, reduction="none") - entropy
    return terms.mean() if reduction == "elements" else terms.sum(1).mean()


def label_loss(logits: Tensor, targets: Tensor, activation: Activation = "softmax") -> Tensor:
    """Cross-entropy with labels (batch,) or shares (batch, classes); "sigmoid": binary, mean over batch and classes."""
    logits = logits.float()
    if activation == "softmax":
        return F.cross_entropy(logits, targets)
    if not targets.is_floating_point():
        targets = F.one_hot(targets, logits.shape[1]).to(logits)
    return F.binary_cross_entropy_with_logits(logits, targets)


def require_shares(targets: Tensor) -> None:
    """Raises `Mistake` for targets outside 0 … 1."""
    if targets.is_floating_point() and not bool(((targets >= 0) & (targets <= 1)).all()):
        problem = "Targets are to be shares from 0 to 1, and some lie outside."
        raise Mistake("training.targets", problem, "Give probabilities, not logits.")
