"""What decides the lists, and whether it can be meant."""

from __future__ import annotations

from dataclasses import dataclass

from harness.outcomes import Mistake

BLOCKS = 20
BLOCK_PERCENT = 100 // BLOCKS


@dataclass(frozen=True)
class Wishes:
    """What decides the lists; the defaults are those of TAU 2022.

    `test_share` is of the segments of each scene, `main_share` of the training clips, `shares` are percentages.
    """

    unseen: tuple[str, ...] = ()
    main_device: str | None = None
    test_share: float = 0.3
    main_share: float = 0.73
    shares: tuple[int, ...] = (5, 10, 25, 50, 100)
    seed: int = 0


def require_sensible(wishes: Wishes) -> None:
    for option, share in (("--test-share", wishes.test_share), ("--main-share", wishes.main_share)):
        if not 0 < share < 1:
            raise Mistake("splits.share", f"{option} {share} is no share.", "Give a number between 0 and 1.")
    wrong = [share for share in wishes.shares if share not in range(BLOCK_PERCENT, 101, BLOCK_PERCENT)]
    if wrong:
        problem = f"A training list of {wrong[0]} % cannot be made of blocks of {BLOCK_PERCENT} %."
        raise Mistake("splits.shares", problem, f"Give multiples of {BLOCK_PERCENT} up to 100 with --shares.")
    if 100 not in wishes.shares:
        raise Mistake("splits.shares", "The whole training list is not among --shares.", "Add 100 to --shares.")
    if wishes.main_device in wishes.unseen:
        problem = f'The main device "{wishes.main_device}" is among the unseen devices.'
        raise Mistake("splits.unseen", problem, "It has the most training clips; take it out of --unseen.")
