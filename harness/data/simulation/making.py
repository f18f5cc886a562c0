"""Makes the clips of all devices, recording by recording, in parallel; what lies there whole is not made again."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data import audio_files
from harness.data.audio_files import Unusable
from harness.data.simulation.devices import Device
from harness.data.simulation.recordings import Recording, faulty
from harness.data.simulation.sound import FilterBank, Signal, compressed, is_silent, limited, resampled, wav, wav_bytes
from harness.data.workers import cores, pool

Progress = Callable[[int, int], None]
Making = Callable[[], AbstractContextManager[Progress]]
"""Entered when there is something to make; yields what is told how far it is."""

RECORDINGS_PER_JOB = 8
_FEWEST_FOR_TWO = 32  # with fewer recordings a second process costs more time than it saves


@dataclass(frozen=True)
class Plan:
    """What is made of every recording: clips of `samples` at `rate`, by device a and by `devices`, into `folder`."""

    folder: Path
    rate: int
    samples: int
    clip_seconds: float
    devices: tuple[Device, ...]

    @property
    def device_names(self) -> tuple[str, ...]:
        """Names of all devices, a first."""
        return ("a", *(device.name for device in self.devices))


@dataclass(frozen=True)
class Made:
    """What became of a recording: the numbers of its clips, and what of it was left out; see `Simulated`."""

    recording: Recording
    clips: tuple[int, ...] = ()
    silent: int = 0
    ends: int = 0
    short: bool = False
    fault: str | None = None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One command makes a set at a time; another waits and then finds the clips there. Leaves no file behind."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def make(plan: Plan, recordings: Sequence[Recording], making: Making, workers: int | None) -> list[Made]:
    """Sees to it that all clips are in the plan's folder; what was made of each recording, in their order.

    Raises `Mistake` that counts and names the recordings which cannot be used; the others are made and stay so.
    """
    plan.folder.mkdir(exist_ok=True)
    for left in plan.folder.glob(".*.part"):  # by a command that was killed
        left.unlink()
    made: dict[int, list[Made]] = {}
    done = 0
    starts = range(0, len(recordings), RECORDINGS_PER_JOB)
    jobs = {start: recordings[start : start + RECORDINGS_PER_JOB] for start in starts}
    with making() as progress:
        for start, results in _walked(plan, jobs, workers or _useful(len(recordings))):
            made[start] = results
            done += len(results)
            progress(done, len(recordings))
    ordered = [result for start in starts for result in made[start]]
    faults = [result.fault for result in ordered if result.fault]
    if faults:
        raise faulty(faults, len(recordings))
    return ordered


def _useful(recordings: int) -> int:
    return cores() if recordings >= _FEWEST_FOR_TWO else 1


def _walked(plan: Plan, jobs: dict[int, Sequence[Recording]], workers: int) -> Iterable[tuple[int, list[Made]]]:
    """Results of the jobs as they are done, in this process or in others."""
    if workers == 1:
        yield from ((start, _job(plan, job)) for start, job in jobs.items())
        return
    with pool(min(workers, len(jobs)), "simulates devices") as processes:
        futures = {processes.submit(_job, plan, job): start for start, job in jobs.items()}
        for future in as_completed(futures):
            yield futures.pop(future), future.result()


def _job(plan: Plan, recordings: Sequence[Recording]) -> list[Made]:
    bank = FilterBank([device.response for device in plan.devices])
    return [_made(plan, bank, recording) for recording in recordings]


def _made(plan: Plan, bank: FilterBank, recording: Recording) -> Made:
    """Makes what is missing of a recording."""
    try:
        runs = [(first, *_joined(paths)) for first, paths in recording.runs]
    except Unusable as fault:
        return Made(recording, fault=str(fault))
    numbers: list[int] = []
    silent, ends, free = 0, 0, 0  # free: the first number that no clip before has taken
    for first, signal, rate in runs:
        sound = resampled(signal, rate, plan.rate)
        count = sound.size // plan.samples
        start = max(first, free)
        free = start + count
        seconds = plan.clip_seconds
        with_sound = [place for place in range(count) if not is_silent(_source_clip(signal, rate, place, seconds))]
        numbers += [start + place for place in with_sound]
        silent += count - len(with_sound)
        ends += sound.size % plan.samples > 0
        _write_run(plan, bank, recording, sound, {place: start + place for place in with_sound})
    short = not numbers and not silent
    return Made(recording, tuple(numbers), silent, 0 if short else ends, short)


def _joined(paths: Sequence[Path]) -> tuple[Signal, int]:
    """(sound of files that follow on each other, rate); raises `Unusable`, whose words begin with a file's name."""
    pieces, rates = zip(*map(_mixed, paths), strict=True)
    if len(set(rates)) > 1:
        raise Unusable(f"{paths[0].name} and the pieces after it have different rates")
    return np.concatenate(pieces), rates[0]


def _mixed(path: Path) -> tuple[Signal, int]:
    """(mean of a file's channels, rate)."""
    try:
        file = audio_files.read(path)
    except Unusable as fault:
        raise Unusable(f"{path.name} {fault}") from None
    if not np.isfinite(file.waveform).all():
        raise Unusable(f"{path.name} holds values that are not numbers")
    return file.waveform.mean(axis=1, dtype=np.float64), file.sample_rate


def _source_clip(signal: Signal, rate: int, place: int, seconds: float) -> Signal:
    """What a clip was made of, before resampling."""
    return signal[round(place * seconds * rate) : round((place + 1) * seconds * rate)]


def _write_run(plan: Plan, bank: FilterBank, recording: Recording, sound: Signal, numbers: dict[int, int]) -> None:
    """Writes the clips of one run of a recording: `numbers` has the place in the run of each, and its k."""
    paths = {
        name: {place: plan.folder / clip_name(recording, k, name) for place, k in numbers.items()}
        for name in plan.device_names
    }
    missing = {name for name in paths if not all(_is_whole(path, plan.samples) for path in paths[name].values())}
    for name, recorded in _recorded(plan, bank, sound, missing):
        for place, path in paths[name].items():
            _write(path, wav(recorded[place * plan.samples : (place + 1) * plan.samples], plan.rate))


def _recorded(plan: Plan, bank: FilterBank, sound: Signal, names: Collection[str]) -> Iterator[tuple[str, Signal]]:
    """(device, what it stores of `sound`) for those of the devices that have one of `names`."""
    if not names:
        return
    if "a" in names:
        yield "a", limited(sound, 1.0)
    spectra = bank.transformed(sound)
    for number, device in enumerate(plan.devices):
        if device.name in names:
            heard = bank.convolved(spectra, number)[device.delay : device.delay + sound.size]
            yield device.name, limited(compressed(heard, plan.rate, device.compressor))


def clip_name(recording: Recording, k: int, device: str) -> str:
    """The name of a clip's file: `<scene>-<city>-<location>-<segment>-<k>-<device>.wav`."""
    return f"{recording.stem}-{k}-{device}.wav"


def _is_whole(path: Path, samples: int) -> bool:
    try:
        return path.stat().st_size == wav_bytes(samples)
    except FileNotFoundError:
        return False


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all for a process that is killed; to wait for the disk at every clip would take hours."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
