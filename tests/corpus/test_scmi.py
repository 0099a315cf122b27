"""SCMI on the real boards: which ids a device uses, and what a guest gets of the firmware.

The other side is made here of what libfdt reads: no code of xenassign tells a reference or an id.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.answers import generate
from xenassign.devicetree.blob import read_blob
from xenassign.host import scmi
from xenassign.host.device import devices
from xenassign.host.platform import read_platform
from xenassign.request.request import Accepted, MapOption, Request
from xenassign.xen.releases import release

from .judges import Plain, read

pytestmark = pytest.mark.corpus

Figures = Callable[[Counter[str]], None]

#: Compatible strings of a provider, and the families of boards that have one, by their directory
#: and the first letters of their names. There are more boards in a newer package, never fewer.
TRANSPORTS = {
    "arm,scmi": "mailbox",
    "arm,scmi-smc": "smc",
    "arm,scmi-smc-param": "smc-param",
    "linaro,scmi-optee": "optee",
    "arm,scmi-virtio": "virtio",
}
FAMILIES = {
    "arm/juno": ("mailbox", 3),
    "freescale/imx95": ("mailbox", 1),
    "freescale/imx8ulp": ("smc", 1),
    "rockchip/rk3588": ("smc", 25),
    "rockchip/rk356": ("smc", 40),
    "amlogic/amlogic-c3": ("smc", 2),
}
#: Property to the count of arguments: a property of the provider, or a number.
CELLS: dict[str, str | int] = {
    "clocks": "#clock-cells",
    "power-domains": "#power-domain-cells",
    "resets": "#reset-cells",
    "performance-domains": "#performance-domain-cells",
    "thermal-sensors": "#thermal-sensor-cells",
    "access-controllers": "#access-controller-cells",
}
SET_UP = {"assigned-clocks": "#clock-cells", "assigned-clock-parents": "#clock-cells"}
NAMES = {
    0x11: "power-domain",
    0x13: "performance",
    0x14: "clock",
    0x15: "sensor",
    0x16: "reset",
    0x17: "voltage",
    0x18: "powercap",
    0x19: "pinctrl",
}
PAGE = 4096


class Use(NamedTuple):
    """A reference of a node that ends at SCMI: the protocol's number, and all arguments."""

    prop: str
    protocol: int
    args: tuple[int, ...]


class Board(NamedTuple):
    """A tree as libfdt tells it: its nodes, those with a phandle, and its SCMI providers."""

    nodes: list[Plain]
    phandles: dict[int, Plain]
    providers: list[Plain]

    @property
    def transport(self) -> str:
        """That of the first provider."""
        return next(t for c, t in TRANSPORTS.items() if c in compatible(self.providers[0]))

    def uses(self, node: Plain, more: dict[str, str] | None = None) -> Iterator[Use]:
        """What a node uses of SCMI. ``more``: further properties to look at."""
        for name in node.properties:
            count = self._count(name, more or {})
            if count is None:
                continue
            for target, args in self._entries(node, name, count):
                protocol = self._protocol(target)
                if protocol is not None:
                    yield Use(name, protocol, args or tuple(self._own(target)))

    @staticmethod
    def _count(name: str, more: dict[str, str]) -> str | int | None:
        if name.endswith("-supply") or re.fullmatch(r"pinctrl-\d+", name):
            return 0
        return CELLS.get(name) or more.get(name)

    def _entries(
        self, node: Plain, name: str, count: str | int
    ) -> Iterator[tuple[Plain, tuple[int, ...]]]:
        values = list(node.cells(name))
        while values:
            target = self.phandles.get(values.pop(0))
            if target is None:
                continue  # 0: an entry left out
            if isinstance(count, str) and count not in target.properties:
                return
            width = target.cell(count, 0) if isinstance(count, str) else count
            args, values = tuple(values[:width]), values[width:]
            yield target, args

    def _protocol(self, target: Plain) -> int | None:
        """The reg of the protocol@NN below a provider that a node is or lies in."""
        below: Plain | None = None
        for node in target.lineage():
            if node in self.providers:
                return below.cell("reg", -1) if below is not None else None
            below = node
        return None

    @staticmethod
    def _own(target: Plain) -> Iterator[int]:
        """The id of what takes no argument: its reg, as regulators have one."""
        if "reg" in target.properties and not target.path.rpartition("/")[2].startswith("protocol"):
            yield target.cell("reg", -1)


