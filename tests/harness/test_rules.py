"""Every rule has an id, one text, one check, and one bad example that meets it."""

from __future__ import annotations

import ast
import importlib
import re
from functools import reduce
from pathlib import Path

import pytest

from harness import evaluation, results
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake
from harness.plan import Choice
from harness.rules import ENTRY_RULES, EVERY, PACKAGE_RULES, REGRESSION_RULES, Rule, page
from tests import made

PROJECT = Path(__file__).resolve().parents[2]
BAD_ENTRIES = (PROJECT / "tests/harness/test_bad_entries.py").read_text()

ABOUT_ENTRIES = ("config", "contract", "count", "entry", "limits", "needs", "predict", "speed", "stage", "weights")
ABOUT_COMMANDS = {
    "entry.folder", "entry.system", "entry.preset", "entry.changed", "entry.missing", "entry.encoding",
    "entry.unreadable", "needs.names",
}  # fmt: skip
"""Ids that say what is wrong with a command line or a disk, not with an entry."""

ABOUT_TYPING = {
    "package.edition", "package.declared", "package.systems", "package.split", "package.seed", "package.result",
    "package.evaluation", "package.imports", "regression.git", "regression.revision", "regression.folder",
    "regression.accept",
}  # fmt: skip
"""The same of packages and changes."""


def broken(rule: Rule, folder: Path) -> Path:
    """An entry that is in order but for the rule's example."""
    if rule.id == "entry.names":
        return made.entry_folder(folder, predict=rule.example)
    entry = made.entry_folder(folder)
    toml, source = entry / "submission.toml", entry / "submission.py"
    if rule.id == "entry.fields":
        toml.write_text(f"{rule.example}\n{toml.read_text()}")
    elif rule.example.startswith("["):
        toml.write_text(toml.read_text().replace("[systems.S1]", rule.example))
    else:
        source.write_text(f"{source.read_text()}\n\n{rule.example}\n")
    return entry


@pytest.mark.parametrize(
    "rule", [rule for rule in ENTRY_RULES if not rule.id.startswith(("stage.", "speed."))], ids=lambda rule: rule.id
)
def test_a_rule_refuses_its_bad_example(rule: Rule, tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = broken(rule, tmp_path / "mine")
    try:
        assert not evaluation.evaluate(entry, track, Choice(), places, hands)
    except Mistake as mistake:
        met = mistake.rule
    else:
        failures = [one for path, one in results.read_all([places.results]) if path.name.endswith(".failure.json")]
        met = failures[0].reason.rule  # type: ignore[union-attr]
    assert met == rule.id


@pytest.mark.parametrize(
    "rule", [rule for rule in ENTRY_RULES if rule.id.startswith("stage.")], ids=lambda rule: rule.id
)
def test_the_bad_examples_about_stages_are_walked_among_the_bad_entries(rule: Rule) -> None:
    lines = [line.strip() for line in rule.example.splitlines()[1:]]
    assert all(
        any(part in BAD_ENTRIES for part in (line, line.split(":")[0])) for line in lines if "return" not in line
    )


def test_rules_about_speed_are_met_by_attacks() -> None:
    met = (PROJECT / "tests/harness/throughput/test_attacks.py").read_text()
    met += (PROJECT / "tests/harness/throughput/test_honesty.py").read_text()
    assert [rule.id for rule in ENTRY_RULES if rule.id.startswith("speed.") and f'"{rule.id}"' not in met] == []


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_a_rule_has_a_check_that_exists_or_the_mark_that_people_look_at_it(rule: Rule) -> None:
    if rule.by_review:
        assert rule.id.startswith("review.")
        return
    module, _, function = rule.check.partition(":")
    assert callable(reduce(getattr, function.split("."), importlib.import_module(module)))


def ids_in_the_code() -> set[str]:
    """Every string in harness/ that looks like the id of a rule about entries."""
    found = set()
    for path in (PROJECT / "harness").rglob("*.py"):
        if path.name not in {"entries.py", "page.py"}:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    top, dot, rest = node.value.partition(".")
                    if dot and top in ABOUT_ENTRIES and rest.replace("_", "").isalpha() and rest.islower():
                        found.add(node.value)
    return found


def test_every_refusal_of_an_entry_stands_in_the_rules() -> None:
    ids = [rule.id for rule in ENTRY_RULES]
    assert len(set(ids)) == len(ids)
    assert ids_in_the_code() - ABOUT_COMMANDS - set(ids) == set()


def test_the_page_of_rules_is_the_one_that_is_made_from_them() -> None:
    made_now = page.page()
    assert (PROJECT / "docs/rules.md").read_text() == made_now, "run: python -m harness rules > docs/rules.md"
    assert all(f"### {rule.id}\n\n{rule.text}" in made_now for rule in EVERY)


@pytest.mark.parametrize(
    ("folder", "top", "rules"),
    [("packages", "package", PACKAGE_RULES), ("regression", "regression", REGRESSION_RULES)],
    ids=["packages", "regression"],
)
def test_every_id_of_a_message_stands_in_the_rules_and_the_other_way_round(
    folder: str, top: str, rules: tuple[Rule, ...]
) -> None:
    text = "\n".join(path.read_text() for path in (PROJECT / "harness" / folder).rglob("*.py"))
    used = set(re.findall(rf'"({top}\.[a-z_]+)"', text))
    assert {rule.id for rule in rules} == used - ABOUT_TYPING


def test_no_two_rules_have_one_id() -> None:
    assert len({rule.id for rule in EVERY}) == len(EVERY)
