"""CMKD: the paper's grid, its settings, both directions of teaching, two heads, several teachers, ensembles."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from baselines.distillation import cross_model_divergence, label_loss
from baselines.frontends import NORMALISATION
from harness import needs
from harness.complexity.measuring import evaluate, measure
from harness.contract import Batch, Clips, Mistake, Task
from tests.baselines.training import made
from tests.submissions.loaded import TASK, config, load

READ, MODULE = load("cmkd")
CNNS = ("effnet-b0", "effnet-b2", "effnet-b6", "densenet-121")
ASTS = ("ast-tiny", "ast-small", "ast-base")
TINY = {"shape": {"width": 24, "depth": 2, "heads": 2}, "channels": 16, "checkpoints": {}}
PAIR = Task(("quiet", "loud"), 0.3, ("a",))
SHORT = {**TINY, "n_frames": 28, "epochs": 2, "batch_size": 20, "learning_rate": 1e-3, "for_cnn": {}}


def built(system: str, task: Task = TASK, preset: str | None = None, **changes: Any) -> Any:
    torch.manual_seed(0)
    return MODULE.build(config(READ, MODULE, system, preset, **changes), task)


def teacher_of(classifier: Any) -> Any:
    return SimpleNamespace(classifier=classifier, predict=lambda clips: MODULE.predict(classifier, clips))


class Data(made.Data):
    """Clips of 0.3 s, which is all that a spectrogram of 28 frames takes."""

    def __init__(self, rows: torch.Tensor | None = None) -> None:
        super().__init__(rows, sample_rate=16000)
        noise = torch.randn(40, 4800, generator=torch.Generator().manual_seed(2))
        self.waveforms = (0.1 * noise * (1 + 5 * (torch.arange(40) % 2))[:, None])[self.rows]


def test_table_3_has_every_student_of_every_teacher_and_each_alone() -> None:
    systems = READ.submission.systems
    for student in (*CNNS, *ASTS):
        assert not config(READ, MODULE, student).distillation
        for teacher in (*CNNS, *ASTS):
            assert [need.system for need in READ.system(f"{teacher}-to-{student}").needs] == [teacher]
            assert config(READ, MODULE, f"{teacher}-to-{student}").model == config(READ, MODULE, student).model
    assert all(one.presets and set(one.presets) <= set(READ.submission.presets) for one in systems.values())


def test_every_system_is_a_configuration_in_every_preset() -> None:
    for name in READ.submission.systems:
        for preset in (None, *READ.submission.presets):
            config(READ, MODULE, name, preset)


def test_every_network_of_every_preset_is_built_and_tells_the_classes_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """On tensors without contents, which the frontend cannot be built on; each kind of network once."""
    monkeypatch.setattr(MODULE, "KaldiFbank", lambda _: nn.Identity())
    kinds = {}
    for name, system in READ.submission.systems.items():
        for preset in system.presets:
            found = config(READ, MODULE, name, preset)
            two = found.distillation is not None and found.distillation.separate_head
            kinds[found.model, found.shape, found.ensemble_of is not None, two] = preset, found
    assert len(kinds) > 15
    for preset, found in kinds.values():
        seconds = {"demo": 1.0, "small": 5.0, "esc50": 5.0}.get(preset, 10.0)
        with torch.device("meta"):
            network = MODULE.build(found, Task(tuple(f"class {number}" for number in range(7)), seconds, ())).network
            features = torch.empty(2, 1, 128, found.fbank(seconds).n_frames)
            assert network.eval()(features).shape == (2, 7)


def test_students_learn_as_equation_1_says() -> None:
    for teacher in (*CNNS, *ASTS):
        for student in (*CNNS, *ASTS):
            found = config(READ, MODULE, f"{teacher}-to-{student}", "fsd50k")
            how = found.teaching()
            assert (how.label_weight, how.form, how.teaching, how.separate_head) == (
                0.5,
                "cross_model",
                "consistent",
                False,
            )
            assert how.tau == (2.5 if teacher in ASTS and student in CNNS else 1.0)
            assert how.reduction == "elements"
            esc = config(READ, MODULE, f"{teacher}-to-{student}", "esc50").teaching()
            assert (esc.tau, esc.reduction) == (5.0, "clips")


@pytest.mark.parametrize("pair", ["ast-tiny-to-effnet-b2", "effnet-b0-to-ast-base", "ast-tiny-to-lite0"])
def test_a_temperature_that_is_said_is_another_cell_than_one_that_is_not(pair: str) -> None:
    """Cells have their names from what is recorded: at 2.5 for want of another, and at 1, are two."""
    preset = "small" if "lite0" in pair else "fsd50k"
    plain = config(READ, MODULE, pair, preset)
    how = {**plain.distillation.model_dump(), "tau": 1.0}
    warm, cold = plain, config(READ, MODULE, pair, preset, distillation=how)
    assert warm.model_dump(mode="json") != cold.model_dump(mode="json")
    assert (warm.teaching().tau, cold.teaching().tau) == (1.0 if "to-ast" in pair else 2.5, 1.0)
    masks = [step.value for step in plain.steps() if step.kind.endswith("_mask")]
    settings = NORMALISATION[plain.normalisation]
    assert masks == 2 * [pytest.approx(-settings.mean / settings.scale)]


def test_recipes_are_those_of_table_2() -> None:
    ast, cnn = (config(READ, MODULE, name, "fsd50k").recipe() for name in ("ast-base", "effnet-b2"))
    assert (ast.learning_rate, ast.batch_size, ast.epochs) == (5e-5, 12, 50)
    assert (cnn.learning_rate, cnn.batch_size, cnn.epochs) == (5e-4, 24, 50)
    ast, cnn = (config(READ, MODULE, name, "esc50").recipe() for name in ("ast-base", "effnet-b2"))
    assert (ast.learning_rate, ast.batch_size, ast.epochs) == (1e-5, 48, 25)
    assert (cnn.learning_rate, cnn.batch_size, cnn.epochs) == (1e-4, 48, 25)
    kinds = [step.kind for step in ast.augmentations]
    assert kinds == ["label_smoothing", "frequency_mask", "time_mask", "cell_noise", "roll_frames"]
    ast, cnn = (config(READ, MODULE, name, "audioset").recipe() for name in ("ast-base", "effnet-b2"))
    assert (ast.learning_rate, ast.batch_size, ast.epochs) == (1e-5, 12, 5)
    assert (cnn.learning_rate, cnn.batch_size, cnn.epochs) == (1e-4, 120, 30)
    for preset in ("fsd50k", "audioset-balanced", "audioset"):
        kinds = [step.kind for step in config(READ, MODULE, "ast-base", preset).augmentations]
        assert kinds == ["label_smoothing", "mixup", "frequency_mask", "time_mask", "cell_noise", "roll_frames"]
        assert config(READ, MODULE, "ast-base", preset).loss == "sigmoid"


@pytest.mark.parametrize(
    ("preset", "name", "rates", "averaged"),
    [  # of AST's and PSLA's released code: the factor of the rate by epoch, and the epochs that are averaged
        ("audioset-balanced", "ast-base", {1: 1, 10: 1, 11: 0.5, 15: 0.5, 16: 0.25, 25: 0.125}, (6, 25)),
        ("audioset-balanced", "effnet-b2", {35: 1, 36: 0.5, 41: 0.25, 60: 1 / 32}, (41, 60)),
        ("audioset", "ast-base", {2: 1, 3: 0.5, 4: 0.25, 5: 0.125}, (1, 5)),
        ("audioset", "effnet-b2", {10: 1, 11: 0.5, 16: 0.25, 30: 1 / 16}, (16, 30)),
    ],
)
def test_audioset_is_learned_as_ast_and_psla_were_released(
    preset: str, name: str, rates: dict[int, float], averaged: tuple[int, int]
) -> None:
    recipe = config(READ, MODULE, f"{name}-averaged", preset).recipe()
    steps = 2000
    found = {epoch: recipe.schedule.factor(epoch * steps - 1, steps, recipe.epochs) for epoch in rates}
    assert found == rates
    assert recipe.schedule.factor(499, steps, recipe.epochs) == 0.45  # the first thousand steps warm up
    assert (recipe.averaging.start, recipe.averaging.every, recipe.epochs) == (averaged[0], 1, averaged[1])
    assert config(READ, MODULE, name, preset).recipe().averaging is None


def test_the_best_epoch_is_kept_unless_weights_are_averaged_or_a_checkpoint_is_wanted() -> None:
    kept = {
        name: config(READ, MODULE, name, "fsd50k").recipe().keep
        for name in ("effnet-b2", "effnet-b2-averaged", "ast-tiny-after-50", "ast-base-by-epoch")
    }
    assert list(kept.values()) == ["best", "last", "last", "best"]
    assert config(READ, MODULE, "effnet-b2-averaged", "fsd50k").recipe().averaging.start == 21


def test_table_11_has_five_epochs_more_where_it_says_so() -> None:
    epochs = {
        name: config(READ, MODULE, f"effnet-b2-to-ast-base{name}", "audioset").recipe().epochs
        for name in ("", "-averaged", "-longer", "-longer-averaged")
    }
    assert list(epochs.values()) == [5, 5, 10, 10]


@pytest.mark.parametrize(("system", "epochs"), [("ast-tiny-after-0", 0), ("ast-tiny-after-5", 1)])
def test_a_teacher_of_figure_2_is_the_checkpoint_of_a_whole_training(tmp_path: Path, system: str, epochs: int) -> None:
    """With a schedule that does not know its end, as FSD50K has; here a training has two epochs."""
    changes = {**SHORT, "schedule": {"kind": "decay", "start": 1}, "snapshots": 2}
    whole, part = made.Run(tmp_path / "whole"), made.Run(tmp_path / "part")
    first = built("ast-tiny", PAIR, **changes)
    kept = {0: copy.deepcopy(first.network.state_dict())}
    MODULE.train(first, Data(), whole)
    kept |= {epoch: one.network.state_dict() for epoch, one in whole.snapshots.items()}
    stopped = MODULE.train(built(system, PAIR, **changes, **({"stop_after": 1} if epochs else {})), Data(), part)
    assert all(torch.equal(value, kept[epochs][name]) for name, value in stopped.network.state_dict().items())
    assert not all(torch.equal(value, kept[2][name]) for name, value in stopped.network.state_dict().items())


def test_table_13_begins_from_weights_of_audioset_where_it_says_so() -> None:
    files = {
        name: str(config(READ, MODULE, name, "esc50").checkpoint)
        for name in ("ast-base", "ast-base-audioset", "ast-base-audioset-kd", "effnet-b2-to-ast-base-audioset-kd")
    }
    assert list(files.values()) == [
        "data/deit-base-distilled-384.pth",
        "data/ast-base-audioset.safetensors",
        "data/ast-base-audioset-kd.safetensors",
        "data/ast-base-audioset-kd.safetensors",
    ]
    for student, teacher in (("effnet-b2", "ast-base"), ("ast-base", "effnet-b2")):
        for own in ("", "-audioset", "-audioset-kd"):
            for taught in ("", "-audioset", "-audioset-kd"):
                [need] = READ.system(f"{teacher}{taught}-to-{student}{own}").needs
                assert need.system == f"{teacher}{taught}"


def test_a_network_of_audioset_begins_anew_at_its_head_only(tmp_path: Path) -> None:
    torch.manual_seed(0)
    earlier = MODULE.build(config(READ, MODULE, "ast-base", **SHORT), Task(("a", "b", "c"), 0.3, ()))
    torch.save(earlier.network.state_dict(), tmp_path / "ast.pth")
    changes = {**SHORT, "epochs": 1, "learning_rate": 1e-12, "weight_decay": 0}
    files = {"checkpoints_audioset": {"ast_base": str(tmp_path / "ast.pth")}}
    one = built("ast-base-audioset", PAIR, **changes, **files)
    trained = MODULE.train(one, Data(), made.Run(tmp_path)).network.state_dict()
    assert torch.allclose(trained["v.pos_embed"], earlier.network.state_dict()["v.pos_embed"], atol=1e-6)
    assert trained["mlp_head.1.weight"].shape == (2, 24)
    missing = {"checkpoints_audioset": {"ast_base": str(tmp_path / "none.pth")}}
    with pytest.raises(Mistake, match="There is no file"):
        MODULE.train(built("ast-base-audioset", PAIR, **changes, **missing), Data(), made.Run(tmp_path))


@pytest.mark.parametrize("pair", ["ast-tiny-to-effnet-b2", "effnet-b0-to-ast-base", "lite0-to-ast-tiny"])
def test_settings_of_table_5_change_one_thing(pair: str) -> None:
    preset = "small" if pair.startswith("lite0") else "fsd50k"
    plain = config(READ, MODULE, pair, preset).teaching().model_dump()
    expected = {
        "tau-0.5": {"tau": 0.5}, "lambda-0": {"label_weight": 0.0}, "lambda-0.25": {"label_weight": 0.25},
        "lambda-0.75": {"label_weight": 0.75}, "conventional": {"teaching": "clean"},
        "two-heads": {"separate_head": True},
    }  # fmt: skip
    for setting, change in expected.items():
        found = config(READ, MODULE, f"{pair}-{setting}", preset).teaching().model_dump()
        assert {key: value for key, value in found.items() if value != plain[key]} == change


def test_a_teacher_of_table_4_was_taught_itself() -> None:
    graph = [node.name for node in needs.in_order(needs.graph(READ, ["ast-tiny-kd-to-effnet-b2"]))]
    assert graph == ["effnet-b0", "effnet-b0-to-ast-tiny", "ast-tiny-kd-to-effnet-b2"]


@pytest.mark.parametrize(("teacher", "student"), [("cnn", "ast"), ("ast", "cnn")])
@pytest.mark.parametrize("setting", [{}, {"separate_head": True}, {"teaching": "clean"}])
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_each_teaches_the_other(tmp_path: Path, teacher: str, student: str, setting: dict[str, Any], loss: str) -> None:
    taught = built(teacher, PAIR, **SHORT).eval()
    before = copy.deepcopy(taught.state_dict())
    run = made.Run(tmp_path)
    run.teachers = {teacher: teacher_of(taught)}
    how = {"label_weight": 0.5, "form": "cross_model", **setting}
    one = built(f"{teacher}-to-{student}", PAIR, **SHORT, loss=loss, distillation=how)
    weights = copy.deepcopy(one.network.state_dict())
    trained = MODULE.train(one, Data(), run).eval()
    assert all(torch.equal(value, before[name]) for name, value in taught.state_dict().items())
    assert any(not torch.equal(value, weights[name]) for name, value in trained.network.state_dict().items())
    assert MODULE.predict(trained, Clips(torch.randn(3, 4800), 16000)).shape == (3, 2)


def test_a_clip_may_have_several_labels(tmp_path: Path) -> None:
    task, run, data = replace(PAIR, multi_label=True), made.Run(tmp_path), Data()
    taught = built("cnn", task, **SHORT, loss="sigmoid").eval()
    run.teachers = {"cnn": teacher_of(taught)}
    data.labels = (torch.rand(40, 2, generator=torch.Generator().manual_seed(0)) < 0.6).float()
    one = built("cnn-to-ast", task, **SHORT, loss="sigmoid", sampling="balanced", keep="best")
    data.validation = Data(torch.arange(8))
    data.validation.labels = data.labels[:8]
    MODULE.train(one, data, run)
    told = run.reports[-1][2]
    assert 0 < told["score"] <= 1
    assert told["distillation_loss"] > 0


def test_the_loss_of_one_label_is_refused_where_clips_have_several() -> None:
    with pytest.raises(Mistake, match="several labels each"):
        built("cnn", replace(PAIR, multi_label=True), **SHORT)


def test_the_loss_is_equation_1_at_the_teacher_s_temperature(tmp_path: Path) -> None:
    taught = built("cnn", PAIR, **SHORT).eval()
    student = built("cnn-to-ast", PAIR, **SHORT, temperature=3.0).eval()
    run = made.Run(tmp_path)
    run.teachers = {"cnn": teacher_of(taught)}
    data, rows = Data(), torch.arange(8)
    batch = Batch(data.waveforms[rows], data.labels[rows], rows)
    how = student.config.teaching()
    losses = MODULE.objective(student, student.config, (), data, run, 2, distillation=how)(student.network, batch, data)
    own, theirs = student(batch.waveforms), taught(batch.waveforms)
    expected = 0.5 * label_loss(own, batch.labels) + 0.5 * cross_model_divergence(own, theirs, 3.0)
    assert torch.allclose(losses["loss"], expected)


@pytest.mark.parametrize("student", ["cnn", "ast"])
def test_a_separate_head_learns_from_the_teacher(student: str) -> None:
    teacher = "ast" if student == "cnn" else "cnn"
    how = {"label_weight": 0.5, "form": "cross_model", "separate_head": True}
    one = built(f"{teacher}-to-{student}", PAIR, **SHORT, distillation=how).eval()
    x = torch.randn(2, 1, 128, 28)
    labels, taught = one.network.heads(x)
    assert not torch.allclose(labels, taught)
    assert torch.allclose(one.network(x), (labels + taught) / 2)


def test_several_teachers_have_a_loss_each_or_one_together() -> None:
    for how, multi in (("multi-loss", True), ("ensemble", False)):
        name = f"effnet-b0_densenet-121-to-ast-base-{how}"
        assert config(READ, MODULE, name).teaching().multi_loss is multi
        assert [need.system for need in READ.system(name).needs] == ["effnet-b0", "densenet-121"]


def test_an_ensemble_is_the_mean_of_three_runs(tmp_path: Path) -> None:
    alone = []
    for seed in range(3):
        torch.manual_seed(seed)
        alone.append(MODULE.build(config(READ, MODULE, "ast-base", **SHORT), PAIR).eval())
    run = made.Run(tmp_path)
    run.teachers = {f"ast-base@{seed}": teacher_of(one) for seed, one in enumerate(alone)}
    together = MODULE.train(built("ast-base-ensemble", PAIR, **SHORT), None, run).eval()
    clips = Clips(torch.randn(2, 4800), 16000)
    expected = torch.stack([MODULE.predict(one, clips) for one in alone]).mean(0)
    assert torch.allclose(MODULE.predict(together, clips), expected, atol=1e-6)


def test_an_ensemble_with_a_member_missing_is_a_mistake(tmp_path: Path) -> None:
    run = made.Run(tmp_path)
    run.teachers = {"ast-base@0": teacher_of(built("ast-base", PAIR, **SHORT))}
    with pytest.raises(Mistake, match='An ensemble has 3 runs of "ast-base", and the system needs 1 of them'):
        MODULE.train(built("ast-base-ensemble", PAIR, **SHORT), None, run)


@pytest.mark.parametrize("system", ["cnn", "ast"])
def test_a_demonstration_keeps_the_limits(system: str) -> None:
    one = built(system, TASK, "demo")
    evaluate(one)
    found = measure(MODULE, one, TASK).complexity
    assert found.parameter_bytes <= 128_000
    assert found.macs <= 30_000_000


def test_first_weights_are_the_model_s(tmp_path: Path) -> None:
    assert config(READ, MODULE, "lite0", "small").checkpoint == "package:efficientnet_lite0"
    assert config(READ, MODULE, "ast-tiny", "small").checkpoint is None
    assert config(READ, MODULE, "effnet-b2", "esc50").checkpoint == Path("data/efficientnet-b2-imagenet.pth")
    assert config(READ, MODULE, "effnet-b2", "esc50", checkpoint="").checkpoint is None
    assert config(READ, MODULE, "effnet-b2", "esc50", checkpoints={}).checkpoint is None
    assert config(READ, MODULE, "effnet-b2-ensemble", "fsd50k").checkpoint is None
    longer = {**SHORT, "n_frames": 40}
    torch.manual_seed(0)
    one = MODULE.build(config(READ, MODULE, "effnet-b0", **longer), PAIR)
    torch.save(one.network.state_dict(), tmp_path / "b0.pth")
    how = {"label_weight": 0.5, "form": "cross_model", "separate_head": True}
    changes = {**longer, "checkpoint": tmp_path / "b0.pth", "epochs": 1, "learning_rate": 1e-12, "weight_decay": 0}
    student = MODULE.build(config(READ, MODULE, "ast-tiny-to-effnet-b0", **{**changes, "distillation": how}), PAIR)
    run = made.Run(tmp_path)
    run.teachers = {"ast-tiny": teacher_of(MODULE.build(config(READ, MODULE, "ast-tiny", **longer), PAIR).eval())}
    trained = MODULE.train(student, Data(), run)
    name = "effnet._blocks.3._project_conv.weight"
    assert torch.allclose(trained.network.network.state_dict()[name], one.network.state_dict()[name], atol=1e-6)
