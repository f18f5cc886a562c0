"""Runs one stage of a cell in a process of its own (see `nursery`). The only file that imports an entry's code."""

from __future__ import annotations

import errno
import importlib.util
import inspect
import os
import pickle
import random
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, cast

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from harness import contract, editions
from harness.complexity import inventory
from harness.complexity.limits import require_within
from harness.complexity.measuring import check_alone, evaluate, measure
from harness.complexity.scrutiny import Scrutiny
from harness.contract import Classifier, Clips, Teacher
from harness.data.gathering import Gatherer
from harness.data.store import Waveforms
from harness.data.training_data import ClipList, StoredData
from harness.files import digest_of_path, digest_of_value, disk_mistake, find_path, replacing, write_bytes
from harness.job import CHECKPOINT, LOGITS, SNAPSHOT, SNAPSHOT_LOGITS, TRAINED, WORK, Answer, Job
from harness.lifeline import die_with_parent
from harness.logits import require_logits
from harness.outcomes import Mistake, Outcome, OverLimit
from harness.results import Complexity, Reason
from harness.validated import misfit


def run(job_file: Path) -> NoReturn:
    """Reads the job, runs its stage, writes the answer, and ends without waiting for what the entry left running."""
    die_with_parent()
    job = Job.model_validate_json(job_file.read_bytes())
    _redirect(job)
    write_bytes(job.answer_file, _answer(job).model_dump_json(indent=1).encode())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


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
        problem = f"There was not enough memory: {_first_line(error)}"
        return _ended(Outcome.OUT_OF_MEMORY, "stage.memory", problem, "Use smaller batches or a smaller network.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        full = disk_mistake(error, f"A file of the stage {job.stage}")
        return _ended(Outcome.CRASHED, full.rule, full.problem, full.remedy)
    if isinstance(error, SystemExit):
        problem = f"The entry called exit({error.code}) in {job.stage}."
    else:
        problem = f"The entry raised {type(error).__name__} in {job.stage}{_place(job, error)}: {_first_line(error)}"
    return _ended(Outcome.CRASHED, "stage.crashed", problem, f"The whole text is in {job.log_file.name}.")


def _ended(outcome: Outcome, rule: str, problem: str, remedy: str) -> Answer:
    return Answer(outcome=outcome, reason=Reason(rule=rule, problem=problem, remedy=remedy))


def _place(job: Job, error: BaseException) -> str:
    """The last line of the entry's own files in the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(job.entry)]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message."


def _settle(job: Job) -> None:
    """One seed for every generator; a CPU then gives the same bits every time."""
    random.seed(job.seed)
    np.random.seed(job.seed)  # noqa: NPY002 - for entries that draw from the global generator
    torch.manual_seed(job.seed)
    if job.device == "cuda" and not torch.cuda.is_available():
        raise Mistake("device.cuda", "There is no CUDA device on this machine.", "Run with --device cpu.")


def _check(job: Job) -> Answer:
    entry = _import_entry(job.entry)
    typed = _typed(entry, job)
    config, files = _opened(typed, job)
    classifier = _built(entry, config, job)
    evaluate(classifier)
    check_alone(entry, classifier, _task(job))
    found = measure(entry, classifier, _task(job)).complexity
    return Answer(
        outcome=Outcome.OK,
        config=typed.model_dump(mode="json"),
        files={name: digest_of_path(path) for name, path in files.items()},
        missing={name: str(path) for name, path in _paths(typed).items() if name not in files},
        sample_rate=classifier.sample_rate,
        complexity=found,
    ).model_copy(update=_verdict(found, job))


def _verdict(found: Complexity, job: Job) -> dict[str, Any]:
    """What an answer says when the complexity exceeds the edition's limits; nothing when it does not."""
    try:
        require_within(found, editions.load(job.edition) if job.edition else None)
    except OverLimit as over:
        return {"outcome": over.outcome, "reason": Reason(rule=over.rule, problem=over.problem, remedy=over.remedy)}
    return {}


def _train(job: Job) -> Answer:
    entry = _import_entry(job.entry)
    config, _ = _opened(_typed(entry, job), job)
    classifier = _built(entry, config, job)
    teachers = {name: _Teacher(files.entry, files.folder) for name, files in job.teachers.items()}
    run = _Run(torch.device(job.device), job.seed, job.folder, job.progress_file, teachers)
    data = _training_data(job)
    start = time.perf_counter()
    trained = entry.train(classifier, data, run)
    seconds = time.perf_counter() - start
    _require_classifier(trained, "train")
    evaluate(trained.cpu())
    _save(trained, job.folder / TRAINED)
    (job.folder / CHECKPOINT).unlink(missing_ok=True)
    weights = inventory.digest(inventory.take(trained))
    return Answer(outcome=Outcome.OK, weights=weights, work_seconds=seconds, accelerator=_accelerator(job))


def _predict(job: Job) -> Answer:
    """Checks the limits of what was trained, then predicts every test clip."""
    entry = _import_entry(job.entry)
    classifier = torch.load(job.folder / TRAINED, map_location="cpu", weights_only=False)
    measured = measure(entry, classifier, _task(job))
    answer = Answer(outcome=Outcome.OK, complexity=measured.complexity, weights=measured.digest)
    verdict = _verdict(measured.complexity, job)
    if verdict:
        return answer.model_copy(update=verdict)
    classifier.to(job.device)
    clips = _TestClips(job, classifier.sample_rate)
    start = time.perf_counter()
    scrutiny = Scrutiny(entry, classifier, measured)
    logits = clips.logits(scrutiny.predict)
    with torch.inference_mode():
        found = scrutiny.finish(clips.at, torch.from_numpy(logits))
    seconds = time.perf_counter() - start
    _predict_snapshots(entry, clips)
    with replacing(job.folder / LOGITS) as stream:
        np.save(stream, logits)
    return answer.model_copy(update={"complexity": found, "work_seconds": seconds, **_verdict(found, job)})


def _predict_snapshots(entry: contract.Entry, clips: _TestClips) -> None:
    """Logits of every snapshot that the training kept; they are scored for tables and never ranked."""
    folder = clips.job.folder
    for path in sorted(folder.glob(SNAPSHOT.format(epoch="*"))):
        classifier = torch.load(path, map_location="cpu", weights_only=False)
        evaluate(classifier)
        logits = clips.logits(partial(entry.predict, classifier.to(clips.job.device)))
        with replacing(folder / SNAPSHOT_LOGITS.format(epoch=path.stem.rpartition("-")[2])) as stream:
            np.save(stream, logits)


STAGES: Mapping[str, Callable[[Job], Answer]] = {"check": _check, "train": _train, "predict": _predict}


def module_name(folder: Path) -> str:
    """What an entry's module is called: saved classifiers name it, and a student's process holds its teachers' too."""
    return f"dcase_bench_entry_{re.sub(r'[^0-9A-Za-z]', '_', folder.name)}_{digest_of_value(folder.name)[:6]}"


def _import_entry(folder: Path) -> contract.Entry:
    """`submission.py` as a module; its own files can be imported from it with a leading dot."""
    name = module_name(folder)
    if name in sys.modules:
        return cast("contract.Entry", sys.modules[name])
    spec = importlib.util.spec_from_file_location(
        name, folder / "submission.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None  # noqa: S101 - a path that ends in .py always has a spec
    assert spec.loader is not None  # noqa: S101
    sys.dont_write_bytecode = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    _require_contract(module)
    return cast("contract.Entry", module)


def _require_contract(module: ModuleType) -> None:
    config = module.__dict__.get("Config")
    if not (isinstance(config, type) and issubclass(config, contract.Config)):
        raise Mistake("contract.config", "Config is no subclass of contract.Config.", "See harness/contract.py.")
    for name, count in (("build", 2), ("train", 3), ("predict", 2)):
        function = module.__dict__.get(name)
        if not callable(function):
            raise Mistake("contract.function", f"{name} is no function.", "See harness/contract.py.")
        try:
            inspect.signature(function).bind(*range(count))
        except TypeError as error:
            problem = f"{name} cannot be called with {count} arguments: {error}."
            raise Mistake("contract.signature", problem, "See harness/contract.py.") from None


def _typed(entry: contract.Entry, job: Job) -> contract.Config:
    """The configuration as it was typed."""
    try:
        return entry.Config.model_validate(job.settings)
    except ValidationError as error:
        raise misfit(error, entry.Config, where="The configuration", rule="config") from None


def _paths(config: contract.Config) -> dict[str, Path]:
    return {name: value for name, value in config if isinstance(value, Path)}


def _opened(config: contract.Config, job: Job) -> tuple[contract.Config, dict[str, Path]]:
    """The configuration with paths that can be opened, and those by field; missing ones stay only in a plan."""
    found: dict[str, Path] = {}
    for name, path in _paths(config).items():
        place = find_path(path, (job.typed_in, job.entry))
        if place is not None:
            found[name] = place
        elif not job.planning:
            problem = f"{name}: {path} does not exist."
            raise Mistake("config.path", problem, "Give a path from here, or beside submission.py.")
    return config.model_copy(update=found), found


def _task(job: Job) -> contract.Task:
    return contract.Task(**job.task.model_dump())


def _built(entry: contract.Entry, config: contract.Config, job: Job) -> Classifier:
    classifier = entry.build(config, _task(job))
    _require_classifier(classifier, "build")
    return classifier


def _require_classifier(value: object, function: str) -> None:
    if not isinstance(value, Classifier):
        problem = f"{function} returned {type(value).__name__} instead of a contract.Classifier."
        raise Mistake("contract.classifier", problem, "Wrap the module: Classifier(frontend, network, sample_rate).")
    if not isinstance(value.sample_rate, int) or value.sample_rate <= 0:
        problem = f"The classifier's sample_rate is {value.sample_rate!r}."
        raise Mistake("contract.sample_rate", problem, "Give a whole number of samples a second, such as 32000.")


def _save(classifier: Classifier, path: Path) -> None:
    try:
        _write(classifier, path)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        problem = f"What train returned cannot be saved: {_first_line(error)}."
        raise Mistake("contract.save", problem, "Define its classes at the top level of a file of the entry.") from None


def _write(value: object, path: Path) -> None:
    """Saves through memory: torch's own writer hides that a disk is full."""
    buffer = BytesIO()
    torch.save(value, buffer)
    write_bytes(path, buffer.getvalue())


def _training_data(job: Job) -> StoredData:
    files = job.training
    device = torch.device(job.device)
    if files is None:
        return StoredData(ClipList.empty(), Gatherer(Waveforms([]), np.zeros(0, np.float32)), 0, device)
    clips, store = ClipList.load(files.list_file), files.store
    return StoredData(clips, Gatherer(store.waveforms(), store.scales()), store.sample_rate, device)


class _Teacher:
    """`contract.Teacher`: what the training of another cell gave, with its entry's `predict`; read when first used."""

    def __init__(self, entry: Path, folder: Path) -> None:
        self._folder = entry
        self._trained = folder / TRAINED

    @cached_property
    def _entry(self) -> contract.Entry:
        return _import_entry(self._folder)

    @cached_property
    def classifier(self) -> Classifier:
        _ = self._entry  # its classes are named in the file
        classifier = torch.load(self._trained, map_location="cpu", weights_only=False)
        _require_classifier(classifier, "train")
        evaluate(classifier)
        return cast("Classifier", classifier)

    def predict(self, clips: Clips) -> Tensor:
        with torch.no_grad():
            return self._entry.predict(self.classifier, clips)


@dataclass
class _Run:
    """`contract.Run`: where a training runs, from which seed, and what it keeps."""

    device: torch.device
    seed: int
    folder: Path
    progress_file: Path
    teachers: Mapping[str, Teacher] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)
        self.work = self.folder / WORK
        self.work.mkdir(exist_ok=True)

    def progress(self, done: int, total: int, **metrics: float) -> None:
        _report(self.progress_file, done, total, metrics)

    def save(self, state: Mapping[str, Any]) -> None:
        kept = {
            "state": dict(state),
            "generator": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "numpy": np.random.get_state(),  # noqa: NPY002 - entries may draw from the global generators
            "random": random.getstate(),
        }
        if self.device.type == "cuda":
            kept["cuda"] = torch.cuda.get_rng_state()
        _write(kept, self.folder / CHECKPOINT)

    def load(self) -> dict[str, Any] | None:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return None
        kept = torch.load(path, map_location="cpu", weights_only=False)
        self.generator.set_state(kept["generator"])
        torch.set_rng_state(kept["torch"])
        np.random.set_state(kept["numpy"])  # noqa: NPY002 - as above
        random.setstate(kept["random"])
        if "cuda" in kept:
            torch.cuda.set_rng_state(kept["cuda"])
        return cast("dict[str, Any]", kept["state"])

    def snapshot(self, classifier: Classifier, number: int) -> None:
        _save(classifier, self.folder / SNAPSHOT.format(epoch=int(number)))


def _report(path: Path, done: int, total: int, metrics: Mapping[str, float]) -> None:
    shown = " ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    write_bytes(path, f"{int(done)} {int(total)} {shown}".encode())


def _accelerator(job: Job) -> str | None:
    return torch.cuda.get_device_name() if job.device == "cuda" else None


class _TestClips:
    """The test clips of a job, as `predict` gets them."""

    def __init__(self, job: Job, sample_rate: int) -> None:
        assert job.test is not None  # noqa: S101 - the referee gives every predict stage its clips
        self.job = job
        self.count = job.test.clips
        self.sample_rate = sample_rate
        self.store = Gatherer(job.test.waveforms(), job.test.scales())

    def at(self, rows: Sequence[int]) -> Clips:
        """The clips at `rows`."""
        devices = self.job.test_devices
        batch = self.store.floats(torch.as_tensor(list(rows))).to(self.job.device)
        return Clips(batch, self.sample_rate, tuple(devices[row] for row in rows) if devices else None)

    @torch.inference_mode()
    def logits(self, predict: Callable[[Clips], Tensor]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Logits (clips, classes) float32, batch by batch."""
        parts = []
        for start in range(0, self.count, self.job.batch_size):
            batch = self.at(range(start, min(start + self.job.batch_size, self.count)))
            logits = require_logits(predict(batch), len(batch.waveforms), len(self.job.task.labels))
            parts.append(logits.float().cpu().numpy())
            _report(self.job.progress_file, start + len(batch.waveforms), self.count, {})
        return np.concatenate(parts)
