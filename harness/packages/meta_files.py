"""The meta file as text: written so that it can be read again, and read so that every fault has its line and key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from harness.editions import Edition
from harness.outcomes import nearest
from harness.packages.faults import Fault, Faults
from harness.packages.meta import Meta, model
from harness.validated import valid_names

DEEPEST = 12
"""Levels of indentation: the template has five."""


def text(meta: dict[str, Any]) -> bytes:
    """The meta file, keys in the order of the template."""
    return str(yaml.safe_dump(meta, sort_keys=False, allow_unicode=True, width=100)).encode()


def read(content: str, file: str, edition: Edition, faults: Faults) -> Meta | None:
    """The record in a meta file; None, and its faults with line and key, where it does not fit."""
    node = _composed(content, file, faults)
    if node is None or not _plain(node, file, faults):
        return None
    lines = dict(_lines(node))
    try:
        return model(edition).model_validate(yaml.safe_load(content))
    except ValidationError as error:
        for item in error.errors():
            faults.add(_misfit(item["loc"], item["type"], item["msg"], file, lines, edition))
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        faults.add(Fault("package.yaml", file, f"holds a value that cannot be read ({error}).", "Correct it."))
    return None


def key_line(content: str, key: Sequence[str]) -> int | None:
    """The line of a key in a meta file that can be read."""
    node = yaml.compose(content, Loader=yaml.SafeLoader)
    return dict(_lines(node)).get(tuple(key)) if node else None


def _composed(content: str, file: str, faults: Faults) -> yaml.Node | None:
    """The tree of the file; None, and a fault at the line, where it is no YAML."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, Loader=yaml.SafeLoader)):
            faults.add(Fault("package.yaml", file, "refers to a part of itself (*).", "Write each value out."))
            return None
        node = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        column = f", column {mark.column + 1}" if mark else ""
        what = " ".join(str(error.problem or error.context or "cannot be read").split())
        problem = f"is no YAML{column}: {what}."
        remedy = "Indent by two spaces a level, never by tabs; items of a list begin with - at one column."
        faults.add(Fault("package.yaml", file, problem, remedy, line=line))
        return None
    except (yaml.YAMLError, RecursionError) as error:
        faults.add(Fault("package.yaml", file, f"is no YAML ({type(error).__name__}).", "Begin with the template."))
        return None
    if not isinstance(node, yaml.MappingNode):
        faults.add(Fault("package.yaml", file, "has no keys.", "Begin with the template.", line=1))
        return None
    return node


def _plain(node: yaml.Node, file: str, faults: Faults, depth: int = 0) -> bool:
    """Whether a tree is as shallow as the template, and has each key once."""
    if depth > DEEPEST:
        line = node.start_mark.line + 1
        faults.add(Fault("package.yaml", file, "is nested too deeply.", "Begin with the template.", line=line))
        return False
    fine = True
    seen: dict[str, int] = {}
    for key, child in _children(node):
        if key is not None:
            line = key.start_mark.line + 1
            if key.value in seen:
                problem = f'"{key.value}" stands in line {seen[key.value]} already.'
                faults.add(Fault("package.yaml", file, problem, "Keep one.", line=line, key=str(key.value)))
                fine = False
            seen[str(key.value)] = line
        fine = _plain(child, file, faults, depth + 1) and fine
    return fine


def _children(node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode | None, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key if isinstance(key, yaml.ScalarNode) else None, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((None, one) for one in node.value)


def _lines(node: yaml.Node, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    """Line by key, for every key of a tree; items of lists are called 0, 1, 2."""
    for number, (key, child) in enumerate(_children(node)):
        name = str(key.value) if key is not None else str(number)
        yield (*place, name), (key or child).start_mark.line + 1
        yield from _lines(child, (*place, name))


def _misfit(
    location: Sequence[int | str], kind: str, message: str, file: str, lines: dict[tuple[str, ...], int],
    edition: Edition,
) -> Fault:  # fmt: skip
    # Where a key may hold a record or nothing, pydantic adds the record's name to the place.
    place = tuple(str(part) for part in location)
    while place and place not in lines and kind != "missing":
        place = place[:-1]
    own = tuple(str(part) for part in location) if kind == "missing" else place
    line = lines.get(own) or next((lines[own[:n]] for n in range(len(own) - 1, 0, -1) if own[:n] in lines), None)
    key = ".".join(own) or None
    if kind == "extra_forbidden":
        names = valid_names(location, model(edition))
        problem, remedy = "is no key of the template.", nearest(str(location[-1]), names)
    elif kind == "missing":
        problem, remedy = "is missing.", "Add it; !!null where there is nothing to say."
    else:
        problem, remedy = f"{message[:1].lower()}{message[1:].rstrip('.')}.", "Correct the value."
    return Fault("package.meta", file, problem, remedy, line=line, key=key)
