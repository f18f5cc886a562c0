"""An inference package, run: whether its modules predict what they are said to, and what each device's model costs.

Each module is asked in a process of its own, isolated from this project's packages. That isolates faults: it is
somebody else's code, and is run only where `--inference` asks for it.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from harness.editions import Edition
from harness.outcomes import Mistake
from harness.packages.faults import Fault
from harness.packages.inference import dummy
from harness.packages.labels import Label
from harness.tracks import Track

SCRIPT = Path(__file__).with_name("inside.py")
DEVICES = ("a", "b", "c", *(f"s{number}" for number in range(1, 11)), "unknown")
"""The devices that the organisers' checker asks for (2025), and the one that nobody knows."""

KEYS = {"total_model_size": "bytes", "total_parameters": "parameters", "macs": "macs"}
"""Keys of the meta file, and what a module's answer calls them."""

SECONDS = 900
SAMPLED = 64
"""Clips of an output that are predicted again."""

LOGIT_ROOM = 0.05
PROBABILITY_ROOM = 0.02
"""What 16 bit and another machine may change."""

Tables = Mapping[str, Sequence[tuple[str, str, Sequence[float]]]]
"""By label: file, device and probabilities of clips of its output."""


@dataclass(frozen=True)
class Module:
    """A module of a package: its label, and what it is imported as."""

    label: Label
    folder: Path
    name: str


def modules(folder: Path) -> list[Module]:
    """The modules of an inference package, by their labels; raises `Mistake` where there is none."""
    found = []
    for path in sorted(folder.glob("*/*.py")):
        label = Label.parse(path.stem)
        if label is not None:
            found.append(Module(label, folder, f"{path.parent.name}.{path.stem}"))
    if not found:
        problem = f"{folder} has no module of a system."
        raise Mistake("package.inference", problem, "It holds <team>/<label>.py: see docs/packages.md.")
    return found


def faults(
    folder: Path, edition: Edition, track: Track, declared: Mapping[str, Mapping[str, int]], tables: Tables,
    python: str = sys.executable,
) -> Iterator[Fault]:  # fmt: skip
    """What is wrong with the modules; `declared` are complexities of the meta files, by label."""
    for module in modules(folder):
        clips = tables.get(str(module.label), ())
        answer = _asked(module, python, track.clip_seconds, [(file, device) for file, device, _ in clips])
        file = f"{module.name.replace('.', '/')}.py"
        if isinstance(answer, str):
            yield Fault("package.inference", file, answer, "It must import and predict where it is installed alone.")
            continue
        yield from _answers(file, answer, track)
        yield from _costs(file, answer["costs"], edition, declared.get(str(module.label)))
        yield from _predicted(file, answer, track, clips)


def costs(folder: Path, track: Track) -> dict[str, dict[str, int]]:
    """What the modules of a package cost as the organisers count it, by label: the most of any device's model.

    Raises `Mistake` where one cannot be run.
    """
    found = {}
    for module in modules(folder):
        answer = _asked(module, sys.executable, track.clip_seconds, ())
        if isinstance(answer, str):
            raise Mistake("package.inference", f"The module of {module.label} {answer}", "Correct the entry's code.")
        every = answer["costs"].values()
        found[str(module.label)] = {name: max(one[key] for one in every) for name, key in KEYS.items()}
    return found


