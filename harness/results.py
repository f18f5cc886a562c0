"""Results: the JSON record of a cell, its place on disk, and reading them all back.

    <results>/<track>/<entry>/<system>/split<split>-seed<seed>.json           a scored cell
    <results>/<track>/<entry>/<system>/split<split>-seed<seed>.failure.json   how the last try failed
    <results>/<track>/<entry>/<system>/split<split>-seed<seed>.npz            predictions in the order of the test list
    … .sums.npy, or .draws.npy where clips have several labels                what statistics need of the predictions

A system whose fields were changed with --set has the digest of the changes in its file names, one that was run with
another preset than the track's has the preset's name: it is another system.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, ValidationError
from scipy.special import log_softmax

from harness import blocks, curves, migrations, replicates
from harness.blocks import PREDICTIONS, SUMS, Blocks, Sums
from harness.files import digest_of_value, disk_mistake, write_bytes
from harness.multilabel import Bools, MultiLabelScores
from harness.outcomes import Outcome
from harness.replicates import REPLICATES
from harness.scoring import Scores
from harness.validated import Record

SCHEMA_VERSION = 2

AnyScores = Scores | MultiLabelScores
"""Scores of a cell: of clips with one label each, or with several."""

SPEED_PREFIX = "speed-"
"""How the names of speeds begin, which lie beside results (see `throughput.speed`)."""


class ModuleCost(Record):
    """A module's own cost, its submodules' aside, so that rows add up to the whole. Shapes are those of one clip."""

    name: str
    kind: str
    takes: str
    gives: str
    parameters: int
    size: int
    macs: int


class Folded(Record):
    """What a network counts once its batch normalisation is folded into the layers before it."""

    parameters: int
    official_macs: int


class Complexity(Record):
    """What a system costs for one clip, by this project's counter and by the organisers'.

    `macs` is the larger of `traced_macs` (fvcore over a trace; None where one does not show what runs: `untraced` says
    why) and `metered_macs` (every operator that ran). `parameter_bytes` are all bytes that count:
    parameters, packed weights, buffers but for batch-norm statistics, constants found elsewhere; `values` is how many
    numbers those are. `official_macs` and `official_parameters` are torchinfo's. `frontend_counted` says why the
    frontend is not free. `free_operations` counts what arithmetic without MACs gave, element by element.
    `bytes_by_device` has an item a device on tracks that reveal it: what that device's predictions read.
    `costliest_clip` is a sentence where a clip costs more than made ones.
    """

    parameters: int
    parameter_bytes: int
    macs: int
    official_macs: int
    bytes_by_dtype: dict[str, int]
    values: int | None = None
    bytes_by_role: dict[str, int] = Field(default_factory=dict)
    bytes_by_device: dict[str, int] = Field(default_factory=dict)
    traced_macs: int | None = None
    untraced: str | None = None
    metered_macs: int | None = None
    official_parameters: int | None = None
    frontend_macs: int = 0
    frontend_counted: str | None = None
    free_operations: int | None = None
    folded: Folded | None = None
    peak_activation_bytes: dict[str, int] = Field(default_factory=dict)
    costliest_clip: str | None = None
    modules: tuple[ModuleCost, ...] = ()


class StageRecord(Record):
    """What a stage took: seconds from start to end of its process (`work_seconds`: less the imports), peak memory."""

    seconds: float
    work_seconds: float
    peak_memory_bytes: int


class Reason(Record):
    """Why a cell has no score: a rule's id, what is wrong, and what to do."""

    rule: str
    problem: str
    remedy: str


class Provenance(Record):
    """Where a result comes from. Host and user names are left out on purpose."""

    harness: str
    git_commit: str | None
    git_dirty: bool | None
    python: str
    packages: dict[str, str]
    hardware: dict[str, str | int | float | None]
    extra: dict[str, Any] = Field(default_factory=dict)


