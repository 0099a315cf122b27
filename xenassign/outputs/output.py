"""What an output is: a folder with ``decide``, ``write`` and ``check``.

The list of all outputs is in :mod:`xenassign.outputs.generated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from xenassign.findings import Finding
from xenassign.system.system import SystemPlan


class Decision(Protocol):
    """What was decided about an output. A finding names the domain if it is about one."""

    @property
    def findings(self) -> tuple[Finding, ...]: ...


_Decision = TypeVar("_Decision", bound=Decision)


def no_findings(*_: object) -> Iterable[Finding]:
    """The ``check`` of an output that the lint has no rules for."""
    return ()


def no_fields(*_: object) -> Mapping[str, Any]:
    """The ``fields`` of an output that NAME.json does not describe."""
    return {}


@dataclass(frozen=True, slots=True)
class Output(Generic[_Decision]):
    """Files that are made of finished plans.

    ``decide`` gives None if the output was not requested, and raises UsageError if the request is
    invalid. ``write`` gives the content of the files by name; it is called if no error refuses the
    system, and raises OutputError. ``check`` reads these bytes again; it is given all files of all
    outputs. ``fields``: what NAME.json says of the output, for a domain by its name. ``endings``:
    of the names of a domain's files, after the domain's name; ``names``: of the system's files.
    """

    decide: Callable[[SystemPlan], _Decision | None]
    write: Callable[[SystemPlan, _Decision], Mapping[str, bytes]]
    check: Callable[[SystemPlan, _Decision, Mapping[str, bytes]], Iterable[Finding]] = no_findings
    fields: Callable[[_Decision, str], Mapping[str, Any]] = no_fields
    endings: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
