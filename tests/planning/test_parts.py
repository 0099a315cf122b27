"""A device of which the guest gets some register blocks and interrupts: `regs`, `interrupts`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.answers import generate, guest_device, of
from tests.wording import Wording
from xenassign.cli import cli
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, errors
from xenassign.planning.plan import DomainPlan
from xenassign.request.device_part import PartOption
from xenassign.request.request import Accepted, Request

#: Two blocks, "ctrl" and "fifo", and three interrupts: "tx", "rx" and "err".
DEVICE = "/dev@740f0000"
Part = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]


@pytest.fixture
def part(board: Callable[[str], Tree]) -> Part:
    """The plan, files and refusals of a part of the device."""

    def make(
        regs: tuple[int | str, ...] | None,
        interrupts: tuple[int | str, ...] | None,
        routes: tuple[str, ...] = ("dom0less", "xl"),
    ) -> tuple[DomainPlan, dict[str, bytes], list[Finding]]:
        request = Request(
            (DEVICE,),
            parts=(PartOption(DEVICE, regs, interrupts),),
            forced=(Accepted(DEVICE, "no DMA"),),
            memory=256,
            vcpus=1,
            routes=routes,
        )
        return generate(board("tricky"), request)

    return make


def test_the_guest_has_the_part(part: Part, wording: Wording) -> None:
    plan, files, refusals = part(("fifo",), (0, "err"))
    assert not refusals
    node = guest_device(plan)
    assert node.strings("reg-names") == ("fifo",)
    assert node.cells("reg") == (0, 0x740F8000, 0, 0x2000)
    assert node.cells("xen,reg") == (0, 0x740F8000, 0, 0x2000, 0, 0x740F8000)
    assert node.strings("interrupt-names") == ("tx", "err")
    assert node.cells("interrupts")[1::3] == (127 - 32, 129 - 32)
    config = files["domu1.cfg"].decode()
    assert re.findall(r'"0x[0-9a-f]+,0x[0-9a-f]+"', config) == ['"0x740f8,0x2"']
    assert "    127, 129,\n" in config
    assert [mark.path for mark in plan.marks] == [DEVICE]
    (finding,) = of(plan, "XA129")
    wording(finding)
    assert "INTID 128" in finding.message
    assert "xenassign: allow XA323" in files["domu1.dts"].decode()


def test_blocks_or_interrupts_alone(part: Part) -> None:
    plan, _, refusals = part((0,), None)
    assert not refusals
    assert len(guest_device(plan).cells("interrupts")) == 9
    assert "xl" in plan.request.routes
    plan, _, refusals = part(None, ())
    assert not refusals
    node = guest_device(plan)
    assert not node.has("interrupts")
    assert not node.has("interrupt-names")
    assert len(node.cells("reg")) == 8


def test_no_registers(part: Part, host_files: dict[str, Path], tmp_path: Path) -> None:
    """Xen maps nothing of an empty xen,reg, and the lint of the files knows that it is intended."""
    for interrupts in (None, ("rx",), ()):
        plan, files, refusals = part((), interrupts)
        assert not refusals
        assert guest_device(plan).cells("xen,reg") == ()
        for name in ("domu1.dts", "domu1.host.dtbo"):
            (tmp_path / name).write_bytes(files[name])
        words = ["lint", tmp_path / "domu1.dts", "--host", host_files["tricky"]]
        words += ["--host-overlay", tmp_path / "domu1.host.dtbo"]
        done = CliRunner().invoke(cli, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        assert "XA902" not in done.output


def test_dom0less_gives_all_interrupts(part: Part) -> None:
    for routes, said in ((("xl",), False), (("dom0less",), True)):
        plan, _, _ = part(None, ("tx",), routes)
        assert ("Xen gives all its interrupts" in of(plan, "XA129")[0].message) is said


def test_all_entries_are_no_part(part: Part) -> None:
    plan, _, refusals = part((1, 0), ("err", "rx", "tx"))
    assert not refusals
    assert not of(plan, "XA129")
    assert guest_device(plan).strings("reg-names") == ("ctrl", "fifo")


def test_an_interrupt_that_two_entries_state(board: Callable[[str], Tree]) -> None:
    """The Ethernet controllers of ZynqMP have one INTID in two entries."""
    ethernet = "/axi/ethernet@ff0e0000"
    for entries, lost in (((0,), None), ((), "nobody has INTID 95: dom0")):
        request = Request((ethernet,), parts=(PartOption(ethernet, None, entries),))
        plan, _, _ = generate(board("zynqmp"), request)
        findings = of(plan, "XA129")
        assert bool(findings) == (lost is not None)
        assert all(lost in finding.message for finding in findings if lost)


def test_entries_that_are_not_there(part: Part, wording: Wording) -> None:
    with wording.raises(UsageError) as error:
        part((2, "data"), ("no",))
    assert len(error.value.args) == 3


def test_blocks_in_one_page(board: Callable[[str], Tree]) -> None:
    """A page is the smallest thing that Xen maps."""
    mailbox = "/zynqmp-ipi/mailbox@ff9905c0"
    request = Request((mailbox,), parts=(PartOption(mailbox, (0,)),))
    plan, _, _ = generate(board("zynqmp"), request)
    (finding,) = of(plan, "XA129")
    assert "blocks 0 and 1 share a page" in finding.message


def test_in_a_file(tmp_path: Path, board: Callable[[str], Tree]) -> None:
    from xenassign.request.project import read_project
    from xenassign.system.system import decide_system

    path = tmp_path / "x.toml"
    path.write_text(
        '[[domain]]\nname = "net"\n[[domain.device]]\n'
        f'path = "{DEVICE}"\nregs = ["ctrl"]\ninterrupts = [1]\n'
    )
    (plan,) = decide_system(board("tricky"), read_project(path).system).domains
    assert guest_device(plan).strings("interrupt-names") == ("rx",)
    assert [f.code for f in errors(plan.findings)] == ["XA401"]