class Digests(Record):
    """SHA-256 of what went into a result and of the weights that came out; `teachers`: the keys of their cells."""

    entry: str
    files: dict[str, str] = Field(default_factory=dict)
    teachers: dict[str, str] = Field(default_factory=dict)
    training_list: str | None = None
    test_list: str | None = None
    data: str | None = None
    weights: str | None = None


class Identity(Record):
    """Which cell this is: the words that stand in its place on disk.

    `settings` and `preset` are those that were typed and are not the track's own: they make another system of it.
    """

    track: str
    entry: str
    system: str
    split: str
    seed: int
    settings: dict[str, Any] = Field(default_factory=dict)
    preset: str | None = None

    def path(self, results: Path) -> Path:
        """Where this cell's record lies under `results`."""
        preset = f"-preset-{self.preset}" if self.preset else ""
        changed = f"-set-{digest_of_value(self.settings)[:8]}" if self.settings else ""
        name = f"split{self.split}-seed{self.seed}{preset}{changed}.json"
        return results / self.track / self.entry / self.system / name


class Result(Record):
    """The record of one cell.

    `snapshots` are scores after single epochs, for tables over the mean of the last ones; `figures` what the entry
    tells of the system, never ranked.
    """

    schema_version: Literal[2] = 2
    key: str
    identity: Identity
    outcome: Outcome
    reason: Reason | None = None
    title: str
    authors: tuple[str, ...]
    external_data: str
    role: str
    track_version: int
    edition: str | None
    official: bool
    unofficial_because: tuple[str, ...] = ()
    preset: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    device: str
    created: str
    command: str
    digests: Digests
    provenance: Provenance
    stages: dict[str, StageRecord] = Field(default_factory=dict)
    complexity: Complexity | None = None
    figures: dict[str, float] = Field(default_factory=dict)
    scores: AnyScores | None = None
    snapshots: dict[int, AnyScores] = Field(default_factory=dict)


@dataclass(frozen=True)
class Damaged:
    """A file under the results folder that is no result, and why."""

    path: Path
    why: str


def clips_path(results: Path, track: str, test_list: str) -> Path:
    """Where the test clips that results of a track speak of lie: their locations, classes and devices."""
    return results / track / f"clips-{test_list[:16]}.npz"


def write(
    result: Result,
    results: Path,
    logits: ArrayLike | None = None,
    clips: Blocks | None = None,
    training: bytes | None = None,
    targets: Bools | None = None,
) -> Path:
    """Writes the record and, beside it, the predictions; each whole or not at all. Returns the record's path.

    With the test `clips`, what statistics need of the predictions lies beside them, and the clips beside the results:
    their sums, or, where clips have several labels (`targets`, of all classes), draws of their mean average precision.
    `training`: losses by epoch, as CSV. A failure never takes the place of a scored result: it stands beside it until
    a later run succeeds.
    """
    path = result.identity.path(results)
    content = (result.model_dump_json(indent=1) + "\n").encode()
    failure = path.with_suffix(".failure.json")
    try:
        if result.outcome is not Outcome.OK:
            write_bytes(failure, content)
            return failure
        if clips is not None and result.digests.test_list:
            beside = clips_path(results, result.identity.track, result.digests.test_list)
            if Blocks.read(beside) is None:
                clips.write(beside)
        curve = path.with_suffix(curves.SUFFIX)
        if training is not None:
            write_bytes(curve, training)
        else:
            curve.unlink(missing_ok=True)  # of an earlier run
        if logits is not None:
            _write_predictions(path, result.key, logits, clips, targets)
        write_bytes(path, content)
        failure.unlink(missing_ok=True)
    except OSError as error:
        raise disk_mistake(error, f"The result {path}") from None
    return path


def _write_predictions(path: Path, key: str, logits: ArrayLike, clips: Blocks | None, targets: Bools | None) -> None:
    if targets is not None:
        write_bytes(path.with_suffix(PREDICTIONS), packed_logits(logits, key))
        if clips is not None:
            drawn = replicates.replicates(logits, targets, clips)
            write_bytes(path.with_suffix(REPLICATES), replicates.packed(drawn, key))
        return
    write_bytes(path.with_suffix(PREDICTIONS), packed_predictions(logits, key))
    if clips is not None:
        write_bytes(path.with_suffix(SUMS), packed_sums(logits, key, clips))


