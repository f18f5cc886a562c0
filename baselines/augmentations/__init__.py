"""Augmentations: steps with settings, put in an order by a recipe; batched, on the device of the data, and seeded.

    >>> steps = (Roll(seconds=0.1), FrequencyMask(limit=48), FreqMixStyle(probability=0.4, alpha=0.3))
    >>> sample = augment(steps, Sample(waveforms, labels, devices, 32000, n_classes=10), generator)
    >>> sample = features(steps, sample, LogMel(), generator)      # sample.x: what the network sees

recipe.py puts steps together; waveforms.py, responses.py, spectrograms.py, filter_augment.py, mixstyle.py, mixing.py
and labels.py hold them. Where a paper and its released code differ, the step has a setting whose values say which.
"""

from baselines.augmentations.filter_augment import FilterAugment
from baselines.augmentations.labels import LabelSmoothing
from baselines.augmentations.mixing import Mixup
from baselines.augmentations.mixstyle import FreqMixStyle
from baselines.augmentations.recipe import MelJitter, Steps, augment, features, leaving_out, masking_with
from baselines.augmentations.responses import DeviceResponse
from baselines.augmentations.spectrograms import CellNoise, FrequencyMask, RollFrames, TimeMask
from baselines.augmentations.steps import Sample, Step
from baselines.augmentations.waveforms import Gain, Noise, Roll, Shift

__all__ = [
    "CellNoise",
    "DeviceResponse",
    "FilterAugment",
    "FreqMixStyle",
    "FrequencyMask",
    "Gain",
    "LabelSmoothing",
    "MelJitter",
    "Mixup",
    "Noise",
    "Roll",
    "RollFrames",
    "Sample",
    "Shift",
    "Step",
    "Steps",
    "TimeMask",
    "augment",
    "features",
    "leaving_out",
    "masking_with",
]
