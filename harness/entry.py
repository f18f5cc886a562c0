"""Entries: find a folder, read it without running it, refuse it with reasons."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, field_validator, model_validator

from harness.files import digest_of_file, digest_of_value
from harness.grids import Grid
from harness.outcomes import Mistake, nearest
from harness.packages import declared
from harness.packages.declared import Challenge
from harness.validated import Record, plain, read_text, read_toml

STUDIES = "studies"
"""The folder of an entry's studies."""

SUBMISSION = "submission.toml"
REQUIRED = ("Config", "build", "train", "predict")
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""Stands in file names, so it has no slashes."""

Fields = Annotated[dict[str, Any], AfterValidator(plain)]
Text = Annotated[str, Field(min_length=1)]


def _by_name(needs: object) -> object:
    """`needs = ["cpr"]` is short for `needs = [{ system = "cpr" }]`."""
    if not isinstance(needs, list | tuple):
        return needs
    return [{"system": need} if isinstance(need, str) else need for need in needs]


class Author(Record):
    """One author, as DCASE asks for."""

    name: Text
    affiliation: Text
    email: str | None = None
    corresponding: bool = False


class ExternalData(Record):
    """A data set or a pre-trained model from outside the challenge that a system learned from."""

    name: Text
    url: str
    licence: str | None = None
    total_audio_minutes: float | None = None


class Need(Record):
    """A system that another one learns from: `system` of this entry, or of the entry whose folder is at `entry`.

    Without `seeds` it is trained with the seed of the one that needs it. `name` is what it is called in `run.teachers`.
    """

    system: Name
    entry: Text | None = None
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = ()
    name: Name | None = None

    @field_validator("seeds")
    @classmethod
    def _each_once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("a seed stands twice")
        return seeds


class System(Record):
    """One configuration of an entry: its fields override the defaults of `Config`.

    A teacher need not keep the limits and is never ranked; any system may be needed by another. One with `presets` is
    walked unasked only where one of these is chosen: a small one for a demonstration, say. `processes` train it
    together, each on an accelerator of its own, or on a share of the processor's cores.
    """

    title: str = ""
    description: str = ""
    config: Fields = Field(default_factory=dict)
    role: Literal["system", "teacher"] = "system"
    presets: tuple[Name, ...] = ()
    needs: Annotated[tuple[Need, ...], BeforeValidator(_by_name)] = ()
    processes: int = Field(default=1, ge=1)


class Submission(Record):
    """What `submission.toml` says. `systems` holds those of the grids too, behind those that are typed out."""

    title: Text
    description: Text
    authors: tuple[Author, ...] = Field(min_length=1)
    external_data: Literal["none"] | tuple[ExternalData, ...]
    tracks: tuple[str, ...] = Field(min_length=1)
    systems: dict[Name, System] = Field(default_factory=dict)
    grids: tuple[Grid, ...] = ()
    presets: dict[Name, Fields] = Field(default_factory=dict)
    source_code: str | None = None
    licence: str | None = None
    challenge: Challenge | None = None

    @model_validator(mode="after")
    def _with_grids(self) -> Self:
        for grid in self.grids:
            for name, system in grid.systems():
                if name in self.systems:
                    raise ValueError(f'two systems are called "{name}"')
                self.systems[TypeAdapter(Name).validate_python(name)] = System.model_validate(system)
        if not self.systems:
            raise ValueError("there is no system: add a table [systems.S1]")
        return self


@dataclass(frozen=True)
class Entry:
    """A folder that was read and found in order; `digest` covers its files and the `baselines` files it imports."""

    folder: Path
    submission: Submission
    digest: str

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def submitted(self) -> tuple[str, ...]:
        """The systems that compete, in their order: no teachers, and none that stand for a preset."""
        every = self.submission.systems.items()
        return tuple(name for name, one in every if one.role == "system" and not one.presets)

    def system(self, name: str) -> System:
        """The system called `name`, or a `Mistake` with the nearest name."""
        systems = self.submission.systems
        if name not in systems:
            raise Mistake("entry.system", f'{self.name} has no system "{name}".', nearest(name, systems))
        return systems[name]


def read(folder: Path) -> Entry:
    """The entry in `folder`. Nothing of it is run; raises `Mistake` with file, line or key and what to do."""
    folder = folder.resolve()
    if not folder.is_dir():
        raise Mistake("entry.folder", f"{folder} is not a folder.", "Give the folder that holds submission.toml.")
    submission = read_toml(folder / SUBMISSION, Submission, rule="entry")
    _require_names(folder / "submission.py")
    return Entry(folder, submission, _digest(_sources(folder)))


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over names and contents, less what an entry declares for a challenge."""
    return digest_of_value(sorted((name, _digest_of(name, path)) for name, path in files))