def packed_logits(logits: ArrayLike, key: str) -> bytes:
    """A compressed npz: `logits` float16 (clips, classes), `key`. Scores are computed before they are rounded."""
    limit = float(np.finfo(np.float16).max)
    rounded = np.clip(np.asarray(logits, dtype=np.float64), -limit, limit).astype(np.float16)
    buffer = BytesIO()
    np.savez_compressed(buffer, logits=rounded, key=np.array(key))
    return buffer.getvalue()


def packed_sums(logits: ArrayLike, key: str, clips: Blocks) -> bytes:
    """The `Sums` of logits (clips, classes), at full precision."""
    exact = log_softmax(np.asarray(logits, dtype=np.float64), axis=1)
    return Sums.of(exact, exact.argmax(axis=1), clips).packed(key)


def packed_predictions(logits: ArrayLike, key: str = "") -> bytes:
    """A compressed npz: `log_probabilities` float16 (clips, classes), `predicted` from full precision, `key`."""
    exact = log_softmax(np.asarray(logits, dtype=np.float64), axis=1)
    buffer = BytesIO()
    log_p = np.maximum(exact, np.finfo(np.float16).min).astype(np.float16)
    predicted = exact.argmax(axis=1).astype(np.int16)
    np.savez_compressed(buffer, log_probabilities=log_p, predicted=predicted, key=np.array(key))
    return buffer.getvalue()


def read(path: Path) -> Result | Damaged:
    """The record at `path`, that of an older schema as the present one has it, or why it is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return Damaged(path, f"cannot be read ({error.strerror})")
    try:
        return Result.model_validate_json(content)
    except ValidationError as error:
        wrong = error
    found = _document(content)
    version = found.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return Damaged(path, f"is of schema {version}, and this program reads {SCHEMA_VERSION}: update dcase-bench")
    if isinstance(version, int) and version in migrations.STEPS:
        try:
            return Result.model_validate_json(json.dumps(migrations.migrated(found)))
        except ValidationError as error:
            wrong = error
        except (TypeError, LookupError, AttributeError, ValueError):
            return Damaged(path, f"is no result of schema {version}")
    first = wrong.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return Damaged(path, f"is no result of schema {SCHEMA_VERSION} ({where or 'the whole file'}: {first['msg']})")


def _document(content: bytes) -> dict[str, Any]:
    """What the file holds; nothing where that is no record."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read_all(folders: Sequence[Path]) -> Iterator[tuple[Path, Result | Damaged]]:
    """Every record under the folders with its path, in the order of the paths."""
    for folder in folders:
        for path in files(folder):
            yield path, read(path)


def files(folder: Path) -> list[Path]:
    """The files of a folder that are to be results, in their order; speeds are records of another kind."""
    return sorted(path for path in folder.rglob("*.json") if not path.name.startswith(SPEED_PREFIX))


def _key_of(predictions: Path) -> str | None:
    """The key of the cell that the predictions are of; None where they are absent or damaged."""
    try:
        with blocks.opened(predictions) as arrays:
            return str(arrays["key"])
    except blocks.UNREADABLE:
        return None


def forget_failure(identity: Identity, results: Path) -> None:
    """Removes the record of a failed try: the cell has its score."""
    identity.path(results).with_suffix(".failure.json").unlink(missing_ok=True)


def finished(identity: Identity, key: str, results: Path, *, official: bool) -> Result | None:
    """The scored result of this very key, with its predictions; None where the cell is still to be walked."""
    path = identity.path(results)
    result = read(path) if path.is_file() else None
    if not isinstance(result, Result) or result.key != key or _key_of(path.with_suffix(".npz")) != key:
        return None
    return result if result.official or not official else None
