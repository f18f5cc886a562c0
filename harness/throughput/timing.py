"""One system on this machine: the baseline and the weights at hand, sittings, a second look, the record."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import cell, entry, evaluation, machine, plan, process, provenance
from harness.cell import Ground
from harness.data import test_clips
from harness.data.dataset import Rows
from harness.data.test_clips import TestClips
from harness.evaluation import Hands
from harness.files import digest_of_value
from harness.job import LOGITS, TRAINED, Answer, Job
from harness.nursery import Nursery
from harness.outcomes import Mistake, Outcome
from harness.plan import Cell, System
from harness.throughput import figures, honesty, sitting, sittings, speed, verifying
from harness.throughput.sitting import Mode, Sitting, Who
from harness.throughput.sittings import Failed, Sat, Terms, Timed
from harness.throughput.speed import Figures, Speed, Subject
from harness.tracks import Track

BASELINE = Path(__file__).resolve().parent.parent.parent / "baselines" / "systems" / "dcase2024"
BASELINE_SYSTEM = "baseline"
"""What every ratio is to, on every track: the official baseline of 2024, which hears clips of any length."""

MODES: tuple[Mode, ...] = ("one", "batch", "network")
PATIENCE_SECONDS = 600.0

EXACT = frozenset({"float32", "float64", "complex64", "int64", "int32", "bool"})
"""Types of numbers that are not rounded to 16 bits or fewer."""


@dataclass(frozen=True)
class Effort:
    """How long is measured: so many sittings, each with about so many seconds of rounds."""

    sittings: int = 5
    seconds: float = 4.0


@dataclass(frozen=True)
class Weights:
    """The classifier that is timed: its file, and the cell it is of with the logits that it was scored by.

    `test` are the clips of these logits: in cross-validation those of one fold. Without a cell: all test clips.
    """

    file: Path
    digest: str | None
    cell: str | None = None
    scored: Path | None = None
    hardware: str | None = None
    test: Rows | None = None


def measured(
    system: System, weights: Weights | None, ground: Ground, hands: Hands, other: Nursery, effort: Effort
) -> Speed:
    """The speed of a system beside the baseline, in one run; also written to disk.

    Without `weights` the network is timed as it is built. The baseline's process comes from the `other` nursery.
    """
    folder = ground.cache / "timings" / digest_of_value([system.entry.digest, system.name, dict(system.settings)])[:20]
    try:
        weights = weights or _built(system, ground, folder / "built", hands)
        test = ground.dataset.test if weights.test is None else weights.test
        timed = _timed(system, weights.file, test, ground, hands)
        baseline = _baseline(test, ground, hands)
        both: dict[Who, Timed] = {"baseline": baseline, "system": timed}
        sat = _sittings(system.title, both, ground.track, folder, hands, other, effort)
        found = _figures(system, weights, sat, ground.track)
        exact = ground.choice.device == "cpu" and _is_32_bit(system)
        found |= _looked_at_again(weights, sat, timed, ground.track, folder, hands, exact=exact)
    except Failed as failed:
        found = {"outcome": failed.answer.outcome, "reason": failed.answer.reason}
    except Mistake as mistake:
        found = {"outcome": mistake.outcome, "reason": process.as_reason(mistake)}
    shutil.rmtree(folder / "again" / "clips", ignore_errors=True)
    record = _record(system, weights, ground, effort, found)
    speed.write(record, ground.results)
    return record


def trained_weights(system: System, ground: Ground, hands: Hands) -> Weights | None:
    """What an evaluated cell of the system was scored with, of the largest split that has one; None without any."""
    cells = plan.cells([system], ground.track, ground.dataset, ground.choice, system.entry.folder)
    own = [one for one in cells if one.system is system and one.identity.path(ground.results).is_file()]
    for one in sorted(own, key=lambda each: (-len(each.rows if each.rows is not None else ()), each.seed)):
        ready = evaluation.readied([*_teachers(one), one], ground, hands.reporter)[one.place]
        place = ready.folder(ground)
        result = cell.known_result(one, ready.key, ground)
        if result is not None and (place / TRAINED).is_file() and (place / LOGITS).is_file():
            where = speed.hardware_of(result.provenance)
            return Weights(place / TRAINED, result.digests.weights, ready.key, place / LOGITS, where, one.test)
    return None


def known(system: System, weights: Weights, ground: Ground) -> Speed | None:
    """What was measured earlier of these very weights on this machine."""
    if weights.hardware is None:
        return None
    subject = _subject(system, ground)
    path = subject.path(ground.results, weights.hardware, trained=True)
    found = speed.read(path) if path.is_file() else None
    return found if isinstance(found, Speed) and found.cell == weights.cell else None


def _subject(system: System, ground: Ground) -> Subject:
    choice = ground.choice
    identity = plan.identity_of(system.entry.name, system.name, ground.track, "", 0, choice, choice.settings)
    return Subject(
        track=identity.track,
        entry=identity.entry,
        system=identity.system,
        settings=identity.settings,
        preset=identity.preset,
    )


def _teachers(one: Cell) -> list[Cell]:
    """The cells that a cell waits for, each behind its own."""
    found = [each for _, teacher in one.teachers for each in (*_teachers(teacher), teacher)]
    return list({each.place: each for each in found}.values())


def _baseline(test: Rows, ground: Ground, hands: Hands) -> Timed:
    """The official baseline, as it is built: what it weighs does not change how fast it is."""
    read = entry.read(BASELINE)
    choice = replace(ground.choice, systems=(BASELINE_SYSTEM,), settings=None, preset=None)
    settings = plan.settings(read, BASELINE_SYSTEM, ground.track, choice, changed=False)
    job = _job(read.folder, settings, ground)
    answer, file = _build(job, ground.cache / "timings" / "baseline", hands.nursery, ground.track)
    return _clips(job, answer, file, test, ground, hands)


def _built(system: System, ground: Ground, folder: Path, hands: Hands) -> Weights:
    job = _job(system.entry.folder, dict(system.settings), ground)
    answer, file = _build(job, folder, hands.nursery, ground.track)
    return Weights(file, answer.weights)


def _job(folder: Path, settings: dict[str, Any], ground: Ground) -> Job:
    return Job(
        stage="build",
        folder=folder,
        entry=folder,
        settings=settings,
        typed_in=ground.typed_in,
        task=plan.task_words(ground.track),
        edition=None,
        device=ground.choice.device,
        batch_size=ground.track.timed_batch,
    )


def _build(job: Job, folder: Path, nursery: Nursery, track: Track) -> tuple[Answer, Path]:
    """The untrained classifier in a file. Raises `Failed` where it cannot be built."""
    answer = process.run(job.model_copy(update={"folder": folder}), cell.allowance("check", track), nursery)
    if answer.outcome is not Outcome.OK:
        raise Failed(answer)
    return answer, folder / TRAINED


def _timed(system: System, file: Path, test: Rows, ground: Ground, hands: Hands) -> Timed:
    return _clips(_job(system.entry.folder, dict(system.settings), ground), system.check, file, test, ground, hands)


def _clips(job: Job, answer: Answer, file: Path, test: Rows, ground: Ground, hands: Hands) -> Timed:
    """The system with the test clips at its own rate, packed."""
    assert answer.sample_rate is not None  # noqa: S101 - a classifier that was built has one
    dataset, seconds = ground.dataset, ground.track.clip_seconds
    clips = test_clips.shuffled(dataset, test, answer.sample_rate, seconds, ground.cache)
    clips.pack(lambda: hands.reporter.step(f"packing waveforms at {answer.sample_rate} Hz"))
    names, heard_by = _heard_by(clips) if ground.track.device_revealed else (None, None)
    return Timed(job.model_copy(update={"test_devices": names}), file, clips.place, heard_by)


def _heard_by(clips: TestClips) -> tuple[tuple[str, ...], tuple[int, ...]]:
    names = tuple(sorted(set(clips.devices)))
    return names, tuple(names.index(device) for device in clips.devices)


def _sittings(
    name: str, timed: dict[Who, Timed], track: Track, folder: Path, hands: Hands, other: Nursery, effort: Effort
) -> list[Sat]:
    """All sittings, alone on the machine."""
    terms = Terms(track.timed_batch, MODES, effort.seconds, PATIENCE_SECONDS, track.limits.time_seconds)
    with ExitStack() as stack:
        nurseries: dict[Who, Nursery] = {"baseline": other, "system": hands.nursery}
        progress = stack.enter_context(hands.reporter.step(f"timing {name}"))
        stack.enter_context(machine.alone(lambda: hands.reporter.say("waiting for other commands on this machine")))
        sat = []
        for number in range(effort.sittings):
            sat.append(sittings.sit(timed, terms, folder / f"sitting-{number}", nurseries))
            progress(number + 1, effort.sittings)
    return sat


def _figures(system: System, weights: Weights, sat: Sequence[Sat], track: Track) -> dict[str, Any]:
    """Fields of the record that follow from the sittings."""
    records = [one.record for one in sat]
    by_mode: dict[Mode, Figures | None] = {
        mode: figures.figures(records, mode, track.timed_batch, track.clip_seconds) for mode in MODES
    }
    answers = [one.answers["system"] for one in sat]
    memory = [one.device_memory_bytes for one in answers if one.device_memory_bytes is not None]
    found: dict[str, Any] = {
        **{str(mode): found for mode, found in by_mode.items()},
        "outcome": Outcome.OK,
        "weights": answers[0].weights,
        "accelerator": answers[0].accelerator,
        "macs": system.check.complexity.macs if system.check.complexity else None,
        "peak_memory_bytes": max(one.peak_memory["system"] for one in records),
        "device_memory_bytes": max(memory, default=None),
        "overhead": max(one.overhead for one in records),
        "others": max(one.others for one in records),
        "peak_macs": max((one.peak for one in records if one.peak), default=None),
        "energy": records[0].energy,
    }
    _require_true(found, weights, records, by_mode)
    return found


def _require_true(
    found: dict[str, Any], weights: Weights, records: Sequence[Sitting], by_mode: dict[Mode, Figures | None]
) -> None:
    """Raises `Mistake` where these cannot be the figures of the system that was scored."""
    if weights.digest is not None and found["weights"] != weights.digest:
        problem = "The weights that were timed are not those that were scored."
        raise Mistake("weights.digest", problem, "Remove the cell's folder.")
    honesty.require_unforeseen(figures.rounds(records, "one"))
    honesty.require_unforeseen(figures.rounds(records, "batch"))
    for known in by_mode.values():
        if known and found["macs"] is not None:
            honesty.require_possible(found["macs"], known.clips_per_second, found["peak_macs"])


def _looked_at_again(
    weights: Weights,
    sat: Sequence[Sat],
    timed: Timed,
    track: Track,
    folder: Path,
    hands: Hands,
    *,
    exact: bool,
) -> dict[str, Any]:
    """Raises `Mistake` where the answers were not those of the scored path.

    Returns what changes: no figures of the network alone where it does not give them without its frontend.
    """
    asked = verifying.requests(sat)
    if weights.scored is not None:
        verifying.require_scored(asked, weights.scored, exact=exact)
    some = verifying.sampled(asked)
    with hands.reporter.step("predicting again what was asked"):
        answer = verifying.again(some, timed, folder / "again", hands.nursery, cell.allowance("predict", track))
    if answer.outcome is not Outcome.OK:
        raise Failed(answer)
    changed: dict[str, Any] = {}
    for request, logits in verifying.expected(some, folder / "again"):
        try:
            honesty.require_same(request.logits, logits, "clips that it had never heard", exact=exact)
        except Mistake:
            if request.mode != "network":
                raise
            changed["network"] = None
    return changed


def _is_32_bit(system: System) -> bool:
    found = system.check.complexity
    return found is not None and set(found.bytes_by_dtype) <= EXACT


def _record(system: System, weights: Weights | None, ground: Ground, effort: Effort, found: dict[str, Any]) -> Speed:
    origin = provenance.describe(ground.typed_in)
    origin = origin.model_copy(update={"hardware": {**origin.hardware, "accelerator": found.pop("accelerator", None)}})
    if found["outcome"] is not Outcome.OK:
        found = {"outcome": found["outcome"], "reason": cell.without_folders(found["reason"], system, ground)}
    return Speed(
        subject=_subject(system, ground),
        entry_digest=system.entry.digest,
        config=system.check.config or {},
        cell=weights.cell if weights else None,
        baseline=f"{BASELINE.name}/{BASELINE_SYSTEM}",
        hardware=speed.hardware_of(origin),
        device=ground.choice.device,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=f"{ground.command(system.entry.folder)} --system {system.name} --device {ground.choice.device}",
        provenance=origin,
        sittings=effort.sittings,
        warm_up=(sitting.FIRST_WARM_UP, sitting.WARM_UP),
        **found,
    )
