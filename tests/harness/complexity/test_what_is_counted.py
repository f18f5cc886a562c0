"""What is counted and what is free: frontends, second passes, norms, products that are summed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn
from torch.utils import checkpoint

from baselines.frontends import CP_MOBILE_2023, DCASE_2024, LogMel
from harness.complexity.measuring import measure
from harness.complexity.scrutiny import Scrutiny
from harness.contract import Classifier, Clips
from harness.outcomes import NotCountable
from tests.harness.complexity.probes import TASK, Frames, count, entry

HEAD = nn.Sequential(nn.Flatten(), nn.LazyLinear(10, bias=False))


def head(width: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(width, 10, bias=False))


def test_a_convolution_a_norm_and_a_linear_layer_cost_what_the_formula_says() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 10),
    )  # fmt: skip
    found = count(network, 1, 80, 100)
    assert found.macs == 4 * 9 * 40 * 50 + 4 * 10
    assert found.official_macs == 4 * 9 * 40 * 50 + 8 + 4 * 10 + 10
    assert found.parameters == 36 + 8 + 50
    assert found.parameter_bytes == 4 * (36 + 8 + 50)  # statistics of the norm fold away


def test_a_second_pass_in_predict_is_counted() -> None:
    def twice(classifier: Classifier, clips: Clips) -> Tensor:
        return classifier(clips.waveforms) + classifier(clips.waveforms.flip(1))

    assert count(head(8000), 1, 80, 100, predict=twice).macs == 2 * 80_000


class Given(nn.Module):
    """A frontend that does what it is given to the first samples of a clip, and holds these tensors."""

    def __init__(self, does: Any, parameter: Tensor | None = None, **held: Tensor) -> None:
        super().__init__()
        self.does = does
        self.learnt = nn.Parameter(parameter) if parameter is not None else None
        for name, tensor in held.items():
            self.register_buffer(name, tensor)

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.does(self, waveforms[:, :8000].reshape(-1, 80, 100))


FREE: dict[str, nn.Module] = {
    "the log-mel of 2024": LogMel(DCASE_2024),
    "the log-mel of CP-JKU in 2023": LogMel(CP_MOBILE_2023),
    "torchaudio's mel spectrogram": torchaudio.transforms.MelSpectrogram(8000, 512, n_mels=64),
    "torchaudio's MFCC": torchaudio.transforms.MFCC(8000, 40, melkwargs={"n_fft": 512, "n_mels": 64}),
    "torchaudio's linear filter banks": torchaudio.transforms.LFCC(8000, n_lfcc=40, speckwargs={"n_fft": 512}),
    "a spectrogram in decibels": nn.Sequential(
        torchaudio.transforms.Spectrogram(256), torchaudio.transforms.AmplitudeToDB()
    ),
    "resampling": nn.Sequential(torchaudio.transforms.Resample(8000, 4000), torchaudio.transforms.Spectrogram(256)),
    "a power spectrum": Given(lambda _, x: torch.fft.rfft(x).abs().square()),
    "a window": Given(lambda self, x: torch.fft.rfft(x * self.window).abs(), window=torch.hann_window(100)),
    "normalisation by the clip": Given(lambda _, x: (x - x.mean((1, 2), keepdim=True)) / x.std((1, 2), keepdim=True)),
    "normalisation by constants": Given(
        lambda self, x: (x - self.mean) / self.std, mean=torch.randn(80, 1), std=torch.rand(80, 1) + 1
    ),
    "pre-emphasis as a convolution": Given(
        lambda self, x: F.conv1d(x.reshape(-1, 1, 100), self.k).reshape(-1, 80, 99), k=torch.tensor([[[-0.97, 1.0]]])
    ),
    "a window made on the spot": Given(
        lambda _, x: torch.stft(x[:, 0], 64, window=torch.hann_window(64), return_complex=True).abs()
    ),
}


@pytest.mark.parametrize("name", FREE)
def test_a_frontend_of_the_listed_transforms_is_free(name: str) -> None:
    width = prod(FREE[name](torch.randn(1, 8000 if "log-mel" not in name else 32000)).shape[1:])
    found = count(head(width), 32000 if "log-mel" in name else 8000, frontend=FREE[name])
    assert found.frontend_counted is None
    assert (found.macs, found.parameter_bytes) == (10 * width, 40 * width)


COUNTED: dict[str, tuple[nn.Module, int, int, str]] = {
    "a learnable matrix": (Given(lambda s, x: x @ s.learnt, torch.ones(100, 100)), 80 * 10_000, 40_000, "parameters"),
    "a fixed random matrix": (
        Given(lambda s, x: x @ s.matrix, matrix=torch.randn(100, 100)), 80 * 10_000, 40_000, "mm with a constant",
    ),
    "a fixed matrix without negatives": (
        Given(lambda s, x: x @ s.matrix, matrix=torch.rand(100, 100)), 80 * 10_000, 40_000, "mm with a constant",
    ),
    "random filters": (
        Given(lambda s, x: F.conv1d(x, s.k), k=torch.randn(4, 80, 3)), 4 * 80 * 3 * 98, 3_840, "convolution with",
    ),
    "products with constants that are summed": (
        Given(lambda s, x: (x.unsqueeze(1) * s.w).sum(-1), w=torch.randn(5, 1, 100)), 80 * 100 * 5, 2_000, "",
    ),
    "a table": (
        Given(lambda s, x: s.table[(x * 10).long().clamp(0, 99)], table=torch.randn(100)), 0, 400, "reads a table",
    ),
    "weights that nothing in it reads": (Given(lambda _, x: x, stash=torch.randn(50, 50)), 0, 10_000, "it holds"),
    "a learnable vector": (Given(lambda s, x: x * s.learnt, torch.ones(100)), 0, 400, "parameters"),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTED)
def test_a_frontend_that_holds_anything_else_is_counted_in_full(name: str) -> None:
    frontend, macs, size, why = COUNTED[name]
    width = prod(frontend(torch.randn(1, 8000)).shape[1:])
    found = count(head(width), 8000, frontend=frontend)
    assert found.macs == 10 * width + macs
    assert found.parameter_bytes == 40 * width + size
    assert why in (found.frontend_counted or "free")


def test_a_network_that_poses_as_a_frontend_is_counted() -> None:
    inner = nn.Sequential(Frames(1, 80, 100), nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.ReLU())
    found = count(head(32_000), 8000, frontend=inner)
    assert found.macs == 320_000 + 4 * 9 * 8_000


class Summing(nn.Module):
    """A network that contracts without an operator that does."""

    def __init__(self, does: Any, *shape: int) -> None:
        super().__init__()
        self.does = does
        self.weight = nn.Parameter(torch.randn(*shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.does(x, self.weight)


def by_hand(x: Tensor, w: Tensor) -> Tensor:
    y = torch.zeros(len(x), 10)
    for i in range(20):
        y = y + x[:, i : i + 1] * w[i]
    return y


def in_place(x: Tensor, w: Tensor) -> Tensor:
    y = torch.zeros(len(x), 10)
    for i in range(20):
        y.addcmul_(x[:, i : i + 1], w[i])
    return y


def into_slices(x: Tensor, w: Tensor) -> Tensor:
    products = torch.empty(len(x), 20, 10)
    for i in range(20):
        products[:, i] = x[:, i : i + 1] * w[i]
    return products.sum(1)


SUMS = {
    "times and sum": lambda x, w: (x.unsqueeze(-1) * w).sum(1),
    "times and mean": lambda x, w: (x.unsqueeze(-1) * w).mean(1),
    "times and pooling": lambda x, w: F.adaptive_avg_pool1d((x.unsqueeze(-1) * w).transpose(1, 2), 1).flatten(1),
    "times and cumulative sum": lambda x, w: (x.unsqueeze(-1) * w).cumsum(1)[:, -1],
    "division and sum": lambda x, w: (x.unsqueeze(-1) / w).sum(1),
    "reshaped and negated in between": lambda x, w: (-(x.unsqueeze(-1) * w)).transpose(1, 2).clone().sum(2),
    "an activation in between": lambda x, w: (x.unsqueeze(-1) * w).relu().sum(1),
    "a loop of additions": by_hand,
    "a loop in place": in_place,
    "products put into slices": into_slices,
    "Python's sum": lambda x, w: sum(x[:, i : i + 1] * w[i] for i in range(20)),
    "a list of products, stacked": lambda x, w: torch.stack([x[:, i : i + 1] * w[i] for i in range(20)]).sum(0),
    "einsum": lambda x, w: torch.einsum("bi,ij->bj", x, w),
    "einsum with three operands": lambda x, w: torch.einsum("bi,ij,j->bj", x, w, torch.ones(10)),
    "outer products": lambda x, w: torch.stack([torch.outer(x[0], w[:, j]).diagonal() for j in range(10)], 1).sum(
        0, keepdim=True
    ),
    "tensordot": lambda x, w: torch.tensordot(x, w, dims=1),
    "inner": lambda x, w: torch.inner(x, w.T.contiguous()),
    "vectors": lambda x, w: torch.stack([torch.dot(x[0], w[:, j]) for j in range(10)]).unsqueeze(0),
    "matrix and vector": lambda x, w: torch.mv(w.T, x[0]).unsqueeze(0),
    "baddbmm": lambda x, w: torch.baddbmm(torch.zeros(1, 1, 10), x.unsqueeze(0), w.unsqueeze(0))[0],
    "broadcast matmul": lambda x, w: torch.matmul(x, w.unsqueeze(0))[0],
    "embedding bag": lambda x, w: F.embedding_bag(torch.arange(20).unsqueeze(0) + (x[:, :1] * 0).long(), w, mode="sum"),
    "vector norm of a difference": lambda x, w: torch.cdist(x, w.T.contiguous()),
    "scattered": lambda x, w: torch.zeros(1, 10).index_add(0, torch.zeros(20).long(), x[0].unsqueeze(1) * w),
}


@pytest.mark.parametrize("name", SUMS)
def test_products_that_are_summed_cost_one_each_however_they_are_written(name: str) -> None:
    found = count(Summing(SUMS[name], 20, 10), 20)
    least = 200 if name != "outer products" else 4_000
    assert found.metered_macs is not None
    assert least <= found.macs <= least + 10 * (name == "einsum with three operands")
    assert found.parameter_bytes >= 800


# ruff: noqa: ARG005 - all of a table's functions take an input and weights
ALONE = {
    "a gate before pooling": lambda x, w: F.adaptive_avg_pool1d(
        x.view(1, 4, 5) * x.view(1, 4, 5).amax(-1, keepdim=True), 1
    ),
    "response normalisation": lambda x, w: w[0] * x * x.norm(dim=1, keepdim=True) + w[1] + x,
    "gating": lambda x, w: x.sigmoid() * x,
    "scaling by weights": lambda x, w: x * w,
    "a residual": lambda x, w: x + x * w,
    "a norm": lambda x, w: F.layer_norm(x, (20,), w),
    "softmax": lambda x, w: x.softmax(-1),
    "a mean": lambda x, w: x.mean(-1, keepdim=True),
    "an embedding": lambda x, w: w[(x * 3).long().clamp(0, 19)],
    "a power": lambda x, w: x.square().mean(-1, keepdim=True),
    "a scale": lambda x, w: x.mul(3.0).sum(-1, keepdim=True),
}


@pytest.mark.parametrize("name", ALONE)
def test_products_that_nothing_sums_are_free(name: str) -> None:
    found = count(Summing(ALONE[name], 20), 20)
    assert found.macs == 0
    assert found.free_operations is not None
    assert found.free_operations > 0


NUMBERS = [0.1 + i / 1000 for i in range(100)]

AS_NUMBERS = {
    "made into a tensor": lambda x, w: (x[:, :1] * torch.stack([torch.full((), v) for v in NUMBERS])).sum(
        1, keepdim=True
    ),
    "as factors": lambda x, w: sum(x[:, :1] * v for v in NUMBERS),
    "as weights of additions": lambda x, w: reduce(lambda y, v: torch.add(y, x[:, :1], alpha=v), NUMBERS, x[:, :1]),
}


@pytest.mark.parametrize("name", AS_NUMBERS)
def test_many_python_numbers_are_weights(name: str) -> None:
    found = count(Summing(AS_NUMBERS[name], 20), 20)
    assert found.parameter_bytes == 80 + 800
    few = count(Summing(lambda x, w: x * 0.1 + w.mul(0.2), 20), 20)
    assert few.parameter_bytes == 80


def as_complex(x: Tensor, *shape: int) -> Tensor:
    return torch.view_as_complex(x.view(*shape, 2))


REAL = {
    "a product of matrices": (lambda x, w: as_complex(x, 1, 10) @ as_complex(w, 10, 5), 4 * 50),
    "products and a sum": (
        lambda x, w: (as_complex(x, 1, 10, 1) * as_complex(w, 10, 5)).sum(1), 4 * 50,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_complex_products_cost_those_of_real_numbers(name: str) -> None:
    does, macs = REAL[name]
    assert count(Summing(lambda x, w: torch.view_as_real(does(x, w)).flatten(1), 100), 20).macs == macs


UNKNOWN = {
    "linalg": (lambda x, w: torch.linalg.solve(w.reshape(4, 5)[:, :4], x[:, :4].T).T, "linalg_solve"),
    "matrix exponential": (lambda x, w: torch.matrix_exp(x[:, :16].reshape(4, 4)).flatten()[None], "matrix_exp"),
    "a special function": (lambda x, w: torch.special.i0(x), "i0"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_operator_that_nobody_can_count_is_named_with_its_module(name: str) -> None:
    does, operator = UNKNOWN[name]
    with pytest.raises(NotCountable, match=f"{operator}.* in network"):
        count(Summing(does, 20), 20)


class Doing(nn.Module):
    """A network of one part that is used as it is told."""

    def __init__(self, does: Any, cell: nn.Module) -> None:
        super().__init__()
        self.does, self.cell = does, cell

    def forward(self, x: Tensor) -> Tensor:
        return self.does(self, x)


def gated(x: Tensor) -> Tensor:
    return x + x * x.mean((1, 2), keepdim=True).sigmoid()


HONEST: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {
    "packed sequences": (
        Doing(
            lambda s, x: s.cell(nn.utils.rnn.pack_padded_sequence(x, torch.tensor([20]), batch_first=True))[1][0][0],
            cell=nn.LSTM(8, 4, batch_first=True),
        ),
        (20, 8), 20 * 16 * 12,
    ),
    "a functional call with weights of 16 bit": (
        Doing(
            lambda s, x: torch.func.functional_call(s.cell, {k: v.float() for k, v in s.cell.named_parameters()}, (x,)),
            cell=nn.Linear(30, 10).half(),
        ),
        (30,), 300,
    ),
    "checkpointing": (
        Doing(lambda s, x: checkpoint.checkpoint(s.cell, x, use_reentrant=True), cell=nn.Linear(30, 10)), (30,), 300,
    ),
    "a view of another type": (
        Doing(lambda s, x: s.cell(x.view(torch.int32).view(torch.float32)), cell=nn.Linear(30, 10)), (30,), 300,
    ),
    "half a copy": (Doing(lambda s, x: copy.deepcopy(s.cell).float()(x), cell=nn.Linear(30, 10).half()), (30,), 300),
    "a scripted part": (Doing(lambda s, x: s.cell(x), cell=torch.jit.script(nn.Linear(30, 10))), (30,), 300),
    "two gates with shortcuts": (
        Doing(
            lambda s, x: gated(gated(s.cell(x))),
            cell=nn.Conv1d(4, 4, 3, padding=1),
        ),
        (4, 10), 48 * 10,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HONEST)
def test_an_honest_network_is_counted(name: str) -> None:
    network, shape, macs = HONEST[name]
    assert count(network, *shape).macs == macs


def test_a_free_frontend_stays_free_on_batches() -> None:
    """Banks and vectors are spread over the clips of a batch; what is written in place is no constant."""
    bank = torchaudio.functional.melscale_fbanks(51, 0, 4000, 20, 8000)

    def does(self: Any, x: Tensor) -> Tensor:
        sums = torch.zeros(len(x), 80, 20)
        sums += torch.fft.rfft(x).abs().square().matmul(self.bank)
        return (sums + 1e-5).log() - self.mean

    classifier = Classifier(Given(does, bank=bank, mean=torch.randn(20)), head(1_600), 8000)
    plain_entry = entry()
    measured = measure(plain_entry, classifier, TASK)
    scrutiny = Scrutiny(plain_entry, classifier, measured)
    clips = torch.randn(12, 8000) * 0.1

    def clips_at(rows: Sequence[int]) -> Clips:
        return Clips(clips[list(rows)], 8000)

    with torch.inference_mode():
        found = scrutiny.finish(clips_at, scrutiny.predict(clips_at(range(12))))
    assert found.frontend_counted is None
    assert (found.macs, found.parameter_bytes) == (16_000, 64_000)
    assert found.costliest_clip is None
