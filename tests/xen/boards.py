"""Host device trees for the real hypervisor: QEMU's virt board, and the same with more devices.

    blob = board("devices", dumped_by_qemu)

Xen maps a device and routes its interrupts without asking whether anything is there. So devices as
real boards have them can stand at addresses where QEMU has nothing: what Xen accepts is seen for
real, only the guest must not touch them (an external abort). QEMU's own PL031, PL061, fw-cfg and
virtio-mmio slots are on every board and work. The sources stand in ``boards/*.dtsi``.

``devices``, both routes:

=============================== ==================================================================
/irq-only                       an interrupt (INTID 212), no registers
/soc                            a bus with two windows, neither of them one to one
/soc/half@1000, @1200           0x200 bytes each, in one page
/soc/alone@2400                 0x100 bytes, alone in its page, not at its start
/soc/blocks@3000                two blocks; edge rising, level high, edge falling, level low
/soc/glue@8000                  a device with two devices below, through its own ``ranges``
/soc/aliased@b000               has the alias ``spare``
/soc/supplied@c000              clocks, a reset, a power domain, pins, a GPIO, a setting
/soc/clock-controller@d000      what /soc/supplied@c000 takes clocks and the reset from
/soc/pinctrl@e000               its pins
/soc/shared@14000, @15000       share an SPI (227), same trigger
/soc/twice@16000                lists its SPI twice
/soc/i2c@18000, /soc/spi@18000  alternatives, one address and SPI; the second is disabled
/soc/ppi@1a000                  has a PPI (20), and /soc/ppi@1a000/below@0 has an SPI
/soc/interrupt-controller@1c000 a secondary interrupt controller
/soc/muxed@1d000                interrupts that controller
/soc/both@1e000                 one interrupt there, one at the GIC (232): interrupts-extended
/soc/nexus@1f000                two interrupts through an interrupt-map: INTID 213, 214
/soc/last@20000                 the last INTID of QEMU's GIC by its own account, 255
/soc/serial@21000               a PL011 that is not the console; the alias ``serial1``
/soc/quiet@22000                registers, no interrupt
/soc/ethernet@23000             a known DMA master, an MDIO bus below; the alias ``ethernet0``
/soc/gpio@24000                 known to do no DMA
/soc/carveout@25000             a memory-region in /reserved-memory
/soc/none@26000                 an interrupt with trigger 0
/soc/disabled@27000             disabled
/soc/extended@28000, @29000     extended SPIs; Xen takes them for INTID 245 and for PPI 18
/soc/large@100000, @200000      64 KiB; 2 MiB
/soc/second-window@40001000     behind the bus' second window
/wide/high@1000                 above 1 TiB
/wide/huge@40000000             1 GiB of registers, there too
/bank1@300000000                at 12 GiB, where a guest's second bank of RAM is
=============================== ==================================================================

``odd`` adds to them, without dom0 only:

=============================== ==================================================================
/soc/clash@400000, @401000      share an SPI (246), level and edge
/soc/clash@402000               the same in one device
/soc/console-line@403000        the SPI of the console UART (33)
/soc/intid-N@41x000             INTID 287, 288, 991, 992, 1019, 1020, 1024, 4096
/soc/extended@418000            an extended SPI that Xen takes for INTID 316
=============================== ==================================================================

``smmu``, both routes; its SMMUs are pages of RAM, to be filled with ``loads("smmu")``:

=============================== ==================================================================
/iommu@f8000000                 #iommu-cells = <1>; has ``mmu-masters`` too
/iommu@f8010000                 #iommu-cells = <2>: stream and mask
/iommu@a1f0000                  disabled
/single@a200000                 one stream
/streams@a201000                two streams
/pair@a202000, @a203000         the same stream
/legacy@a204000                 two streams, listed in ``mmu-masters``
/masked@a205000                 sixteen streams, by a mask
/within@a206000                 one of those sixteen
/behind-off@a207000             behind the disabled SMMU
/off-first@a208000              behind the disabled SMMU, then a good one
/off-last@a209000               the other way round
/bare@a20a000                   no ``iommus``
/known-master@a20b000           a known DMA master, no ``iommus``
/streams-only                   a stream, no registers, no interrupt
/outer@a20c000                  protected; inner@a20d000 below it is too, plain@a20e000 is not
/repeated@a20f000               the same stream twice
/unknown-iommu@a210000          ``iommus`` names a clock
/dangling@a211000               ``iommus`` names no node
=============================== ==================================================================

``smmu-odd`` adds to them; dom0 only where those of ``Board.marks`` are marked:

=============================== ==================================================================
/iommu@a1e0000                  an IOMMU that Xen does not drive, rockchip,iommu
/iommu@a1d0000                  an SMMU without #global-interrupts
/behind-foreign@a212000         behind the first
/behind-broken@a213000          behind the second
/two-smmus@a214000              behind both of Xen's SMMUs
/foreign-last@a215000           behind one of them, then the one that Xen does not drive
/overlapping@a216000            streams of which /masked@a205000 has one (0x208)
=============================== ==================================================================

``clocked``, both routes; its second PL011 is a page of RAM, to be filled with ``loads("clocked")``:

=============================== ==================================================================
/clock-controller@b000000       what the others, and QEMU's PL011, PL031 and PL061, take clocks from
/serial@f8000000                a PL011 that is not the console; the alias ``serial1``
=============================== ==================================================================

``scmi``, without dom0 only, and with the firmware of ``el3/`` (``test_scmi.py``):

=============================== ==================================================================
/firmware/scmi                  SCMI by SMC; QEMU's PL031 takes a clock from its protocol@14
/scmi-shmem@f8000000            the shared memory, a page of RAM
=============================== ==================================================================
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import libfdt

_SOURCES: Final = Path(__file__).resolve().parent / "boards"

#: Where the SMMUs' register pages are, in bytes: RAM that the boards reserve. 64 KiB each.
SMMU_ADDRESSES: Final = (0xF8000000, 0xF8010000)
SMMU_ADDRESS: Final = SMMU_ADDRESSES[0]
SMMU_SIZE: Final = 0x10000
#: Where the second PL011's registers are, likewise.
SERIAL_ADDRESS: Final = 0xF8000000

#: Offsets, in bytes, of the registers that a driver finds out an SMMUv2's features with.
_IDR0, _IDR1, _IDR2 = 0x20, 0x24, 0x28


class Board(NamedTuple):
    """A host device tree: QEMU's own with sources behind it."""

    what: str
    sources: tuple[str, ...] = ()
    """Files in ``boards/``, without ``.dtsi``."""
    dom0: bool = True
    """Whether Xen can make a dom0 from it, with ``marks`` marked. Without dom0 it always boots."""
    marks: tuple[str, ...] = ()
    """Paths of the nodes with which Xen can't make a dom0 unless they are xen,passthrough."""
    smmus: tuple[int, ...] = ()
    """Addresses of the register pages to be loaded."""
    serials: tuple[int, ...] = ()
    """The same of a PL011's."""
    changed: tuple[str, ...] = ()
    """Paths of those of QEMU's nodes that have other clocks here."""


