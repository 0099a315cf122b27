"""Interrupts of a PCI card in the guest that has its PCI host: INTA to INTD, by interrupt-map.

The card is a serial port, which does no DMA, so that no IOMMU is needed. Its driver waits for an
interrupt after each character.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.answers import of
from xenassign.devicetree.blob import read_blob
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan

from .boot import boot_dom0less
from .hosttree import compiled, with_overlay
from .machine import Machine, board
from .qemu import Setup
from .test_positive import domain_of

PCI_HOST = "/pcie@10000000"
SENT = "by INTx"
#: The port is busy for half a minute after a character whose interrupt does not come.
SCRIPT = f"""
echo {SENT} >/dev/ttyS0 &
for tenth in $(seq 20); do grep -q ttyS0 /proc/interrupts && break; sleep 0.1; done
sleep 0.5
"""
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]


def pci_board(more: str = "") -> bytes:
    """QEMU's board without the PCI window of 512 GiB, for which no guest has a hole.

    ``more``: source text after the board's.
    """
    command = ["dtc", "-q", "-I", "dtb", "-O", "dts", "-"]
    text = subprocess.run(command, input=board(), capture_output=True, check=True).stdout.decode()
    windows = "<0x1000000 0 0 0 0x3eff0000 0 0x10000>, <0x2000000 0 0x10000000 0 0x10000000 0"
    ranges = f"&{{{PCI_HOST}}} {{ ranges = {windows} 0x2eff0000>; }};"
    return compiled(f"{text}\n{ranges}\n{more}")


@pytest.mark.parametrize("marked", [True, False])
def test_the_marks_bring_the_interrupts(
    dom0less_machine: Machine, generate: Generate, tmp_path: Path, marked: bool
) -> None:
    host, port = pci_board(), tmp_path / "port"
    options = {"maps": (f"{PCI_HOST}=auto",), "policy": "trust", "forced": (PCI_HOST,)}
    plan, files, refused = generate(
        read_blob(host, "board.dtb"),
        PCI_HOST,
        memory=256,
        vcpus=1,
        xen=dom0less_machine.release,
        routes=("dom0less",),
        **options,
    )
    assert not refused
    assert of(plan, "XA331")
    assert not of(plan, "XA327")
    named = {name.partition(".")[2]: data for name, data in files.items()}
    if marked:
        host = with_overlay(host, named["host.dtbo"])
    arguments = ("-chardev", f"file,id=port,path={port}", "-device", "pci-serial,chardev=port")
    outcome = boot_dom0less(
        dom0less_machine,
        named["dtb"],
        host,
        domain_of(named),
        SCRIPT,
        setup=Setup(arguments=arguments),
    )
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert port.read_bytes() == (f"{SENT}\r\n".encode() if marked else b"")
