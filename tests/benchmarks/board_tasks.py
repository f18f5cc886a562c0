"""One task on a board, in a process of its own: prints its figures as JSON.

python -m tests.benchmarks.board_tasks make|weigh|build FOLDER [SYSTEMS SEEDS predictions|sums] [SITE]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from harness import tracks
from leaderboard import evidence, site
from leaderboard.boards import boards
from leaderboard.material import material
from tests.benchmarks import made_board


def make(folder: Path, systems: str, seeds: str, what: str) -> dict[str, object]:
    """The results themselves."""
    made_board.write(folder, int(systems), int(seeds), predictions=what == "predictions")
    return {}


def weigh(folder: Path) -> dict[str, object]:
    """All statistics of a board: intervals of every figure, rank intervals and groups."""
    cells, _ = site.read([folder])
    board = next(iter(boards(cells, {made_board.TRACK: tracks.load(made_board.TRACK)[0]})))
    start = time.perf_counter()
    clips = material(board, [folder])
    assert clips is not None
    read = time.perf_counter()
    found = evidence.weighed(board, clips)
    done = time.perf_counter()
    assert all(one.standing and len(one.splits) == len(made_board.SPLITS) for one in found.values())
    return {
        "seconds": done - start,
        "reading_seconds": read - start,
        "systems": len(found),
        "resamples": len(clips.resamples),
    }


def build(folder: Path, out: Path) -> dict[str, object]:
    """The pages; those that are there already are kept."""
    start = time.perf_counter()
    report = site.build([folder], out)
    seconds = time.perf_counter() - start
    size = report.tracks[made_board.TRACK].stat().st_size
    return {"seconds": seconds, "written": report.written, "files": report.files, "board_bytes": size}


def main(task: str, folder: str, *more: str) -> None:
    place = Path(folder)
    if task == "make":
        systems, seeds, what = more
        print(json.dumps(make(place, systems, seeds, what)))
    elif task == "weigh":
        print(json.dumps(weigh(place)))
    else:
        print(json.dumps(build(place, Path(more[0]))))


if __name__ == "__main__":
    main(*sys.argv[1:])
