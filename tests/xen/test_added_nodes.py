"""A guest has QEMU's clock, of which the board's tree has no node, by [[domain.page]] and line.

That Xen and xl accept such pages, lines and parts of a device, with the tree that was planned, is
tested with the places of test_positive.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.changes import Change
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan
from xenassign.request.added_nodes import AddedNode

from .agreement import host_of
from .boot import boot_dom0less
from .linked import boot_generated
from .machine import Machine
from .raised import raising
from .test_positive import GPIO, domain_of, withheld

GUEST = 0xB000000
NODES = (
    AddedNode("/uio-line-34", "ours", "generic-uio", line=(34, "level-high")),
    AddedNode("/uio-page@9010000", "ours", "generic-uio", page=(0x9010000, 0x1000), guest=GUEST),
)


@pytest.mark.parametrize("devices", [(GPIO,), ()])
def test_the_clock_without_its_node(
    dom0less_machine: Machine,
    devices: tuple[str, ...],
    generate: Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]],
) -> None:
    host = edited(host_of("virt"), [Change("/", remove=("pl031@9010000",))])
    _, files, refused = generate(
        read_blob(host, "board.dtb"),
        *devices,
        added=NODES,
        memory=256,
        vcpus=1,
        xen=dom0less_machine.release,
    )
    assert not refused
    by_ending = {name.partition(".")[2]: content for name, content in files.items()}
    outcome = boot_dom0less(
        dom0less_machine,
        by_ending["dtb"],
        withheld(host, [by_ending]),
        domain_of(by_ending),
        f"devmem {GUEST:#x} 32 >/out/time",
    )
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert abs(int(outcome.files["time"], 16) - time.time()) < 600


CORE = """
xen = "{}"
route = "dom0less"
[[domain]]
name = "core"
memory = 128
vcpus = 1
[[domain.line]]
interrupt = 34
trigger = "level-high"
reason = "the alarm of the clock"
[[domain.page]]
address = 0x9010000
size = "4K"
map = 0xb000000
reason = "the registers of the clock"
"""


def test_its_interrupt(dom0less_machine: Machine) -> None:
    """The alarm that the guest sets by the page arrives as the line; there is no other device."""
    host = edited(host_of("virt"), [Change("/", remove=("pl031@9010000",))])
    text, kernels = CORE.format(dom0less_machine.release), {"core": raising(GUEST, 34)}
    refusal, said = boot_generated(dom0less_machine, text, kernels, host=host)
    assert not refusal
    assert said == {"core": ["0022"]}