def compatible(node: Plain) -> list[str]:
    return node.properties.get("compatible", b"").decode("latin-1").split("\0")


def board(blob: bytes) -> Board:
    nodes = read(blob)
    phandles = {node.cell("phandle", 0): node for node in nodes if "phandle" in node.properties}
    providers = [node for node in nodes if set(compatible(node)) & TRANSPORTS.keys()]
    return Board(nodes, phandles, providers)


def ids(uses: Iterator[Use]) -> list[tuple[str, int]]:
    """(protocol, id), each once."""
    known = ((NAMES[use.protocol], use.args[0]) for use in uses if use.args)
    return list(dict.fromkeys(known))


@pytest.fixture(scope="module")
def scmi_boards(board_files: list[Path]) -> list[tuple[str, bytes, Board]]:
    """(VENDOR/BOARD, blob, tree) of every board with SCMI."""
    found = []
    for path in board_files:
        blob = path.read_bytes()
        if b"scmi" in blob:
            tree = board(blob)
            if tree.providers:
                found.append((f"{path.parts[-2]}/{path.stem}", blob, tree))
    return found


def family(name: str) -> str:
    return next((one for one in FAMILIES if name.startswith(one)), "others")


def test_the_boards_are_there(scmi_boards: list[tuple[str, bytes, Board]]) -> None:
    there = Counter(family(name) for name, _, _ in scmi_boards)
    assert all(there[name] >= count for name, (_, count) in FAMILIES.items())
    for name, _, tree in scmi_boards:
        assert tree.transport == FAMILIES.get(family(name), (tree.transport,))[0], name


def test_the_ids_of_every_device(
    scmi_boards: list[tuple[str, bytes, Board]], figures: Figures
) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for name, blob, tree in scmi_boards:
        kind = f"SCMI: {family(name)}"
        plain = {node.path: node for node in tree.nodes}
        counts[f"{kind}: boards"] += 1
        for device in devices(read_platform(read_blob(blob))):
            here = ids(tree.uses(plain[device.path]))
            found = [(one.protocol, one.id) for one in device.scmi]
            counts[f"{kind}: devices with ids"] += bool(here)
            counts[f"{kind}: ids"] += len(here)
            if found != here:
                wrong.append(f"{name}: {device.path}: {found}, not {here}")
    figures(counts)
    assert wrong == []
    assert all(counts[f"SCMI: {one}: ids"] for one in FAMILIES)


def test_the_users_of_every_id(
    scmi_boards: list[tuple[str, bytes, Board]], figures: Figures
) -> None:
    """Devices or not: CPUs and thermal zones too."""
    counts: Counter[str] = Counter()
    for name, blob, tree in scmi_boards:
        here = Counter(
            (node.path, use.prop, NAMES[use.protocol], use.args[:1])
            for node in tree.nodes
            for use in tree.uses(node, SET_UP)
        )
        platform = read_platform(read_blob(blob))
        found = Counter(
            (
                one.node.path,
                one.use.prop,
                one.use.protocol,
                () if one.use.id is None else (one.use.id,),
            )
            for one in scmi.users(platform.tree, platform.scmi)
        )
        assert found == here, name
        counts["SCMI: uses on all boards"] += here.total()
    figures(counts)


