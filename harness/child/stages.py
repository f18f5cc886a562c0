"""The stages of a cell, each a function from its job to its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import safetensors.torch
import torch

from harness import contract, editions
from harness.child import probed, ranks, timed
from harness.child.clips import TestBatches, training_data
from harness.child.entries import built, figures, import_entry, opened, paths, require_classifier, task_of, typed
from harness.child.kept import LoadedTeacher, StageRun, save
from harness.complexity import inventory
from harness.complexity.limits import require_within
from harness.complexity.measuring import check_alone, evaluate, measure
from harness.complexity.scrutiny import Scrutiny
from harness.files import digest_of_path, replacing, write_bytes
from harness.job import CHECKPOINT, LOGITS, SNAPSHOT, SNAPSHOT_LOGITS, TRAINED, WEIGHTS, Answer, Job
from harness.outcomes import Mistake, Outcome, OverLimit
from harness.results import Complexity, Reason


def check(job: Job) -> Answer:
    entry = import_entry(job.entry)
    words = typed(entry, job)
    config, files = opened(words, job)
    classifier = built(entry, config, job)
    evaluate(classifier)
    check_alone(entry, classifier, task_of(job))
    found = measure(entry, classifier, task_of(job)).complexity
    return Answer(
        outcome=Outcome.OK,
        config=words.model_dump(mode="json"),
        files={name: digest_of_path(path) for name, path in files.items()},
        missing={name: str(path) for name, path in paths(words).items() if name not in files},
        sample_rate=classifier.sample_rate,
        complexity=found,
        figures=figures(entry, classifier),
    ).model_copy(update=_verdict(found, job))


def _verdict(found: Complexity, job: Job) -> dict[str, Any]:
    """What an answer says when the complexity exceeds the edition's limits; nothing when it does not."""
    try:
        require_within(found, editions.load(job.edition) if job.edition else None)
    except OverLimit as over:
        return {"outcome": over.outcome, "reason": Reason(rule=over.rule, problem=over.problem, remedy=over.remedy)}
    return {}


def train(job: Job) -> Answer:
    """Keeps what the entry's `train` returned; of several processes the first does."""
    ranks.join(job)
    entry = import_entry(job.entry)
    config, _ = opened(typed(entry, job), job)
    classifier = built(entry, config, job)
    teachers = {name: LoadedTeacher(files.entry, files.folder) for name, files in job.teachers.items()}
    place = torch.device(job.torch_device)
    run = StageRun(place, job.seed, job.folder, job.progress_file, teachers, job.rank or 0, job.processes)
    data = training_data(job)
    start = time.perf_counter()
    trained = entry.train(classifier, data, run)
    seconds = time.perf_counter() - start
    if run.rank:
        return Answer(outcome=Outcome.OK)
    require_classifier(trained, "train")
    evaluate(trained.cpu())
    save(trained, job.folder / TRAINED)
    (job.folder / CHECKPOINT).unlink(missing_ok=True)
    weights = inventory.digest(inventory.take(trained))
    return Answer(outcome=Outcome.OK, weights=weights, work_seconds=seconds, accelerator=_accelerator(job))


def build(job: Job) -> Answer:
    """Keeps the untrained classifier where a trained one would lie."""
    entry = import_entry(job.entry)
    config, _ = opened(typed(entry, job), job)
    classifier = built(entry, config, job)
    evaluate(classifier)
    save(classifier, job.folder / TRAINED)
    weights = inventory.digest(inventory.take(classifier))
    return Answer(outcome=Outcome.OK, weights=weights, sample_rate=classifier.sample_rate)


def export(job: Job) -> Answer:
    """Writes the weights of the trained network, by the names of its state dict, without the code that made it."""
    network = LoadedTeacher(job.entry, job.folder).classifier.network
    state = network.state_dict()
    others = [name for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if others:
        problem = f"The network keeps {others[0]} as no plain tensor: its weights are packed or quantised."
        raise Mistake("export.packed", problem, "Export the system that it was made from.")
    write_bytes(job.folder / WEIGHTS, safetensors.torch.save({name: value.clone() for name, value in state.items()}))
    return Answer(outcome=Outcome.OK)


def predict(job: Job) -> Answer:
    """Checks the limits of what was trained, then predicts every test clip."""
    entry = import_entry(job.entry)
    classifier = torch.load(job.folder / TRAINED, map_location="cpu", weights_only=False)
    measured = measure(entry, classifier, task_of(job))
    answer = Answer(outcome=Outcome.OK, complexity=measured.complexity, weights=measured.digest)
    verdict = _verdict(measured.complexity, job)
    if verdict:
        return answer.model_copy(update=verdict)
    classifier.to(job.device)
    clips = TestBatches(job, classifier.sample_rate)
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


def _predict_snapshots(entry: contract.Entry, clips: TestBatches) -> None:
    """Logits of every snapshot that the training kept; they are scored for tables and never ranked."""
    folder = clips.job.folder
    for path in sorted(folder.glob(SNAPSHOT.format(epoch="*"))):
        classifier = torch.load(path, map_location="cpu", weights_only=False)
        evaluate(classifier)
        logits = clips.logits(partial(entry.predict, classifier.to(clips.job.device)))
        with replacing(folder / SNAPSHOT_LOGITS.format(epoch=path.stem.rpartition("-")[2])) as stream:
            np.save(stream, logits)


def _accelerator(job: Job) -> str | None:
    if job.device == "cpu":
        return None
    name = torch.cuda.get_device_name()
    return name if job.processes == 1 else f"{job.processes} x {name}"


STAGES: Mapping[str, Callable[[Job], Answer]] = {
    "check": check, "train": train, "predict": predict, "build": build, "time": timed.time,
    "analyse": probed.analyse, "export": export,
}  # fmt: skip
