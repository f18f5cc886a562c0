"""Clips that nobody has heard before: two test clips at random loudness, one of them turned by a random time.

What an entry has kept of a clip is of no use then. A share of the rounds has test clips as they are: those must give
the logits that were scored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.data.store import Waveforms
from harness.validated import Record

KNOWN_SHARE = 0.25
"""Rounds with test clips as they are."""

LOUDNESS = (0.3, 0.7)
"""Factors of the two clips of a mixture: together never louder than 1.4 times a full-scale clip."""


class Mixture(Record):
    """Rows of the test clips, what each is multiplied with, and by how many samples the second is turned.

    A test clip as it is has an `other_gain` of 0.
    """

    one: int
    other: int
    gain: float = 1.0
    other_gain: float = 0.0
    shift: int = 0

    @property
    def known(self) -> bool:
        """Whether this is a test clip as it is."""
        return self.other_gain == 0.0 and self.gain == 1.0

    def mixed(self, clips: Waveforms) -> NDArray[np.float32]:
        """(samples,) float32."""
        if self.known:
            return np.asarray(clips[self.one], dtype=np.float32)
        other = np.roll(clips[self.other], self.shift)
        whole: NDArray[np.float32] = (
            np.float32(self.gain) * clips[self.one] + np.float32(self.other_gain) * other
        ).astype(np.float32)
        return whole


class Mixer:
    """Draws what the next round is asked about. The seed comes from the system: nobody can foresee it."""

    def __init__(self, clips: Waveforms, seed: int) -> None:
        self.clips = clips
        self._generator = np.random.default_rng(seed)

    def fresh(self, count: int) -> list[Mixture]:
        """Mixtures that were never made before."""
        rows = self._generator.integers(0, len(self.clips), (count, 2))
        gains = self._generator.uniform(*LOUDNESS, (count, 2))
        shifts = self._generator.integers(0, max(1, self.clips.samples), count)
        return [
            Mixture(one=int(a), other=int(b), gain=float(x), other_gain=float(y), shift=int(shift))
            for (a, b), (x, y), shift in zip(rows, gains, shifts, strict=True)
        ]

    def known(self, count: int) -> list[Mixture]:
        """Test clips as they are."""
        return [Mixture(one=int(row), other=int(row)) for row in self._generator.integers(0, len(self.clips), count)]

    def round(self, count: int) -> list[Mixture]:
        """The clips of a round: fresh ones mostly, known ones now and then."""
        return self.known(count) if self._generator.random() < KNOWN_SHARE else self.fresh(count)

    def fill(self, mixtures: Sequence[Mixture], inputs: NDArray[np.float32]) -> None:
        """Writes the clips into the first rows of `inputs` (clips, samples)."""
        for row, mixture in enumerate(mixtures):
            inputs[row] = mixture.mixed(self.clips)
