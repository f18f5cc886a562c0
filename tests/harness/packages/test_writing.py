"""From trained systems to a package: what our validator reads without a fault, and what runs where we are not."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from harness import editions, entry, evaluation, results, tracks
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake
from harness.packages import asking, declared, judging, labels, vendoring, writing
from harness.packages.writing import Asked
from harness.plan import Choice
from harness.results import Result
from tests import made

DECLARED = """
[challenge]
name = "Made"
abbreviation = "made"

[[challenge.authors]]
last_name = "Erdős"
first_name = "P."
email = "p@example.org"
corresponding = true
affiliation = { institute = "Everywhere", abbreviation = "EW" }
"""

TWO_DEVICES = """
class Networks(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        make = lambda: nn.Sequential(nn.Linear(40, width), nn.Tanh(), nn.Linear(width, classes))
        self.general = make()
        self.own = nn.ModuleDict({"a": make(), "s1": make()})

    def forward(self, features):
        return self.general(features)


def build(config, task):
    classifier = Classifier(Energy(), Networks(config.width, task.n_classes), 8000)
    classifier.steps = 1
    return classifier
"""

BY_DEVICE = """
def predict(classifier, clips):
    features = classifier.frontend(clips.waveforms)
    networks = classifier.network
    rows = [networks.own[one] if one in networks.own else networks.general for one in clips.devices]
    return torch.cat([network(row[None]) for network, row in zip(rows, features)])
"""

AS_BUILT = "def train(classifier, data, run):\n    return classifier"

TEAM = "Erdos_EW_task1"


def toml(more: str = DECLARED) -> str:
    return made.TOML + more


@pytest.fixture
def track_2024(tmp_path: Path, tau_folder: Path) -> str:
    """A track with the five splits of 2024."""
    path = made.track_file(tmp_path / "tiny.toml", tau_folder)
    lists = "".join(f'{share} = "split50.csv"\n' for share in (5, 10, 25))
    path.write_text(path.read_text().replace("[splits]\n", f"[splits]\n{lists}"))
    return str(path)


@pytest.fixture
def track_2025(tmp_path: Path, tau_folder: Path) -> str:
    path = made.track_file(tmp_path / "tiny25.toml", tau_folder, edition="dcase2025")
    text = path.read_text().replace('default_splits = ["100"]\n', "")
    path.write_text(text.replace('50 = "split50.csv"\n', ""))
    return str(path)


def evaluation_set(folder: Path, tau: Path) -> Path:
    """Clips of the made data under numbers, with their devices; one device that nobody has heard."""
    (folder / "audio").mkdir(parents=True)
    (folder / "evaluation_setup").mkdir()
    rows = []
    for number, path in enumerate(sorted((tau / "audio").glob("*.wav"))[:24]):
        shutil.copy(path, folder / "audio" / f"{number}.wav")
        rows.append((f"audio/{number}.wav", "s9" if number == 3 else path.stem.rpartition("-")[2]))
    made.write_table(folder / "evaluation_setup" / "fold1_test.csv", ("filename", "device_id"), rows)
    return folder


def asked(folder: Path, track: str, places: Places, **fields: object) -> Asked:
    return replace(Asked(folder, track, Choice(), places, places.typed_in / "packages"), **fields)  # type: ignore[arg-type]


def trained(folder: Path, track: str, places: Places, hands: Hands, *splits: str) -> Path:
    assert evaluation.evaluate(folder, track, Choice(splits=splits), places, hands)
    return folder


def test_a_package_of_2024_passes_the_validator_and_says_what_was_measured(
    tmp_path: Path, track_2024: str, places: Places, hands: Hands
) -> None:
    folder = made.entry_folder(tmp_path / "mine", toml=toml())
    trained(folder, track_2024, places, hands, "5", "10", "25", "50", "100")
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7\n")
    written = writing.package(asked(folder, track_2024, places, report=tmp_path / "report.pdf"), hands)
    assert written.faults == ()
    assert written.archive.name == f"{TEAM}.rehearsal.zip"
    with zipfile.ZipFile(written.archive) as stream:
        assert stream.namelist() == [
            f"{TEAM}.technical_report.pdf",
            f"{TEAM}_1/{TEAM}_1.meta.yaml",
            *sorted(f"{TEAM}_1/{TEAM}_1.output.split_{share}.csv" for share in (5, 10, 25, 50, 100)),
        ]
        meta = yaml.safe_load(stream.read(f"{TEAM}_1/{TEAM}_1.meta.yaml"))
        table = stream.read(f"{TEAM}_1/{TEAM}_1.output.split_100.csv").decode().split("\n")
    assert meta["submission"]["authors"][0]["lastname"] == "Erdős"
    (record,) = (
        one for _, one in results.read_all([places.results]) if isinstance(one, Result) and one.identity.split == "100"
    )
    assert record.scores is not None
    assert record.complexity is not None
    block = meta["results"]["development_dataset"]["split_100"]
    assert block["overall"]["accuracy"] == pytest.approx(100 * record.scores.main, abs=0.005)
    assert meta["system"]["complexity"]["macs"] == record.complexity.official_macs
    right = sum(line.split("\t")[1] == line.split("-")[0] for line in table[1:-1])
    assert right / (len(table) - 2) == pytest.approx(record.scores.accuracy)  # type: ignore[union-attr]
    found = judging.judge(judging.Asked(written.archive, track_2024, Choice(), places, entry=folder), hands)
    assert found == []


def test_the_same_systems_give_the_same_zip(tmp_path: Path, track_2024: str, places: Places, hands: Hands) -> None:
    folder = made.entry_folder(tmp_path / "mine", toml=toml())
    trained(folder, track_2024, places, hands, "100")
    some = asked(folder, track_2024, places, choice=Choice(splits=("100",)))
    first = writing.package(some, hands)
    content = first.archive.read_bytes()
    assert [one.rule for one in first.faults if one.severity == "error"] == ["package.names"] * 4
    assert writing.package(some, hands).archive.read_bytes() == content


def test_declaring_trains_nothing_again(tmp_path: Path) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    before = entry.read(folder).digest
    (folder / "submission.toml").write_text(toml())
    assert entry.read(folder).digest == before
    (folder / "submission.toml").write_text(toml(DECLARED + "\n[systems.S2]\n"))
    assert entry.read(folder).digest != before
    assert declared.left_out(toml(DECLARED + "\n[systems.S2]\n")).endswith("[systems.S2]\n")


@pytest.mark.parametrize("more", ["", "# who we are\n"])
def test_a_comment_above_the_tables_is_part_of_them(more: str) -> None:
    assert declared.left_out(toml(f"\n{more}{DECLARED}")) == made.TOML


@pytest.mark.parametrize("text", ['challenge.name = "x"\n', 'text = """\n[challenge]\nx = 1\n"""\n', "[challenge\n"])
def test_what_cannot_be_left_out_for_certain_stays_in(text: str) -> None:
    assert declared.left_out(text) == text


@pytest.mark.parametrize(
    ("name", "part"),
    [("Erdős", "Erdos"), ("Łukasz", "Lukasz"), ("Sørensen", "Sorensen"), ("Strauß", "Strauss"),
     ("Martín-Morató", "MartinMorato"), ("de la Cruz", "delaCruz"), ("李", "")],
)  # fmt: skip
def test_names_become_parts_of_labels_and_modules(name: str, part: str) -> None:
    assert labels.name_part(name) == part


def test_a_package_of_2025_runs_alone_and_predicts_what_its_output_says(
    tmp_path: Path, track_2025: str, tau_folder: Path, places: Places, hands: Hands
) -> None:
    folder = made.entry_folder(tmp_path / "mine", build=TWO_DEVICES, train=AS_BUILT, predict=BY_DEVICE, toml=toml())
    (folder / "parts.py").write_text("NAMES = ('a', 's1')\n")
    source = (folder / "submission.py").read_text()
    (folder / "submission.py").write_text(f"{source}\nfrom .parts import NAMES\n")
    trained(folder, track_2025, places, hands)
    heard = evaluation_set(tmp_path / "evaluation", tau_folder)
    written = writing.package(asked(folder, track_2025, places, evaluation=heard), hands)
    assert written.archive.name == f"{TEAM}.zip"
    assert written.inference is not None
    words = judging.Asked(
        written.archive, track_2025, Choice(), places, evaluation=heard, entry=folder, inference=written.inference
    )
    assert [one.rule for one in judging.judge(words, hands)] == ["package.report"]
    meta = yaml.safe_load((written.archive.parent / TEAM / f"{TEAM}_1" / f"{TEAM}_1.meta.yaml").read_text())
    one_device = 40 * 8 + 8 + 8 * 3 + 3
    assert meta["system"]["complexity"]["total_parameters"] == one_device
    _require_alone(written.inference, heard, written.archive.parent)


def _require_alone(package: Path, heard: Path, out: Path) -> None:
    """Imports and predicts in a process that knows nothing of this project, and compares with the output."""
    with (heard / "evaluation_setup" / "fold1_test.csv").open() as stream:
        clips = [(str(heard / row["filename"]), row["device_id"]) for row in csv.DictReader(stream, delimiter="\t")]
    asking_it = (
        "import importlib, json, sys\n"
        "class Nobody:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('harness', 'baselines', 'submissions'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, Nobody())\n"
        f"sys.path.insert(0, {str(package)!r})\n"
        f"module = importlib.import_module('{TEAM}.{TEAM}_1')\n"
        f"clips = {clips!r}\n"
        "logits, order = module.predict([c for c, _ in clips], [d for _, d in clips], use_cuda=False)\n"
        "print(json.dumps([order, [one.tolist() for one in logits]]))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", asking_it], capture_output=True, text=True, check=True, cwd="/")
    order, logits = json.loads(done.stdout)
    with (out / TEAM / f"{TEAM}_1" / f"{TEAM}_1.output.csv").open() as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["filename"] for row in rows] == [f"audio/{Path(file).name}" for file, _ in clips]
    wanted = np.array([[float(row[name]) for name in order] for row in rows])
    assert np.abs(torch.softmax(torch.tensor(logits), 1).numpy() - wanted).max() < 1e-4


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("    return logits, list(CLASS_ORDER)", "    return logits, ['x']", "package.inference"),
        ("import soundfile", "import soundfile_that_is_not_there", "package.inference"),
        ("    logits = [by_device", "    logits = [-by_device", "package.complexity"),
        ("[0].float().cpu() for", ".float().cpu().mean() for", "package.inference"),
        ("        return entry.predict(", "        return 3 * entry.predict(", "package.predictions"),
    ],
    ids=["classes", "imports", "costs", "shapes", "predictions"],
)
def test_an_inference_package_that_says_otherwise_is_refused(
    tmp_path: Path, track_2025: str, tau_folder: Path, places: Places, hands: Hands, old: str, new: str, rule: str
) -> None:
    folder = made.entry_folder(tmp_path / "mine", toml=toml(), train=AS_BUILT)
    trained(folder, track_2025, places, hands)
    heard = evaluation_set(tmp_path / "evaluation", tau_folder)
    written = writing.package(asked(folder, track_2025, places, evaluation=heard), hands)
    assert written.inference is not None
    module = written.inference / TEAM / f"{TEAM}_1.py"
    assert old in module.read_text()
    module.write_text(module.read_text().replace(old, new))
    words = judging.Asked(written.archive, track_2025, Choice(), places, evaluation=heard, inference=written.inference)
    assert rule in {one.rule for one in judging.judge(words, hands)}


@pytest.mark.parametrize(
    ("more", "fields", "rule"),
    [
        ("", {}, "package.declared"),
        (DECLARED, {"report": Path("nowhere.pdf")}, "package.report"),
        (DECLARED, {"track": "esc10"}, "package.edition"),
        (DECLARED.replace("Erdős", "李"), {}, "package.label"),
        (DECLARED, {"choice": Choice(seeds=(0, 1))}, "package.seed"),
        (DECLARED + "".join(f"\n[systems.X{n}]\n" for n in range(4)), {}, "package.systems"),
        (DECLARED + '\n[systems.T]\nrole = "teacher"\n', {"choice": Choice(systems=("T",))}, "package.systems"),
        (DECLARED, {}, "trained.missing"),
        (DECLARED.replace("true", "false"), {}, "entry.fields"),
        (f"{DECLARED}\n[challenge.systems.S9]\n", {}, "package.declared"),
    ],
    ids=[
        "declared",
        "report",
        "edition",
        "label",
        "seed",
        "many",
        "teacher",
        "untrained",
        "nobody",
        "a system that is none",
    ],
)
def test_what_cannot_be_packaged_is_refused_in_a_sentence(
    tmp_path: Path, track_2024: str, places: Places, hands: Hands, more: str, fields: dict[str, Any], rule: str
) -> None:
    folder = made.entry_folder(tmp_path / "mine", toml=toml(more))
    given = {**fields}
    track = str(given.pop("track", track_2024))
    with pytest.raises(Mistake) as refused:
        writing.package(asked(folder, track, places, **given), hands)
    assert refused.value.rule == rule
    assert not list(places.typed_in.glob("packages/*"))


def test_an_evaluation_set_without_its_list_is_refused(
    tmp_path: Path, track_2025: str, tau_folder: Path, places: Places, hands: Hands
) -> None:
    folder = made.entry_folder(tmp_path / "mine", toml=toml(), train=AS_BUILT)
    trained(folder, track_2025, places, hands)
    with pytest.raises(Mistake, match="has no evaluation_setup"):
        writing.package(asked(folder, track_2025, places, evaluation=tmp_path), hands)
    heard = evaluation_set(tmp_path / "evaluation", tau_folder)
    (heard / "audio" / "7.wav").unlink()
    with pytest.raises(Mistake, match=r"7\.wav does not exist"):
        writing.package(asked(folder, track_2025, places, evaluation=heard), hands)


@pytest.mark.parametrize(
    ("text", "turned"),
    [
        ("from baselines import half_precision", "from t.code.baselines import half_precision"),
        ("from harness.contract import Clips", "from t.code.harness.contract import Clips"),
        ("import baselines.processes as p", "import t.code.baselines.processes as p"),
        ("x = 'é'; from baselines.models import build", "x = 'é'; from t.code.baselines.models import build"),
        ("def f():\n    from baselines import a as b", "def f():\n    from t.code.baselines import a as b"),
        ("from .parts import A", "from .parts import A"),
        ("import torch", "import torch"),
        ("from  baselines import a", "from t.code.baselines import a"),
        ("from\tharness.contract import Clips", "from t.code.harness.contract import Clips"),
    ],
)
def test_imports_are_turned_to_where_the_code_lies(text: str, turned: str) -> None:
    assert vendoring.turned(text, "t.code", "x.py") == turned


@pytest.mark.parametrize(
    "text",
    [
        "import baselines.processes",
        "from harness import plan",
        "import harness.cell as c",
        "from \\\n baselines import a",
    ],
)
def test_imports_that_cannot_be_taken_along_are_refused(text: str) -> None:
    with pytest.raises(Mistake) as refused:
        vendoring.turned(f"import os\n{text}", "t.code", "x.py")
    assert refused.value.rule == "package.imports"
    assert "x.py, line 2" in refused.value.problem


@pytest.mark.parametrize("folder", ["baselines/systems/dcase2025", "submissions/cpjku", "submissions/cmkd"])
def test_the_code_of_a_real_entry_can_be_taken_along(folder: str) -> None:
    files = vendoring.sources(vendoring.PROJECT / folder)
    for name, path in files.items():
        if path.suffix == ".py":
            text = vendoring.turned(path.read_text(), "t.code", name)
            assert "from baselines" not in text
            assert "from harness" not in text
    assert "torch==2.11" in " ".join(vendoring.requirements(files))


def test_every_edition_says_what_its_package_holds() -> None:
    for name in editions.names():
        package = editions.load(name).package
        assert package.outputs.value
        assert package.outputs.source
    assert asking.DEVICES[:3] == ("a", "b", "c")
    assert tracks.load("dcase2025-task1")[0].device_revealed
