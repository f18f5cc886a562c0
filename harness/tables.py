"""Tables for the terminal: complexity, scores, plan. Rounding happens here, where numbers are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.complexity.limits import held_bytes
from harness.editions import Edition
from harness.multilabel import MultiLabelScores
from harness.outcomes import Outcome
from harness.plan import System
from harness.results import Complexity, Result

Row = Sequence[str]

COMPLEXITY = ("system", "outcome", "parameters", "bytes", "left", "MACs", "left", "MACs by torchinfo", "left")
MODULES = ("module", "kind", "takes", "gives", "parameters", "bytes", "MACs")
CELL = ("system", "split", "seed", "outcome")
SCORES = (*CELL, "macro acc. % ↑", "log loss ↓", "real %", "seen %", "unseen %", "gap")
LABEL_SCORES = (*CELL, "mAP % ↑", "mAUC % ↑", "d-prime ↑", "LRAP % ↑")
STUDY = ("row", "column", "printed", "measured", "runs", "difference", "95 % interval")
STUDIES = ("study", "title", "track", "cells")
PLAN = ("system", "split", "seed", "training clips", "state", "estimate", "GPU hours")


def complexity_rows(systems: Iterable[System], edition: Edition | None) -> list[Row]:
    """What each system costs, and how much of the limit that is."""
    return [_complexity_row(system, edition) for system in systems]


def _complexity_row(system: System, edition: Edition | None) -> Row:
    found = system.check.complexity
    if found is None:
        return (system.name, system.check.outcome, *[""] * 7)
    limits = edition.limits if edition else None
    return (
        system.name,
        system.check.outcome,
        f"{found.parameters:,}",
        f"{found.parameter_bytes:,}",
        _left(held_bytes(found, edition), limits.parameter_bytes.value) if edition and limits else "no limit",
        f"{found.macs:,}",
        _left(found.macs, limits.macs.value) if limits else "no limit",
        f"{found.official_macs:,}",
        _left(found.official_macs, limits.macs.value) if limits else "no limit",
    )


def _left(value: int, limit: int) -> str:
    """How much is left to the limit, in its share and in units."""
    return f"{(limit - value) / limit:.1%} ({limit - value:,})"


def module_rows(found: Complexity) -> list[Row]:
    """What each module costs by itself, and the whole."""
    rows = [
        (row.name, row.kind, row.takes, row.gives, f"{row.parameters:,}", f"{row.size:,}", f"{row.macs:,}")
        for row in found.modules
    ]
    whole = (f"{found.parameters:,}", f"{found.parameter_bytes:,}", f"{found.macs:,}")
    return [*rows, ("the whole", "", "", "", *whole)]


def complexity_notes(system: System) -> list[str]:
    """What the table of complexity has no column for, a line each."""
    found = system.check.complexity
    if found is None:
        return []
    by_bits = ", ".join(f"{size:,} at {bits} bit" for bits, size in found.peak_activation_bytes.items())
    notes = [f"peak activation memory of one clip, in bytes: {by_bits}"] if by_bits else []
    if found.folded:
        folded = found.folded
        macs = f"{folded.official_macs:,} MACs by torchinfo, {folded.parameters:,} parameters"
        notes.append(f"with batch normalisation folded away it would count {macs}")
    if found.frontend_counted:
        notes.append(f"the frontend is counted in full ({found.frontend_macs:,} MACs): {found.frontend_counted}")
    else:
        notes.append(f"the frontend is free ({found.frontend_macs:,} MACs not counted)")
    if found.untraced:
        notes.append(f"no trace shows what runs ({found.untraced}): counted by the operators that ran")
    elsewhere = {role: size for role, size in found.bytes_by_role.items() if role != "parameter"}
    if elsewhere:
        parts = ", ".join(f"{size:,} bytes in {PLACES[role]}" for role, size in elsewhere.items())
        notes.append(f"not in parameters: {parts}")
    notes += [f"device {device}: {size:,} bytes" for device, size in found.bytes_by_device.items()]
    notes += [found.costliest_clip] if found.costliest_clip else []
    return [f"{system.name}: {note}" for note in notes]


PLACES = {
    "attribute": "plain attributes",
    "buffer": "buffers",
    "constant": "constants from elsewhere",
    "packed": "packed weights",
    "statistics": "statistics that are read as weights",
}


def score_table(results: Iterable[Result], *, multi_label: bool) -> tuple[list[Row], Row]:
    """What each cell scored, with its device groups, or how it ended, a row each; and what the columns are called."""
    columns = LABEL_SCORES if multi_label else SCORES
    rows = [(*_cell(result), *_figures(result)) for result in results]
    return [(*row, *[""] * (len(columns) - len(row))) for row in rows], columns


def _cell(result: Result) -> Row:
    identity = result.identity
    return (f"{identity.entry}/{identity.system}", identity.split, str(identity.seed), result.outcome)


def _figures(result: Result) -> Row:
    scores = result.scores
    if scores is None:
        return ()
    if isinstance(scores, MultiLabelScores):
        shares = (scores.mean_average_precision, scores.mean_auc, scores.label_ranking_precision)
        precision, auc, ranking = ("" if share is None else f"{100 * share:.2f}" for share in shares)
        return (precision, auc, "" if scores.d_prime is None else f"{scores.d_prime:.3f}", ranking)
    groups = [scores.per_group.get(name) for name in ("real", "seen", "unseen")]
    return (
        f"{100 * scores.macro_accuracy:.2f}",
        f"{scores.log_loss:.3f}",
        *(f"{100 * group.accuracy:.2f}" if group else "" for group in groups),
        f"{100 * scores.seen_unseen_gap:.2f}" if scores.seen_unseen_gap is not None else "",
    )


def check_reasons(systems: Iterable[System]) -> list[str]:
    """Why systems did not pass their check."""
    failed = [(system.name, system.check.reason) for system in systems]
    return [f"{name}: {reason.problem} {reason.remedy} [{reason.rule}]" for name, reason in failed if reason]


def reasons(results: Iterable[Result]) -> list[str]:
    """One line for each way in which cells failed, with how many did."""
    lines: dict[str, int] = {}
    for result in results:
        if result.outcome is not Outcome.OK and result.reason:
            reason = result.reason
            line = f"{result.identity.system}: {result.outcome}: {reason.problem} {reason.remedy} [{reason.rule}]"
            lines[line] = lines.get(line, 0) + 1
    return [f"{line} ({count} cells)" if count > 1 else line for line, count in lines.items()]