def _digest_of(name: str, path: Path) -> str:
    if name != f"entry/{SUBMISSION}":
        return digest_of_file(path)
    kept = declared.left_out(path.read_bytes().decode("utf-8", "surrogateescape"))
    return hashlib.sha256(kept.encode("utf-8", "surrogateescape")).hexdigest()


def module_name(folder: Path) -> str:
    """What an entry's module is called: saved classifiers name it, and a student's process holds its teachers' too."""
    return f"dcase_bench_entry_{re.sub(r'[^0-9A-Za-z]', '_', folder.name)}_{digest_of_value(folder.name)[:6]}"


def listed(folder: Path) -> Entry:
    """The entry in `folder` by what it says of itself, without a digest of its files: for lists of many entries."""
    return Entry(folder.resolve(), read_toml(folder / SUBMISSION, Submission, rule="entry"), digest="")


def _require_names(path: Path) -> None:
    defined = _top_level_names(_parse(path).body)
    missing = [name for name in REQUIRED if name not in defined]
    if missing:
        what = "class Config" if missing[0] == "Config" else f"function {missing[0]}"
        near = nearest(missing[0], defined) if defined else ""
        raise Mistake("entry.names", f"{path} does not define the {what}. {near}".strip(), "See harness/contract.py.")


def _parse(path: Path) -> ast.Module:
    text = read_text(path, rule="entry")
    try:
        return ast.parse(text, filename=str(path))
    except SyntaxError as error:
        problem = f"{path}, line {error.lineno}: {error.msg}."
        raise Mistake("entry.syntax", problem, "Correct that line.") from None


def _top_level_names(body: Iterable[ast.stmt]) -> set[str]:
    """Names that running the statements would define, also those under `if`, `try` and `with`."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            names |= _top_level_names(
                child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node
            )
    return names


def _sources(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file that decides what the entry does: its own, and the `baselines` modules it imports, directly or not."""
    own = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _aside(path.relative_to(folder))]
    for path in own:
        yield f"entry/{path.relative_to(folder).as_posix()}", path
    yield from baselines_of(path for path in own if path.suffix == ".py")


def baselines_of(files: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Names and files of the `baselines` modules that Python files import, directly or not.

    A package that is run only because something inside it was imported has none of its functions called: what these
    would import is left out. A network's change is then no change of every entry that uses another.
    """
    waiting = [(path, True) for path in files]
    seen: dict[Path, bool] = {}
    while waiting:
        importing, called = waiting.pop()
        for name, wanted in _imported(_parse(importing), in_functions=called):
            found = _baselines_file(name)
            if found and seen.get(found, -1) < (wanted and called):
                if found not in seen:
                    yield name, found
                seen[found] = wanted and called
                waiting.append((found, wanted and called))


def _aside(path: Path) -> bool:
    """Files of an entry that do not decide what its systems do: compiled ones, and studies, which only list them."""
    return "__pycache__" in path.parts or path.parts[0] == STUDIES


def _imported(module: ast.Module, *, in_functions: bool) -> Iterator[tuple[str, bool]]:
    """Names of modules that running a file imports; False behind the packages that are only passed through."""
    for node in _statements(module, in_functions=in_functions):
        if isinstance(node, ast.Import):
            wanted = {alias.name: True for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            wanted = dict.fromkeys(inner, True)
            wanted[node.module] = any(_baselines_file(name) is None for name in inner)
        else:
            continue
        for name, by_name in wanted.items():
            parts = name.split(".")
            yield from ((".".join(parts[:count]), False) for count in range(1, len(parts)))
            yield name, by_name


def _statements(node: ast.AST, *, in_functions: bool) -> Iterator[ast.AST]:
    """Every node below, or those that run when the file is imported."""
    for child in ast.iter_child_nodes(node):
        if in_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _statements(child, in_functions=in_functions)


def _baselines_file(name: str) -> Path | None:
    """The file of a `baselines` module, found without importing it."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top) if top == "baselines" else None
    if spec is None or not spec.submodule_search_locations:
        return None
    stem = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)
