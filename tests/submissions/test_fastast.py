"""FastAST: its grid, networks that only differ in r, costs and tokens as computed, teachers left alone, bad r."""

from __future__ import annotations

import copy
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from baselines.distillation import cross_model_divergence, label_loss
from baselines.token_merging import merge_tokens, tokens_left, traced
from harness import needs
from harness.complexity import inventory
from harness.complexity.measuring import evaluate, measure
from harness.contract import Batch, Clips, Mistake, Task
from harness.studies import table as studies
from tests.baselines.models.test_sizes import layer_macs
from tests.baselines.training import made
from tests.submissions.loaded import LABELS, TASK, config, load

READ, MODULE = load("fastast")
REDUCTIONS = tuple(range(0, 45, 5))
TINY = {"shape": {"width": 24, "depth": 3, "heads": 2}}
SMALL = {**TINY, "passt_width": 24, "passt_depth": 1, "passt_heads": 2, "cnn": "cp_mobile"}
WIDTHS = {"tiny": 192, "small": 384, "base": 768}
FIVE_SECONDS = Task(LABELS, 5.0, ("a",))


def built(system: str = "inf-r0", task: Task = TASK, **changes: Any) -> Any:
    torch.manual_seed(0)
    return MODULE.build(config(READ, MODULE, system, None, **changes), task)


def features(network: Any, batch: int = 2) -> Tensor:
    return torch.randn(batch, 1, *network.size, generator=torch.Generator().manual_seed(1))


class Data(made.Data):
    """Clips of 0.3 s, which is all that a spectrogram of 28 frames takes."""

    def __init__(self, rows: Tensor | None = None) -> None:
        super().__init__(rows, sample_rate=16000)
        noise = torch.randn(40, 4800, generator=torch.Generator().manual_seed(2))
        self.waveforms = (0.1 * noise * (1 + 5 * (torch.arange(40) % 2))[:, None])[self.rows]


SHORT = {**SMALL, "n_frames": 28, "epochs": 2, "batch_size": 20, "learning_rate": 1e-3, "augmentations": []}


def test_the_systems_are_the_paper_s() -> None:
    families = ("inf", "train", "kd-passt", "kd-cnn")
    systems = {f"{family}-r{r}" for family in families for r in REDUCTIONS} | {"passt", "cnn"}
    assert set(READ.submission.systems) == systems
    for name in systems - {"passt", "cnn"}:
        assert f"r{config(READ, MODULE, name).r}" == name.rpartition("-")[2]


def test_every_system_is_a_configuration_in_every_preset() -> None:
    for name in READ.submission.systems:
        for preset in (None, *READ.submission.presets):
            config(READ, MODULE, name, preset)


def test_nine_systems_need_one_training_and_the_others_have_their_own() -> None:
    graph = needs.in_order(needs.graph(READ, [f"inf-r{r}" for r in REDUCTIONS]))
    trained = [node.name for node in graph if config(READ, MODULE, node.name).network_of is None]
    assert trained == ["inf-r0"]
    assert all(config(READ, MODULE, f"train-r{r}").network_of is None for r in REDUCTIONS)


@pytest.mark.parametrize("teacher", ["passt", "cnn"])
def test_students_learn_as_equation_1_says(teacher: str) -> None:
    for r in REDUCTIONS:
        found = config(READ, MODULE, f"kd-{teacher}-r{r}")
        how = found.teaching()
        assert (how.label_weight, how.tau, how.form, how.teaching) == (0.1, 1.0, "cross_model", "consistent")
        assert [need.system for need in READ.system(f"kd-{teacher}-r{r}").needs] == [teacher]
    assert READ.system(teacher).role == "teacher"


def test_both_losses_are_reduced_alike_unless_it_is_said_otherwise() -> None:
    assert config(READ, MODULE, "kd-cnn-r5").teaching().reduction == "clips"
    assert config(READ, MODULE, "kd-cnn-r5", None, loss="sigmoid").teaching().reduction == "elements"
    how = {"label_weight": 0.1, "tau": 1.0, "form": "cross_model", "reduction": "clips"}
    assert config(READ, MODULE, "kd-cnn-r5", None, loss="sigmoid", distillation=how).teaching().reduction == "clips"
    assert config(READ, MODULE, "inf-r0").teaching() is None


def teacher_of(classifier: Any) -> Any:
    return SimpleNamespace(classifier=classifier, predict=lambda clips: MODULE.predict(classifier, clips))


