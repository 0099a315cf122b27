"""The Raspberry Pi 4 Model B, as QEMU's raspi4b."""

from __future__ import annotations

from . import scripts
from .model import Board, Device, Guest, Run

#: What a user would connect to the header.
_OVERLAY = """
/dts-v1/;
/plugin/;

&{/soc/i2c@7e205000} {
    #address-cells = <1>;
    #size-cells = <0>;
    eeprom@50 {
        compatible = "atmel,24c02";
        reg = <0x50>;
    };
};

&{/soc/i2c@7e804000} {
    #address-cells = <1>;
    #size-cells = <0>;
    rtc@68 {
        compatible = "dallas,ds1338";
        reg = <0x68>;
    };
};

&{/soc/spi@7e204000} {
    #address-cells = <1>;
    #size-cells = <0>;
    cs-gpios = <&gpio 8 1>;
    status = "okay";
    flash@0 {
        compatible = "jedec,spi-nor";
        reg = <0>;
        spi-max-frequency = <20000000>;
    };
};
"""

#: The page of the vPL011 is that of Xen's UART.
_USB_OVERLAY = """
/dts-v1/;
/plugin/;

&{/soc/usb@7e980000} {
    dr_mode = "host";
};

&{/soc/serial@7e201000} {
    reg = <0x7e201000 0x1000>;
};
"""

_CORE = 500000000  # Hz, of the VPU's clock that the firmware sets up

#: The registers of the three serial controllers of "aux" are in one page.
_AUX_NEIGHBOURS = {f"/soc/spi@7e215{n}0": "nobody uses it" for n in ("08", "0c")}

_AUX = Device(
    "/soc/aux@7e215000",
    "bcm2835-aux-clk",
    "opens the gate of the UART's clock, 500000000 Hz",
    """
mount -t debugfs none /sys/kernel/debug
cd /sys/kernel/debug/clk/aux_uart
[ "$(cat clk_enable_count)" = 1 ] && echo "opens the gate of the UART's clock, $(cat clk_rate) Hz"
""",
    options={
        "force-assign-without-iommu": "two registers of clock gates and interrupt flags",
        "allow-shared-page": _AUX_NEIGHBOURS,
        "clock-rate": _CORE,
    },
    guest_node="aux@fe215000",
)

_UART = Device(
    "/soc/serial@7e215040",
    "bcm2835-aux-uart",
    "sends a line and receives it: hello; divides a clock of 1000000000 Hz",
    # QEMU's UART also sends what Linux writes in loopback mode when it looks for its type.
    """
tty=/dev/$(basename $(find . -name 'ttyS*' | head -n 1))
stty -F $tty 115200 raw -echo clocal
exec 3<>$tty
printf '\\nhello\\n' >&3
until [ "${answer%% *}" = hello ]; do read -t 30 answer <&3 || break; done
clock=$(cat $(find . -name uartclk))
echo "sends a line and receives it: ${answer% at *}; divides a clock of $clock Hz"
""",
    options={"allow-shared-page": _AUX_NEIGHBOURS},
    guest_node="serial@fe215040",
)

_EEPROM = Device(
    "/soc/i2c@7e205000",
    "i2c-bcm2835",
    "an EEPROM (24c02) on the bus keeps what is written: hello",
    """
cd i2c-*/*-0050
echo hello >eeprom
echo "an EEPROM (24c02) on the bus keeps what is written: $(head -n 1 eeprom)"
""",
    modules=("i2c-bcm2835", "fixed", "at24"),
    options={
        "clock-rate": _CORE,
        "allow-shared-page": {
            f"/soc/i2c@7e205{n}00": "nobody uses it" for n in ("6", "8", "a", "c")
        },
    },
    guest_node="i2c@fe205000",
)

_CLOCK = Device(
    "/soc/i2c@7e804000",
    "i2c-bcm2835",
    "a clock (DS1338) on the bus counts seconds",
    """
cd i2c-*/*-0068/rtc/rtc*
ticks since_epoch && echo 'a clock (DS1338) on the bus counts seconds'
""",
    modules=("i2c-bcm2835",),
    options={"clock-rate": _CORE},
    guest_node="i2c@fe804000",
)

_SDHCI = Device(
    "/soc/mmc@7e300000",
    "sdhci-iproc",
    scripts.CARD_DOES,
    scripts.CARD,
    modules=("sdhci-iproc",),
    options={
        "clock-rate": _CORE,
        "force-assign-without-iommu": "this controller has no DMA, and the driver uses none",
    },
    guest_node="mmc@fe300000",
)

