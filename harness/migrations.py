"""Migrations: records of older schemas, put as the present one has them. One short function a version.

1 to 2: `complexity.uncounted` is gone. It listed operators that nobody could count; since rules version 2 a system with
such an operator is refused, so a result that has some is shown and not ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Document = dict[str, Any]


def migrated(found: Document) -> Document:
    """The record of an older schema as the present one has it; any other document as it is."""
    while isinstance(version := found.get("schema_version"), int) and version in STEPS:
        found = {**STEPS[version](found), "schema_version": version + 1}
    return found


def _without_uncounted(found: Document) -> Document:
    costs = found.get("complexity")
    if not isinstance(costs, dict):
        return found
    kept = {name: value for name, value in costs.items() if name != "uncounted"}
    operators = costs.get("uncounted")
    if not operators:
        return {**found, "complexity": kept}
    reasons = [*(found.get("unofficial_because") or ()), f"operators were not counted: {', '.join(sorted(operators))}"]
    return {**found, "complexity": kept, "official": False, "unofficial_because": reasons}


STEPS: Mapping[int, Callable[[Document], Document]] = {1: _without_uncounted}
"""From a schema to the next one."""