def test_the_inf_systems_share_one_trained_network_and_only_r_differs(tmp_path: Path) -> None:
    """Nothing is trained and no data are touched: there are none."""
    trained = built(**TINY).eval()
    digests, tokens = set(), []
    for r in REDUCTIONS:
        torch.manual_seed(r)
        one = MODULE.build(config(READ, MODULE, f"inf-r{r}", None, **TINY), TASK)
        if r:
            run = made.Run(tmp_path)
            run.teachers = {"inf-r0": teacher_of(trained)}
            one = MODULE.train(one, None, run)
            _, trace = traced(one.network, features(one.network))
            tokens.append(trace.tokens[-1])
        else:
            one = trained
        digests.add(inventory.digest(inventory.take(evaluate(one) or one)))
    assert len(digests) == 1
    assert tokens == [tokens_left(146, r, depth=3)[-1] for r in REDUCTIONS[1:]]


def test_without_merging_it_is_the_plain_ast(tmp_path: Path) -> None:
    trained = built(**TINY).eval()
    run = made.Run(tmp_path)
    run.teachers = {"inf-r0": teacher_of(trained)}
    other = MODULE.train(built("inf-r40", **TINY), None, run).eval()
    clips = Clips(torch.randn(2, 16000), 16000)
    assert not torch.allclose(MODULE.predict(other, clips), MODULE.predict(trained, clips), atol=1e-5)
    merge_tokens(other.network, 0)
    assert torch.equal(MODULE.predict(other, clips), MODULE.predict(trained, clips))


def test_a_start_that_is_not_needed_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match='takes the network of "inf-r0", which it does not need'):
        MODULE.train(built("inf-r5", **TINY), None, made.Run(tmp_path))


@pytest.mark.parametrize(
    ("seconds", "n_frames", "patches"),
    [(1.0, "code", 144), (5.0, "code", 600), (10.0, "code", 1212), (1.0, "text", 108), (5.0, "text", 588),
     (10.0, "text", 1188), (3.0, "code", 12 * 29), (5.0, 128, 144)],
)  # fmt: skip
def test_a_clip_has_the_patches_of_the_code_or_of_the_text(seconds: float, n_frames: Any, patches: int) -> None:
    """Facts, section 10, item 18."""
    one = built(task=Task(LABELS, seconds, ("a",)), n_frames=n_frames, **TINY)
    assert one.network.grid[0] * one.network.grid[1] == patches
    assert one(torch.randn(1, round(16000 * seconds))).shape == (1, len(LABELS))


GIGA_MACS = {
    1.0: {0: 12.82, 5: 10.08, 20: 3.95, 40: 2.26},
    5.0: {0: 57.93, 5: 54.78, 20: 45.37, 40: 33.37},
    10.0: {0: 130.51, 5: 126.95, 20: 115.66, 40: 101.15},
}
CLASSES = {1.0: 35, 5.0: 50, 10.0: 527}


@torch.no_grad()
@pytest.mark.parametrize("seconds", GIGA_MACS)
def test_base_has_the_multiply_accumulates_of_the_fact_sheet(seconds: float) -> None:
    """Facts, section 5.2, by torch's counter on weights without values."""
    task = Task(tuple(map(str, range(CLASSES[seconds]))), seconds, ("a",))
    with torch.device("meta"):
        network = MODULE._network(config(READ, MODULE, "inf-r0"), task).eval()
    for r, expected in GIGA_MACS[seconds].items():
        merge_tokens(network, r)
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 1, *network.size, device="meta"))
        assert counter.get_total_flops() / 2e9 == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("r", [0, 20, 40])
def test_the_referee_counts_what_a_demonstration_costs_and_it_keeps_the_limits(r: int) -> None:
    one = built("inf-r0", r=r, **TINY)
    evaluate(one)
    found = measure(MODULE, one, TASK).complexity
    assert found.parameters == 31_738
    assert found.parameter_bytes <= 128_000
    assert found.macs <= 30_000_000
    assert found.frontend_counted is None
    assert found.macs > layer_macs(copy.deepcopy(one.network), 1, 128, 128)  # attention and matching count too


def test_a_size_is_the_paper_s_and_a_shape_is_a_smaller_one() -> None:
    with torch.device("meta"):
        sizes = [MODULE._network(config(READ, MODULE, "inf-r0", None, size=size), TASK) for size in WIDTHS]
    assert [network.v.embed_dim for network in sizes] == list(WIDTHS.values())
    found = built(shape={"width": 48, "depth": 2, "heads": 3, "stride": 16}, task=FIVE_SECONDS).network
    assert (found.v.embed_dim, len(found.v.blocks), found.grid) == (48, 2, (8, 32))
    with pytest.raises(Mistake, match="cannot be shared evenly by 5 heads"):
        built(shape={"width": 48, "heads": 5})


