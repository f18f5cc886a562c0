"""Speed that nobody can game: how long `predict` takes, by a clock that no entry's code can reach.

The clock runs in a process of its own (`clock`, under pytest-benchmark). It hands clips to the process that holds the
system and waits until logits lie in memory that both share: a patched clock, an event that is not waited for or a
tensor that is computed later changes nothing. Clips are mixed anew for every round: nothing that was kept can answer.
While one system is timed the other is stopped, with every thread that it has.

    bench.py       the line of `bench`; report.py: its table; comparing.py: an earlier speed beside a new one
    timing.py      one system: the weights at hand, sittings, a second look, the record
    sittings.py    a system and the baseline at the clock, in processes that are started anew
    clock.py       the process that has the clock; table.py: whose turn it is; rounds.py: a turn as a benchmark
    asking.py channel.py    how clips come to a process and logits come back; harness/child/timed.py is the other end
    mixing.py      clips that nobody has heard before
    verifying.py honesty.py    whether what was timed is what was scored, and whether it can be true
    figures.py ratios.py    percentiles, the ratio to the baseline with its interval, faster or slower than before
    speed.py       the record of a system's speed on a machine, and where it lies; energy.py
"""
