"""Linux' drivers probe what xenassign gives them, with fixed-clocks for the host's clocks.

On board "clocked" all clocks come from a controller that stays with the host. A driver has a device
when /sys says so from both ends. Without its clock the same device is left alone: the tests can
fail.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from .agreement import host_of, setup_of
from .boot import DONE, Outcome, boot_dom0less, spoken, system
from .dom0 import boot_dom0
from .guest import ALARM
from .hosttree import compiled
from .machine import Machine
from .qemu import NoAnswerError, running
from .test_positive import Case, Generate, Made, domain_of, job, machine_of, make, withheld

UART, CLOCK, GPIO = "/serial@f8000000", "/pl031@9010000", "/pl061@9030000"
#: Where machine_of() has a card; Linux has no driver for an empty slot.
SLOT = "/virtio_mmio@a000600"
CASE = Case(
    "every driver",
    "clocked",
    (UART, CLOCK, GPIO, SLOT),
    {
        "rates": (f"{GPIO}=48000000", f"{UART}#uartclk=7372800", f"{UART}#apb_pclk=48000000"),
        "shared": (SLOT,),
    },
)
#: The devices by bus and name, as Linux calls them, and the drivers that are to have them.
BOUND = {
    "amba/f8000000.serial": "uart-pl011",
    "amba/9010000.pl031": "rtc-pl031",
    "amba/9030000.pl061": "pl061_gpio",
    "platform/a000600.virtio_mmio": "virtio-mmio",
}
#: What Linux drives of them without clocks: the one that has none.
UNCLOCKED = {"platform/a000600.virtio_mmio": "virtio-mmio"}
#: The clocks that Linux then has, with their rates in Hz; board "clocked" tells the middle one.
CLOCKS = {"clock-7372800": 7372800, "clock-24000000": 24000000, "clock-48000000": 48000000}

#: Leaves a line ``BUS/DEVICE DRIVER`` for each device that a driver has.
SCRIPT = f"""
modprobe virtio_mmio
for bus in amba platform; do
    for link in /sys/bus/$bus/devices/*/driver; do
        device=$(basename $(dirname $link))
        driver=$(basename $(readlink $link))
        [ ! -e /sys/bus/$bus/drivers/$driver/$device ] || echo $bus/$device $driver
    done
done >/out/bound
mount -t debugfs none /sys/kernel/debug
for rate in /sys/kernel/debug/clk/*/clk_rate; do
    echo $(basename $(dirname $rate)) $(cat $rate)
