"""The harness itself: QEMU's real-time clock given to a guest on both routes, and bad input."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from xenassign.devicetree.tree import Tree

from . import boot
from .boot import BootError, Domain, Outcome, Setup, boot_dom0less, verdicts
from .dom0 import Job, ask_dom0, boot_dom0
from .guest import ALARM, REPORT, GuestReport
from .hosttree import with_overlay
from .machine import Machine
from .qemu import PLAIN, NoAnswerError
from .several import Guest, boot_together
from .telling import told
from .witness import image, witnessed

CLOCK = "/pl031@9010000"
INTID = 34
SCRIPT = f"""
cd /sys/class/rtc/rtc0
cat since_epoch
{ALARM}{REPORT}"""


@pytest.fixture(scope="module")
def files(generate: Callable[..., Any], host_tree: Tree) -> dict[str, bytes]:
    """What xenassign writes for the clock, by the files' endings."""
    _, made, refusals = generate(host_tree, CLOCK)
    assert not refusals
    return {name.partition(".")[2]: content for name, content in made.items()}


@pytest.fixture(scope="module")
def marked(host: bytes, files: dict[str, bytes]) -> bytes:
    """The board with the clock withheld from dom0."""
    return with_overlay(host, files["host.dtbo"])


def check_clock_works(outcome: Outcome) -> None:
    """The guest has read the time, and its alarm has come."""
    assert abs(int(outcome.guest[0]) - time.time()) < 600
    report = GuestReport.of(outcome.files)
    line = report.interrupt(INTID)
    assert line is not None
    assert (line.trigger, line.name, line.arrived > 0) == ("Level", "rtc-pl031", True)
    assert any(each.start == 0x9010000 and "pl031" in each.name for each in report.iomem)
    assert report.tree.find("/passthrough" + CLOCK) is not None


def test_dom0less(machine: Machine, files: dict[str, bytes]) -> None:
    outcome = boot_dom0less(machine, files["dtb"], script=SCRIPT)
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert outcome.xen.startswith(machine.release + ".")
    check_clock_works(outcome)


def test_verdicts_are_the_same_with_linux(machine: Machine, files: dict[str, bytes]) -> None:
    blob = files["dtb"]
    magic, whole = blob[:4], len(blob)
    panics = "Could not set up domain domU1"
    generic = {"4.17": panics}.get(machine.release, "Device tree generation failed (-22).")
    cases = {
        blob: "",
        blob.replace(b"/pl031@", b"/xl031@"): "Couldn't find node /xl031@9010000 in host_dt!",
        blob.replace(b"/pl031@9010000", b"/pl011@9000000"): "IRQ 33 is already used by Xen",
        b"nope" + blob[4:]: generic,
        magic + (whole + 1).to_bytes(4, "big") + blob[8:]: generic,
    }
    for linux in (False, True):
        outcomes = verdicts(machine, [(blob, None, Domain(linux=linux)) for blob in cases])
        assert [outcome.message for outcome in outcomes] == list(cases.values())
        assert [outcome.accepted for outcome in outcomes] == [True, False, False, False, False]


def test_a_guest_as_asked_for(
    machine: Machine, generate: Callable[..., Any], host_tree: Tree
) -> None:
    _, made, _ = generate(host_tree, "fw-cfg@9020000", forced=("fw-cfg@9020000",))
    partial = next(content for name, content in made.items() if name == "domu1.dtb")
    domain = Domain(memory=300, vcpus=2, nr_spis=40, more="xen,domain-p2m-mem-mb = <8>;")
    setup = Setup(arguments=("-fw_cfg", "name=opt/test,string=hello"))
    script = """
    modprobe qemu_fw_cfg
    cat /sys/firmware/qemu_fw_cfg/by_name/opt/test/raw
    echo " $(nproc)"
    """
    outcome = boot_dom0less(machine, partial, None, domain, script + REPORT, setup=setup)
    assert outcome.guest == ["hello 2"]
    memory = GuestReport.of(outcome.files).tree.find("/memory@40000000")
    assert memory is not None
    assert memory.cells("reg") == (0, 0x40000000, 0, 300 << 20)


