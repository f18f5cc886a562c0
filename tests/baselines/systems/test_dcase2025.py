"""The 2025 baseline: one network a device, what each costs, and who predicts whom; the whole line on a small set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harness import entry, evaluation, results
from harness.child.entries import import_entry
from harness.complexity.measuring import evaluate, measure
from harness.contract import Clips, Task
from harness.evaluation import Hands, Places
from harness.plan import Choice
from harness.results import Result
from tests import made

FOLDER = Path(__file__).resolve().parents[3] / "baselines/systems/dcase2025"
READ, MODULE = entry.read(FOLDER), import_entry(FOLDER)
LABELS = tuple("abcdefghij")


def system(**config: Any) -> Any:
    task = Task(LABELS, 1.0, ("a", "b", "s1"), device_revealed=True)
    return MODULE.build(MODULE.Config(**config), task), task  # type: ignore[attr-defined]


def with_devices(*devices: str) -> Any:
    """A system whose devices have networks that differ."""
    classifier, task = system()
    for number, device in enumerate(devices, start=1):
        torch.manual_seed(number)
        classifier.network.by_device[device] = system()[0].network.general
    return classifier.eval(), task


def test_every_device_costs_what_the_baseline_does() -> None:
    """Facts, section 4.1: 61,148 parameters a device, 122,296 bytes; limits hold for each device by itself."""
    classifier, task = with_devices("a", "b")
    evaluate(classifier)
    found = measure(MODULE, classifier, task).complexity
    assert found.macs == 29_416_448
    assert found.parameter_bytes == 122_296
    assert set(found.bytes_by_device.values()) == {122_296}


def test_clips_are_predicted_by_their_devices_and_others_by_the_general_network() -> None:
    classifier, _ = with_devices("a", "b")
    waveforms = torch.randn(5, 32000)
    devices = ("b", "a", "unknown", "a", "s1")
    with torch.no_grad():
        together = MODULE.predict(classifier, Clips(waveforms, 32000, devices))
        alone = [
            MODULE.predict(classifier, Clips(waveforms[row : row + 1], 32000, (device,)))
            for row, device in enumerate(devices)
        ]
        general = MODULE.predict(classifier, Clips(waveforms, 32000))
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)
    assert torch.allclose(together[[2, 4]], general[[2, 4]], atol=1e-4)
    assert not torch.allclose(together[[0, 1]], general[[0, 1]], atol=1e-2)


def test_the_whole_line_fine_tunes_the_general_network_for_each_device(
    tmp_path: Path, tau_folder: Path, places: Places, hands: Hands
) -> None:
    track = made.track_file(tmp_path / "tiny.toml", tau_folder, edition="dcase2025")
    choice = Choice(systems=("device_specific",), settings={"epochs": 2, "device_epochs": 1, "batch_size": 8})
    assert evaluation.evaluate(FOLDER, str(track), choice, places, hands)
    found = {one.identity.system: one for _, one in results.read_all([places.results]) if isinstance(one, Result)}
    assert found.keys() == {"general", "device_specific"}
    complexity = found["device_specific"].complexity
    assert complexity is not None
    assert set(complexity.bytes_by_device) >= {"a", "s1", "s4"}
    work = places.cache / "cells" / found["device_specific"].key[:20] / "work"
    assert {path.parent.name for path in work.glob("*/metrics.csv")} == {"a", "s1"}
    scores, general = found["device_specific"].scores, found["general"].scores
    assert scores is not None
    assert general is not None
    unheard, before = scores.per_device["s4"], general.per_device["s4"]  # nobody heard s4: the general network's
    assert (unheard.accuracy, unheard.log_loss) == (before.accuracy, pytest.approx(before.log_loss, rel=1e-4))
    assert scores.log_loss != general.log_loss
