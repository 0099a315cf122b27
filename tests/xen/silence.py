"""What dom0less Xen takes without a word, what becomes of the guest, and our finding beside it.

Each case is QEMU's clock as xenassign gives it to a guest, with one thing changed by hand. The
guest is Linux and says what it has of the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from tests.answers import generate
from xenassign.devicetree.blob import read_blob
from xenassign.linting.guest import partial_tree
from xenassign.linting.guest.view import View
from xenassign.linting.verdict.predict import predict_dom0less
from xenassign.request.request import Request
from xenassign.xen.releases import release

from .agreement import context
from .boot import BootError, Domain, boot_dom0less, side_by_side
from .guest import ALARM
from .hosttree import compiled
from .machine import RELEASES, Machine, board
from .qemu import NoAnswerError

CLOCK = "/pl031@9010000"
SCRIPT = f"""
echo node $(find /sys/firmware/devicetree/base -name 'pl031@*' | wc -l)
echo clock $(ls /sys/class/rtc | wc -l)
if cd /sys/class/rtc/rtc0 2>/dev/null; then
{ALARM}
    awk '/rtc-pl031/ {{ print "alarms", ($2 > 0) }}' /proc/interrupts
fi
"""
#: How long a guest may take, in seconds; one that works takes three.
PATIENCE = 30
GONE = "no output"
CRASHES = "the guest crashed"

REG = "reg = <0x0 0x9010000 0x0 0x1000>;"
XEN_REG = "xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x9010000>;"


class Silent(NamedTuple):
    """A change of the source, the finding that it gives, and what the guest then says."""

    rule: str
    what: str
    old: str
    new: str
    guest: str
    releases: tuple[str, ...] = tuple(RELEASES.values())


WORKS = "node 1, clock 1, alarms 1"
SILENT = (
    Silent("", "nothing", "", "", WORKS),
    Silent(
        "XA802",
        "/passthrough has the name passthrough@0",
        "\tpassthrough {",
        "\tpassthrough@0 {",
        "node 0, clock 0",
    ),
    Silent(
        "XA803",
        "the device is in /soc",
        "\tpassthrough {",
        "\tpassthrough { };\n\tsoc {",
        "node 0, clock 0",
    ),
    Silent("XA203", "mapped onto the guest's UART", XEN_REG, XEN_REG[:-11] + "0x22000000>;", GONE),
    Silent("XA203", "mapped onto the guest's GIC", XEN_REG, XEN_REG[:-11] + "0x3001000>;", CRASHES),
    Silent(
        "XA203",
        "mapped onto the end of the guest's RAM",
        XEN_REG,
        XEN_REG[:-11] + "0x4ffff000>;",
        CRASHES,
    ),
    Silent(
        "XA216",
        "the page of another device",
        XEN_REG,
        XEN_REG.replace("0x9010000 0x0 0x1000", "0x9020000 0x0 0x1000"),
        CRASHES,
    ),
    Silent(
        "XA215",
        "the guest's reg is elsewhere",
        REG,
        "reg = <0x0 0x9011000 0x0 0x1000>;",
        CRASHES,
    ),
    Silent(
        "XA312",
        "the guest expects another interrupt",
        "interrupts = <0 2 4>;",
        "interrupts = <0 3 4>;",
        "node 1, clock 1, alarms 0",
    ),
    Silent(
        "XA511",
        "clocks refer to no node",
        "clocks = <&",
        "clocks = <0x77>; other = <&",
        "node 1, clock 0",
    ),
)


class SilentRow(NamedTuple):
    """A line of the document. ``codes``: all our findings; ``guest``: what the guest said."""

    case: Silent
    release: str
    codes: frozenset[str]
    rejected: bool
    guest: str

    def cells(self) -> tuple[str, ...]:
        """What stands in the document."""
        return (self.case.rule, self.release, self.case.what, self.guest)


@cache
def source(version: str) -> str:
    """The partial device tree that xenassign writes for the clock."""
    request = Request((CLOCK,), release=release(version), memory=256, vcpus=1)
    _, files, refused = generate(read_blob(board(), "board.dtb"), request)
    assert not refused, refused
    return files["domu1.dts"].decode()


def silent_rows(ready: Machine) -> Iterator[SilentRow]:
    """Boots every case of a release."""
    cases = [case for case in SILENT if ready.release in case.releases]
    with side_by_side() as pool:
        yield from pool.map(lambda case: _boot(ready, case), cases)


def _boot(ready: Machine, case: Silent) -> SilentRow:
    text = source(ready.release)
    assert text.count(case.old) == 1 or not case.old, case.what
    blob = compiled(text.replace(case.old, case.new) if case.old else text)
    asked = context(ready, Domain(linux=True), board())
    found = [*predict_dom0less(blob, asked), *partial_tree.check(View(read_blob(blob), asked))]
    try:
        outcome = boot_dom0less(ready, blob, script=SCRIPT, seconds=PATIENCE)
        rejected, guest = not outcome.accepted, ", ".join(outcome.guest)
    except NoAnswerError:
        rejected, guest = False, GONE
    except BootError as error:
        if not str(error).startswith(CRASHES):
            raise
        rejected, guest = False, CRASHES
    codes = frozenset(f.code for f in found if f.severity == "error")
    return SilentRow(case, ready.release, codes, rejected, guest)
