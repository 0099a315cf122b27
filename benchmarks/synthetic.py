"""Boards of any size: blobs built by hand, with the properties that real devices have.

Devices hang on buses of 256 each, with registers (a page each, side by side, behind the ``ranges``
of the bus), an interrupt, two clocks, a reset, and for every fourth a stream ID of the SMMU. The
devices of the first buses have SPIs of the GIC, which has 988 and no more; on the buses behind them
the interrupts end at a controller of the bus, as those of GPIO controllers and multiplexers do.
"""

from __future__ import annotations

import struct

PER_BUS = 256
_FIRST = 0x1_0000_0000
_GIC, _CLOCKS, _RESETS, _SMMU = 1, 2, 3, 4
_BUS_CONTROLLERS = 16

#: So many devices have an SPI of their own.
_BEHIND_GIC = 3 * PER_BUS


class _Blob:
    """A devicetree blob of version 17 in the making (Devicetree Specification, chapter 5)."""

    def __init__(self) -> None:
        self.structure = bytearray()
        self.strings = bytearray()
        self.offsets: dict[str, int] = {}

    def begin(self, name: str) -> None:
        text = name.encode() + b"\0"
        self.structure += struct.pack(">I", 1) + text + bytes(-len(text) % 4)

    def end(self) -> None:
        self.structure += struct.pack(">I", 2)

    def put(self, name: str, value: bytes) -> None:
        if name not in self.offsets:
            self.offsets[name] = len(self.strings)
            self.strings += name.encode() + b"\0"
        self.structure += struct.pack(">3I", 3, len(value), self.offsets[name])
        self.structure += value + bytes(-len(value) % 4)

    def text(self, name: str, *values: str) -> None:
        self.put(name, b"".join(value.encode() + b"\0" for value in values))

    def cells(self, name: str, *values: int) -> None:
        self.put(name, struct.pack(f">{len(values)}I", *values))

    def finished(self) -> bytes:
        structure = bytes(self.structure) + struct.pack(">I", 9)
        at = 40 + 16
        strings = at + len(structure)
        total = strings + len(self.strings)
        sizes = (0, len(self.strings), len(structure))
        header = struct.pack(">10I", 0xD00DFEED, total, at, strings, 40, 17, 16, *sizes)
        return header + bytes(16) + structure + bytes(self.strings)


def board(devices: int) -> bytes:
    """A blob with so many device nodes."""
    blob = _Blob()
    blob.begin("")
    blob.text("compatible", "synthetic,board")
    blob.text("model", f"Synthetic board with {devices} devices")
    blob.cells("#address-cells", 2)
    blob.cells("#size-cells", 2)
    blob.cells("interrupt-parent", _GIC)
    _platform(blob)
    for first in range(0, devices, PER_BUS):
        _bus(blob, first, min(PER_BUS, devices - first))
    blob.end()
    return blob.finished()


def device_path(number: int) -> str:
    """The path of a device."""
    return f"/bus@{_base(number - number % PER_BUS):x}/serial@{number % PER_BUS * 4096:x}"


def device_address(number: int) -> int:
    """The address of a device's registers, a page."""
    return _base(number)


def _base(first: int) -> int:
    return _FIRST + first * 4096


def _platform(blob: _Blob) -> None:
    blob.begin("memory@40000000")
    blob.text("device_type", "memory")
    blob.cells("reg", 0, 0x40000000, 0, 0x80000000)
    blob.end()
    blob.begin("interrupt-controller@8000000")
    blob.text("compatible", "arm,gic-v3")
    blob.cells("reg", 0, 0x8000000, 0, 0x10000, 0, 0x80A0000, 0, 0xF60000)
    blob.put("interrupt-controller", b"")
    blob.cells("#interrupt-cells", 3)
    blob.cells("phandle", _GIC)
    blob.end()
    for name, cells, phandle in (("clock", 1, _CLOCKS), ("reset", 1, _RESETS)):
        blob.begin(f"{name}-controller@{0x9000000 + phandle * 0x1000:x}")
        blob.text("compatible", f"synthetic,{name}-controller")
        blob.cells("reg", 0, 0x9000000 + phandle * 0x1000, 0, 0x1000)
        blob.cells(f"#{name}-cells", cells)
        blob.cells("phandle", phandle)
        blob.end()
    blob.begin("iommu@9050000")
    blob.text("compatible", "arm,mmu-500")
    blob.cells("reg", 0, 0x9050000, 0, 0x10000)
    blob.cells("#global-interrupts", 1)
    blob.cells("#iommu-cells", 1)
    blob.cells("interrupts", 0, 950, 4)
    blob.cells("phandle", _SMMU)
    blob.end()


def _bus(blob: _Blob, first: int, count: int) -> None:
    base = _base(first)
    blob.begin(f"bus@{base:x}")
    blob.text("compatible", "simple-bus")
    blob.cells("#address-cells", 1)
    blob.cells("#size-cells", 1)
    blob.cells("ranges", 0, base >> 32, base & 0xFFFFFFFF, PER_BUS * 4096)
    if first >= _BEHIND_GIC:
        blob.cells("interrupt-parent", _BUS_CONTROLLERS + first // PER_BUS)
        blob.begin("interrupt-controller")
        blob.text("compatible", "synthetic,interrupt-controller")
        blob.put("interrupt-controller", b"")
        blob.cells("#interrupt-cells", 3)
        blob.cells("phandle", _BUS_CONTROLLERS + first // PER_BUS)
        blob.end()
    for number in range(first, first + count):
        offset = (number - first) * 4096
        blob.begin(f"serial@{offset:x}")
        blob.text("compatible", "arm,pl011", "arm,primecell")
        blob.cells("reg", offset, 4096)
        blob.cells("interrupts", 0, 32 + number % _BEHIND_GIC, 4)
        blob.cells("clocks", _CLOCKS, number, _CLOCKS, number + 1)
        blob.text("clock-names", "uartclk", "apb_pclk")
        blob.cells("resets", _RESETS, number)
        if number % 4 == 0:
            blob.cells("iommus", _SMMU, number // 4)
        blob.end()
    blob.end()
