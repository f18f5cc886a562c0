"""timm's names for the weights of an EfficientNet, and those of the released audio models."""

from __future__ import annotations

from torch import Tensor

ENDS = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
FIRST = {
    "conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2",
    "se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand",
}  # fmt: skip
EXPANDING = {
    "conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1", "conv_pwl": "_project_conv",
    "bn3": "_bn2", "se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand",
}  # fmt: skip


def from_timm(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of timm's EfficientNet under the keys of this one; its classifier is `_fc`."""
    blocks = sorted({tuple(key.split(".")[1:3]) for key in state if key.startswith("blocks.")}, key=_as_numbers)
    numbers = {block: index for index, block in enumerate(blocks)}
    expands = {tuple(key.split(".")[1:3]) for key in state if ".conv_pwl." in key}
    renamed = {}
    for key, value in state.items():
        if key.startswith("blocks."):
            _, stage, position, rest = key.split(".", 3)
            part, _, leaf = rest.rpartition(".")
            names = EXPANDING if (stage, position) in expands else FIRST
            renamed[f"_blocks.{numbers[stage, position]}.{names[part]}.{leaf}"] = value
        else:
            part, _, leaf = key.rpartition(".")
            renamed[f"{ENDS[part]}.{leaf}"] = value
    return renamed


def _as_numbers(block: tuple[str, ...]) -> list[int]:
    return [int(part) for part in block]