done >/out/clocks
if cd /sys/class/rtc/rtc0; then
    cat since_epoch >/out/time
{ALARM}
fi 2>/dev/null
cat /proc/interrupts >/out/interrupts
for tty in /sys/class/tty/ttyAMA*; do
    stty -F /dev/${{tty##*/}} >/dev/null
    echo $(cat $tty/iomem_base) $(cat $tty/uartclk)
done >/out/serials
"""


def pairs(outcome: Outcome, name: str) -> dict[str, str]:
    """The lines of a file, of two words each."""
    lines = (line.split() for line in outcome.files[name].decode().splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2}


def bound(outcome: Outcome) -> dict[str, str]:
    """Which driver has each device that was assigned."""
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    ours = re.compile(r"amba/|.*\.virtio_mmio$")
    return {name: driver for name, driver in pairs(outcome, "bound").items() if ours.match(name)}


def check(outcome: Outcome) -> None:
    """All drivers are bound, on clocks of the rates that were asked for; the alarm has come."""
    assert bound(outcome) == BOUND
    rates = pairs(outcome, "clocks")
    assert {name: int(rates[name]) for name in CLOCKS} == CLOCKS
    assert pairs(outcome, "serials")["0xF8000000"] == "7372800"
    assert abs(int(outcome.files["time"]) - time.time()) < 600
    assert re.search(rb" [1-9]\d* +GICv3 +34 +Level +rtc-pl031", outcome.files["interrupts"])


#: What is done to every device's clocks.
DAMAGE = {"removed": "", "dangling": "clocks = <0x7777>, <0x7777>;"}


def damaged(made: Made, how: str) -> bytes:
    """The partial device tree with the clocks of its three PrimeCells damaged."""
    source = made.files["dts"].decode()
    changed, count = re.subn(r"(?m)^\s*clocks = .*;$", DAMAGE[how], source)
    assert count == sum(device.path != SLOT for device in made.plan.devices)
    return compiled(changed)


def test_every_clock_is_a_stub(machine: Machine, generate: Generate) -> None:
    plan = make(generate, machine, CASE).plan
    clocks = {
        device.path: [
            (each.provider, each.action) for each in device.suppliers if each.property == "clocks"
        ]
        for device in plan.devices
    }
    stub = ("/clock-controller@b000000", "stubbed")
    assert clocks == {UART: [stub, stub], CLOCK: [stub], GPIO: [stub], SLOT: []}


def dom0less(machine: Machine, made: Made, blob: bytes) -> Outcome:
    """The guest of the generated files with a partial device tree."""
    host, domain, setup = host_of("clocked"), domain_of(made.files), machine_of("clocked")
    return boot_dom0less(machine, blob, host, domain, SCRIPT, setup=setup)


def test_dom0less(dom0less_machine: Machine, generate: Generate) -> None:
    made = make(generate, dom0less_machine, CASE)
    check(dom0less(dom0less_machine, made, made.files["dtb"]))


@pytest.mark.parametrize("how", DAMAGE)
def test_dom0less_without_the_clocks(machine: Machine, generate: Generate, how: str) -> None:
    made = make(generate, machine, CASE)
    assert bound(dom0less(machine, made, damaged(made, how))) == UNCLOCKED


def test_xl(machine: Machine, generate: Generate) -> None:
    """With the clocks and without them, one guest after the other in one dom0."""
    made = make(generate, machine, CASE)
    host = withheld(host_of("clocked"), [made.files])
    blobs = (made.files["dtb"], damaged(made, "removed"))
    jobs = [job({**made.files, "dtb": blob}, SCRIPT) for blob in blobs]
    good, bad = boot_dom0(machine, host, jobs, setup=machine_of("clocked", 2048))
    check(good)
    assert bound(bad) == UNCLOCKED


# ---------------------------------------------------------------------------- QEMU's own PL011

CONSOLE = "/pl011@9000000"
ON_CONSOLE = Case(
    "the console",
    "clocked",
    (CONSOLE, CLOCK),
    {
        "rates": (f"{CONSOLE}#uartclk=7372800", f"{CONSOLE}#apb_pclk=48000000"),
        "xen_console": "none",
        "vpl011": False,
    },
)


def on_console(machine: Machine, blob: bytes, made: Made, seconds: float) -> Outcome:
    """The guest that has QEMU's only PL011 for its console: Xen has none, and says nothing.

    Raises NoAnswerError where the guest does not speak either.
    """
    setup = replace(setup_of("clocked"), bootargs="console=none")
    domain = domain_of(made.files)
    booted = system(machine, blob, host_of("clocked"), domain, SCRIPT, setup)
    with running(
        machine.xen, booted.tree, booted.loads, booted.processors, setup, seconds
    ) as console:
        for line in console:
            if line == DONE:
                break
        said, files = spoken(console.log)
        return Outcome("accepted", "", machine.release, console.log, said, files, console.seconds)


def test_the_guest_speaks_on_an_assigned_uart(machine: Machine, generate: Generate) -> None:
    """QEMU's PL011 in earnest: each line of this guest has gone through Linux' driver."""
    made = make(generate, machine, ON_CONSOLE)
    outcome = on_console(machine, made.files["dtb"], made, 60)
    assert not any(line.startswith("(XEN)") for line in outcome.log)
    assert bound(outcome) == {
        "amba/9000000.pl011": "uart-pl011",
        "amba/9010000.pl031": "rtc-pl031",
    }
    assert pairs(outcome, "serials")["0x9000000"] == "7372800"
    with pytest.raises(NoAnswerError):
        on_console(machine, damaged(made, "removed"), made, 12)
