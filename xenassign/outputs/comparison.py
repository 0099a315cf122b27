"""Two plans or two boards compared: the decisions, or the facts about every device."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from xenassign import escape
from xenassign.advice.assess import BoardAssessment, assess
from xenassign.devicetree.live import is_live
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import InputError, UsageError
from xenassign.formats.toml_text import read_toml
from xenassign.host.load import read_file, read_host
from xenassign.host.platform import read_platform
from xenassign.outputs.board_facts import Moves, board_facts, moves, names_of, selected, where
from xenassign.outputs.hosts import BuildOptions, build, lines
from xenassign.request.command_line import driver_set, read_system, release_of
from xenassign.request.project import PURPOSE
from xenassign.request.resolve import select
from xenassign.system import lock as locking
from xenassign.system.differences import Difference, Facts, Value, between
from xenassign.system.lock_file import SCHEMA, older_lock, parse_lock
from xenassign.xen.releases import Release

_SCHEMA = re.compile(rb'"schema"\s*:\s*"(xenassign/[\w-]+/\d+)"')


class ComparedFile(NamedTuple):
    """A side: its file, and of which ``kind`` it is: ``board``, ``system`` or ``lock``.

    ``lock``: its decisions, if it is a lock. ``refusals``: why its plan is refused, a line each.
    """

    file: str
    kind: str
    lock: locking.Lock | None = None
    refusals: tuple[str, ...] = ()


class Comparison(NamedTuple):
    """The differences of two sides: of what is assigned, and of the rest of two boards.

    ``chosen``: whether the user says what is assigned.
    """

    old: ComparedFile
    new: ComparedFile
    assigned: tuple[Difference, ...]
    others: tuple[Difference, ...] = ()
    chosen: bool = False

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.assigned and not self.others


#: Ends of the names of boards, which are not read to find out what they are.
_BOARDS = (".dtb", ".dts", ".tar")


def side_of(file: str) -> ComparedFile:
    """The side that a file is. A lock is read once: it may be a pipe. Raises InputError."""
    if file == "-" or is_live(file) or file.endswith(_BOARDS):
        return ComparedFile(file, "board")
    if file.endswith(".toml"):
        return ComparedFile(file, "system")
    data = read_file(file, file, "give a board, a xenassign.toml or a lock")
    if data.lstrip()[:1] != b"{":
        return ComparedFile(file, "board")
    schema = _SCHEMA.search(data)
    if schema is not None and schema[1].decode() != SCHEMA:
        problem = f"the schema {schema[1].decode()} has not all decisions"
        raise InputError(f"{file}: {problem}; give the xenassign.toml, or the lock of its run")
    text = data.decode("utf-8", "backslashreplace")
    return ComparedFile(file, "lock", parse_lock(text, file))


# ---------------------------------------------------------------------- plans


class _Decided(NamedTuple):
    """A plan to compare. ``lock``: None if nothing could be decided. ``settings``: by domain."""

    lock: locking.Lock | None
    refusals: tuple[str, ...]
    settings: Mapping[str, Facts]


def compare_plans(old: ComparedFile, new: ComparedFile) -> Comparison:
    """The plans of two locks or two xenassign.toml, or of one of each. Raises XenassignError.

    The plan of a xenassign.toml is that of ``generate``, which keeps the places in its lock.
    """
    sides = [_of_file(side) for side in (old, new)]
    if not any(side.lock for side in sides):
        raise UsageError(*sides[0].refusals)
    return _compared(old, new, *sides)


def _compared(
    old: ComparedFile, new: ComparedFile, before: _Decided, after: _Decided
) -> Comparison:
    differing: list[Difference] = []
    verdicts = tuple("refused" if side.refusals else "accepted" for side in (before, after))
    if len(set(verdicts)) > 1:
        differing.append(Difference("", "", "verdict", "", verdicts))
    differing += _settings(before.settings, after.settings)
    if before.lock is not None and after.lock is not None:
        differing += locking.differences(before.lock, after.lock)
    sides = (old._replace(refusals=before.refusals), new._replace(refusals=after.refusals))
    return Comparison(*sides, tuple(differing))


def _of_file(side: ComparedFile) -> _Decided:
    if side.lock is not None:
        return _Decided(side.lock, (), {})
    path = locking.lock_path(None, side.file, own=True)
    return _planned(side.file, None, older_lock(path, required=False), ())


def _planned(
    config: str, board: str | None, older: locking.Lock | None, include: Sequence[str]
) -> _Decided:
    """The plan of a xenassign.toml, on ``board`` in place of its own boards."""
    settings = _settings_of(config) if board is None else {}
    request, trees = read_system({}, board, (), config, include)
    try:
        built = build(trees, request, BuildOptions(len(trees) > 1, lock=older))
    except UsageError as error:
        return _Decided(None, tuple(f"error: {line}" for line in error.lines), settings)
    refusals = tuple(lines(built.refusals))
    decided = any(host.domains for host in built.plan.hosts)
    return _Decided(locking.decisions_of(built.plan) if decided else None, refusals, settings)


def _settings_of(config: str) -> dict[str, Facts]:
    """The keys of a xenassign.toml: those of the file by "", those of a domain by its name."""
    values = read_toml(Path(config), PURPOSE).values
    top = {key: value for key, value in values.items() if key != "domain"}
    domains = values.get("domain", ())
    return {
        "": _keys(top),
        **{str(domain["name"]): _keys(domain) for domain in domains if "name" in domain},
    }


def _keys(table: Mapping[str, Any]) -> Facts:
    """The keys with their values as TOML; of tables in a list by the first text in each."""
    facts: dict[tuple[str, str, str], Value] = {}
    for key, value in table.items():
        if not isinstance(value, list):
            facts["", "setting", key] = escape.toml_value(value)
        elif not all(isinstance(item, dict) for item in value):
            facts["", "setting", key] = tuple(map(escape.toml_value, value))
        else:
            tables: dict[str, list[str]] = {}
            for item in value:
                name = next((text for text in item.values() if isinstance(text, str)), "")
                rest = (text for k, v in item.items() if v != name for text in _dotted(k, v))
                tables.setdefault(f"{key} {name}", []).extend(rest)
            facts |= {("", "setting", t): tuple(v) or "there" for t, v in tables.items()}
    return facts


def _dotted(key: str, value: Any) -> Iterator[str]:
    """``key = value``, of each key of a table alone."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _dotted(f"{key}.{escape.toml_key(name)}", inner)
    else:
        yield f"{key} = {escape.toml_value(value)}"


