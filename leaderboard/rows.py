"""Rows: the cells of a system gathered into the figures that a board shows. Nothing is rounded here."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from statistics import fmean, stdev
from urllib.parse import quote

from harness.multilabel import MultiLabelScores
from harness.results import AnyScores, Complexity, Result
from harness.scoring import PartScore, Scores
from harness.throughput.speed import Speed

SLUG_LONGEST = 80

Figure = Callable[[AnyScores], float]
Parts = Callable[[Scores], Mapping[str, PartScore]]

OTHERS: Mapping[type[AnyScores], tuple[str, ...]] = {
    Scores: ("log_loss",),
    MultiLabelScores: ("mean_auc", "d_prime", "label_ranking_precision"),
}
"""What stands on a board beside the main score, by the kind of its scores."""


@dataclass(frozen=True)
class Cell:
    """The result of a cell, and the file it was read from."""

    path: Path
    result: Result

    @property
    def split(self) -> str:
        return self.result.identity.split

    @property
    def seed(self) -> int:
        return self.result.identity.seed

    @property
    def scores(self) -> AnyScores:
        """The scores of a cell that has some; a failure has none."""
        assert self.result.scores is not None, f"{self.path} has no scores"  # noqa: S101 - our bug
        return self.result.scores


@dataclass(frozen=True)
class Mean:
    """A mean over seeds, `spread` being their sample standard deviation: None for one seed."""

    value: float
    spread: float | None
    seeds: int


@dataclass(frozen=True)
class WorstDevice:
    """The device a system does worst on, by mean accuracy."""

    name: str
    accuracy: float


@dataclass(frozen=True)
class Cost:
    """The most that any network of a system costs: what is trained may differ from seed to seed."""

    parameters: int
    parameter_bytes: int
    macs: int
    official_macs: int

    @property
    def decisive_macs(self) -> int:
        """The larger of the two counts: both must be within the limit."""
        return max(self.macs, self.official_macs)


@dataclass(frozen=True)
class Row:
    """A system on a track: who it is, its cells, and means of what they scored.

    `main` is the score that the track is about (macro accuracy, or mean average precision), None unless every split of
    the ranking is there; `by_split` holds it for every split. All other means are over the splits of the ranking;
    `others` are those of scores beside the main one. `slug` is what its page is called: the same in
    every build, and of no other row of the track (`named`). `marks` are reasons why the row is not ranked,
    `notes` what else a reader should know; `rank` and `score` are None in a row that is not ranked. `speeds` are how
    fast its weights are, one for each hardware that they were timed on.
    """

    newest: Result
    cells: tuple[Cell, ...]
    by_split: Mapping[str, Mean]
    main: Mean | None
    others: Mapping[str, Mean]
    groups: Mapping[str, float]
    devices: Mapping[str, float]
    gap: float | None
    cost: Cost | None
    slug: str = ""
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rank: int | None = None
    score: float | None = None
    speeds: tuple[Speed, ...] = ()

    @property
    def name(self) -> str:
        """Entry and system, as they are typed."""
        return f"{self.newest.identity.entry}/{self.newest.identity.system}"

    @property
    def title(self) -> str:
        """What it is called; entry and system where that says nothing."""
        return self.newest.title.strip() or self.name

    @property
    def settings(self) -> str:
        """The fields that were changed with --set, as they are typed."""
        return settings_text(self.newest)

    @property
    def anchor(self) -> str:
        """The fragment that a link to this row ends in."""
        return quote(f"{self.newest.identity.track}/{self.name}")

    @property
    def worst_device(self) -> WorstDevice | None:
        """The device with the lowest accuracy; the first by name where two are equal."""
        lowest = min(sorted(self.devices), key=self.devices.__getitem__, default=None)
        return None if lowest is None else WorstDevice(lowest, self.devices[lowest])

    def seeds(self, split: str) -> tuple[int, ...]:
        """The seeds that have a score on `split`."""
        return tuple(cell.seed for cell in self.cells if cell.split == split)


def named(rows: Iterable[Row]) -> list[Row]:
    """The rows with their slugs: entry and system in letters that every file system takes.

    A digest is added where these are not all there is to say, and where two rows would be called alike.
    """
    every = list(rows)
    slugs = [_slug(row.newest) for row in every]
    often = Counter(slugs)
    return [
        replace(row, slug=slug if often[slug] == 1 else f"{slug}-{_digest(row.newest)}".lstrip("-"))
        for row, slug in zip(every, slugs, strict=True)
    ]


def _slug(result: Result) -> str:
    identity = result.identity
    words = [f"{identity.entry}-{identity.system}"]
    if result.track_version != 1:
        words.append(f"v{result.track_version}")
    if not result.official:
        words.append("unofficial")
    whole = "-".join(words).lower()
    plain = re.sub(r"[^a-z0-9_.-]+", "-", whole).strip(".-")[:SLUG_LONGEST]
    if plain == whole and not identity.settings and not identity.preset:
        return plain
    return f"{plain}-{_digest(result)}".lstrip("-")


def _digest(result: Result) -> str:
    """Eight letters of what makes the row."""
    return hashlib.sha256("\0".join(row_key(result)).encode(errors="surrogatepass")).hexdigest()[:8]


def system_key(result: Result) -> tuple[str, str, str]:
    """What makes two results the same system: entry, name, and changed fields with the preset that was typed."""
    identity = result.identity
    changed = {**identity.settings, "": identity.preset} if identity.preset else identity.settings
    return identity.entry, identity.system, json.dumps(changed, sort_keys=True)


def row_key(result: Result) -> tuple[str, ...]:
    """What makes two results cells of the same row: the system, and the terms on which it was run."""
    terms = (result.role, str(result.official), str(result.track_version), str(result.edition))
    return (*system_key(result), *terms)


def settings_text(result: Result) -> str:
    """What was typed and changes the system, as `epochs=3 width=32 preset=demo`."""
    changed = sorted(result.identity.settings.items())
    words = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in changed]
    return " ".join([*words, f"preset={result.identity.preset}"] if result.identity.preset else words)


def gather(cells: Sequence[Cell], required: Sequence[str]) -> Row:
    """The row of a system's scored cells, one for each split and seed; `required` are the splits it is ranked by."""
    present = list(dict.fromkeys(cell.split for cell in cells))
    counted = [cell for cell in cells if cell.split in required] or list(cells)
    complexities = [cell.result.complexity for cell in cells if cell.result.complexity]
    return Row(
        newest=max(cells, key=lambda cell: cell.result.created).result,
        cells=tuple(cells),
        by_split={name: _mean([cell for cell in cells if cell.split == name], _main) for name in present},
        main=_mean(counted, _main) if set(required) <= set(present) else None,
        others=_others(counted),
        groups=_accuracies(counted, lambda scores: scores.per_group),
        devices=_accuracies(counted, lambda scores: scores.per_device),
        gap=_gap(counted),
        cost=_cost(complexities),
    )


