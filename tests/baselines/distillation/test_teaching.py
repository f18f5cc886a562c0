"""Teachers at work, with small stand-ins that keep what they were asked and shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from baselines.augmentations import FilterAugment, FreqMixStyle, FrequencyMask, Roll, Sample, Steps, augment, features
from baselines.distillation import Distillation, Ensemble, Teachers
from baselines.frontends.mel import LogMel, MelSettings
from harness.contract import Batch, Classifier, Clips, Mistake

SETTINGS = MelSettings(sample_rate=1000, n_fft=128, win_length=128, hop_length=50, n_mels=16)
STEPS: Steps = (Roll(seconds=0.1), FrequencyMask(limit=6), FreqMixStyle(probability=1, alpha=0.5))
N_CLASSES = 3


class Pooled(nn.Module):
    """Features (batch, 1, n_mels, n_frames) to logits, from their means and spreads over time."""

    def __init__(self, n_mels: int, n_classes: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.linear = nn.Linear(2 * n_mels, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.linear(torch.cat([x.mean((1, 3)), x.std((1, 3))], dim=1))
        return logits


def classifier_of(settings: MelSettings = SETTINGS, n_classes: int = N_CLASSES, seed: int = 0) -> Classifier:
    network = Pooled(settings.n_mels, n_classes, seed)
    return Classifier(LogMel(settings), network, settings.sample_rate).eval()


@dataclass
class Stand:
    """A teacher that keeps the clips that it was asked about and the features that its frontend then gave."""

    classifier: Classifier
    asked: list[Clips] = field(default_factory=list)
    shown: list[Tensor] = field(default_factory=list)

    def predict(self, clips: Clips) -> Tensor:
        self.asked.append(clips)
        self.shown.append(self.classifier.frontend(clips.waveforms))
        return self.classifier(clips.waveforms)


class Broken(Stand):
    def predict(self, clips: Clips) -> Tensor:  # noqa: ARG002 - the contract's words
        raise RuntimeError("out of order")


class Data:
    """Tones in noise, some of the clips of a larger set in an order of their own."""

    sample_rate = 1000
    labels = torch.zeros(0)
    segments: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    validation: None = None

    def __init__(self, clips: tuple[int, ...] = tuple(range(8))) -> None:
        every = torch.randn(20, 900, generator=torch.Generator().manual_seed(3))
        every *= torch.linspace(0.05, 1, 20)[:, None]
        self.waveforms = every[list(clips)]
        self.names = tuple(f"clip-{clip}.wav" for clip in clips)
        self.devices = ("a",) * len(clips)

    def __len__(self) -> int:
        return len(self.names)

    def batches(
        self,
        batch_size: int,
        generator: torch.Generator | None = None,
        *,
        drop_last: bool = False,
        weights: Tensor | None = None,
        rank: int = 0,
        processes: int = 1,
    ) -> Iterator[Batch]:
        assert generator is None
        assert (rank, processes) == (0, 1)
        assert not drop_last
        assert weights is None
        for rows in torch.arange(len(self)).split(min(batch_size, 3)):
            yield Batch(self.waveforms[rows], torch.zeros(len(rows), dtype=torch.int64), rows)

    def holdout(self, fraction: float, seed: int = 0) -> tuple[Any, Any]:
        raise NotImplementedError


class Run:
    """A run with teachers and a folder."""

    def __init__(self, work: Path, **teachers: Stand) -> None:
        self.device = torch.device("cpu")
        self.seed = 0
        self.rank, self.processes = 0, 1
        self.order = self.generator = torch.Generator().manual_seed(0)
        self.work = work
        self.teachers: Mapping[str, Stand] = {name.replace("_at_", "@"): one for name, one in teachers.items()}

    def progress(self, done: int, total: int, **metrics: float) -> None:
        pass

    def save(self, state: Mapping[str, Any]) -> None:
        pass

    def load(self) -> dict[str, Any] | None:
        return None

    def snapshot(self, classifier: Classifier, number: int) -> None:
        pass


def recipe_of(**words: Any) -> Distillation:
    return Distillation.model_validate({"label_weight": 0.02, "tau": 2.0, **words})


@dataclass
class Step:
    """One training step: what was heard and seen, and the generator's state between the two."""

    clean: Tensor
    heard: Sample
    seen: Sample
    state: Tensor
    names: tuple[str, ...]
    steps: Steps


