"""The released CP-Mobile checkpoint of 2023 behind its own frontend, at 32 bit: an entry that only predicts."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from baselines.frontends import CP_MOBILE_2023, LogMel
from baselines.models.cp_mobile import SHAPE_2023, CPMobile
from harness import contract
from harness.contract import Classifier, Clips, Run, Task, TrainingData

PREFIX = "sd."


class Config(contract.Config):
    checkpoint: Path


class Released(Classifier):
    def __init__(self, config: Config, task: Task) -> None:
        super().__init__(LogMel(CP_MOBILE_2023), CPMobile(SHAPE_2023, task.n_classes), CP_MOBILE_2023.sample_rate)
        self.config = config


def build(config: Config, task: Task) -> Classifier:
    return Released(config, task)


def train(classifier: Released, data: TrainingData, run: Run) -> Classifier:
    tensors = load_file(classifier.config.checkpoint)
    state = {key.removeprefix(PREFIX): value for key, value in tensors.items() if key.startswith(PREFIX)}
    classifier.network.load_state_dict(state, strict=True)
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    return classifier(clips.waveforms)
