"""Several boards: their differences as a table and JSON, and their common files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from xenassign import escape
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule
from xenassign.formats import xlcfg, xlcfg_parser
from xenassign.outputs.report.terminal import console
from xenassign.system.differences import FOLDED, Difference, Value
from xenassign.system.hosts import HostsPlan

SCHEMA = "xenassign/hosts/1"

HOSTS_DIFFER = rule("XA022", "hosts-differ", "error", "broken")

_HEX = frozenset({"host address", "guest address", "size"})
_MIB = frozenset({"memory limit", "stage 2 pool"})

Files = Mapping[str, bytes]


# ---------------------------------------------------------------------- files


def common_files(files: Mapping[str, Files]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """(files for all boards, names of those that differ); one of the two is empty.

    ``files``: by board and name. Files that differ only in comments are common; the first board's
    are returned. NAME.json is about one board, so there is a NAME.BOARD.json for each. The files of
    a single board are returned as they are.
    """
    boards = list(files)
    if len(boards) == 1:
        return dict(files[boards[0]]), ()
    names = dict.fromkeys(name for board in boards for name in files[board])
    shared = [name for name in names if not name.endswith(".json")]
    differing = tuple(name for name in shared if not _same(name, [files[b] for b in boards]))
    if differing:
        return {}, differing
    common = {name: files[boards[0]][name] for name in shared}
    for name in names:
        if name.endswith(".json"):
            stem = name.removesuffix(".json")
            common.update({f"{stem}.{board}.json": files[board][name] for board in boards})
    return common, ()


def per_host(files: Mapping[str, Files]) -> dict[str, bytes]:
    """The files of all boards, each board's in a folder with its name.

    Raises UsageError for a name that would lead out of the folder of -o.
    """
    for board in files:
        if board in ("", ".", ".."):
            problem = f"--per-host: no folder can have the name of the board, {board!r}"
            raise UsageError(f"{problem}; rename the file, or name it with its folder")
    return {
        f"{board}/{name}": data
        for board, of_board in files.items()
        for name, data in of_board.items()
    }


def differ(names: Iterable[str], boards: Iterable[str]) -> Finding:
    """The error for files that cannot be common to all boards."""
    return HOSTS_DIFFER(f"{', '.join(names)} cannot be the same for {', '.join(boards)}")


def _same(name: str, of_boards: list[Files]) -> bool:
    """Whether all boards have the file, with the same content."""
    if any(name not in files for files in of_boards):
        return False
    versions = {files[name] for files in of_boards}
    if len(versions) == 1:
        return True
    first, *others = (_content(name, data) for data in versions)
    return all(other == first for other in others)


def _content(name: str, data: bytes) -> object:
    """The content of a file without its comments, to compare."""
    if name.endswith((".dts", ".dtso")):
        from xenassign.devicetree.source.reader import read_source

        return read_source(data, name).blob
    if name.endswith(".cfg"):
        config = xlcfg_parser.parse(xlcfg.decode(data), name)
        return [(s.name, s.append, _bare(s.value)) for s in config.statements]
    return data


def _bare(value: xlcfg.Value) -> object:
    """A value without its place in the text."""
    if isinstance(value, xlcfg.ListValue):
        return [_bare(item) for item in value.items]
    return value.text, value.quoted


# ---------------------------------------------------------------------- differences


def to_data(plan: HostsPlan) -> dict[str, Any]:
    """The boards and their differences (schema xenassign/hosts/1)."""
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
                "domain": difference.domain,
                "device": difference.device or None,
                "what": difference.kind,
                "which": difference.title or None,
                "values": [list(v) if isinstance(v, tuple) else v for v in difference.values],
            }
            for difference in plan.differences
        ],
    }


def show(plan: HostsPlan, stream: TextIO) -> None:
    """Prints a row for each difference, and the number of those whose kind is in FOLDED."""
    from rich import box
    from rich.table import Table

    out = console(stream)
    names = [host.name for host in plan.hosts]
    shown = [difference for difference in plan.differences if difference.kind not in FOLDED]
    if shown:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), expand=False)
        for name in ("device", "what", *names):
            table.add_column(escape.terminal(name), overflow="fold")
        previous = None
        for difference in shown:
            device, *cells = _row(difference)
            style = "red" if difference.kind == "missing" else None
            heading = "" if device == previous else device
            table.add_row(*map(escape.terminal, (heading, *cells)), style=style)
            previous = device
        out.print(table)
    else:
        same = "addresses, interrupts, streams, clocks and marks"
        line = f"The same {same} on {', '.join(names)}."
        out.print(escape.terminal(line), soft_wrap=True)
    folded = Counter(d.kind for d in plan.differences if d.kind in FOLDED)
    if folded:
        counts = ", ".join(f"{number} of {kind}" for kind, number in folded.items())
        out.print(f"Other differences: {counts}; the JSON has them.", soft_wrap=True)


def _row(difference: Difference) -> list[str]:
    domain, device, kind, title, values, _ = difference
    owner = f"{domain}: {device}" if device else domain
    return [owner, f"{kind} {title}".rstrip(), *(_text(kind, value) for value in values)]


def _text(kind: str, value: Value) -> str:
    if value is None or value == ():
        return "-"
    if isinstance(value, int):
        return f"{value:#x}" if kind in _HEX else f"{value} MiB" if kind in _MIB else str(value)
    return ", ".join(value) if isinstance(value, tuple) else value
