"""Is a frontend free? Only where it is built from the transforms that the challenge does not count.

Those are resampling, framing, windowed FFT, mel and other fixed filter banks, power, log, DCT, and normalisation by the
clip itself or by constants. What a frontend multiplies with is looked at while it runs: a matrix must be a bank of
filters with one peak each, a DCT or a resampling kernel; a vector may be a window or a normalisation. A frontend that
holds anything else, learnable or not, is counted in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, prod

import torch
import torchaudio
from torch import Tensor, nn

from harness.complexity.inventory import Held
from harness.complexity.operators import Kind
from harness.complexity.reading import Operand, Watcher

SHORT = 16
"""Coefficients of a filter that may be anything: pre-emphasis, deltas."""

LONGEST = 1 << 16
"""Numbers of a window or a normalisation."""

SKIRT, OVERLAP = 0.05, 8
"""How many filters of a bank lie over a bin on average, where a filter ends at a twentieth of its peak."""

NONLINEAR = frozenset(
    [
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "celu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "hardswish",
        "hardsigmoid",
        "hardtanh",
        "hardshrink",
        "softshrink",
        "softplus",
        "threshold",
        "sigmoid",
        "tanh",
        "prelu",
        "_prelu_kernel",
        "glu",
        "log_sigmoid",
        "erf",
        "sin",
        "cos",
    ]
)
"""Activations: a network needs one, a frontend does not."""

FILTER, MOST_FILTERS = "short filter", 3
"""Pre-emphasis, deltas, deltas of deltas. Of every other stage a clip passes one."""

INVERSE = frozenset({"_fft_c2r", "_fft_c2c", "istft"})
"""Transforms back to samples: with one, vectors between transforms make any matrix."""

TOLERANCE = 1e-4
LOWPASS_WIDTHS = (6, 16, 32, 64)
ROLLOFFS = (0.99, 0.9475937167399596, 0.85, 0.945)
MATRIX_PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "convolution", "_convolution")


class Inspection(Watcher):
    """What was seen inside a frontend: the reasons why it is not free, and the held tensors that it may hold."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.accepted: set[str] = set()

    def saw(
        self,
        name: str,
        kind: Kind,
        operands: Sequence[Operand],
        shapes: Mapping[str, tuple[int, ...]],
        args: Sequence[object],
        *,
        sums_constants: bool,
    ) -> str:
        """An operator ran: judges what it does to the clip, and what it multiplied the clip with."""
        word = name.partition("::")[2]
        fixed = [_once(operand) for operand in operands if not operand.origin.of_the_clip]
        if len(fixed) == len(operands):
            return ""  # constants among themselves: windows and banks that are made on the spot
        if any(operand.origin.worked_on for operand in operands):
            self._because(f"it is given what the network has made ({word})")
        stage = self._stage(word, kind, fixed)
        passed = frozenset().union(*(operand.origin.passed for operand in operands))
        if stage == FILTER:
            stage += str(sum(one.startswith(FILTER) for one in passed) + 1)
        if stage and (stage in passed or stage == f"{FILTER}{MOST_FILTERS + 1}"):
            self._because(f"a clip passes more than one {stage} ({word})")
        if sums_constants:
            self._because(f"it sums products with a constant ({word})")
        if word in NONLINEAR or (word in INVERSE and (word != "_fft_c2c" or args[-1] is False)):
            self._because(f"{word} is none of the transforms that are free")
        if kind is Kind.CONTRACTS:
            self._contraction(word, fixed, shapes)
        elif kind is Kind.LOOKUP:
            self._because(f"it reads a table by numbers of the clip ({word})")
        else:
            for operand in fixed:
                self._accept_if(_is_repeated_vector(operand.tensor), operand, word, shapes)
        return stage

    @staticmethod
    def _stage(word: str, kind: Kind, fixed: Sequence[Operand]) -> str:
        """The stage of a frontend that an operator is."""
        if kind is Kind.TRANSFORMS:
            return "Fourier transform"
        if kind is not Kind.CONTRACTS or not fixed:
            return ""
        tensor, is_kernel = fixed[0].tensor, "convolution" in word
        if is_kernel:
            return FILTER if _is_short(tensor) else "resampling"
        return "DCT" if _is_cosine(tensor) else "filter bank"

    def verdict(self, frontend: nn.Module, held: Iterable[Held]) -> str:
        """Why the frontend is counted in full; empty where it is free."""
        if any(True for _ in frontend.parameters()):
            self._because("it holds parameters")
        strange = [one for one in held if one.values > 1 and one.word not in self.accepted and one.role != "parameter"]
        for one in strange:
            self._because(f"it holds {one.name} {one.shape}, which is none of the transforms that are free")
        return "; ".join(dict.fromkeys(self.reasons[:3]))

    def _contraction(self, word: str, fixed: Sequence[Operand], shapes: Mapping[str, tuple[int, ...]]) -> None:
        if word not in MATRIX_PRODUCTS or not fixed:
            self._because(f"{word} is none of the transforms that are free")
            return
        for operand in fixed:
            tensor, is_kernel = operand.tensor, "convolution" in word
            vector = not is_kernel and tensor.dim() == 1
            known = _is_vector(tensor.shape) if vector else _is_fixed(tensor, kernel=is_kernel)
            self._accept_if(known, operand, word, shapes)

    def _accept_if(self, known: bool, operand: Operand, word: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Accepts a constant; a part of something larger is none by itself."""
        wholes = [shapes[copied] for copied in operand.origin.copies if copied in shapes]
        whole = all(prod(shape) == operand.tensor.numel() or _is_vector(shape) for shape in wholes)
        if known and whole:
            self.accepted.update(operand.origin.copies)
            return
        shape = "x".join(map(str, wholes[0] if wholes and not whole else operand.tensor.shape))
        self._because(f"{word} with a constant of {shape} that is no window, filter bank, DCT or resampling kernel")

    def _because(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)


def _once(operand: Operand) -> Operand:
    """A constant that is the same for every clip of the batch, for one of them."""
    tensor = operand.tensor
    with torch._C._DisableTorchDispatch():
        if tensor.dim() > 1 and len(tensor) > 1 and tensor.stride(0) == 0:
            return operand._replace(tensor=tensor[0])
    return operand


def _is_vector(shape: Sequence[int]) -> bool:
    """One axis at most: a window or a normalisation, one number for each sample of a frame or each band."""
    return sum(size > 1 for size in shape) <= 1 and prod(shape) <= LONGEST


def _is_repeated_vector(tensor: Tensor) -> bool:
    """A vector, or one that is the same for every clip of the batch."""
    if _is_vector(tensor.shape) or tensor.dim() == 0:
        return True
    with torch._C._DisableTorchDispatch():
        return _is_vector(tensor.shape[1:]) and bool((tensor == tensor[:1]).all())


def _is_fixed(tensor: Tensor, *, kernel: bool) -> bool:
    """Whether a matrix or convolution kernel is one of the fixed transforms."""
    with torch._C._DisableTorchDispatch():
        values = tensor.detach().float().cpu()
        if kernel:
            return _is_short(tensor) or _is_resampling(values)
        matrix = values.reshape(-1, values.shape[-1]) if values.dim() > 2 and values.shape[0] == 1 else values
        if matrix.dim() != 2:
            return False
        return any(_is_bank(form) or _is_dct(form) for form in (matrix, matrix.T))


def _is_short(kernel: Tensor) -> bool:
    """A short filter, or one that is repeated for each band."""
    with torch._C._DisableTorchDispatch():
        different: Tensor = torch.unique(kernel.detach().reshape(-1, kernel.shape[-1]), dim=0)
        return different.numel() <= SHORT


def _is_cosine(tensor: Tensor) -> bool:
    """Whether a matrix is a DCT, in either orientation."""
    with torch._C._DisableTorchDispatch():
        matrix = tensor.detach().float().cpu()
        matrix = matrix.reshape(-1, matrix.shape[-1]) if matrix.dim() != 2 else matrix
        return any(_is_dct(form) for form in (matrix, matrix.T))


def _is_bank(matrix: Tensor) -> bool:
    """A bank of filters (bins, bands): none negative, one peak each, the peaks in order, few filters over a bin."""
    if matrix.numel() == 0 or float(matrix.min()) < 0:
        return False
    over = (matrix > SKIRT * matrix.amax(dim=0)).sum(dim=1).float()
    if float(over[over > 0].mean() if bool((over > 0).any()) else over.mean()) > OVERLAP:
        return False
    peaks = matrix.argmax(dim=0)
    used = matrix.amax(dim=0) > 0
    if bool((peaks[used].diff() < 0).any()):
        return False
    rows = torch.arange(len(matrix)).unsqueeze(1)
    slope = matrix.diff(dim=0)
    slack = TOLERANCE * matrix.amax(dim=0)
    rising = (slope >= -slack) | (rows[1:] > peaks)
    falling = (slope <= slack) | (rows[1:] <= peaks)
    return bool(rising.all() and falling.all())


def _is_dct(matrix: Tensor) -> bool:
    """A DCT-II (inputs, coefficients), with or without orthonormal scaling."""
    inputs, coefficients = matrix.shape
    if coefficients > inputs:
        return False
    forms = (torchaudio.functional.create_dct(coefficients, inputs, norm) for norm in (None, "ortho"))
    return any(torch.allclose(matrix, form, atol=TOLERANCE) for form in forms)


def _is_resampling(kernel: Tensor) -> bool:
    """A windowed-sinc kernel (new rate, 1, width) as torchaudio makes it, for some of its settings."""
    if kernel.dim() != 3 or kernel.shape[1] != 1:
        return False
    new, _, width = kernel.shape
    for lowpass in LOWPASS_WIDTHS:
        for rolloff in ROLLOFFS:
            for rate in _rates(new, width, lowpass, rolloff):
                for method in ("sinc_interp_hann", "sinc_interp_kaiser"):
                    made, _ = torchaudio.functional.functional._get_sinc_resample_kernel(
                        rate, new, 1, lowpass, rolloff, method
                    )
                    if made.shape == kernel.shape and torch.allclose(made.float(), kernel, atol=TOLERANCE):
                        return True
    return False


def _rates(new: int, width: int, lowpass: int, rolloff: float) -> list[int]:
    """Old rates for which a kernel would be this wide: width = 2 ceil(lowpass * old / base) + old."""
    return [old for old in range(1, width) if 2 * ceil(lowpass * old / (min(old, new) * rolloff)) + old == width]