def step_of(student: Classifier, data: Data, rows: list[int] | None = None, steps: Steps = STEPS) -> Step:
    rows = rows or list(range(len(data)))
    generator = torch.Generator().manual_seed(11)
    clean = data.waveforms[rows]
    labels = torch.arange(len(rows)) % N_CLASSES
    sample = Sample(clean, labels, ("a",) * len(rows), student.sample_rate, N_CLASSES)
    heard = augment(steps, sample, generator)
    state = generator.get_state()
    seen = features(steps, heard, student.frontend, generator)
    return Step(clean, heard, seen, state, tuple(data.names[row] for row in rows), steps)


def ask(teachers: Teachers, step: Step) -> list[Tensor]:
    return teachers.logits(step.clean, step.heard, step.seen, step.names, step.steps, step.state)


def drawn_again(step: Step, frontend: nn.Module, waveforms: Tensor) -> Tensor:
    """The features of another frontend, made by hand from the step's draws."""
    generator = torch.Generator()
    generator.set_state(step.state)
    return features(step.steps, step.heard.having(waveforms), frontend, generator).x


def test_a_teacher_with_the_student_s_frontend_is_shown_the_student_s_own_features(tmp_path: Path) -> None:
    student, teacher, data = classifier_of(seed=1), Stand(classifier_of(seed=2)), Data()
    step = step_of(student, data)
    (found,) = ask(Teachers(recipe_of(), student, data, Run(tmp_path, cpr=teacher), N_CLASSES), step)
    assert teacher.shown[0] is step.seen.x
    assert torch.equal(found, teacher.classifier.network(step.seen.x))
    assert torch.equal(teacher.asked[0].waveforms, step.heard.x)
    assert teacher.asked[0].sample_rate == 1000


def test_a_teacher_with_another_hop_sees_the_same_draws(tmp_path: Path) -> None:
    student, data = classifier_of(seed=1), Data()
    teacher = Stand(classifier_of(replace(SETTINGS, hop_length=20, n_mels=12), seed=2))
    own = teacher.classifier.frontend
    step = step_of(student, data)
    (found,) = ask(Teachers(recipe_of(), student, data, Run(tmp_path, passt=teacher), N_CLASSES), step)
    expected = drawn_again(step, own, step.heard.x)
    assert expected.shape[2:] == (12, 46)
    assert torch.equal(teacher.shown[0], expected)
    assert torch.equal(found, teacher.classifier.network(expected))
    others = features(STEPS, step.heard, own, torch.Generator().manual_seed(99)).x
    assert not torch.allclose(others, expected)  # other draws are other features


def test_teachers_with_one_frontend_are_shown_its_features_once_made(tmp_path: Path) -> None:
    student, data = classifier_of(seed=1), Data()
    other = replace(SETTINGS, hop_length=20)
    run = Run(tmp_path, one=Stand(classifier_of(other, seed=2)), two=Stand(classifier_of(other, seed=3)))
    ask(Teachers(recipe_of(), student, data, run, N_CLASSES), step_of(student, data))
    assert run.teachers["one"].shown[0] is run.teachers["two"].shown[0]


def test_a_teacher_s_generator_is_not_the_student_s(tmp_path: Path) -> None:
    student, data = classifier_of(seed=1), Data()
    run = Run(tmp_path, passt=Stand(classifier_of(replace(SETTINGS, hop_length=20))))
    before, global_before = run.generator.get_state(), torch.get_rng_state()
    step = step_of(student, data)
    state = step.state.clone()
    ask(Teachers(recipe_of(), student, data, run, N_CLASSES), step)
    assert torch.equal(run.generator.get_state(), before)
    assert torch.equal(torch.get_rng_state(), global_before)
    assert torch.equal(step.state, state)


def test_a_teacher_at_another_rate_hears_resampled_clips_and_sees_the_same_draws(tmp_path: Path) -> None:
    student, data = classifier_of(seed=1), Data()
    times = torch.arange(900) / 1000
    data.waveforms = torch.stack([torch.sin(2 * math.pi * pitch * times) for pitch in (40, 90, 130, 210)])
    data.names = data.names[:4]
    teacher = Stand(classifier_of(replace(SETTINGS, sample_rate=2000), seed=2))
    own = teacher.classifier.frontend
    steps = (FilterAugment(), FreqMixStyle(probability=1, alpha=0.5))
    step = step_of(student, data, steps=steps)
    (found,) = ask(Teachers(recipe_of(), student, data, Run(tmp_path, passt=teacher), N_CLASSES), step)
    heard = teacher.asked[0]
    assert heard.sample_rate == 2000
    assert heard.waveforms.shape == (4, 1800)
    finer = torch.arange(1800) / 2000
    expected = torch.stack([torch.sin(2 * math.pi * pitch * finer) for pitch in (40, 90, 130, 210)])
    assert (heard.waveforms - expected)[:, 100:-100].abs().max() < 0.02
    assert torch.equal(teacher.shown[0], drawn_again(step, own, heard.waveforms))
    assert torch.equal(found, teacher.classifier.network(teacher.shown[0]))


