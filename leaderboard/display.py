"""Display: how numbers, rules and states are written on the page. The one place where numbers are rounded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from harness.editions import Edition, Fact
from harness.tracks import Track
from leaderboard.boards import Board
from leaderboard.ranking import WEIGHTS

MINUS = "\N{MINUS SIGN}"

STATUSES: Mapping[str, str] = {
    "primary": "read in the organisers' own text or code",
    "derived": "worked out from what the organisers published",
    "secondary": "reported by somebody else",
    "unconfirmed": "not confirmed so far: nobody here has seen it in the organisers' text",
}


@dataclass(frozen=True)
class Statement:
    """A line about a track: what it is about, what holds, and, for figures of the rules, how sure that is and why."""

    about: str
    text: str
    status: str | None = None
    source: str | None = None


def percent(value: float) -> str:
    """An accuracy in 0…1, or a difference of two, as per cent: `44.21`."""
    return _signed(f"{100 * value:.2f}")


def short(value: float) -> str:
    """A number in four digits at most, as charts have it."""
    return f"{value:.4g}".replace("-", MINUS)


def loss(value: float) -> str:
    """A loss in nats: `2.103`."""
    return _signed(f"{value:.3f}")


def between(low: float, high: float, write: Callable[[float], str]) -> str:
    """The ends of an interval: `42.10 to 46.30`."""
    return f"{write(low)} to {write(high)}"


def p_value(value: float) -> str:
    """A p-value: `0.012`, and `under 0.001`."""
    return f"{value:.3f}" if value >= 0.001 else "under 0.001"


def count(value: int) -> str:
    """A whole number with its thousands apart: `61,148`."""
    return f"{value:,}"


def score(value: float) -> str:
    """A weighted rank: `2.25`."""
    return f"{value:.2f}"


def share(value: float) -> str:
    """A share of a limit: `98.1 %`; what would round to nothing is `under 0.1 %`."""
    return f"{100 * value:.1f} %" if value >= 0.001 else "under 0.1 %"


def width(value: float) -> str:
    """The length of a bar that shows a share of a limit: `98.1%`, and no more than the whole."""
    return f"{min(100 * value, 100):.1f}%"


def seconds(value: float) -> str:
    """A time: `4.12 ms`, `1.30 s`."""
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def times(value: float) -> str:
    """A ratio: `1.24`."""
    return f"{value:.3g}"


def rate(value: float) -> str:
    """Clips a second: `5.2`, `1,240`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _signed(text: str) -> str:
    return text.replace("-", MINUS)


def words(items: tuple[object, ...]) -> str:
    """`5, 10 and 25`."""
    texts = [str(item) for item in items]
    return " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))


def relative(path: Path, out: Path) -> str:
    """The way from the folder of the page to a file, as text."""
    return Path(os.path.relpath(path, out)).as_posix()


def link(path: Path, out: Path) -> str:
    """The way from the folder of the page to a file, as an address."""
    return quote(os.fsencode(relative(path, out)))


def ranked_by(board: Board) -> Literal["split", "mean", "weighted_rank", "log_loss"] | None:
    """Which column a board is ordered by: its only split, the mean of several, or a column of its own."""
    if board.track is None:
        return None
    rule = board.track.ranking.rule
    if rule in ("log_loss", "weighted_rank"):
        return "log_loss" if rule == "log_loss" else "weighted_rank"
    return "split" if len(board.required) == 1 else "mean"


def rule_in_words(board: Board) -> str:
    """How the board is ordered, in a sentence."""
    name = "fold" if board.folds else "split"
    over = f"{name} {board.required[0]}" if len(board.required) == 1 else f"{name}s {words(board.required)}"
    by = ranked_by(board)
    if by is None:
        return "Nothing is ranked, because the rules of this track are not known here."
    if by == "log_loss":
        return f"Ranked by log loss on {over}, mean over seeds: lower is better."
    if by == "weighted_rank":
        return f"Ranked by the weighted mean of three ranks: {_weights(over)}. Lower is better."
    one, many = SCORES[bool(board.track and board.track.multi_label)]
    if by == "mean":
        return (
            f"Ranked by the mean of the {many} on {over}, each a mean over seeds: "
            "higher is better. A system that lacks one of them is not ranked."
        )
    return f"Ranked by {one} on {over}, mean over seeds: higher is better."


