"""What `check` does in its process, timed after the imports: `python -m tests.benchmarks.counting small|large`.

Prints seconds. `small` is the official 2024 baseline (61,148 parameters), `large` a transformer of the size of
AST-base (86 M) on one clip.
"""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from harness.complexity.measuring import check_alone, evaluate, measure
from harness.contract import Classifier, Task
from tests.harness.complexity import baselines_by_name
from tests.harness.complexity.probes import TASK, Frames, plain

TOKENS = 108
"""Patches of 16 x 16 every 10, of 128 bands and one second: 12 x 9."""


class Transformer(nn.Module):
    """Twelve layers of width 768 over patches of 256 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Linear(256, 768)
        self.places = nn.Parameter(torch.randn(1, TOKENS, 768) * 0.02)
        layer = nn.TransformerEncoderLayer(768, 12, 3072, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
        self.head = nn.Linear(768, 10)

    def forward(self, patches: Tensor) -> Tensor:
        """(batch, tokens, 256) to (batch, 10)."""
        logits: Tensor = self.head(self.encoder(self.patches(patches) + self.places).mean(1))
        return logits


def small() -> tuple[Any, Classifier]:
    return baselines_by_name.build("dcase2024")


def large() -> tuple[Any, Classifier]:
    return SimpleNamespace(predict=plain), Classifier(Frames(TOKENS, 256), Transformer(), TOKENS * 256)


def check(entry: Any, classifier: Classifier, task: Task) -> None:
    """As the check stage does."""
    evaluate(classifier)
    check_alone(entry, classifier, task)
    measure(entry, classifier, task)


def main() -> None:
    start = time.perf_counter()
    check(*{"small": small, "large": large}[sys.argv[1]](), TASK)
    sys.stdout.write(f"{time.perf_counter() - start}\n")


if __name__ == "__main__":
    main()