#: Its interrupt is that of the controller above, so both are in one domain.
_EMMC2 = Device(
    "mmc@7e340000",
    "sdhci-iproc",
    "finds no card in its slot",
    """
[ -e mmc_host/mmc* ] && [ ! -e mmc_host/mmc*/mmc* ] && echo 'finds no card in its slot'
""",
    modules=("fixed", "sdhci-iproc"),
    options={
        "clock-rate": _CORE,
        "force-assign-without-iommu": "QEMU's does no DMA, and no card is in its slot",
    },
    guest_node="mmc@fe340000",
)

_GPIO = Device(
    "/soc/gpio@7e200000",
    "pinctrl-bcm2835",
    "drives GPIO17 high and low, and reads 1 and 0",
    """
pin=$(($(cat gpio/gpiochip*/base) + 17))
cd /sys/class/gpio
echo $pin >export
cd gpio$pin
echo high >direction
high=$(cat value)
echo low >direction
echo "drives GPIO17 high and low, and reads $high and $(cat value)"
""",
    options={"allow-machine-control": "no other domain has pins"},
    guest_node="gpio@fe200000",
)

_FLASH = Device(
    "/soc/spi@7e204000",
    "spi-bcm2835",
    "reads a flash's id: 202014",
    """
echo "reads a flash's id: $(cat spi_master/spi*/spi*/spi-nor/jedec_id)"
""",
    modules=("fixed", "spi-bcm2835", "spi-nor"),
    options={
        "clock-rate": _CORE,
        "allow-shared-page": {
            f"/soc/spi@7e204{n}00": "nobody uses it" for n in ("6", "8", "a", "c")
        },
    },
    guest_node="spi@fe204000",
)

_REMARK = """\
The overlay connects an EEPROM and a clock to the two I2C buses and a flash to the SPI bus. QEMU's
EMMC2 has no card and does no DMA; on the board it has the card and does DMA. The drivers of the
EEPROM and of USB request supplies that neither tree states: `generate` writes stubs. Xen 4.17 has
4096 bytes for a guest's tree, and the pin controller does not fit. The SPI driver requires
`cs-gpios`, and so the pin controller in the same guest. QEMU's watchdog resets the machine as soon
as it is started, and the random number generator, the thermal sensor, Ethernet and PCIe are not
emulated. The second SD controller (`mmc@7e202000`) is left out: QEMU keeps its data flag set after
the last word, and Linux' driver, which then reads early from the next block, waits forever once in
ten boots."""

_USB = Device(
    "/soc/usb@7e980000",
    "dwc2",
    scripts.DISK_DOES,
    scripts.DISK_READ,
    modules=("fixed", "phy-generic", "dwc2", "sd_mod", "usb-storage"),
    options={
        "force-assign-without-iommu": "the domain's memory is at the host's addresses",
    },
    guest_node="usb@fe980000",
)

_CARD = ("-drive", "file={disk},if=sd,format=raw")

BOARD = Board(
    "rpi4",
    "Raspberry Pi 4 Model B",
    "broadcom/bcm2711-rpi-4-b.dtb",
    ("raspi4b", "-audio", "none", "-nic", "none"),
    memory=2048,
    modules_at=0x10000000,
    serials=("stdio", "echo"),
    overlay=_OVERLAY,
    processors=4,
    remarks=(_REMARK,),
    # The tree's stdout-path is the mini UART, which a guest has.
    bootargs="dtuart=/soc/serial@7e201000",
    options={"xen-console": "/soc/serial@7e201000"},
    runs=(
        Run(
            "devices",
            (Guest("devices", (_AUX, _UART, _EEPROM, _CLOCK, _SDHCI, _EMMC2)),),
            qemu=(
                *_CARD,
                *("-device", "at24c-eeprom,bus=i2c-bus.0,address=0x50,rom-size=256"),
                *("-device", "ds1338,bus=i2c-bus.1,address=0x68"),
            ),
        ),
        Run(
            "pins",
            (Guest("pins", (_GPIO, _FLASH)),),
            qemu=("-device", "m25p80,bus=spi"),
            releases=("4.20",),
        ),
        Run(
            "usb",
            (
                Guest(
                    "usb",
                    (_USB,),
                    # The bus of the masters has the first GiB.
                    options={"static-memory": ["0x20000000:192M"], "direct-map": True},
                ),
            ),
            qemu=(
                *("-drive", "file={disk},if=none,id=usb,format=raw"),
                *("-device", "usb-storage,drive=usb"),
            ),
            overlay=_USB_OVERLAY,
            kconfig=frozenset({"STATIC_MEMORY"}),
            by_hand=("4.20",),
        ),
    ),
)
