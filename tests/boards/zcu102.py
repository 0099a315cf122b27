"""AMD's ZCU102 (Zynq UltraScale+), as QEMU's xlnx-zcu102."""

from __future__ import annotations

from . import scripts
from .model import Board, Device, Edit, Guest, Run

UART = Device(
    "/axi/serial@ff010000",
    "xuartps",
    scripts.UART_DOES,
    scripts.UART,
    options={"clock-rate": {"uart_clk": 50000000}},  # of QEMU's model; 100 MHz on the board
)

#: QEMU's GIC has the registers of a GIC-400 at 64 KiB strides, but another GICC_IIDR. So Xen does
#: not see that the CPU interface is aliased (gicv2_is_aliased) and writes GICC_DIR to GICC_CTLR: no
#: CPU takes a second interrupt. From the last alias of the first page on there is nothing to see.
_GIC = Edit(
    "-t x FILE /axi/interrupt-controller@f9010000 reg"
    " 0 f9010000 0 10000 0 f902f000 0 2000 0 f9040000 0 20000 0 f906f000 0 2000"
)
#: Xen 4.17 takes every node memory@… for memory, those in /reserved-memory too, and maps it twice.
_REGIONS = tuple(
    Edit(f"-r FILE /reserved-memory/memory@{address}", xen="4.17")
    for address in ("3ed00000", "3ef00000")
)

_REGIONS_REMARK = """\
Xen 4.17 takes the nodes `memory@3ed00000` and `memory@3ef00000` of /reserved-memory for memory of
the board, and panics before it has a console (*Unable to setup the directmap mappings.*). The board
too cannot boot it from Linux' tree: remove both nodes, which are for the R5 cores
(`fdtput -r board.dtb /reserved-memory/memory@3ed00000`), as is done here, or use a newer Xen."""

_GIC_REMARK = """\
QEMU's GIC differs from the board's in its GICC_IIDR, so that Xen does not find out that each page
of the CPU interface is there 16 times (*GICv2: GICC size=0x00000000020000 but not aliased*). Xen
then ends the first interrupt at a wrong register, and no CPU takes a second one: with four CPUs it
stops after the lines *P2M:*, with one a guest hangs at the first interrupt of its device. In
emulation the GIC's `reg` gets the addresses 0xf902f000 and 0xf906f000 (0x2000 bytes each) for the
last two; the board needs no change."""

BOARD = Board(
    "zcu102",
    "AMD ZCU102 (Zynq UltraScale+)",
    "xilinx/zynqmp-zcu102-rev1.0.dtb",
    ("xlnx-zcu102,secure=off,virtualization=on", "-audio", "none", "-nic", "none"),
    memory=2048,
    modules_at=0x10000000,
    serials=("stdio", "echo"),
    edits=(_GIC, *_REGIONS),
    processors=4,
    remarks=(_GIC_REMARK, _REGIONS_REMARK),
    runs=(Run("devices", (Guest("devices", (UART,)),)),),
)
