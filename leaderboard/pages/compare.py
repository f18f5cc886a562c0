"""Two systems on the same clips: where one is better, by how much, and whether that means anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.blocks import UNREADABLE, opened
from harness.statistics.crossings import Crossing
from harness.statistics.estimates import Difference
from harness.statistics.mcnemar import McNemar, mcnemar
from leaderboard import charts, display, measures
from leaderboard.boards import Board
from leaderboard.display import Statement
from leaderboard.evidence import Comparison
from leaderboard.material import Material
from leaderboard.page import Chart, Page, Section
from leaderboard.pages.board import title as track_title
from leaderboard.pages.figures import difference
from leaderboard.pages.places import Places, between
from leaderboard.rows import Cell, Row
from leaderboard.scales import Axis
from leaderboard.tables import Column, Field, Table
from leaderboard.tested import Tested

HOW = (
    "Differences are the first system less the second, in percentage points, on the same clips and the same draws of "
    "their recording locations. Intervals are 95 %; p-values are of paired tests of single differences, not corrected "
    "for looking at many."
)


def page(board: Board, found: Comparison, clips: Tested, places: Places) -> Page:
    """`found.one` against `found.other`."""
    path, score = places.compare(board, found.one, found.other), measures.main(board)
    names = [f"{row.name}{f' with {row.settings}' if row.settings else ''}" for row in (found.one, found.other)]
    whole = _table("whole", "Over all splits that both have", {score.short: found.mean})
    if found.log_loss:
        loss = (Field("log loss, nats (less is better)"), *difference(found.log_loss, display.loss))
        whole = Table(whole.id, whole.caption, whole.columns, (*whole.rows, loss))
    by_split = _table("by-split", f"{score.heading} by split", found.splits, "split")
    links = tuple(
        (f"{name}: its page", between(path, places.system(board, row)))
        for name, row in zip(names, (found.one, found.other), strict=True)
    )
    return Page(
        path=path,
        title=f"{names[0]} against {names[1]}",
        lead=(_verdict(found.mean, names, score.short), HOW),
        sections=(
            Section("whole", "All in all", tables=(whole,), links=links),
            Section(
                "splits", "By split", _crossed(found.crossings), charts=_chart(found.splits, by_split),
                tables=(by_split,),
            ),
            *(_parts(found, clips) if isinstance(clips, Material) else ()),
        ),
        crumbs=(("Leaderboard", "index.html"), (track_title(board), places.board(board))),
        bundled=True,
    )  # fmt: skip


def _parts(found: Comparison, clips: Material) -> tuple[Section, ...]:
    """By device, by class, and clip by clip."""
    by_device = _table("by-device", "Accuracy by device", found.devices, "device")
    by_class = _table("by-class", "Accuracy by class", found.classes, "class")
    return (
        Section("devices", "By device", charts=_chart(found.devices, by_device), tables=(by_device,)),
        Section("classes", "By class", charts=_chart(found.classes, by_class), tables=(by_class,)),
        Section("clips", "Clip by clip", statements=_clip_by_clip(found, clips), folded=True),
    )


def _verdict(found: Difference, names: list[str], score: str) -> str:
    if found.low <= 0 <= found.high:
        return f"The two cannot be told apart by their {score}: {_points(found)}."
    better = names[0] if found.value > 0 else names[1]
    return f"{better} is better by its {score}: {_points(found)}."


def _points(found: Difference) -> str:
    ends = display.between(found.low, found.high, display.percent)
    p = display.p_value(found.p_value)
    return f"a difference of {display.percent(found.value)} points, 95 % interval {ends}, p {p}"


def _table(name: str, caption: str, found: Mapping[str, Difference], about: str = "figure") -> Table:
    columns = (
        Column(about, about.capitalize(), number=False),
        Column("difference", "Difference, points", "up"),
        Column("p_value", "p"),
    )
    rows = tuple((Field(label), *difference(one)) for label, one in found.items())
    return Table(name, caption, columns, rows)


def _chart(found: Mapping[str, Difference], twin: Table) -> tuple[Chart, ...]:
    """The differences around zero; a single one needs no picture."""
    if len(found) < 2:
        return ()
    bars = [charts.Bar(name, 100 * one.value, 100 * one.low, 100 * one.high) for name, one in found.items()]
    drawn = charts.intervals(
        bars, Axis("points", write=display.short), title=f"{twin.caption}: first less second", against=0.0,
        description="Dots are differences, whiskers their 95 % intervals; right of zero the first system is better.",
    )  # fmt: skip
    return (Chart(drawn, twin.id),)


def _crossed(found: tuple[Crossing, ...]) -> tuple[str, ...]:
    return tuple(
        f"The curves cross between {one.before:g} % and {one.after:g} % of the training data, at about"
        f" {one.about:.0f} %{'' if one.certain else '; within chance, since not both differences beside it are sure'}."
        for one in found
    )


def _clip_by_clip(found: Comparison, clips: Material) -> tuple[Statement, ...]:
    """McNemar's test of the first seed that both have on the last split that both have."""
    splits = [split for split in found.splits if split in found.one.by_split]
    for split in reversed(splits):
        one, other = (_by_seed(row, split) for row in (found.one, found.other))
        for seed in sorted(one.keys() & other.keys()):
            right = [_right(cell.path, clips) for cell in (one[seed], other[seed])]
            if right[0] is not None and right[1] is not None:
                return _said(mcnemar(right[0], right[1]), split, seed)
    return ()


def _said(test: McNemar, split: str, seed: int) -> tuple[Statement, ...]:
    return (
        Statement("Runs", f"split {split}, seed {seed} of both"),
        Statement("Only the first is right", f"{display.count(test.only_one)} clips"),
        Statement("Only the second is right", f"{display.count(test.only_other)} clips"),
        Statement("McNemar's test", f"p {display.p_value(test.p_value)}, as if clips of one location were independent"),
    )


def _by_seed(row: Row, split: str) -> dict[int, Cell]:
    return {cell.seed: cell for cell in row.cells if cell.split == split}


def _right(path: Path, clips: Material) -> NDArray[np.bool_] | None:
    try:
        with opened(path.with_suffix(".npz")) as arrays:
            predicted = arrays["predicted"]
    except UNREADABLE:
        return None
    labels = clips.blocks.labels_of_clip
    return np.asarray(predicted == labels) if len(predicted) == len(labels) else None
