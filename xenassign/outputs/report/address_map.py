"""The guest's address space as a table, and as JSON (schema xenassign/space/1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from xenassign import escape
from xenassign.outputs.report.plan_json import finding, memory_limit, xen_of
from xenassign.outputs.report.terminal import console
from xenassign.planning.address_map import Row, RowSource, rows
from xenassign.planning.plan import DomainPlan
from xenassign.planning.ram_limit import limit_text

_STYLES = {"optional": "dim", "hole": "dim", "block": "bold"}
UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_HEADS: tuple[tuple[str, dict[str, object]], ...] = (
    ("guest", {"no_wrap": True, "justify": "right"}),
    ("end", {"no_wrap": True, "justify": "right"}),
    ("size", {"no_wrap": True, "justify": "right"}),
    ("what", {"overflow": "fold"}),
    ("host", {"no_wrap": True, "justify": "right"}),
    ("placed", {"no_wrap": True}),
)


def show(plan: DomainPlan, stream: TextIO) -> None:
    """Prints the guest's address space as a table, then the memory."""
    from rich import box
    from rich.table import Table

    out = console(stream)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), expand=False)
    for name, options in _HEADS:
        table.add_column(name, **options)  # type: ignore[arg-type]
    for row in rows(plan):
        table.add_row(*map(escape.terminal, cells(row)), style=_STYLES.get(row.kind))
    out.print(table)
    for line in memory_lines(plan):
        out.print(escape.terminal(line), soft_wrap=True)


def cells(row: Row) -> tuple[str, ...]:
    """The cells of a row: guest address, end (exclusive), size, content, host address, placed."""
    block = row.block
    content = row.name if block is None else f"{row.name} {_block_title(block)}"
    host, how = (f"{block.host:#x}", block.how) if block is not None else ("", "")
    start, end = row.span
    return f"{start:#x}", f"{end:#x}", size_text(row.span.size), content, host, how


def _block_title(block: RowSource) -> str:
    kind = "window " if block.window else "#"
    return f"{kind}{block.index}" + (f" {block.name}" if block.name else "")


def size_text(size: int) -> str:
    """Bytes in the largest unit that states them exactly."""
    for unit, name in UNITS:
        if size >= unit and not size % unit:
            return f"{size // unit} {name}"
    return f"{size} B"


def memory_lines(plan: DomainPlan) -> Sequence[str]:
    """The requested memory, its maximum, and the options that raise the maximum."""
    memory = plan.request.memory
    limit = plan.memory_limit
    requested = f"{memory} MiB" if memory is not None else "not given"
    lines = [f"Memory: {requested}; at most {most_memory(plan)}."]
    if limit is None:
        return lines
    hows = {placed.how for owner in plan.owners for placed in owner.placed}
    if hows <= {"auto", "window", "pinned"}:  # at the host's address above the requested memory
        if limit.all_moved is not None:
            lines.append(f"auto moves it for a larger --memory: {limit.all_moved} MiB.")
        return lines
    if limit.moved is not None:
        lines.append(f"With --map {limit.by}=auto: {limit.moved} MiB.")
    if limit.all_moved not in (None, limit.moved):
        lines.append(f"With --map auto: {limit.all_moved} MiB.")
    return lines


def most_memory(plan: DomainPlan) -> str:
    """The most memory that the domain can have, with what limits it."""
    limit = plan.memory_limit
    return f"{plan.memory_mb_max} MiB" if limit is None else limit_text(limit)


def to_dict(plan: DomainPlan, refusals: Sequence[str]) -> dict[str, Any]:
    """The address space (schema xenassign/space/1). ``refusals``: errors of the plan."""
    return {
        "schema": "xenassign/space/1",
        "name": plan.name,
        **xen_of(plan.request.release),
        "model": plan.model,
        "align": plan.request.align,
        "memory_mb": plan.request.memory,
        "memory_mb_max": plan.memory_mb_max,
        "memory_limited_by": memory_limit(plan),
        "rows": [_row(row) for row in rows(plan)],
        "refusals": list(refusals),
        "findings": [finding(item) for item in plan.findings],
    }


def _row(row: Row) -> dict[str, Any]:
    block = row.block
    return {
        "base": row.span.start,
        "end": row.span.end,
        "size": row.span.size,
        "kind": row.kind,
        "name": row.name,
        "block": None
        if block is None
        else {
            "host": block.host,
            "path": block.path,
            "index": block.index,
            "window": block.window,
            "reg_name": block.name,
            "placed": block.how,
        },
    }
