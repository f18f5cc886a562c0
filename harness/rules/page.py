"""`docs/rules.md`, made from the rules, the table of operators and the editions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tabulate import tabulate

from harness import editions
from harness.complexity.operators import OPERATORS, Kind
from harness.rules import CHAPTERS, ENTRY_RULES, Rule

HEAD = """# Rules

Made by `python -m harness rules`; do not edit. Every refusal ends with the id of its rule, such as `[count.operator]`.

## What is counted

* One **multiply-accumulate (MAC)** is one product that is added to others. Counted is `predict` on one clip (batch 1,
  evaluation mode): a second pass, test-time augmentation and every member of an ensemble count.
* It is counted twice: from a trace, by fvcore with a handler for every operator below, and by every operator that runs
  while clips are predicted: four made ones, and each clip of the test set. The larger figure counts. Where operators
  let the numbers of a clip decide what happens, or a batch runs other operators than usual, each clip is counted alone.
  What a trace does not show (packed, scripted or compiled parts) is counted by what runs.
* The operators that were counted are run again, on memory of their own: they must give the logits that `predict`
  returned, for clips of the test set that nobody can foresee.
* torchinfo's `total_mult_adds` of a float32 copy of `network`, as the organisers compute it, is measured beside it.
  Within the limit means: both.
* **Bytes** are those of parameters, packed 8-bit weights, buffers, tensors in plain attributes, and constants that
  `predict` reads from anywhere else (globals, closures), each by its own type. Zeros and masked weights count, memory
  that is shared counts once. Statistics of batch normalisation do not, where batch normalisation alone reads them.
  A tensor that is part of a larger memory counts all of it. A scale and zero point count five bytes, one each of more
  than 64 different Python numbers that operators are given eight.
* On tracks that reveal the device (2025), `predict` is run once for each device and for "unknown"; what its run reads
  is that device's model. The largest counts, and what no run reads counts for all.
* A **frontend** is free only where it is built from these transforms: resampling, framing, windowed FFT, mel and other
  fixed filter banks (no filter negative, one peak each, peaks in order), power, log, DCT, normalisation by the clip
  itself or by constants of one axis. No activation, no inverse transform, at most eight filters over a bin. One that
  holds other tensors, learnable or not, is counted in full.
* Statistics of batch normalisation are free as far as there are channels of layers or features for them to fold into.
* Operations that are free one by one may together be at most a quarter of the limit on MACs.

## What is timed

* `predict`, from waveforms in memory to logits in memory, one clip at a time and in the track's batch. The clock runs
  in a process that imports no entry; the system stands still (SIGSTOP) but while it is asked.
* Every round has clips that nobody has heard before: two test clips, mixed. A quarter of the rounds has test clips as
  they are, which must get the logits that were scored and count for nothing else. A sample of all answers is predicted
  again by the path that is counted and scored.
* The official 2024 baseline is timed in the same run, in turns. The figure that compares is the ratio to it; its 95 %
  interval is over sittings, each with processes that were started anew. Figures of different hardware never compare.
* Calls before the first turn (three) and at every later one (one) do not count. Other commands wait meanwhile.
"""

TITLES = {
    Kind.CONTRACTS: "Contract: their MACs follow from their shapes",
    Kind.TRANSFORMS: "Fourier transforms: n log2 n MACs for real numbers, twice that for complex ones",
    Kind.PRODUCT: "Multiply element by element",
    Kind.LOOKUP: "Look up",
    Kind.ACCUMULATES: "Add a product to a tensor",
    Kind.SUMS: "Sum over an axis",
    Kind.ADDS: "Add element by element",
    Kind.MEASURES: "Measure",
    Kind.PASSES: "Element by element, free",
    Kind.MOVES: "Move, free",
    Kind.LEAVES: "Let the numbers of a clip decide",
    Kind.DRAWS: "Draw random numbers: refused",
}


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([HEAD, _limits(), *_chapters(), "## Operators\n", *_operators()])


def _limits() -> str:
    rows = []
    for name in editions.names():
        limits = editions.load(name).limits
        parameters = f"{limits.parameters.value:,}" if limits.parameters else "free"
        rows.append((name, f"{limits.macs.value:,}", f"{limits.parameter_bytes.value:,}", parameters))
    table = tabulate(rows, ("edition", "MACs", "bytes", "parameters"), tablefmt="github", disable_numparse=True)
    return f"## Limits\n\n{table}\n\nIn 2022 every number is held as one byte. A figure at the limit passes.\n"


def _chapters() -> Iterator[str]:
    for title, rules in CHAPTERS.items():
        yield f"## {title}\n"
        yield from map(_rule if rules is ENTRY_RULES else _short, rules)


def _short(rule: Rule) -> str:
    checked = f"Checked by `{rule.checked_by}`" if not rule.by_review else "By review"
    return f"### {rule.id}\n\n{rule.text}\n\n{checked}. Breaks it: {rule.example.rstrip('.')}.\n"


def _rule(rule: Rule) -> str:
    language = "toml" if rule.example.startswith(("[", "titel")) else "python"
    head = f"### {rule.id}\n\n{rule.text}\n\nChecked by `{rule.checked_by}`. Breaks it:\n\n"
    return f"{head}```{language}\n{rule.example}\n```\n"


def _operators() -> Iterator[str]:
    for kind, title in TITLES.items():
        reasons = dict.fromkeys(operator.reason for operator in OPERATORS.values() if operator.kind is kind)
        for reason in reasons:
            names = [name for name, operator in OPERATORS.items() if operator == (kind, reason)]
            yield f"**{title}**{f' ({reason})' if reason else ''}: {_listed(names)}.\n"


def _listed(names: Iterable[str]) -> str:
    """Names without the namespace of torch's own operators, private ones left out: they are parts of public ones."""
    words = sorted(name.removeprefix("aten::") for name in names)
    return ", ".join(f"`{word}`" for word in words if not word.startswith("_"))
