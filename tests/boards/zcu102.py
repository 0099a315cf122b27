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

#: QEMU's model has no alarm.
RTC = Device(
    "/axi/rtc@ffa60000",
    "rtc_zynqmp",
    scripts.CLOCK_DOES,
    scripts.CLOCK,
    modules=("rtc-zynqmp",),
)

#: Linux has no module for the timer: UIO gives its registers and interrupt to the guest's programs.
TIMER = Device(
    "/axi/timer@ff140000",
    "uio_pdrv_genirq",
    "the counter runs; its interrupt arrives",
    """
cd uio/uio*
register() { devmem $((0xff140000 + $1)) 32 $2; }
register 0x24 10000  # the interval, in clocks
register 0x60 1  # an interrupt after each
register 0x0c 0x22  # intervals, no waveform, not disabled
counts() { [ "$(register 0x18)" != "$(register 0x18)" ]; }
retry counts && printf 'the counter runs; '
arrived() { [ "$(cat event)" -gt 0 ]; }
retry arrived && echo 'its interrupt arrives'
""",
    modules=("uio_pdrv_genirq of_id=cdns,ttc",),
)

SPI = Device(
    "/axi/spi@ff040000",
    "cdns-spi",
    "the flash's id is read: sst25wf080, bf2505",
    """
cd spi_master/spi*/spi*
echo "the flash's id is read: $(cat spi-nor/partname), $(cat spi-nor/jedec_id)"
""",
    modules=("fixed", "spi-nor", "spi-cadence"),
)


def _can(address: str, does: str, script: str) -> Guest:
    """A guest with one of the two CAN controllers, which a bus of QEMU connects."""
    device = Device(
        f"/axi/can@{address}",
        "xilinx_can",
        does,
        f"""
can=$(basename net/can*)
ip link set $can type can bitrate 500000 || exit
ip link set $can up || exit
# receive FILTER: the first frame that it lets pass
receive() {{ candump -L -n 1 -T 120000 $can,$1:7ff | cut -d ' ' -f 3; }}
send() {{ cansend $can $1; }}
{script}
""",
        modules=("can-raw", "xilinx_can"),
        options={"clock-rate": {"can_clk": 24000000}},  # of QEMU's model
        programs=True,
    )
    return Guest(f"can{address[3]}", (device,))


CAN0 = _can(
    "ff060000",
    "receives a frame of the other guest's controller, and answers: 123#0102",
    """
echo "receives a frame of the other guest's controller, and answers: $(receive 123)"
send 321#0304
""",
)
CAN1 = _can(
    "ff070000",
    "sends frames to the other guest's controller, and receives the answer: 321#0304",
    """
(while sleep 1; do send 123#0102; done) &
echo "sends frames to the other guest's controller, and receives the answer: $(receive 321)"
kill $!
""",
)

# ---------------------------------------------------------------------------- by hand: DMA masters


def _master(path: str, driver: str, does: str, script: str, *modules: str) -> Device:
    reason = "the domain is direct-mapped"
    options: dict[str, object] = {"force-assign-without-iommu": reason}
    return Device(path, driver, does, script, modules, options)


CARD = _master(
    "/axi/mmc@ff170000", "sdhci-arasan", scripts.CARD_DOES, scripts.CARD, "sdhci-of-arasan"
)
# QEMU has a PHY of Marvell's there, so that the board's driver (dp83867) is not loaded.
ETHERNET = _master("/axi/ethernet@ff0e0000", "macb", scripts.NETWORK_DOES, scripts.NETWORK, "macb")
FLASH = _master(
    "/axi/spi@ff0f0000",
    "zynqmp-qspi",
    "the flash's id is read: n25q512a, 20bb20",
    """
cd spi_master/spi*/spi*
echo "the flash's id is read: $(cat spi-nor/partname), $(cat spi-nor/jedec_id)"
""",
    *("fixed", "spi-nor", "spi-zynqmp-gqspi"),
)

#: The driver requests supplies that Linux' tree does not state.
SATA = _master(
    "/axi/ahci@fd0c0000",
    "ahci-ceva",
    scripts.DISK_DOES,
    scripts.DISK_READ,
    *("fixed", "ahci_ceva", "sd_mod"),
)

MASTERS = Run(
    "masters",
    (
        Guest(
            "masters",
            (CARD, FLASH, ETHERNET, SATA),
            memory=384,
            options={"static-memory": [[0x40000000, 384 << 20]], "direct-map": True},
            uart=0xFF000000,
        ),
    ),
    qemu=(
        *("-nic", "user,tftp={folder}") * 4,  # the fourth controller is the board's
        *("-drive", "if=sd,index=1,format=raw,file={disk}"),
        # The same file once more, which QEMU would refuse.
        *("-drive", "if=none,id=sata,format=raw,file={disk},file.locking=off"),
        *("-device", "ide-hd,drive=sata,bus=ide.0"),
    ),
    kconfig=frozenset({"STATIC_MEMORY"}),
    by_hand=("4.20", "4.22"),
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

#: QEMU has a flash at each of the two SPI buses, of which the board has none.
_FLASH = tuple(
    Edit(f"{words} FILE /axi/spi@ff040000/flash@0 {value}".strip())
    for words, value in (
        ("-c", ""),
        ("-t s", "compatible jedec,spi-nor"),
        ("-t x", "reg 0"),
        ("-t x", "spi-max-frequency 989680"),
    )
)

#: The address of QEMU's PHYs on their MDIO buses is 23.
_PHY = Edit("-t x FILE /axi/ethernet@ff0e0000/mdio/ethernet-phy@c reg 17")

_FLASH_REMARK = """\
QEMU's clocks for the UARTs and CAN controllers have 50 and 24 MHz, which the guests get by
`clock-rate`; those of your board are in /sys/kernel/debug/clk/clk_summary under Linux without Xen.
Linux' tree has nothing at SPI0; here it gets the flash that QEMU has there. Linux' driver of the
timer cannot be a module, so the guest uses it by UIO (`uio_pdrv_genirq.of_id=cdns,ttc`). QEMU has
no model of the GPIO, I2C and watchdog blocks, and none of the clock's alarm."""

_MASTERS_REMARK = """\
The PHYs of QEMU have address 23 on their MDIO buses, which the node of the board's PHY gets here.
The driver of SATA requests the supplies `ahci` and `phy`, which Linux' tree does not state:
`generate` writes stubs. Not in the table: USB, whose drivers bind, but whose model stops at its
first event, so that no interrupt arrives: QEMU takes the address of the event ring when the upper
half of ERSTBA is written, and dwc3 of Linux 6.12 writes the lower half last, as Synopsys'
controllers require. The commands before do DMA to the guest's memory."""

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
    (
        "xlnx-zcu102,secure=off,virtualization=on,canbus0=bus,canbus1=bus",
        *("-object", "can-bus,id=bus", "-audio", "none", "-nic", "none"),
    ),
    memory=2048,
    modules_at=0x10000000,
    serials=("stdio", "echo"),
    edits=(_GIC, *_REGIONS, *_FLASH, _PHY),
    processors=4,
    remarks=(_FLASH_REMARK, _MASTERS_REMARK, _GIC_REMARK, _REGIONS_REMARK),
    runs=(
        Run("devices", (Guest("devices", (UART, RTC, TIMER, SPI)), CAN0, CAN1)),
        Run("dom0", (Guest("serial", (UART,)),), xl=True, releases=("4.20",)),
        MASTERS,
    ),
)