@pytest.mark.parametrize("tokens", ["class", "class_distillation"])
def test_one_or_two_tokens_are_kept_apart(tokens: str) -> None:
    one = built("inf-r0", r=40, tokens=tokens, **TINY)
    protected = 1 if tokens == "class" else 2
    _, trace = traced(one.network, features(one.network))
    assert trace.tokens == tokens_left(144 + protected, 40, depth=3, protected=protected)


def test_proportional_attention_is_an_option() -> None:
    one, other = built(r=20, **TINY).eval(), built(r=20, proportional=False, **TINY).eval()
    x = features(one.network)
    assert not torch.allclose(one.network(x), other.network(x), atol=1e-5)


def test_balanced_audioset_is_learned_as_ast_was_released() -> None:
    recipe = config(READ, MODULE, "inf-r0", "audioset-balanced").recipe()
    steps = 2000
    found = [recipe.schedule.factor(epoch * steps - 1, steps, recipe.epochs) for epoch in (10, 11, 16, 25)]
    assert found == [1, 0.5, 0.25, 0.125]
    assert (recipe.learning_rate, recipe.batch_size, recipe.averaging.start, recipe.epochs) == (5e-5, 12, 6, 25)
    table = studies.load(READ, "table2")
    unasked = {name for name, one in READ.submission.systems.items() if {"audioset-balanced"} & {*one.presets}}
    assert {name for name, _ in table.needed() if name.startswith("kd")} <= unasked


def test_a_negative_r_is_refused() -> None:
    with pytest.raises(Mistake, match="-5 tokens cannot be merged") as caught:
        built(r=-5, **TINY)
    assert caught.value.remedy == "r is 0 or more."


def test_an_r_beyond_the_tokens_is_refused_with_their_number() -> None:
    with pytest.raises(Mistake, match="r is 2000, and a clip has 602 tokens") as caught:
        built(task=FIVE_SECONDS, r=2000, **TINY)
    assert "300 or less" in caught.value.remedy
    assert built(task=FIVE_SECONDS, r=602, **TINY).network.v.blocks.plan == [602] * 3


def test_masks_are_the_zeros_that_pad_a_clip() -> None:
    silent = built(**TINY).frontend(torch.randn(1, 4000))[0, 0, 0, -1]
    assert all(step.value == pytest.approx(float(silent)) for step in built(**TINY).config.steps())
    given = [{"kind": "time_mask", "domain": "log_mel", "limit": 9, "value": 0.0}]
    assert built(augmentations=given, **TINY).config.steps()[0].value == 0


def test_a_cnn_learns_faster() -> None:
    """Paper 003: ten times the rate on all its data."""
    assert config(READ, MODULE, "cnn").recipe().learning_rate == pytest.approx(1e-4)
    assert config(READ, MODULE, "passt").recipe().learning_rate == 1e-5


def test_train_is_a_run_of_its_own_at_the_same_seed() -> None:
    one, other, again = built(**TINY), built("train-r0", **TINY), built("train-r0", **TINY)
    first, second, third = (next(iter(item.network.parameters())) for item in (one, other, again))
    assert not torch.equal(first, second)
    assert torch.equal(second, third)


@pytest.mark.parametrize("merge", [True, False])
def test_a_network_merges_while_it_learns_or_only_afterwards(tmp_path: Path, *, merge: bool) -> None:
    one = built("train-r5", Task(("quiet", "loud"), 0.3, ("a",)), **{**SHORT, "r": 4, "merge_in_training": merge})
    seen: list[int] = []
    for block in one.network.v.blocks.children():
        block.mlp.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape[1]))
    first = copy.deepcopy(one.network.state_dict())
    trained = MODULE.train(one, Data(), made.Run(tmp_path))
    assert trained.network.grid == (12, 2)
    assert seen[:3] == tokens_left(26, 4 if merge else 0, depth=3)
    assert any(not torch.equal(value, first[name]) for name, value in trained.network.state_dict().items())
    _, trace = traced(trained.network, features(trained.network))
    assert trace.tokens == tokens_left(26, 4, depth=3)


@pytest.mark.parametrize("teacher", ["passt", "cnn"])
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_the_student_learns_and_its_teacher_stays(tmp_path: Path, teacher: str, loss: str) -> None:
    task = Task(("quiet", "loud"), 0.3, ("a",))
    taught = built(teacher, task, **SHORT).eval()
    before = copy.deepcopy(taught.state_dict())
    run = made.Run(tmp_path)
    run.teachers = {teacher: teacher_of(taught)}
    student = built(f"kd-{teacher}-r5", task, **{**SHORT, "loss": loss})
    weights = copy.deepcopy(student.network.state_dict())
    student = MODULE.train(student, Data(), run)
    assert all(torch.equal(value, before[name]) for name, value in taught.state_dict().items())
    assert all(parameter.grad is None for parameter in taught.parameters())
    assert any(not torch.equal(value, weights[name]) for name, value in student.network.state_dict().items())


