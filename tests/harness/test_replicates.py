"""Draws of mean average precision, kept beside a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import multilabel, replicates
from harness.blocks import Blocks

LOCATIONS = [f"place-{clip // 2}" for clip in range(40)]
CLIPS = Blocks.of(LOCATIONS, [0] * 40, ["unknown"] * 40)


def made(seed: int, skill: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    targets = random.random((40, 5)) < 0.3
    return skill * targets + random.normal(size=(40, 5)), targets


def test_the_draws_lie_around_the_score_and_are_the_same_for_everybody() -> None:
    scores, targets = made(0)
    drawn = replicates.replicates(scores, targets, CLIPS)
    assert drawn.shape == (replicates.RESAMPLES,)
    value = multilabel.score(scores, targets, "abcde").main
    assert abs(drawn.mean() - value) < drawn.std()
    assert np.array_equal(drawn, replicates.replicates(scores, targets, CLIPS))
    shifted = replicates.replicates(scores + 1, targets, CLIPS)
    assert np.array_equal(drawn, shifted)  # the same order, on the same draws


def test_clips_of_one_location_are_drawn_together() -> None:
    scores, targets = made(1)
    doubled = np.repeat(scores, 2, axis=0), np.repeat(targets, 2, axis=0)
    apart = Blocks.of([f"{clip}" for clip in range(80)], [0] * 80, ["unknown"] * 80)
    together = Blocks.of([f"{clip // 2}" for clip in range(80)], [0] * 80, ["unknown"] * 80)
    assert replicates.replicates(*doubled, together).std() > 1.2 * replicates.replicates(*doubled, apart).std()


def test_what_is_written_is_read_by_its_own_cell_only(tmp_path: Path) -> None:
    drawn = replicates.replicates(*made(2), CLIPS)
    path = tmp_path / "split-seed0.json"
    path.with_suffix(replicates.REPLICATES).write_bytes(replicates.packed(drawn, "key"))
    found = replicates.read(path, "key")
    assert found is not None
    assert np.array_equal(found, drawn)
    assert replicates.read(path, "other") is None
    assert replicates.read(tmp_path / "elsewhere.json", "key") is None


@pytest.mark.parametrize("spoil", [lambda content: content[:-9], lambda content: content[:-40] + b"\1" + content[-39:]])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, spoil) -> None:  # noqa: ANN001 - bytes to bytes
    path = tmp_path / "split-seed0.json"
    content = replicates.packed(replicates.replicates(*made(3), CLIPS), "key")
    path.with_suffix(replicates.REPLICATES).write_bytes(spoil(content))
    assert replicates.read(path, "key") is None