SCORES: Mapping[bool, tuple[str, str]] = {
    False: ("macro-average accuracy", "macro-average accuracies"),
    True: ("mean average precision", "mean average precisions"),
}
"""What a track is about, by whether it is multi-label: one of them, and several."""


def _weights(over: str) -> str:
    named = {
        "accuracy": f"macro-average accuracy on {over} (higher is better)",
        "bytes": "bytes of parameters (smaller is better)",
        "macs": "MACs (smaller is better)",
    }
    return "; ".join(f"{float(weight):g} for {named[figure]}" for figure, weight in WEIGHTS.items())


def limits(track: Track) -> Iterator[Statement]:
    """What a network may cost on a track."""
    if track.rules is None:
        return
    facts = track.rules.limits
    yield _stated("MACs", facts.macs, count(facts.macs.value))
    yield _stated("bytes of parameters", facts.parameter_bytes, count(facts.parameter_bytes.value))
    if facts.parameters:
        yield _stated("parameters", facts.parameters, count(facts.parameters.value))


def statements(board: Board) -> Iterator[Statement]:
    """All that is to be said about a track: its rule, its limits, its edition, its data."""
    track = board.track
    if track is None:
        return
    rule = track.ranking
    yield Statement("Ranking", rule_in_words(board), rule.status, rule.source)
    for limit in limits(track):
        yield Statement(f"Limit: {limit.about}", f"at most {limit.text}", limit.status, limit.source)
    if track.rules:
        yield from edition(track.rules)
    yield from _data(board, track)


def edition(edition: Edition) -> Iterator[Statement]:
    """What an edition says beside its limits."""
    zeros, revealed = edition.zeros_count, edition.device_revealed
    yield _stated("Organisers' counter", edition.official_counter, edition.official_counter.value)
    yield _stated("Zeros count as parameters", zeros, _yes(zeros.value))
    yield _stated("Systems are told the device of a test clip", revealed, _yes(revealed.value))
    yield _stated("External data", edition.external_data, edition.external_data.value)
    yield _stated("Systems per team", edition.systems_per_team, f"at most {edition.systems_per_team.value}")


def _stated(about: str, fact: Fact[Any], text: str) -> Statement:
    return Statement(about, text, fact.status, fact.source)


def _yes(value: object) -> str:
    return "yes" if value else "no"


def data_title(track: Track) -> str:
    """What the data of a track are called."""
    return track.source.title if track.source else f"the data set {track.dataset}, made on the spot"


def test_clips(board: Board) -> str:
    """How many clips the results were scored on; more than one number where they differ."""
    return words(tuple(map(count, board.clips))) or "no"


def each(board: Board) -> str:
    """What a number of test clips is of."""
    return " in every fold" if board.folds else ""


def split_name(board: Board, split: str) -> str:
    """`split 50`, `fold 2`."""
    return f"{'fold' if board.folds else 'split'} {split}"


def _data(board: Board, track: Track) -> Iterator[Statement]:
    source = track.source
    yield Statement("Data", f"{source.title}. {source.record}." if source else data_title(track))
    if source:
        yield Statement("Licence of the data", source.licence)
    yield Statement("Test clips", f"{test_clips(board)}{each(board)}; {_classes(track)}")
    for name, members in track.device_groups.items():
        yield Statement(f"Device group: {name}", ", ".join(members))
    yield Statement("Seeds", f"official ones: {words(track.seeds)}")
    yield Statement("Version of the track", str(track.version))


def _classes(track: Track) -> str:
    number = len(track.labels)
    if track.multi_label:
        return f"{number} classes, of which a clip may have several"
    return f"{number} classes; guessing gives {percent(1 / number)} % macro accuracy"
