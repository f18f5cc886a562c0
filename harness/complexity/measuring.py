"""The line that a measurement walks: hold, run, trace, compare, add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.complexity import activations, inventory, official, trace
from harness.complexity.alone import require_alone, rounding
from harness.complexity.eager import uncompiled
from harness.complexity.frontend import Inspection
from harness.complexity.inventory import Held
from harness.complexity.meter import Meter
from harness.complexity.purity import pure
from harness.complexity.reading import WHOLE, Reading
from harness.complexity.running import metered, outside, require_countable, require_torch_as_it_is
from harness.contract import Classifier, Clips, Entry, Task
from harness.logits import require_logits
from harness.outcomes import Mistake, NotCountable
from harness.results import Complexity, ModuleCost

UNKNOWN_DEVICE = "unknown"
"""The id of a device that nobody has heard (2025)."""

MOST_FEATURES = 4096
"""Features a clip whose statistics may be kept without a layer before them."""

FEW_NUMBERS = 64
"""Different Python numbers that operators may be given: epsilons, scales, slopes."""

TINY = 1e-3
"""How much a clip is changed, relative to itself, to see whether numbers leave torch: too little to change a branch."""


@dataclass(frozen=True)
class Measured:
    """A complexity and what is needed to check it against real predictions: the meter's first reading and holdings."""

    complexity: Complexity
    held: tuple[Held, ...]
    weights: tuple[Held, ...]
    reads: Mapping[str | None, frozenset[str]]
    numbers: frozenset[float]
    constants: frozenset[str]
    digest: str

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.held)


