"""How clips come to a process that is timed, and logits back: memory that two processes share, and two pipes.

inputs.f32    (clips, samples) float32
devices.i32   (clips,) which device recorded each, on tracks that reveal it
outputs.f32   (clips, classes) float32
requests      a letter and a count; replies: a letter when everything lies in `outputs`
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.validated import Record

Kind = Literal["predict", "features", "network", "awake", "peak"]
LETTERS: dict[Kind, bytes] = {"predict": b"p", "features": b"f", "network": b"n", "awake": b"a", "peak": b"k"}
KINDS = {letter: kind for kind, letter in LETTERS.items()}
DONE = b"."
MESSAGE = struct.Struct("<cI")
REQUESTS, REPLIES = "requests", "replies"


class Shape(Record):
    """The most clips of a request, samples of a clip, and classes."""

    clips: int
    samples: int
    classes: int


class Channel:
    """The shared memory of one system."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        self.folder = folder
        self.inputs = self._mapped("inputs.f32", "<f4", (shape.clips, shape.samples))
        self.devices = self._mapped("devices.i32", "<i4", (shape.clips,))
        self.outputs = self._mapped("outputs.f32", "<f4", (shape.clips, shape.classes))

    def _mapped(self, name: str, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
        return np.memmap(self.folder / name, dtype=kind, mode="r+", shape=shape)


def make(folder: Path, shape: Shape) -> None:
    """The files and pipes of a channel, anew."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {
        "inputs.f32": 4 * shape.clips * shape.samples,
        "devices.i32": 4 * shape.clips,
        "outputs.f32": 4 * shape.clips * shape.classes,
    }
    for name, size in sizes.items():
        (folder / name).write_bytes(bytes(size))
    for name in (REQUESTS, REPLIES):
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)


class Service:
    """The end of a channel at which clips are predicted."""

    def __init__(self, folder: Path) -> None:
        self._requests = os.open(folder / REQUESTS, os.O_RDONLY)
        self._replies = os.open(folder / REPLIES, os.O_WRONLY)

    def next(self) -> tuple[Kind, int] | None:
        """What is asked for, and of how many clips; None when nobody will ask again."""
        message = os.read(self._requests, MESSAGE.size)
        if len(message) < MESSAGE.size:
            return None
        letter, count = MESSAGE.unpack(message)
        return KINDS[letter], count

    def done(self) -> None:
        """Says that what was asked for lies in the shared memory, if somebody still waits for it."""
        with suppress(BrokenPipeError):
            os.write(self._replies, DONE)
