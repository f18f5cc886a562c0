"""The data-efficient report: what its systems need and ask, what is refused, text and code."""

from __future__ import annotations

import pytest
import torch

from baselines.distillation.ensembles import bea
from harness import needs
from harness.complexity.measuring import evaluate, measure
from tests.submissions.loaded import LABELS, TASK, config, load

READ, MODULE = load("data_efficient_cpm")


def test_the_student_costs_what_the_baseline_does() -> None:
    """Facts, section 1.4: 61,148 parameters, 29,416,448 multiply-accumulates, 16 bit."""
    for system in ("S1", "S2", "S3", "baseline"):
        classifier = MODULE.build(config(READ, MODULE, system), TASK)
        evaluate(classifier)
        found = measure(MODULE, classifier, TASK).complexity
        assert (found.parameters, found.parameter_bytes, found.macs) == (61_148, 122_296, 29_416_448)


def test_every_system_is_a_configuration_in_every_preset() -> None:
    for name in READ.submission.systems:
        for preset in (None, "demo", "small", "paper"):
            config(READ, MODULE, name, preset)


@pytest.mark.parametrize("system", ["S1", "S2", "S3"])
def test_a_student_starts_from_its_pre_training_and_asks_the_others(system: str) -> None:
    found = config(READ, MODULE, system)
    called = {word for need in READ.system(system).needs for word in needs.teacher_names(need)}
    assert {word for word in called if not found.distillation.ensemble.asks(word)} == {found.start} == {"pretrained"}


def test_ensembles_are_the_report_s() -> None:
    torch.manual_seed(0)
    logits = {name: torch.randn(6, 10) for name in ("cpr@0", "cpr@1", "cpr@2", "passt")}
    three = torch.stack([logits[f"cpr@{seed}"] for seed in range(3)])
    expected = {"S1": bea(three), "S2": (bea(three) + logits["passt"]) / 2, "S3": three.mean(0)}
    for system, one in expected.items():
        found = config(READ, MODULE, system).distillation.ensemble.combined(logits)
        assert torch.allclose(found, one, atol=1e-6)


def test_the_text_has_adam_and_filter_augment_before_the_masks() -> None:
    text = config(READ, MODULE, "S1", None, variant="paper")
    assert (text.optimiser, text.weight_decay) == ("adam", 1e-3)
    kinds = ["roll", "device_response", "filter_augment", "frequency_mask", "freq_mixstyle"]
    assert [step.kind for step in text.augmentations] == kinds
    code = config(READ, MODULE, "S1")
    assert (code.optimiser, code.weight_decay) == ("adamw", 1e-4)
    assert [step.kind for step in code.augmentations] == [kind for kind in kinds if kind != "filter_augment"]


def test_the_text_turns_the_divergence_round_and_gives_teachers_their_own_features() -> None:
    text, code = config(READ, MODULE, "S1", None, variant="paper"), config(READ, MODULE, "S1")
    assert (text.distillation.order, text.distillation.teacher_input) == ("student_teacher", "teacher")
    assert (code.distillation.order, code.distillation.teacher_input) == ("teacher_student", ("cpr",))
    teacher = MODULE.build(config(READ, MODULE, "cpr", None, variant="paper"), TASK).eval()
    assert teacher.sample_rate == 22_050
    assert teacher(torch.randn(2, 22_050)).shape == (2, len(LABELS))


@pytest.mark.parametrize("system", ["S1", "cpr", "passt"])
def test_clips_become_logits(system: str) -> None:
    settings = {"passt_width": 24, "passt_depth": 1, "passt_heads": 2}
    classifier = MODULE.build(config(READ, MODULE, system, None, **settings), TASK).eval()
    clips = MODULE.Clips(torch.randn(2, 32000), 32000)
    assert MODULE.predict(classifier, clips).shape == (2, len(LABELS))
