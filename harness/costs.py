"""What training a cell costs in arithmetic, foretold from its check: for machines that nobody has timed yet."""

from __future__ import annotations

from typing import Any

from harness.plan import Cell

MACS_PER_GPU_HOUR = 3600 * 10**12
"""What an hour of one accelerator is taken to be: 10^12 multiply-accumulates a second. Assumed, not measured: small
convolutions reach a few per cent of what a data-centre GPU could."""

FORWARD_AND_BACKWARD = 3
"""A training step costs three forward passes: gradients of activations and of weights cost about one each."""


def training_macs(one: Cell) -> int | None:
    """Multiply-accumulates of the cell's own training; None where its check or its `Config` does not tell.

    Epochs, batches and teaching are read as `baselines.training.Recipe` and `baselines.distillation.Distillation` call
    them: an own `Config` with other names is not foretold. Epochs that the entry's `figures` tell stand before these. A
    system that has the `network_of` another one, or is the `ensemble_of` its runs, trains nothing. Frontends, patchout
    and scoring are left out.
    """
    config: dict[str, Any] = one.system.check.config or {}
    if config.get("network_of") or config.get("ensemble_of"):
        return 0
    found = one.system.check.complexity
    told = one.system.check.figures.get("epochs")
    epochs = config.get("epochs") if told is None else int(told)
    if found is None or not isinstance(epochs, int):
        return None
    clips = 0 if one.rows is None else len(one.rows)
    seen: int = max(epochs * clips, config.get("minimum_steps", 0) * config.get("batch_size", 0))
    teaching = config.get("distillation") or {}
    heard = 0 if not teaching else clips if teaching.get("teaching") == "offline" else seen
    taught_by = [teacher.system.check.complexity for _, teacher in one.teachers]
    teachers = sum(each.macs for each in taught_by if each)
    return FORWARD_AND_BACKWARD * found.macs * seen + teachers * heard


def gpu_hours(macs: int) -> float:
    """Hours that so many multiply-accumulates are taken to need on one accelerator."""
    return macs / MACS_PER_GPU_HOUR
