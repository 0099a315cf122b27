"""NXP's i.MX 8M Plus EVK, as QEMU's imx8mp-evk."""

from __future__ import annotations

from . import scripts
from .model import Board, Device, Guest, Run

_AIPS1, _AIPS3 = "/soc@0/bus@30000000", "/soc@0/bus@30800000"
_SPBA = f"{_AIPS3}/spba-bus@30800000"

#: Its rate is that of SYS_PLL1_80M, the parent that Linux' tree assigns to its clock.
CONSOLE = Device(
    f"{_SPBA}/serial@30880000",
    "imx-uart",
    "is the guest's console, at 115200 baud of 80000000 Hz",
    """
tty=$(basename $(find . -name 'ttymxc*' | head -n 1))
stty -F /dev/$tty 115200
rate=$(cat /sys/class/tty/$tty/uartclk)
echo "is the guest's console, at $(stty -F /dev/$tty speed) baud of $rate Hz"
""",
)
# QEMU's UART does not tell its terminal the speed: the answer has that of the terminal.
UART = Device(
    f"{_AIPS3}/serial@30a60000",
    "imx-uart",
    "sends a line and receives it",
    """
tty=/dev/$(basename $(find . -name 'ttymxc*' | head -n 1))
stty -F $tty 115200 raw -echo clocal
exec 3<>$tty
echo hello >&3
read -t 30 answer <&3
case "$answer" in "hello at "*) echo "sends a line and receives it" ;; esac
""",
    options={"clock-rate": 80_000_000},
)
GPIO = Device(f"{_AIPS1}/gpio@30220000", "gpio-mxc", scripts.GPIO_DOES, scripts.GPIO)
I2C = Device(
    f"{_AIPS3}/i2c@30a40000",
    "imx-i2c",
    "a DS1338 on its bus counts seconds; a TMP105, whose node states no supply, measures 0",
    """
cd i2c-*
echo ds1338 0x68 >new_device
bus=$(basename $PWD)
chip=/sys/bus/i2c/devices/${bus#i2c-}-0068/rtc
[ -d $chip ] || exit
ticks $chip/rtc*/since_epoch && printf "a DS1338 on its bus counts seconds; "
degrees=$(cat /sys/bus/i2c/devices/${bus#i2c-}-0048/hwmon/hwmon*/temp1_input)
echo "a TMP105, whose node states no supply, measures $degrees"
""",
    modules=("fixed", "lm75", "i2c-imx"),
)
WATCHDOG = Device(
    f"{_AIPS1}/watchdog@30290000",
    "imx2-wdt",
    scripts.WATCHDOG_DOES,
    scripts.WATCHDOG,
    modules=("imx2_wdt",),
)
RTC = Device(
    f"{_AIPS1}/snvs@30370000",
    "snvs_rtc",
    scripts.CLOCK_DOES,
    scripts.CLOCK,
    modules=("rtc-snvs",),
    guest_node="snvs-rtc-lp",
)


def _can(address: str) -> Device:
    return Device(
        f"{_SPBA}/can@{address}",
        "flexcan",
        scripts.CAN_DOES,
        scripts.CAN,
        options={"clock-rate": 40_000_000},
        modules=("fixed", "can-raw", "flexcan"),
        programs=True,
    )


_TRUSTED = "its domain is trusted: direct-map"
ENET = Device(
    f"{_AIPS3}/ethernet@30be0000",
    "fec",
    scripts.NETWORK_DOES,
    scripts.NETWORK,
    modules=("fec",),
    # Its driver divides that of ipg, and does not probe without.
    options={"clock-rate": 66_666_667, "force-assign-without-iommu": _TRUSTED},
    programs=True,
)
USDHC = Device(
    f"{_AIPS3}/mmc@30b50000",
    "sdhci-esdhc-imx",
    scripts.CARD_DOES,
    scripts.CARD,
    modules=("fixed", "sdhci-esdhc-imx"),
    options={"clock-rate": 200_000_000, "force-assign-without-iommu": _TRUSTED},
)
MASTERS = Run(
    "masters",
    (
        Guest(
            "masters",
            (CONSOLE, ENET, USDHC),
            memory=256,
            options={"static-memory": ["0x80000000:256M"], "direct-map": True},
            console="ttymxc2",
        ),
    ),
    qemu=(
        *("-nic", "user,tftp={folder}"),
        *("-drive", "file={disk},if=sd,bus=1,format=raw"),
    ),
    kconfig=frozenset({"STATIC_MEMORY"}),
    by_hand=("4.20", "4.22"),
)

_SENSOR = """
/dts-v1/;
/plugin/;

&{/soc@0/bus@30800000/i2c@30a40000} {
    sensor@48 {
        compatible = "ti,tmp105";
        reg = <0x48>;
    };
};
"""

_REMARKS = (
    """\
Xen has no driver for the console of the i.MX 8M and prints nothing: `generate` gets `--xen-console
none`, the guest prints through UART3, which is assigned to it (`console=ttymxc2`), and a boot in
which the guest does not print fails, whatever the reason.""",
    """\
QEMU 10's machine does not connect the GIC's virtual interrupts to the processors: a guest stops
when it waits for its first interrupt. QEMU 11's does, and has the CAN controllers. Not
assigned: the timers (GPT), for which arm64's Linux has no driver; PWM and audio, which QEMU does
not have; SPI, since Linux' tree has no chip on these buses. The alarm of the SNVS clock is not in
QEMU's model.""",
    """\
An overlay adds a temperature sensor to I2C3, without a supply. Linux gives no dummy regulator to a
dom0less guest since 6.9, because Xen's root node has no `compatible`: `generate` writes a stub, as
for the supplies that the host's tree states
([the guide](../guide.md#clocks-resets-power-what-the-host-must-leave-on)).""",
)

BOARD = Board(
    "imx8mp-evk",
    "NXP i.MX 8M Plus EVK",
    "freescale/imx8mp-evk.dtb",
    ("imx8mp-evk", "-audio", "none", "-nic", "none"),
    memory=2048,
    modules_at=0x60000000,
    serials=("null", "null", "stdio", "echo"),
    silent=True,
    remarks=_REMARKS,
    # Two runs: the tree of one guest with all devices is too large for Xen 4.17 (XA122).
    runs=(
        Run(
            "lines",
            (Guest("lines", (CONSOLE, UART, GPIO, I2C), console="ttymxc2"),),
            qemu=(
                *("-device", "ds1338,bus=i2c-bus.2,address=0x68"),
                *("-device", "tmp105,bus=i2c-bus.2,address=0x48"),
            ),
            overlay=_SENSOR,
        ),
        Run(
            "can",
            (
                Guest(
                    "can",
                    (CONSOLE, WATCHDOG, RTC, _can("308c0000"), _can("308d0000")),
                    console="ttymxc2",
                    before=scripts.CAN_UP,
                ),
            ),
            qemu=("-object", "can-bus,id=bus", "-machine", "canbus0=bus,canbus1=bus"),
        ),
        MASTERS,
    ),
)
