"""An entry's code as a module: imported by path, its configuration validated, its classifier built."""

from __future__ import annotations

import importlib.util
import inspect
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic import ValidationError

from harness import contract
from harness.contract import Classifier
from harness.entry import module_name
from harness.files import find_path
from harness.job import Job
from harness.outcomes import Mistake
from harness.validated import misfit


def import_entry(folder: Path) -> contract.Entry:
    """`submission.py` as a module; its own files can be imported from it with a leading dot."""
    name = module_name(folder)
    if name in sys.modules:
        return cast("contract.Entry", sys.modules[name])
    spec = importlib.util.spec_from_file_location(
        name, folder / "submission.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None  # noqa: S101 - a path that ends in .py always has a spec
    assert spec.loader is not None  # noqa: S101
    sys.dont_write_bytecode = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    _require_contract(module)
    return cast("contract.Entry", module)


def _require_contract(module: ModuleType) -> None:
    config = module.__dict__.get("Config")
    if not (isinstance(config, type) and issubclass(config, contract.Config)):
        raise Mistake("contract.config", "Config is no subclass of contract.Config.", "See harness/contract.py.")
    for name, count in (("build", 2), ("train", 3), ("predict", 2)):
        function = module.__dict__.get(name)
        if not callable(function):
            raise Mistake("contract.function", f"{name} is no function.", "See harness/contract.py.")
        try:
            inspect.signature(function).bind(*range(count))
        except TypeError as error:
            problem = f"{name} cannot be called with {count} arguments: {error}."
            raise Mistake("contract.signature", problem, "See harness/contract.py.") from None


def configured(kind: type[contract.Config], settings: Mapping[str, Any]) -> contract.Config:
    """The configuration as it was typed, read again from what is recorded of it.

    What is recorded names the cell: an entry that asked which fields were typed, and not what they hold, would have one
    name for two systems. Raises `Mistake` where a configuration does not fit, or is another once it is read again.
    """
    try:
        recorded = kind.model_validate(settings).model_dump(mode="json")
        config = kind.model_validate(recorded)
    except ValidationError as error:
        raise misfit(error, kind, where="The configuration", rule="config") from None
    again = config.model_dump(mode="json")
    changed = sorted(name for name in recorded.keys() | again.keys() if recorded.get(name) != again.get(name))
    if changed:
        problem = f"The configuration is another one when it is read again from its record: {', '.join(changed)}."
        raise Mistake("config.record", problem, "Let the validators of Config leave alone what they gave themselves.")
    return config


def typed(entry: contract.Entry, job: Job) -> contract.Config:
    """The configuration of a job, with paths as they were typed."""
    return configured(entry.Config, job.settings)


def paths(config: contract.Config) -> dict[str, Path]:
    return {name: value for name, value in config if isinstance(value, Path)}


def opened(config: contract.Config, job: Job) -> tuple[contract.Config, dict[str, Path]]:
    """The configuration with paths that can be opened, and those by field; missing ones stay only in a plan."""
    found: dict[str, Path] = {}
    for name, path in paths(config).items():
        place = find_path(path, (job.typed_in, job.entry))
        if place is not None:
            found[name] = place
        elif not job.planning:
            problem = f"{name}: {path} does not exist."
            raise Mistake("config.path", problem, "Give a path from here, or beside submission.py.")
    return config.model_copy(update=found), found


def task_of(job: Job) -> contract.Task:
    return contract.Task(**job.task.model_dump())


def built(entry: contract.Entry, config: contract.Config, job: Job) -> Classifier:
    classifier = entry.build(config, task_of(job))
    require_classifier(classifier, "build")
    return classifier


def figures(entry: contract.Entry, classifier: Classifier) -> dict[str, float]:
    """What the entry tells of the untrained classifier; nothing where it has no `figures`."""
    tell = getattr(entry, "figures", None)
    if tell is None:
        return {}
    told = tell(classifier)
    named = isinstance(told, Mapping) and all(isinstance(name, str) for name in told)
    if not named or not all(isinstance(one, int | float) and math.isfinite(one) for one in told.values()):
        problem = "figures does not return finite numbers by name."
        raise Mistake("contract.figures", problem, 'Return a dictionary such as {"tokens": 602}, or remove figures.')
    return {name: float(one) for name, one in told.items()}


def require_classifier(value: object, function: str) -> None:
    if not isinstance(value, Classifier):
        problem = f"{function} returned {type(value).__name__} instead of a contract.Classifier."
        raise Mistake("contract.classifier", problem, "Wrap the module: Classifier(frontend, network, sample_rate).")
    if not isinstance(value.sample_rate, int) or value.sample_rate <= 0:
        problem = f"The classifier's sample_rate is {value.sample_rate!r}."
        raise Mistake("contract.sample_rate", problem, "Give a whole number of samples a second, such as 32000.")
