"""Test clips in blocks of one location, class and device, and what a cell scored in each of them.

Statistics and pages need no more of predictions than these sums: some ten kilobytes a cell in place of one number for
every clip and class. They are written beside a result; for results without them they come from its predictions.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.files import write_bytes
from harness.scoring import CALIBRATION_BINS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SUMS, PREDICTIONS = ".sums.npy", ".npz"
"""Endings of what lies beside a result: its sums, some kilobytes, and its predictions, up to a megabyte."""

UNREADABLE = (
    OSError, EOFError, ValueError, TypeError, LookupError, RuntimeError,
    SyntaxError, TokenError, BadZipFile, zlib.error,
)  # fmt: skip
"""What reading an npz raises where its bytes are not what they were."""


@dataclass(frozen=True)
class Blocks:
    """The test clips of a track: `location`, `label`, `device` and number of `clips` of each block (blocks,).

    `location` and `device` count into `locations` and `devices`, `label` into the track's labels. `of_clip` (clips,)
    is the block of every test clip in list order, `labels_of_clip` its class.
    """

    location: Ints
    label: Ints
    device: Ints
    clips: Ints
    locations: tuple[str, ...]
    devices: tuple[str, ...]
    of_clip: Ints
    labels_of_clip: Ints

    def __len__(self) -> int:
        return len(self.clips)

    @classmethod
    def of(cls, locations: Sequence[str], labels: ArrayLike, devices: Sequence[str]) -> Self:
        """The blocks of clips that were recorded at `locations`, are of `labels` and were heard by `devices` (clips,).

        Raises ValueError where these are not of one length, or of none.
        """
        label = np.asarray(labels, dtype=np.int64)
        if not len(label) or not len(locations) == len(label) == len(devices):
            raise ValueError(f"{len(locations)} locations, {len(label)} labels and {len(devices)} devices do not fit")
        places, place = np.unique(np.asarray(locations, dtype=str), return_inverse=True)
        names, device = np.unique(np.asarray(devices, dtype=str), return_inverse=True)
        rows, of_clip, clips = np.unique(
            np.stack([place, label, device], axis=1), axis=0, return_inverse=True, return_counts=True
        )
        return cls(
            location=rows[:, 0].astype(np.int64),
            label=rows[:, 1].astype(np.int64),
            device=rows[:, 2].astype(np.int64),
            clips=clips.astype(np.int64),
            locations=tuple(places.tolist()),
            devices=tuple(names.tolist()),
            of_clip=of_clip.reshape(-1).astype(np.int64),
            labels_of_clip=label,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The blocks of several lists of clips, one behind the other; what stands in two lists counts as two."""
        devices = tuple(sorted({device for part in parts for device in part.devices}))
        blocks = np.cumsum([0, *(len(part) for part in parts)])
        places = np.cumsum([0, *(len(part.locations) for part in parts)])
        heard = [np.array([devices.index(name) for name in part.devices])[part.device] for part in parts]
        return cls(
            location=np.concatenate([part.location + start for part, start in zip(parts, places, strict=False)]),
            label=np.concatenate([part.label for part in parts]),
            device=np.concatenate(heard),
            clips=np.concatenate([part.clips for part in parts]),
            locations=tuple(name for part in parts for name in part.locations),
            devices=devices,
            of_clip=np.concatenate([part.of_clip + start for part, start in zip(parts, blocks, strict=False)]),
            labels_of_clip=np.concatenate([part.labels_of_clip for part in parts]),
        )

    def write(self, path: Path) -> None:
        """The clips' locations, labels and devices as an npz, the same bytes for the same clips."""
        buffer = BytesIO()
        np.savez_compressed(
            buffer,
            locations=np.array(self.locations),
            devices=np.array(self.devices),
            location=self.location[self.of_clip].astype(np.int32),
            label=self.labels_of_clip.astype(np.int16),
            device=self.device[self.of_clip].astype(np.int16),
        )
        write_bytes(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What `write` wrote; None where the file is absent or damaged."""
        try:
            with opened(path) as arrays:
                locations, devices = arrays["locations"][arrays["location"]], arrays["devices"][arrays["device"]]
                return cls.of(locations.tolist(), arrays["label"], devices.tolist())
        except UNREADABLE:
            return None


@dataclass(frozen=True)
class Sums:
    """What a cell scored: `correct` clips and summed log `loss` (nats) of every block (blocks,).

    `reliability` (3, bins): clips, summed confidence and correct clips by the confidence of the prediction.
    """

    correct: Ints | Floats
    loss: Floats
    reliability: Floats

    @classmethod
    def of(cls, log_probabilities: ArrayLike, predicted: ArrayLike, blocks: Blocks) -> Self:
        """Sums of `log_probabilities` (clips, classes) and `predicted` classes (clips,) in list order.

        Raises ValueError where they are not of as many clips as the blocks are.
        """
        log_p, prediction = np.asarray(log_probabilities, dtype=np.float64), np.asarray(predicted, dtype=np.int64)
        y, of_clip = blocks.labels_of_clip, blocks.of_clip
        if log_p.ndim != 2 or not len(log_p) == len(prediction) == len(y) or log_p.shape[1] <= y.max():
            problem = f"predictions of shape {log_p.shape} do not fit {len(y)} clips of {y.max() + 1} classes"
            raise ValueError(problem)
        known = (prediction >= 0).all() and (prediction < log_p.shape[1]).all()
        if not known or not np.isfinite(log_p[np.arange(len(y)), y]).all() or np.isnan(log_p).any():
            raise ValueError("predictions hold values that are no probabilities, or classes without one")
        right = prediction == y
        confidence = np.exp(log_p[np.arange(len(y)), prediction])
        bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
        counted = [None, confidence, right]
        return cls(
            correct=np.bincount(of_clip, weights=right, minlength=len(blocks)).astype(np.int64),
            loss=np.bincount(of_clip, weights=-log_p[np.arange(len(y)), y], minlength=len(blocks)).astype(np.float64),
            reliability=np.stack([np.bincount(bins, weights=each, minlength=CALIBRATION_BINS) for each in counted]),
        )

    @classmethod
    def mean(cls, cells: Sequence[Self]) -> Self:
        """The mean of cells, block by block: every accuracy and loss of it is the mean of theirs."""
        stacked = [
            np.mean([getattr(one, name) for one in cells], axis=0) for name in ("correct", "loss", "reliability")
        ]
        return cls(*stacked)

    def packed(self, key: str) -> bytes:
        """The sums as one npy record, with the key of the cell that they are of: thousands are read for one board."""
        small = np.uint16 if self.correct.max(initial=0) < 2**16 else np.uint32
        record = np.zeros(
            (),
            dtype=[
                ("key", f"S{max(1, len(key.encode()))}"),
                ("correct", small, self.correct.shape),
                ("loss", np.float32, self.loss.shape),
                ("reliability", np.float32, self.reliability.shape),
                ("crc", np.uint32),
            ],
        )
        record["key"], record["correct"], record["loss"] = key.encode(), self.correct, self.loss
        record["reliability"] = self.reliability
        record["crc"] = zlib.crc32(record.tobytes())
        buffer = BytesIO()
        np.save(buffer, record, allow_pickle=False)
        return buffer.getvalue()

    @classmethod
    def read(cls, result: Path, key: str, blocks: Blocks) -> Self | None:
        """The sums of the cell whose record is `result`, or those of its predictions.

        None where neither lies beside it, is whole, is of this `key`, and fits the blocks.
        """
        for name, found in ((SUMS, cls._kept), (PREDICTIONS, cls._counted)):
            try:
                return found(result.with_suffix(name), key, blocks)
            except UNREADABLE:
                continue
        return None

    @classmethod
    def _kept(cls, path: Path, key: str, blocks: Blocks) -> Self:
        record = np.load(BytesIO(path.read_bytes()), allow_pickle=False)
        crc = int(record["crc"])
        record["crc"] = 0
        if bytes(record["key"]) != key.encode() or zlib.crc32(record.tobytes()) != crc:
            raise ValueError("the sums are damaged, or of another cell")
        correct, loss = record["correct"].astype(np.int64), record["loss"].astype(np.float64)
        found = cls(correct, loss, record["reliability"].astype(np.float64))
        fits = correct.shape == loss.shape == blocks.clips.shape and found.reliability.shape == (3, CALIBRATION_BINS)
        finite = fits and np.isfinite(loss).all() and np.isfinite(found.reliability).all()
        if not finite or not ((correct >= 0) & (correct <= blocks.clips)).all():
            raise ValueError("the sums do not fit the blocks")
        return found

    @classmethod
    def _counted(cls, path: Path, key: str, blocks: Blocks) -> Self:
        with opened(path) as arrays:
            if str(arrays["key"]) != key:
                raise ValueError("the predictions are of another cell")
            return cls.of(arrays["log_probabilities"], arrays["predicted"], blocks)


def opened(path: Path) -> Any:  # noqa: ANN401 - numpy's own type is not public
    """The arrays of an npz, read whole: a broken file is closed again. Raises one of `UNREADABLE`."""
    found = np.load(BytesIO(path.read_bytes()))
    if isinstance(found, np.ndarray):
        raise TypeError(f"{path} is one array, not several")
    return found
