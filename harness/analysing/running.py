"""The line of `analyse`: trained systems are each asked in a process of their own, then what they said is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness import cell, process, provenance, trained
from harness.analysing import plugins
from harness.analysing.finding import Finding, Number, Panel, Run
from harness.analysing.judging import Score, measure
from harness.analysing.plugins import Arrays
from harness.cell import Ground, Ready
from harness.evaluation import Hands, Places
from harness.files import digest_of_value
from harness.job import PROBED
from harness.outcomes import Mistake
from harness.plan import Choice
from harness.trained import Named, Trained

MOST_SYSTEMS = 6
"""As many series of a chart as can be told apart; table 6 of paper 003 has as many columns."""


@dataclass(frozen=True)
class Asked:
    """What was typed: an analysis, an entry, and systems of it, or ENTRY:SYSTEM for those of others."""

    analysis: str
    entry: Path
    systems: tuple[str, ...]
    track: str
    choice: Choice
    places: Places


def analyse(asked: Asked, hands: Hands) -> Finding:
    """What the analysis says of the systems over the chosen splits and seeds; answers of earlier runs are kept.

    Raises `Mistake` where a system is unknown, not trained yet, or nothing that the analysis can ask.
    """
    plugins.require(asked.analysis)
    systems = trained.named(asked.entry, asked.systems)
    if not 2 <= len(systems) <= MOST_SYSTEMS:
        remedy = f"Name two to {MOST_SYSTEMS}: SYSTEM, or ENTRY:SYSTEM of another entry."
        raise Mistake("analysis.systems", f"{len(systems)} systems were named.", remedy)
    found = trained.find(asked.entry, systems, asked.track, asked.choice, asked.places, hands)
    return _found(asked, systems, found, hands)


def _found(asked: Asked, systems: Sequence[Named], known: Trained, hands: Hands) -> Finding:
    ground = known.ground
    comparison = plugins.comparison(asked.analysis)
    titles = tuple(one.title for one in systems)
    panels = comparison.panels(measure(ground.track))
    runs: dict[tuple[str, float | None, tuple[int, ...]], list[Run]] = {}
    for (split, seed), cells in known.cells.items():
        probed = [_probed(ready, asked.analysis, ground, hands) for ready in cells]
        score = Score(cells[0].test.shuffled.labels, ground.track)
        try:
            points = comparison.compare(probed, score)
        except ValueError as error:
            problem = f"On split {split}, seed {seed}, the analysis says nothing: {error}."
            raise Mistake("analysis.undefined", problem, "Choose other systems, splits or seeds.") from None
        for point in points:
            one = Run(split=split, seed=seed, value=point.value)
            runs.setdefault((point.panel, point.at, point.systems), []).append(one)
    order = [panel.name for panel in panels]
    numbers = [
        Number(panel=panel, systems=tuple(titles[at] for at in of), at=at, runs=tuple(some))
        for (panel, at, of), some in runs.items()
    ]
    return Finding(
        analysis=asked.analysis,
        title=comparison.TITLE,
        track=ground.track.name,
        systems=titles,
        splits=tuple(dict.fromkeys(split for split, _ in known.cells)),
        seeds=tuple(dict.fromkeys(seed for _, seed in known.cells)),
        panels=tuple(Panel(name=one.name, y=one.y, x=one.x, drawn=one.drawn) for one in panels),
        numbers=tuple(sorted(numbers, key=lambda one: (order.index(one.panel), one.at or 0.0))),
        keys={
            f"{ready.cell.system.title} split {split} seed {seed}": ready.key
            for (split, seed), cells in known.cells.items()
            for ready in cells
        },
        provenance=provenance.describe(ground.typed_in),
    )


def _probed(ready: Ready, analysis: str, ground: Ground, hands: Hands) -> Arrays:
    """What the probe of the analysis returned for a cell, clips in the order in which systems see them."""
    key = digest_of_value([ready.key, analysis, plugins.digest(analysis)])
    job = cell.probing(ready, analysis, ground.cache / "analyses" / key[:20], ground)
    one = ready.cell
    title = f"{one.system.title} split {one.split} seed {one.seed}"
    with cell.alone(job.folder):
        answer = cell.finished(job)
        if answer is None:
            with hands.reporter.step(f"asking {title}") as progress:
                allowed = cell.allowance("predict", ground.track)
                answer = process.run(job, allowed, hands.nursery, progress)
        if answer.reason is not None:
            raise Mistake(answer.reason.rule, f"{title}: {answer.reason.problem}", answer.reason.remedy)
        with np.load(job.folder / PROBED) as arrays:
            return dict(arrays)
