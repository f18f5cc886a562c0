"""What a system costs for one clip: parameters, bytes and multiply-accumulates, counted twice.

The thing counted is `predict` on one clip (batch 1, evaluation mode), less what runs inside a frontend that is built
from the transforms which are free.

    operators.py    what every known operator does; formulas.py: MACs by shapes; flow.py: products that are summed
    trace.py        the first count, by fvcore over a trace
    meter.py        the second, by every operator that runs; activations.py: peak memory from it
    inventory.py    everything a classifier holds, its bytes and its digest
    frontend.py     whether a frontend is free
    official.py     the organisers' figures; eager.py: compiled modules as they were written
    measuring.py    the line that a measurement walks; limits.py: whether it is within an edition's limits
    purity.py       what predict may not do; alone.py: a prediction depends on its clip alone
    scrutiny.py     counting while real test clips are predicted

Neither fvcore nor torchinfo alone is right: fvcore as installed gives the official 2024 baseline 31,019,968 and would
reject it, torchinfo sees nothing in attention.
"""
