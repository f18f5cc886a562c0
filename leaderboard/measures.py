"""Measures: what the scores of a track are called on its pages, and how they are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from leaderboard import display
from leaderboard.boards import Board


@dataclass(frozen=True)
class Measure:
    """A score: its field (`harness.scoring`, `harness.multilabel`), what it is called, and which way is better."""

    name: str
    short: str
    better: Literal["up", "down"] = "up"
    unit: str = ", %"
    write: Callable[[float], str] = display.percent

    @property
    def heading(self) -> str:
        """At the head of a caption: `Macro accuracy`; abbreviations and symbols stay as they are."""
        word = self.short.partition(" ")[0]
        return self.short.capitalize() if word.isalpha() and word.islower() else self.short

    @property
    def title(self) -> str:
        """The heading of its column: `Macro accuracy, %`."""
        return f"{self.heading}{self.unit}"

    @property
    def axis(self) -> str:
        """The title of its axis: `macro accuracy, %`."""
        return f"{self.short}{self.unit}"

    @property
    def arrow(self) -> str:
        """With the way to go: `macro accuracy, % ↑`."""
        return f"{self.axis} {'↑' if self.better == 'up' else '↓'}"


MACRO_ACCURACY = Measure("macro_accuracy", "macro accuracy")
MEAN_AVERAGE_PRECISION = Measure("mean_average_precision", "mAP")

LOG_LOSS = Measure("log_loss", "log loss", "down", "", display.loss)
OF_LABELS = (
    Measure("mean_auc", "mAUC"),
    Measure("d_prime", "d′", unit="", write=display.loss),  # noqa: RUF001 - a prime
    Measure("label_ranking_precision", "LRAP"),
)
CALIBRATION_ERROR = Measure("calibration_error", "calibration error", "down")


def main(board: Board) -> Measure:
    """What the board is about."""
    return MEAN_AVERAGE_PRECISION if board.track and board.track.multi_label else MACRO_ACCURACY


def others(board: Board) -> tuple[Measure, ...]:
    """What stands beside it."""
    return OF_LABELS if board.track and board.track.multi_label else (LOG_LOSS,)


def of_cells(board: Board) -> tuple[Measure, ...]:
    """What is said of a single cell."""
    more = () if board.track and board.track.multi_label else (CALIBRATION_ERROR,)
    return (main(board), *others(board), *more)
