"""Batches out of the packed store: rows of memory-mapped shards into tensors, at the speed of the memory."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.store import Waveforms

BYTES_AT_ONCE = 1 << 20
"""Steps that are gathered before they become floats: few enough to still lie in the processor's cache."""


class Gatherer:
    """Waveforms by row. `scales` (clips,) is what a step of each clip is worth."""

    def __init__(self, waveforms: Waveforms, scales: NDArray[np.float32]) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # nothing writes to it
            self._shards = [torch.from_numpy(shard) for shard in waveforms.shards]
        self._waveforms = waveforms
        self._clips_per_shard = waveforms.clips_per_shard
        self._scales = torch.from_numpy(np.array(scales))
        self.samples = waveforms.samples

    @property
    def mapped(self) -> bool:
        """Whether clips lie in mapped memory; else each is read from disk."""
        return self._waveforms.mapped

    def scales(self, rows: Tensor) -> Tensor:
        """(batch,) float32."""
        return self._scales[rows]

    def steps(self, rows: Tensor) -> Tensor:
        """(batch, samples) as they are stored."""
        if not self._waveforms.mapped:
            return torch.from_numpy(self._waveforms.read(rows.tolist()))
        if len(self._shards) == 1:
            return torch.index_select(self._shards[0], 0, rows)
        clips_per_shard = self._clips_per_shard
        clips = [self._shards[row // clips_per_shard][row % clips_per_shard] for row in rows.tolist()]
        return torch.stack(clips)

    def floats(self, rows: Tensor) -> Tensor:
        """(batch, samples) float32 waveforms."""
        waveforms = torch.empty(len(rows), self.samples)
        count = max(1, BYTES_AT_ONCE // max(1, self.samples * 2))
        for start in range(0, len(rows), count):
            some = rows[start : start + count]
            waveforms[start : start + count].copy_(self.steps(some)).mul_(self.scales(some)[:, None])
        return waveforms


def dequantised(steps: Tensor, scales: Tensor) -> Tensor:
    """Float waveforms (batch, samples) of int16 steps and what a step is worth."""
    return steps.float().mul_(scales[:, None])
