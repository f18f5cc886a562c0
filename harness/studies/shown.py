"""A study in the terminal: measured beside printed, a line for each cell or for each row. Numbers are rounded here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness import plan, tables
from harness.console import Reporter, show_table
from harness.studies.measured import Findings, Measured
from harness.studies.table import COUNTED, Column, Paper, Row, Study, printed, scale, written

Known = Mapping[str, Findings | None]
"""What is known, by track of the study; None for a track that does not exist."""

NOT_YET = "not measured"


def show(study: Study, paper: Paper, known: Known, reporter: Reporter) -> None:
    """Prints the study's table and what a reader must know of its numbers."""
    reporter.say(study.title)
    if study.layout == "rows":
        _show_rows(study, paper, known)
    else:
        rows = [(row.name, column.name, *_cell(study, row, column, paper, known)) for row, column in study.shown]
        show_table(rows, tables.STUDY)
    for line in remarks(study, known):
        reporter.say(line)


def _cell(study: Study, row: Row, column: Column, paper: Paper, known: Known) -> Sequence[str]:
    """Printed, measured, runs, difference and its interval."""
    number, first = printed(study, row, column, paper), _printed(study, row, column, paper)
    found, missing = _found(study, row, column, known)
    if found is None:
        return (first, missing, "", "", "")
    factor = scale(study, column, paper)
    mean = factor * found.mean
    runs = "" if column.measure in COUNTED else f"{len(found.runs)}" + ("" if found.whole else " *")
    if number is None:
        return ("", written(mean, column), runs, "", "")
    ends = found.interval()
    between = f"{factor * ends[0] - number:+.2f} … {factor * ends[1] - number:+.2f}" if ends else "one run"
    return (first, written(mean, column), runs, f"{mean - number:+.2f}", between)


def _show_rows(study: Study, paper: Paper, known: Known) -> None:
    names = list(dict.fromkeys(column.name for column in study.columns))
    headers, columns = ["row"], []
    for name in names:
        cells = [_by_name(study, row, name) for row in study.rows]
        numbers = [
            _printed(study, row, column, paper) if column else "" for row, column in zip(study.rows, cells, strict=True)
        ]
        title = name.replace(" / ", "\n")
        if any(numbers):
            headers.append(f"{title}\nprinted")
            columns.append(numbers)
        headers.append(f"{title}\nmeasured" if any(numbers) else title)
        columns.append(
            [
                _short(study, row, column, paper, known) if column else ""
                for row, column in zip(study.rows, cells, strict=True)
            ]
        )
    show_table(list(zip([row.name for row in study.rows], *columns, strict=True)), headers)


def _printed(study: Study, row: Row, column: Column, paper: Paper) -> str:
    number = printed(study, row, column, paper)
    return "" if number is None else written(number, column)


def _by_name(study: Study, row: Row, name: str) -> Column | None:
    """The column of that name that the row shows."""
    return next((column for one, column in study.shown if one is row and column.name == name), None)


def _short(study: Study, row: Row, column: Column, paper: Paper, known: Known) -> str:
    found, missing = _found(study, row, column, known)
    if found is None:
        return missing if missing != NOT_YET else "-"
    factor = scale(study, column, paper)
    text = written(factor * found.mean, column) + ("" if found.whole else " *")
    if found.spread is not None:
        return f"{text} ± {factor * found.spread:.1f}"
    if found.between is not None:
        return f"{text} ({found.between[0]:.2f} to {found.between[1]:.2f})"
    return text


def _found(study: Study, row: Row, column: Column, known: Known) -> tuple[Measured | None, str]:
    """What was measured, or a word for why there is nothing; none where nothing is to be measured."""
    if row.printed_only:
        return None, ""
    track = study.track_of(row)
    findings = known[track]
    if findings is None:
        return None, f"needs the track {track}"
    return findings.measured(row, column), NOT_YET


def remarks(study: Study, known: Known) -> list[str]:
    """What a reader must know of the numbers."""
    said = ["printed numbers are the paper's" + _about_intervals(study)]
    walked = [findings for findings in known.values() if findings is not None]
    cut = [
        found for row, column in study.cells
        if (found := _found(study, row, column, known)[0]) is not None and not found.whole
    ]  # fmt: skip
    if cut:
        said.append(f"* the rule is the mean of the last {study.last_epochs} epochs; these runs kept the last only")
    for findings in walked:
        said += _conditions(findings)
    return [*said, *study.remarks]


def _about_intervals(study: Study) -> str:
    if study.layout == "rows":
        return "; ±: standard deviation over runs (folds and seeds); in brackets: 95 % interval over sittings"
    return "; the interval is 95 %, over runs (Student's t), of measured less printed"


def _conditions(findings: Findings) -> list[str]:
    """On what was measured, where that is not what the paper has."""
    track, choice, said = findings.track, findings.choice, []
    if findings.hardware:
        said.append(f"clips per second: batches of {track.timed_batch} on {findings.hardware}")
    as_printed = findings.of == track.name and choice.preset in {None, track.preset, plan.PAPER}
    if not as_printed or choice.settings:
        preset = plan.preset(track, choice)
        where = f"on {track.name}" + (f", preset {preset}" if preset else "")
        said.append(f"measured {where}: not what the paper measured on ({findings.of}), so differences say little")
    return said
