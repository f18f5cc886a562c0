"""Parameters, bytes and multiply-accumulates of a classifier for one clip, and the organisers' own figure beside them.

The thing counted is the traced `predict` on one clip (batch 1, evaluation mode), less what runs inside a frontend
that has no learnable weights. fvcore counts one multiply-accumulate as one; batch normalisation and pooling are free,
since they fold into or do not contract over weights. fvcore as installed gives the official 2024 baseline 31,019,968
and would reject it; the convention here gives 29,416,448, the organisers' torchinfo 29,419,156, and BOTH must be
within the limit.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torchinfo
from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn

from harness.contract import Classifier, Clips, Entry, Task
from harness.editions import Edition
from harness.outcomes import OverLimit
from harness.results import Complexity

FREE_OPERATORS = (
    "aten::batch_norm",  # folds into the convolution before it
    "aten::avg_pool2d",  # sums, no weights
    "aten::adaptive_avg_pool2d",
    "aten::adaptive_avg_pool1d",
    "aten::max_pool2d",
)


class _Predict(nn.Module):
    """`predict` of an entry as a module of one waveform tensor, so that it can be traced."""

    def __init__(self, entry: Entry, classifier: Classifier, devices: tuple[str, ...] | None) -> None:
        super().__init__()
        self.classifier = classifier
        self._predict: Callable[[Classifier, Clips], Tensor] = entry.predict
        self._devices = devices

    def forward(self, waveforms: Tensor) -> Tensor:
        return self._predict(self.classifier, Clips(waveforms, self.classifier.sample_rate, self._devices))


def measure(entry: Entry, classifier: Classifier, task: Task) -> Complexity:
    """The complexity of `classifier` as `entry.predict` uses it, on the device it is on."""
    classifier.eval()
    waveform = _one_clip(classifier, task)
    macs, uncounted = _traced_macs(entry, classifier, task, waveform)
    counted = list(classifier.parameters())  # also those in the frontend: one with parameters is none
    by_dtype: Counter[str] = Counter()
    for parameter in counted:
        by_dtype[str(parameter.dtype).removeprefix("torch.")] += parameter.numel() * parameter.element_size()
    return Complexity(
        parameters=sum(parameter.numel() for parameter in counted),
        parameter_bytes=sum(by_dtype.values()),
        macs=macs,
        official_macs=_official_macs(classifier, waveform),
        bytes_by_dtype=dict(by_dtype),
        uncounted=uncounted,
    )


def require_within(complexity: Complexity, edition: Edition | None) -> None:
    """Raises `OverLimit` that names every limit which the complexity exceeds; a figure at the limit passes."""
    if edition is None:
        return
    limits = edition.limits
    figures: list[tuple[str, int, int]] = [
        ("bytes of parameters", _held_bytes(complexity, edition), limits.parameter_bytes.value),
        ("multiply-accumulates a clip", complexity.macs, limits.macs.value),
        ("multiply-accumulates a clip by torchinfo", complexity.official_macs, limits.macs.value),
    ]
    if limits.parameters:
        figures.append(("parameters", complexity.parameters, limits.parameters.value))
    over = [f"{value:,} {what} ({limit:,} allowed)" for what, value, limit in figures if value > limit]
    if over:
        problem = f"The network exceeds {edition.name}: {'; '.join(over)}."
        raise OverLimit("limits.complexity", problem, "Make it smaller, or choose a track without limits.")


def _held_bytes(complexity: Complexity, edition: Edition) -> int:
    """Bytes as the edition counts them: 2022 holds every parameter as INT8, the others each in its own type."""
    return complexity.parameters if edition.limits.parameters else complexity.parameter_bytes


def weights_digest(classifier: nn.Module) -> str:
    """SHA-256 of every parameter and buffer: name, type, shape and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted([*classifier.named_parameters(), *classifier.named_buffers()], key=lambda item: item[0]):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return digest.hexdigest()


def _one_clip(classifier: Classifier, task: Task) -> Tensor:
    """Noise, so that no branch on silence is taken: (1, samples), the same in every process."""
    samples = round(task.clip_seconds * classifier.sample_rate)
    noise = torch.randn(1, samples, generator=torch.Generator().manual_seed(0)) * 0.1
    return noise.to(next((parameter.device for parameter in classifier.parameters()), torch.device("cpu")))


def _is_free(frontend: nn.Module) -> bool:
    return not any(True for _ in frontend.parameters())


def _traced_macs(entry: Entry, classifier: Classifier, task: Task, waveform: Tensor) -> tuple[int, dict[str, int]]:
    devices = (task.devices[0],) if task.device_revealed and task.devices else None
    wrapped = _Predict(entry, classifier, devices).eval()
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns about every shape that becomes a constant
        analysis = FlopCountAnalysis(wrapped, waveform)
        analysis.set_op_handle(**dict.fromkeys(FREE_OPERATORS, _nothing))
        analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
        by_module = analysis.by_module()
        uncounted = analysis.unsupported_ops()
        if not _is_free(classifier.frontend):
            return int(by_module[""]), dict(sorted(uncounted.items()))
        uncounted = uncounted - analysis.unsupported_ops("classifier.frontend")
    return int(by_module[""] - by_module["classifier.frontend"]), dict(sorted(uncounted.items()))


def _nothing(_inputs: list[Any], _outputs: list[Any]) -> Counter[str]:
    return Counter()


def _official_macs(classifier: Classifier, waveform: Tensor) -> int:
    """torchinfo's `total_mult_adds` of a float32 copy of the network, as the organisers compute it."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchinfo uses an interface of torch that is deprecated
        features = copy.deepcopy(classifier.frontend).float()(waveform.float())
        network = copy.deepcopy(classifier.network).float()
        summary = torchinfo.summary(network, input_data=features, verbose=0, device=waveform.device)
    return int(summary.total_mult_adds)