def test_the_loss_is_equation_1_on_the_spectrogram_that_both_see(tmp_path: Path) -> None:
    task = Task(("quiet", "loud"), 0.3, ("a",))
    taught = built("cnn", task, **SHORT).eval()
    student = built("kd-cnn-r5", task, **SHORT).eval()
    run = made.Run(tmp_path)
    run.teachers = {"cnn": teacher_of(taught)}
    data = Data()
    rows = torch.arange(8)
    batch = Batch(data.waveforms[rows], data.labels[rows], rows)
    how = student.config.teaching()
    losses = MODULE.objective(student, student.config, (), data, run, 2, distillation=how)(student.network, batch, data)
    own, theirs = student(batch.waveforms), taught(batch.waveforms)
    labels = label_loss(own, batch.labels)
    distilled = cross_model_divergence(own, theirs, 1.0)
    assert torch.allclose(losses["loss"], 0.1 * labels + 0.9 * distilled)
    shares = theirs.softmax(1)
    assert torch.allclose(distilled, (shares * (shares.log() - own.log_softmax(1))).sum(1).mean(), atol=1e-6)


@pytest.mark.parametrize("features", ["shared", "own"])
@pytest.mark.parametrize("system", ["inf-r20", "train-r20", "passt", "cnn"])
def test_clips_become_logits(system: str, features: str) -> None:
    one = built(system, **{**SMALL, "features": features}).eval()
    assert MODULE.predict(one, Clips(torch.randn(2, one.sample_rate), one.sample_rate)).shape == (2, len(LABELS))
    assert one.sample_rate == (32000 if (system, features) == ("passt", "own") else 16000)


def test_the_cnn_of_the_small_preset_starts_from_a_package() -> None:
    """Every weight but the new head's is ImageNet's."""
    torch.manual_seed(0)
    one = MODULE.build(config(READ, MODULE, "cnn", "small"), FIVE_SECONDS)
    first = copy.deepcopy(one.network.state_dict())
    MODULE._load_checkpoint(one)
    same = {name for name, value in one.network.state_dict().items() if torch.equal(value, first[name])}
    assert {name.partition(".")[0] for name in same if name.endswith("weight")} == {"attention"}


def test_an_empty_path_is_none() -> None:
    assert config(READ, MODULE, "inf-r0", "esc50").checkpoint == Path("data/ast-audioset.pth")
    assert config(READ, MODULE, "inf-r0", "esc50", checkpoint="").checkpoint is None


def test_ast_starts_from_a_checkpoint_of_other_classes_and_frames(tmp_path: Path) -> None:
    made_for_audioset = MODULE.SmallAST(MODULE.Shape(width=24, depth=3, heads=2), 527)
    torch.save(made_for_audioset.state_dict(), tmp_path / "ast.pth")
    one = built(task=FIVE_SECONDS, checkpoint=tmp_path / "ast.pth", **TINY)
    MODULE._load_checkpoint(one)
    ours, theirs = one.network.state_dict(), made_for_audioset.state_dict()
    assert torch.equal(ours["v.blocks.2.mlp.fc2.weight"], theirs["v.blocks.2.mlp.fc2.weight"])
    assert ours["v.pos_embed"].shape == (1, 602, 24)


def test_the_sweep_s_remark_on_printed_speed_is_what_arithmetic_says() -> None:
    """Multiply-accumulates of AST-base on 602 tokens by its layers' formulas, and numbers in its attention maps."""
    width = WIDTHS["base"]

    def macs(r: int) -> int:
        seen = [602, *tokens_left(602, r)]
        blocks = sum(4 * n * width**2 + 2 * n**2 * width + 8 * left * width**2 for n, left in pairwise(seen))
        return blocks + 600 * 256 * width

    def maps(r: int) -> int:
        return sum(n**2 for n in [602, *tokens_left(602, r)][:-1])

    remark = studies.load(READ, "sweep").remarks[0]
    assert f"{150 / 65:.2f} times the clips per second" in remark
    assert f"{macs(0) / macs(40):.2f} times fewer multiply-accumulates" in remark
    assert f"only {maps(0) / maps(40):.2f} times fewer numbers" in remark
