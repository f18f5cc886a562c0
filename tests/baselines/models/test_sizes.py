"""Parameters and multiply-accumulates of every network: the measured tables of facts/architectures.md, to the digit."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from baselines.models import build
from baselines.models.network import Network
from baselines.models.pooling import AttentionHead, MeanHead, Pooling
from tests.harness.complexity.probes import count


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def layer_macs(network: nn.Module, *shape: int) -> int:
    """Multiply-accumulates of convolutions and linear layers on features (1, *shape): a counter of its own.

    A convolution has as many as an output position has weights, a linear layer too. Nothing is computed.
    """
    found: list[int] = []

    def note(module: nn.Module, _inputs: object, output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d | nn.Linear)
        found.append(output.numel() * module.weight[0].numel())

    handles = [
        module.register_forward_hook(note) for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    network.eval()(torch.empty(1, *shape, device=next(network.parameters()).device))
    for handle in handles:
        handle.remove()
    return sum(found)


def shapeless(name: str, **options: object) -> Network:
    """A network whose weights have shapes but no values: built in no time."""
    with torch.device("meta"):
        return build(name, **options)


def printed(number: int, decimals: int) -> str:
    """Millions, as the tables print them."""
    return f"{number / 1e6:.{decimals}f}"


class Row(NamedTuple):
    """A row of table 1.4 or 2.4; `official` is its column NeSsi."""

    name: str
    base: int
    shape: tuple[int, int]
    parameters: int
    macs: int
    official: int


CONVOLUTIONAL = [
    Row("cp_mobile", 32, (256, 64), 126_952, 28_889_088, 28_893_268),
    Row("cp_mobile", 32, (256, 65), 126_952, 31_680_000, 31_684_180),
    Row("cp_mobile", 32, (256, 640), 126_952, 288_890_880, 288_895_060),
    Row("cp_mobile", 64, (256, 64), 481_200, 110_665_728, 110_674_068),
    Row("cp_mobile", 96, (256, 64), 1_109_512, 251_283_456, 251_296_180),
    Row("cp_mobile", 184, (256, 64), 3_957_850, 904_137_728, 904_161_968),
    Row("cp_mobile", 264, (256, 64), 8_093_254, 1_851_642_880, 1_851_677_640),
    Row("cp_mobile_2024", 32, (256, 65), 61_148, 29_416_448, 29_419_156),
    Row("cp_mobile_2024", 32, (256, 64), 61_148, 26_951_680, 26_954_388),
    Row("cp_resnet", 32, (256, 43), 127_684, 28_839_120, 28_840_396),
    Row("cp_resnet", 56, (256, 43), 427_180, 91_328_280, 91_330_660),
    Row("cp_resnet", 88, (256, 43), 1_098_892, 229_267_320, 229_271_172),
    Row("cp_resnet", 168, (256, 43), 4_140_092, 847_215_720, 847_223_252),
    Row("cp_resnet", 232, (256, 43), 7_973_884, 1_622_478_120, 1_622_488_596),
]


@pytest.mark.parametrize("row", CONVOLUTIONAL, ids=lambda row: f"{row.name}-{row.base}-{row.shape[1]}")
def test_cp_networks_have_the_sheet_s_sizes(row: Row) -> None:
    """The organisers' counter adds one for each affine parameter of a batch norm."""
    network = shapeless(row.name, base_channels=row.base)
    macs = layer_macs(network, 1, *row.shape)
    norms = sum(parameters(module) for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    assert (parameters(network), macs, macs + norms) == (row.parameters, row.macs, row.official)


COUNTED = [row for row in CONVOLUTIONAL if (row.base == 32 and row.shape[1] < 66) or row.base == 264]


@pytest.mark.parametrize("row", COUNTED, ids=lambda row: f"{row.name}-{row.base}-{row.shape[1]}")
def test_cp_networks_cost_what_the_sheet_says(row: Row) -> None:
    found = count(build(row.name, base_channels=row.base), 1, *row.shape)
    assert (found.parameters, found.macs, found.official_macs) == (row.parameters, row.macs, row.official)


@pytest.mark.parametrize(
    ("name", "frames", "macs"),
    [
        ("cp_mobile", 63, 28_889_088),
        ("cp_mobile", 64, 28_889_088),
        ("cp_mobile", 65, 31_680_000),
        ("cp_mobile", 66, 31_680_000),
        ("cp_resnet", 43, 28_839_120),
        ("cp_resnet", 44, 28_839_120),
    ],
)
def test_lengths_that_cost_the_same(name: str, frames: int, macs: int) -> None:
    assert layer_macs(shapeless(name), 1, 256, frames) == macs


WIDER_2024 = [
    (64, 228_340, "114.27", "114.27"),
    (96, 524_924, "257.48", "257.49"),
    (184, 1_834_878, "916.33", "916.34"),
    (264, 3_760_794, "1880.61", "1880.63"),
]


@pytest.mark.parametrize(("base", "size", "macs", "official"), WIDER_2024)
def test_wider_forms_of_the_baseline_of_2024(base: int, size: int, macs: str, official: str) -> None:
    network = shapeless("cp_mobile_2024", base_channels=base)
    found = layer_macs(network, 1, 256, 65)
    norms = sum(parameters(module) for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    assert (parameters(network), printed(found, 2), printed(found + norms, 2)) == (size, macs, official)


def test_a_wider_form_of_the_baseline_of_2024_is_counted_as_it_is() -> None:
    base, size, macs, official = WIDER_2024[0]
    found = count(build("cp_mobile_2024", base_channels=base), 1, 256, 65)
    assert (found.parameters, printed(found.macs, 2), printed(found.official_macs, 2)) == (size, macs, official)


def test_the_graph_of_2024_with_the_widths_of_its_code_s_defaults() -> None:
    """facts 1.1: defaults 2.3 and 3.0 of the 2024 code are not the baseline."""
    network = shapeless("cp_mobile_2024", channels_multiplier=2.3, expansion_rate=3.0)
    assert (parameters(network), printed(layer_macs(network, 1, 256, 65), 2)) == (126_940, "53.17")


@pytest.mark.parametrize(("frames", "macs", "official"), [(64, 28_889_088, 29_561_088), (65, 31_680_000, 32_410_400)])
def test_a_folded_cp_mobile_has_biases_for_batch_norms(frames: int, macs: int, official: int) -> None:
    found = count(build("cp_mobile").for_inference(), 1, 256, frames)
    assert (found.parameters, found.macs, found.official_macs) == (124_862, macs, official)


RHO = {3: (56_004, "18.09", 2), 4: (64_196, "19.32", 2), 5: (80_580, "21.77", 2), 6: (80_580, "21.77", 2),
       7: (80_580, "21.77", 2), 8: (127_684, "28.84", 2), 9: (195_396, "39.0", 1)}  # fmt: skip


@pytest.mark.parametrize("rho", RHO)
def test_the_receptive_field_sets_the_size_of_cp_resnet(rho: int) -> None:
    size, macs, decimals = RHO[rho]
    network = shapeless("cp_resnet", rho=rho)
    assert (parameters(network), printed(layer_macs(network, 1, 256, 43), decimals)) == (size, macs)


def test_another_receptive_field_is_counted_as_it_is() -> None:
    size, macs, decimals = RHO[9]
    found = count(build("cp_resnet", rho=9), 1, 256, 43)
    assert (found.parameters, printed(found.macs, decimals)) == (size, macs)


@pytest.mark.parametrize(("frames", "macs", "decimals"), [(64, "43.21", 2), (65, "45.98", 2), (427, "304.7", 1)])
def test_cp_resnet_on_other_lengths(frames: int, macs: str, decimals: int) -> None:
    assert printed(layer_macs(shapeless("cp_resnet"), 1, 256, frames), decimals) == macs


def transformer_macs(width: int, patches: int, outputs: int, classes: int, depth: int = 12) -> int:
    """Patches of 16 x 16, twelve blocks (qkv, scores, values, projection, two layers of the MLP), the classifier.

    Scores and values: heads * tokens² * width / heads each.
    """
    tokens = patches + outputs
    attention = tokens * width * 3 * width + 2 * tokens * tokens * width + tokens * width * width
    mlp = 2 * tokens * width * 4 * width
    return patches * width * 16 * 16 + depth * (attention + mlp) + width * classes


class Transformer(NamedTuple):
    """A row of table 3.3 or 4.3: `unused` parameters are those that no forward pass reads."""

    name: str
    classes: int
    frames: int
    parameters: int
    unused: int
    macs: int


WIDTHS = {"passt": 768, "ast_tiny": 192, "ast_small": 384, "ast_base": 768}

TRANSFORMERS = [
    Transformer("passt", 527, 998, 86_153_758, 405_263, 127_407_770_880),
    Transformer("passt", 10, 500, 85_358_612, 7_690, 56_643_239_424),
    Transformer("passt", 10, 100, 85_358_612, 7_690, 9_587_080_704),
    Transformer("ast_tiny", 35, 128, 5_809_651, 386_000, 880_337_472),
    Transformer("ast_tiny", 50, 512, 5_900_098, 386_000, 4_895_124_864),
    Transformer("ast_tiny", 527, 1024, 6_109_663, 386_000, 13_295_342_400),
    Transformer("ast_small", 35, 128, 22_234_099, 770_000, 3_310_732_416),
    Transformer("ast_small", 50, 512, 22_414_978, 770_000, 16_181_582_592),
    Transformer("ast_small", 527, 1024, 22_833_631, 770_000, 39_479_518_848),
    Transformer("ast_base", 35, 128, 86_933_491, 1_538_000, 12_821_694_720),
    Transformer("ast_base", 50, 512, 87_295_234, 1_538_000, 57_928_496_640),
    Transformer("ast_base", 527, 1024, 88_132_063, 1_538_000, 130_514_373_888),
]

COUNTED_TRANSFORMERS = [row for row in TRANSFORMERS if row.name == "ast_tiny" and row.frames < 1024]
"""Rows that a run counts; those of larger networks take up to half a minute each."""


def formula(row: Transformer) -> int:
    patches = (128 - 16) // 10 + 1, (row.frames - 16) // 10 + 1
    return transformer_macs(WIDTHS[row.name], patches[0] * patches[1], 2, row.classes)


def row_id(row: Transformer) -> str:
    return f"{row.name}-{row.frames}"


@pytest.mark.parametrize("row", TRANSFORMERS, ids=row_id)
def test_transformers_have_the_sheet_s_parameters(row: Transformer) -> None:
    network = shapeless(row.name, n_classes=row.classes, n_frames=row.frames)
    assert parameters(network) == row.parameters
    unused = [parameter for name, parameter in network.named_parameters() if name.startswith(("head_dist.", "v.head"))]
    assert sum(parameter.numel() for parameter in unused) == row.unused


@pytest.mark.parametrize("row", TRANSFORMERS, ids=row_id)
def test_the_sheet_s_figures_for_transformers_follow_from_their_layers(row: Transformer) -> None:
    assert formula(row) == row.macs


@pytest.mark.parametrize("row", COUNTED_TRANSFORMERS, ids=row_id)
def test_transformers_cost_what_the_sheet_says(row: Transformer) -> None:
    found = count(build(row.name, n_classes=row.classes, n_frames=row.frames), 1, 128, row.frames)
    assert (found.parameters, found.macs) == (row.parameters, row.macs)


@pytest.mark.parametrize(("frames", "depth", "width", "heads"), [(100, 2, 768, 12), (250, 3, 96, 3)])
def test_passt_costs_what_its_layers_do(frames: int, depth: int, width: int, heads: int) -> None:
    """By the formula that gives the sheet's figures for twelve blocks."""
    network = build("passt", n_classes=10, n_frames=frames, depth=depth, width=width, heads=heads)
    patches = 12 * ((frames - 16) // 10 + 1)
    assert count(network, 1, 128, frames).macs == transformer_macs(width, patches, 2, 10, depth)


def test_one_output_token_saves_one_token_s_work() -> None:
    one = build("ast_tiny", n_classes=35, n_frames=128, tokens="class")
    assert count(one, 1, 128, 128).macs == transformer_macs(192, 144, 1, 35)
    both = build("ast_tiny", n_classes=35, n_frames=128)
    head, embedding, positions = 192 * 1000 + 1000, 192, 192
    assert parameters(both) - parameters(one) == head + embedding + positions


def test_a_distillation_head_is_one_linear_layer_more() -> None:
    options = {"n_classes": 35, "n_frames": 128}
    plain, two = shapeless("ast_tiny", **options), shapeless("ast_tiny", distillation_head=True, **options)
    assert parameters(two) - parameters(plain) == 192 * 35 + 35
    assert layer_macs(two, 1, 128, 128) - layer_macs(plain, 1, 128, 128) == 192 * 35


class Cnn(NamedTuple):
    """A row of table 6.3."""

    name: str
    classes: int
    frames: int
    parameters: int
    macs: int


CNNS = [
    Cnn("efficientnet_b0", 527, 1056, 4_682_059, 1_037_623_424),
    Cnn("efficientnet_b0", 200, 1056, 4_263_172, 1_023_810_944),
    Cnn("efficientnet_b0", 10, 100, 4_019_782, 93_724_800),
    Cnn("hybrid_b0", 527, 1056, 9_407_672, 1_193_446_784),
    Cnn("hybrid_b0", 200, 1056, 6_056_576, 1_082_946_944),
    Cnn("efficientnet_b2", 527, 1056, 8_442_961, 1_774_170_880),
    Cnn("efficientnet_b2", 200, 1056, 7_982_218, 1_758_977_152),
    Cnn("efficientnet_b2", 50, 512, 7_770_868, 850_134_976),
    Cnn("hybrid_b2", 527, 1056, 13_640_766, 1_945_576_576),
    Cnn("hybrid_b2", 200, 1056, 9_954_822, 1_824_026_752),
    Cnn("efficientnet_b6", 527, 1056, 41_949_431, 9_039_005_664),
    Cnn("efficientnet_b6", 200, 1056, 41_195_696, 9_014_143_200),
    Cnn("densenet121", 527, 1056, 7_487_759, 7_420_722_176),
    Cnn("densenet121", 200, 1056, 7_152_584, 7_420_387_328),
    Cnn("densenet121", 50, 512, 6_998_834, 3_597_715_456),
]

HEADS = 4


def cnn_options(row: Cnn) -> dict[str, object]:
    """As released; the sheet's DenseNet-121 is torchvision's, whose classifier runs once."""
    return {"n_classes": row.classes, "pooling": "feature_mean" if row.name == "densenet121" else "psla"}


def summed_products(classes: int, columns: int) -> int:
    """What this project counts of an attention head beyond its convolutions, and the sheet does not.

    A head and class: gate times class at every column, one division by the summed gates, one product with the head's
    weight. All of these are summed afterwards.
    """
    return HEADS * classes * (columns + 1 + 1)


def cnn_id(row: Cnn) -> str:
    return f"{row.name}-{row.classes}-{row.frames}"


@pytest.mark.parametrize("row", CNNS, ids=cnn_id)
def test_cnns_have_the_sheet_s_sizes(row: Cnn) -> None:
    network = shapeless(row.name, **cnn_options(row))
    assert (parameters(network), layer_macs(network, 1, 128, row.frames)) == (row.parameters, row.macs)


@pytest.mark.parametrize("row", [CNNS[4], CNNS[14]], ids=cnn_id)
def test_cnns_cost_what_the_sheet_says(row: Cnn) -> None:
    found = count(build(row.name, **cnn_options(row)), 1, 128, row.frames)
    more = summed_products(row.classes, row.frames // 32) if row.name.startswith("hybrid") else 0
    assert (found.parameters, found.macs) == (row.parameters, row.macs + more)


@pytest.mark.parametrize(
    ("name", "width", "classes"),
    [
        ("efficientnet_b0", 1280, 527),
        ("efficientnet_b2", 1408, 200),
        ("efficientnet_lite0", 1280, 10),
        ("densenet121", 1024, 50),
    ],
)
def test_pooling_before_the_classifier_runs_it_once(name: str, width: int, classes: int) -> None:
    steps, once = (
        layer_macs(shapeless(name, n_classes=classes, pooling=pooling), 1, 128, 160)
        for pooling in ("psla", "feature_mean")
    )
    assert steps - once == classes * width * (5 - 1)


@pytest.mark.parametrize("pooling", ["psla", "feature_mean"])
@pytest.mark.parametrize(("width", "classes", "columns"), [(1280, 527, 33), (1408, 200, 33), (1280, 10, 1)])
def test_heads_alone_cost_what_their_formulas_say(pooling: Pooling, width: int, classes: int, columns: int) -> None:
    mean = count(MeanHead(width, classes, pooling), width, 4, columns).macs
    assert mean == width * classes * (columns if pooling == "psla" else 1)
    attention = count(AttentionHead(width, classes, pooling), width, 4, columns).macs
    assert attention == 2 * HEADS * width * classes * columns + summed_products(classes, columns)


@pytest.mark.parametrize(
    ("name", "trunk", "size"),
    [
        ("efficientnet_b0", "effnet", 4_006_972),
        ("hybrid_b0", "effnet", 4_006_972),
        ("efficientnet_b2", "effnet", 7_700_418),
        ("efficientnet_b6", "effnet", 40_734_696),
        ("densenet121", "features", 6_947_584),
    ],
)
def test_trunks_have_the_sheet_s_parameters(name: str, trunk: str, size: int) -> None:
    assert parameters(shapeless(name).get_submodule(trunk)) == size


@pytest.mark.parametrize(
    ("name", "n_mels", "n_frames", "features"),
    [
        ("efficientnet_b0", 128, 1056, (1280, 4, 33)),
        ("efficientnet_b2", 128, 1056, (1408, 4, 33)),
        ("efficientnet_b0", 128, 512, (1280, 4, 16)),
        ("efficientnet_b0", 128, 100, (1280, 4, 3)),
        ("densenet121", 128, 512, (1024, 4, 16)),
    ],
)
def test_trunks_give_the_sheet_s_feature_maps(
    name: str, n_mels: int, n_frames: int, features: tuple[int, int, int]
) -> None:
    trunk = shapeless(name).get_submodule("features" if name == "densenet121" else "effnet")
    assert trunk(torch.empty(2, 1, n_mels, n_frames, device="meta")).shape == (2, *features)


def test_the_published_figures_of_the_baseline_of_2022_follow_from_its_layers() -> None:
    """Four figures from the same layers: this project's two, and NeSsi's two over the 8-bit file."""
    convolutions = [(1, 16, 40 * 51), (16, 16, 40 * 51), (16, 32, 8 * 10)]
    dense = [(2 * 32, 100), (100, 10)]
    weights = sum(49 * inputs * outputs for inputs, outputs, _ in convolutions) + sum(a * b for a, b in dense)
    biases = sum(outputs for _, outputs, _ in convolutions) + sum(outputs for _, outputs in dense)
    norms = sum(2 * outputs for _, outputs, _ in convolutions)
    convolved = sum(49 * inputs * outputs * places for inputs, outputs, places in convolutions)

    network = build("cnn_2022")
    found = count(network, 1, 40, 51)
    assert found.parameters == weights + biases + norms == 46_118
    assert found.macs == convolved + sum(a * b for a, b in dense) == 29_203_560

    assert parameters(network.for_inference()) == weights + biases == 45_990
    assert weights + 4 * biases == 46_512  # bytes: weights of 8 bits, biases of 32
    pooled = 5 * 5 * 16 * 8 * 10 + 4 * 10 * 32 * 2 * 1
    assert pooled == 34_560
    assert convolved + pooled + 32 * 100 + 100 * 10 == 29_234_920  # one of the two positions of the first dense layer
