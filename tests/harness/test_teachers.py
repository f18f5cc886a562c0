"""Systems that need systems: teachers are trained once, scored, given to their students, and missed by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness import evaluation, results
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake, Outcome
from harness.plan import Choice
from harness.results import Result
from tests import made

TOML = made.TOML.replace("[systems.S1]\n", "")

LOSS = "            loss = nn.functional.cross_entropy(classifier(batch.waveforms), batch.labels)\n"
LEARNING = """
            for teacher in run.teachers.values():
                told = teacher.predict(Clips(batch.waveforms, data.sample_rate))
                assert not told.requires_grad and not teacher.classifier.training
                loss = loss + nn.functional.cross_entropy(classifier(batch.waveforms), told.softmax(1))
"""
BEGINNING = """def train(classifier, data, run):
    from harness.contract import Clips
    print("teachers:", *sorted(run.teachers), flush=True)
"""
TAUGHT = made.TRAIN.replace(LOSS, LOSS + LEARNING).replace("def train(classifier, data, run):\n", BEGINNING)

FAMILY = """
[systems.teacher]
role = "teacher"
config = { width = 32 }

[systems.student]
needs = ["teacher"]
"""


def entry(folder: Path, systems: str, **parts: str) -> Path:
    made.entry_folder(folder, toml=TOML + systems, **{"train": TAUGHT, **parts})
    source = folder / "submission.py"
    source.write_text(source.read_text().replace("steps: int = 30", "steps: int = 5"))
    return folder


def by_place(folder: Path) -> dict[str, Result]:
    """Results by system and seed, failures among them."""
    found = {}
    for _, one in results.read_all([folder]):
        assert isinstance(one, Result)
        found[f"{one.identity.system}@{one.identity.seed}"] = one
    return found


def log_of(result: Result, places: Places) -> str:
    return (places.cache / "cells" / result.key[:20] / "train.log").read_text()


def test_a_teacher_is_trained_scored_and_handed_to_its_student(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    folder = entry(tmp_path / "family", FAMILY)
    assert evaluation.evaluate(folder, track, Choice(), places, hands)
    found = by_place(places.results)
    assert found.keys() == {"teacher@0", "student@0"}
    assert found["teacher@0"].role == "teacher"
    assert found["teacher@0"].scores is not None
    assert found["student@0"].digests.teachers == {"teacher": found["teacher@0"].key}
    assert "teachers: teacher\n" in log_of(found["student@0"], places)
    assert "teachers:\n" in log_of(found["teacher@0"], places)


def test_a_second_student_finds_the_teacher_trained(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    folder = entry(tmp_path / "family", FAMILY + '\n[systems.other]\nneeds = ["teacher"]\nconfig = { width = 4 }\n')
    evaluation.evaluate(folder, track, Choice(systems=("student",)), places, hands)
    before = by_place(places.results)["teacher@0"]
    evaluation.evaluate(folder, track, Choice(systems=("other",)), places, hands)
    found = by_place(places.results)
    assert found["teacher@0"] == before
    assert found["other@0"].outcome is Outcome.OK


def test_a_teacher_may_exceed_the_limits_that_its_student_keeps(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    systems = FAMILY.replace("width = 32", "width = 900").replace("[systems.student]", "[systems.student]")
    wide = systems + '\n[systems.wide]\nconfig = { width = 900 }\nneeds = ["teacher"]\n'
    folder = entry(tmp_path / "family", wide)
    assert not evaluation.evaluate(folder, track, Choice(), places, hands)
    found = by_place(places.results)
    assert found["teacher@0"].outcome is Outcome.OK
    assert found["teacher@0"].complexity is not None
    assert found["teacher@0"].complexity.parameter_bytes > 128_000
    assert found["student@0"].outcome is Outcome.OK
    assert found["wide@0"].outcome is Outcome.OVER_LIMIT


def test_seeds_and_other_entries_and_names(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry(tmp_path / "elders", "[systems.old]\nconfig = { width = 16 }\n")
    systems = """
[systems.teacher]
role = "teacher"

