"""Recipes: the order of their steps, what is refused, and two frontends that hear the same draws."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from baselines.augmentations import (
    CellNoise,
    DeviceResponse,
    FilterAugment,
    FreqMixStyle,
    FrequencyMask,
    Gain,
    LabelSmoothing,
    MelJitter,
    Mixup,
    Noise,
    Roll,
    RollFrames,
    Shift,
    Steps,
    TimeMask,
    augment,
    features,
)
from baselines.frontends.kaldi import FbankSettings, KaldiFbank
from baselines.frontends.mel import LogMel, MelSettings
from harness import contract
from harness.contract import Mistake
from tests.baselines.augmentations import batch_of, relative, seeded

SETTINGS = MelSettings(sample_rate=1000, n_fft=128, win_length=128, hop_length=50, n_mels=24)
KALDI = FbankSettings(sample_rate=1000, n_fft=64, win_length=50, hop_length=25, n_mels=12)


def read(*steps: dict[str, Any]) -> Steps:
    """Steps as submission.toml writes them."""
    found: Steps = TypeAdapter(Steps).validate_python(list(steps))
    return found


def noise_clips(clips: int = 5, samples: int = 1000) -> Tensor:
    return torch.randn(clips, samples, generator=seeded(8)) * torch.linspace(0.1, 1, clips)[:, None]


def test_a_recipe_is_read_from_a_table() -> None:
    steps = read(
        {"kind": "roll", "seconds": 0.1},
        {"kind": "mixup", "domain": "waveform", "alpha": 10},
        {"kind": "frequency_mask", "limit": 48},
        {"kind": "filter_augment", "form": "step"},
        {"kind": "mixup", "domain": "log_mel", "alpha": 0.3, "own_share": "larger"},
        {"kind": "label_smoothing", "amount": 0.1},
    )
    assert steps == (
        Roll(seconds=0.1),
        Mixup(domain="waveform", alpha=10),
        FrequencyMask(limit=48),
        FilterAugment(form="step"),
        Mixup(domain="log_mel", alpha=0.3, own_share="larger"),
        LabelSmoothing(amount=0.1),
    )


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (
            [{"kind": "frequency_mask", "limit": 48}, {"kind": "roll", "seconds": 0.1}],
            "roll works on the waveform and stands behind frequency_mask, which works on the mel",
        ),
        (
            [{"kind": "freq_mixstyle", "probability": 0.4, "alpha": 0.3}, {"kind": "frequency_mask", "limit": 48}],
            "frequency_mask works on the mel and stands behind freq_mixstyle, which works on the log_mel",
        ),
        (
            [
                {"kind": "cell_noise"},
                {"kind": "label_smoothing", "amount": 0.1},
                {"kind": "mixup", "domain": "waveform", "alpha": 1},
            ],
            "mixup works on the waveform and stands behind cell_noise, which works on the log_mel",
        ),
    ],
    ids=["waveform behind mel", "mel behind log-mel", "one between that works on none"],
)
def test_a_wrong_order_is_refused_with_the_two_steps_that_are_in_it(steps: list[dict[str, Any]], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        read(*steps)


def test_a_wrong_order_of_steps_that_are_made_already_is_refused_too() -> None:
    with pytest.raises(ValidationError, match="roll works on the waveform and stands behind"):
        TypeAdapter(Steps).validate_python((FreqMixStyle(probability=1, alpha=1), Roll(seconds=0.1)))


def test_a_wrong_order_that_is_an_entry_s_default_is_refused() -> None:
    """Else its mask on the logarithm would fall on the linear mel, and nobody would know."""

    class Config(contract.Config):
        augmentations: Steps = (FrequencyMask(limit=8, domain="log_mel"), FrequencyMask(limit=8, domain="mel"))

    with pytest.raises((ValidationError, Mistake), match="stands behind"):
        features(Config().augmentations, batch_of(noise_clips()), LogMel(SETTINGS), seeded())


def test_an_unknown_kind_is_refused_with_the_kinds_there_are() -> None:
    with pytest.raises(ValidationError, match=r"(?s)'rol'.*'roll'.*'freq_mixstyle'"):
        read({"kind": "rol", "seconds": 0.1})


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"kind": "freq_mixstyle", "probability": 1.3, "alpha": 0.3}, "probability"),
        ({"kind": "device_response", "probability": 1.3}, "probability"),
        ({"kind": "gain", "decibels": 7, "probability": -0.1}, "probability"),
        ({"kind": "freq_mixstyle", "probability": 0.4, "alpha": 0}, "alpha"),
        ({"kind": "mixup", "domain": "mel", "alpha": 0.3}, "domain"),
        ({"kind": "roll", "seconds": -1}, "seconds"),
        ({"kind": "roll", "seconds": math.inf}, "seconds"),
        ({"kind": "frequency_mask", "limit": 4.5}, "limit"),
        ({"kind": "label_smoothing", "amount": 1}, "amount"),
        ({"kind": "roll", "seconds": 0.1, "second": 0.1}, "second"),
        ({"kind": "roll"}, "seconds"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(step: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        read(step)
    (error,) = raised.value.errors()
    assert error["loc"][-1] == field


def test_waveform_steps_come_in_their_order_and_no_others_are_taken_on_waveforms() -> None:
    x = noise_clips()
    steps = (Shift(seconds=0.3), Roll(seconds=0.2), FrequencyMask(limit=9), FreqMixStyle(probability=1, alpha=1))
    generator = seeded(4)
    expected = steps[1].apply(steps[0].apply(batch_of(x), generator), generator).x
    found = augment(steps, batch_of(x), seeded(4))
    assert torch.equal(found.x, expected)
    swapped = augment((steps[1], steps[0]), batch_of(x), seeded(4)).x
    assert not torch.equal(swapped, expected)


def test_a_recipe_without_steps_is_the_frontend() -> None:
    x, frontend = noise_clips(), LogMel(SETTINGS)
    batch = batch_of(x)
    assert augment((), batch, seeded()).x is x
    found = features((), batch, frontend, seeded())
    assert torch.equal(found.x, frontend(x))
    assert torch.equal(found.targets, batch.targets)


@pytest.mark.parametrize("gain", [1.0, 0.2])
def test_a_mask_on_the_linear_mel_is_silence_and_on_the_logarithm_its_value(gain: float) -> None:
    settings = replace(SETTINGS, shift=4.5, gain=gain)
    frontend, batch = LogMel(settings), batch_of(noise_clips())
    plain = frontend(batch.x)
    for domain, value in (("mel", (math.log(1e-5) + 4.5) * gain), ("log_mel", 0.0)):
        steps = read({"kind": "frequency_mask", "limit": 20, "domain": domain})
        found = features(steps, batch, frontend, seeded(1)).x
        changed = (found != plain).any(3)
        assert changed.any()
        masked = found.transpose(2, 3).masked_select(changed[:, :, None])
        assert torch.allclose(masked, torch.full_like(masked, value), atol=1e-5)
        unchanged = (found == plain).all(3)
        assert torch.equal(changed, ~unchanged)


def test_a_filter_on_the_linear_mel_adds_decibels_and_on_the_logarithm_multiplies_it() -> None:
    settings = replace(SETTINGS, offset=1e-30)
    frontend, batch = LogMel(settings), batch_of(noise_clips())
    plain = frontend(batch.x).double()
    added = features(read({"kind": "filter_augment"}), batch, frontend, seeded(1)).x.double() - plain
    times = features(read({"kind": "filter_augment", "domain": "log_mel"}), batch, frontend, seeded(1)).x.double()
    audible = plain.abs() > 0.5
    by_row = added.masked_fill(plain < -60, 0).abs().amax(3, keepdim=True) * added.sign()
    assert torch.allclose(added[plain > -60], by_row[plain > -60], atol=1e-4)
    factors = (times / plain)[audible]
    assert torch.allclose(factors.log(), added[audible], atol=1e-4)  # the same draws, once ln(f) added, once f times


@pytest.mark.parametrize("place", range(5))
def test_smoothing_is_taken_once_wherever_it_stands(place: int) -> None:
    others: list[Any] = [
        Gain(decibels=3),
        FrequencyMask(limit=5),
        TimeMask(limit=5, domain="log_mel"),
        FreqMixStyle(probability=1, alpha=0.3),
    ]
    steps = (*others[:place], LabelSmoothing(amount=0.2), *others[place:])
    generator = seeded()
    found = features(steps, augment(steps, batch_of(noise_clips()), generator), LogMel(SETTINGS), generator)
    assert torch.allclose(found.targets, 0.8 * torch.eye(10)[:5] + 0.02)
    without = seeded()
    bare = features(tuple(others), augment(tuple(others), batch_of(noise_clips()), without), LogMel(SETTINGS), without)
    assert torch.equal(found.x, bare.x)


def test_smoothing_before_mixing_and_behind_it_are_the_same() -> None:
    mixing, smoothing = Mixup(domain="waveform", alpha=2), LabelSmoothing(amount=0.1)
    found = [augment(steps, batch_of(noise_clips()), seeded()) for steps in ((mixing, smoothing), (smoothing, mixing))]
    after = features((mixing, smoothing), found[0], LogMel(SETTINGS), seeded()).targets
    assert torch.allclose(after, found[1].targets, atol=1e-6)


def test_jitter_draws_the_edges_of_the_bank_before_all_else() -> None:
    settings = replace(SETTINGS, f_min=20.0, f_max=400.0, f_min_jitter=40, f_max_jitter=100)
    frontend, batch = LogMel(settings), batch_of(noise_clips())
    steps = read({"kind": "frequency_mask", "limit": 9}, {"kind": "mel_jitter"})
    generator = seeded(6)
    edges = settings.draw_edges(generator)
    assert edges != settings.edges
    expected = features(steps[:1], batch, LogMel(replace(settings, f_min=edges[0], f_max=edges[1])), generator).x
    assert relative(features(steps, batch, frontend, seeded(6)).x, expected) < 1e-5
    assert not torch.equal(features(steps, batch, frontend, seeded(7)).x, expected)
    assert torch.equal(frontend(batch.x), LogMel(settings)(batch.x))  # the frontend itself stays as it was


def test_jitter_of_a_frontend_without_any_changes_nothing() -> None:
    frontend, batch = LogMel(SETTINGS), batch_of(noise_clips())
    assert torch.equal(features((MelJitter(),), batch, frontend, seeded()).x, frontend(batch.x))


@pytest.mark.parametrize(
    "step",
    [
        FrequencyMask(limit=4),
        TimeMask(limit=4),
        FilterAugment(),
        CellNoise(domain="mel"),
        RollFrames(limit=2, domain="mel"),
        MelJitter(),
    ],
    ids=lambda step: step.kind,
)
def test_a_step_on_the_linear_mel_is_refused_where_a_frontend_shows_none(step: Any) -> None:
    with pytest.raises(Mistake) as raised:
        features((step,), batch_of(noise_clips()), KaldiFbank(KALDI), seeded())
    assert raised.value.rule == "augmentation.mel"
    assert step.kind in raised.value.problem
    assert "KaldiFbank" in raised.value.problem
    assert raised.value.problem.endswith(".")


def test_steps_on_the_logarithm_work_with_every_frontend() -> None:
    frontend, batch = KaldiFbank(KALDI), batch_of(noise_clips())
    steps = read({"kind": "frequency_mask", "limit": 6, "domain": "log_mel", "value": -7}, {"kind": "cell_noise"})
    generator = seeded(2)
    expected = batch.having(frontend(batch.x))
    for step in steps:
        expected = step.apply(expected, generator)
    assert torch.equal(features(steps, batch, frontend, seeded(2)).x, expected.x)


def test_two_frontends_hear_the_same_partners_and_shares() -> None:
    steps = (MelJitter(), FrequencyMask(limit=9), Mixup(domain="log_mel", alpha=2))
    batch = batch_of(noise_clips(6), n_classes=6)
    frontends = [
        LogMel(SETTINGS),
        LogMel(replace(SETTINGS, hop_length=20, n_mels=16)),
        LogMel(replace(SETTINGS, f_max=400.0, f_max_jitter=100, f_min_jitter=30)),
    ]
    targets = [features(steps, batch, frontend, seeded(3)).targets for frontend in frontends]
    assert (targets[0].diagonal() < 1).any()
    for one, other in itertools.pairwise(targets):
        assert torch.equal(one, other)


def test_every_step_on_spectrograms_costs_the_same_draws_for_every_shape() -> None:
    steps: list[Any] = [
        FilterAugment(),
        FrequencyMask(limit=30),
        TimeMask(limit=30),
        RollFrames(limit=5),
        CellNoise(),
        FreqMixStyle(probability=0.5, alpha=0.3),
        Mixup(domain="log_mel", alpha=0.3),
    ]
    for step, seed in itertools.product(steps, range(5)):
        states = []
        for rows, frames in ((256, 65), (128, 101), (40, 3)):
            generator = seeded(seed)
            step.apply(batch_of(torch.rand(4, 1, rows, frames)), generator)
            states.append(generator.get_state())
        assert torch.equal(states[0], states[1]), step
        assert torch.equal(states[0], states[2]), step


def test_masks_of_frequencies_are_the_same_for_two_lengths_of_hop() -> None:
    steps = read({"kind": "frequency_mask", "limit": 12, "domain": "log_mel", "value": 77})
    batch = batch_of(noise_clips())
    masks = [
        features(steps, batch, LogMel(replace(SETTINGS, hop_length=hop)), seeded(1)).x[..., 0] == 77
        for hop in (50, 20)
    ]  # fmt: skip
    assert masks[0].any()
    assert torch.equal(masks[0], masks[1])


def test_features_leave_no_gradient_and_the_clips_as_they_were(tmp_path: Path) -> None:
    x = noise_clips().requires_grad_()
    kept = x.detach().clone()
    steps: Steps = (
        Roll(seconds=0.1),
        Shift(seconds=0.1),
        Gain(decibels=7),
        Noise(probability=1),
        Mixup(domain="waveform", alpha=2),
        FrequencyMask(limit=9),
        FilterAugment(),
        FreqMixStyle(probability=1, alpha=0.3),
        CellNoise(),
    )
    batch = batch_of(x, responses=tmp_path)
    heard = augment(steps, batch, seeded())
    before = heard.x.clone()
    found = features(steps, heard, LogMel(SETTINGS), seeded(1))
    assert not found.x.requires_grad
    assert not features(steps[5:], batch, LogMel(SETTINGS), seeded(1)).x.requires_grad
    assert torch.equal(x, kept)
    assert torch.equal(heard.x, before)
    assert (found.devices, found.sample_rate, found.responses) == (batch.devices, 1000, tmp_path)
    assert torch.isfinite(found.x).all()


def test_a_recipe_that_needs_responses_says_so() -> None:
    with pytest.raises(Mistake, match="responses"):
        augment((DeviceResponse(probability=0.6),), batch_of(noise_clips()), seeded())


def test_a_clip_alone_goes_through_a_whole_recipe() -> None:
    steps = (Roll(seconds=0.1), FrequencyMask(limit=48), FilterAugment(), FreqMixStyle(probability=1, alpha=0.3))
    generator = seeded()
    heard = augment(steps, batch_of(noise_clips(1)), generator)
    assert features(steps, heard, LogMel(SETTINGS), generator).x.shape == (1, 1, 24, 21)
