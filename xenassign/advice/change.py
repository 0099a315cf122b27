"""A change of the options of a domain, and the request with it.

Values are those of the command line, by ``Option.field`` (:mod:`xenassign.request.options`), so
that a change is planned as what the printed command will be read as.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from xenassign.request.command_line import fields_of
from xenassign.request.options import DOMAIN
from xenassign.request.request import Accepted, Request

RISKS = ("none", "no-dom0", "host-loses", "page-shared", "unprotected", "newer-xen")
"""From the least to the greatest: nothing is at risk; there is no dom0; dom0 loses devices; the
guest can change registers of devices that are not its own; the guest's DMA is not confined. The
last is no risk, but must be there: the board has to run a newer Xen."""

Value = str | int | bool | tuple[str, ...]
Options = tuple[tuple[str, Value], ...]
"""Fields and values."""


class OptionChange(NamedTuple):
    """Options to give in addition, or with another value.

    ``options``: (field, value). Those that may be repeated are added to the user's, the others
    replace his; those of ``replaced`` are replaced though they may be repeated. ``why``: what it
    does, and costs. ``domain``: the name of the domain that it is for.
    """

    options: Options
    why: str
    risk: str = "none"
    replaced: frozenset[str] = frozenset()
    domain: str | None = None

    @property
    def level(self) -> int:
        """The risk as a number, 0 for none."""
        return RISKS.index(self.risk)

    @property
    def words(self) -> tuple[str, ...]:
        """Its options as the command line has them."""
        words: list[str] = []
        for field, value in self.options:
            flags = FLAGS[field]
            if isinstance(value, bool):
                words.append(flags.split("/")[not value])
            else:
                words += [word for each in _several(value) for word in (flags, each)]
        return tuple(words)


FLAGS = {
    option.field: option.flags if isinstance(option.flags, str) else option.flags[0]
    for option in DOMAIN
}
"""By field, the option; of a flag that can be off, ``--on/--no-on``."""

REPEATED = frozenset(option.field for option in DOMAIN if option.repeated)


def changed_options(given: Mapping[str, Any], changes: Iterable[OptionChange]) -> dict[str, Any]:
    """The values of options with those of changes."""
    values = dict(given)
    for change in changes:
        for field, value in change.options:
            adds = field in REPEATED and field not in change.replaced
            values[field] = (*(values.get(field) or ()), *_several(value)) if adds else value
    return values


def changed_request(request: Request, changes: Iterable[OptionChange]) -> Request:
    """A request with changes. Raises UsageError if they contradict it."""
    for change in changes:
        values: dict[str, Any] = dict(change.options)
        fields = fields_of(values)
        for field in REPEATED.intersection(fields) - change.replaced - {"routes"}:
            fields[field] = (*dict.fromkeys((*getattr(request, field), *fields[field])),)
        if "static_memory" in fields:
            fields |= {"memory": None, "routes": ("dom0less",)}
        request = replace(request, **fields)
    return request


def in_order(request: Request) -> Request:
    """The request without what decides nothing: the order of its devices, and those below others.

    The devices of a page, and the parts of a device, are asked about one after the other, each time
    together with the others.
    """

    def ordered(accepted: tuple[Accepted, ...]) -> tuple[Accepted, ...]:
        return tuple(sorted(accepted, key=lambda option: option.node))

    return replace(
        request,
        devices=_outermost(request.devices),
        forced=ordered(request.forced),
        shared=ordered(request.shared),
        controls=ordered(request.controls),
    )


def _outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths in order, without those below another of them: a device has its subtree."""
    kept: list[str] = []
    for path in sorted(paths):
        if not any(path.startswith(f"{above}/") for above in kept):
            kept.append(path)
    return tuple(kept)


def _several(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),)