def _settings(old: Mapping[str, Facts], new: Mapping[str, Facts]) -> Iterator[Difference]:
    """What differs in the keys of the files; of a domain only if both have it."""
    for name in old:
        if name in new:
            yield from between(name, old[name], new[name])


# ---------------------------------------------------------------------- boards


#: Kinds that plans have for each device.
_OF_PLANS = frozenset(
    {"verdict", "host address", "size", "interrupts", "streams", "protection", "finding"}
)


class BoardOptions(NamedTuple):
    """How boards are read, and which devices come first: ``devices`` as for -d, or ``config``."""

    devices: tuple[str, ...] = ()
    config: str | None = None
    include: tuple[str, ...] = ()
    release: str | None = None
    drivers: tuple[str, ...] = ()


def compare_boards(old: ComparedFile, new: ComparedFile, options: BoardOptions) -> Comparison:
    """All devices of two boards, and the plans of a xenassign.toml on both.

    Raises XenassignError, also for a device that neither has.
    """
    trees = [read_host(side.file, options.include) for side in (old, new)]
    release = release_of(options.release, trees)
    before, after = (_assessed(tree, release, options.drivers) for tree in trees)
    names = names_of(before, after)
    sides = [board_facts(board, own) for board, own in zip((before, after), names, strict=True)]
    differing = [*between("", *sides)]
    planned = Comparison(old, new, ())
    if options.config is not None:
        both = [_planned(options.config, s.file, None, options.include) for s in (old, new)]
        both[0] = _with_new_paths(both[0], moves(names[0]))
        planned = _compared(old, new, *both)
        plans = tuple(d for d in planned.assigned if d.kind != "host")
        planned = planned._replace(assigned=plans)
        chosen = _named_in(both)
        if all(side.lock is not None for side in both):
            known = {(d.kind, d.title, d.values) for d in plans}
            differing = [d for d in differing if not _is_of_plan(d, known, chosen)]
    else:
        chosen = _chosen(trees, names, options.devices)
    first = selected({d.device for d in differing}, chosen)
    assigned = (d for d in differing if d.device in first)
    others = (d for d in differing if d.device not in first)
    return planned._replace(
        assigned=(*planned.assigned, *assigned),
        others=tuple(others),
        chosen=bool(options.config or options.devices),
    )


def _assessed(tree: Tree, release: Release, drivers: Sequence[str]) -> BoardAssessment:
    return assess(read_platform(tree), release, None, driver_set(drivers))


def _with_new_paths(decided: _Decided, moved: Moves) -> _Decided:
    """The plan of the old board with the paths that its devices have on the new one."""

    def translated(value: Any) -> Any:
        if isinstance(value, tuple):
            items = map(translated, value)
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        return where(value, moved) if isinstance(value, str) else value

    return decided._replace(lock=translated(decided.lock))


def _named_in(both: Sequence[_Decided]) -> list[str]:
    """The paths of what the plans assign."""
    locks = [side.lock for side in both if side.lock is not None]
    domains = [domain for lock in locks for host in lock.hosts for domain in host.domains]
    return [device.path for domain in domains for device in domain.devices]


def _is_of_plan(difference: Difference, known: Container[object], assigned: Sequence[str]) -> bool:
    """Whether the plans say the same of an assigned device."""
    if difference.device not in selected([difference.device], assigned):
        return False
    key = (difference.kind, difference.title, difference.values)
    return difference.kind in _OF_PLANS or key in known


def _chosen(
    trees: Sequence[Tree], names: Sequence[Mapping[Node, str]], devices: Sequence[str]
) -> list[str]:
    """The names of the devices of -d, of which each board may lack some. Raises UsageError."""
    paths: list[str] = []
    for device in devices:
        errors: list[UsageError] = []
        for tree, known in zip(trees, names, strict=True):
            try:
                paths += [known.get(node, node.path) for node in select(tree, [device])]
            except UsageError as error:
                errors.append(error)
        if len(errors) == len(trees):
            raise errors[-1]
    return paths