@pytest.mark.parametrize("settings", [replace(SETTINGS, hop_length=20), replace(SETTINGS, sample_rate=2000)])
def test_a_teacher_can_be_fed_the_student_s_features_whatever_its_frontend(
    tmp_path: Path, settings: MelSettings
) -> None:
    student, teacher, data = classifier_of(seed=1), Stand(classifier_of(settings, seed=2)), Data()
    step = step_of(student, data)
    run = Run(tmp_path, cpr=teacher)
    (found,) = ask(Teachers(recipe_of(teacher_input="student"), student, data, run, N_CLASSES), step)
    assert teacher.shown[0] is step.seen.x
    assert torch.equal(found, teacher.classifier.network(step.seen.x))


class Unsaid(nn.Module):
    """A frontend without settings: nobody can say whether another one is like it."""

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms.unfold(1, 16, 16).transpose(1, 2).unsqueeze(1)


def test_frontends_without_settings_are_each_asked_for_their_own_features(tmp_path: Path) -> None:
    student = Classifier(Unsaid(), Pooled(16, N_CLASSES, 1), 1000)
    teacher, data = Stand(Classifier(Unsaid(), Pooled(16, N_CLASSES, 2), 1000)), Data()
    step = step_of(student, data, steps=(FreqMixStyle(probability=1, alpha=1),))
    ask(Teachers(recipe_of(), student, data, Run(tmp_path, cpr=teacher), N_CLASSES), step)
    assert teacher.shown[0] is not step.seen.x
    assert torch.equal(teacher.shown[0], step.seen.x)


@pytest.mark.parametrize("teaching", ["consistent", "clean"])
@pytest.mark.parametrize("settings", [SETTINGS, replace(SETTINGS, hop_length=20)])
def test_frontends_are_put_back(tmp_path: Path, teaching: str, settings: MelSettings) -> None:
    student, teacher, data = classifier_of(seed=1), Stand(classifier_of(settings, seed=2)), Data()
    own, students = teacher.classifier.frontend, student.frontend
    for recipe in (recipe_of(teaching=teaching), recipe_of(teaching=teaching, teacher_input="student")):
        ask(Teachers(recipe, student, data, Run(tmp_path, cpr=teacher), N_CLASSES), step_of(student, data))
        assert teacher.classifier.frontend is own
        assert student.frontend is students


def test_a_frontend_is_put_back_where_its_teacher_breaks_down(tmp_path: Path) -> None:
    student, teacher, data = classifier_of(seed=1), Broken(classifier_of(seed=2)), Data()
    own = teacher.classifier.frontend
    with pytest.raises(RuntimeError, match="out of order"):
        ask(Teachers(recipe_of(), student, data, Run(tmp_path, cpr=teacher), N_CLASSES), step_of(student, data))
    assert teacher.classifier.frontend is own


@pytest.mark.parametrize("teaching", ["consistent", "clean", "offline"])
def test_nothing_is_learned_by_a_teacher(tmp_path: Path, teaching: str) -> None:
    student, teacher, data = classifier_of(seed=1), Stand(classifier_of(seed=2)), Data()
    before = [weight.clone() for weight in teacher.classifier.parameters()]
    (found,) = ask(
        Teachers(recipe_of(teaching=teaching), student, data, Run(tmp_path, cpr=teacher), N_CLASSES),
        step_of(student, data),
    )
    assert not found.requires_grad
    (student(data.waveforms) - found).square().mean().backward()
    assert any(weight.grad is not None for weight in student.parameters())
    assert all(weight.grad is None for weight in teacher.classifier.parameters())
    assert all(torch.equal(one, other) for one, other in zip(before, teacher.classifier.parameters(), strict=True))


