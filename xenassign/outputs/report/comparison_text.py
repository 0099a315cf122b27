"""The differences of two plans or boards, as text and as JSON (schema xenassign/diff/1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from xenassign.outputs.comparison import ComparedFile, Comparison
from xenassign.system.change_lines import changes
from xenassign.system.differences import FOLDED, Difference, Value

SCHEMA = "xenassign/diff/1"

_LISTED = 8  #: so many devices that were added or removed are named without -v
_PRESENCE = frozenset({"device", "region"})


def to_data(comparison: Comparison) -> dict[str, Any]:
    """The differences, what is assigned first (schema xenassign/diff/1)."""
    return {
        "schema": SCHEMA,
        "same": comparison.same,
        "old": _side(comparison.old),
        "new": _side(comparison.new),
        "differences": [
            *(_difference(each, True) for each in comparison.assigned),
            *(_difference(each, False) for each in comparison.others),
        ],
    }


def _side(side: ComparedFile) -> dict[str, Any]:
    return {"file": side.file, "kind": side.kind, "refusals": list(side.refusals)}


def _difference(difference: Difference, assigned: bool) -> dict[str, Any]:
    old, new = map(_value, difference.values)
    return {
        "assigned": assigned,
        "host": difference.host or None,
        "domain": difference.domain or None,
        "device": difference.device or None,
        "what": difference.kind,
        "which": difference.title or None,
        "old": old,
        "new": new,
    }


def _value(value: Value) -> Value | list[str]:
    return list(value) if isinstance(value, tuple) else value


# ---------------------------------------------------------------------- text


def text_lines(comparison: Comparison, verbose: bool) -> Iterator[str]:
    """The answer, then what differs of what is assigned, then of the rest of the board."""
    old, new = comparison.old, comparison.new
    if comparison.same:
        yield f"{old.file} and {new.file} are the same."
        return
    board = old.kind == "board"
    kind = "boards" if board else "plans"
    yield f"The {kind} of {old.file} and {new.file} differ."
    verdicts = [d for d in comparison.assigned if d.kind == "verdict" and not d.device]
    if verdicts:
        yield from _groups(verdicts)
        for side in (old, new):
            yield from (f"  {side.file}: {line}" for line in side.refusals)
    yield from _groups(d for d in comparison.assigned if d not in verdicts)
    if comparison.chosen and not comparison.assigned:
        yield "What is assigned is the same."
    if comparison.chosen and not verbose:
        yield from _rest(comparison.others)
    else:
        yield from _others(comparison.others, comparison.chosen, verbose)


def _rest(differences: Sequence[Difference]) -> Iterator[str]:
    """How many of the devices that are not assigned differ."""
    changed = {d.device for d in differences if d.kind not in _PRESENCE and d.device}
    counts = [
        f"{number} {verb}"
        for number, verb in (
            (sum(d.kind in _PRESENCE and d.values[0] is None for d in differences), "added"),
            (sum(d.kind in _PRESENCE and d.values[1] is None for d in differences), "removed"),
            (len(changed), "changed"),
        )
        if number
    ]
    if counts:
        yield ""
        yield f"Of the other devices {', '.join(counts)}; -v lists them."


def _groups(differences: Iterable[Difference]) -> Iterator[str]:
    """A heading for each device or domain, and its lines."""
    by_owner = groupby(changes(differences), key=lambda c: c._replace(text=""))
    for owner, each in by_owner:
        heading = owner.line
        if heading:
            yield ""
            yield heading
        yield from (f"{'  ' * bool(heading)}{change.text}" for change in each)


def _others(differences: Sequence[Difference], rest: bool, verbose: bool) -> Iterator[str]:
    """Those of the board: in full with ``verbose``, else without what is folded."""
    for number, verb in ((0, "added"), (1, "removed")):
        names = [d.device for d in differences if d.kind in _PRESENCE and d.values[number] is None]
        yield from _listed(names, verb, rest, verbose)
    there = [d for d in differences if d.kind not in _PRESENCE]
    shown = there if verbose else [d for d in there if d.kind not in {*FOLDED, "path"}]
    if any(not d.device for d in shown):
        yield from ("", "board")
        whole = changes(d for d in shown if not d.device)
        yield from (f"  {change.text}" for change in whole)
    yield from _groups(d for d in shown if d.device)
    if not verbose:
        yield from _moved(there)
        yield from _folded(there)


def _listed(names: Sequence[str], verb: str, rest: bool, verbose: bool) -> Iterator[str]:
    if names:
        other = "other " if rest else ""
        yield ""
        yield f"{len(names)} {other}device{'s' * (len(names) != 1)} {verb}:"
        few = names if verbose or len(names) <= _LISTED + 1 else names[:_LISTED]
        yield from (f"  {name}" for name in few)
        if len(few) < len(names):
            yield f"  … and {len(names) - len(few)} more"


def _moved(differences: Sequence[Difference]) -> Iterator[str]:
    """The devices with new paths, a line for each node above them that moved."""
    moves: dict[tuple[str, str], list[Difference]] = {}
    for difference in differences:
        if difference.kind == "path":
            old, new = (str(value).split("/") for value in difference.values)
            while len(old) > 2 and len(new) > 2 and old[-1] == new[-1]:
                old, new = old[:-1], new[:-1]
            moves.setdefault(("/".join(old), "/".join(new)), []).append(difference)
    yield from [""] * bool(moves)
    for (was, now), moved in moves.items():
        if len(moved) == 1:
            yield "1 device: path {} became {}".format(*moved[0].values)
        else:
            yield f"{len(moved)} devices: path {was}/… became {now}/…"


def _folded(differences: Sequence[Difference]) -> Iterator[str]:
    """How many differences are not shown."""
    folded = [d for d in differences if d.kind in FOLDED]
    if folded:
        counts = Counter(d.kind for d in folded)
        kinds = (f"{number} in a {kind}" for kind, number in counts.items())
        devices = len({d.device for d in folded})
        of_devices = f"of {devices} device{'s' * (devices != 1)}"
        yield ""
        yield f"Other differences, {of_devices}: {', '.join(kinds)}; -v lists them."
