"""TOML and JSON read into validated records; what does not fit is refused by file, line, key and nearest valid name."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.outcomes import Mistake, nearest

Model = TypeVar("Model", bound=BaseModel)


class Record(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def read_toml(path: Path, model: type[Model], *, rule: str) -> Model:
    """The record in `path`.

    Raises `Mistake` when the file is missing, is no TOML, or does not fit `model`; all misfits in one message.
    """
    text = read_text(path, rule=rule)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Mistake(f"{rule}.syntax", f"{path} is not valid TOML: {error}.", "Correct that line.") from None
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise misfit(error, model, where=str(path), rule=rule, text=text) from None


def read_text(path: Path, *, rule: str) -> str:
    """The text of a file, or a `Mistake` that says why it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Mistake(f"{rule}.missing", f"{path} does not exist.", "Check the path.") from None
    except UnicodeDecodeError:
        raise Mistake(f"{rule}.encoding", f"{path} is not UTF-8 text.", "Save it as UTF-8.") from None
    except OSError as error:
        raise Mistake(f"{rule}.unreadable", f"{path} cannot be read: {error.strerror}.", "Check the path.") from None


def misfit(error: ValidationError, model: type[BaseModel], *, where: str, rule: str, text: str = "") -> Mistake:
    """One `Mistake` that names every key which does not fit `model`, with its line in `text` where it has one."""
    sentences = [_sentence(item["loc"], item["type"], item["msg"], model, text) for item in error.errors()]
    return Mistake(f"{rule}.fields", f"{where}: {' '.join(sentences)}", "Correct it and run again.")


def _sentence(location: Sequence[int | str], kind: str, message: str, model: type[BaseModel], text: str) -> str:
    key = ".".join(str(part) for part in location) or "the whole file"
    line = _line_of(location, text)
    at = f"line {line}, " if line else ""
    if kind == "extra_forbidden":
        return f'{at}unknown key "{key}". {nearest(str(location[-1]), valid_names(location, model))}'
    if kind == "missing":
        return f'the key "{key}" is missing.'
    message = message.removeprefix("Value error, ")
    if not location:
        return f"{message.rstrip('.')}."
    return f'{at}key "{key}": {message[0].lower()}{message[1:].rstrip(".")}.'


def _line_of(location: Sequence[int | str], text: str) -> int | None:
    """The line of a key, where the text has it once in the table it belongs to; None where that is not certain."""
    names = [part for part in location if isinstance(part, str)]
    if not names:
        return None
    table, key = (names[-2] if len(names) > 1 else None), re.escape(names[-1])
    assigns, heads = re.compile(rf'^\s*"?{key}"?\s*='), re.compile(rf'^\s*\[+[^\]=]*\b"?{key}"?\]+')
    found: list[int] = []
    current: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"^\s*\[+([^\]=]+)\]+", line)
        current = header.group(1).split(".")[-1].strip().strip('"') if header else current
        if heads.match(line) or (current == table and assigns.match(line)):
            found.append(number)
    return found[0] if len(found) == 1 else None


def valid_names(location: Sequence[int | str], model: type[BaseModel]) -> list[str]:
    """Field names of the record that holds the last part of `location`."""
    current: type[BaseModel] | None = model
    parts = iter(location[:-1])
    for part in parts:
        field = current.model_fields.get(str(part)) if current else None
        if field is not None:
            current = _record_in(field.annotation)
            origin = get_origin(field.annotation)
            if isinstance(origin, type) and issubclass(origin, Mapping | tuple | list):
                next(parts, None)  # a key or an index, not a field
    return [field.alias or name for name, field in current.model_fields.items()] if current else []


def _record_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - annotations have no common type
    """The record class inside an annotation such as `tuple[Author, ...]` or `Mapping[str, System] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, (_record_in(part) for part in get_args(annotation))), None)


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """`["epochs=3", "name=x"]` as `{"epochs": 3, "name": "x"}`; values are TOML, and plain text where they are not.

    Raises `Mistake` for a word without "=" and for a key that is set twice.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise Mistake("settings.form", f'"--set {pair}" is not of the form key=value.', "Write --set key=value.")
        if key.strip() in settings:
            raise Mistake("settings.twice", f'"--set {key.strip()}=…" is given twice.', "Give it once.")
        settings[key.strip()] = _toml_value(value)
    return settings


def _toml_value(text: str) -> Any:  # noqa: ANN401 - a TOML value is any of its types
    try:
        table: Mapping[str, Any] = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if set(table) == {"value"} and _is_plain(table["value"]) else text


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - a TOML value is any of its types
    """Whether JSON has the value too: no dates, no infinities."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def plain(value: dict[str, Any]) -> dict[str, Any]:
    """The same table; ValueError where it holds a date or an infinity, which a result could not keep."""
    if not _is_plain(value):
        raise ValueError("holds a date or a number that is not finite; write text or a finite number")
    return value
