"""How far every block of an AST looks, over the test clips (paper 003, figure 6)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.analysis.distances import mean_distances
from baselines.models.ast import AST
from harness.contract import Mistake, Probed

AT_A_TIME = 4
"""Clips: a map of AST-base on 10 s has 18 million numbers a clip and block."""


def probe(system: Probed) -> dict[str, NDArray[np.float32]]:
    """`mel_bands` and `seconds` (blocks, heads): mean distances over clips and patches.

    Raises `Mistake` where the network is no AST, or merges tokens.
    """
    network = system.classifier.network
    if not isinstance(network, AST):
        kind = type(network).__name__
        problem = f"Its network is a {kind}, and only the blocks of an AST attend to places of a spectrogram."
        raise Mistake("analysis.attention", problem, "Choose systems whose network is an AST.")
    sums = torch.zeros(2)
    count = 0
    for rows, clips in system.batches(AT_A_TIME):
        found = mean_distances(network, system.classifier.frontend(clips.waveforms))
        sums = sums.to(found.seconds) + len(rows) * torch.stack([found.mel_bands, found.seconds], dim=-1)
        count += len(rows)
    bands, seconds = (sums / count).float().cpu().unbind(-1)
    return {"mel_bands": bands.numpy(), "seconds": seconds.numpy()}
