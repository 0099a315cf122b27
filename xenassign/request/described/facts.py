"""A domain as a System Device Tree or a domains.yaml describes it.

Chapters 3 and 7 of the System Device Tree specification (devicetree-org/lopper, specification/);
the ``xen,*`` properties are those of Lopper's image-builder assist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign.findings import some

#: ``compatible`` of a domain, of the hypervisor, and of its virtual machines.
DOMAIN = "openamp,domain-v1"
HYPERVISOR = "openamp,hypervisor-v1"
MACHINE = "xen,domain-v"

#: Properties that are texts, and are carried. Of the hypervisor, then of a domain.
XEN_TEXTS = ("xen,binary", "xen,cmdline", "xen,device-tree", "xen,boot-mode")
DOMAIN_TEXTS = ("xen,kernel", "xen,kernel-cmdline", "xen,initrd")

#: What has no meaning for a guest of Xen, or none in xenassign.toml: why it is left out.
NOT_CARRIED = {
    "sram": "xenassign.toml has no on-chip memory of a domain; if a device tree node has it, assign"
    " that node",
    "reserved-memory": "carve-outs come with the devices whose memory-region names them",
    "domain-to-domain": "remoteproc, RPMsg and libmetal connect CPU clusters, not guests of Xen",
    **dict.fromkeys(
        (
            "firewallconf",
            "firewallconf-default",
            "firewallconfig",
            "firewallconfig-default",
            "access-implicit-default",
            "memory-implicit-default",
            "sram-implicit-default",
        ),
        "bus firewalls are programmed by firmware, not by Xen",
    ),
    "xen,propagate-config": "lines of an ImageBuilder configuration; give a file with them to"
    " --imagebuilder-base",
    "lopper,activate": "it selects variants of the tree in Lopper; give the tree of this variant",
}


class Note(NamedTuple):
    """Something that is not carried. ``where``: its place; ``text``: what, and why."""

    where: str
    text: str

    @property
    def line(self) -> str:
        """The line for people."""
        return f"{self.where}: {self.text}"


class MemoryBank(NamedTuple):
    """Memory of a domain in bytes. ``start``: its host address, None if none is stated.

    ``name``: of the node or memory that it is taken from, "" if none is stated.
    """

    where: str
    start: int | None
    size: int
    name: str = ""
    carve_out: bool = False


class Cpus(NamedTuple):
    """CPUs of a cluster. ``level``: the exception level, None if none is stated.

    ``on_xen``: whether they are those that Xen can run on, None if that is not known.
    """

    where: str
    cluster: str
    mask: int
    level: int | None
    secure: bool
    on_xen: bool | None


class Access(NamedTuple):
    """A device of a domain, as it is named: a path, label, node name or pattern.

    ``also``: another name of it, ``path``: its path in the System Device Tree; "" if none.
    """

    where: str
    name: str
    also: str = ""
    path: str = ""


class Described(NamedTuple):
    """A domain. ``parent``: the domain around it, or that ``parent:`` names; None: there is none.

    ``texts``: its properties of ``XEN_TEXTS`` and ``DOMAIN_TEXTS``, and the command line of its
    ``chosen``. ``about``: what a comment says of it. ``notes``: what its reader did not carry.
    ``named_parent``: the value of ``parent:``, "" if there is none.
    """

    name: str
    where: str
    parent: Described | None
    compatible: tuple[str, ...]
    cpus: tuple[Cpus, ...]
    memory: tuple[MemoryBank, ...]
    access: tuple[Access, ...]
    texts: dict[str, str]
    about: tuple[str, ...]
    notes: tuple[Note, ...]
    named_parent: str = ""

    @property
    def is_machine(self) -> bool:
        """Whether it is marked as a virtual machine of Xen."""
        return any(name.startswith(MACHINE) for name in self.compatible)

    @property
    def level(self) -> int | None:
        """The highest exception level of its CPUs."""
        return max((c.level for c in self.cpus if c.level is not None), default=None)

    def above(self) -> Iterator[Described]:
        """The domains around it, from the inside."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent


def flag_notes(flags: Iterable[tuple[str, str, str]]) -> Iterator[Note]:
    """One note for all devices with the same flags: of places, devices and flags ("" for none)."""
    by_flags: dict[str, list[tuple[str, str]]] = {}
    for where, name, text in flags:
        if text:
            by_flags.setdefault(text, []).append((where, name))
    for text, devices in by_flags.items():
        names = some(name for _, name in devices)
        yield Note(devices[0][0], f"the flags {text} of {names} are for bus firewalls, not for Xen")
