"""Probes against what numpy and plain loops say; they ask any system and leave nothing behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.special
import torch
from torch import Tensor, nn

from baselines import half_precision
from baselines.analysis.distances import mean_distances
from baselines.analysis.disturbances import DISTURBANCES, DRAWS
from baselines.analysis.probes import attention, correlation, robustness, svcca
from baselines.models.ast import AST
from baselines.models.small_ast import Shape, SmallAST
from baselines.token_merging import merge_tokens
from harness.contract import Clips, Mistake, Task
from tests.baselines.analysis.asked import SAMPLES, Asked, asked, cnn, sounds


def ast() -> SmallAST:
    torch.manual_seed(0)
    return SmallAST(Shape(width=8, depth=2, heads=2, stride=8), 3, n_mels=32, n_frames=40).eval()


def hooks(system: Asked) -> int:
    return sum(len(module._forward_hooks) for module in system.classifier.modules())


@pytest.mark.parametrize("multi_label", [False, True])
def test_probabilities_are_those_of_the_task(*, multi_label: bool) -> None:
    system = asked(cnn())
    system = replace(system, task=Task(("a", "b", "c"), 0.1, (), multi_label=multi_label))
    logits = system.predict(Clips(system.waveforms, 8000)).double().numpy()
    expected = scipy.special.expit(logits) if multi_label else scipy.special.softmax(logits, axis=1)
    assert correlation.probe(system)["probabilities"] == pytest.approx(expected, abs=1e-6)


def test_a_representation_is_what_the_classifier_reads() -> None:
    system = asked(cnn())
    with torch.no_grad():
        expected = system.classifier.network[:-1](system.classifier.frontend(system.waveforms))
    assert svcca.probe(system)["representations"] == pytest.approx(expected.numpy(), abs=1e-6)
    assert hooks(system) == 0


def test_a_representation_with_positions_is_their_mean() -> None:
    """A convolution as the last layer, and a linear layer over tokens."""

    class OverPlaces(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(1, 4, 5), nn.Conv2d(4, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x)).mean((2, 3))

    class OverTokens(OverPlaces):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x).flatten(2).transpose(1, 2)).mean(1)

    for kind in (OverPlaces, OverTokens):
        network = kind()
        system = asked(network)
        with torch.no_grad():
            maps = network.first(system.classifier.frontend(system.waveforms)).numpy()
        assert svcca.probe(system)["representations"] == pytest.approx(maps.mean((2, 3)), abs=1e-6)


def test_the_representation_of_an_ast_is_its_embedding() -> None:
    system = asked(ast())
    with torch.no_grad():
        embedded = ast().embed(system.classifier.frontend(system.waveforms))
        expected = ast().mlp_head[0](embedded)
    assert svcca.probe(system)["representations"] == pytest.approx(expected.numpy(), abs=1e-5)


def test_weights_of_16_bit_are_watched_too() -> None:
    """They are widened in twins of their modules, which have the hooks of the originals."""
    system = asked(cnn().half())
    network, frontend = system.classifier.network, system.classifier.frontend
    widened = torch.no_grad()(lambda clips: half_precision.logits(network, frontend(clips.waveforms)))
    system.predict = widened  # type: ignore[method-assign]
    with torch.no_grad():
        expected = cnn().half().float()[:-1](frontend(system.waveforms))
    assert svcca.probe(system)["representations"] == pytest.approx(expected.numpy(), abs=1e-6)
    assert robustness.probe(system)["time_mask"].shape == (5, DRAWS, 7, 3)


def test_who_has_no_layer_or_predicts_clips_one_by_one_is_refused() -> None:
    class Alone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = cnn()

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.inner(one[None]) for one in x])

    with pytest.raises(Mistake, match="reads 1 items for 3 clips"):
        svcca.probe(asked(Alone()))
    with pytest.raises(Mistake, match="no linear and no convolutional layer"):
        svcca.probe(asked(nn.Sequential(nn.AdaptiveAvgPool2d((1, 3)), nn.Flatten())))


def test_distances_are_means_over_all_clips_of_unequal_batches() -> None:
    system = asked(ast())
    whole = mean_distances(ast(), system.classifier.frontend(system.waveforms))
    found = attention.probe(system)
    assert found["mel_bands"] == pytest.approx(whole.mel_bands.numpy(), rel=1e-5)
    assert found["seconds"] == pytest.approx(whole.seconds.numpy(), rel=1e-5)
    assert found["seconds"].shape == (2, 2)


def test_attention_of_a_cnn_and_of_merged_tokens_is_refused() -> None:
    with pytest.raises(Mistake, match="Its network is a Sequential, and only the blocks of an AST"):
        attention.probe(asked(cnn()))
    merging = merge_tokens(ast(), r=2)
    assert isinstance(merging, AST)
    with pytest.raises(Mistake, match="Block 2 has 12 tokens where 14 came in"):
        attention.probe(asked(merging))


@pytest.mark.parametrize("axis", [-2, -1])
def test_a_mask_is_a_stretch_of_the_clip_s_mean(axis: int) -> None:
    features = torch.randn(50, 1, 30, 40)
    places = torch.linspace(0, 1, 50)
    size = features.shape[axis]
    found = robustness.masked(features, axis, 0.3, places)
    starts = set()
    for clip, before, after in zip(range(50), features, found, strict=True):
        touched = np.flatnonzero((before != after).transpose(axis, -1).reshape(-1, size).any(0))
        assert touched.tolist() == list(range(touched[0], touched[0] + round(0.3 * size)))
        inside = after.transpose(axis, -1)[..., touched]
        assert inside.tolist() == pytest.approx(np.full(inside.shape, before.mean().item()), abs=1e-6)
        assert touched[0] == min(int(places[clip] * (size - len(touched) + 1)), size - len(touched))
        starts.add(int(touched[0]))
    assert {0, size - round(0.3 * size)} <= starts


def draws(clips: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, clip]) for clip in range(clips)]


def test_clips_are_rolled_to_either_side() -> None:
    waveforms = sounds(40)
    found = robustness.shifted(waveforms, 0.1, draws(40))
    sides = set()
    for before, after in zip(waveforms.numpy(), found.numpy(), strict=True):
        side = next(sign for sign in (1, -1) if np.array_equal(np.roll(before, sign * SAMPLES // 10), after))
        sides.add(side)
    assert sides == {1, -1}


@pytest.mark.parametrize("decibels", [30.0, 0.0])
def test_noise_has_the_ratio_to_each_clip_that_it_should(decibels: float) -> None:
    waveforms = sounds(20) * torch.logspace(-2, 0, 20)[:, None]
    noise = robustness.noisy(waveforms, decibels, draws(20)) - waveforms
    ratios = 10 * np.log10((waveforms.square().mean(1) / noise.square().mean(1)).numpy())
    assert ratios == pytest.approx(np.full(20, decibels), abs=1e-2)
    assert abs(float(noise.mean() / noise.std())) < 0.05
    silent = torch.zeros(2, SAMPLES)
    assert robustness.noisy(silent, decibels, draws(2)).equal(silent)


def test_every_kind_strength_and_draw_is_asked_and_all_systems_hear_the_same() -> None:
    """A system that tells the loudest frame's features: what it heard, in logits."""

    class Told(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x.mean((1, 2, 3)), x.amax((1, 2, 3)), x[:, 0, 3, 7]], dim=1)

    one, other = asked(Told()), replace(asked(Told()), most=2)
    found, again = robustness.probe(one), robustness.probe(other)
    assert found.keys() == {"clean", "frequency_mask", "time_mask", "time_shift", "noise"}
    assert found["clean"].shape == (7, 3)
    for disturbance in DISTURBANCES:
        logits = found[disturbance.kind]
        assert logits.shape == (len(disturbance.strengths), DRAWS, 7, 3)
        assert np.array_equal(logits, again[disturbance.kind])
        assert not np.isclose(logits, found["clean"]).all((-1, -2)).any()
        assert not np.array_equal(logits[:, 0], logits[:, 1])
    assert hooks(one) == 0


