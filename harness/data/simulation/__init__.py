"""Simulated devices: a labelled set of one device made into the TAU 2022 Mobile layout, with devices it never had.

As TAU made S1 to S11 from device A: every recording is convolved with a device's impulse response, then its dynamic
range is compressed with that device's settings. Device a is the recording as it is; s1, s2 … are simulated, the first
ones seen in training, the others not. The figures of such a set say how a system takes to other devices; they are not
those of real phones.

    <out>/audio/<scene>-<city>-<location>-<segment>-<k>-<device>.wav     24 bit, one channel
    <out>/meta.csv         written last: a folder that has it is finished
    <out>/devices.json     what was asked for, and what each device is

The same source, responses, settings and seed give the same bytes, whatever the number of processes, and whether or not
the run was interrupted. Measured: the 320 recordings of 5 s at 16 kHz of ESC-50's ten scene-like classes, with nine
simulated devices, take 22 to 32 s of one core's time (2.5 GHz Xeon, busy with other work too).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.simulation import description, devices, recordings
from harness.data.simulation.description import VERSION, Counts, Settings
from harness.data.simulation.making import Making, Plan, alone, make
from harness.files import disk_mistake
from harness.outcomes import Mistake

__all__ = ["Simulated", "simulate"]


@dataclass(frozen=True)
class Simulated:
    """What lies in the folder: `clips` files from `recordings` (joined ones) at `locations`, each by every device.

    What was left out, counted once and not for each device: `silent` clips, `ends` of recordings that are shorter than
    a clip, and `short` recordings, which are shorter than one.
    """

    clips: int
    recordings: int
    locations: int
    devices: tuple[str, ...]
    silent: int
    ends: int
    short: int


def simulate(
    source: Path,
    responses: Path,
    out: Path,
    making: Making,
    *,
    seen: int = 6,
    unseen: int = 3,
    seed: int = 0,
    clip_seconds: float = 1.0,
    sample_rate: int | None = None,
    labels: Sequence[str] | None = None,
    source_device: str | None = None,
    workers: int | None = None,
) -> Simulated:
    """The set in `source`, heard by device a and by `seen` + `unseen` simulated devices, in the folder `out`.

    `making` is entered when there is something to make and yields what is told how many recordings are done.
    `sample_rate` None keeps the source's own; `labels` None keeps all scenes; `source_device` chooses among several;
    `workers` None takes as many processes as are useful. A folder left half finished by the same settings is finished;
    where nothing is missing, nothing is done. Raises `Mistake` for settings, sources and responses that cannot be used
    and for an `out` that holds something else.
    """
    _require_sensible(seen, unseen, seed, clip_seconds, sample_rate)
    found = recordings.read(source, labels, source_device)
    microphones = devices.read(responses)
    settings = Settings(
        version=VERSION,
        seed=seed,
        seen=seen,
        unseen=unseen,
        clip_seconds=clip_seconds,
        sample_rate=sample_rate,
        labels=None if labels is None else tuple(sorted(set(labels))),
        source_device=source_device,
        source=found.digest,
        responses=devices.digest(microphones),
    )
    try:
        counts = description.finished(out, settings)
        if counts is None:
            rate = recordings.common_rate(found.recordings, sample_rate)
            drawn = devices.draw(microphones, rate, seen + unseen, seed, responses)
            plan = Plan(out / "audio", rate, round(clip_seconds * rate), clip_seconds, drawn)
            begun = description.begin(settings, rate, source.resolve().name, drawn)
            with alone(out):
                counts = description.finished(out, settings)  # another command may have made it while this one waited
                if counts is None:
                    description.write(out, begun)
                    counts = description.finish(out, begun, make(plan, found.recordings, making, workers))
    except OSError as error:
        raise disk_mistake(error, f"The simulated set {out}") from None
    return _simulated(counts, seen + unseen)


def _simulated(counts: Counts, devices: int) -> Simulated:
    return Simulated(devices=("a", *(f"s{number}" for number in range(1, devices + 1))), **counts.model_dump())


def _require_sensible(seen: int, unseen: int, seed: int, clip_seconds: float, sample_rate: int | None) -> None:
    if min(seen, unseen) < 0 or seen + unseen == 0:
        problem = f"{seen} seen and {unseen} unseen devices cannot be simulated."
        raise Mistake("simulation.devices", problem, "Ask for one device or more, none of them negative.")
    if seed < 0:
        raise Mistake("simulation.seed", f"The seed {seed} is negative.", "Give zero or a positive whole number.")
    if not (math.isfinite(clip_seconds) and clip_seconds >= 0.01):
        problem = f"A clip of {clip_seconds} s cannot be made."
        raise Mistake("simulation.clip", problem, "Give a length of 0.01 s or more, TAU 2022 has 1.0.")
    if sample_rate is not None:
        recordings.require_rate(sample_rate)