BOARDS: Final[dict[str, Board]] = {
    "virt": Board("QEMU's virt board as it is: no IOMMU, a PL031 to give away"),
    "devices": Board("devices of every shape, without IOMMU", ("devices",)),
    "odd": Board(
        "also with devices that end the construction of a dom0", ("devices", "odd"), dom0=False
    ),
    "smmu": Board("devices behind SMMUs that Xen drives", ("smmu",), smmus=SMMU_ADDRESSES),
    "smmu-odd": Board(
        "also with devices that Xen can't add to an IOMMU",
        ("smmu", "smmu-odd"),
        marks=(
            "/behind-foreign@a212000",
            "/behind-broken@a213000",
            "/two-smmus@a214000",
            "/foreign-last@a215000",
            "/overlapping@a216000",
        ),
        smmus=SMMU_ADDRESSES,
    ),
    "clocked": Board(
        "QEMU's devices and a PL011 behind a clock controller",
        ("clocked",),
        serials=(SERIAL_ADDRESS,),
        changed=("/pl011@9000000", "/pl031@9010000", "/pl061@9030000"),
    ),
    "scmi": Board(
        "QEMU's PL031 on a clock of an SCMI firmware",
        ("scmi",),
        dom0=False,
        changed=("/pl031@9010000",),
    ),
}


