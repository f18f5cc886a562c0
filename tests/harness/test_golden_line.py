"""Real audio through a real trained network: the whole line gives the original code's own numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from harness import evaluation, results
from harness.data import tau, test_clips
from harness.evaluation import Hands, Places
from harness.job import LOGITS
from harness.plan import Choice, cell_folder
from harness.results import Result
from harness.tracks import load

ENTRY = Path(__file__).resolve().parents[1] / "entries" / "cp_mobile_checkpoint"

TRACK = """
name = "tau-mini"
title = "151 real clips"
dataset = "tau2022"
data = "{data}"
labels = [
  "airport", "bus", "metro", "metro_station", "park",
  "public_square", "shopping_mall", "street_pedestrian", "street_traffic", "tram",
]
test = "meta.csv"

[device_groups]
real = ["a"]

[ranking]
rule = "macro_accuracy"
status = "derived"
source = "a test"
"""


def test_the_released_checkpoint_gets_113_of_151_real_clips_right(
    shared: Path, tmp_path: Path, places: Places, hands: Hands
) -> None:
    golden = shared / "golden" / "cp_mobile_2023_ckpt_c0a7nzin"
    path = tmp_path / "tau-mini.toml"
    path.write_text(TRACK.format(data=(shared / "data" / "tau_mini").as_posix()))
    choice = Choice(settings={"checkpoint": str(golden / "ckpt.safetensors")})
    assert evaluation.evaluate(ENTRY, str(path), choice, places, hands)
    (result,) = [one for _, one in results.read_all([places.results]) if isinstance(one, Result)]
    assert result.scores is not None
    assert result.scores.clips == 151
    assert result.scores.accuracy == 113 / 151
    assert result.complexity is not None
    assert (result.complexity.parameters, result.complexity.macs) == (126_952, 28_889_088)
    assert result.complexity.official_macs == 28_893_268

    track, _ = load(str(path))
    dataset = tau.read(shared / "data" / "tau_mini", track)
    test = test_clips.shuffled(dataset, dataset.test, 32000, 1.0, places.cache)
    logits = test.in_list_order(np.load(cell_folder(places.cache, result.key) / LOGITS))
    ours = dict(zip((dataset.names[row] for row in dataset.test), logits, strict=True))
    with (golden / "tau_mini_logits.csv").open() as stream:
        theirs = list(csv.DictReader(stream, delimiter="\t"))
    assert len(theirs) == 151
    for row in theirs:
        expected = [float(row[label]) for label in track.labels]
        np.testing.assert_allclose(ours[row["filename"]], expected, atol=1e-3)
