"""Host nodes whose registers or interrupts stand where Xen needs help to find them.

QEMU's clock is on a bus whose window ends within its registers, and its interrupt is stated in
msi-ranges alone. Linux' AMBA bus reads the identification at the end of the registers, beyond the
window: the driver binds only if all of the block is mapped, and its alarm arrives only if Xen
routes the interrupt, which it does where the marks state it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from xenassign.devicetree.blob import read_blob
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan

from .agreement import host_of
from .boot import Outcome, boot_dom0less
from .dom0 import Job, boot_dom0
from .guest import ALARM
from .hosttree import with_overlay
from .machine import Machine
from .mutants.blob import Blob, RawNode, cells_of, string
from .test_positive import domain_of

CLOCK = "/narrow/pl031@0"
SCRIPT = f"""
if cd /sys/class/rtc/rtc0; then
{ALARM}
    awk '/rtc-pl031/ {{ print "alarms", ($2 > 0) }}' /proc/interrupts
fi 2>/dev/null
"""
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]


class Made(NamedTuple):
    """The host without marks, and the files by their endings."""

    host: bytes
    plan: DomainPlan
    files: dict[str, bytes]

    @property
    def marked(self) -> bytes:
        """The host with the overlay of the marks."""
        return with_overlay(self.host, self.files["host.dtbo"])


def board() -> bytes:
    """QEMU's board with the clock on a bus of 0x800 bytes, and its interrupt in msi-ranges."""
    blob = Blob.read(host_of("virt"))
    root = blob.root
    clock = next(node for node in root.children if node.name == "pl031@9010000")
    gic = read_blob(host_of("virt"), "host.dtb").root.cells("interrupt-parent")[0]
    interrupt = clock.get("interrupts")
    assert interrupt is not None
    clock.drop("interrupts")
    clock.put("msi-ranges", cells_of(gic, 1) + interrupt + cells_of(1, 1))
    clock.put("reg", cells_of(0, 1) + cells_of(0x1000, 1))
    clock.name = "pl031@0"
    narrow = RawNode("narrow", [("compatible", string("simple-bus"))], [clock])
    narrow.put("#address-cells", cells_of(1, 1))
    narrow.put("#size-cells", cells_of(1, 1))
    narrow.put("ranges", cells_of(0, 1) + cells_of(0x9010000, 2) + cells_of(0x800, 1))
    root.children[root.children.index(clock)] = narrow
    return blob.write()


def make(generate: Generate, machine: Machine) -> Made:
    host = board()
    tree = read_blob(host, "board.dtb")
    options = {"policy": "trust", "memory": 256, "vcpus": 1, "xen": machine.release}
    plan, files, refused = generate(tree, CLOCK, **options)
    assert not refused
    assert {"XA235", "XA541"} <= {finding.code for finding in plan.findings}
    return Made(host, plan, {name.partition(".")[2]: data for name, data in files.items()})


def partial_tree(made: Made) -> bytes:
    """The guest's tree with a node that requests the interrupt, which no MSI controller of QEMU
    would do: the clock's own ``interrupts`` instead of msi-ranges.
    """
    blob = Blob.read(made.files["dtb"])
    (clock,) = (p.node for p in blob.root.walk() if p.node.get("msi-ranges") is not None)
    value = clock.get("msi-ranges")
    assert value is not None
    clock.drop("msi-ranges")
    clock.put("interrupts", value[4:16])
    return blob.write()


def works(outcome: Outcome) -> None:
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert "alarms 1" in outcome.guest


def test_dom0less_routes_what_the_marks_state(
    dom0less_machine: Machine, generate: Generate
) -> None:
    made = make(generate, dom0less_machine)
    partial, domain = partial_tree(made), domain_of(made.files)
    works(boot_dom0less(dom0less_machine, partial, made.marked, domain, SCRIPT))
    without = boot_dom0less(dom0less_machine, partial, made.host, domain, SCRIPT)
    assert without.verdict == "accepted"
    assert "alarms 1" not in without.guest


def test_xl_gives_what_the_marks_state(machine: Machine, generate: Generate) -> None:
    made = make(generate, machine)
    assert "34," in made.files["cfg"].decode()
    job = Job(made.files["cfg"].decode(), {"domu1.dtb": partial_tree(made)}, SCRIPT)
    (outcome,) = boot_dom0(machine, made.marked, [job])
    works(outcome)


def test_xl_refuses_an_interrupt_that_no_node_states(machine: Machine, generate: Generate) -> None:
    """dom0 may give the interrupts of the host's nodes only: msi-ranges says nothing to Xen."""
    made = make(generate, machine)
    job = Job(made.files["cfg"].decode(), {"domu1.dtb": made.files["dtb"]})
    (outcome,) = boot_dom0(machine, made.host, [job])
    assert outcome.verdict == "rejected"
    assert "failed give domain access to irq 34" in outcome.message
