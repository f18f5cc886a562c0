"""Eligibility: why a row is not ranked, each rule a function that gives a sentence or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.outcomes import Outcome
from harness.tracks import Track
from leaderboard.rows import Row


@dataclass(frozen=True)
class Terms:
    """What a row has to meet: its track, the splits and the test clips that count, by split.

    `failed` is how cells of the system ended that have no score, by split.
    """

    track: Track
    required: tuple[str, ...]
    test_lists: Mapping[str, str | None]
    failed: Mapping[str, Outcome]


def reasons(row: Row, terms: Terms) -> tuple[str, ...]:
    """Every reason why the row is not ranked; none when it is."""
    return tuple(sentence for rule in RULES if (sentence := rule(row, terms)))


def missing_seeds(row: Row, track: Track) -> tuple[str, ...]:
    """A sentence for the track's seeds that have no score, by split; such a row is ranked all the same."""
    lacking = {split: _lacking(row, split, track) for split in row.by_split}
    if len(set(lacking.values())) == 1:
        every = next(iter(lacking.values()))
        return (f"no score for {every}",) if every else ()
    return tuple(f"split {split}: no score for {seeds}" for split, seeds in lacking.items() if seeds)


def _lacking(row: Row, split: str, track: Track) -> str:
    seeds = [str(seed) for seed in track.seeds if seed not in row.seeds(split)]
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}" if seeds else ""


def _unofficial(row: Row, _: Terms) -> str | None:
    if row.newest.official:
        return None
    because = dict.fromkeys(why for cell in row.cells for why in cell.result.unofficial_because)
    return f"unofficial: {'; '.join(because) or 'no reason is recorded'}"


def _other_version(row: Row, terms: Terms) -> str | None:
    ran, now = row.newest.track_version, terms.track.version
    if ran == now:
        return None
    return f"{'older' if ran < now else 'newer'} version of the track: {ran}, and this board is of {now}"


def _other_edition(row: Row, terms: Terms) -> str | None:
    ran, now = row.newest.edition, terms.track.edition
    return None if ran == now else f"run under other limits: {ran or 'none'}, not {now or 'none'}"


def _incomplete(row: Row, terms: Terms) -> str | None:
    missing = [split for split in terms.required if split not in row.by_split]
    if not missing:
        return None
    return f"incomplete: no score for {', '.join(_missing_split(split, terms) for split in missing)}"


def _missing_split(split: str, terms: Terms) -> str:
    outcome = terms.failed.get(split)
    return f"split {split} ({outcome.replace('_', ' ')})" if outcome else f"split {split}"


def _mixed_entry(row: Row, _: Terms) -> str | None:
    versions = {cell.result.digests.entry for cell in row.cells}
    if len(versions) == 1:
        return None
    return f"its cells were made by {len(versions)} versions of the entry; run it again"


def _other_test_list(row: Row, terms: Terms) -> str | None:
    same = all(cell.result.digests.test_list == terms.test_lists.get(cell.split) for cell in row.cells)
    return None if same else "tested on another list of clips than most results here"


def _not_counted(row: Row, terms: Terms) -> str | None:
    needed = terms.track.ranking.rule == "weighted_rank"
    return "its bytes and MACs were not counted" if needed and row.cost is None else None


RULES: tuple[Callable[[Row, Terms], str | None], ...] = (
    _unofficial,
    _other_version,
    _other_edition,
    _incomplete,
    _mixed_entry,
    _other_test_list,
    _not_counted,
)
