"""One network trained by several processes: torch DDP between them, and what they tell each other between epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from harness.contract import Run

T = TypeVar("T")


class Together(nn.Module):
    """A network whose gradients are the mean of those of all processes, called as the network itself is.

    All begin with the weights of process 0, and take the buffers (running statistics of batch norm) of process 0 over
    before every step; batch norm itself sees the clips of its own process.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        # Parameters without a gradient may be there in one process too. And buckets are never made anew then, so that
        # a resumed training adds gradients up in the order of one that was not stopped.
        self.parallel = DistributedDataParallel(_Either(network), find_unused_parameters=True)

    def forward(self, x: Tensor) -> Tensor:
        """What the network's `forward` gives."""
        logits: Tensor = self.parallel(x)
        return logits

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the network's `heads` gives, where it has two."""
        return cast("tuple[Tensor, Tensor]", self.parallel(x, heads=True))


class _Either(nn.Module):
    """`forward` and `heads` of a network by one name: gradients are averaged of what goes through `forward` only."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, *, heads: bool = False) -> Any:  # noqa: ANN401 - logits, or those of two heads
        return self.network.heads(x) if heads else self.network(x)  # type: ignore[operator]


def of_first(value: Callable[[], T], run: Run) -> T:
    """What `value` gives in process 0; it is called there only, and the others wait."""
    if run.processes == 1:
        return value()
    found = [value() if run.rank == 0 else None]
    dist.broadcast_object_list(found, src=0)
    return cast("T", found[0])


def of_all(value: T, run: Run) -> list[T]:
    """The value of every process, by rank."""
    if run.processes == 1:
        return [value]
    found: list[Any] = [None] * run.processes
    dist.all_gather_object(found, value)
    return found


def sums(values: Mapping[str, float], run: Run) -> dict[str, float]:
    """Each value summed over the processes."""
    every = of_all(dict(values), run)
    return {name: sum(one[name] for one in every) for name in values}
