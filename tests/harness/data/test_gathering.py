"""Batches out of a store are its waveforms, in whatever shards they lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.data import gathering
from harness.data.gathering import Gatherer
from harness.data.store import Waveforms

CLIPS, SAMPLES = 23, 40


def stored(clips_per_shard: int, kind: str = "int16") -> tuple[Gatherer, np.ndarray]:
    """A gatherer over shards of noise, and the waveforms it should give."""
    generator = np.random.default_rng(0)
    steps = generator.integers(-32767, 32767, (CLIPS, SAMPLES)).astype(kind)
    scales = generator.uniform(1e-6, 1e-4, CLIPS).astype(np.float32)
    steps.flags.writeable = False
    shards = [steps[start : start + clips_per_shard] for start in range(0, CLIPS, clips_per_shard)]
    return Gatherer(Waveforms(shards), scales), steps.astype(np.float32) * scales[:, None]


@pytest.mark.parametrize("clips_per_shard", [1, 7, 23])
@pytest.mark.parametrize("kind", ["int16", "float32"])
@pytest.mark.parametrize("at_once", [1, SAMPLES * 2 * 4, 1 << 20])
def test_floats_are_steps_times_scale(
    clips_per_shard: int, kind: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "BYTES_AT_ONCE", at_once)
    gatherer, expected = stored(clips_per_shard, kind)
    rows = torch.tensor([22, 0, 7, 6, 7, 21, 1, 13, 14])
    assert np.array_equal(gatherer.floats(rows).numpy(), expected[rows.numpy()])
    assert gatherer.steps(rows).dtype == getattr(torch, kind)
    assert np.array_equal(gatherer.steps(rows) * gatherer.scales(rows)[:, None], expected[rows.numpy()])


def test_what_is_gathered_may_be_changed() -> None:
    for clips_per_shard in (1, 23):
        gatherer, expected = stored(clips_per_shard)
        rows = torch.arange(CLIPS)
        gatherer.floats(rows).zero_()
        gatherer.steps(rows).zero_()
        assert np.array_equal(gatherer.floats(rows).numpy(), expected)


def test_nothing_is_gathered_from_nothing() -> None:
    empty = Gatherer(Waveforms([]), np.zeros(0, np.float32))
    assert empty.samples == 0