@pytest.mark.parametrize("sample_rate", [1000, 2000])
def test_clean_teaching_asks_about_clips_as_they_were(tmp_path: Path, sample_rate: int) -> None:
    student, data = classifier_of(seed=1), Data()
    teacher = Stand(classifier_of(replace(SETTINGS, sample_rate=sample_rate), seed=2))
    step = step_of(student, data)
    assert not torch.equal(step.clean, step.heard.x)
    (found,) = ask(Teachers(recipe_of(teaching="clean"), student, data, Run(tmp_path, cpr=teacher), N_CLASSES), step)
    heard = teacher.asked[0]
    assert heard.sample_rate == sample_rate
    assert heard.waveforms.shape == (8, 900 * sample_rate // 1000)
    if sample_rate == 1000:
        assert torch.equal(heard.waveforms, data.waveforms)
    assert torch.equal(found, teacher.classifier(heard.waveforms))


def offline(work: Path, data: Data, **teachers: Stand) -> Teachers:
    return Teachers(recipe_of(teaching="offline"), classifier_of(seed=1), data, Run(work, **teachers), N_CLASSES)


def test_offline_logits_are_those_of_clean_clips_whatever_is_heard_later(tmp_path: Path) -> None:
    data, teacher = Data(), Stand(classifier_of(seed=2))
    teachers = offline(tmp_path, data, cpr=teacher)
    asked = len(teacher.asked)
    assert asked == 3  # eight clips by three
    for rows in ([5, 0, 2], [7], [0, 1, 2, 3, 4, 5, 6, 7]):
        (found,) = ask(teachers, step_of(classifier_of(seed=1), data, rows))
        assert torch.allclose(found, teacher.classifier(data.waveforms[rows]), atol=1e-6)
    assert len(teacher.asked) == asked  # once before the training, and never again


@pytest.mark.parametrize("clips", [(7, 3, 0, 5, 1, 2, 6, 4), (6, 2, 3)], ids=["in another order", "some held out"])
def test_an_interrupted_run_finds_the_logits_of_each_clip_by_its_name(tmp_path: Path, clips: tuple[int, ...]) -> None:
    teacher = Stand(classifier_of(seed=2))
    offline(tmp_path, Data(), cpr=teacher)
    data, again = Data(clips), Stand(classifier_of(seed=2))
    teachers = offline(tmp_path, data, cpr=again)
    assert not again.asked
    (found,) = ask(teachers, step_of(classifier_of(seed=1), data))
    assert torch.allclose(found, teacher.classifier(data.waveforms), atol=1e-6)


def test_clips_that_are_new_are_asked_about(tmp_path: Path) -> None:
    offline(tmp_path, Data((0, 1, 2)), cpr=Stand(classifier_of(seed=2)))
    data, again = Data((2, 9, 0, 14)), Stand(classifier_of(seed=2))
    teachers = offline(tmp_path, data, cpr=again)
    (found,) = ask(teachers, step_of(classifier_of(seed=1), data))
    assert torch.allclose(found, again.classifier(data.waveforms), atol=1e-6)


def test_each_teacher_s_logits_are_kept_apart(tmp_path: Path) -> None:
    data = Data()
    stands = {"cpr_at_0": Stand(classifier_of(seed=2)), "cpr_at_1": Stand(classifier_of(seed=3))}
    offline(tmp_path, data, **stands)
    again = {name: Stand(one.classifier) for name, one in stands.items()}
    recipe = recipe_of(teaching="offline", multi_loss=True)
    teachers = Teachers(recipe, classifier_of(seed=1), data, Run(tmp_path, **again), N_CLASSES)
    found = ask(teachers, step_of(classifier_of(seed=1), data))
    assert not any(one.asked for one in again.values())
    for logits, teacher in zip(found, stands.values(), strict=True):
        assert torch.allclose(logits, teacher.classifier(data.waveforms), atol=1e-6)


@pytest.mark.parametrize("whole", [0.0, 0.02, 0.5, 0.9, 0.999])
def test_a_file_that_an_interruption_cut_short_is_made_again(tmp_path: Path, whole: float) -> None:
    data = Data()
    offline(tmp_path, data, cpr=Stand(classifier_of(seed=2)))
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: int(whole * len(content))])
    teacher = Stand(classifier_of(seed=2))
    (found,) = ask(offline(tmp_path, data, cpr=teacher), step_of(classifier_of(seed=1), data))
    assert teacher.asked
    assert torch.allclose(found, teacher.classifier(data.waveforms), atol=1e-6)
    last = Stand(classifier_of(seed=2))
    offline(tmp_path, data, cpr=last)
    assert not last.asked