class Predictor(nn.Module):
    """`predict` of an entry as a module of one waveform tensor; `classifier` is its only submodule."""

    def __init__(self, entry: Entry, classifier: Classifier, devices: tuple[str, ...] | None) -> None:
        super().__init__()
        self.classifier = classifier
        self._predict: Callable[[Classifier, Clips], Tensor] = entry.predict
        self._devices = devices

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits (batch, classes) of waveforms (batch, samples)."""
        with pure():
            return self._predict(self.classifier, Clips(waveforms, self.classifier.sample_rate, self._devices))


def measure(entry: Entry, classifier: Classifier, task: Task) -> Measured:
    """The complexity of `classifier` as `entry.predict` uses it, on the device it is on.

    Raises `NotCountable` where nobody can say what it costs, `Mistake` where it does what `predict` may not.
    """
    evaluate(classifier)
    with uncompiled(classifier):
        return _measured(entry, classifier, task)


def _measured(entry: Entry, classifier: Classifier, task: Task) -> Measured:
    require_torch_as_it_is()
    held = inventory.take(classifier)
    for one in held:
        if one.tensor is not None and one.tensor.requires_grad and one.tensor.is_leaf:
            one.tensor.requires_grad_(False)  # nothing is learnt from here on, and a trace takes no constant that does
    waveforms = probes(classifier, task)
    devices = (*task.devices, UNKNOWN_DEVICE) if task.device_revealed and task.devices else (None,)
    inspection = Inspection()
    with Meter(classifier, held, inspection) as meter:
        readings = {
            device: [_run(entry, classifier, clip, device, meter, replays=clip is waveforms[0]) for clip in waveforms]
            for device in devices
        }
        _require_inside(entry, classifier, waveforms[0], devices[0], meter)
    every = [reading for group in readings.values() for reading in group]
    for reading in every:
        require_countable(reading)
    counted = inspection.verdict(classifier.frontend, held_by_frontend(held))
    dearest = {device: max(_macs(reading, counted) for reading in group) for device, group in readings.items()}
    costliest = max(dearest, key=lambda device: dearest[device])
    traced, untraced = _traced(entry, classifier, waveforms[0], costliest, counted)
    weights = _weights(held, every, counted)
    features, official_macs, official_parameters = _official(classifier, waveforms[0])
    first = max(readings[costliest], key=lambda reading: _macs(reading, counted))
    reads = {device: frozenset().union(*(one.read for one in group)) for device, group in readings.items()}
    by_device = bytes_by_device(weights, reads)
    complexity = Complexity(
        parameters=sum(one.values for one in held if one.role in {"parameter", "packed"}),
        parameter_bytes=max(by_device.values()),
        macs=max(dearest[costliest], traced or 0),
        official_macs=official_macs,
        bytes_by_dtype=inventory.by_dtype(weights),
        values=sum(one.values for one in weights),
        bytes_by_role=_by_role(weights),
        bytes_by_device={device: size for device, size in by_device.items() if device},
        traced_macs=traced,
        untraced=untraced,
        metered_macs=dearest[costliest],
        official_parameters=official_parameters,
        frontend_macs=max(reading.frontend_macs for reading in every),
        frontend_counted=counted or None,
        free_operations=max(reading.free + (reading.frontend_free if counted else 0) for reading in every),
        folded=official.folded(classifier.network, features),
        peak_activation_bytes=activations.peak_bytes(first.steps, first.sizes),
        modules=tuple(_modules(classifier, weights, first, counted)),
    )
    return Measured(
        complexity,
        tuple(held),
        tuple(weights),
        reads,
        frozenset().union(*(reading.numbers for reading in every)),
        frozenset(_constants(every, counted)),
        inventory.digest(held),
    )


def evaluate(classifier: nn.Module) -> None:
    """Evaluation mode, also for modules that refuse to be told (exported programs are in it already)."""
    try:
        classifier.eval()
    except NotImplementedError:
        for module in classifier.modules():
            module.training = False


def check_alone(entry: Entry, classifier: Classifier, task: Task) -> None:
    """Raises `Mistake` where predictions of clips depend on each other, as far as made clips can show it."""
    waveforms = torch.cat(probes(classifier, task))
    devices = (task.devices[0],) * len(waveforms) if task.device_revealed and task.devices else None

    def predict_rows(rows: Sequence[int]) -> Tensor:
        some = tuple(devices[row] for row in rows) if devices else None
        with pure():
            logits = entry.predict(classifier, Clips(waveforms[list(rows)], classifier.sample_rate, some))
        return require_logits(logits, len(rows), task.n_classes)

    with torch.inference_mode(), uncompiled(classifier):
        rows = range(len(waveforms))
        require_alone(predict_rows, rows, predict_rows(rows), rounding(classifier))


def probes(classifier: Classifier, task: Task) -> list[Tensor]:
    """Clips (1, samples) that differ in kind: noise, near silence, loud noise and a tone; the same in every process."""
    samples = round(task.clip_seconds * classifier.sample_rate)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, samples, generator=generator)
    tone = torch.sin(torch.arange(samples) * (2 * torch.pi * 440 / classifier.sample_rate)).unsqueeze(0)
    place = next((parameter.device for parameter in classifier.parameters()), torch.device("cpu"))
    return [clip.to(place) for clip in (noise * 0.1, noise.flip(1) * 3e-4, noise.roll(7, 1) * 0.3, tone * 0.2)]


def _run(
    entry: Entry, classifier: Classifier, waveform: Tensor, device: str | None, meter: Meter, *, replays: bool = False
) -> Reading:
    """What one clip costs."""
    clips = Clips(waveform, classifier.sample_rate, (device,) if device else None)
    metered(entry, classifier, clips, meter, replays=replays)
    return meter.reading


def _require_inside(entry: Entry, classifier: Classifier, waveform: Tensor, device: str | None, meter: Meter) -> None:
    """Raises `NotCountable` where numbers of the clip leave torch and come back: one that differs a little shows it."""
    first = _run(entry, classifier, waveform, device, meter)
    second = _run(entry, classifier, waveform * (1 + TINY), device, meter)
    moved = {digest for _, _, digest in second.outside.values()} - {digest for _, _, digest in first.outside.values()}
    for where, _, digest in second.outside.values():
        if digest in moved:
            raise outside(f"{where} read a tensor that no torch operator made and that changes with the clip")
    if [name for name, _ in first.sequence] != [name for name, _ in second.sequence]:
        return  # it branches: what each way costs is counted, numbers cannot be compared
    for (name, before), (_, after) in zip(first.sequence, second.sequence, strict=True):
        if before != after:
            raise outside(f"{name} was given a Python number that changes with the clip")


def _macs(reading: Reading, counted: str | None) -> int:
    return reading.total + (reading.frontend_macs if counted else 0)


def costs(reading: Reading, counted: str | None) -> tuple[int, int]:
    """(MACs, operations that are free one by one), with the frontend's where it is counted."""
    return _macs(reading, counted), reading.free + (reading.frontend_free if counted else 0)


