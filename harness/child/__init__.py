"""Runs one stage of a cell in a process of its own (see `nursery`). Nothing else imports an entry's code."""

from __future__ import annotations

import errno
import os
import traceback
from pathlib import Path
from typing import NoReturn

import torch

from harness.child import ranks
from harness.child.kept import seed_generators
from harness.child.stages import STAGES
from harness.files import disk_mistake
from harness.job import Answer, Job
from harness.lifeline import die_with_parent
from harness.outcomes import Mistake, Outcome, first_line
from harness.results import Reason


def run(job_file: Path) -> NoReturn:
    """Reads the job, runs its stage, writes the answer, and ends without waiting for what the entry left running."""
    die_with_parent()
    job = Job.model_validate_json(job_file.read_bytes())
    _redirect(job)
    ranks.leave(_answer(job), job.answer_file)


def _redirect(job: Job) -> None:
    """Nothing to read, everything printed to the stage's log, and the cell's folder to be in."""
    os.chdir(job.folder)
    with Path(os.devnull).open("rb") as nothing, job.log_file.open("wb") as log:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


def _answer(job: Job) -> Answer:
    """The stage's answer; the one place that catches everything, since an entry may raise anything."""
    try:
        if job.stage == "train" and job.processes > 1 and job.rank is None:
            return ranks.together(job, _answer)
        _settle(job)
        return STAGES[job.stage](job)
    except BaseException as error:  # noqa: BLE001 - also SystemExit: an entry that calls exit has crashed
        return _failed(job, error)


def _failed(job: Job, error: BaseException) -> Answer:
    """What an exception means, in one sentence; its traceback goes to the log."""
    if isinstance(error, Mistake):
        return _ended(error.outcome, error.rule, error.problem, error.remedy)
    traceback.print_exception(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        problem = f"There was not enough memory: {first_line(error)}"
        return _ended(Outcome.OUT_OF_MEMORY, "stage.memory", problem, "Use smaller batches or a smaller network.")
    if job.rank is not None and any(words in str(error) for words in ranks.LOST):
        problem = f"A process of the stage {job.stage} waited in vain for another one."
        remedy = "Let all of them take the same steps, and save together."
        return _ended(Outcome.CRASHED, "processes.waiting", problem, remedy)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        full = disk_mistake(error, f"A file of the stage {job.stage}")
        return _ended(Outcome.CRASHED, full.rule, full.problem, full.remedy)
    if isinstance(error, SystemExit):
        problem = f"The entry called exit({error.code}) in {job.stage}."
    else:
        problem = f"The entry raised {type(error).__name__} in {job.stage}{_place(job, error)}: {first_line(error)}"
    return _ended(Outcome.CRASHED, "stage.crashed", problem, f"The whole text is in {job.log_file.name}.")


def _ended(outcome: Outcome, rule: str, problem: str, remedy: str) -> Answer:
    return Answer(outcome=outcome, reason=Reason(rule=rule, problem=problem, remedy=remedy))


def _place(job: Job, error: BaseException) -> str:
    """The last line of the entry's own files in the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(job.entry)]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def _settle(job: Job) -> None:
    """One seed for every generator; a CPU then gives the same bits every time."""
    seed_generators(job.seed)
    if job.device == "cuda":
        _require_accelerators(job.processes)


def _require_accelerators(processes: int) -> None:
    """Raises `Mistake` where there is no accelerator, or not one for each process of a training."""
    if not torch.cuda.is_available():
        raise Mistake("device.cuda", "There is no CUDA device on this machine.", "Run with --device cpu.")
    found = torch.cuda.device_count()
    if found < processes:
        problem = f"The system trains by {processes} processes, and this machine has CUDA devices for {found}."
        raise Mistake("device.processes", problem, "Run it where there are more, or with --device cpu.")
