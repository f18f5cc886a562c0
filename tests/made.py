"""Made data and entries for tests: small, quick, and different in what a test needs them to be."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from harness.console import Reporter

LABELS = ("bus", "park", "tram")
DEVICES = ("a", "s1", "s4")
RATE = 8000
CITIES = ("lyon", "paris", "london", "milan")


def tau_folder(folder: Path, *, clips_per_cell: int = 2, rate: int = RATE, seed: int = 0) -> Path:
    """A folder in the TAU 2022 layout: three scenes that are tones of their own, three devices (s4 for tests only).

    Locations 0 and 1 are for training, 2 and 3 for the test; every cell (scene, location, device) has one segment.
    """
    generator = np.random.default_rng(seed)
    (folder / "audio").mkdir(parents=True)
    rows = []
    for label, scene in enumerate(LABELS):
        for location, city in enumerate(CITIES):
            for device in DEVICES:
                for k in range(clips_per_cell):
                    name = f"audio/{scene}-{city}-{100 + location}-{1000 + label * 10 + location}-{k}-{device}.wav"
                    soundfile.write(folder / name, _tone(label, device, rate, generator), rate, subtype="PCM_24")
                    rows.append((name, scene, f"{city}-{100 + location}", device))
    write_table(folder / "meta.csv", ("filename", "scene_label", "identifier", "source_label"), rows)
    train = [row for row in rows if row[2].split("-")[0] in CITIES[:2] and row[3] != "s4"]
    test = [row for row in rows if row[2].split("-")[0] in CITIES[2:]]
    (folder / "split_setup").mkdir()
    columns = ("filename", "scene_label")
    write_table(folder / "split_setup" / "split100.csv", columns, [row[:2] for row in train])
    write_table(folder / "split_setup" / "split50.csv", columns, [row[:2] for row in train if "lyon" in row[0]])
    write_table(folder / "split_setup" / "test.csv", columns, [row[:2] for row in test])
    return folder


def _tone(label: int, device: str, rate: int, generator: np.random.Generator) -> np.ndarray:
    time = np.arange(rate) / rate
    tone = np.sin(2 * np.pi * (300 + 500 * label) * time + generator.uniform(0, 6))
    loudness = {"a": 0.3, "s1": 0.25, "s4": 0.2}[device]
    return (loudness * (tone + generator.normal(0, 0.3, rate)) / 3).astype(np.float32)


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]], end: str = "\n") -> None:
    """A tab-separated file with a header."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator=end)
        writer.writerow(columns)
        writer.writerows(rows)


TRACK = """
name = "tiny"
title = "A track for tests"
dataset = "tau2022"
data = "{data}"
edition = {edition}
labels = ["bus", "park", "tram"]
test = "test.csv"
seeds = [0]
default_splits = ["100"]
{more}

[splits]
50 = "split50.csv"
100 = "split100.csv"

[device_groups]
real = ["a"]
seen = ["s1"]
unseen = ["s4"]

[ranking]
rule = "macro_accuracy"
status = "derived"
source = "a test"

[limits]
{limits}
"""


def track_file(path: Path, data: Path, *, edition: str | None = "dcase2024", limits: str = "", more: str = "") -> Path:
    """A track over `data`, with limits such as `train_seconds = 2`."""
    named = f'"{edition}"' if edition else '"dcase2024"'
    text = TRACK.format(data=data.as_posix(), edition=named, limits=limits, more=more)
    path.write_text(text if edition else text.replace('edition = "dcase2024"\n', ""))
    return path


TOML = """
title = "Made for a test"
description = "An entry."
external_data = "none"
tracks = ["tiny"]

[[authors]]
name = "A. Uthor"
affiliation = "Test"

[systems.S1]
"""

SOURCE = """
import torch
from torch import nn
from harness import contract
from harness.contract import Classifier

class Config(contract.Config):
    width: int = 8
    steps: int = 30

class Energy(nn.Module):
    def forward(self, waveforms):
        spectrum = torch.fft.rfft(waveforms).abs()[:, :4000].reshape(len(waveforms), 40, 100).mean(2)
        return (spectrum + 1e-3).log()

{build}

{train}

{predict}
"""

BUILD = """
def build(config, task):
    network = nn.Sequential(nn.Linear(40, config.width), nn.Tanh(), nn.Linear(config.width, task.n_classes))
    classifier = Classifier(Energy(), network, 8000)
    classifier.steps = config.steps
    return classifier
"""

TRAIN = """
def train(classifier, data, run):
    parameters = list(classifier.parameters())
    state = run.load() or {"step": 0, "weights": parameters, "speeds": [torch.zeros_like(one) for one in parameters]}
    with torch.no_grad():
        for parameter, kept in zip(parameters, state["weights"], strict=True):
            parameter.copy_(kept)
    speeds = state["speeds"]
    for step in range(state["step"], classifier.steps):
        for batch in data.batches(8, run.generator):
            loss = nn.functional.cross_entropy(classifier(batch.waveforms), batch.labels)
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, speed, gradient in zip(parameters, speeds, gradients, strict=True):
                    parameter.sub_(speed.mul_(0.9).add_(gradient), alpha=0.05)
        run.save({"step": step + 1, "weights": parameters, "speeds": speeds})
        run.progress(step + 1, classifier.steps, loss=float(loss))
    return classifier
"""

PREDICT = """
def predict(classifier, clips):
    return classifier(clips.waveforms)
"""


def entry_folder(
    folder: Path, *, build: str = BUILD, train: str = TRAIN, predict: str = PREDICT, toml: str = TOML
) -> Path:
    """An entry that is in order but for the parts that a test gives."""
    folder.mkdir(parents=True)
    (folder / "submission.toml").write_text(toml)
    (folder / "submission.py").write_text(SOURCE.format(build=build, train=train, predict=predict))
    return folder


def quiet() -> Reporter:
    """A reporter that nobody reads."""
    return Reporter(io.StringIO())
