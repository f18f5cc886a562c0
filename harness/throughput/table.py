"""Both systems at the clock: whose turn it is, what they are asked, and how long it takes them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from statistics import median

import numpy as np
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from harness.throughput import energy, sitting
from harness.throughput.asking import Asking, Ended
from harness.throughput.channel import Kind
from harness.throughput.mixing import Mixer, Mixture
from harness.throughput.sitting import Answered, Mode, Round, Turn, Who, Words

CLOCK = time.perf_counter
AWAKE_CALLS = 20
PEAK_KINDS, PEAK_CALLS, PEAK_SECONDS = 3, 3, 0.2
PEAK_SHARE = 0.25
"""Of the fastest type's rate: what a type has to reach with small products to be tried with large ones."""

Floats = NDArray[np.float32]


class Table:
    """Both systems at the clock, and what has been measured so far."""

    def __init__(self, words: Words, parties: Mapping[Who, Asking]) -> None:
        self.words, self.parties = words, parties
        for party in parties.values():
            party.ask("awake", 0)
            party.stop()
        self.mixers = {who: Mixer(place.waveforms(), secrets.randbits(63)) for who, place in words.clips.items()}
        self.energy = energy.of_this_machine(accelerator=words.accelerator)
        self.turns: list[Turn] = []
        self.answered: list[Answered] = []
        self.logits: list[Floats] = []
        self.rounds: dict[tuple[Who, Mode], int] = {}
        self.ended: Ended | None = None

    def take(self, who: Who, mode: Mode, benchmark: BenchmarkFixture) -> None:
        """One turn: warm-up, then rounds, each with clips of its own."""
        party, count = self.parties[who], sitting.batch_of(mode, self.words.batch)
        kind: Kind = "network" if mode == "network" else "predict"
        asked: list[list[Mixture]] = []
        joules: list[float | None] = []
        answers: list[Floats] = []

        def prepare() -> None:
            asked.append(self._hand_over(who, mode, count, may_be_known=bool(asked)))
            joules.append(self.energy.joules())

        def ask() -> None:
            answers.append(party.ask(kind, count))

        def note() -> None:
            before, after = joules[-1], self.energy.joules()
            joules[-1] = None if before is None or after is None else after - before
            party.stop()

        try:
            took = self._warm_up(who, mode, count)
            rounds = self.rounds.setdefault((who, mode), self._rounds(took))
            benchmark.pedantic(ask, setup=prepare, teardown=note, rounds=rounds)  # type: ignore[no-untyped-call]
            for each in self.parties.values():
                each.require_untouched()
        except Ended as ended:
            self.ended = ended
            raise
        assert benchmark.stats is not None  # noqa: S101 - there were rounds
        data = benchmark.stats.stats.data
        known = [all(one.known for one in mixtures) for mixtures in asked]
        every = zip(data, known, joules, strict=True)
        self.turns.append(
            Turn(who=who, mode=mode, rounds=tuple(Round(seconds=s, known=k, joules=j) for s, k, j in every))
        )
        if who == "system":
            self._note(mode, asked, answers)

    def _hand_over(self, who: Who, mode: Mode, count: int, *, may_be_known: bool) -> list[Mixture]:
        """Clips into the shared memory of a system that is stopped: it sees them when the clock runs."""
        party, mixer = self.parties[who], self.mixers[who]
        mixtures = mixer.round(count) if may_be_known else mixer.fresh(count)
        mixer.fill(mixtures, party.channel.inputs)
        heard_by = self.words.heard_by[who]
        if heard_by is not None:
            party.channel.devices[:count] = [heard_by[one.one] for one in mixtures]
        if mode == "network":
            party.ask("features", count)
            party.stop()
        return mixtures

    def _warm_up(self, who: Who, mode: Mode, count: int) -> float:
        """Seconds of the last of the calls that do not count."""
        kind: Kind = "network" if mode == "network" else "predict"
        took = 0.0
        for _ in range(sitting.WARM_UP if (who, mode) in self.rounds else sitting.FIRST_WARM_UP):
            self._hand_over(who, mode, count, may_be_known=True)
            start = CLOCK()
            self.parties[who].ask(kind, count)
            took = CLOCK() - start
            self.parties[who].stop()
        return took

    def _rounds(self, took: float) -> int:
        """As many as the time allows."""
        share = self.words.seconds / sitting.TURNS / (2 * len(self.words.modes))
        return max(1, min(sitting.MOST_ROUNDS, int(share / max(took, 1e-9))))

    def _note(self, mode: Mode, asked: list[list[Mixture]], answers: list[Floats]) -> None:
        for mixtures, logits in zip(asked, answers, strict=True):
            start = sum(map(len, self.logits))
            self.answered.append(Answered(mode=mode, mixtures=tuple(mixtures), start=start))
            self.logits.append(logits)

    def overhead(self) -> float:
        """Seconds of a request for nothing."""
        party = self.parties["baseline"]
        times = []
        for _ in range(AWAKE_CALLS):
            start = CLOCK()
            party.ask("awake", 0)
            times.append(CLOCK() - start)
            party.stop()
        return median(times)

    def peak(self) -> float | None:
        """Multiply-accumulates a second of the fastest product that this machine's torch can do.

        Small products say which types are worth a large one: some machines take seconds over one of a type that they
        have no instructions for.
        """
        party = self.parties["baseline"]
        first = {kind: rate for kind in range(PEAK_KINDS) if (rate := self._peak(party, kind))}
        fast = [kind for kind, rate in first.items() if rate > PEAK_SHARE * max(first.values())]
        found = [rate for kind in fast if (rate := self._peak(party, PEAK_KINDS + kind))]
        party.stop()
        return max([*first.values(), *found], default=None)

    def _peak(self, party: Asking, number: int) -> float | None:
        party.ask("peak", number)
        size = float(party.channel.outputs[0, 0])
        if not size:
            return None
        times: list[float] = []
        while len(times) < PEAK_CALLS and sum(times) < PEAK_SECONDS:
            start = CLOCK()
            party.ask("peak", number)
            times.append(CLOCK() - start)
        return size**3 / min(times)
