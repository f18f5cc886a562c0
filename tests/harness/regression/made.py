"""Made sides of a comparison: systems whose score depends on a skill, on where clips were recorded, and on the seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.blocks import Blocks, Sums
from harness.regression.sides import Cell, Side, System
from harness.statistics.resampling import scored
from tests.leaderboard.made import result, scores

CLIPS, LOCATIONS, CLASSES = 29_680, 146, 10
DEVICES = np.array(["a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6"])

A_POINT = 0.049
"""What a skill must change by for about a point of accuracy."""

ONE_SEED = 0.043
"""How far one training ends from another: about 0.9 points, as the official 2024 baseline's do."""


class World:
    """Test clips like those of TAU 2022, and trainings of systems that are tested on them."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        place = np.sort(np.arange(CLIPS) % LOCATIONS)
        devices = DEVICES[self._random.integers(0, len(DEVICES), CLIPS)]
        self.blocks = Blocks.of([f"city-{one:03}" for one in place], place % CLASSES, devices.tolist())
        self._hard = self._random.normal(0, 1, LOCATIONS)
        self.sums: dict[Path, Sums] = {}

    def system(self, seeds: int, skill: float = 0.2, *, splits: tuple[str, ...] = ("100",), **fields: Any) -> System:
        """A system, trained anew with so many seeds."""
        cells = {(split, seed): self._cell(skill, split, seed, fields) for split in splits for seed in range(seeds)}
        return System("demo", "cpjku/S1", cells)

    def side(self, system: System) -> Side:
        """All that one side has."""
        return _Made(self, system)

    def _cell(self, skill: float, split: str, seed: int, fields: dict[str, Any]) -> Cell:
        here = self._hard + self._random.normal(0, 0.25, LOCATIONS)
        logit = skill + self._random.normal(0, ONE_SEED) + here[self.blocks.location]
        chance = 1 / (1 + np.exp(-(logit + self._random.normal(0, 0.15, len(self.blocks)))))
        correct = self._random.binomial(self.blocks.clips, chance)
        sums = Sums(correct, -np.log(chance) * self.blocks.clips, np.zeros((3, 15)))
        accuracy = float(scored(self.blocks, [sums], "macro_accuracy")[0])
        number = len(self.sums)
        path = Path(f"/made/{number}/split{split}-seed{seed}.json")
        self.sums[path] = sums
        return Cell(path, result("S1", scores=scores(accuracy), split=split, seed=seed, key=f"{number}", **fields))


class _Made(Side):
    """A side whose clips and sums are in memory."""

    def __init__(self, world: World, system: System) -> None:
        super().__init__(Path("/made"), {(system.track, system.name): system}, ())
        object.__setattr__(self, "_world", world)

    def clips(self, track: str, test_list: str) -> Blocks | None:
        del track, test_list
        found: Blocks = self._world.blocks  # type: ignore[attr-defined]
        return found

    def sums(self, cell: Cell, clips: Blocks) -> Sums | None:
        del clips
        found: Sums = self._world.sums[cell.path]  # type: ignore[attr-defined]
        return found
