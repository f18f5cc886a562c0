"""The verb `analyse`, from trained systems to files: against what `evaluate` kept of the same cells."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import soundfile
import torch

from baselines.analysis.distances import mean_distances
from harness import evaluation, results
from harness.__main__ import main
from harness.analysing import plugins
from harness.analysing.finding import Finding
from harness.analysing.running import Asked, analyse
from harness.child.kept import LoadedTeacher
from harness.console import Reporter
from harness.evaluation import Hands, Places
from harness.job import LOGITS
from harness.nursery import Nursery
from harness.outcomes import Mistake
from harness.plan import Choice
from harness.results import Result
from tests import made

TOML = made.TOML.replace("[systems.S1]\n", '[systems.cnn]\n\n[systems.ast]\nconfig = { kind = "ast" }\n')
BUILD = """
class Frames(nn.Module):
    def forward(self, waveforms):
        power = torch.fft.rfft(waveforms[:, :8000].reshape(len(waveforms), 1, 80, 100)).abs().square()
        return (power + 1e-3).log().transpose(2, 3)[:, :, :48, :64]

def build(config, task):
    if config.kind == "ast":
        from baselines.models.small_ast import Shape, SmallAST  # seconds in every process that imports it
        network = SmallAST(Shape(width=8, depth=2, heads=2, stride=16), task.n_classes, n_mels=48, n_frames=64)
    else:
        pooled = (nn.Conv2d(1, 4, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d((4, 1)), nn.Flatten())
        network = nn.Sequential(*pooled, nn.Linear(16, task.n_classes))
    classifier = Classifier(Frames(), network, 8000)
    classifier.steps = config.steps
    return classifier
"""


def entry(folder: Path) -> Path:
    made.entry_folder(folder, toml=TOML, build=BUILD)
    source = folder / "submission.py"
    source.write_text(source.read_text().replace("steps: int = 30", 'steps: int = 20\n    kind: str = "cnn"'))
    return folder


@dataclass(frozen=True)
class Trained:
    """Two entries whose systems are trained on both splits, and where."""

    one: Path
    other: Path
    track: str
    places: Places
    hands: Hands

    def asked(self, analysis: str, *systems: str, splits: tuple[str, ...] = (), seeds: tuple[int, ...] = ()) -> Asked:
        choice = Choice(splits=splits, seeds=seeds)
        return Asked(analysis, self.one, systems or ("cnn", "ast"), self.track, choice, self.places)

    def found(self, analysis: str, *systems: str, splits: tuple[str, ...] = ()) -> Finding:
        return analyse(self.asked(analysis, *systems, splits=splits), self.hands)

    def result(self, title: str, split: str = "100") -> Result:
        every = (one for _, one in results.read_all([self.places.results]) if isinstance(one, Result))
        return next(
            one for one in every
            if f"{one.identity.entry}/{one.identity.system}" == title and one.identity.split == split
        )  # fmt: skip

    def logits(self, title: str, split: str = "100") -> np.ndarray:
        """What `predict` said of the clips, in the order in which systems see them."""
        return np.load(self.places.cache / "cells" / self.result(title, split).key[:20] / LOGITS).astype(float)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tau_folder: Path, cache: Path, nursery: Nursery) -> Trained:
    place = tmp_path_factory.mktemp("analysed")
    track = str(made.track_file(place / "tiny.toml", tau_folder))
    places = Places(None, None, place / "results", cache, place)
    one, other = entry(place / "one"), entry(place / "other")
    with (other / "submission.py").open("a") as source:
        source.write("\n# Cells of the very same files would be one.\n")
    hands = Hands(nursery, Reporter())
    assert evaluation.evaluate(one, track, Choice(splits=("50", "100")), places, hands)
    assert evaluation.evaluate(other, track, Choice(systems=("ast",)), places, hands)
    return Trained(one, other, track, places, hands)


def mean_of(found: Finding, panel: str, systems: tuple[str, ...], at: float | None = None) -> float:
    return next(one.mean for one in found.numbers if (one.panel, one.systems, one.at) == (panel, systems, at))


def test_correlation_is_that_of_the_predictions_that_evaluate_kept(trained: Trained) -> None:
    found = trained.found("correlation", splits=("50", "100"))
    for run in found.numbers[0].runs:
        one, other = (
            scipy.special.softmax(trained.logits(title, run.split), axis=1) for title in ("one/cnn", "one/ast")
        )
        expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)])
        assert run.value == pytest.approx(expected, abs=1e-5)
    values = [run.value for run in found.numbers[0].runs]
    assert found.numbers[0].mean == pytest.approx(np.mean(values))
    assert found.numbers[0].spread == pytest.approx(np.std(values, ddof=1))
    assert found.splits == ("50", "100")
    assert found.keys["one/ast split 50 seed 0"] == trained.result("one/ast", "50").key


def test_the_same_system_of_another_entry_is_the_same(trained: Trained) -> None:
    """Its code, data and seed are those of the first entry, so its weights are, too."""
    assert trained.result("one/ast").digests.weights == trained.result("other/ast").digests.weights
    assert trained.result("one/ast").key != trained.result("other/ast").key
    found = trained.found("svcca", "ast", f"{trained.other}:ast", "cnn", splits=("100",))
    assert mean_of(found, "SVCCA", ("one/ast", "other/ast")) == pytest.approx(1)
    assert mean_of(found, "SVCCA", ("one/ast", "one/cnn")) < 0.999
    assert found.numbers[0].spread is None


def test_clean_clips_score_as_evaluated_and_drops_are_shares_of_that(trained: Trained) -> None:
    found = trained.found("robustness", splits=("100",))
    learned = trained.result("one/cnn").scores
    assert learned is not None
    assert learned.macro_accuracy > 0.6
    assert any(one.mean > 0 and one.systems == ("one/cnn",) for one in found.numbers if one.panel == "noise: drop")
    for title in ("one/cnn", "one/ast"):
        scores = trained.result(title).scores
        assert scores is not None
        for kind in ("frequency mask", "time mask", "time shift"):
            assert mean_of(found, f"{kind}: score", (title,), 0.0) == pytest.approx(100 * scores.macro_accuracy)
        for number in found.numbers:
            if number.systems == (title,) and number.panel.endswith(": drop"):
                left = mean_of(found, number.panel.replace("drop", "score"), (title,), number.at)
                assert left == pytest.approx(100 * scores.macro_accuracy * (1 - number.mean / 100))
                assert len(number.runs) == (1 if number.at == 0 and "noise" not in number.panel else 3)


def test_attention_is_that_of_the_trained_network_on_the_test_clips(trained: Trained, tau_folder: Path) -> None:
    found = trained.found("attention", "ast", f"{trained.other}:ast", splits=("100",))
    cell = trained.places.cache / "cells" / trained.result("one/ast").key[:20]
    classifier = LoadedTeacher(trained.one, cell).classifier
    lines = (tau_folder / "split_setup" / "test.csv").read_text().splitlines()[1:]
    sounds = [soundfile.read(tau_folder / line.split("\t")[0], dtype="float32")[0] for line in lines]
    expected = mean_distances(classifier.network, classifier.frontend(torch.tensor(np.array(sounds))))
    for panel, distances in (("frequency", expected.mel_bands), ("time", expected.seconds)):
        for block in (1, 2):
            measured = mean_of(found, panel, ("one/ast",), block)
            assert measured == pytest.approx(float(distances[block - 1].mean()), rel=1e-4)
    assert len(found.numbers) == 8


def status(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_verb_prints_a_table_and_writes_three_files(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained.places.typed_in)
    where = ("--cache", trained.places.cache, "--results", trained.places.results, "--out", tmp_path)
    words = ("correlation", "one", "cnn", "other:ast", "--track", trained.track, "--split", "100")
    assert status("analyse", *words, *where) == 0
    said = capsys.readouterr()
    files = [Path(line.removeprefix("written: ")) for line in said.err.splitlines() if line.startswith("written: ")]
    assert [path.suffix for path in files] == [".csv", ".json", ".svg"]
    assert all(path.parent == tmp_path / "tiny" for path in files)
    (row,) = csv.DictReader(files[0].read_text().splitlines())
    (number,) = json.loads(files[1].read_text())["numbers"]
    (run,) = number["runs"]
    assert float(row["other/ast"]) == run["value"]
    assert re.search(rf"prediction correlation +one/cnn +.?{abs(run['value']):.4g}\n", said.out)
    assert "100, seed 0</text>" in files[2].read_text()


def test_a_system_is_asked_once_until_the_probe_changes(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "asking one/cnn split 100 seed 0"
    first = trained.found("correlation", splits=("100",))
    capsys.readouterr()
    assert trained.found("correlation", splits=("100",)) == first
    assert asked not in capsys.readouterr().err
    monkeypatch.setattr(plugins, "digest", lambda _name: "of another probe")
    assert trained.found("correlation", splits=("100",)) == first
    assert asked in capsys.readouterr().err


def test_attention_of_a_cnn_gets_a_sentence(trained: Trained) -> None:
    found = "one/cnn split 100 seed 0: Its network is a Sequential, and only the blocks of an AST"
    with pytest.raises(Mistake, match=found):
        trained.found("attention", "ast", "cnn", splits=("100",))


BAD = {
    "an analysis that is none": (("svca",), ("cnn", "ast"), 'There is no analysis "svca". Did you mean "svcca"?'),
    "a system that is none": (("svcca",), ("cnn", "past"), 'one has no system "past". Did you mean "ast"?'),
    "an entry that is none": (("svcca",), ("cnn", "nowhere:ast"), "nowhere is not a folder"),
    "one system": (("svcca",), ("cnn",), "1 systems were named. Name two to 6"),
    "one twice": (("svcca",), ("cnn", "ast", "cnn"), "one/cnn stands there twice"),
    "a split that is not trained": (
        ("svcca",), ("cnn", "other:ast", "--split", "50"),
        "other/ast is not trained on tiny (split 50, seed 0). Train it: nox -s evaluate -- other --track tiny.toml "
        "--system ast --split 50 --seed 0 --device cpu [trained.missing]",
    ),
    "a seed that is not trained": (
        ("svcca",), ("cnn", "ast", "--seed", "0", "7", "--split", "100"),
        "one/cnn is not trained on tiny (split 100, seed 7); 2 cells are missing in all. Train it: nox",
    ),
    "a track on which one is not trained": (
        ("svcca",), ("cnn", "ast", "--track", "same.toml", "--split", "100"), "one/cnn is not trained on same",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_analysed_gets_a_sentence(
    case: str, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained.places.typed_in)
    Path("same.toml").write_text(Path(trained.track).read_text().replace('"tiny"', '"same"'))
    analysis, systems, sentence = BAD[case]
    where = ("--cache", trained.places.cache, "--results", trained.places.results, "--out", tmp_path / "out")
    assert status("analyse", "--track", "tiny.toml", "--device", "cpu", *where, *analysis, "one", *systems) == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_a_result_without_its_weights_says_how_to_get_them_back(trained: Trained, tmp_path: Path) -> None:
    """What is said works: `evaluate` finds its result, and trains all the same where results are to lie elsewhere."""
    key = trained.result("one/cnn").key
    shutil.rmtree(trained.places.cache / "cells" / key[:20])
    with pytest.raises(Mistake, match=r"one/cnn has no weights in the cache, .* on tiny \(split 100, seed 0\)") as gone:
        trained.found("correlation", splits=("100",))
    assert "--system cnn --split 100 --seed 0 --device cpu --results DIR" in gone.value.remedy
    elsewhere = replace(trained.places, results=tmp_path)
    assert evaluation.evaluate(trained.one, trained.track, Choice(("cnn",), ("100",)), elsewhere, trained.hands)
    assert trained.result("one/cnn").key == key
    assert trained.found("correlation", splits=("100",)).keys["one/cnn split 100 seed 0"] == key