@pytest.mark.parametrize("version", ["4.21", "4.22"])
def test_a_guest_with_scmi(
    version: str,
    scmi_boards: list[tuple[str, bytes, Board]],
    figures: Figures,
    tmp_path: Path,
    dtc: str,
) -> None:
    counts: Counter[str] = Counter()
    for name, blob, tree in scmi_boards:
        if tree.transport != "smc":
            continue
        platform = read_platform(read_blob(blob))
        for device in devices(platform):
            if not device.scmi:
                continue
            request = Request(
                devices=(device.path,),
                release=release(version),
                maps=(MapOption(None, None, "auto"),),
                policy="trust",
                shared=(Accepted(device.path),),
                sci="scmi_smc",
            )
            plan, files, refused = generate(platform.tree, request)
            if refused:
                codes = {finding.code for finding in plan.findings if finding.severity == "error"}
                assert not codes & {"XA521", "XA201", "XA203", "XA207"}, (name, refused)
                counts[f"SCMI: guests of {family(name)} refused ({', '.join(sorted(codes))})"] += 1
                continue
            source = tmp_path / "domu1.dts"
            source.write_bytes(files["domu1.dts"])
            command = [dtc, "-q", "-I", "dts", "-O", "dtb", str(source)]
            made = board(subprocess.run(command, check=True, capture_output=True).stdout)
            planned = json.loads(files["domu1.json"])
            _references(tree, made, planned, f"{name} {device.path}")
            _shared_memory(tree, made, files["domu1.cfg"].decode())
            assert b'xen,sci_type = "scmi_smc"' in files["domu1.dom0less.dtso"]
            counts[f"SCMI: guests of {family(name)} made"] += 1
    figures(counts)
    assert any(key.endswith("made") for key in counts)


def _references(
    host: Board, made: Board, planned: dict[str, list[dict[str, str]]], at: str
) -> None:
    """What of the host ended at SCMI ends there in the guest, and no other protocol is there."""
    before = {node.path: node for node in host.nodes}
    after = {node.path: node for node in made.nodes}
    for one in planned["devices"]:
        wanted = list(host.uses(before[one["path"]]))
        assert list(made.uses(after[one["guest_path"]])) == wanted, at
    (provider,) = made.providers
    assert provider.path == "/passthrough/firmware/scmi"
    assert provider.cells("arm,smc-id") == host.providers[0].cells("arm,smc-id")
    used = {use.protocol for node in made.nodes for use in made.uses(node, SET_UP)}
    there = {node.cell("reg", -1) for node in made.nodes if node.parent is provider}
    assert there == used, at


def _shared_memory(host: Board, made: Board, config: str) -> None:
    """It is mapped whole, for both routes, where the guest's node says."""
    memory = made.phandles[made.providers[0].cell("shmem", 0)]
    (address, size) = _on_the_bus(host.phandles[host.providers[0].cell("shmem", 0)])
    here = memory.cells("reg")
    mapped = memory.cells("xen,reg")
    assert compatible(memory)[0] == "arm,scmi-shmem"
    assert "xen,force-assign-without-iommu" in memory.properties
    assert len(here) == 4
    assert len(mapped) == 6
    assert (here[3], mapped[0] << 32 | mapped[1]) == (size, address - address % PAGE)
    assert mapped[2] << 32 | mapped[3] == PAGE
    guest = mapped[4] << 32 | mapped[5]
    assert here[0] << 32 | here[1] == guest + address % PAGE
    moved = "" if guest // PAGE == address // PAGE else f"@{guest // PAGE:#x}"
    assert f'"{address // PAGE:#x},0x1{moved}"' in config
    assert 'arm_sci = "type=scmi_smc"' in config


def _on_the_bus(node: Plain) -> tuple[int, int]:
    """(address, size) of the first block, through the ranges above: one cell or two each."""
    parent = node.parent
    assert parent is not None
    wide, long = parent.cell("#address-cells", 2), parent.cell("#size-cells", 1)
    address = _number(node.cells("reg")[:wide])
    size = _number(node.cells("reg")[wide : wide + long])
    while parent is not None and parent.parent is not None:
        above = parent.parent.cell("#address-cells", 2)
        table = list(parent.cells("ranges"))
        width = wide + above + long
        for at in range(0, len(table), width):
            entry = table[at : at + width]
            child, length = _number(entry[:wide]), _number(entry[wide + above :])
            if child <= address < child + length:
                address += _number(entry[wide : wide + above]) - child
                break
        wide, long = above, parent.parent.cell("#size-cells", 1)
        parent = parent.parent
    return address, size


def _number(cells: tuple[int, ...] | list[int]) -> int:
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value
