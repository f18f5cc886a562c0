"""Results of a challenge that was never held: as many systems as asked for, on clips like those of TAU 2022 Mobile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from harness import results, tracks
from harness.blocks import SUMS, Blocks, Sums
from harness.results import Result
from harness.scoring import ClassScore, PartScore, Scores
from tests.leaderboard.made import result

TRACK, TEST_LIST = "dcase2024-task1", "ab" * 32
SPLITS = ("5", "10", "25", "50", "100")
CLIPS, LOCATIONS, CLASSES = 29_680, 146, 10
DEVICES = np.array(["a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6"])


def write(folder: Path, systems: int, seeds: int, *, predictions: bool) -> None:
    """Results of every system on the five splits, with predictions of every clip beside them or with sums alone."""
    generator = np.random.default_rng(0)
    clips, hard = _clips(generator), generator.normal(0, 1, LOCATIONS)
    clips.write(results.clips_path(folder, TRACK, TEST_LIST))
    for number in range(systems):
        skill = generator.normal(0, 0.3)
        for step, split in enumerate(SPLITS):
            for seed in range(seeds):
                better = skill + 0.25 * step + 0.05 * generator.normal()
                chance = 1 / (1 + np.exp(-(better + hard)))
                made = _record(number, split, seed, float(chance.mean()))
                path = results.write(made, folder)
                if predictions:
                    logits = _logits(chance[clips.location[clips.of_clip]], clips.labels_of_clip, generator)
                    path.with_suffix(".npz").write_bytes(results.packed_predictions(logits, made.key))
                else:
                    path.with_suffix(SUMS).write_bytes(_sums(chance, clips, generator).packed(made.key))


def _clips(generator: np.random.Generator) -> Blocks:
    location = np.sort(np.arange(CLIPS) % LOCATIONS)
    devices = DEVICES[generator.integers(0, len(DEVICES), CLIPS)]
    return Blocks.of([f"city-{place:03}" for place in location], location % CLASSES, devices.tolist())


def _logits(
    chance: NDArray[np.float64], labels: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """(clips, classes): right with the chance of a clip's location."""
    logits = generator.normal(0, 1, (CLIPS, CLASSES))
    right = generator.random(CLIPS) < chance
    logits[np.arange(CLIPS), labels] += np.where(right, 4.0, -2.0)
    return np.asarray(log_softmax(logits, axis=1))


def _sums(chance: NDArray[np.float64], clips: Blocks, generator: np.random.Generator) -> Sums:
    by_block = chance[clips.location]
    loss = -np.log(np.clip(by_block, 0.05, 1)) * clips.clips
    return Sums(generator.binomial(clips.clips, by_block), loss, np.abs(generator.normal(100, 10, (3, 15))))


def _record(number: int, split: str, seed: int, accuracy: float) -> Result:
    track, _ = tracks.load(TRACK)
    part = PartScore(clips=CLIPS // 9, accuracy=accuracy, macro_accuracy=accuracy, log_loss=0.9)
    of_class = ClassScore(clips=CLIPS // CLASSES, accuracy=accuracy, log_loss=0.9)
    scores = Scores(
        clips=CLIPS,
        macro_accuracy=accuracy,
        accuracy=accuracy,
        log_loss=0.9,
        calibration_error=0.1,
        per_class=dict.fromkeys(track.labels, of_class),
        per_device=dict.fromkeys(DEVICES.tolist(), part),
        per_group=dict.fromkeys(track.device_groups, part),
        worst_device="a",
        seen_unseen_gap=0.01,
        confusion=[[CLIPS // 100] * CLASSES] * CLASSES,
    )
    made = result(
        f"S{number % 4 + 1}",
        track=TRACK,
        split=split,
        seed=seed,
        test_list=TEST_LIST,
        entry_digest=f"{number:064x}",
        key=f"{number:060x}{split:>3}{seed}",
        title=f"Team {number // 4}: system {number % 4 + 1}, CP-Mobile with tricks",
        track_version=track.version,
        edition=track.edition,
        scores=scores,
    )
    return made.model_copy(update={"identity": made.identity.model_copy(update={"entry": f"team{number // 4:03}"})})
