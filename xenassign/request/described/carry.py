"""From a described system to the values of a xenassign.toml, and what they lack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.escape import xlcfg_problem
from xenassign.host.platform import Platform
from xenassign.request.boot_request import COMMAND_LINE, FILE
from xenassign.request.described.devices import DeviceNames
from xenassign.request.described.facts import Described, MemoryBank, Note
from xenassign.request.described.roles import Roles, roles
from xenassign.request.request import VCPUS_MAX
from xenassign.xen.cpus import cpu_nodes
from xenassign.xen.releases import DOMAIN_NAME, GUEST_MEMORY_MAX_MIB, Release

_MIB = 1 << 20
_LONGEST = 31  # characters of a name
_GUEST_LEVEL = 1
_NOUNS = {FILE: "the name of a file", COMMAND_LINE: "a command line"}
#: Lopper's values of xen,boot-mode, and the routes.
_ROUTES = {"dom0less": "dom0less", "dom0": "xl"}


class CarriedDomain(NamedTuple):
    """A guest. ``memory`` in MiB; ``banks``: where its memory is in the host, for a comment.

    ``kernel_file``, ``ramdisk_file``: those of ``load``.
    """

    name: str
    about: tuple[str, ...]
    memory: int | None
    banks: tuple[str, ...]
    vcpus: int | None
    cpus: str | None
    kernel: str | None
    ramdisk: str | None
    extra: str | None
    devices: tuple[Node, ...]
    kernel_file: str | None
    ramdisk_file: str | None


class Carried(NamedTuple):
    """What a xenassign.toml gets. ``files``: of the images of ``[boot]``, by their names.

    ``route``: None if the description states none. ``others``: what the domains are that are not
    in ``domains``.
    """

    domains: tuple[CarriedDomain, ...]
    route: str | None
    files: dict[str, str]
    xen_bootargs: str | None
    dom0_bootargs: str | None
    notes: tuple[Note, ...]
    others: tuple[str, ...]


def carry(
    domains: Sequence[Described], platform: Platform, system: Tree | None, release: Release
) -> Carried:
    """The guests and the boot of a described system on a board.

    ``system``: the System Device Tree that describes it, None for a domains.yaml. Raises UsageError
    with a line for every name of several nodes.
    """
    have = roles(domains)
    names = DeviceNames(platform.tree, system)
    notes = [note for domain in domains for note in domain.notes]
    notes += have.notes
    route = _route(have, notes)
    pins = route == "xl" or release.vcpu_nodes
    carried: list[CarriedDomain] = []
    ambiguous: list[str] = []
    without: list[str] = []
    for guest in have.guests:
        devices = names.of(guest)
        notes += devices.notes
        ambiguous += devices.ambiguous
        if devices.nodes:
            taken = {domain.name.lower() for domain in carried}
            carried.append(
                _Guest(guest, have.guests, platform, pins, notes).carried(devices.nodes, taken)
            )
        elif not devices.ambiguous:
            text = f"the domain {guest.name} is left out: it has no device of the board"
            notes.append(Note(guest.where, text))
            without.append(text)
    if ambiguous:
        raise UsageError(*dict.fromkeys(ambiguous))
    if have.dom0 is not None:
        without.append(f"{have.dom0.name} is dom0")
    for node in names.multiplexers(tuple(n for domain in carried for n in domain.devices)):
        notes.append(
            Note(
                platform.tree.file,
                f"interrupts end at {node.path}, which distributes them to several CPU clusters and"
                " which Xen does not know; give as HOST the tree that the board boots with",
            )
        )
    files = dict(_files(have, notes))
    notes += _of_xen(have)
    return Carried(
        tuple(carried),
        route,
        files,
        _fitting(have.xen, "xen,cmdline", COMMAND_LINE, notes),
        _fitting(have.dom0, "xen,kernel-cmdline", COMMAND_LINE, notes),
        tuple(sorted(dict.fromkeys(notes), key=lambda note: _order(note, domains))),
        tuple(dict.fromkeys((*without, *(note.text for note in have.notes)))),
    )


def _order(note: Note, domains: Sequence[Described]) -> int:
    """The place of a note in the file: its line, or the number of its domain."""
    line = re.fullmatch(r".*:([0-9]+)", note.where)
    if line is not None:
        return int(line[1])
    at = [n for n, d in enumerate(domains) if f"{note.where}: ".startswith(f"{d.where}: ")]
    return max(at, default=-1)


def _route(have: Roles, notes: list[Note]) -> str | None:
    mode = have.xen.texts.get("xen,boot-mode") if have.xen is not None else None
    if mode is None:
        return None
    if mode not in _ROUTES:
        assert have.xen is not None
        notes.append(Note(have.xen.where, f"xen,boot-mode {mode!r} is not known; it is left out"))
    return _ROUTES.get(mode)


def _fitting(domain: Described | None, key: str, pattern: str, notes: list[Note]) -> str | None:
    """The text of a property, if xenassign.toml can have it; else it is noted."""
    text = domain.texts.get(key) if domain is not None else None
    if domain is None or text is None or re.fullmatch(pattern, text):
        return text
    notes.append(Note(domain.where, f"{key} is left out: {text!r} is not {_NOUNS[pattern]}"))
    return None


def _files(have: Roles, notes: list[Note]) -> Iterator[tuple[str, str]]:
    for domain, names in (
        (have.xen, (("xen", "xen,binary"), ("host", "xen,device-tree"))),
        (have.dom0, (("dom0-kernel", "xen,kernel"), ("dom0-ramdisk", "xen,initrd"))),
    ):
        for image, key in names:
            file = _fitting(domain, key, FILE, notes)
            if file is not None:
                yield image, file


def _of_xen(have: Roles) -> Iterator[Note]:
    """What Xen and dom0 have and xenassign.toml does not state."""
    for who, domain in (("Xen", have.xen), ("dom0", have.dom0)):
        if domain is None or (who == "dom0" and domain is have.xen):
            continue
        if any(access.name != "*" for access in domain.access):
            text = "its devices are left out: dom0 has those that no guest has"
            yield Note(domain.access[0].where, f"{domain.name}: {text}")
        if domain.memory or domain.cpus:
            text = (
                "dom0_mem= and dom0_max_vcpus= of Xen's command line state those of dom0"
                if who == "dom0"
                else "Xen has those of the board"
            )
            yield Note(domain.where, f"{domain.name}: memory and CPUs are left out: {text}")


class _Guest:
    """Carries one guest, and adds to the notes."""

    def __init__(
        self,
        domain: Described,
        guests: Sequence[Described],
        platform: Platform,
        pins: bool,
        notes: list[Note],
    ) -> None:
        """``pins``: whether its route and release can restrict the CPUs that it runs on."""
        self._domain, self._guests = domain, guests
        self._platform, self._pins, self._notes = platform, pins, notes

    def carried(self, devices: tuple[Node, ...], taken: set[str]) -> CarriedDomain:
        texts = {k: t for k, t in self._domain.texts.items() if self._is_stated(k, t)}
        stated = self._domain._replace(texts=texts)
        own = [bank for bank in self._domain.memory if self._is_own(bank)]
        banks = [bank for bank in own if self._in_ram(bank)] or [
            bank for bank in own if not bank.name
        ]
        return CarriedDomain(
            self._name(taken),
            self._domain.about,
            self._memory(banks),
            tuple(f"{b.start:#x}:{b.size:#x}" for b in banks if b.start is not None and _whole(b)),
            self._vcpus(),
            self._pinned(),
            texts.get("xen,kernel"),
            texts.get("xen,initrd"),
            texts.get("xen,kernel-cmdline"),
            devices,
            *(_fitting(stated, key, FILE, self._notes) for key in ("xen,kernel", "xen,initrd")),
        )

    def _note(self, where: str, text: str) -> None:
        self._notes.append(Note(where, text))

    def _is_stated(self, key: str, text: str) -> bool:
        problem = xlcfg_problem(text)
        if problem is not None:
            self._note(self._domain.where, f"{key} is left out: it contains {problem}")
        return problem is None

    def _name(self, taken: set[str]) -> str:
        given = self._domain.name
        name = re.sub(r"[^A-Za-z0-9._+-]", "-", given)[:_LONGEST]
        if not re.fullmatch(DOMAIN_NAME, name):
            name = f"d-{name}"[:_LONGEST]
        number, stem = 2, name
        while name.lower() in taken:
            name = f"{stem[: _LONGEST - 4]}-{number}"
            number += 1
        if name != given:
            self._note(self._domain.where, f"the name {given!r} became {name!r}")
        return name

    def _is_own(self, bank: MemoryBank) -> bool:
        """Whether it is memory of this domain alone."""
        called = bank.name or f"the bank at {bank.start or 0:#x}"
        if bank.carve_out:
            self._note(bank.where, f"{called} is left out: a carve-out (no-map) is not its memory")
            return False
        others = [d for d in self._guests if d is not self._domain and _has(d, bank)]
        if others:
            names = ", ".join(d.name for d in others)
            text = f"{called} is left out: it is shared with {names}; see [[domain.shared-memory]]"
            self._note(bank.where, text)
        return not others

    def _in_ram(self, bank: MemoryBank) -> bool:
        ram = self._platform.memory
        if bank.start is None or not ram or any(_overlap(bank, b.address, b.end) for b in ram):
            return True
        text = f"{bank.name or 'memory'}: the board has no memory at {bank.start:#x}"
        self._note(bank.where, text)
        return False

    def _memory(self, banks: Iterable[MemoryBank]) -> int | None:
        total, where = 0, self._domain.where
        for bank in banks:
            total += bank.size
            where = bank.where
        mebibytes = -(-total // _MIB)
        if not 1 <= mebibytes <= GUEST_MEMORY_MAX_MIB:
            text = f"{total} bytes of memory are out of range" if total else "it has no memory"
            self._note(where, f"{self._domain.name}: {text}; set memory")
            return None
        if total % _MIB:
            self._note(where, f"{total} bytes of memory became {mebibytes} MiB")
        return mebibytes

    def _vcpus(self) -> int | None:
        number = 0
        for cpus in self._domain.cpus:
            if cpus.on_xen is False:
                self._note(cpus.where, f"{cpus.cluster} is left out: Xen does not run on it")
                continue
            number += cpus.mask.bit_count()
            if cpus.secure:
                self._note(cpus.where, "secure is left out: guests of Xen are not secure")
            if cpus.level not in {None, _GUEST_LEVEL}:
                text = f"the execution level {cpus.level} is left out: guests of Xen run at EL1"
                self._note(cpus.where, text)
        if 1 <= number <= VCPUS_MAX:
            return number
        if number:
            self._note(self._domain.where, f"{number} CPUs are out of range (1 to {VCPUS_MAX})")
        return None

    def _pinned(self) -> str | None:
        """The CPUs that it may run on, by Xen's numbers; None if that cannot be stated."""
        own = [cpus for cpus in self._domain.cpus if cpus.on_xen is not False and cpus.mask]
        mask = 0
        for cpus in own:
            mask |= cpus.mask
        if not mask:
            return None
        listed, count = _ranges(mask), len(cpu_nodes(self._platform.tree.root))
        if len({cpus.cluster for cpus in own}) > 1:
            why = "they are of several clusters"
        elif mask.bit_length() > count:
            why = f"the board has {count}"
        elif not self._pins:
            why = "Xen pins vCPUs of dom0less domains from 4.21 on (--xen 4.21)"
        else:
            return listed
        self._note(
            own[0].where, f"not pinned to the CPUs {listed}, which only count as vcpus: {why}"
        )
        return None


def _ranges(mask: int) -> str:
    """The numbers of the bits of a mask, as in ``0,2-3``."""
    numbers = [number for number in range(mask.bit_length()) if mask >> number & 1]
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return ",".join(
        str(first) if first == last else f"{first}-{last}"
        for first, last in zip(starts, ends, strict=True)
    )


def _whole(bank: MemoryBank) -> bool:
    """Whether a bank can be one of ``static-memory``."""
    return bank.size > 0 and not ((bank.start or 0) | bank.size) % PAGE_SIZE


def _overlap(bank: MemoryBank, start: int, end: int) -> bool:
    assert bank.start is not None
    return bank.start < end and start < bank.start + bank.size


def _has(domain: Described, bank: MemoryBank) -> bool:
    """Whether memory with an address is also memory of a domain."""
    return bank.start is not None and any(
        _overlap(other, bank.start, bank.start + bank.size)
        for other in domain.memory
        if other.start is not None
    )