def _asked(module: Module, python: str, seconds: float, clips: Sequence[tuple[str, str]]) -> dict[str, Any] | str:
    """What a module answers, or why it does not."""
    with TemporaryDirectory(prefix="dcase-bench-package-") as place:
        questions, answers, sound = (Path(place) / name for name in ("questions.json", "answers.json", "dummy.wav"))
        sound.write_bytes(dummy(seconds))
        questions.write_text(json.dumps({"dummy": str(sound), "devices": DEVICES, "clips": clips}))
        command = [
            python,
            "-I",
            "-B",
            str(SCRIPT),
            str(module.folder.resolve()),
            module.name,
            str(questions),
            str(answers),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - a package that somebody asked to be run
                command, cwd=place, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"took more than {SECONDS} s."
        if done.returncode or not answers.is_file():
            last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            return f"failed: {last[:300]}."
        found: dict[str, Any] = json.loads(answers.read_text())
        return _misshapen(found, len(clips)) or found


def _misshapen(answer: Mapping[str, Any], clips: int) -> str | None:
    """Why an answer is none: what `predict` returned is not a row of numbers a file, with names of classes."""
    order = answer["class_order"]
    if not all(isinstance(name, str) for name in order):
        return "returns classes that are no names."
    wanted = {"logits": len(DEVICES), "by_device": len(DEVICES), "clips": clips}
    for key, count in wanted.items():
        rows = answer[key]
        if len(rows) != count or any(len(row) != len(order) for row in rows):
            return f"does not return {len(order)} logits for each file."
    return None


def _answers(file: str, answer: Mapping[str, Any], track: Track) -> Iterator[Fault]:
    """Classes, shapes and values of what `predict` returns, which is what the counted models say too."""
    rule = "package.inference"
    if sorted(answer["class_order"]) != sorted(track.labels):
        problem = f"predict names the classes {', '.join(map(str, answer['class_order']))}."
        yield Fault(rule, file, problem, f"Wanted: {', '.join(track.labels)}.")
    for device, logits, own in zip(DEVICES, answer["logits"], answer["by_device"], strict=True):
        if len(logits) != len(track.labels) or not all(math.isfinite(one) for one in (*logits, *own)):
            problem = f"predict returns no {len(track.labels)} finite logits for device {device}."
            yield Fault(rule, file, problem, "Return one tensor of logits a file.")
            return
        if np.abs(_centred(logits) - _centred(own)).max() > LOGIT_ROOM:
            problem = f"get_model_for_device is not what predict runs for device {device}: their logits differ."
            yield Fault("package.complexity", file, problem, "Count what predicts.")
            return


def _centred(logits: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Logits up to the constant that a softmax does not see."""
    values = np.asarray(logits, dtype=np.float64)
    found: np.ndarray[Any, np.dtype[np.float64]] = values - values.mean()
    return found


def _costs(
    file: str, costs: Mapping[str, Mapping[str, int | None]], edition: Edition, declared: Mapping[str, int] | None
) -> Iterator[Fault]:
    """Limits hold for the model of each device; the meta file says what the largest costs."""
    limits = {"bytes": edition.limits.parameter_bytes.value, "macs": edition.limits.macs.value}
    for key, limit in limits.items():
        over = {device: value for device, cost in costs.items() if (value := cost[key]) is not None and value > limit}
        if over:
            device, value = max(over.items(), key=lambda one: one[1])
            problem = f"needs {value:,} {key} for device {device}; {limit:,} are allowed."
            yield Fault("package.limits", file, problem, "Make that device's model smaller.")
    for name, key in KEYS.items():
        most = max((value for cost in costs.values() if (value := cost[key]) is not None), default=None)
        if declared and most is not None and declared.get(name) != most:
            problem = f"costs {most:,} {key}; the meta file says {declared.get(name):,}."
            yield Fault("package.complexity", file, problem, "Write what is measured.", key=name)


def _predicted(
    file: str, answer: Mapping[str, Any], track: Track, clips: Sequence[tuple[str, str, Sequence[float]]]
) -> Iterator[Fault]:
    """The output's rows are what the package predicts; classes may be in another order."""
    order = [answer["class_order"].index(name) for name in track.labels if name in answer["class_order"]]
    for (name, device, wanted), found in zip(clips, answer["clips"], strict=True):
        own = np.asarray(found)[order]
        if len(own) != len(wanted) or np.abs(own - np.asarray(wanted)).max() > PROBABILITY_ROOM:
            problem = f"predicts otherwise than the output says for {Path(name).name}, device {device}."
            yield Fault("package.predictions", file, problem, "Write the output with this very package.")
            return
