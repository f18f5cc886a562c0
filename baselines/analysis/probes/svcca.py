"""How a system represents every test clip, right before its output layer (paper 003, table 6).

The paper does not say which layer it takes. Here it is what the last layer with weights reads, whatever the network:
the classifier's input, averaged over positions where it has any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.contract import Classifier, Clips, Mistake, Probed

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)


def probe(system: Probed) -> dict[str, NDArray[np.float32]]:
    """`representations` (clips, width). Raises `Mistake` where no layer reads all clips of a batch."""
    return {"representations": np.concatenate([representations(system, clips) for _, clips in system.batches()])}


def representations(system: Probed, clips: Clips) -> NDArray[np.float32]:
    """(clips, width): the input of the network's last linear or convolutional layer that ran."""
    with _last_input(system.classifier) as seen:
        system.predict(clips)
    if not seen:
        problem = "Its network runs no linear and no convolutional layer, so nobody knows where it represents a clip."
        raise Mistake("analysis.representation", problem, "Choose a system whose network has one.")
    if len(seen[0]) != len(clips.waveforms):
        problem = f"Its last layer reads {len(seen[0])} items for {len(clips.waveforms)} clips."
        raise Mistake(
            "analysis.representation", problem, "Choose a system that predicts the clips of a batch together."
        )
    return np.asarray(seen[0].float().cpu().numpy(), dtype=np.float32)


@contextmanager
def _last_input(classifier: Classifier) -> Iterator[list[Tensor]]:
    """A list with what the last layer read, (items, width), once the network has run."""
    seen: list[Tensor] = []

    def keep(layer: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        seen[:] = [_over_positions(inputs[0], last=isinstance(layer, nn.Linear))]

    layers = [module for module in classifier.network.modules() if isinstance(module, LAYERS)]
    handles = [layer.register_forward_hook(keep) for layer in layers]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _over_positions(x: Tensor, *, last: bool) -> Tensor:
    """(items, width): the mean over all axes between, where the width is the last one, or behind it."""
    x = x.movedim(-1, 1) if last else x
    return x.flatten(2).mean(2) if x.ndim > 2 else x
