"""The example system of docs/examples/qemu boots: three guests at once, each with its own device.

Both releases, both routes. Each guest uses its device through Linux' driver, and cannot reach those
of the others: Xen maps it nothing there.
"""

from __future__ import annotations

import time

from .. import examples
from .boot import Outcome
from .dom0 import Job, boot_groups
from .guest import ALARM, LEVELS, REPORT, GuestReport
from .guestview import LINES, differences, unused, used
from .hosttree import with_overlay
from .machine import Machine, board
from .qemu import Setup
from .several import Guest, boot_together

HELLO = ("-fw_cfg", "name=opt/test,string=hello")
#: What each domain of the example has: the page of its device, and who drives it.
PAGES = {"clock": 0x9010000, "gpio": 0x9030000, "config": 0x9020000}
DRIVERS = {
    "clock": "amba/9010000.pl031 rtc-pl031",
    "gpio": "amba/9030000.pl061 pl061_gpio",
    "config": "platform/9020000.fw-cfg fw_cfg",
}

#: The same for all guests. ``devmem`` ends with 0 where it could read, with 1 where a driver keeps
#: the page, and is killed by what Xen answers where nothing is mapped.
SCRIPT = f"""
for page in {" ".join(hex(page) for page in PAGES.values())}; do
    devmem $page 32 >/dev/null 2>&1
    echo $page $?
done >/out/pages
modprobe qemu_fw_cfg
for driver in /sys/bus/*/drivers/*/*.pl0* /sys/bus/*/drivers/*/*.fw-cfg; do
    [ -e $driver ] || continue
    set -- $(echo $driver | tr / ' ')
    echo $3/$6 $5
done >/out/bound
cat /sys/firmware/qemu_fw_cfg/by_name/opt/test/raw >/out/hello 2>/dev/null
if cd /sys/class/rtc/rtc0; then
    cat since_epoch >/out/time
{ALARM}
fi 2>/dev/null
{LEVELS}
{LINES}{REPORT}"""

#: How devmem ends when the guest's Linux kills it: 128 + SIGKILL.
KILLED = 137


def check(name: str, made: examples.Made, outcome: Outcome, route: str) -> None:
    """The guest has used its device, and has no other."""
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    seen = GuestReport.of(outcome.files)
    assert list(differences(made.plan, seen, route)) == []
    (device,) = made.plan.devices
    assert list(unused(device, seen, used(outcome.files))) == []
    assert outcome.files["bound"].decode().split("\n") == [DRIVERS[name], ""]
    pages = dict(line.split() for line in outcome.files["pages"].decode().splitlines())
    refused = {other for other, page in PAGES.items() if pages[hex(page)] == str(KILLED)}
    assert refused == PAGES.keys() - {name}
    told = {key: outcome.files.get(key, b"") for key in ("hello", "time", "levels")}
    if name == "config":
        assert told == {"hello": b"hello", "time": b"", "levels": b""}
    elif name == "gpio":
        assert told == {"hello": b"", "time": b"", "levels": b"1\n0\n"}
    else:
        assert (told["hello"], told["levels"]) == (b"", b"")
        assert abs(int(told["time"]) - time.time()) < 600
        alarm = seen.interrupt(34)
        assert alarm is not None
        assert (alarm.name, alarm.arrived > 0) == ("rtc-pl031", True)


def test_dom0less(dom0less_machine: Machine) -> None:
    domains = examples.made("qemu", dom0less_machine.release)
    guests = [Guest(name, made.files, SCRIPT) for name, made in domains.items()]
    booted = boot_together(dom0less_machine, None, guests, setup=Setup(arguments=HELLO))
    assert booted.message == ""
    assert booted.guests.keys() == domains.keys()
    for name, made in domains.items():
        check(name, made, booted.guests[name], "dom0less")


def test_xl(machine: Machine) -> None:
    """All three are created before the first one runs."""
    domains = examples.made("qemu", machine.release)
    host = board()
    for made in domains.values():
        host = with_overlay(host, made.files["host.dtbo"])
    jobs = [
        Job(made.files["cfg"].decode(), {f"{name}.dtb": made.files["dtb"]}, SCRIPT, seconds=180)
        for name, made in domains.items()
    ]
    setup = Setup(memory=2048, arguments=HELLO)
    (outcomes,) = boot_groups(machine, host, [jobs], setup=setup)
    for (name, made), outcome in zip(domains.items(), outcomes, strict=True):
        check(name, made, outcome, "xl")
