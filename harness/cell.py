"""The line a cell walks: train, check again and predict, score, result. Stages talk through files only.

A finished stage has an answer file that says `ok`; it is never run again for the same key. So a killed run, run
again, does only what is missing.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from harness import curves, entry, multilabel, plan, process, provenance, results, scoring
from harness.blocks import Blocks
from harness.data import store, test_clips
from harness.data.dataset import Dataset, Rows
from harness.data.store import Layout
from harness.data.test_clips import TestClips
from harness.files import replacing
from harness.job import (
    LOGITS,
    PROBED,
    SNAPSHOT_LOGITS,
    TRAINED,
    WORK,
    Answer,
    Job,
    Probing,
    TeacherFiles,
    TrainingFiles,
)
from harness.nursery import Nursery
from harness.outcomes import Mistake, Outcome
from harness.plan import Cell, Choice, System
from harness.process import Allowance, OnProgress
from harness.results import AnyScores, Digests, Reason, Result, StageRecord
from harness.tracks import NO_SPLIT, Track

LEFT_ALONE = ("cell.busy", "entry.changed")
"""Rules that end the walk of a cell without a verdict on it; the sweep goes on."""

STAGE_FILES: Mapping[str, str] = {"train": TRAINED, "predict": LOGITS, "analyse": PROBED}


@dataclass(frozen=True)
class Ground:
    """What all cells of one command share."""

    track: Track
    dataset: Dataset
    choice: Choice
    results: Path
    cache: Path
    typed_in: Path
    command: Callable[[Path], str]
    """What to type to walk the cells of the entry in a folder again, less system, split and seed."""


@dataclass(frozen=True)
class Ready:
    """A cell whose data are packed, so that its key is known; the same of its teachers."""

    cell: Cell
    store: Layout
    test: TestClips
    digests: Digests
    key: str
    teachers: tuple[tuple[str, Ready], ...] = ()

    def folder(self, ground: Ground) -> Path:
        return plan.cell_folder(ground.cache, self.key)


def walk(ready: Ready, ground: Ground, nursery: Nursery, on_progress: Mapping[str, OnProgress]) -> Result:
    """The cell's result, also written to disk; what earlier runs finished is taken from their files."""
    with alone(ready.folder(ground)):
        answers: dict[str, Answer] = {"check": ready.cell.system.check}
        stages: tuple[Literal["train", "predict"], ...] = ("train", "predict")
        for stage in stages:
            job = _job(stage, ready, ground)
            answer = finished(job)
            if answer is None:
                answer = process.run(job, allowance(stage, ground.track), nursery, on_progress.get(stage))
                _require_unchanged(ready, job)
            answers[stage] = answer
            if answers[stage].outcome is not Outcome.OK:
                break
        return _recorded(ready, ground, answers)


def stores(one: Cell, ground: Ground) -> tuple[Layout, TestClips]:
    """Where the training and the test clips of a cell are packed."""
    rate, seconds = one.system.check.sample_rate, ground.track.clip_seconds
    assert rate is not None  # noqa: S101 - a check that ended well has it
    training = store.layout(ground.dataset, one.test, rate, seconds, "int16", ground.cache)
    return training, test_clips.shuffled(ground.dataset, one.test, rate, seconds, ground.cache)


def known_result(one: Cell, key: str, ground: Ground) -> Result | None:
    """The cell's result; one of a quick run does not stand for an official one, though its stages do."""
    official = not ground.choice.unofficial(ground.track)
    return results.finished(one.identity, key, ground.results, official=official)


def failed_check(cell: Cell, ground: Ground) -> Result:
    """The result of a cell whose system did not pass its check; also written to disk."""
    check = cell.system.check
    found = Digests(entry=cell.system.entry.digest, files=check.files or {})
    result = _result(cell, ground, found, "", {"check": check})
    results.write(result, ground.results)
    return result


def skipped(cell: Cell, ground: Ground, why: Mistake, ready: Ready | None = None) -> Result:
    """The row of a cell that this command left alone; nothing is written."""
    reason = Reason(rule=why.rule, problem=why.problem, remedy=why.remedy)
    answer = Answer(outcome=Outcome.SKIPPED, reason=reason)
    found = ready.digests if ready else Digests(entry=cell.system.entry.digest, files=cell.system.check.files or {})
    return _result(cell, ground, found, ready.key if ready else "", {"train": answer})


def has_trained(ready: Ready, ground: Ground) -> bool:
    """Whether what the cell's training gave lies where its students look for it."""
    return finished(_job("train", ready, ground, listed=False)) is not None


def probing(ready: Ready, analysis: str, folder: Path, ground: Ground) -> Job:
    """The job of asking what the cell's training gave about the clips that its `predict` got; it works in `folder`."""
    asked = Probing(analysis=analysis, folder=ready.folder(ground))
    return _job("predict", ready, ground).model_copy(update={"stage": "analyse", "folder": folder, "probing": asked})


