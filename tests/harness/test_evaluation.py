"""The whole line on a small data set: from an entry's folder to scored results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness import evaluation, results, tracks
from harness.blocks import Blocks
from harness.data import verification
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake, Outcome
from harness.plan import Choice
from harness.results import Result
from tests import made, made_sounds
from tests.harness.data.stand_ins import silently


def only_result(folder: Path) -> Result:
    found = [one for _, one in results.read_all([folder])]
    assert len(found) == 1
    assert isinstance(found[0], Result)
    return found[0]


def test_an_entry_ends_as_a_scored_result_with_predictions(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    assert evaluation.evaluate(entry, track, Choice(), places, hands)
    result = only_result(places.results)
    assert result.outcome is Outcome.OK
    assert result.scores is not None
    assert result.scores.macro_accuracy > 0.8  # tones an octave apart
    assert set(result.scores.per_group) == {"real", "seen", "unseen"}
    assert result.complexity is not None
    assert result.complexity.parameters == 40 * 8 + 8 + 8 * 3 + 3
    assert result.complexity.macs == 40 * 8 + 8 * 3
    assert set(result.stages) == {"check", "train", "predict"}
    assert result.config == {"width": 8, "steps": 30}
    with np.load(result.identity.path(places.results).with_suffix(".npz")) as kept:
        labels = np.repeat([0, 1, 2], 12)
        accuracy = (kept["predicted"] == labels).mean()
        assert accuracy == pytest.approx(result.scores.accuracy)
        assert kept["log_probabilities"].dtype == np.float16


def test_a_second_run_has_nothing_to_do(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    assert evaluation.evaluate(entry, track, Choice(), places, hands)
    before = only_result(places.results)
    assert evaluation.evaluate(entry, track, Choice(), places, hands)
    assert "nothing to do" in capsys.readouterr().err
    assert only_result(places.results) == before


def test_another_cache_gives_the_same_weights_and_scores_bit_for_bit(tmp_path: Path, track: str, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    found = []
    for name in ("one", "two"):
        fresh = Places(None, None, tmp_path / name, tmp_path / f"cache-{name}", tmp_path)
        assert evaluation.evaluate(entry, track, Choice(), fresh, hands)
        found.append(only_result(fresh.results))
    assert found[0].digests == found[1].digests
    assert found[0].scores == found[1].scores
    assert found[0].key == found[1].key


def test_a_change_in_the_entry_is_walked_again(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    evaluation.evaluate(entry, track, Choice(), places, hands)
    before = only_result(places.results)
    (entry / "submission.py").write_text((entry / "submission.py").read_text() + "\n# another\n")
    evaluation.evaluate(entry, track, Choice(), places, hands)
    after = only_result(places.results)
    assert after.key != before.key
    assert after.digests.weights == before.digests.weights


def test_a_field_set_by_hand_makes_another_unofficial_result(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    evaluation.evaluate(entry, track, Choice(), places, hands)
    evaluation.evaluate(entry, track, Choice(settings={"width": 16}), places, hands)
    found = {one.config["width"]: one for _, one in results.read_all([places.results]) if isinstance(one, Result)}
    assert set(found) == {8, 16}
    assert found[8].official
    assert not found[16].official
    assert "width" in found[16].unofficial_because[0]


def test_quick_takes_the_smallest_split_and_one_seed(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    choice = Choice(splits=("50", "100"), seeds=(3, 4), quick=True)
    evaluation.evaluate(entry, track, choice, places, hands)
    result = only_result(places.results)
    assert (result.identity.split, result.identity.seed) == ("50", 3)
    assert not result.official


def test_a_quick_run_is_made_official_by_the_full_command_without_training_again(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    evaluation.evaluate(entry, track, Choice(quick=True), places, hands)
    quick = only_result(places.results)
    evaluation.evaluate(entry, track, Choice(splits=("50",)), places, hands)
    full = only_result(places.results)
    assert (quick.official, full.official) == (False, True)
    assert (quick.scores, quick.stages) == (full.scores, full.stages)


def test_a_dry_run_says_what_is_finished_and_what_is_not(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    evaluation.evaluate(entry, track, Choice(splits=("50",)), places, hands)
    capsys.readouterr()
    evaluation.evaluate(entry, track, Choice(splits=("50", "100")), places, hands, dry_run=True)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("mine")]
    assert [line[4] for line in lines] == ["finished", "to"]
    assert "about" in lines[1]  # an estimate from the split that was run
    assert len(list(places.results.rglob("*.json"))) == 1


def _with_a_file(folder: Path) -> Path:
    """An entry whose configuration names a file."""
    entry = made.entry_folder(folder)
    text = (entry / "submission.py").read_text()
    changed = text.replace("    steps: int = 30", "    steps: int = 30\n    weights: Path = Path('there.pt')")
    (entry / "submission.py").write_text(f"from pathlib import Path\n{changed}")
    return entry


def test_a_dry_run_needs_neither_data_nor_files_and_says_what_is_missing(
    tmp_path: Path, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the published sizes of the lists: 5 % of TAU 2022 are 6,980 clips."""
    entry = _with_a_file(tmp_path / "mine")
    choice = Choice(splits=("5", "100"), seeds=(0,))
    assert not evaluation.evaluate(entry, "dcase2024-task1", choice, places, hands, dry_run=True)
    shown = capsys.readouterr().out
    lines = [line.split() for line in shown.splitlines() if line.startswith("mine")]
    assert [line[3] for line in lines] == ["6,980", "139,620"]
    assert "2 cells to run" in shown
    assert "needed before anything is trained: the data set (--data DIR), there.pt (weights)" in shown
    assert not list(places.results.rglob("*"))


