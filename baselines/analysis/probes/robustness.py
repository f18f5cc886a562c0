"""What a system says of test clips that were disturbed (paper 003, figures 4 and 5).

Bands and frames are masked between frontend and network, with the mean of the clip's own features, which tells nothing
and is within the range of every frontend. Clips are shifted, and noise is added, as waveforms. What is drawn follows
from the clip, the strength and the run alone: all systems get the same, but for the rate of their waveforms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from baselines.analysis.disturbances import CLEAN, DISTURBANCES, DRAWS, Disturbance, Kind
from baselines.augmentations.waveforms import rolled
from harness.contract import Classifier, Clips, Mistake, Probed

AXES: dict[Kind, int] = {"frequency_mask": -2, "time_mask": -1}
"""The axis that a mask lies on; features are (batch, …, n_mels, n_frames)."""

Change = Callable[[Tensor], Tensor]


def probe(system: Probed) -> dict[str, NDArray[np.float32]]:
    """`clean` (clips, classes) and, of each kind, (strengths, draws, clips, classes): logits.

    Raises `Mistake` where the frontend gives no spectrogram of every clip.
    """
    parts: dict[str, list[NDArray[np.float32]]] = {}
    for rows, clips in system.batches():
        parts.setdefault(CLEAN, []).append(_logits(system, clips))
        for number, disturbance in enumerate(DISTURBANCES):
            found = [
                [_disturbed(system, clips, rows, (number, level, draw)) for draw in range(DRAWS)]
                for level in range(len(disturbance.strengths))
            ]
            parts.setdefault(disturbance.kind, []).append(np.array(found))
    return {kind: np.concatenate(some, axis=-2) for kind, some in parts.items()}


def _disturbed(system: Probed, clips: Clips, rows: Sequence[int], what: tuple[int, int, int]) -> NDArray[np.float32]:
    """Logits of the clips at `rows`, disturbed; `what`: number of the disturbance, of its strength, and of the draw."""
    disturbance = DISTURBANCES[what[0]]
    strength = disturbance.strengths[what[1]]
    draws = [np.random.default_rng([*what, row]) for row in rows]
    if disturbance.kind in AXES:
        with _changed_features(system.classifier, _masking(disturbance, strength, draws)):
            return _logits(system, clips)
    change = shifted if disturbance.kind == "time_shift" else noisy
    return _logits(system, replace(clips, waveforms=change(clips.waveforms, strength, draws)))


def _logits(system: Probed, clips: Clips) -> NDArray[np.float32]:
    return np.asarray(system.predict(clips).float().cpu().numpy(), dtype=np.float32)


def _masking(disturbance: Disturbance, strength: float, draws: Sequence[Generator]) -> Change:
    places = torch.tensor([draw.random() for draw in draws])

    def mask(features: Tensor) -> Tensor:
        if features.ndim < 3 or len(features) != len(places):
            problem = (
                f"Its frontend gives features {tuple(features.shape)} of {len(places)} clips, no spectrogram of each."
            )
            raise Mistake(
                "analysis.features", problem, "Choose a system whose frontend gives (batch, 1, n_mels, n_frames)."
            )
        return masked(features, AXES[disturbance.kind], strength, places)

    return mask


def masked(features: Tensor, axis: int, share: float, places: Tensor) -> Tensor:
    """Features (batch, …, n_mels, n_frames) with a stretch of an axis set to the mean of each clip.

    `share` of the axis is masked, `places` (batch,) in 0…1 say where between both ends.
    """
    size = features.shape[axis]
    width = round(share * size)
    start = (places * (size - width + 1)).long().clamp(max=size - width)
    along = torch.arange(size)
    inside = (along >= start[:, None]) & (along < start[:, None] + width)
    shape = [len(features), *[1] * (features.ndim - 1)]
    shape[axis] = size
    mean = features.flatten(1).mean(1).view(-1, *[1] * (features.ndim - 1))
    return torch.where(inside.view(shape).to(features.device), mean, features)


def shifted(waveforms: Tensor, share: float, draws: Sequence[Generator]) -> Tensor:
    """Clips (batch, samples) rolled in a circle by a share of their length, each to the one side or the other."""
    by = round(share * waveforms.shape[1])
    return rolled(waveforms, torch.tensor([by if draw.random() < 0.5 else -by for draw in draws]))


def noisy(waveforms: Tensor, decibels: float, draws: Sequence[Generator]) -> Tensor:
    """Clips (batch, samples) with white Gaussian noise, exactly so many decibels below each; silence stays."""
    drawn = np.stack([draw.standard_normal(waveforms.shape[1], dtype=np.float32) for draw in draws])
    noise = torch.from_numpy(drawn).to(waveforms)
    power = waveforms.square().mean(1, keepdim=True) / noise.square().mean(1, keepdim=True)
    return waveforms + noise * (power * 10 ** (-decibels / 10)).sqrt()


@contextmanager
def _changed_features(classifier: Classifier, change: Change) -> Iterator[None]:
    """The network gets changed features; raises `Mistake` where the frontend was not asked."""
    asked: list[bool] = []

    def changing(_frontend: nn.Module, _inputs: tuple[Tensor, ...], features: Tensor) -> Tensor:
        asked.append(True)
        return change(features)

    handle = classifier.frontend.register_forward_hook(changing)
    try:
        yield
    finally:
        handle.remove()
    if not asked:
        problem = "Its predict does not call the frontend, so features cannot be masked behind it."
        raise Mistake("analysis.features", problem, "Choose a system whose predict calls classifier.frontend.")
