"""Anybody's package, read with all its faults: it is never unpacked, and reading never ends half-way."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from harness.complexity.limits import held_bytes
from harness.editions import Edition
from harness.outcomes import Mistake
from harness.packages import contents, meta_files, outputs
from harness.packages.contents import Contents, Member
from harness.packages.faults import Fault, Faults
from harness.packages.labels import FORM, META, REPORT, Label, name_part
from harness.packages.meta import Block, Meta
from harness.results import Complexity
from harness.tracks import Track

FUNCTIONS = {
    "predict": ("file_paths", "device_ids", "model_file_path"),
    "load_model": ("model_file_path",),
    "load_inputs": ("file_paths", "device_ids", "model"),
    "get_model_for_device": ("model", "device_id"),
}
"""What a module of an inference package defines (2025), with the arguments as the organisers pass them."""


@dataclass(frozen=True)
class _Package:
    """What all checks are given."""

    files: Contents
    edition: Edition
    track: Track
    clips: Sequence[str] | None
    faults: Faults

    def fault(
        self, rule: str, file: str, problem: str, remedy: str, *,
        line: int | None = None, key: str | None = None, warning: bool = False,
    ) -> None:  # fmt: skip
        """Keeps what is wrong."""
        self.faults.add(Fault(rule, file, problem, remedy, line, key, "warning" if warning else "error"))


@dataclass(frozen=True)
class _System:
    """The files of one system, by its label."""

    label: Label
    meta: Member
    outputs: dict[str, Member]


def validate(
    place: Path,
    edition: Edition,
    track: Track,
    clips: Sequence[str] | None,
    measured: Mapping[int, Complexity] | None = None,
) -> list[Fault]:
    """Everything that is wrong with the package at `place`; `clips` are those of the evaluation list, where known.

    `measured`: what systems cost by this project's count, by the numbers in their labels. Raises `Mistake` where there
    is nothing that could be read as a package.
    """
    if not place.exists():
        raise Mistake("package.missing", f"{place} does not exist.", "Give a folder or a zip.")
    faults = Faults()
    package = _Package(Contents(place, faults), edition, track, clips, faults)
    systems = _systems(package)
    for system in systems:
        found = _meta(package, system)
        if found is not None:
            for check in META_CHECKS:
                check(package, system, found)
            if measured and system.label.index in measured:
                _as_measured(package, system, found, measured[system.label.index])
        _outputs(package, system)
    _same_clips(package, systems)
    _report(package, systems)
    _modules(package)
    if not package.files.members and not faults.found:
        package.fault("package.empty", "", "there is nothing in it.", f"It has a folder {FORM} a system.")
    return faults.ordered()


def _systems(package: _Package) -> list[_System]:
    """The systems of a package by their meta files, in the order of their labels."""
    members = list(contents.without_noise(package.files.members))
    found: dict[str, _System] = {}
    for one in members:
        if not one.base.endswith((".yaml", ".yml")):
            continue
        text = one.base.removesuffix(META)
        label = Label.parse(text) if one.base.endswith(META) else None
        if label is None:
            meant = one.base.endswith((META, ".meta.yml")) or Label.parse(one.folder) is not None
            remedy = f"Call it {FORM}{META}{_near(one)}."
            package.fault("package.names", one.name, "is no name of a meta file.", remedy, warning=not meant)
            continue
        if str(label) in found:
            package.fault("package.names", one.name, f"is a second meta file of {label}.", "Keep one.")
            continue
        _require_place(package, one, label)
        found[str(label)] = _System(label, one, {})
    systems = [found[name] for name in sorted(found)]
    for one in members:
        if one.base.endswith(".csv") and not _is_resource(one):
            _assign(package, one, found)
    if not systems and package.files.members:
        package.fault("package.names", "", "there is no meta file.", f"Each system has a {FORM}{META}.")
    _require_numbers(package, systems)
    return systems


def _near(one: Member) -> str:
    """A label that the name may have been meant for."""
    label = one.folder if Label.parse(one.folder) else ""
    return f": {label}{META}" if label else ""


def _require_place(package: _Package, one: Member, label: Label) -> None:
    """The folder of a system is called after it."""
    if one.folder and one.folder != str(label) and Label.parse(one.folder) is not None:
        package.fault(
            "package.names", one.name, f"lies in the folder of {one.folder}.", f"Put it into {label}/, or rename it."
        )
    elif one.folder != str(label):
        remedy = f"Put the files of {label} into {label}/."
        package.fault("package.names", one.name, f'lies in "{one.folder or "."}".', remedy, warning=True)


def _is_resource(one: Member) -> bool:
    return "resources" in Path(one.name).parts


def _assign(package: _Package, one: Member, systems: dict[str, _System]) -> None:
    """Gives a table to the system that it is an output of, or says what it should be called."""
    endings = package.edition.package.outputs.value
    for name, system in systems.items():
        for ending in endings:
            if one.base == system.label.output(ending):
                if ending in system.outputs:
                    package.fault("package.names", one.name, "is there twice.", "Keep one.")
                elif Path(one.name).parent != Path(system.meta.name).parent:
                    place = Path(system.meta.name).parent.as_posix()
                    package.fault(
                        "package.names", one.name, "lies elsewhere.", f"Put it into {place}/, beside its meta file."
                    )
                system.outputs.setdefault(ending, one)
                return
        if one.base.startswith(f"{name}."):
            break
    names = [system.label.output(ending) for system in systems.values() for ending in endings]
    near = get_close_matches(one.base, names, n=1)
    remedy = f"Did you mean {near[0]}?" if near else f"Outputs are called {FORM}.{endings[0]}.csv."
    package.fault("package.names", one.name, "is no name of an output.", remedy)


def _require_numbers(package: _Package, systems: Sequence[_System]) -> None:
    teams = {system.label.team for system in systems}
    if len(teams) > 1:
        package.fault("package.names", "", f"labels are of {len(teams)} teams: {', '.join(sorted(teams))}.", "Use one.")
    numbers = [system.label.index for system in systems]
    if numbers and numbers != list(range(1, len(numbers) + 1)):
        problem = f"systems are numbered {', '.join(map(str, numbers))}."
        package.fault("package.names", "", problem, "Number them from 1 on, if none is missing.", warning=True)
    most = package.edition.systems_per_team.value
    for system in systems:
        if system.label.index > most:
            problem = f"is number {system.label.index}, and a team has {most} systems."
            package.fault("package.names", system.meta.name, problem, f"Number them 1 to {most}.")


def _meta(package: _Package, system: _System) -> Meta | None:
    text = package.files.text(system.meta, contents.LARGEST_META)
    if text is None:
        return None
    return meta_files.read(text, system.meta.name, package.edition, package.faults)


def _about(package: _Package, system: _System, found: Meta) -> None:
    """The label in the file is that of its name; one author is corresponding."""
    about = found.submission
    if about.label != str(system.label):
        problem = f'says "{about.label}".'
        _at(package, system, ("submission", "label"), problem, f"Write {system.label}, as the file is called.")
    count = sum(author.corresponding for author in about.authors)
    if count != 1:
        problem = f"names {count} corresponding authors."
        _at(package, system, ("submission", "authors"), problem, "Exactly one author has corresponding: true.")
    last = system.label.team.split("_")[0]
    names = [author.lastname for author in about.authors if author.corresponding]
    if names and name_part(names[0]).lower() != last.lower():
        problem = f'labels begin with "{last}", and the corresponding author is "{names[0]}".'
        _at(package, system, ("submission", "authors"), problem, "Use the last name of that author.", warning=True)


def _cost(package: _Package, system: _System, found: Meta) -> None:
    """What is declared is within the limits, and agrees with itself."""
    cost, limits = found.system.complexity, package.edition.limits
    place = ("system", "complexity")
    checks = [
        ("total_model_size", cost.total_model_size, limits.parameter_bytes.value, "bytes"),
        ("macs", cost.macs, limits.macs.value, "MACs"),
    ]
    if limits.parameters:
        checks.append(("total_parameters", cost.total_parameters, limits.parameters.value, "parameters"))
    for key, value, limit, unit in checks:
        if value > limit:
            problem = f"is {value:,} {unit}; {limit:,} are allowed."
            _at(package, system, (*place, key), problem, "Make the system smaller.", rule="package.limits")
    for key in ("total_model_size", "total_parameters", "macs"):
        if getattr(cost, key) == 0:
            remedy = "Write what the network costs."
            _at(package, system, (*place, key), "is 0.", remedy, rule="package.complexity")
    most = 8 * cost.total_parameters
    if (
        cost.total_parameters
        and cost.total_model_size
        and not cost.total_parameters / 8 <= cost.total_model_size <= most
    ):
        problem = f"{cost.total_model_size:,} bytes are no size of {cost.total_parameters:,} parameters."
        remedy = "Bytes are parameters times bits by 8."
        _at(package, system, (*place, "total_model_size"), problem, remedy, rule="package.complexity")


def _scores(package: _Package, system: _System, found: Meta) -> None:
    """Results are of the labels and devices of the data set, and of every output."""
    development = found.results.development_dataset
    if isinstance(development, Block):
        blocks: dict[tuple[str, ...], Block | None] = {(): development}
    else:
        blocks = {(split,): getattr(development, split) for split in type(development).model_fields}
    devices = {device for group in package.track.device_groups.values() for device in group}
    for split, block in blocks.items():
        place = ("results", "development_dataset", *split)
        if block is None:
            _at(package, system, place, "has no results.", "Partial results are allowed; complete them.", warning=True)
            continue
        if block.overall.accuracy is None:
            problem = "says nothing of its accuracy."
            _at(
                package,
                system,
                (*place, "overall"),
                problem,
                "Partial results are allowed; complete them.",
                warning=True,
            )
        for key, found_of, names, what in (
            ("class_wise", block.class_wise, package.track.labels, "label"),
            ("device_wise", block.device_wise, sorted(devices), "device"),
        ):
            if found_of is not None:
                _parts(package, system, (*place, key), found_of, names, what)


def _parts(
    package: _Package, system: _System, place: tuple[str, ...], found: Mapping[str, object], wanted: Sequence[str],
    what: str,
) -> None:  # fmt: skip
    for name in found:
        if name not in wanted:
            near = get_close_matches(name, wanted, n=1)
            remedy = f'Did you mean "{near[0]}"?' if near else f"Write: {', '.join(wanted)}."
            _at(package, system, (*place, name), f"is no {what}.", remedy)
    for name in wanted:
        if name not in found:
            _at(package, system, (*place, name), "is missing.", "Add it; !!null where there is no score.")


META_CHECKS: tuple[Callable[[_Package, _System, Meta], None], ...] = (_about, _cost, _scores)


def _at(
    package: _Package, system: _System, key: tuple[str, ...], problem: str, remedy: str, *, rule: str = "package.meta",
    warning: bool = False,
) -> None:  # fmt: skip
    """A fault at a key of a meta file that could be read; at the key that holds it where it is missing itself."""
    text = package.files.text(system.meta, contents.LARGEST_META) or ""
    line = next((line for n in range(len(key), 0, -1) if (line := meta_files.key_line(text, key[:n]))), None)
    package.fault(rule, system.meta.name, problem, remedy, line=line, key=".".join(key), warning=warning)


def _as_measured(package: _Package, system: _System, found: Meta, measured: Complexity) -> None:
    """What is declared is what the entry measures; of an edition with inference packages, what these cost decides."""
    if package.edition.package.inference.value:
        return
    cost = found.system.complexity
    size = held_bytes(measured, package.edition)
    pairs = (
        ("total_model_size", cost.total_model_size, (size,)),
        ("total_parameters", cost.total_parameters, (measured.official_parameters or 0, measured.parameters)),
        ("macs", cost.macs, (measured.official_macs, measured.macs)),
    )
    for key, declared, counts in pairs:
        if declared not in counts:
            problem = f"is {declared:,}; the entry measures {counts[0]:,}."
            place = ("system", "complexity", key)
            _at(package, system, place, problem, "Write what is measured.", rule="package.complexity")


def _outputs(package: _Package, system: _System) -> None:
    for ending in package.edition.package.outputs.value:
        member = system.outputs.get(ending)
        if member is None:
            name = f"{system.label}/{system.label.output(ending)}"
            package.fault("package.names", name, "is missing.", "Write it: python -m harness package.")


def _same_clips(package: _Package, systems: Sequence[_System]) -> None:
    """Reads every table; each has a row for every clip of the list, or, where nobody gave it, those of the first."""
    prefix = package.edition.package.audio_prefix.value
    wanted = package.clips
    for system in systems:
        for member in system.outputs.values():
            text = package.files.text(member, contents.LARGEST_TABLE)
            if text is None:
                continue
            table = outputs.Reading(member.name, package.track.labels, package.faults, audio_prefix=prefix)
            table.read(text)
            if wanted is None and table.names:
                wanted = list(table.names)
            elif wanted is not None and table.names:
                table.require(wanted)


def _report(package: _Package, systems: Sequence[_System]) -> None:
    reports = [one for one in contents.without_noise(package.files.members) if one.base.lower().endswith(".pdf")]
    for team in sorted({system.label.team for system in systems}):
        name = f"{team}{REPORT}"
        own = next((one for one in reports if one.base == name), None)
        if own is None:
            other = f" {reports[0].name} is called otherwise." if reports else ""
            package.fault("package.report", name, f"is missing.{other}", "Add the PDF, 4 + 1 pages.", warning=True)
            continue
        content = package.files.read(own, contents.LARGEST_OTHER)
        if content is not None and not content.startswith(b"%PDF-"):
            package.fault("package.report", own.name, "is no PDF.", "Export the report as PDF.")


def _modules(package: _Package) -> None:
    """Modules of an inference package define the four functions; what they do is for `--inference` to find out."""
    if not package.edition.package.inference.value:
        return
    for member in contents.without_noise(package.files.members):
        if member.base.endswith(".py") and Label.parse(member.base.removesuffix(".py")):
            text = package.files.text(member, contents.LARGEST_META)
            if text is not None:
                for fault in module_faults(text, member.name):
                    package.faults.add(fault)


def module_faults(text: str, file: str) -> Iterable[Fault]:
    """What the module of a system lacks of the four functions and their arguments."""
    rule = "package.inference"
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        yield Fault(rule, file, f"is no Python ({error}).", "Correct that line.", line=line)
        return
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    for name, wanted in FUNCTIONS.items():
        node = defined.get(name)
        if node is None:
            if name not in imported:
                near = get_close_matches(name, [*defined, *imported], n=1)
                hint = f'Did you mean "{near[0]}"?' if near else "See docs/packages.md."
                yield Fault(rule, file, f"does not define {name}({', '.join(wanted)}).", hint)
            continue
        names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        lacking = [one for one in wanted if one not in names]
        if lacking and node.args.kwarg is None:
            remedy = f"Define {name}({', '.join(wanted)})."
            yield Fault(rule, file, f"{name} has no argument {lacking[0]}.", remedy, line=node.lineno)
        tolerant = node.args.kwarg is not None or "use_cuda" in names
        if name == "predict" and not tolerant:
            problem = "predict takes no use_cuda, which the organisers' script passes."
            yield Fault(rule, file, problem, "Add use_cuda=False.", line=node.lineno, severity="warning")