def _traced(
    entry: Entry, classifier: Classifier, waveform: Tensor, device: str | None, counted: str
) -> tuple[int | None, str | None]:
    """(MACs by the trace, None); where a trace cannot show what runs, (None, why): the meter then counts alone."""
    predictor = Predictor(entry, classifier, (device,) if device else None)
    evaluate(predictor)
    try:
        found = trace.count(predictor, waveform)
    except Mistake:
        raise
    except Exception as error:  # noqa: BLE001 - tracing may raise anything
        first = str(error).strip().splitlines()
        return None, first[0][:200] if first else type(error).__name__
    if found.uncounted:
        shown = [f"{name} in {_plain(module)}" for name, modules in found.uncounted.items() for module in modules]
        return None, f"it does not show the inside of {', '.join(shown[:3])}"
    whole, frontend = found.by_module[""], found.by_module.get(trace.FRONTEND, 0)
    return (whole if counted else whole - frontend), None


def _plain(module: str) -> str:
    return module.removeprefix("classifier.").removeprefix("classifier") or WHOLE


def held_by_frontend(held: Iterable[Held]) -> list[Held]:
    """What belongs to the frontend of all that is held."""
    return [one for one in held if one.name.startswith("frontend.")]


def _weights(held: Sequence[Held], readings: Sequence[Reading], counted: str) -> list[Held]:
    """What counts as bytes: what is held, less free statistics and a free frontend, and constants from elsewhere."""
    read: set[str] = set().union(*(reading.read for reading in readings))
    in_network: set[str] = set().union(*(reading.read_in_network for reading in readings))
    weights = []
    folds = _statistics_fold(held, readings)
    for one in held:
        if one.role == "statistics" and folds and one.word not in read:
            continue
        if one.name.startswith("frontend.") and not counted and one.word not in in_network:
            continue
        weights.append(one)
    return [*weights, *_constants(readings, counted).values(), *_numbers(readings)]


