"""What a user asks for of a whole system: several domains, and the conflicts that are accepted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from xenassign.errors import UsageError
from xenassign.formats.imagebuilder_cfg import BashConfig
from xenassign.request.boot_request import BootRequest
from xenassign.request.request import Request


class Allowance(NamedTuple):
    """A conflict between two domains that is accepted: its code, the nodes of both sides, why."""

    code: str
    nodes: tuple[str, ...]
    reason: str


class ImageBuilderRequest(NamedTuple):
    """A request for ImageBuilder's files. ``base``: the user's configuration to set them in."""

    base: BashConfig | None


@dataclass(frozen=True, slots=True)
class SystemRequest:
    """The domains of one system. All are for the same Xen.

    ``boot``: what is to be written of its boot. ``imagebuilder``: what is for ImageBuilder.
    """

    domains: tuple[Request, ...]
    allowances: tuple[Allowance, ...] = ()
    boot: BootRequest = field(default_factory=BootRequest)
    imagebuilder: ImageBuilderRequest | None = None

    def __post_init__(self) -> None:
        if not self.domains:
            raise UsageError("no domain is asked for; give at least one [[domain]]")
        names = Counter(one.name for one in self.domains)
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            raise UsageError(f"two domains are called {twice}; give each a name of its own")
        if len({(one.release.version, one.drivers, one.xen_console) for one in self.domains}) > 1:
            raise UsageError("the domains are for different Xens; a system has one")