def board(name: str, qemu: bytes) -> bytes:
    """The blob of a board. ``qemu``: the tree that QEMU dumps for its virt machine with GICv3.

    Raises KeyError for an unknown name, FileNotFoundError without dtc, and CalledProcessError,
    with what dtc says in ``stderr``, for a tree that does not compile.
    """
    sources = BOARDS[name].sources
    if not sources:
        return qemu
    text = _dtc("dtb", "dts", qemu)
    text += b"".join((_SOURCES / f"{one}.dtsi").read_bytes() for one in sources)
    return _dtc("dts", "dtb", text)


def grafted(host: bytes, text: str) -> bytes:
    """The blob of a board with more nodes, as source text: ``/ { … };``."""
    return _dtc("dts", "dtb", _dtc("dtb", "dts", host) + text.encode()) if text else host


def _dtc(source: str, target: str, data: bytes) -> bytes:
    """dtc on its input; -q since QEMU's tree, decompiled, has numbers for its phandles."""
    command = ["dtc", "-q", "-I", source, "-O", target, "-"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def marked(host: bytes, paths: Iterable[str]) -> bytes:
    """The blob with ``xen,passthrough`` on nodes, given by their whole paths.

    Every other property stays byte for byte. Raises KeyError for a path that no node has.
    """
    names = list(dict.fromkeys(paths))
    fdt = libfdt.Fdt(bytearray(host))
    fdt.resize(fdt.totalsize() + 64 * (len(names) + 1))
    for path in names:
        node = fdt.path_offset(path, (libfdt.NOTFOUND, libfdt.BADPATH))
        # libfdt also resolves aliases, and finds a node without its unit address; Xen does not.
        if node < 0 or fdt.get_path(node) != path:
            raise KeyError(path)
        fdt.setprop(node, "xen,passthrough", b"")
    fdt.pack()
    return bytes(fdt.as_bytearray())


def loads(name: str) -> list[tuple[bytes, int]]:
    """What QEMU has to load into RAM for a board, with the addresses in bytes.

    As ``-device loader,file=FILE,addr=ADDRESS,force-raw=on``.
    """
    smmus = [(smmu_page(), address) for address in BOARDS[name].smmus]
    return smmus + [(pl011_page(), address) for address in BOARDS[name].serials]


def pl011_page() -> bytes:
    """A page of RAM that Linux takes for a PL011 of Arm's, revision 4: its identification.

    From the PL011's reference manual: UARTPeriphID0 to 3 at 0xfe0, UARTPCellID0 to 3 at 0xff0, a
    byte in each word. UARTFR at 0x18 says that both FIFOs are empty, and always will.
    """
    page = bytearray(0x1000)
    struct.pack_into("<I", page, 0x18, 1 << 7 | 1 << 4)  # TXFE, RXFE
    struct.pack_into("<8I", page, 0xFE0, 0x11, 0x10, 0x34, 0x00, 0x0D, 0xF0, 0x05, 0xB1)
    return bytes(page)


def smmu_page() -> bytes:
    """64 KiB of RAM that Xen's driver takes for the registers of an MMU-500.

    What the driver writes to test the stream match registers reads back, as in any RAM. All else
    is zero: no fault is pending, and a TLB invalidation is over at once. There are as many context
    banks (one for each domain that has a device, dom0 too) as the node has context interrupts.
    Nothing is ever translated.
    """
    page = bytearray(SMMU_SIZE)
    stages = 0b111 << 28  # S1TS, S2TS, NTS: stage 1, stage 2, both nested
    matching = 1 << 27 | 32  # SMS, NUMSMRG: 32 stream match registers
    streams = 15 << 9  # NUMSIDB: bits of a stream ID
    interrupts = 8 << 16  # NUMIRPT: context interrupts
    coherent = 1 << 14  # CTTW: page table walks see the caches
    struct.pack_into("<I", page, _IDR0, stages | matching | streams | interrupts | coherent)
    pages = 2 << 28  # NUMPAGENDXB: 2 ** (2 + 1) pages in each half, of 4 KiB (PAGESIZE = 0)
    struct.pack_into("<I", page, _IDR1, pages | 8)  # NUMCB: context banks
    bits48 = 5  # the code for 48 bits, of IAS, OAS and UBS: sizes of addresses
    granule = 1 << 12  # PTFS_4K
    struct.pack_into("<I", page, _IDR2, granule | bits48 << 8 | bits48 << 4 | bits48)
    return bytes(page)