[systems.student]
needs = [{ system = "teacher", seeds = [0, 3] }, { system = "old", entry = "../elders", name = "elder" }]
"""
    folder = entry(tmp_path / "family", systems)
    assert evaluation.evaluate(folder, track, Choice(seeds=(5,)), places, hands)
    found = by_place(places.results)
    assert found.keys() == {"teacher@0", "teacher@3", "old@5", "student@5"}
    assert "teachers: elder teacher@0 teacher@3\n" in log_of(found["student@5"], places)
    assert found["old@5"].identity.entry == "elders"
    assert "elders" in found["old@5"].command
    assert found["student@5"].digests.teachers["elder"] == found["old@5"].key


def test_another_teacher_makes_another_student(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    """A student's key follows its teacher's, also where nothing of its own changed."""
    elders = entry(tmp_path / "elders", "[systems.old]\n")
    folder = entry(tmp_path / "family", '[systems.student]\nneeds = [{ system = "old", entry = "../elders" }]\n')
    evaluation.evaluate(folder, track, Choice(), places, hands)
    before = by_place(places.results)
    (elders / "submission.py").write_text((elders / "submission.py").read_text() + "\n# another\n")
    evaluation.evaluate(folder, track, Choice(), places, hands)
    after = by_place(places.results)
    assert after["old@0"].key != before["old@0"].key
    assert after["student@0"].key != before["student@0"].key


def test_a_failed_teacher_is_named_and_the_others_go_on(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    train = TAUGHT.replace("    print(", '    assert classifier.steps != 7, "lesson cancelled"\n    print(')
    systems = FAMILY.replace("width = 32", "steps = 7") + "\n[systems.alone]\n"
    folder = entry(tmp_path / "family", systems, train=train)
    assert not evaluation.evaluate(folder, track, Choice(), places, hands)
    found = by_place(places.results)
    assert found["teacher@0"].outcome is Outcome.CRASHED
    assert found["alone@0"].outcome is Outcome.OK
    assert "student@0" not in found
    said = capsys.readouterr()
    assert "Its teacher teacher, family/teacher (split 100, seed 0), ended as crashed." in said.err
    assert "skipped" in said.out


def test_a_teacher_that_fails_its_check_is_named(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = entry(tmp_path / "family", FAMILY.replace("width = 32", 'width = "wide"'))
    assert not evaluation.evaluate(folder, track, Choice(), places, hands)
    assert "family/teacher (split 100, seed 0), ended as refused" in capsys.readouterr().err


def test_a_student_whose_teacher_s_weights_are_gone_has_it_trained_again(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    folder = entry(tmp_path / "family", FAMILY + '\n[systems.other]\nneeds = ["teacher"]\n')
    evaluation.evaluate(folder, track, Choice(systems=("student",)), places, hands)
    before = by_place(places.results)
    shutil.rmtree(places.cache / "cells" / before["teacher@0"].key[:20])
    assert evaluation.evaluate(folder, track, Choice(systems=("other",)), places, hands)
    after = by_place(places.results)
    assert after["teacher@0"].digests == before["teacher@0"].digests
    assert after["student@0"] == before["student@0"]


def test_nothing_is_trained_again_for_students_that_have_their_results(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = entry(tmp_path / "family", FAMILY)
    evaluation.evaluate(folder, track, Choice(), places, hands)
    shutil.rmtree(places.cache / "cells")
    capsys.readouterr()
    assert evaluation.evaluate(folder, track, Choice(), places, hands)
    assert "nothing to do" in capsys.readouterr().err


def test_the_plan_is_drawn_with_teachers_below_their_students(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = entry(tmp_path / "family", FAMILY + '\n[systems.other]\nneeds = ["teacher"]\n')
    evaluation.evaluate(folder, track, Choice(systems=("student",)), places, hands)
    capsys.readouterr()
    evaluation.evaluate(folder, track, Choice(), places, hands, dry_run=True)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert lines[0][0] == "family/student"
    assert "finished" in lines[0]
    assert lines[1][:2] == ["└─", "family/teacher"]
    assert "finished" in lines[1]
    assert lines[2][0] == "family/other"
    assert lines[2][5:7] == ["to", "run"] or "run" in lines[2]
    assert lines[3][:2] == ["└─", "family/teacher"]
    assert lines[3][-2:] == ["as", "above"]
    assert lines[4][:4] == ["1", "cells", "to", "run:"]
    assert lines[5][:2] == ["training", "them:"]
    assert lines[5][-5:] == ["1", "cells", "do", "not", "tell", "their", "epochs"][-5:]


@pytest.mark.parametrize(
    ("systems", "problem"),
    [
        ('[systems.a]\nneeds = ["b"]\n[systems.b]\nneeds = ["a"]\n', "in a circle: a → b → a"),
        ('[systems.a]\nneeds = ["a"]\n', "in a circle: a → a"),
        ('[systems.a]\nneeds = ["B1"]\n[systems.b1]\n', 'no system "B1"'),
        ('[systems.a]\nneeds = [{ system = "b", entry = "../nobody" }]\n', "../nobody, which is not there"),
        ('[systems.a]\nneeds = ["b", { system = "c", name = "b" }]\n[systems.b]\n[systems.c]\n', "two teachers"),
        ('[systems.a]\nneeds = [{ system = "b", seeds = [1, 1] }]\n[systems.b]\n', "a seed stands twice"),
        ('[systems.a]\nneeds = [{ system = "b", sed = [1] }]\n[systems.b]\n', "sed"),
        ('[systems.a]\nneeds = "b"\n[systems.b]\n', "needs"),
    ],
)
def test_needs_that_cannot_be_met_are_refused_before_anything_is_trained(
    tmp_path: Path, track: str, places: Places, hands: Hands, systems: str, problem: str
) -> None:
    folder = entry(tmp_path / "family", systems)
    with pytest.raises(Mistake) as raised:
        evaluation.evaluate(folder, track, Choice(), places, hands)
    assert problem in str(raised.value)
    assert not places.results.exists() or not list(places.results.rglob("*.json"))


def test_two_entries_of_one_name_are_refused(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry(tmp_path / "elsewhere" / "family", "[systems.old]\n")
    needs = '[systems.a]\nneeds = [{ system = "old", entry = "../elsewhere/family" }]\n'
    with pytest.raises(Mistake, match="Two entries are called family"):
        evaluation.evaluate(entry(tmp_path / "family", needs), track, Choice(), places, hands)


def test_changed_fields_are_those_of_the_named_entry_only(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    entry(tmp_path / "elders", "[systems.old]\n")
    systems = '[systems.young]\n[systems.a]\nneeds = ["young", { system = "old", entry = "../elders" }]\n'
    folder = entry(tmp_path / "family", systems)
    choice = Choice(systems=("a",), settings={"steps": 2})
    assert evaluation.evaluate(folder, track, choice, places, hands)
    found = by_place(places.results)
    assert {name: one.config["steps"] for name, one in found.items()} == {"a@0": 2, "young@0": 2, "old@0": 5}
    assert "--set steps=2" in found["young@0"].command
    assert "--set" not in found["old@0"].command


KEEPING = TAUGHT.replace(
    "    print(",
    """    import numpy as np
    batches = list(data.batches(8))
    names = [data.names[row] for batch in batches for row in batch.rows]
    np.savez(run.work / "heard.npz", names=names, clips=torch.cat([batch.waveforms for batch in batches]).numpy())
    rest, held = data.holdout(0.5)
    assert sorted(rest.names + held.names) == sorted(data.names) and not set(rest.locations) & set(held.locations)
    print(""",
)


def test_no_test_clip_reaches_a_training(
    tmp_path: Path, tau_folder: Path, track: str, places: Places, hands: Hands
) -> None:
    """By name, by sound, and by what the training process is told; a teacher's as its student's, and held-out clips."""
    folder = entry(tmp_path / "family", FAMILY, train=KEEPING)
    assert evaluation.evaluate(folder, track, Choice(), places, hands)
    lists = tau_folder / "split_setup"
    training, test = (read_names(lists / name) for name in ("split100.csv", "test.csv"))
    tested = {soundfile.read(tau_folder / name, dtype="int16")[0][:200].tobytes() for name in test}
    for result in by_place(places.results).values():
        cell = places.cache / "cells" / result.key[:20]
        with np.load(cell / "work" / "heard.npz") as heard:
            assert set(heard["names"].tolist()) == training
            sounds = [np.round(clip[:200] * 32768).astype(np.int16) for clip in heard["clips"]]
        for sound in sounds:
            nearest = min(int(np.abs(sound.astype(int) - np.frombuffer(other, np.int16)).max()) for other in tested)
            assert nearest > 100  # a clip itself would differ by a step or two of its quantisation
        told = json.loads((cell / "train.job.json").read_text())
        assert told["test"] is None
        assert told["test_devices"] is None


def read_names(path: Path) -> set[str]:
    return {line.split("\t")[0] for line in path.read_text().splitlines()[1:]}


SNAPSHOTS = made.TRAIN.replace(
    "        run.progress(",
    "        if step > 26:\n            run.snapshot(classifier, step + 1)\n        run.progress(",
)


def test_snapshots_are_scored_beside_the_result(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    folder = made.entry_folder(tmp_path / "mine", train=SNAPSHOTS)
    assert evaluation.evaluate(folder, track, Choice(), places, hands)
    result = by_place(places.results)["S1@0"]
    assert list(result.snapshots) == [28, 29, 30]
    assert result.scores is not None
    assert result.snapshots[30].log_loss == result.scores.log_loss
    assert result.snapshots[28].log_loss != result.scores.log_loss