def exporting(ready: Ready, ground: Ground) -> Job:
    """The job of writing the weights that the cell's training gave."""
    return _job("predict", ready, ground).model_copy(update={"stage": "export"})


def predicting(ready: Ready, test: TestClips, folder: Path, ground: Ground) -> Job:
    """The job of predicting other clips with what the cell's training gave, which lies in `folder` too."""
    devices = test.devices if ground.track.device_revealed else None
    changes = {"folder": folder, "test": test.place, "test_devices": devices}
    return _job("predict", ready, ground).model_copy(update=changes)


@contextmanager
def alone(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Holds a folder for this process; the lock ends with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            problem = "Another command is walking this very cell."
            raise Mistake("cell.busy", problem, "Wait for it to end and run again.") from None
        yield


def _require_unchanged(ready: Ready, job: Job) -> None:
    """Raises `Mistake` and forgets the stage where the entry's files are no longer those that the key speaks of."""
    before = ready.cell.system.entry
    if entry.read(before.folder).digest != before.digest:
        job.answer_file.unlink(missing_ok=True)
        raise Mistake("entry.changed", f"The files of {before.name} changed while it ran.", "Run the command again.")


def finished(job: Job) -> Answer | None:
    """The answer of an earlier run of this very stage, if it ended well and its file is there."""
    if not (job.folder / STAGE_FILES.get(job.stage, job.answer_file.name)).is_file():
        return None
    try:
        answer = Answer.model_validate_json(job.answer_file.read_bytes())
    except (OSError, ValidationError):
        return None
    return answer if answer.outcome is Outcome.OK else None


def allowance(stage: Literal["check", "train", "predict"], track: Track) -> Allowance:
    """What the track allows a stage."""
    limits = track.limits
    seconds = {
        "check": limits.check_seconds,
        "train": limits.train_seconds,
        "predict": limits.predict_seconds,
    }
    return Allowance(seconds[stage], limits.memory_gib, limits.log_mib)


def _job(stage: Literal["train", "predict"], ready: Ready, ground: Ground, *, listed: bool = True) -> Job:
    """The job of a stage; `listed`: with the training list written for it."""
    cell, folder = ready.cell, ready.folder(ground)
    return Job(
        stage=stage,
        folder=folder,
        entry=cell.system.entry.folder,
        settings=dict(cell.system.settings),
        typed_in=ground.typed_in,
        task=plan.task_words(ground.track),
        edition=edition_of(cell.system.entry.system(cell.system.name), ground.track),
        device=ground.choice.device,
        seed=cell.seed,
        batch_size=ground.track.batch_size,
        processes=cell.system.processes if stage == "train" else 1,
        training=_training_files(ready, ground) if stage == "train" and listed else None,
        teachers=_teacher_files(ready, ground) if stage == "train" else {},
        test=ready.test.place if stage == "predict" else None,
        test_devices=ready.test.devices if stage == "predict" and ground.track.device_revealed else None,
    )


def edition_of(system: entry.System, track: Track) -> str | None:
    """The edition whose limits a system keeps: none for a teacher."""
    return None if system.role == "teacher" else track.edition


def _teacher_files(ready: Ready, ground: Ground) -> dict[str, TeacherFiles]:
    return {
        name: TeacherFiles(entry=teacher.cell.system.entry.folder, folder=teacher.folder(ground))
        for name, teacher in ready.teachers
    }


def _training_files(ready: Ready, ground: Ground) -> TrainingFiles | None:
    """The training list as a file beside the cell's others; None where the track names none."""
    rows, dataset = ready.cell.rows, ground.dataset
    if rows is None:
        return None
    path, chosen = ready.folder(ground) / "training.npz", None
    _write_list(path, dataset, rows)
    if dataset.validation is not None:
        chosen = ready.folder(ground) / "validation.npz"
        _write_list(chosen, dataset, dataset.validation)
    return TrainingFiles(store=ready.store, list_file=path, validation_file=chosen)


def _write_list(path: Path, dataset: Dataset, rows: Rows) -> None:
    """What is known of the clips of a list; anew for every run, since rows are those of the store as it is now."""
    with replacing(path) as stream:
        np.savez_compressed(
            stream,
            names=np.array([dataset.names[row] for row in rows]),
            labels=dataset.labels[rows],
            devices=dataset.devices[rows],
            segments=dataset.segments[rows],
            locations=dataset.locations[rows],
            rows=rows,
        )


def _recorded(ready: Ready, ground: Ground, answers: Mapping[str, Answer]) -> Result:
    """Scores the predictions, if it came to that, and writes the result."""
    result = _result(ready.cell, ground, ready.digests, ready.key, answers)
    if result.outcome is not Outcome.OK:
        results.write(result, ground.results)
        return result
    logits = ready.test.in_list_order(np.load(ready.folder(ground) / LOGITS))
    by_epoch = {
        int(path.stem.rpartition("-")[2]): _scored(ready.test.in_list_order(np.load(path)), ready.cell, ground)
        for path in sorted(ready.folder(ground).glob(SNAPSHOT_LOGITS.format(epoch="*")))
    }
    scores = _scored(logits, ready.cell, ground)
    result = result.model_copy(update={"scores": scores, "snapshots": dict(sorted(by_epoch.items()))})
    training = curves.read(ready.folder(ground) / WORK / curves.METRICS)
    curve = training.csv() if training else None
    results.write(result, ground.results, logits, _blocks(ready.cell, ground), curve, _targets(ready.cell, ground))
    return result


def _blocks(cell: Cell, ground: Ground) -> Blocks:
    """The test clips in list order, by location, class and device; those with several labels are of one class."""
    dataset, test = ground.dataset, cell.test
    labels = np.zeros(len(test), dtype=np.int64) if ground.track.multi_label else dataset.labels[test]
    return Blocks.of(dataset.locations[test].tolist(), labels, dataset.devices[test].tolist())


def _targets(cell: Cell, ground: Ground) -> NDArray[np.bool_] | None:
    """(clips, classes) on multi-label tracks: which labels each test clip has."""
    return ground.dataset.labels[cell.test].astype(bool) if ground.track.multi_label else None


def _scored(logits: NDArray[np.float32], cell: Cell, ground: Ground) -> AnyScores:
    dataset, track = ground.dataset, ground.track
    if track.multi_label:
        return multilabel.score(logits, dataset.labels[cell.test], track.labels)
    devices = dataset.devices[cell.test].tolist() if track.device_groups else None
    return scoring.score(logits, dataset.labels[cell.test], devices, track.labels, track.device_groups)


def _result(cell: Cell, ground: Ground, found: Digests, key: str, answers: Mapping[str, Answer]) -> Result:
    submission, system = cell.system.entry.submission, cell.system.entry.system(cell.system.name)
    outcome, reason = _end(answers)
    reason = without_folders(reason, cell, ground) if reason else None
    complexities = [answer.complexity for answer in answers.values() if answer.complexity]
    weights = next((answer.weights for answer in answers.values() if answer.weights), None)
    accelerator = next((answer.accelerator for answer in answers.values() if answer.accelerator), None)
    origin = provenance.describe(ground.typed_in)
    hardware = {**origin.hardware, "accelerator": accelerator, **cell.system.together()}
    return Result(
        key=key,
        identity=cell.identity,
        outcome=outcome,
        reason=reason,
        title=f"{submission.title}: {system.title or cell.system.name}",
        authors=tuple(author.name for author in submission.authors),
        external_data=_external(submission.external_data),
        role=system.role,
        track_version=ground.track.version,
        edition=ground.track.edition,
        official=not ground.choice.unofficial(ground.track),
        unofficial_because=ground.choice.unofficial(ground.track),
        preset=plan.preset(ground.track, ground.choice),
        config=cell.system.check.config or {},
        device=ground.choice.device,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command(cell, ground),
        digests=found.model_copy(update={"weights": weights}),
        provenance=origin.model_copy(update={"hardware": hardware}),
        stages={stage: _stage_record(answer) for stage, answer in answers.items()},
        complexity=complexities[-1] if complexities else None,
        figures=cell.system.check.figures,
    )


def command(cell: Cell, ground: Ground) -> str:
    """What to type to walk this very cell again."""
    split = "" if cell.split == NO_SPLIT else f" --split {cell.split}"
    words = ground.command(cell.system.entry.folder)
    return f"{words} --system {cell.system.name}{split} --seed {cell.seed} --device {ground.choice.device}"


def _end(answers: Mapping[str, Answer]) -> tuple[Outcome, Reason | None]:
    """How the cell ended: as its last stage did, unless two stages saw different weights."""
    last = list(answers.values())[-1]
    digests = {answer.weights for answer in answers.values() if answer.weights}
    if last.outcome is Outcome.OK and len(digests) > 1:
        problem = "The weights that were predicted with are not those that were trained."
        return Outcome.REFUSED, Reason(rule="weights.digest", problem=problem, remedy="Remove the cell's folder.")
    return last.outcome, last.reason


def without_folders(reason: Reason, cell: Cell | System, ground: Ground) -> Reason:
    """The reason without the names of this machine's folders: results are published."""
    system = cell.system if isinstance(cell, Cell) else cell
    folders = (system.entry.folder.parent, ground.typed_in, ground.cache)
    words = reason.model_dump()
    for folder in folders:
        words = {name: text.replace(f"{folder}/", "") for name, text in words.items()}
    return Reason(**words)


def _external(declared: Any) -> str:  # noqa: ANN401 - "none" or a tuple of records
    return declared if isinstance(declared, str) else ", ".join(item.name for item in declared)


def _stage_record(answer: Answer) -> StageRecord:
    return StageRecord(
        seconds=round(answer.seconds, 3),
        work_seconds=round(answer.work_seconds, 3),
        peak_memory_bytes=answer.peak_memory_bytes,
    )
