"""A result says by which commit, packages and hardware it was made, and by nobody."""

from __future__ import annotations

import getpass
import platform
import re
import socket
from importlib.metadata import version
from pathlib import Path

import git
import pytest

from harness import provenance
from harness.results import Provenance


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> git.Repo:
    """A repository with one commit of three files."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    folder = tmp_path / "project"
    (folder / "reports" / "results").mkdir(parents=True)
    (folder / "harness").mkdir()
    for name in ("README.md", "harness/a.py", "reports/results/old.json"):
        (folder / name).write_text("old")
    repository = git.Repo.init(folder)
    with repository.config_writer() as config:
        config.set_value("user", "name", "N. Obody")
        config.set_value("user", "email", "nobody@example.org")
    repository.git.add(all=True)
    repository.git.commit(message="First")
    return repository


def folder_of(repository: git.Repo) -> Path:
    return Path(repository.working_dir)


def test_a_clean_tree_has_its_commit_and_is_not_dirty(repository: git.Repo) -> None:
    expected = (repository.git.rev_parse("HEAD"), False)
    assert provenance.commit_of(folder_of(repository)) == expected
    assert provenance.commit_of(folder_of(repository) / "harness") == expected


@pytest.mark.parametrize("name", ["README.md", "harness/a.py", "harness/new.py", "reports.py"])
@pytest.mark.parametrize("place", [".", "harness", "reports"])
def test_a_changed_or_new_file_makes_the_tree_dirty_wherever_the_run_starts(
    repository: git.Repo, name: str, place: str
) -> None:
    (folder_of(repository) / name).write_text("new")
    assert provenance.commit_of(folder_of(repository) / place) == (repository.head.commit.hexsha, True)


def test_a_removed_or_staged_file_makes_the_tree_dirty(repository: git.Repo) -> None:
    (folder_of(repository) / "README.md").unlink()
    assert provenance.commit_of(folder_of(repository))[1] is True
    repository.git.add(all=True)
    assert provenance.commit_of(folder_of(repository))[1] is True


@pytest.mark.parametrize("place", [".", "harness", "reports/results"])
def test_what_a_run_writes_under_reports_does_not_make_the_tree_dirty(repository: git.Repo, place: str) -> None:
    (folder_of(repository) / "reports" / "results" / "old.json").write_text("new")
    (folder_of(repository) / "reports" / "new.json").write_text("new")
    assert provenance.commit_of(folder_of(repository) / place)[1] is False


def test_a_new_commit_is_another_commit(repository: git.Repo) -> None:
    before, _ = provenance.commit_of(folder_of(repository))
    repository.git.commit(message="Second", allow_empty=True)
    after, _ = provenance.commit_of(folder_of(repository))
    assert before != after == repository.git.rev_parse("HEAD")


def test_without_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert provenance.commit_of(tmp_path) == (None, None)
    assert provenance.commit_of(tmp_path / "nowhere") == (None, None)


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git.Repo.init(tmp_path)
    assert provenance.commit_of(tmp_path) == (None, None)


def test_a_bare_repository_has_no_tree_to_describe(repository: git.Repo, tmp_path: Path) -> None:
    repository.clone(str(tmp_path / "bare.git"), bare=True)
    assert provenance.commit_of(tmp_path / "bare.git") == (None, None)


def test_versions_are_those_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert provenance.package_versions() == {name: version(name) for name in provenance.PACKAGES}
    monkeypatch.setattr(provenance, "PACKAGES", ("torch", "there-is-no-such-package"))
    assert provenance.package_versions()["there-is-no-such-package"] == "absent"


def test_the_description_is_of_this_machine_and_comes_back(repository: git.Repo) -> None:
    found = provenance.describe(folder_of(repository))
    assert Provenance.model_validate_json(found.model_dump_json()) == found
    assert found.python == platform.python_version()
    assert found.git_commit == repository.head.commit.hexsha
    cores, memory = found.hardware["cores"], found.hardware["memory_gib"]
    assert isinstance(cores, int)
    assert cores >= 1
    assert isinstance(memory, float)
    assert memory > 0.1


def test_the_description_names_no_host_user_or_folder(repository: git.Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "secret-host")
    monkeypatch.setattr(platform, "node", lambda: "secret-host")
    monkeypatch.setenv("USER", "secret-user")
    monkeypatch.setenv("LOGNAME", "secret-user")
    provenance.describe.cache_clear()
    text = provenance.describe(folder_of(repository)).model_dump_json()
    assert "secret" not in text
    assert str(folder_of(repository)) not in text
    assert "Obody" not in text


def test_the_true_names_of_host_and_user_stand_nowhere_as_words(repository: git.Repo) -> None:
    provenance.describe.cache_clear()
    text = provenance.describe(folder_of(repository)).model_dump_json()
    for name in {socket.gethostname(), platform.node(), getpass.getuser()}:
        assert not re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", text), name
