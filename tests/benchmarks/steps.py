"""The baseline's training step, written plainly and as this project runs it, each in a process of its own.

    python -m tests.benchmarks.steps plain|eager|compiled network|with-frontend

prints "ready" and then, for every line it reads, takes one step and prints its seconds. Two such processes can be made
to take turns; the environment that the referee gives its children is given to ours only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BATCH = 256
WARM_UP = 2


class Stepper:
    """A process that takes a step when told to."""

    def __init__(self, variant: str, part: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.steps", variant, part],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        )  # fmt: skip
        assert self._line() == "ready"

    def __call__(self) -> float:
        """Takes one step; its seconds."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.communicate()


def plain_step(*, with_frontend: bool) -> Callable[[], None]:
    """Default layout, 32 bit, eager, torchaudio's frontend."""
    import torch
    import torch.nn.functional as F
    import torchaudio

    from baselines import augmentations
    from baselines.models.cp_mobile import SHAPE_2024, CPMobile

    inputs, labels = data(with_frontend=with_frontend)
    network = CPMobile(SHAPE_2024).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    frontend = torchaudio.transforms.MelSpectrogram(32000, 4096, 3072, 500, n_mels=256)
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        features = (frontend(inputs) + 1e-5).log().unsqueeze(1) if with_frontend else inputs
        features = augmentations.freq_mixstyle(features, 0.3, generator)
        optimiser.zero_grad()
        F.cross_entropy(network(features), labels).backward()
        optimiser.step()

    return step


def our_step(*, with_frontend: bool, compiled: bool) -> Callable[[], None]:
    """This project's layout, frontend and, where asked for, compilation."""
    import torch
    import torch.nn.functional as F

    from baselines import augmentations
    from baselines.frontends import LogMel
    from baselines.models.cp_mobile import SHAPE_2024, CPMobile

    inputs, labels = data(with_frontend=with_frontend)
    network = CPMobile(SHAPE_2024).train().to(memory_format=torch.channels_last)
    stepped = torch.compile(network) if compiled else network
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    frontend = LogMel()
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        features = frontend(inputs) if with_frontend else inputs
        features = augmentations.freq_mixstyle(features, 0.3, generator)
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(stepped(features), labels).backward()
        optimiser.step()

    return step


def data(*, with_frontend: bool):  # noqa: ANN201 - torch is imported where it is used
    """Waveforms (batch, samples) or log-mels (batch, 1, mels, frames), and labels."""
    import torch

    torch.manual_seed(0)
    inputs = torch.randn(BATCH, 32000) * 0.1 if with_frontend else torch.randn(BATCH, 1, 256, 65)
    return inputs, torch.randint(0, 10, (BATCH,))


def main() -> None:
    variant, part = sys.argv[1:]
    with_frontend = part == "with-frontend"
    step = (
        plain_step(with_frontend=with_frontend)
        if variant == "plain"
        else our_step(with_frontend=with_frontend, compiled=variant == "compiled")
    )
    for _ in range(WARM_UP):
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