def _main(scores: AnyScores) -> float:
    return scores.main


def _others(cells: Sequence[Cell]) -> dict[str, Mean]:
    """Those that every cell has: a d-prime may be infinite, and is then none."""
    names = OTHERS[type(cells[0].scores)]
    known = [name for name in names if all(getattr(cell.scores, name, None) is not None for cell in cells)]
    return {name: _mean(cells, attrgetter(name)) for name in known}


def _gap(cells: Sequence[Cell]) -> float | None:
    """Seen less unseen; None where a cell has no such groups."""
    if any(getattr(cell.scores, "seen_unseen_gap", None) is None for cell in cells):
        return None
    return _mean(cells, attrgetter("seen_unseen_gap")).value


def _mean(cells: Iterable[Cell], figure: Figure) -> Mean:
    """Mean over splits of the mean over seeds; the spread is that of the seeds' own means over the splits.

    Where the splits do not have the same seeds there are no such means, and no spread.
    """
    table: dict[str, dict[int, float]] = {}
    for cell in cells:
        table.setdefault(cell.split, {})[cell.seed] = figure(cell.scores)
    splits = list(table.values())
    seeds = set(splits[0])
    even = all(set(split) == seeds for split in splits)
    by_seed = [fmean(split[seed] for split in splits) for seed in sorted(seeds)] if even else []
    return Mean(
        value=fmean(fmean(split.values()) for split in splits),
        spread=stdev(by_seed) if len(by_seed) > 1 else None,
        seeds=min(len(split) for split in splits),
    )


def _accuracies(cells: Sequence[Cell], parts: Parts) -> dict[str, float]:
    """Mean accuracy of every part (a device, or a group of devices) that all the cells have clips of."""

    def of(scores: AnyScores) -> Mapping[str, PartScore]:
        return parts(scores) if isinstance(scores, Scores) else {}

    def accuracy(name: str) -> Figure:
        return lambda scores: of(scores)[name].accuracy

    shared = set.intersection(*(set(of(cell.scores)) for cell in cells))
    return {name: _mean(cells, accuracy(name)).value for name in sorted(shared)}


def _cost(complexities: Sequence[Complexity]) -> Cost | None:
    if not complexities:
        return None
    return Cost(
        parameters=max(one.parameters for one in complexities),
        parameter_bytes=max(one.parameter_bytes for one in complexities),
        macs=max(one.macs for one in complexities),
        official_macs=max(one.official_macs for one in complexities),
    )