def _statistics_fold(held: Sequence[Held], readings: Sequence[Reading]) -> bool:
    """Whether there are channels enough, of layers or features, for all statistics of batch normalisation to fold."""
    layers = [one for one in held if one.role != "statistics" and len(one.shape) > 1]
    channels = sum(min(one.shape[0] + one.shape[1], one.values // 3) for one in layers)
    taken = readings[0].shapes.get("network", ("", ""))[0]
    features = max((int(size) for size in taken.replace(", ", "x").split("x") if size.isdigit()), default=0)
    values = sum(one.values for one in held if one.role == "statistics" and one.dtype != "int64")
    return values <= 2 * (channels + min(features, MOST_FEATURES))


def _numbers(readings: Sequence[Reading]) -> list[Held]:
    """Python numbers that operators computed with, where they are too many to be settings."""
    numbers = set().union(*(reading.numbers for reading in readings))
    if len(numbers) <= FEW_NUMBERS:
        return []
    return [Held("Python numbers", "attribute", "constant", (), len(numbers), 8 * len(numbers), 0)]


def _constants(readings: Iterable[Reading], counted: str) -> dict[str, Held]:
    """Tensors that predictions read and the classifier does not hold, each content once, by their digests."""
    found: dict[str, Held] = {}
    for reading in readings:
        for word, (where, size, digest) in reading.outside.items():
            used = word in (reading.read if counted else reading.read_in_network)
            if used and digest not in found:
                found[digest] = Held(f"read by {where}", "attribute", "constant", (), size, size, 0)
    return found


def with_more(
    measured: Measured,
    constants: Iterable[Reading],
    reads: Mapping[str | None, frozenset[str]],
    numbers: frozenset[float],
) -> dict[str, Any]:
    """What changes in a complexity when predictions of more clips have read more: constants, weights, numbers."""
    complexity = measured.complexity
    more = _constants(constants, complexity.frontend_counted or "").items()
    size = sum(one.size for digest, one in more if digest not in measured.constants)
    before = len(measured.numbers) if len(measured.numbers) > FEW_NUMBERS else 0
    size += 8 * (len(numbers) - before) if len(numbers) > FEW_NUMBERS else 0
    by_device = bytes_by_device(measured.weights, reads)
    roles = {**complexity.bytes_by_role, "constant": complexity.bytes_by_role.get("constant", 0) + size}
    return {
        "parameter_bytes": max(by_device.values()) + size,
        "values": (complexity.values or 0) + size,
        "bytes_by_role": roles if size else complexity.bytes_by_role,
        "bytes_by_device": {device: held + size for device, held in by_device.items() if device},
    }


def bytes_by_device(weights: Iterable[Held], reads: Mapping[str | None, frozenset[str]]) -> dict[str | None, int]:
    """Bytes by device: what its predictions read, and what no device's read; all of it on tracks without devices."""
    shared = frozenset().union(*reads.values()) if set(reads) != {None} else frozenset()
    return {
        device: sum(one.size for one in weights if one.word in mine or one.word not in shared)
        for device, mine in reads.items()
    }


def _by_role(weights: Iterable[Held]) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for one in weights:
        sizes["constant" if one.dtype == "constant" else one.role] += one.size
    return {role: size for role, size in sorted(sizes.items()) if size}


def _official(classifier: Classifier, waveform: Tensor) -> tuple[object, int, int]:
    """(features of one clip, torchinfo's multiply-adds, its parameters)."""
    try:
        with torch.no_grad():
            features = classifier.frontend(waveform)
            as_float = torch.utils._pytree.tree_map(lambda item: item.float() if _is_real(item) else item, features)
            macs, parameters = official.mult_adds(classifier.network, as_float)
    except Exception as error:
        first = str(error).strip().splitlines()
        problem = f"torchinfo cannot run network(frontend(waveforms)): {first[0] if first else type(error).__name__}"
        remedy = (
            "The organisers count a float32 copy of the network: it must take what the frontend gives, and cast to the "
            "type of its weights, x.to(weight.dtype), not to one by name."
        )
        raise NotCountable("count.official", problem, remedy) from error
    return as_float, macs, parameters


def _is_real(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _modules(classifier: Classifier, weights: Sequence[Held], reading: Reading, counted: str) -> Iterator[ModuleCost]:
    """A row for each module that costs something itself: rows add up to the whole."""
    names = [name for name, _ in classifier.named_modules()]
    owners = {one.name: _owner(one.name, names) for one in weights}
    for name, module in classifier.named_modules():
        mine = [one for one in weights if owners[one.name] == name]
        takes, gives = reading.shapes.get(name, ("", ""))
        row = ModuleCost(
            name=name or WHOLE,
            kind=type(module).__name__,
            takes=takes,
            gives=gives,
            parameters=sum(one.values for one in mine if one.role in {"parameter", "packed"}),
            size=sum(one.size for one in mine),
            macs=reading.macs[name],
        )
        if row.macs or row.size:
            yield row
    if counted:
        yield ModuleCost(
            name="frontend, as a whole", kind=counted, takes="", gives="", parameters=0, size=0,
            macs=reading.frontend_macs,
        )  # fmt: skip


def _owner(name: str, modules: Iterable[str]) -> str:
    """The innermost module that a held thing belongs to."""
    return max((module for module in modules if not module or name.startswith(f"{module}.")), key=len)
