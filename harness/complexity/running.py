"""Running `predict` under a meter, and what is refused of it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from harness.complexity.meter import Meter
from harness.complexity.purity import pure
from harness.complexity.reading import Reading
from harness.complexity.replay import Tape
from harness.contract import Classifier, Clips, Entry
from harness.outcomes import Mistake, NotCountable

REPEATS = 1e-4
"""How far the logits of a replay may lie from the first, relative to the largest: they are the same operators."""


def metered(entry: Entry, classifier: Classifier, clips: Clips, meter: Meter, *, replays: bool = False) -> Tensor:
    """What `predict` returns, as the meter saw it.

    Raises `NotCountable` where no operator of torch made it, or, with `replays`, where the operators that were counted
    do not give it.
    """
    tape = Tape() if replays else None
    if tape:
        with _disable_current_modes():
            tape.start([*meter.held_tensors, clips.waveforms])
    meter.begin(clips.waveforms)
    meter.tape = tape
    try:
        with torch.inference_mode(), pure():
            logits = entry.predict(classifier, clips)
        if isinstance(logits, Tensor) and not meter.is_known(logits):
            raise outside("its logits")
    finally:
        meter.tape = None
    if tape and isinstance(logits, Tensor) and not meter.reading.draws:
        with torch.inference_mode(), _disable_current_modes():
            _require_repeated(tape, logits)
    return logits


def _require_repeated(tape: Tape, logits: Tensor) -> None:
    wanted, first = tape.seen(logits), logits.detach().clone()
    again = tape.play(wanted)
    scale = float(first.abs().nan_to_num(posinf=0).max()) if first.numel() else 1.0
    if not torch.allclose(again.float(), first.float(), rtol=REPEATS, atol=REPEATS * scale, equal_nan=True):
        raise outside("the operators that ran do not give the logits that it returned")


def require_countable(reading: Reading) -> None:
    """Raises `NotCountable` where an operator ran that nobody can count, `Mistake` where random numbers were drawn."""
    if reading.draws:
        name, module = next(iter(reading.draws))
        problem = f"predict draws random numbers: {name} in {module}."
        raise Mistake("predict.random", problem, "Predict without chance: what is counted must be what is scored.")
    if reading.unknown:
        raise uncounted(sorted(reading.unknown))


def require_torch_as_it_is() -> None:
    """Raises `NotCountable` where an operator of torch was given another kernel or overload since this was imported."""
    new = (torch.library._impls | torch.library._defs) - _AS_IT_WAS
    changed = sorted(name for name in new if name.split("/")[0].split("::")[0] in {"aten", "quantized"})
    kernels = [name for name in changed if "/" not in name or name.rsplit("/", 1)[-1] in KERNELS]
    if kernels:
        raise uncounted((name.replace("/", "::", 1), "a library of its own") for name in kernels)


KERNELS = frozenset({"CPU", "CUDA", "CompositeExplicitAutograd", "CompositeImplicitAutograd", "QuantizedCPU"})
_AS_IT_WAS = frozenset(torch.library._impls | torch.library._defs)


def uncounted(operators: Iterable[tuple[str, str]]) -> NotCountable:
    """The refusal that names operators and modules."""
    named = ", ".join(f"{name} in {module}" for name, module in list(operators)[:5])
    problem = f"Nobody can count what it does: {named}."
    return NotCountable("count.operator", problem, "Use operators of docs/rules.md, or ask for a handler.")


def outside(what: str) -> NotCountable:
    """The refusal of numbers that torch did not make."""
    problem = f"predict computes outside torch, where nothing can be counted: {what}."
    return NotCountable("count.outside", problem, "Keep every number of a clip in torch tensors (no NumPy, no item()).")
