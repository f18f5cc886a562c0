"""Made results: records as the harness writes them, with the figures that a test asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import results, scoring, tracks
from harness.blocks import Blocks
from harness.outcomes import Outcome
from harness.results import Complexity, Digests, Identity, Provenance, Reason, Result
from harness.scoring import PartScore, Scores
from harness.tracks import Track
from leaderboard.boards import Board, board
from leaderboard.rows import Cell

OVER = Reason(
    rule="limits.macs",
    problem="S1 needs 40,000,000 MACs; dcase2024 allows 30,000,000.",
    remedy="Make it smaller.",
)


def scores(
    macro_accuracy: float = 0.5, *, log_loss: float = 1.5, worst: float | None = None, clips: int = 600
) -> Scores:
    """Scores that agree with each other where a board looks: three groups, nine devices, `s6` the worst."""
    devices = dict.fromkeys(("a", "b", "c", "s1", "s2", "s3", "s4", "s5"), macro_accuracy)
    devices["s6"] = macro_accuracy - 0.1 if worst is None else worst
    groups = {"real": macro_accuracy, "seen": macro_accuracy, "unseen": macro_accuracy - 0.05}
    return Scores(
        clips=clips,
        macro_accuracy=macro_accuracy,
        accuracy=macro_accuracy,
        log_loss=log_loss,
        calibration_error=0.1,
        per_class={},
        per_device={name: _part(value, log_loss) for name, value in devices.items()},
        per_group={name: _part(value, log_loss) for name, value in groups.items()},
        worst_device="s6",
        seen_unseen_gap=groups["seen"] - groups["unseen"],
        confusion=[],
    )


def _part(accuracy: float, log_loss: float) -> PartScore:
    return PartScore(clips=60, accuracy=accuracy, macro_accuracy=accuracy, log_loss=log_loss)


def result(
    system: str = "S1",
    macro_accuracy: float = 0.5,
    *,
    track: str = "demo",
    split: str = "100",
    seed: int = 0,
    log_loss: float = 1.5,
    parameter_bytes: int = 100_000,
    macs: int = 20_000_000,
    test_list: str = "test-list",
    entry_digest: str = "entry",
    settings: dict[str, Any] | None = None,
    clips: int = 600,
    **fields: Any,
) -> Result:
    """A scored result of a system of the entry `cpjku`."""
    edition = tracks.load(track)[0].edition if track in tracks.names() else None
    known: dict[str, Any] = {
        "key": f"{system}-{track}-{split}-{seed}",
        "identity": Identity(
            track=track, entry="cpjku", system=system, split=split, seed=seed, settings=settings or {}
        ),
        "outcome": Outcome.OK,
        "title": f"CP-Mobile: {system}",
        "authors": ("Ada Example", "Ben Example"),
        "external_data": "none",
        "role": "system",
        "track_version": 1,
        "edition": edition,
        "official": True,
        "device": "cpu",
        "created": "2026-11-21T04:32:31+00:00",
        "command": "nox -s evaluate -- submissions/cpjku",
        "digests": Digests(entry=entry_digest, test_list=test_list),
        "provenance": Provenance(
            harness="0.1.0", git_commit=None, git_dirty=None, python="3.11.7", packages={}, hardware={}
        ),
        "complexity": Complexity(
            parameters=parameter_bytes // 2,
            parameter_bytes=parameter_bytes,
            macs=macs,
            official_macs=macs + 1000,
            bytes_by_dtype={"float16": parameter_bytes},
        ),
        "scores": scores(macro_accuracy, log_loss=log_loss, clips=clips),
    }
    return Result(**{**known, **fields})


def failure(system: str = "S1", outcome: Outcome = Outcome.OVER_LIMIT, **fields: Any) -> Result:
    """A result without a score."""
    return result(system, **{"outcome": outcome, "reason": OVER, "scores": None, "complexity": None, **fields})


def cells(*made: Result) -> list[Cell]:
    """Results as if they were read from disk, each from a file of its own."""
    return [Cell(Path(f"/results/{number}.json"), one) for number, one in enumerate(made)]


def track(**fields: Any) -> Track:
    """The demo track with some of its fields changed."""
    known, _ = tracks.load("demo")
    return Track.model_validate({**known.model_dump(), **fields})


def track_ranked_by(rule: str, **fields: Any) -> Track:
    """The demo track with another ranking rule."""
    return track(ranking={"rule": rule, "status": "unconfirmed", "source": "made up"}, **fields)


def board_of(*made: Result, on: Track | None = None) -> Board:
    """The board of some results of the demo track, or of another one."""
    return board("demo", cells(*made), on or track())


def write(folder: Path, *made: Result) -> list[Path]:
    """Writes results where the harness would, failures beside scored ones; returns their files."""
    return [results.write(one, folder, *PREDICTED.get(one.key, ())) for one in made]


PREDICTED: dict[str, tuple[NDArray[np.float64], Blocks]] = {}
"""Logits and clips of results that were made with `predicted`, by key."""


def predicted(system: str, skill: float, *, track: str = "demo", seed: int = 0, **fields: Any) -> Result:
    """A result whose scores are those of made predictions, right the more often the larger `skill` is.

    Forty locations, four a class, as hard for one system as for another; nine devices.
    """
    found, _ = tracks.load(track)
    generator = np.random.default_rng(7)
    location = np.repeat(np.arange(40), 27)
    label, device = location % len(found.labels), np.tile(np.arange(27) % 9, 40)
    names = sorted(device for group in found.device_groups.values() for device in group)
    hard = generator.normal(0, 1, 40)[location]
    own = np.random.default_rng([seed, *system.encode()])
    logits = own.normal(0, 1, (len(label), len(found.labels)))
    logits[np.arange(len(label)), label] += skill + hard
    clips = Blocks.of([f"city-{place}" for place in location], label, [names[one] for one in device])
    devices = [names[one] for one in device]
    scored = scoring.score(logits, label, devices, found.labels, found.device_groups)
    made = result(
        system,
        track=track,
        seed=seed,
        **{"scores": scored, "key": f"predicted {system} {track} {seed} {fields}", **fields},
    )
    PREDICTED[made.key] = (logits, clips)
    return made