def test_an_ensemble_makes_one_teacher_of_several_and_many_losses_keep_them(tmp_path: Path) -> None:
    student, data = classifier_of(seed=1), Data()
    step = step_of(student, data)
    stands = {f"cpr_at_{seed}": Stand(classifier_of(seed=seed)) for seed in (2, 3)}
    stands["passt"] = Stand(classifier_of(replace(SETTINGS, hop_length=20), seed=4))
    passt = stands["passt"].classifier.frontend
    each = [one.classifier.network(step.seen.x) for one in stands.values()][:2]
    each.append(stands["passt"].classifier.network(drawn_again(step, passt, step.heard.x)))
    ensemble = Ensemble(of=(Ensemble(kind="bea", of=("cpr",)), "passt"))
    run = Run(tmp_path, **stands)
    (found,) = ask(Teachers(recipe_of(ensemble=ensemble), student, data, run, N_CLASSES), step)
    inner = (each[0] + each[1]) / 2 + (each[0].var(0) + each[1].var(0)) / 4
    assert torch.allclose(found, (inner + each[2]) / 2, atol=1e-5)
    many = ask(Teachers(recipe_of(multi_loss=True), student, data, run, N_CLASSES), step)
    assert len(many) == 3
    for logits, expected in zip(many, each, strict=True):
        assert torch.allclose(logits, expected, atol=1e-6)


def test_a_system_without_teachers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Mistake) as raised:
        Teachers(recipe_of(), classifier_of(), Data(), Run(tmp_path), N_CLASSES)
    assert raised.value.rule == "distillation.teachers"
    assert "needs" in raised.value.remedy


@pytest.mark.parametrize("teaching", ["consistent", "clean", "offline"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_teacher_of_other_classes_is_refused_by_name(tmp_path: Path, teaching: str, n_classes: int) -> None:
    student, data = classifier_of(seed=1), Data()
    run = Run(tmp_path, cpr=Stand(classifier_of(seed=2)), passt=Stand(classifier_of(n_classes=n_classes, seed=3)))
    with pytest.raises(Mistake) as raised:
        ask(Teachers(recipe_of(teaching=teaching), student, data, run, N_CLASSES), step_of(student, data))
    assert raised.value.rule == "distillation.classes"
    for word in ("passt", str(n_classes), str(N_CLASSES)):
        assert word in raised.value.problem


def test_an_ensemble_that_names_nobody_is_refused(tmp_path: Path) -> None:
    student, data = classifier_of(seed=1), Data()
    recipe, run = recipe_of(ensemble={"of": ["cqr"]}), Run(tmp_path, cpr=Stand(classifier_of(seed=2)))
    with pytest.raises(Mistake, match='Did you mean "cpr"'):
        ask(Teachers(recipe, student, data, run, N_CLASSES), step_of(student, data))


def test_what_the_student_heard_and_saw_stays_as_it_was(tmp_path: Path) -> None:
    student, data = classifier_of(seed=1), Data()
    run = Run(tmp_path, cpr=Stand(classifier_of(seed=2)), passt=Stand(classifier_of(replace(SETTINGS, hop_length=20))))
    step = step_of(student, data)
    kept = step.clean.clone(), step.heard.x.clone(), step.seen.x.clone()
    ask(Teachers(recipe_of(), student, data, run, N_CLASSES), step)
    assert all(torch.equal(*pair) for pair in zip(kept, (step.clean, step.heard.x, step.seen.x), strict=True))


def test_a_batch_in_bfloat16_gives_a_teacher_s_frontend_the_precision_of_its_student_s(tmp_path: Path) -> None:
    """The student's are made outside autocast, a teacher's within: its filter bank is not to be in bfloat16."""
    student, data = classifier_of(seed=1), Data()
    teacher = Stand(classifier_of(replace(SETTINGS, hop_length=20), seed=2))
    own = teacher.classifier.frontend
    step = step_of(student, data)
    expected = drawn_again(step, own, step.heard.x)
    teachers = Teachers(recipe_of(), student, data, Run(tmp_path, passt=teacher), N_CLASSES)
    with torch.autocast("cpu", torch.bfloat16):  # as the objective asks, see baselines/training/objective.py
        ask(teachers, step)
    assert teacher.shown[0].dtype == torch.float32
    assert torch.allclose(teacher.shown[0], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ({"label_weight": 1.3}, "label_weight"),
        ({"tau": 0}, "tau"),
        ({"teaching": "sometimes"}, "teaching"),
        ({"form": "hard"}, "form"),
        ({"temperature": 2}, "temperature"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(words: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as raised:
        recipe_of(**words)
    (error,) = raised.value.errors()
    assert error["loc"] == (place,)