def test_the_network_gets_what_the_mask_leaves() -> None:
    """Logits that count the cells which are the clip's mean: as many as the strength says."""

    class Counting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            same = (x == x[:, :, :1, :1]).float().mean((1, 2, 3))
            mode = x.flatten(1).mode(1).values.view(-1, 1, 1, 1)
            return torch.stack([same, (x == mode).float().mean((1, 2, 3)), same], dim=1)

    found = robustness.probe(asked(Counting()))
    for kind, size in (("frequency_mask", 32), ("time_mask", 40)):
        strengths = next(one.strengths for one in DISTURBANCES if one.kind == kind)
        for strength, shares in zip(strengths, found[kind][..., 1], strict=True):
            assert shares == pytest.approx(np.full(shares.shape, round(strength * size) / size))


def test_features_that_are_no_spectrogram_of_each_clip_are_refused() -> None:
    flat = asked(nn.Linear(SAMPLES, 3), frontend=nn.Identity())
    with pytest.raises(Mistake, match=r"gives features \(3, 800\) of 3 clips"):
        robustness.probe(flat)
    around = asked(nn.Linear(SAMPLES, 3))
    around.predict = lambda clips: around.classifier.network(clips.waveforms).detach()  # type: ignore[method-assign]
    with pytest.raises(Mistake, match="does not call the frontend"):
        robustness.probe(around)
