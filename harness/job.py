"""What a stage is told and what it answers: two JSON files, the only words between the referee and a child process."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness.data.store import Layout
from harness.outcomes import Outcome
from harness.results import Complexity, Reason
from harness.throughput.channel import Shape
from harness.validated import Record

Stage = Literal["check", "train", "predict", "build", "time", "analyse", "export"]
"""`build` keeps an untrained classifier as `train` would a trained one; both it and `time` are for throughput.

`analyse` asks a trained classifier what an analysis wants to know; `export` writes its network's weights.
"""


class TaskWords(Record):
    """The fields of `contract.Task`."""

    labels: tuple[str, ...]
    clip_seconds: float
    devices: tuple[str, ...]
    device_revealed: bool
    multi_label: bool = False


class TrainingFiles(Record):
    """Where the clips of a training split lie: a packed store and the list of its rows; of those for choosing too."""

    store: Layout
    list_file: Path
    validation_file: Path | None = None


class TeacherFiles(Record):
    """A trained teacher: its entry and the folder of its cell."""

    entry: Path
    folder: Path


class Probing(Record):
    """Which analysis asks, and the folder of the cell whose trained classifier it asks."""

    analysis: str
    folder: Path


class ChannelFiles(Record):
    """Where the memory and the pipes lie through which a timed process is asked."""

    folder: Path
    shape: Shape


class Job(Record):
    """One stage of one cell.

    `typed_in` is the folder the command was typed in, for paths in the settings; `test_devices` are given on tracks
    that reveal them. `edition` is None where no limits hold: on tracks without them, and for teachers. `planning`:
    files that the settings name need not be there. `processes` train the system; `rank` is that of one of several, None
    for who starts them and where there is one.
    """

    stage: Stage
    folder: Path
    entry: Path
    settings: dict[str, Any]
    typed_in: Path
    task: TaskWords
    edition: str | None
    device: Literal["cpu", "cuda"]
    seed: int = 0
    batch_size: int = 256
    processes: int = 1
    rank: int | None = None
    training: TrainingFiles | None = None
    teachers: dict[str, TeacherFiles] = Field(default_factory=dict)
    test: Layout | None = None
    test_devices: tuple[str, ...] | None = None
    planning: bool = False
    channel: ChannelFiles | None = None
    probing: Probing | None = None

    @property
    def torch_device(self) -> str:
        """What torch calls the device: each of several processes has an accelerator of its own."""
        return f"cuda:{self.rank}" if self.device == "cuda" and self.rank is not None else self.device

    @property
    def answer_file(self) -> Path:
        return self.folder / f"{self.stage}.answer.json"

    @property
    def progress_file(self) -> Path:
        return self.folder / f"{self.stage}.progress"

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.stage}.log"


class Answer(Record):
    """How a stage ended and what it found; fields that the stage has nothing to say about are None.

    `config` is the whole configuration with its defaults, `files` the digests of the files it names, `missing` those
    that are not there (`Job.planning`), `figures` what the entry tells of the system, `weights` the digest of the
    classifier's tensors, `work_seconds` the time inside the entry's own function, `device_memory_bytes` the most that
    lay on an accelerator.
    """

    outcome: Outcome
    reason: Reason | None = None
    config: dict[str, Any] | None = None
    files: dict[str, str] | None = None
    missing: dict[str, str] | None = None
    sample_rate: int | None = None
    complexity: Complexity | None = None
    figures: dict[str, float] = Field(default_factory=dict)
    weights: str | None = None
    accelerator: str | None = None
    device_memory_bytes: int | None = None
    work_seconds: float = 0.0
    seconds: float = 0.0
    peak_memory_bytes: int = 0


def silent_end(job: Job, who: str, code: int) -> Answer:
    """What the end of a process says that left no answer; `code` is its exit status, negative for a signal."""
    log = f"The whole text is in {job.log_file.name}."
    if code == -signal.SIGKILL:
        problem = f"{who} was killed, most likely by the system for want of memory."
        reason = Reason(rule="stage.memory", problem=problem, remedy="Use smaller batches, or free some memory.")
        return Answer(outcome=Outcome.OUT_OF_MEMORY, reason=reason)
    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
    problem = f"{who} ended {how} and left no answer."
    return Answer(outcome=Outcome.CRASHED, reason=Reason(rule="stage.crashed", problem=problem, remedy=log))


WORK = "work"
TRAINED = "trained.pt"
CHECKPOINT = "checkpoint.pt"
LOGITS = "logits.npy"
SNAPSHOT = "snapshot-{epoch}.pt"
SNAPSHOT_LOGITS = "snapshot-{epoch}.npy"
PROBED = "probed.npz"
WEIGHTS = "exported.safetensors"
