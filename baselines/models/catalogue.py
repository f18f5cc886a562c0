"""Every network by name: `build("cp_mobile", base_channels=64)`, with typed options and one sentence for a wrong one.

Each function below is a name (or a family of names); its parameters are the options. `n_mels` and `n_frames` are common
to all: transformers and the 2022 baseline take positions or layers from them, the convolutional networks accept any
size and leave them unused. A module is imported when its network is asked for: timm takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError, validate_call
from pydantic_core import ErrorDetails

from baselines.models.network import Network
from harness.contract import Mistake, nearest

Count = Annotated[int, Field(ge=1)]
Dropped = Annotated[int, Field(ge=0)]
Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Pooling = Literal["feature_mean", "psla"]


def cp_mobile(
    n_classes: Count = 10,
    n_mels: Count = 256,  # noqa: ARG001 - any size fits
    n_frames: Count = 64,  # noqa: ARG001
    base_channels: Count = 32,
    channels_multiplier: Factor = 2.3,
    expansion_rate: Factor = 3.0,
) -> Network:
    """CP-Mobile of 2023, with global response normalisation."""
    from baselines.models.cp_mobile import CPMobile, Shape  # noqa: PLC0415

    return CPMobile(Shape(base_channels, channels_multiplier, expansion_rate), n_classes)


def cp_mobile_2024(
    n_classes: Count = 10,
    n_mels: Count = 256,  # noqa: ARG001 - any size fits
    n_frames: Count = 65,  # noqa: ARG001
    base_channels: Count = 32,
    channels_multiplier: Factor = 1.8,
    expansion_rate: Factor = 2.1,
) -> Network:
    """The simplified CP-Mobile that is the baseline of 2024 and 2025."""
    from baselines.models.cp_mobile import STRIDES_2024, CPMobile, Shape  # noqa: PLC0415

    shape = Shape(
        base_channels, channels_multiplier, expansion_rate, strides=STRIDES_2024, response_normalisation=False
    )
    return CPMobile(shape, n_classes)


def cp_resnet(
    n_classes: Count = 10,
    n_mels: Count = 256,  # noqa: ARG001 - any size fits
    n_frames: Count = 43,  # noqa: ARG001
    base_channels: Annotated[int, Field(ge=10, multiple_of=2)] = 32,
    rho: Annotated[int, Field(ge=3, le=9)] = 8,
) -> Network:
    """CP-ResNet, receptive field set by `rho`."""
    from baselines.models.cp_resnet import CPResNet  # noqa: PLC0415

    return CPResNet(base_channels, rho, n_classes)


def passt(
    n_classes: Count = 527,
    n_mels: Annotated[int, Field(ge=16)] = 128,
    n_frames: Annotated[int, Field(ge=16)] = 998,
    s_patchout_f: Dropped = 0,
    s_patchout_t: Dropped = 0,
    u_patchout: Dropped = 0,
    width: Count = 768,
    depth: Count = 12,
    heads: Count = 12,
) -> Network:
    """PaSST-S; in training `s_patchout_f` rows, `s_patchout_t` columns and `u_patchout` single patches are dropped."""
    from baselines.models.passt import PaSST, Patchout  # noqa: PLC0415

    if width % heads:
        problem = f"The width of a PaSST, {width}, cannot be shared evenly by {heads} heads."
        raise Mistake("model.option", problem, "Choose a width that is a multiple of heads.")
    patchout = Patchout(rows=s_patchout_f, columns=s_patchout_t, tokens=u_patchout)
    return PaSST(n_classes, n_mels, n_frames, patchout, width, depth, heads)


def ast(
    size: Literal["tiny", "small", "base"],
    n_classes: Count = 527,
    n_mels: Annotated[int, Field(ge=16)] = 128,
    n_frames: Annotated[int, Field(ge=16)] = 1024,
    tokens: Literal["class", "class_distillation"] = "class_distillation",
    *,
    distillation_head: bool = False,
) -> Network:
    """AST; two output tokens as released or one as in the papers, maybe a head of its own for the teacher."""
    from baselines.models.ast import AST  # noqa: PLC0415

    return AST(size, n_classes, n_mels, n_frames, tokens, distillation_head=distillation_head)


def efficientnet(
    variant: Literal["b0", "b2", "b6", "lite0"],
    attention_heads: Dropped,
    n_classes: Count = 527,
    n_mels: Count = 128,  # noqa: ARG001 - any size fits
    n_frames: Count = 1056,  # noqa: ARG001
    pooling: Pooling = "feature_mean",
) -> Network:
    """EfficientNet with mean pooling, or, with `attention_heads`, the CNN-attention hybrid."""
    from baselines.models.cnn import EfficientNetClassifier  # noqa: PLC0415

    return EfficientNetClassifier(variant, n_classes, pooling, attention_heads)


def densenet121(
    n_classes: Count = 527,
    n_mels: Count = 128,  # noqa: ARG001 - any size fits
    n_frames: Count = 1056,  # noqa: ARG001
    pooling: Pooling = "feature_mean",
) -> Network:
    """torchvision's DenseNet-121 on one channel."""
    from baselines.models.densenet import DenseNet121  # noqa: PLC0415

    return DenseNet121(n_classes, pooling)


def cnn_2022(
    n_classes: Count = 10,
    n_mels: Annotated[int, Field(ge=20)] = 40,
    n_frames: Annotated[int, Field(ge=5)] = 51,
) -> Network:
    """The official baseline of 2022 and 2023."""
    from baselines.models.cnn_2022 import CNN2022  # noqa: PLC0415

    return CNN2022(n_classes, n_mels, n_frames)


BUILDERS: dict[str, Callable[..., Network]] = {
    "cp_mobile": cp_mobile,
    "cp_mobile_2024": cp_mobile_2024,
    "cp_resnet": cp_resnet,
    "passt": passt,
    **{f"ast_{size}": partial(ast, size) for size in ("tiny", "small", "base")},
    **{f"efficientnet_{variant}": partial(efficientnet, variant, 0) for variant in ("b0", "b2", "b6", "lite0")},
    "densenet121": densenet121,
    **{f"hybrid_{variant}": partial(efficientnet, variant, 4) for variant in ("b0", "b2")},
    "cnn_2022": cnn_2022,
}


def build(name: str, **options: object) -> Network:
    """The untrained network called `name`: features (batch, 1, n_mels, n_frames) to (batch, n_classes).

    First weights follow torch's seed. Raises `Mistake` for an unknown name, an unknown option or a value that does not
    fit, with the nearest valid one.
    """
    builder = BUILDERS.get(name)
    if builder is None:
        raise Mistake("model.unknown", f'There is no model "{name}".', nearest(name, BUILDERS))
    checked = validate_call(config=ConfigDict(strict=True))(builder)
    valid = list(signature(builder).parameters)
    unknown = [option for option in options if option not in valid]
    if unknown:
        problem = f'The model "{name}" has no option "{unknown[0]}".'
        raise Mistake("model.option", problem, nearest(unknown[0], valid))
    try:
        return checked(**options)
    except ValidationError as error:
        raise _mistake(name, error.errors()[0]) from None


def _mistake(name: str, error: ErrorDetails) -> Mistake:
    option = error["loc"][0]
    problem = f'The option "{option}" of the model "{name}" cannot be {error["input"]!r}.'
    return Mistake("model.option", problem, f"{error['msg']}.")
