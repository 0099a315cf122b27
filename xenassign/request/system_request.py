"""The request for a whole system: its domains, accepted conflicts, boot and ImageBuilder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from xenassign.errors import UsageError
from xenassign.request.boot_request import BootRequest
from xenassign.request.demands import Demand
from xenassign.request.origin import Written
from xenassign.request.request import Request

if TYPE_CHECKING:
    from xenassign.formats.imagebuilder_cfg import BashConfig


class Allowance(NamedTuple):
    """A conflict between two domains that is accepted: its code, the nodes in conflict, why."""

    code: str
    nodes: tuple[str, ...]
    reason: str


class CpuPool(NamedTuple):
    """One [[cpu-pool]]: CPUs of the host as ``0,2-3``. ``scheduler``: None: Xen's default."""

    name: Written
    cpus: str
    scheduler: str | None = None


class ImageBuilderRequest(NamedTuple):
    """The request for ImageBuilder's files. ``base``: the user's configuration, to be completed."""

    base: BashConfig | None


@dataclass(frozen=True, slots=True)
class SystemRequest:
    """The domains of one system, whose Xen is the same: release, IOMMU drivers and console.

    Raises UsageError without a domain, if two have one name, or if they differ in their Xen.
    """

    domains: tuple[Request, ...]
    allowances: tuple[Allowance, ...] = ()
    boot: BootRequest = field(default_factory=BootRequest)
    imagebuilder: ImageBuilderRequest | None = None
    zephyr: bool = False
    demands: tuple[Demand, ...] = ()
    pools: tuple[CpuPool, ...] = ()

    def __post_init__(self) -> None:
        if not self.domains:
            raise UsageError("there is no domain; give at least one [[domain]]")
        names = Counter(domain.name for domain in self.domains)
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            raise UsageError(f"two domains have the name {twice}; give each a unique name")
        if len({(d.release.name, d.drivers, d.xen_console) for d in self.domains}) > 1:
            raise UsageError(
                "the domains differ in Xen release, IOMMU drivers or Xen's console; give one of"
                " each for all domains"
            )
