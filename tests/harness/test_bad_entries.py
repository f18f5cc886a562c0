"""Entries that are wrong in every way we could think of: each ends as one sentence, and nothing else is lost."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from harness import evaluation, results
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake, Outcome
from harness.plan import Choice
from harness.results import Result
from tests import made

LIMITS = "train_seconds = {}\ncheck_seconds = 60\npredict_seconds = 60\nmemory_gib = 2\nlog_mib = 2"

TRAIN = "def train(classifier, data, run):\n    {}\n    return classifier\n"
PREDICT = "def predict(classifier, clips):\n    logits = classifier(clips.waveforms)\n    return {}\n"
BUILD = "def build(config, task):\n    return {}\n"
UNTRAINED = TRAIN.format("pass")
LATER = "logits if torch.jit.is_tracing() else "  # the check sees nothing of it


def failure(entry: Path, track: str, places: Places, hands: Hands) -> Result:
    """The one failure that is left of an entry; the command must say that it failed."""
    assert not evaluation.evaluate(entry, track, Choice(), places, hands)
    found = [one for path, one in results.read_all([places.results]) if path.name.endswith(".failure.json")]
    assert len(found) == 1
    assert isinstance(found[0], Result)
    assert found[0].scores is None
    assert found[0].reason is not None
    return found[0]


@pytest.fixture
def strict(tmp_path: Path, tau_folder: Path) -> str:
    """A track with little room."""
    return str(made.track_file(tmp_path / "strict.toml", tau_folder, limits=LIMITS.format(60)))


@pytest.fixture
def hasty(tmp_path: Path, tau_folder: Path) -> str:
    """One whose time limit a test can wait for."""
    return str(made.track_file(tmp_path / "hasty.toml", tau_folder, limits=LIMITS.format(4)))


BROKEN_BUILDS = {
    "no module": ("42", "build returned int instead of a contract.Classifier"),
    "a bare module": ("nn.Linear(2, 3)", "build returned Linear instead of a contract.Classifier"),
    "no rate": ("Classifier(Energy(), nn.Linear(40, 3), 0)", "sample_rate is 0"),
}


@pytest.mark.parametrize("case", BROKEN_BUILDS)
def test_a_build_that_returns_no_classifier_is_refused(
    case: str, tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    returned, sentence = BROKEN_BUILDS[case]
    entry = made.entry_folder(tmp_path / "mine", build=BUILD.format(returned))
    result = failure(entry, track, places, hands)
    assert result.outcome is Outcome.REFUSED
    assert result.reason is not None
    assert sentence in result.reason.problem


def test_a_network_over_the_limit_is_refused_before_it_is_trained(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    entry = made.entry_folder(tmp_path / "mine", build=made.BUILD.replace("config.width", "1000"))
    result = failure(entry, track, places, hands)
    assert result.outcome is Outcome.OVER_LIMIT
    assert result.reason is not None
    assert "176,012 bytes of parameters (128,000 allowed)" in result.reason.problem
    assert "train" not in result.stages


def test_a_network_that_grows_in_training_is_found_before_it_predicts(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    grows = TRAIN.format("classifier.network = nn.Sequential(nn.Linear(40, 1000), nn.Linear(1000, 3))")
    result = failure(made.entry_folder(tmp_path / "mine", train=grows), track, places, hands)
    assert result.outcome is Outcome.OVER_LIMIT
    assert result.stages["predict"].work_seconds == 0


BROKEN_PREDICTIONS = {
    "wrong shape": ("logits[:, :2]", "returned shape (4, 2) for 4 clips and 3 classes"),
    "too few rows": ("logits[1:]", "returned shape (3, 3) for 4 clips and 3 classes"),
    "wrong type": ("logits.argmax(1, keepdim=True).expand(-1, 3)", "returned int64 instead of floating-point logits"),
    "not a number": ("logits * float('nan')", "returned values that are not finite"),
    "no tensor": ("logits.tolist()", "returned list instead of a tensor"),
}


@pytest.mark.parametrize("case", BROKEN_PREDICTIONS)
def test_predictions_that_are_not_logits_are_refused(
    case: str, tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    returned, sentence = BROKEN_PREDICTIONS[case]
    entry = made.entry_folder(tmp_path / "mine", train=UNTRAINED, predict=PREDICT.format(LATER + returned))
    result = failure(entry, track, places, hands)
    assert result.outcome is Outcome.REFUSED
    assert result.reason is not None
    assert sentence in result.reason.problem


CRASHES = {
    "raises": ("raise ValueError('no such thing')", "ValueError in train (submission.py, line", Outcome.CRASHED),
    "exits": ("import sys; sys.exit(0)", "called exit(0)", Outcome.CRASHED),
    "exits hard": ("import os; os._exit(0)", "ended with status 0 and left no answer", Outcome.CRASHED),
    "is killed": ("import os; os.kill(os.getpid(), 9)", "for want of memory", Outcome.OUT_OF_MEMORY),
    "hangs": ("import time; time.sleep(1000)", "took longer than 4 s", Outcome.TIMED_OUT),
    "hangs and will not be told": (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)",
        "took longer than 4 s",
        Outcome.TIMED_OUT,
    ),
    "eats memory": ("kept = [torch.ones(1 << 26) for _ in range(100)]", "2 GiB of memory", Outcome.OUT_OF_MEMORY),
    "asks for too much at once": ("torch.empty(1 << 50)", "not enough memory", Outcome.OUT_OF_MEMORY),
    "prints without end": ("while True: print('x' * 1000)", "printed more than 2 MiB", Outcome.CRASHED),
    "fills the disk": (
        "import errno; raise OSError(errno.ENOSPC, 'No space left on device')",
        "the disk is full",
        Outcome.CRASHED,
    ),
    "returns what cannot be saved": ("classifier.f = lambda x: x", "cannot be saved", Outcome.REFUSED),
    "returns something else": ("return 3", "train returned int", Outcome.REFUSED),
}


@pytest.mark.parametrize("case", CRASHES)
def test_an_entry_that_misbehaves_in_training_is_a_row_with_a_reason(
    case: str, tmp_path: Path, strict: str, hasty: str, places: Places, hands: Hands
) -> None:
    does, sentence, outcome = CRASHES[case]
    track = hasty if outcome is Outcome.TIMED_OUT else strict
    result = failure(made.entry_folder(tmp_path / "mine", train=TRAIN.format(does)), track, places, hands)
    assert result.reason is not None
    assert (result.outcome, sentence) == (outcome, sentence)
    assert sentence in result.reason.problem
    assert result.reason.remedy


def test_what_an_entry_prints_is_kept_in_its_log(tmp_path: Path, strict: str, places: Places, hands: Hands) -> None:
    talks = TRAIN.format("print('x' * 1_000_000); print('the end')")
    assert evaluation.evaluate(made.entry_folder(tmp_path / "mine", train=talks), strict, Choice(), places, hands)
    logs = [path.read_text() for path in places.cache.rglob("train.log")]
    assert any(text.endswith("the end\n") and len(text) > 1_000_000 for text in logs)


def test_nothing_that_an_entry_starts_outlives_its_stage(
    tmp_path: Path, strict: str, places: Places, hands: Hands
) -> None:
    mark = f"{3600 + os.getpid()}.5"
    does = f"""import subprocess, os
    subprocess.Popen(["sleep", "{mark}"])
    subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "{mark}"])
        os._exit(0)"""
    assert evaluation.evaluate(
        made.entry_folder(tmp_path / "mine", train=TRAIN.format(does)), strict, Choice(), places, hands
    )
    assert not [process for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or [])]


def test_an_entry_that_forks_without_end_is_ended(tmp_path: Path, hasty: str, places: Places, hands: Hands) -> None:
    does = "import os, time\n    for _ in range(400):\n        if os.fork() == 0: time.sleep(100)\n    time.sleep(100)"
    result = failure(made.entry_folder(tmp_path / "mine", train=TRAIN.format(does)), hasty, places, hands)
    assert result.outcome in {Outcome.CRASHED, Outcome.TIMED_OUT, Outcome.OUT_OF_MEMORY}
    time.sleep(0.2)
    mine = psutil.Process().children(recursive=True)
    assert len(mine) < 10


def test_one_system_that_fails_does_not_end_the_others(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    toml = made.TOML + "\n[systems.S2]\nconfig = { width = 1000 }\n\n[systems.S3]\nconfig = { width = 4 }\n"
    assert not evaluation.evaluate(made.entry_folder(tmp_path / "mine", toml=toml), track, Choice(), places, hands)
    found = {
        one.identity.system: one.outcome for _, one in results.read_all([places.results]) if isinstance(one, Result)
    }
    assert found == {"S1": Outcome.OK, "S2": Outcome.OVER_LIMIT, "S3": Outcome.OK}


def test_a_failure_leaves_an_earlier_score_alone(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    evaluation.evaluate(entry, track, Choice(), places, hands)
    source = (entry / "submission.py").read_text()
    (entry / "submission.py").write_text(source.replace("return classifier(clips.waveforms)", "return 1"))
    evaluation.evaluate(entry, track, Choice(), places, hands)
    outcomes = sorted(one.outcome for _, one in results.read_all([places.results]) if isinstance(one, Result))
    assert len(outcomes) == 2
    assert Outcome.OK in outcomes
    (entry / "submission.py").write_text(source)
    assert evaluation.evaluate(entry, track, Choice(), places, hands)


BROKEN_SETTINGS = {
    "unknown field": ({"widht": 3}, 'unknown key "widht". Did you mean "width"?'),
    "wrong type": ({"width": "wide"}, 'key "width"'),
}


@pytest.mark.parametrize("case", BROKEN_SETTINGS)
def test_settings_that_do_not_fit_the_config_are_refused(
    case: str, tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    settings, sentence = BROKEN_SETTINGS[case]
    entry = made.entry_folder(tmp_path / "mine")
    assert not evaluation.evaluate(entry, track, Choice(settings=settings), places, hands)
    text = next(places.results.rglob("*.failure.json")).read_text()
    assert sentence in text.replace('\\"', '"')


def test_a_function_with_other_arguments_is_refused(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine", predict="def predict(classifier):\n    return 1\n")
    result = failure(entry, track, places, hands)
    assert result.reason is not None
    assert "predict cannot be called with 2 arguments" in result.reason.problem


def test_a_missing_function_is_named_before_anything_is_run(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    entry = made.entry_folder(tmp_path / "mine", train="def trian(classifier, data, run): ...\n")
    with pytest.raises(Mistake, match=r'does not define the function train\. Did you mean "trian"'):
        evaluation.evaluate(entry, track, Choice(), places, hands)


def test_an_import_that_exits_is_a_crash_of_the_check(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine", predict=made.PREDICT + "\nimport sys\nsys.exit(3)\n")
    result = failure(entry, track, places, hands)
    assert result.outcome is Outcome.CRASHED
    assert result.reason is not None
    assert "called exit(3) in check" in result.reason.problem
