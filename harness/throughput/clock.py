"""The process that has the clock. No entry's code is ever imported here.

    python -m harness.throughput.clock FOLDER     reads words.json, writes sitting.json and answers.npy

Turns are tests of pytest-benchmark: the baseline, the system, the baseline again, for every mode.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pytest

from harness.files import replacing, write_bytes
from harness.outcomes import Mistake
from harness.results import Reason
from harness.throughput import rounds, sitting
from harness.throughput.asking import Asking
from harness.throughput.sitting import Mode, Sitting, Who, Words
from harness.throughput.table import CLOCK, Floats, Table


class Seats:
    """A pytest plugin: the turns in their order, and the table at which they are taken."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test a turn."""
        modes = self._table.words.modes
        turns: list[tuple[Who, Mode]] = [
            (who, mode)
            for mode in modes
            for _ in range(sitting.TURNS)
            for who in self._table.parties
            if (who, mode) != ("baseline", "network")
        ]
        metafunc.parametrize(("who", "mode"), turns)

    @pytest.fixture
    def table(self) -> Table:
        """Where the clock stands."""
        return self._table


class Load:
    """What the processor did beside the systems that are timed."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._before = self._now()

    def _now(self) -> tuple[float, float, float]:
        every = psutil.cpu_times()
        busy = sum(every) - every.idle - getattr(every, "iowait", 0.0) - getattr(every, "guest", 0.0)
        here = psutil.Process().cpu_times()
        own = here.user + here.system + sum(one.seconds_of_processor() for one in self._table.parties.values())
        return CLOCK(), busy, own

    def others(self) -> float:
        """Cores that were busy with something else, on the average."""
        (start, busy_before, own_before), (end, busy, own) = self._before, self._now()
        return max(0.0, (busy - busy_before) - (own - own_before)) / max(end - start, 1e-9)


def run(folder: Path) -> int:
    """Holds a sitting; 0 where all turns were taken. Who could not be timed, and why, is in failure.json."""
    words = Words.model_validate_json(sitting.words_file(folder).read_bytes())
    try:
        found, logits = _held(words, folder)
    except Mistake as mistake:
        reason = Reason(rule=mistake.rule, problem=mistake.problem, remedy=mistake.remedy)
        write_bytes(folder / sitting.FAILURE, reason.model_dump_json().encode())
        return 1
    with replacing(folder / sitting.ANSWERS) as stream:
        np.save(stream, logits)
    write_bytes(folder / sitting.SITTING, found.model_dump_json().encode())
    return 0


def _held(words: Words, folder: Path) -> tuple[Sitting, Floats]:
    """What was measured, and the logits that the system gave."""
    with ExitStack() as stack:
        parties: dict[Who, Asking] = {}
        for who, party in words.parties.items():
            parties[who] = Asking(party)
            stack.callback(parties[who].close)
        table = Table(words, parties)
        peaks = [table.peak()]
        load = Load(table)
        _benchmark(table, folder)
        peaks.append(table.peak())
        return Sitting(
            turns=tuple(table.turns),
            answered=tuple(table.answered),
            peak_memory={who: party.peak_memory() for who, party in parties.items()},
            overhead=table.overhead(),
            others=load.others(),
            peak=max((one for one in peaks if one), default=None),
            energy=table.energy.names,
        ), np.concatenate(table.logits)


def _benchmark(table: Table, folder: Path) -> None:
    """All turns, each a test; raises what ended one of them."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    options = [
        "-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider", "-x", "-q", "--import-mode=importlib",
        "-c", str(folder / "pytest.ini"), "--rootdir", str(folder),
        "--benchmark-disable-gc",
    ]  # fmt: skip
    status = pytest.main([*options, rounds.__file__], [Seats(table)])
    if table.ended is not None:
        raise table.ended
    if status != pytest.ExitCode.OK:
        problem = f"The rounds ended with pytest's status {int(status)}."
        raise Mistake("speed.ended", problem, "clock.log has the whole text.")


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
