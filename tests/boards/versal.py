"""AMD's Versal, as QEMU's amd-versal-virt."""

from __future__ import annotations

from . import scripts
from .model import Board, Device, Guest, Run

#: The driver of a UART for the SBSA, which is set up by the firmware and stays at its speed.
_UART = Device(
    "/uart@ff010000",
    "sbsa-uart",
    "sends a line and receives it",
    """
tty=/dev/$(basename $(find . -name 'ttyAMA*' | head -n 1))
stty -F $tty raw -echo clocal
exec 3<>$tty
echo hello >&3
read -t 30 answer <&3
case "$answer" in "hello at "*) echo "sends a line and receives it" ;; esac
""",
)
_RTC = Device(
    "/rtc@f12a0000", "rtc_zynqmp", scripts.CLOCK_DOES, scripts.CLOCK, modules=("rtc-zynqmp",)
)


def _can(address: str) -> Device:
    return Device(
        f"/canfd@{address}",
        "xilinx_can",
        scripts.CAN_DOES,
        scripts.CAN,
        modules=("can-raw", "xilinx_can"),
        programs=True,
    )


_REMARK = """\
Linux has no device tree of a Versal that QEMU emulates: Xen boots from the one that QEMU itself
makes. That of the Versal NET (`xilinx/versal-net-vn-x-b2197-01-revA.dtb`) has the addresses of
`amd-versal2-virt` for the GIC, the UARTs and the clock only."""

BOARD = Board(
    "versal",
    "AMD Versal",
    "",
    ("amd-versal-virt", "-audio", "none", "-nic", "none"),
    memory=2048,
    modules_at=0x10000000,
    serials=("stdio", "echo"),
    processors=4,
    remarks=(_REMARK,),
    runs=(
        Run(
            "devices",
            (
                Guest(
                    "devices",
                    (_UART, _RTC, _can("ff060000"), _can("ff070000")),
                    before=scripts.CAN_UP,
                ),
            ),
            qemu=(
                *("-object", "can-bus,id=can"),
                *("-machine", "canbus0=can", "-machine", "canbus1=can"),
            ),
        ),
    ),
)
