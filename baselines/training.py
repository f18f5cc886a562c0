"""The training loop of the baselines: AdamW, a warm-up and cosine schedule, augmentation, checkpoints every epoch.

Speed on a CPU comes from channels-last layout (depthwise convolutions are several times faster), the banded mel filter
bank, and memory that is not handed back between steps (`harness/nursery.py`): 3.4 times the plain step. torch.compile
added nothing to these on 2 cores and takes a minute and a half; it is there for other machines. Figures:
`reports/benchmarks/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.contract import Batch, Run, TrainingData

Forward = Callable[[nn.Module, Batch], Tensor]


@dataclass(frozen=True)
class Recipe:
    """What the loop needs to know. `warmup_steps` rise linearly to `learning_rate`, then a cosine falls to 0.

    `minimum_steps` adds epochs where the split is so small that `epochs` of it would be fewer steps. `compile` needs a
    C++ compiler where the training runs.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    minimum_steps: int = 0
    compile: bool = False

    def steps_per_epoch(self, clips: int) -> int:
        """Batches in which every one of `clips` clips is seen once."""
        return math.ceil(clips / self.batch_size)

    def epochs_of(self, clips: int) -> int:
        """Epochs on a split of `clips` clips."""
        return max(self.epochs, math.ceil(self.minimum_steps / max(1, self.steps_per_epoch(clips))))


def fit(network: nn.Module, forward: Forward, data: TrainingData, run: Run, recipe: Recipe) -> None:
    """Trains `network` in place to tell the labels apart; `forward` gives the logits of a batch.

    A checkpoint is kept after every epoch; a run that was interrupted goes on from there to the same weights, bit for
    bit on a CPU.
    """
    network.train().to(run.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    epochs = recipe.epochs_of(len(data))
    total = epochs * recipe.steps_per_epoch(len(data))
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, warmup_cosine(recipe.warmup_steps, total))
    parts: dict[str, Any] = {"network": network, "optimiser": optimiser, "schedule": schedule}
    first = _resume(run, parts)
    stepped = cast("nn.Module", torch.compile(network)) if recipe.compile else network
    for epoch in range(first, epochs):
        loss = _epoch(stepped, forward, data, run, recipe, optimiser, schedule)
        run.save({"epoch": epoch + 1, **{name: part.state_dict() for name, part in parts.items()}})
        run.progress(epoch + 1, epochs, loss=loss)


def warmup_cosine(warmup_steps: int, total_steps: int) -> Callable[[int], float]:
    """Learning-rate factor by step: linear from 0 to 1 over the warm-up, then half a cosine down to 0.

    Source: DCASE 2024 baseline (transformers' `get_cosine_schedule_with_warmup`).
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return step / max(1, warmup_steps)
        progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return max(0.0, 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))

    return factor


def _resume(run: Run, parts: dict[str, Any]) -> int:
    state = run.load()
    if state is None:
        return 0
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epoch"])


def _epoch(
    network: nn.Module,
    forward: Forward,
    data: TrainingData,
    run: Run,
    recipe: Recipe,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    losses = []
    for batch in data.batches(recipe.batch_size, run.generator):
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(network, batch), batch.labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())
