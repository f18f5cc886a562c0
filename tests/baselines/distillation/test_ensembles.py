"""Ensembles of teachers against the official numbers and numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import Tensor

from baselines.distillation import Ensemble, bea
from harness.contract import Mistake


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Tensor]:
    return load_file(shared / "golden/kd/asc_ensemble_kd.safetensors")


@pytest.fixture
def official(golden: dict[str, Tensor]) -> dict[str, Tensor]:
    """The golden logits: three seeds of one teacher, and another."""
    return dict(zip(("cpr@0", "cpr@1", "cpr@2", "passt"), golden["in.logits"], strict=True))


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def test_bea_is_that_of_the_official_code(golden: dict[str, Tensor]) -> None:
    assert relative(bea(golden["in.logits"][:3]), golden["out.bea3"]) < 1e-6
    assert relative(bea(golden["in.logits"]), golden["out.bea4"]) < 1e-6


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ({"of": ["cpr"]}, "out.mean3"),
        ({"of": ["cpr@0", "cpr@1", "cpr@2"]}, "out.mean3"),
        ({"kind": "bea", "of": ["cpr"]}, "out.bea3"),
        ({"kind": "bea"}, "out.bea4"),
        ({"of": [{"kind": "bea", "of": ["cpr"]}, "passt"]}, "out.mixed_mean_of_bea3_and_model3"),
        ({"kind": "mean", "of": ["passt", {"kind": "bea", "of": ["cpr"]}]}, "out.mixed_mean_of_bea3_and_model3"),
    ],
    ids=["mean of 3", "mean of 3 by seed", "bea of 3", "bea of all 4", "S2", "S2 the other way round"],
)
def test_trees_of_means_and_beas_are_those_of_the_official_code(
    golden: dict[str, Tensor], official: dict[str, Tensor], written: dict[str, Any], key: str
) -> None:
    found = Ensemble.model_validate(written).combined(official)
    assert relative(found, golden[key]) < 1e-6


def test_a_mean_of_all_is_what_an_ensemble_is_without_a_word(official: dict[str, Tensor]) -> None:
    expected = np.mean([logits.double().numpy() for logits in official.values()], axis=0)
    assert relative(Ensemble().combined(official), torch.from_numpy(expected)) < 1e-6


def test_bea_adds_an_offset_for_each_class_and_takes_no_class_of_its_own() -> None:
    """Fact sheet 9.3: mean over members, plus 1 / n of the mean of their variances over the batch."""
    logits = torch.randn(5, 9, 4, generator=torch.Generator().manual_seed(1)).double()
    found = bea(logits)
    offset = np.mean([one.numpy().var(axis=0, ddof=1) for one in logits], axis=0) / 5
    assert relative(found, torch.from_numpy(logits.numpy().mean(0) + offset)) < 1e-12
    difference = found - logits.mean(0)
    assert torch.allclose(difference, difference[:1].expand_as(difference))
    assert (difference > 0).all()


def test_one_teacher_is_an_ensemble_of_one() -> None:
    logits = {"cpr": torch.randn(6, 4, generator=torch.Generator().manual_seed(1))}
    assert torch.equal(Ensemble().combined(logits), logits["cpr"])
    expected = logits["cpr"] + logits["cpr"].var(0)
    assert relative(Ensemble(kind="bea").combined(logits), expected) < 1e-6


def test_a_name_is_all_its_seeds_and_no_name_that_only_begins_like_it() -> None:
    logits = {
        name: torch.full((2, 3), value) for name, value in (("cpr@0", 1.0), ("cpr@1", 3.0), ("cpr_large@0", 80.0))
    }
    assert torch.equal(Ensemble(of=("cpr",)).combined(logits), torch.full((2, 3), 2.0))
    assert torch.equal(Ensemble(of=("cpr@1",)).combined(logits), torch.full((2, 3), 3.0))
    assert torch.equal(Ensemble(of=("cpr_large",)).combined(logits), torch.full((2, 3), 80.0))
    both = Ensemble(of=(Ensemble(of=("cpr",)), Ensemble(of=("cpr_large",))))
    assert torch.equal(both.combined(logits), torch.full((2, 3), 41.0))


def test_bea_of_a_single_clip_is_refused() -> None:
    with pytest.raises(Mistake) as raised:
        bea(torch.zeros(3, 1, 10))
    assert raised.value.rule == "distillation.bea"
    with pytest.raises(Mistake, match="variance over a batch"):
        Ensemble(of=(Ensemble(kind="bea", of=("cpr",)), "passt")).combined(
            {"cpr": torch.zeros(1, 4), "passt": torch.zeros(1, 4)}
        )


def test_a_teacher_that_is_not_there_is_refused_with_the_nearest_name() -> None:
    logits = {"passt@0": torch.zeros(2, 4), "cpr@0": torch.zeros(2, 4)}
    with pytest.raises(Mistake) as raised:
        Ensemble(of=("pasts@0",)).combined(logits)
    assert raised.value.rule == "distillation.teachers"
    assert '"pasts@0"' in raised.value.problem
    assert 'Did you mean "passt@0"?' in raised.value.remedy
    with pytest.raises(Mistake, match='Did you mean "cpr@0"'):
        Ensemble(of=("passt", Ensemble(kind="bea", of=("cpr@1",)))).combined(logits)


@pytest.mark.parametrize("other", [(2, 5), (3, 4)], ids=["classes", "clips"])
def test_teachers_of_different_shapes_are_refused(other: tuple[int, int]) -> None:
    with pytest.raises(Mistake) as raised:
        Ensemble().combined({"one": torch.zeros(2, 4), "other": torch.zeros(*other)})
    assert raised.value.rule == "distillation.classes"
    assert "(2, 4)" in raised.value.problem
    assert str(other) in raised.value.problem


def test_no_teacher_at_all_is_refused() -> None:
    with pytest.raises(Mistake, match="no teacher"):
        Ensemble().combined({})


@pytest.mark.parametrize("written", [{"kind": "median"}, {"off": ["cpr"]}, {"of": [{"kind": "bea", "names": []}]}])
def test_an_ensemble_of_another_kind_or_with_other_words_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Ensemble.model_validate(written)


def test_the_logits_of_the_teachers_stay_as_they_are(official: dict[str, Tensor]) -> None:
    kept = {name: logits.clone() for name, logits in official.items()}
    Ensemble(of=(Ensemble(kind="bea", of=("cpr",)), "passt")).combined(official)
    assert all(torch.equal(official[name], kept[name]) for name in kept)