def test_a_check_that_was_made_for_a_plan_does_not_stand_for_a_real_one(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = _with_a_file(tmp_path / "mine")
    assert not evaluation.evaluate(entry, track, Choice(), places, hands, dry_run=True)
    assert not evaluation.evaluate(entry, track, Choice(), places, hands)
    assert "there.pt does not exist" in capsys.readouterr().err
    (tmp_path / "there.pt").write_bytes(b"weights")
    assert evaluation.evaluate(entry, track, Choice(), places, hands, dry_run=True)
    assert evaluation.evaluate(entry, track, Choice(), places, hands)
    assert only_result(places.results).digests.files


def test_a_track_without_training_lists_takes_a_system_that_does_not_train(
    tmp_path: Path, tau_folder: Path, places: Places, hands: Hands
) -> None:
    track = made.track_file(tmp_path / "t.toml", tau_folder, more="")
    text = track.read_text().replace('default_splits = ["100"]\n', "")
    track.write_text(text.replace('[splits]\n50 = "split50.csv"\n100 = "split100.csv"\n', ""))
    entry = made.entry_folder(tmp_path / "mine", train="def train(classifier, data, run):\n    return classifier\n")
    assert evaluation.evaluate(entry, str(track), Choice(), places, hands)
    assert only_result(places.results).identity.split == "none"
    eager = made.entry_folder(tmp_path / "eager")
    assert not evaluation.evaluate(eager, str(track), Choice(), places, hands)
    failure = next(places.results.rglob("*.failure.json"))
    assert "names no training list" in failure.read_text()


def test_what_predict_sees_holds_no_label_and_no_name(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    spy = """
def predict(classifier, clips):
    import gc
    from harness.data.training_data import ClipList
    print([type(o).__name__ for o in gc.get_objects() if isinstance(o, ClipList)], clips.devices)
    return classifier(clips.waveforms)
"""
    entry = made.entry_folder(tmp_path / "spy", predict=spy)
    assert evaluation.evaluate(entry, track, Choice(), places, hands)
    logs = [path.read_text() for path in (places.cache / "cells").rglob("predict.log")]
    said = {line for text in logs for line in text.splitlines() if line.startswith("[")}
    assert said == {"[] None"}
    for path in (places.cache / "cells").rglob("predict.job.json"):
        job = json.loads(path.read_text())
        assert job["training"] is None
        assert b"audio/" not in b"".join(one.read_bytes() for one in Path(job["test"]["folder"]).glob("*.json"))


def test_predict_may_not_read_what_the_referee_has_written(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    reads = (
        "def predict(classifier, clips):\n    open('predict.job.json').read()\n    return classifier(clips.waveforms)\n"
    )
    assert not evaluation.evaluate(made.entry_folder(tmp_path / "mine", predict=reads), track, Choice(), places, hands)
    text = next(places.results.rglob("*.failure.json")).read_text()
    assert "predict opens the file predict.job.json." in text


def test_the_track_of_2025_reveals_the_device(tmp_path: Path, tau_folder: Path, places: Places, hands: Hands) -> None:
    track = made.track_file(tmp_path / "t.toml", tau_folder, edition="dcase2025")
    uses = """
def predict(classifier, clips):
    assert len(clips.devices) == len(clips.waveforms)
    assert set(clips.devices) <= {"a", "s1", "s4", "unknown"}
    return classifier(clips.waveforms)
"""
    entry = made.entry_folder(tmp_path / "mine", predict=uses)
    assert evaluation.evaluate(entry, str(track), Choice(), places, hands)


def test_data_that_are_missing_are_named_before_anything_is_run(tmp_path: Path, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    with pytest.raises(Mistake, match="6337421"):
        evaluation.evaluate(entry, "dcase2024-task1", Choice(), places, hands)


def test_a_results_folder_that_cannot_be_written_is_refused_before_anything_is_run(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    (tmp_path / "file").write_text("in the way")
    blocked = Places(None, None, tmp_path / "file" / "results", places.cache, tmp_path)
    with pytest.raises(Mistake, match="could not be written"):
        evaluation.evaluate(entry, track, Choice(), blocked, hands)


def test_a_damaged_result_is_written_again(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    evaluation.evaluate(entry, track, Choice(), places, hands)
    before = only_result(places.results)
    path = before.identity.path(places.results)
    path.write_text(path.read_text()[:200])
    assert evaluation.evaluate(entry, track, Choice(), places, hands)
    assert only_result(places.results).scores == before.scores


def test_in_cross_validation_each_fold_has_a_result_on_a_test_list_of_its_own(
    tmp_path: Path, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clips of 0.6 to 1.4 s, of devices that nobody knows."""
    data = made_sounds.esc_folder(tmp_path / "data", recordings=3, seconds=(1, 0.6, 1.4))
    track = str(made_sounds.esc_track(tmp_path / "sounds.toml", data))
    entry = made.entry_folder(tmp_path / "mine")
    assert evaluation.evaluate(entry, track, Choice(), places, hands)
    found = {one.identity.split: one for _, one in results.read_all([places.results]) if isinstance(one, Result)}
    assert set(found) == {"1", "2"}
    for split, result in found.items():
        assert result.scores is not None
        assert result.scores.clips == 18
        assert result.scores.macro_accuracy > 0.6
        assert (result.scores.per_device, result.scores.per_group, result.scores.worst_device) == ({}, {}, None)
        clips = results.clips_path(places.results, "sounds", str(result.digests.test_list))
        blocks = Blocks.read(clips)
        assert blocks is not None
        assert {place[len("freesound-")] for place in blocks.locations} == {split}
        assert blocks.devices == ("unknown",)
    one, two = found.values()
    assert one.digests.test_list != two.digests.test_list
    assert one.key != two.key
    report = verification.verify(data, tracks.load(track)[0], (), silently, workers=2)
    assert report.data == {split: result.digests.data for split, result in found.items()}
    capsys.readouterr()
    assert evaluation.evaluate(entry, track, Choice(), places, hands)
    assert "nothing to do" in capsys.readouterr().err
