"""Several boards: what differs, as a table and JSON, and the one set of files that serves all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from xenassign.devicetree.source.reader import read_source
from xenassign.findings import Finding, rule
from xenassign.formats import xlcfg
from xenassign.outputs.report.terminal import console, printable
from xenassign.system.differences import FOLDED, Difference, Value
from xenassign.system.hosts import HostsPlan

SCHEMA = "xenassign/hosts/1"

HOSTS_DIFFER = rule("XA022", "hosts-differ", "error", "broken")

_HEX = frozenset({"host address", "guest address", "size"})
_MIB = frozenset({"memory limit", "stage 2 pool"})

Files = Mapping[str, bytes]


# ---------------------------------------------------------------------- files


def common_files(files: Mapping[str, Files]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """(files that serve all boards, names of those that differ); one of the two is empty.

    ``files``: by name of the board what was rendered for it. Files are the same where they differ
    in nothing but comments; the first board's are taken. NAME.json tells of one board, and is there
    for each, as NAME.BOARD.json. One board's files are its files.
    """
    boards = list(files)
    if len(boards) == 1:
        return dict(files[boards[0]]), ()
    names = dict.fromkeys(name for board in boards for name in files[board])
    shared = [name for name in names if not name.endswith(".json")]
    differing = tuple(name for name in shared if not _same(name, [files[b] for b in boards]))
    if differing:
        return {}, differing
    made = {name: files[boards[0]][name] for name in shared}
    for name in names:
        if name.endswith(".json"):
            stem = name.removesuffix(".json")
            made.update({f"{stem}.{board}.json": files[board][name] for board in boards})
    return made, ()


def per_host(files: Mapping[str, Files]) -> dict[str, bytes]:
    """The files of all boards, each board's below a folder of its name."""
    return {
        f"{board}/{name}": data for board, those in files.items() for name, data in those.items()
    }


def differ(names: Iterable[str], boards: Iterable[str]) -> Finding:
    """What is said where one set of files cannot serve all boards."""
    return HOSTS_DIFFER(f"{', '.join(names)} cannot be the same for {', '.join(boards)}")


def _same(name: str, those: list[Files]) -> bool:
    if any(name not in files for files in those):
        return False
    first = those[0][name]
    meant = None
    for files in those[1:]:
        if files[name] != first:
            meant = _meaning(name, first) if meant is None else meant
            if _meaning(name, files[name]) != meant:
                return False
    return True


def _meaning(name: str, data: bytes) -> object:
    """What a file says without its comments."""
    if name.endswith((".dts", ".dtso")):
        return read_source(data, name).blob
    if name.endswith(".cfg"):
        config = xlcfg.parse(xlcfg.decode(data), name)
        return [(one.name, one.append, _bare(one.value)) for one in config.statements]
    return data


def _bare(value: xlcfg.Value) -> object:
    """A value without its place in the text."""
    if isinstance(value, xlcfg.ListValue):
        return [_bare(item) for item in value.items]
    return value.text, value.quoted


# ---------------------------------------------------------------------- what differs


def to_data(plan: HostsPlan) -> dict[str, Any]:
    """The boards and what differs between them (schema xenassign/hosts/1)."""
    return {
        "schema": SCHEMA,
        "xen": plan.xen,
        "hosts": [
            {
                "host": host.name,
                "model": host.request.platform.model,
                "missing": [{"domain": m.domain, "device": m.name} for m in host.request.missing],
                "refused": host.refused,
            }
            for host in plan.hosts
        ],
        "differences": [
            {
                "domain": one.domain,
                "device": one.device or None,
                "what": one.kind,
                "which": one.title or None,
                "values": [list(v) if isinstance(v, tuple) else v for v in one.values],
            }
            for one in plan.differences
        ],
    }


def show(plan: HostsPlan, stream: TextIO) -> None:
    """Prints a row for each difference that decides, and how many others there are."""
    from rich import box
    from rich.table import Table

    out = console(stream)
    names = [host.name for host in plan.hosts]
    told = [one for one in plan.differences if one.kind not in FOLDED]
    if told:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), expand=False)
        for name in ("device", "what", *names):
            table.add_column(printable(name), overflow="fold")
        before = None
        for one in told:
            where, *cells = _row(one)
            style = "red" if one.kind == "missing" else None
            table.add_row(*map(printable, ("" if where == before else where, *cells)), style=style)
            before = where
        out.print(table)
    else:
        same = "addresses, interrupts, streams, clocks and marks"
        out.print(f"The same {same} on {', '.join(names)}.", soft_wrap=True)
    rest = Counter(one.kind for one in plan.differences if one.kind in FOLDED)
    if rest:
        counts = ", ".join(f"{number} of {what}" for what, number in rest.items())
        out.print(f"Other differences: {counts}; the JSON has them.", soft_wrap=True)


def _row(one: Difference) -> list[str]:
    where = f"{one.domain}: {one.device}" if one.device else one.domain
    what = f"{one.kind} {one.title}".rstrip()
    return [where, what, *(_text(one.kind, value) for value in one.values)]


def _text(what: str, value: Value) -> str:
    if value is None or value == ():
        return "-"
    if isinstance(value, int):
        return f"{value:#x}" if what in _HEX else f"{value} MiB" if what in _MIB else str(value)
    return ", ".join(value) if isinstance(value, tuple) else value
