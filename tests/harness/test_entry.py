"""An entry's folder is read without being run, refused with reasons, and known by what its files hold."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness import entry
from harness.outcomes import Mistake
from tests import made

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED = ["baselines/systems/dcase2024", "baselines/systems/linear", "submissions/_template"]


def refusal(folder: Path) -> Mistake:
    with pytest.raises(Mistake) as caught:
        entry.read(folder)
    return caught.value


def source_names(folder: Path) -> set[str]:
    return {name for name, _ in entry._sources(folder)}


@pytest.fixture
def fake_baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `baselines` package of four modules in place of the project's: net imports layers, other stands alone."""
    package = tmp_path / "path" / "baselines"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "models" / "__init__.py").write_text("")
    (package / "models" / "net.py").write_text("from baselines import layers\n")
    (package / "layers.py").write_text("WIDTH = 1\n")
    (package / "other.py").write_text("WIDTH = 2\n")
    monkeypatch.syspath_prepend(str(package.parent))
    for name in [name for name in sys.modules if name.partition(".")[0] == "baselines"]:
        monkeypatch.delitem(sys.modules, name)
    return package


@pytest.mark.parametrize("place", SHIPPED)
def test_a_shipped_entry_is_in_order(place: str) -> None:
    found = entry.read(PROJECT / place)
    assert found.name == Path(place).name
    assert found.folder == PROJECT / place
    assert {"demo", "dcase2024-task1"} <= set(found.submission.tracks)
    assert len(found.digest) == 64


def test_systems_of_the_template_are_read_with_their_fields() -> None:
    found = entry.read(PROJECT / "submissions/_template")
    assert list(found.submission.systems) == ["S1", "S2"]
    assert found.system("S2").config == {"channels": 20}
    assert found.submission.presets == {"demo": {"epochs": 5}}


def test_an_unknown_system_is_answered_with_the_nearest_name() -> None:
    found = entry.read(PROJECT / "baselines/systems/dcase2024")
    with pytest.raises(Mistake, match=r'dcase2024 has no system "base-line"\. Did you mean "baseline"\?') as caught:
        found.system("base-line")
    assert caught.value.rule == "entry.system"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    mistake = refusal(tmp_path / "nowhere")
    assert mistake.rule == "entry.folder"
    assert "nowhere is not a folder" in mistake.problem


def test_a_file_in_place_of_the_folder_is_refused() -> None:
    assert refusal(PROJECT / "submissions/_template/submission.py").rule == "entry.folder"


@pytest.mark.parametrize("name", ["submission.toml", "submission.py"])
def test_a_folder_without_one_of_the_two_files_is_told_which(tmp_path: Path, name: str) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    (folder / name).unlink()
    mistake = refusal(folder)
    assert mistake.rule == "entry.missing"
    assert f"{name} does not exist" in mistake.problem


@pytest.mark.parametrize("name", ["build", "train", "predict"])
def test_a_missing_function_is_named(tmp_path: Path, name: str) -> None:
    folder = made.entry_folder(tmp_path / "mine", **{name: ""})  # type: ignore[arg-type]
    mistake = refusal(folder)
    assert mistake.rule == "entry.names"
    assert f"does not define the function {name}." in mistake.problem
    assert "harness/contract.py" in mistake.remedy


def test_a_missing_config_is_called_a_class_and_a_near_name_is_offered(tmp_path: Path) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    path = folder / "submission.py"
    path.write_text(path.read_text().replace("class Config(", "class Confg("))
    assert 'does not define the class Config. Did you mean "Confg"?' in refusal(folder).problem


@pytest.mark.parametrize(
    "predict",
    [
        "from math import sin as predict",
        "predict = train",
        "class predict: ...",
        "predict: object = train",
        "if True:\n    def predict(classifier, clips): ...",
        "try:\n    from math import predict\nexcept ImportError:\n    def predict(classifier, clips): ...",
    ],
)
def test_a_name_that_python_would_define_is_found_however_it_is_written(tmp_path: Path, predict: str) -> None:
    assert entry.read(made.entry_folder(tmp_path / "mine", predict=predict)).name == "mine"


