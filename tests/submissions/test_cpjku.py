"""The teacher study: its grid, sizes and costs as published, methods and variants, teachers taken from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harness import needs
from harness.complexity.measuring import evaluate, measure
from tests.submissions.loaded import LABELS, TASK, config, load

READ, MODULE = load("cpjku")
NO_PATHS = {"responses": "", "passt_checkpoint": ""}

PARAMETERS = {
    "cpr-128k": 127_684, "cpr-450k": 427_180, "cpr-1m": 1_098_892, "cpr-4m": 4_140_092, "cpr-8m": 7_973_884,
    "cpm-128k": 126_952, "cpm-450k": 481_200, "cpm-1m": 1_109_512, "cpm-4m": 3_957_850, "cpm-8m": 8_093_254,
    "passt-85m": 85_358_612,
}  # fmt: skip
"""Facts, sections 1.4, 2.4 and 3.3."""


@pytest.mark.parametrize("name", PARAMETERS)
def test_teachers_have_their_published_sizes(name: str) -> None:
    classifier = MODULE.build(config(READ, MODULE, f"{name}-dirfms"), TASK)
    assert sum(value.numel() for value in classifier.network.parameters()) == PARAMETERS[name]


def test_every_system_is_a_configuration_in_every_preset() -> None:
    for name in READ.submission.systems:
        for preset in (None, "demo", "small", "paper"):
            found = config(READ, MODULE, name, preset)
            assert found.epochs == {"demo": 5, "small": 40}.get(str(preset), found.epochs)


def seeds_of(system: str) -> set[tuple[str, int]]:
    """(teacher, seed) of all that a system needs, directly or not, for seed 0."""
    (node,) = needs.graph(READ, [system])
    found = {(str(teacher), seed) for need, teacher in node.needs for seed in need.seeds or (0,)}
    return found | {pair for need, _ in node.needs for pair in seeds_of(need.system)}


@pytest.mark.parametrize(
    ("system", "teachers"),
    [
        ("student-cpr-450k-dir", 1),
        ("student-three-cpm-450k", 3),
        ("student-cpr-dir_fms", 6),
        ("student-cpm_passt-dirfms", 6),
        ("student-passt-dirfms_dir_fms", 9),
        ("student-cpr_passt-dirfms_fms", 12),
        ("student-cpr_cpm_passt-dirfms_dir_fms", 27),
        ("S1", 13),
    ],
)
def test_ensembles_have_three_to_twenty_seven_teachers(system: str, teachers: int) -> None:
    """Paper 000, section 5.3; S1 also needs the student at 32 bit."""
    assert len(seeds_of(system)) == teachers


def test_only_the_headline_and_its_demonstration_are_ranked() -> None:
    ranked = {name: one.presets for name, one in READ.submission.systems.items() if one.role == "system"}
    assert ranked == {"S1": ("paper", "small"), "D1": ("demo",)}


def test_the_ensemble_that_is_asked_leaves_the_student_out() -> None:
    for name in ("S1", "D1"):
        how = config(READ, MODULE, name).distillation.ensemble
        called = {word for need in READ.system(name).needs for word in needs.teacher_names(need)}
        assert {word for word in called if not how.asks(word)} == {config(READ, MODULE, name).start}


def measured(system: str, **changes: Any) -> Any:
    classifier = MODULE.build(config(READ, MODULE, system, None, **NO_PATHS, **changes), TASK)
    evaluate(classifier)
    return measure(MODULE, classifier, TASK).complexity


def test_the_headline_keeps_the_limits_at_64_frames_and_not_at_65() -> None:
    """Facts, section 10, item 1: 28.9 and 31.7 million; the limits are 30 million and 128,000 bytes."""
    code, text = measured("S1"), measured("S1", variant="paper")
    assert (code.macs, code.parameter_bytes) == (28_889_088, 127_198)
    assert text.macs == 31_680_000


def test_a_method_takes_its_steps() -> None:
    kinds = {
        method: [step.kind for step in config(READ, MODULE, f"passt-85m-{method}").steps()]
        for method in ("none", "dir", "fms", "dirfms")
    }
    plain = ["roll", "mel_jitter", "frequency_mask", "time_mask"]
    assert kinds == {
        "none": plain,
        "dir": ["device_response", *plain],
        "fms": [*plain, "freq_mixstyle"],
        "dirfms": ["device_response", *plain, "freq_mixstyle"],
    }


@pytest.mark.parametrize(
    ("model", "variant", "alpha"), [("cpr", "code", 0.4), ("cpr", "paper", 0.3), ("cpm", "paper", 0.4)]
)
def test_the_text_mixes_cp_resnet_with_another_alpha(model: str, variant: str, alpha: float) -> None:
    steps = config(READ, MODULE, f"{model}-128k-fms", None, variant=variant).steps()
    assert steps[-1].alpha == alpha


def test_the_text_s_loss_is_a_sum_over_classes() -> None:
    assert config(READ, MODULE, "student-two").teaching().reduction is None
    assert config(READ, MODULE, "student-two", None, variant="paper").teaching().reduction == "clips"
    assert config(READ, MODULE, "student-alone", None, variant="paper").teaching() is None


def test_the_small_preset_leaves_out_the_responses_its_devices_were_made_with(tmp_path: Path) -> None:
    found = config(READ, MODULE, "student-alone", "small", responses=tmp_path)
    assert len(found.steps()[0].without) == 9
    assert config(READ, MODULE, "student-alone", "demo").steps()[0].without == ()


def test_a_released_teacher_is_loaded_and_not_trained(tmp_path: Path) -> None:
    made = MODULE.build(config(READ, MODULE, "cpr-128k-fms"), TASK)
    torch.save(made.network.state_dict(), tmp_path / "cpr_128k_fms_3.pt")

    class Run:
        seed = 2

    torch.manual_seed(1)
    fresh = MODULE.build(config(READ, MODULE, "cpr-128k-fms", None, released=tmp_path), TASK)
    trained = MODULE.train(fresh, None, Run())
    ours, theirs = trained.network.state_dict(), made.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_size_that_a_model_does_not_have_is_refused() -> None:
    with pytest.raises(Exception, match="cpm has no size 85m"):
        MODULE.build(config(READ, MODULE, "student-alone", None, size="85m"), TASK)


@pytest.mark.parametrize("system", ["S1", "student-two", "passt-85m-none"])
def test_clips_become_logits(system: str) -> None:
    settings = {"passt_width": 24, "passt_depth": 1, "passt_heads": 2}
    classifier = MODULE.build(config(READ, MODULE, system, None, **NO_PATHS, **settings), TASK).eval()
    clips = MODULE.Clips(torch.randn(2, 32000), 32000)
    assert MODULE.predict(classifier, clips).shape == (2, len(LABELS))
