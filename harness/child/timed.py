"""The stage `time`: a process that predicts whatever it is handed, until nobody hands it anything.

No clock runs here: who asks has it (see `harness.throughput`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness import contract
from harness.child.entries import import_entry
from harness.complexity import inventory
from harness.complexity.measuring import evaluate
from harness.complexity.purity import pure
from harness.contract import Classifier, Clips
from harness.job import TRAINED, Answer, Job
from harness.logits import require_logits
from harness.outcomes import Mistake, Outcome
from harness.throughput.channel import Channel, Kind, Service

PEAK_SIZES = {"cpu": (256, 1024), "cuda": (1024, 8192)}
"""Rows and columns of the products that tell what the machine can do at most: of a first try, and of the real one."""

PEAK_TYPES = (torch.float32, torch.bfloat16, torch.int8)


def time(job: Job) -> Answer:
    """Serves the channel of the job; the weights must be the same in the end."""
    assert job.channel is not None  # noqa: S101 - the referee gives every such stage its channel
    entry = import_entry(job.entry)
    classifier = torch.load(job.folder / TRAINED, map_location="cpu", weights_only=False)
    evaluate(classifier)
    before = inventory.digest(inventory.take(classifier))
    served = Served(entry, classifier.to(job.device), job)
    service = Service(job.channel.folder)
    with torch.inference_mode():
        while (request := service.next()) is not None:
            kind, count = request
            served.acts[kind](count)
            service.done()
    memory = torch.cuda.max_memory_allocated() if job.device == "cuda" else None
    after = inventory.digest(inventory.take(classifier.cpu()))
    if after != before:
        problem = "predict changed the classifier's weights while it was timed."
        raise Mistake("weights.changed", problem, "Leave the classifier as train returned it.")
    name = torch.cuda.get_device_name() if job.device == "cuda" else None
    return Answer(outcome=Outcome.OK, weights=before, accelerator=name, device_memory_bytes=memory)


class Served:
    """A system and what can be asked of it."""

    def __init__(self, entry: contract.Entry, classifier: Classifier, job: Job) -> None:
        assert job.channel is not None  # noqa: S101
        self._entry, self._classifier, self._device = entry, classifier, torch.device(job.device)
        self._classes = len(job.task.labels)
        self._devices = job.test_devices
        channel = Channel(job.channel.folder, job.channel.shape)
        self._inputs, self._outputs = torch.from_numpy(channel.inputs), torch.from_numpy(channel.outputs)
        self._heard_by = channel.devices
        self._given = _Given()
        self._peaks: dict[int, tuple[Tensor, Tensor]] = {}
        self.acts: dict[Kind, Callable[[int], None]] = {
            "awake": lambda count: None,  # noqa: ARG005 - to answer is all that is asked
            "predict": self.predict,
            "features": self.features,
            "network": self.network,
            "peak": self.peak,
        }

    def predict(self, count: int) -> None:
        """Logits of the first `count` clips, in memory before anybody is told."""
        clips = self._clips(count)
        with pure():
            logits = self._entry.predict(self._classifier, clips)
        logits = require_logits(logits, count, self._classes)
        self._outputs[:count].copy_(logits)

    def features(self, count: int) -> None:
        """Keeps what the frontend makes of the clips, for `network`."""
        self._given.features = self._classifier.frontend(self._clips(count).waveforms)

    def network(self, count: int) -> None:
        """As `predict`, with the features that were kept in the frontend's place."""
        frontend = self._classifier.frontend
        self._classifier.frontend = self._given
        try:
            self.predict(count)
        finally:
            self._classifier.frontend = frontend

    def peak(self, number: int) -> None:
        """One product of square matrices; their size as the answer, 0 where there is none.

        `number` says of which type, in the order of `PEAK_TYPES`, first for the small and then for the large size.
        """
        large, kind = divmod(number, len(PEAK_TYPES))
        dtype = PEAK_TYPES[kind]
        if number not in self._peaks:
            self._peaks[number] = _matrices(dtype, PEAK_SIZES[self._device.type][large], self._device)
        one, other = self._peaks[number]
        try:
            product = torch._int_mm(one, other) if dtype is torch.int8 else one @ other
        except RuntimeError:
            self._outputs[0, 0] = 0.0
        else:
            self._outputs[0, 0] = len(one) + 0.0 * float(product[0, 0])

    def _clips(self, count: int) -> Clips:
        devices = tuple(self._devices[row] for row in self._heard_by[:count].tolist()) if self._devices else None
        return Clips(self._inputs[:count].to(self._device), self._classifier.sample_rate, devices)


class _Given(nn.Module):
    """A frontend that gives what it was given."""

    features: Tensor

    def forward(self, waveforms: Tensor) -> Tensor:
        del waveforms
        return self.features


def _matrices(dtype: torch.dtype, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    if dtype is torch.int8:
        one = torch.randint(-9, 9, (size, size), dtype=dtype, device=device)
        return one, one.t().contiguous().t()
    one = torch.randn(size, size, device=device).to(dtype)
    return one, one