def test_a_name_inside_a_function_or_a_class_does_not_count(tmp_path: Path) -> None:
    inner = "class Model:\n    def predict(self, clips): ...\ndef outer():\n    def predict(): ...\n"
    assert refusal(made.entry_folder(tmp_path / "mine", predict=inner)).rule == "entry.names"


def test_a_syntax_error_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    (folder / "submission.py").write_text("import torch\n\ndef build(config, task)\n    return 1\n")
    mistake = refusal(folder)
    assert mistake.rule == "entry.syntax"
    assert "submission.py, line 3: expected ':'." in mistake.problem


def test_a_syntax_error_in_another_module_of_the_entry_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    (folder / "layers.py").write_text("x = (\n")
    mistake = refusal(folder)
    assert mistake.rule == "entry.syntax"
    assert "layers.py, line 1" in mistake.problem


def test_a_null_byte_in_the_source_is_a_mistake_of_the_author(tmp_path: Path) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    with (folder / "submission.py").open("ab") as stream:
        stream.write(b"\0")
    assert refusal(folder).rule.startswith("entry.")


def test_source_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    with (folder / "submission.py").open("ab") as stream:
        stream.write("# Caf\xe9".encode("latin-1"))
    assert refusal(folder).rule == "entry.encoding"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("description", "descriptoin", 'line 3, unknown key "descriptoin". Did you mean "description"?'),
        ("affiliation", "afiliation", 'line 9, unknown key "authors.0.afiliation". Did you mean "affiliation"?'),
        ("[systems.S1]", "[systems.S1]\nrolle = 'x'", 'line 12, unknown key "systems.S1.rolle". Did you mean "role"?'),
        ("[systems.S1]", "", "there is no system: add a table [systems.S1]"),
        ('title = "Made for a test"', 'title = ""', 'line 2, key "title": string should have at least 1 character'),
        ('["tiny"]', "[]", 'line 5, key "tracks"'),
        ('external_data = "none"', "", 'the key "external_data" is missing'),
        ("[systems.S1]", '[systems."S/1"]', 'key "systems.S/1.[key]"'),
    ],
)
def test_a_toml_that_does_not_fit_is_refused_by_key(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in made.TOML
    mistake = refusal(made.entry_folder(tmp_path / "mine", toml=made.TOML.replace(old, new)))
    assert mistake.rule == "entry.fields"
    assert expected in mistake.problem


def test_nothing_of_an_entry_is_run_when_it_is_read(tmp_path: Path) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    path = folder / "submission.py"
    path.write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n" + path.read_text())
    entry.read(folder)
    assert not (tmp_path / "ran").exists()


def test_the_digest_follows_the_content_of_every_file_and_not_the_place(tmp_path: Path) -> None:
    first = entry.read(made.entry_folder(tmp_path / "one" / "mine")).digest
    other = made.entry_folder(tmp_path / "two" / "mine")
    assert entry.read(other).digest == first
    digests = [first]
    for name in ("submission.toml", "submission.py"):
        with (other / name).open("a") as stream:
            stream.write("\n# a remark\n")
        digests.append(entry.read(other).digest)
    (other / "weights").mkdir()
    (other / "weights" / "net.bin").write_bytes(b"\0\1")
    digests.append(entry.read(other).digest)
    (other / "weights" / "net.bin").write_bytes(b"\0\2")
    digests.append(entry.read(other).digest)
    assert len(set(digests)) == 5


def test_what_python_caches_does_not_change_the_digest(tmp_path: Path) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    before = entry.read(folder).digest
    (folder / "parts").mkdir()
    for place in (folder, folder / "parts"):
        (place / "__pycache__").mkdir()
        (place / "__pycache__" / "submission.cpython-311.pyc").write_bytes(b"\0\1")
    assert entry.read(folder).digest == before


def test_the_sources_of_a_system_are_its_files_and_the_baselines_it_imports() -> None:
    assert source_names(PROJECT / "baselines/systems/dcase2024") >= {
        "entry/submission.py",
        "entry/submission.toml",
        "baselines.augmentations",
        "baselines.frontends",
        "baselines.half_precision",
        "baselines.models.cp_mobile",
        "baselines.pretrained",
        "baselines.training",
    }


def test_a_baselines_module_that_is_not_imported_is_no_source() -> None:
    names = source_names(PROJECT / "baselines/systems/linear")
    assert "baselines.frontends" in names
    assert names.isdisjoint({"baselines.models.cp_mobile", "baselines.augmentations", "baselines.training"})


def test_names_of_sources_point_at_their_files() -> None:
    for name, path in entry._sources(PROJECT / "baselines/systems/dcase2024"):
        if name.startswith("baselines."):
            assert path in {
                PROJECT / (name.replace(".", "/") + ".py"),
                PROJECT / name.replace(".", "/") / "__init__.py",
            }


@pytest.mark.parametrize(
    ("statement", "file", "changes"),
    [
        ("from baselines.models import net", "models/net.py", True),
        ("import baselines.models.net", "models/net.py", True),
        ("def f():\n    from baselines.models.net import x", "models/net.py", True),
        ("from baselines.models import net", "layers.py", True),  # imported by net, not by the entry
        ("from baselines.models import net", "other.py", False),
        ("from baselines import other", "other.py", True),
        ("from baselines import other", "__init__.py", True),
        ("import baselines.models.net", "models/__init__.py", True),  # Python runs it on the way
        ("import math", "models/net.py", False),
    ],
)
def test_the_digest_changes_with_the_baselines_files_that_are_imported(
    tmp_path: Path, fake_baselines: Path, statement: str, file: str, changes: bool
) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    (folder / "submission.py").write_text(f"{statement}\n{(folder / 'submission.py').read_text()}")
    before = entry.read(folder).digest
    (fake_baselines / file).write_text("WIDTH = 3\nfrom baselines import layers\n")
    assert (entry.read(folder).digest != before) is changes


@pytest.mark.parametrize(
    ("statement", "file", "changes"),
    [
        ("from baselines.models.net import x", "other.py", False),  # the front door is passed, not called
        ("from baselines.models import net", "other.py", False),
        ("from baselines.models import build", "other.py", True),
        ("import baselines.models", "other.py", True),
        ("from baselines.models.net import x", "layers.py", True),  # the front door imports it when it is passed
        ("from baselines.models.net import x\nfrom baselines.models import build", "other.py", True),
        ("from baselines.models import build\nfrom baselines.models.net import x", "other.py", True),
    ],
)
def test_what_a_package_s_functions_import_counts_where_they_can_be_called(
    tmp_path: Path, fake_baselines: Path, statement: str, file: str, changes: bool
) -> None:
    (fake_baselines / "models" / "catalogue.py").write_text(
        "from baselines import layers\ndef build():\n    from baselines import other\n"
    )
    (fake_baselines / "models" / "__init__.py").write_text("from baselines.models.catalogue import build\n")
    (fake_baselines / "models" / "net.py").write_text("")
    folder = made.entry_folder(tmp_path / "mine")
    (folder / "submission.py").write_text(f"{statement}\n{(folder / 'submission.py').read_text()}")
    before = entry.read(folder).digest
    (fake_baselines / file).write_text("WIDTH = 3\n")
    assert (entry.read(folder).digest != before) is changes


def test_a_network_that_is_not_imported_is_no_source() -> None:
    names = source_names(PROJECT / "baselines/systems/dcase2024")
    assert "baselines.models.catalogue" in names
    assert names.isdisjoint({"baselines.models.passt", "baselines.models.densenet"})


def test_a_module_of_an_inner_file_of_the_entry_counts_too(tmp_path: Path, fake_baselines: Path) -> None:
    folder = made.entry_folder(tmp_path / "mine")
    (folder / "parts").mkdir()
    (folder / "parts" / "head.py").write_text("from baselines import other\n")
    before = entry.read(folder).digest
    (fake_baselines / "other.py").write_text("WIDTH = 3\n")
    assert entry.read(folder).digest != before
