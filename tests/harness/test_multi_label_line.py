"""The whole line where clips have several labels: from a folder in FSD50K's layout to a scored result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import evaluation, replicates, results
from harness.evaluation import Hands, Places
from harness.multilabel import MultiLabelScores
from harness.outcomes import Outcome
from harness.plan import Choice
from harness.results import Result
from tests import made, made_tags

BUILD = """
class Bands(nn.Module):
    def forward(self, waveforms):
        spectrum = torch.fft.rfft(waveforms).abs()[:, :480].reshape(len(waveforms), 24, 20).mean(2)
        return (spectrum + 1e-3).log()

def build(config, task):
    assert task.multi_label
    return Classifier(Bands(), nn.Linear(24, task.n_classes), 1000)
"""

TRAIN = """
def train(classifier, data, run):
    assert data.labels.dtype == torch.bool and data.labels.shape == (3, 4)
    assert data.validation is not None and len(data.validation) == 2
    assert not set(data.names) & set(data.validation.names)
    optimiser = torch.optim.Adam(classifier.parameters(), lr=0.05)
    for step in range(40):
        for batch in data.batches(3, run.generator):
            loss = nn.functional.binary_cross_entropy_with_logits(classifier(batch.waveforms), batch.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return classifier
"""


def only_result(folder: Path) -> tuple[Path, Result]:
    ((path, found),) = list(results.read_all([folder]))
    assert isinstance(found, Result)
    return path, found


@pytest.fixture
def tags(tmp_path: Path) -> str:
    """The path of a track over the made FSD50K."""
    return str(made_tags.fsd_track(tmp_path / "tags.toml", made_tags.fsd_folder(tmp_path / "fsd")))


def test_clips_with_several_labels_are_learned_and_scored_by_mean_average_precision(
    tmp_path: Path, tags: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = made.entry_folder(tmp_path / "mine", build=BUILD, train=TRAIN, toml=made.TOML.replace("tiny", "tags"))
    assert evaluation.evaluate(entry, tags, Choice(), places, hands)
    path, result = only_result(places.results)
    assert result.outcome is Outcome.OK
    scores = result.scores
    assert isinstance(scores, MultiLabelScores)
    assert scores.clips == 3
    assert scores.mean_average_precision == pytest.approx(
        np.mean([one.average_precision for one in scores.per_class.values()])
    )
    assert {name: one.positives for name, one in scores.per_class.items()} == dict(
        zip(made_tags.FSD_LABELS, (2, 1, 2, 2), strict=True)
    )
    drawn = replicates.read(path, result.key)
    assert drawn is not None
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    with np.load(path.with_suffix(".npz")) as kept:
        assert kept["logits"].shape == (3, 4)
    assert "mAP % ↑" in capsys.readouterr().out


def test_it_is_not_walked_twice_and_the_list_for_choosing_is_part_of_what_it_is(
    tmp_path: Path, tags: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = made.entry_folder(tmp_path / "mine", build=BUILD, train=TRAIN, toml=made.TOML.replace("tiny", "tags"))
    evaluation.evaluate(entry, tags, Choice(), places, hands)
    _, first = only_result(places.results)
    evaluation.evaluate(entry, tags, Choice(), places, hands)
    assert "nothing to do" in capsys.readouterr().err
    made_tags.sound(tmp_path / "fsd/FSD50K.dev_audio/105.wav", [2], 7, 1.0)
    evaluation.evaluate(entry, tags, Choice(), places, hands)
    _, other = only_result(places.results)
    assert other.key != first.key
    assert other.digests.data != first.digests.data
    assert other.digests.training_list == first.digests.training_list


def test_a_clip_that_goes_from_training_to_choosing_makes_another_cell(
    tmp_path: Path, tags: str, places: Places, hands: Hands
) -> None:
    train = TRAIN.replace("(3, 4)", "(len(data), 4)").replace("len(data.validation) == 2", "len(data.validation)")
    entry = made.entry_folder(tmp_path / "mine", build=BUILD, train=train, toml=made.TOML.replace("tiny", "tags"))
    evaluation.evaluate(entry, tags, Choice(), places, hands)
    _, first = only_result(places.results)
    dev = tmp_path / "fsd/FSD50K.ground_truth/dev.csv"
    before = dev.read_text()
    last = next(line for line in before.splitlines() if line.startswith("103,"))
    dev.write_text(before.replace(last, last.replace(",train", ",val")))
    assert evaluation.evaluate(entry, tags, Choice(), places, hands)
    _, other = only_result(places.results)
    assert other.digests.data == first.digests.data  # the same clips in the same order: only the sides differ
    assert other.digests.training_list != first.digests.training_list
    assert other.key != first.key