def test_xl(machine: Machine, marked: bytes, files: dict[str, bytes]) -> None:
    cfg = files["cfg"].decode()
    good = {"domu1.dtb": files["dtb"]}
    jobs = [
        Job(cfg, good),
        Job(cfg + "irqs += [33]\n", good),
        Job(cfg, good),
        Job(cfg, {"domu1.dtb": b"nope" + files["dtb"][4:]}),
        Job(cfg, {"domu1.dtb": files["dtb"][:-1]}),
        Job('kernel = "/kernel" + "x"\n', complete=True),
        Job(cfg, good, SCRIPT),
        Job(cfg, good),
    ]
    outcomes = boot_dom0(machine, marked, jobs)
    assert [outcome.message for outcome in outcomes] == [
        "",
        "failed give domain access to irq 33: Operation not permitted",
        "",
        "Partial FDT is not a valid Flat Device Tree",
        "Partial FDT totalsize is too big",
        "dom.cfg:1: config parsing error near `+': lexical error",
        "",
        "",
    ]
    assert [outcome.accepted for outcome in outcomes] == [not o.message for o in outcomes]
    check_clock_works(outcomes[6])


@pytest.mark.parametrize("mark", [False, True])
def test_dom0_report(machine: Machine, host: bytes, marked: bytes, mark: bool) -> None:
    report = GuestReport.of(ask_dom0(machine, marked if mark else host, REPORT))
    clock = report.tree.find(CLOCK)
    assert clock is not None
    assert (clock.strings("status") == ("disabled",)) == mark
    assert (report.interrupt(INTID) is None) == mark
    assert clock.cells("interrupts") == (0, 2, 4)


def test_a_new_line_of_xens_is_an_error(
    machine: Machine, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "ROUTINE", re.compile("Loading |Allocating "))
    with pytest.raises(BootError, match=r"does not know: d1 BANK\[0\]"):
        boot_dom0less(machine, files["dtb"])
    outcome = boot_dom0less(machine, files["dtb"], setup=Setup(routine=".*"))
    assert outcome.accepted


def test_no_answer_is_an_error(machine: Machine, files: dict[str, bytes]) -> None:
    with pytest.raises(NoAnswerError, match="no answer within 0 seconds"):
        boot_dom0less(machine, files["dtb"], seconds=0)
    with pytest.raises(BootError, match=r"QEMU ended early(.|\n)*--no-such-option"):
        boot_dom0less(machine, files["dtb"], setup=Setup(arguments=("--no-such-option",)))


def test_a_damaged_report_is_an_error() -> None:
    with pytest.raises(BootError, match="damaged"):
        told(["=== files", "H4sIAAAAAAAAA0tMSgYAwkEkNQMAAAA=", "=== end"])


def test_a_witness(machine: Machine, generate: Callable[..., Any], host_tree: Tree) -> None:
    """It reads the clock's identification, aborts where its guest has nothing, and has the tree."""
    made = generate(host_tree, CLOCK, xen=machine.release, memory=64, vcpus=1)[1]
    files = {name.partition(".")[2]: content for name, content in made.items()}
    identification, gpio, ram = 0x9010FE0, 0x9030FE0, 0x40000038
    kernel = image([gpio, identification, gpio, ram], boot.DONE)
    guest = Guest("domu1", files, kernel=kernel)
    booted = boot_together(machine, None, [guest], setup=PLAIN)
    seen = witnessed(booted.guests["domu1"].guest)
    assert booted.message == ""
    assert seen.tree.find("/passthrough" + CLOCK) is not None
    other, clock, again, magic = seen.values
    assert (other, again) == (None, None)
    assert clock is not None
    assert clock & 0xFF == 0x31
    assert magic is not None
    assert magic & 0xFFFFFFFF == int.from_bytes(b"ARM\x64", "little")


def test_a_witness_that_says_something_else() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        witnessed(["=0123456789abcdef", "nonsense"])
