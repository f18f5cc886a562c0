"""Evidence: how sure the figures of a board are. Computed once, from sums beside the results; pages only show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.statistics.crossings import Crossing, crossings
from harness.statistics.estimates import Difference, Estimate, Few, Sample
from harness.statistics.resampling import Bools, Measure
from harness.statistics.standings import Standing, standings
from leaderboard import ranking
from leaderboard.boards import Board
from leaderboard.material import Material
from leaderboard.rows import Row
from leaderboard.tested import Cells, Tested
from leaderboard.workers import spread

AT_ONCE = 64
"""Rows whose replicates are in memory together."""


@dataclass(frozen=True)
class Evidence:
    """Intervals of a row's figures; None or absent where a cell has no predictions.

    `score` is what the row is ranked by; `mean` and `splits` are of the track's main score. Means, others, groups,
    devices and gap are over the splits of the ranking.
    """

    score: Estimate | None = None
    mean: Estimate | None = None
    splits: Mapping[str, Estimate] = field(default_factory=dict)
    others: Mapping[str, Estimate] = field(default_factory=dict)
    groups: Mapping[str, Estimate] = field(default_factory=dict)
    devices: Mapping[str, Estimate] = field(default_factory=dict)
    gap: Estimate | None = None
    standing: Standing | None = None


NONE = Evidence()


@dataclass(frozen=True)
class Comparison:
    """One row less another, on the same clips: the main score by split and its mean, log loss, parts of the clips.

    Where clips have several labels there is no log loss and no part. `devices` are accuracies, `classes` recalls,
    `crossings` where the curves over the splits' shares change places.
    """

    one: Row
    other: Row
    mean: Difference
    log_loss: Difference | None
    splits: Mapping[str, Difference]
    devices: Mapping[str, Difference]
    classes: Mapping[str, Difference]
    crossings: tuple[Crossing, ...]


def weighed(board: Board, clips: Tested | None) -> dict[str, Evidence]:
    """The evidence of each row by its slug; empty where the test clips are not at hand."""
    if clips is None:
        return {}
    found: dict[str, Evidence] = {}
    scores: dict[str, Sample] = {}
    portions = [board.rows[at : at + AT_ONCE] for at in range(0, len(board.rows), AT_ONCE)]
    for more, samples in spread(lambda at: _weigh(portions[at], clips), len(portions), chunk=1, few=4):
        found |= more
        scores |= samples
    if board.track and board.ranked and all(row.slug in scores for row in board.ranked):
        rule = board.track.ranking
        values, replicates = ranking.drawn(rule, board.ranked, [scores[row.slug] for row in board.ranked])
        up, places = rule.rule in ranking.HIGHER_IS_BETTER, clips.resamples.freedom
        by_rank = rule.rule == "weighted_rank"  # ranks of draws, whose seeds cannot be told from their places
        seeds = [Few() if by_rank else scores[row.slug].seeds for row in board.ranked]
        stands = standings(values, replicates, places, higher_is_better=up, seeds=seeds)
        for at, row in enumerate(board.ranked):
            score = Sample(float(values[at]), replicates[:, at], seeds[at], places).estimate()
            found[row.slug] = replace(found[row.slug], standing=stands[at], score=score)
    return found


def _weigh(rows: Sequence[Row], clips: Tested) -> tuple[dict[str, Evidence], dict[str, Sample]]:
    """The evidence of some rows, and the samples that they are ranked by."""
    board = clips.board
    every = {row.slug: clips.cells(row, row.by_split) for row in rows}
    known = {slug: cells for slug, cells in every.items() if cells}
    parts: dict[str, dict[str, Estimate]] = {slug: {} for slug in known}
    for split in board.splits:
        having = [(slug, {split: cells[split]}) for slug, cells in known.items() if split in cells]
        for (slug, _), sample in zip(having, clips.scored(having), strict=True):
            parts[slug][split] = sample.estimate()
    counted = [(slug, _counted(cells, board.required)) for slug, cells in known.items()]
    whole = [(slug, cells) for slug, cells in counted if set(board.required) <= cells.keys()]
    means = dict(zip([slug for slug, _ in whole], clips.scored(whole), strict=True))
    found = {
        slug: Evidence(mean=means[slug].estimate() if slug in means else None, splits=parts[slug]) for slug in known
    }
    if not isinstance(clips, Material):
        return found, means
    log_loss = _add_parts(found, counted, clips)
    by_loss = board.track is not None and board.track.ranking.rule == "log_loss"
    return found, log_loss if by_loss else means


def _add_parts(found: dict[str, Evidence], counted: Sequence[tuple[str, Cells]], clips: Material) -> dict[str, Sample]:
    """Adds log loss, groups, devices and gap to the evidence of rows; returns the log losses."""
    board = clips.board
    log_loss = dict(zip([slug for slug, _ in counted], clips.samples(counted, "log_loss"), strict=True))
    groups = _by_part(clips, counted, board.track.device_groups if board.track else {})
    devices = _by_part(clips, counted, {name: (name,) for name in board.devices})
    for slug, cells in counted:
        seen, unseen = groups.get("seen", {}).get(slug), groups.get("unseen", {}).get(slug)
        gap = _gap(clips, cells, seen, unseen) if seen and unseen else None
        found[slug] = replace(
            found[slug],
            others={"log_loss": log_loss[slug].estimate()},
            groups={name: samples[slug].estimate() for name, samples in groups.items()},
            devices={name: samples[slug].estimate() for name, samples in devices.items()},
            gap=gap.estimate() if gap else None,
        )
    return log_loss


def _gap(clips: Material, cells: Cells, seen: Sample, unseen: Sample) -> Sample:
    """Accuracy on seen devices less that on unseen ones; seeds that are good on both say little about it."""
    devices = clips.board.track.device_groups if clips.board.track else {}
    by_cell = [clips.scores("accuracy", clips.heard_by(devices[name])) for name in ("seen", "unseen")]
    seeds = Few.of([(by_cell[0] - by_cell[1])[list(seeds)] for seeds in cells.values()])
    return Sample(seen.value - unseen.value, seen.replicates - unseen.replicates, seeds, seen.places)


def _counted(cells: Cells, required: Sequence[str]) -> Cells:
    """The splits of the ranking that a row has; all it has where it has none of them (`rows.gather`)."""
    return {split: seeds for split, seeds in cells.items() if split in required} or cells


def _by_part(
    clips: Material, counted: Sequence[tuple[str, Cells]], parts: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, Sample]]:
    """Accuracies by part of the devices and row; parts without clips are left out."""
    found = {}
    for name, devices in parts.items():
        chosen = clips.heard_by(devices)
        if chosen.any():
            samples = clips.samples(counted, "accuracy", chosen)
            found[name] = {slug: sample for (slug, _), sample in zip(counted, samples, strict=True)}
    return found


def compared(one: Row, other: Row, clips: Tested) -> Comparison | None:
    """`one` less `other`, on the splits that both have; None where the predictions of a cell are missing."""
    splits = [split for split in one.by_split if split in other.by_split]
    pair = [(row.slug, clips.cells(row, splits)) for row in (one, other)]
    having = [(slug, cells) for slug, cells in pair if cells]
    if len(having) < 2:
        return None

    def main(split: str | None = None) -> Difference:
        taken = [(slug, {split: cells[split]} if split else cells) for slug, cells in having]
        return clips.resamples.difference(*clips.scored(taken))

    by_split = {split: main(split) for split in splits}
    whole = Comparison(
        one=one,
        other=other,
        mean=main(),
        log_loss=None,
        splits=by_split,
        devices={},
        classes={},
        crossings=() if clips.board.folds else _crossings(by_split),
    )
    return _with_parts(whole, having, clips) if isinstance(clips, Material) else whole


def _with_parts(whole: Comparison, having: Sequence[tuple[str, Cells]], clips: Material) -> Comparison:
    """The comparison with log loss, devices and classes."""
    blocks = clips.blocks

    def difference(measure: Measure, chosen: Bools | None = None) -> Difference:
        return clips.resamples.difference(*clips.samples(having, measure, chosen))

    labels = clips.board.track.labels if clips.board.track else tuple(map(str, range(int(blocks.label.max()) + 1)))
    present = np.unique(blocks.label).tolist()
    return replace(
        whole,
        log_loss=difference("log_loss"),
        devices={name: difference("accuracy", clips.heard_by((name,))) for name in clips.board.devices},
        classes={labels[label]: difference("accuracy", blocks.label == label) for label in present},
    )


def _crossings(by_split: Mapping[str, Difference]) -> tuple[Crossing, ...]:
    """Of splits that are shares of the training data, in per cent."""
    shares = sorted((float(split), each) for split, each in by_split.items() if split.isdigit() and int(split) > 0)
    if len(shares) < 2:
        return ()
    return tuple(crossings([share for share, _ in shares], [each for _, each in shares]))
