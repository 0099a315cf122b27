"""The differences of two sides as lines of text, each about what became of one thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from xenassign.system.differences import Difference, Value

#: What a kind is called in a line, if not by its own name.
_NAMES = {
    "host address": "moved in the host",
    "guest address": "moved in the guest",
    "release": "Xen",
    "protection": "DMA",
    "interrupts": "INTID",
    "streams": "stream",
    "users": "user",
    "mark": "mark on",
    "stage 2 pool": "memory for stage 2",
}
#: Kinds whose title is the thing itself, so that one may replace another one.
_ENTRIES = frozenset({"mark", "host keeps", "kept on", "firmware", "finding"})
#: Kinds whose title says enough.
_TITLED = frozenset({"property", "supplier", "setting", "stand-in", "event channel", "platform"})
_NO_VALUE = "there"
_BLOCKS = ("host address", "guest address", "size")
_WHOLE = frozenset({"device", "region", "domain", "host"})


class ChangeLine(NamedTuple):
    """A line about a device of a domain of a board; each is "" if the line is about more."""

    host: str
    domain: str
    device: str
    text: str

    @property
    def line(self) -> str:
        """The line with what it is about."""
        return ": ".join(filter(None, self))


def lines(differences: Iterable[Difference]) -> list[str]:
    """The differences, a line each or more; every line says what it is about."""
    return [change.line for change in changes(differences)]


def changes(differences: Iterable[Difference]) -> Iterator[ChangeLine]:
    """The differences in their order, those of lists and blocks put together."""
    for about, each in groupby(differences, key=lambda d: (d.host, d.domain, d.device)):
        for kind, same in groupby(each, key=lambda d: _BLOCKS if d.kind in _BLOCKS else d.kind):
            group = [*same]
            if kind == _BLOCKS:
                texts = _blocks(group)
            elif kind in _ENTRIES:
                removed, added = ([d.title for d in group if d.values[n]] for n in (0, 1))
                texts = _entries(_NAMES.get(str(kind), str(kind)), removed, added)
            else:
                texts = (text for difference in group for text in _texts(difference))
            yield from (ChangeLine(*about, text) for text in texts)


def _texts(difference: Difference) -> Iterator[str]:
    old, new = difference.values
    kind, title = difference.kind, difference.title
    name = title if kind in _TITLED else " ".join(filter(None, (_NAMES.get(kind, kind), title)))
    if isinstance(old, tuple) or isinstance(new, tuple):
        yield from _lists(name, old or (), new or ())
    elif kind in _WHOLE and (old is None or new is None):
        path = old or new
        known = (difference.device, difference.domain, title, None)
        place = f" ({path})" if path not in known else ""
        yield f"{name}{place} {'added' if old is None else 'removed'}"
    else:
        yield from _became(difference, name, old, new)


def _became(difference: Difference, name: str, old: Value, new: Value) -> Iterator[str]:
    stub = " stub" if difference.kind == "stand-in" else ""
    colon = ":" if difference.kind in _TITLED else ""
    was, now = _text(difference.kind, old), _text(difference.kind, new)
    if old is not None and new is not None:
        yield f"{name}{colon}{stub} {was} became {now}"
    elif stub:
        yield f"{name}: stub {was if new is None else now} {'removed' if new is None else 'added'}"
    elif difference.kind == "stage 2 pool":
        yield f"{name} {was} became {now}"
    elif new is None:
        yield f"{name} removed" + (f" (was {was})" if was != _NO_VALUE else "")
    else:
        yield f"{name} added" + (f" ({now})" if now != _NO_VALUE else "")


def _text(kind: str, value: Value) -> str:
    if kind == "stage 2 pool" and value is None:
        return "Xen's default"
    return f"{value} MiB" if isinstance(value, int) else str(value)


def _blocks(group: Sequence[Difference]) -> Iterator[str]:
    """What became of the register blocks: moved, of another size, added, removed."""
    titles = dict.fromkeys(difference.title for difference in group)
    for title in titles:
        of_block = {d.kind: d.values for d in group if d.title == title}
        for number, verb in ((1, "removed"), (0, "added")):
            if of_block.get("size", ("", ""))[number] is None:
                values = {kind: values[1 - number] for kind, values in of_block.items()}
                place = f"{values['size']:#x} bytes at {values['host address']:#x}"
                if "guest address" in values:
                    place += f", in the guest at {values['guest address']:#x}"
                yield f"{title} ({place}) {verb}"
                break
        else:
            for kind, (old, new) in of_block.items():
                if kind == "size":
                    yield f"{title} of {old:#x} bytes became {new:#x} bytes"
                else:
                    yield f"{title} {_NAMES[kind]} from {old:#x} to {new:#x}"


def _lists(name: str, old: Value, new: Value) -> Iterator[str]:
    """Changed entries of a list, or its order."""
    before, after = (value if isinstance(value, tuple) else (str(value),) for value in (old, new))
    removed = [entry for entry in before if entry not in after]
    added = [entry for entry in after if entry not in before]
    if removed or added:
        yield from _entries(name, removed, added)
    else:
        was, now = (", ".join(entries) for entries in (before, after))
        yield f"{name}: the order {was} became {now}"


def _entries(name: str, removed: Sequence[str], added: Sequence[str]) -> Iterator[str]:
    """As many added entries as there are removed ones replaced these."""
    if len(removed) == len(added):
        pairs = zip(removed, added, strict=True)
        yield from (f"{name} {was} became {now}" for was, now in pairs)
    else:
        yield from (f"{name} {entry} removed" for entry in removed)
        yield from (f"{name} {entry} added" for entry in added)
