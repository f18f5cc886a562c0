"""Clips that nobody has heard before."""

from __future__ import annotations

import numpy as np

from harness.data.store import Waveforms
from harness.throughput.mixing import Mixer, Mixture

CLIPS = np.random.default_rng(0).uniform(-1, 1, (6, 50)).astype(np.float32)


def mixer(seed: int = 0) -> Mixer:
    return Mixer(Waveforms([CLIPS]), seed)


def test_fresh_clips_are_mixtures_of_two_test_clips_and_never_the_same() -> None:
    some = mixer().fresh(200)
    made = np.stack([one.mixed(Waveforms([CLIPS])) for one in some])
    first = some[0]
    expected = first.gain * CLIPS[first.one] + first.other_gain * np.roll(CLIPS[first.other], first.shift)
    np.testing.assert_allclose(made[0], expected, rtol=1e-5)
    assert not any(one.known for one in some)
    assert len(np.unique(made, axis=0)) == 200
    assert made.dtype == np.float32
    assert np.abs(made).max() <= 1.4


def test_known_clips_are_the_test_clips_bit_by_bit() -> None:
    for one in mixer().known(20):
        assert one.known
        np.testing.assert_array_equal(one.mixed(Waveforms([CLIPS])), CLIPS[one.one])


def test_about_a_quarter_of_the_rounds_is_known() -> None:
    drawing = mixer(1)
    known = [all(one.known for one in drawing.round(2)) for _ in range(2000)]
    assert 0.21 < np.mean(known) < 0.29


def test_what_was_asked_can_be_made_again_from_its_record() -> None:
    [one] = mixer().fresh(1)
    again = Mixture.model_validate_json(one.model_dump_json())
    np.testing.assert_array_equal(one.mixed(Waveforms([CLIPS])), again.mixed(Waveforms([CLIPS])))
