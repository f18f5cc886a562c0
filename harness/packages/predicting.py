"""Logits of trained systems on an evaluation set: clips without labels, predicted by the stage that test clips are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import cell, process
from harness.cell import Ground, Ready
from harness.data import lists, test_clips
from harness.data.dataset import UNKNOWN_DEVICE, Dataset
from harness.data.lists import normal_name
from harness.evaluation import Hands
from harness.files import digest_of_value
from harness.job import LOGITS, TRAINED
from harness.outcomes import Mistake
from harness.results import Complexity
from harness.tracks import Track

LIST = "evaluation_setup/fold1_test.csv"
DEVICES = "device_id"


@dataclass(frozen=True)
class Predicted:
    """Logits (clips, classes) for the clips called `names`; None in `complexity` where they were not counted again."""

    names: tuple[str, ...]
    logits: NDArray[np.float32]
    complexity: Complexity | None = None


def rehearsed(ready: Ready, ground: Ground) -> Predicted:
    """What the cell predicted for the development test clips, in list order: a rehearsal of the real thing."""
    folder = ready.folder(ground)
    if not (folder / LOGITS).is_file():
        problem = f"{ready.cell.system.title} has no predictions in the cache."
        raise Mistake("package.predictions", problem, f"Run it: {cell.command(ready.cell, ground)}")
    logits = ready.test.in_list_order(np.load(folder / LOGITS))
    return Predicted(tuple(ground.dataset.names[row] for row in ready.cell.test), logits)


def evaluation_set(folder: Path, track: Track) -> Dataset:
    """The clips of an evaluation set by its list; with their devices where the edition reveals them.

    Raises `Mistake` where list, column or audio is missing, or a clip stands there twice.
    """
    if not (folder / LIST).is_file():
        problem = f"{folder} has no {LIST}."
        raise Mistake("package.evaluation", problem, "Give the folder of the evaluation set, unpacked.")
    required = ("filename", DEVICES) if track.device_revealed else ("filename",)
    table = lists.read(folder / LIST, required)
    lists.require_complete(table)
    names = tuple(map(normal_name, table.columns["filename"]))
    if not names or len(set(names)) != len(names):
        problem = f"{folder / LIST} lists {'a clip twice' if names else 'no clip'}."
        raise Mistake("package.evaluation", problem, "Use the official list.")
    count = len(names)
    devices = table.columns[DEVICES] if track.device_revealed else [UNKNOWN_DEVICE] * count
    return Dataset(
        audio=folder, names=names, labels=np.zeros(count, dtype=np.int64), devices=np.array(devices),
        segments=np.array(names), locations=np.array(names), splits={}, test=np.arange(count), length=track.length,
    )  # fmt: skip


def predicted(ready: Ready, clips: Dataset, ground: Ground, hands: Hands) -> Predicted:
    """What a trained cell says of an evaluation set, in list order; kept in the cache, and taken from there."""
    rate = ready.cell.system.check.sample_rate
    assert rate is not None  # noqa: S101 - a cell that is trained has passed its check
    test = test_clips.shuffled(clips, clips.test, rate, ground.track.clip_seconds, ground.cache)
    test.pack(lambda: hands.reporter.step(f"packing the evaluation set at {rate} Hz"))
    key = digest_of_value([ready.key, test.fingerprint])
    folder = ground.cache / "evaluations" / key[:20]
    with cell.alone(folder):
        job = cell.predicting(ready, test, folder, ground)
        answer = cell.finished(job)
        if answer is None:
            (folder / TRAINED).unlink(missing_ok=True)
            (folder / TRAINED).symlink_to(ready.folder(ground) / TRAINED)
            title = f"{ready.cell.system.title} split {ready.cell.split} on the evaluation set"
            with hands.reporter.step(title) as progress:
                answer = process.run(job, cell.allowance("predict", ground.track), hands.nursery, progress)
        if answer.reason is not None:
            raise Mistake(answer.reason.rule, answer.reason.problem, answer.reason.remedy)
        return Predicted(clips.names, test.in_list_order(np.load(folder / LOGITS)), answer.complexity)
