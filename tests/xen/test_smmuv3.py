"""An IOMMU that translates, by hand: PCI cards behind QEMU's SMMUv3, whose host a guest has.

    XENASSIGN_XEN_4_22=…/xen/xen python -m pytest tests/xen/test_smmuv3.py

Xen is built with CONFIG_EXPERT and CONFIG_ARM_SMMU_V3, which Debian's is not; without such a
release there is no test here, nor a skip. Stage 2 of the SMMUv3 requires QEMU 9.2 or newer, which
is fetched as for tests/boards. A disk is read and written by DMA, and QEMU's card "edu" does DMA to
the address that it is given. docs/pci.md has the table of these runs.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.answers import of
from xenassign.devicetree.blob import read_blob
from xenassign.planning.plan import DomainPlan

from ..boards.emulator import Emulator, emulator
from .boot import Outcome, boot_dom0less
from .conftest import by_hand
from .hosttree import compiled, with_overlay
from .machine import BOARD, SMMU_V3_OPTION, Machine, built, kconfig
from .mutants.blob import Blob
from .qemu import Setup
from .test_pci import PCI_HOST, Generate
from .test_positive import domain_of

RELEASES = [v for v, p in built().items() if p.is_file() and SMMU_V3_OPTION in kconfig(p)]
#: pytest collects nothing of a module that says no. Empty parameters would count as a skip.
__test__ = bool(RELEASES)

SMMU = "/smmuv3@9050000"
#: The cards are 00:01.0 and 00:02.0; iommu-map gives each its PCI requester ID as stream.
DISK, EDU = 0x08, 0x10
SECTOR = 512  # bytes
READ, WRITTEN = b"read by DMA", b"written by DMA"
OUTSIDE = 0x60000000  # a guest of 256 MiB has RAM at 0x40000000

#: Reads and writes the disk, which hangs for ever without DMA; then edu reads 4 bytes of an address
#: outside of the guest's RAM (QEMU's docs/specs/edu.rst: source, destination, count, command).
SCRIPT = f"""
modprobe virtio_blk &
for tenth in $(seq 40); do [ ! -b /dev/vda ] || break; sleep 0.1; done
head -c {len(READ)} /dev/vda >/out/read &
for tenth in $(seq 40); do [ ! -s /out/read ] || break; sleep 0.1; done
if [ -s /out/read ]; then
    printf '{WRITTEN.decode()}' | dd of=/dev/vda bs={SECTOR} seek=1 conv=sync,fsync 2>/dev/null
fi
grep virtio0 /proc/interrupts
ls /sys/bus/pci/devices/*/msi_irqs 2>/dev/null
cd /sys/bus/pci/devices/0000:00:02.0
echo 1 >enable
printf '\\006\\000' | dd of=config bs=1 seek=4 conv=notrunc 2>/dev/null
set -- $(head -n 1 resource)
devmem $(($1 + 0x80)) 64 {OUTSIDE:#x}
devmem $(($1 + 0x88)) 64 0x40000
devmem $(($1 + 0x90)) 64 4
devmem $(($1 + 0x98)) 64 1
sleep 1
"""


@pytest.fixture(scope="module", params=RELEASES)
def ready(request: pytest.FixtureRequest) -> Machine:
    """Each release that was built with the driver."""
    return by_hand(request.param)


class Run(NamedTuple):
    """What came of a boot: the guest, the disk afterwards, and the faults that Xen logged."""

    plan: DomainPlan
    outcome: Outcome
    written: bytes
    faults: list[tuple[int, int]]  #: (event, stream)

    @property
    def read(self) -> bytes:
        """What the guest read from the disk."""
        return self.outcome.files.get("read", b"")


def board(qemu: Emulator, smmu: bool, more: str = "") -> bytes:
    """QEMU's board without the PCI window of 512 GiB, with source text after its own."""
    with tempfile.TemporaryDirectory(prefix="xenassign-") as work:
        blob = Path(work) / "board.dtb"
        dump = ("-machine", f"dumpdtb={blob}", "-smp", "2", "-display", "none")
        command = [*qemu.command, *BOARD, *_machine(smmu), *dump]
        subprocess.run(command, check=True, capture_output=True)
        to_source = ["dtc", "-q", "-I", "dtb", "-O", "dts", str(blob)]
        text = subprocess.run(to_source, check=True, capture_output=True).stdout.decode()
    return compiled(f"{text}\n{more}")


def _machine(smmu: bool) -> tuple[str, ...]:
    return ("-machine", f"highmem-mmio=off{',iommu=smmuv3' if smmu else ''}")


def streams(*ids: int) -> str:
    """Source text: ``iommus`` of the PCI host."""
    entries = ", ".join(f"<&{{{SMMU}}} {number:#x}>" for number in ids)
    return f"&{{{PCI_HOST}}} {{ iommus = {entries}; }};"


class Made(NamedTuple):
    """What is generated for the PCI host: the plan, and the files by their endings."""

    plan: DomainPlan
    files: dict[str, bytes]


def make(ready: Machine, generate: Generate, host: bytes, *, forced: bool) -> Made:
    """What is generated for the PCI host."""
    options = {"policy": "auto", "forced": (PCI_HOST,)} if forced else {"policy": "strict"}
    plan, files, refused = generate(
        read_blob(host, "board.dtb"),
        PCI_HOST,
        memory=256,
        vcpus=1,
        xen=ready.release,
        routes=("dom0less",),
        maps=(f"{PCI_HOST}=auto",),
        **options,
    )
    assert not refused
    return Made(plan, {name.partition(".")[2]: data for name, data in files.items()})


def run(
    ready: Machine, generate: Generate, host: bytes, disk: Path, *, smmu: bool, forced: bool
) -> Run:
    """Boots what is generated for the PCI host."""
    plan, files = make(ready, generate, host, forced=forced)
    disk.write_bytes(READ.ljust(2 * SECTOR, b"\0"))
    cards = (
        *("-drive", f"file={disk},format=raw,if=none,id=disk"),
        *("-device", "virtio-blk-pci,drive=disk,addr=1,iommu_platform=on,disable-legacy=on"),
        *("-device", "edu,addr=2,dma_mask=0xffffffff"),
    )
    setup = Setup(
        emulator=(*emulator().command, *BOARD),
        arguments=(*_machine(smmu), *cards),
        routine=r"SMMUv3: /\S+: (Added master device|d1: vmid)|SMMUv3: d1: vmid",
    )
    marked = with_overlay(host, files["host.dtbo"])
    outcome = boot_dom0less(ready, files["dtb"], marked, domain_of(files), SCRIPT, setup=setup)
    written = disk.read_bytes()[SECTOR:].rstrip(b"\0")
    return Run(plan, outcome, written, [*_faults(outcome.log)])


def _faults(log: list[str]) -> Iterator[tuple[int, int]]:
    """The events that Xen logs: a line, and four with the double words of the record."""
    for line, after in pairwise(log):
        event = re.search(r"event 0x([0-9a-f]{2}) received", line)
        record = re.search(r"0x([0-9a-f]{16})$", after.strip())
        if event and record:
            yield int(event[1], 16), int(record[1], 16) >> 32


BAD_STREAM, TRANSLATION = 0x02, 0x10  # C_BAD_STREAMID, F_TRANSLATION of the SMMUv3's specification


def test_protected(ready: Machine, generate: Generate, tmp_path: Path) -> None:
    """The DMA works, and ends at the guest's memory. The interrupts are INTx; there is no MSI."""
    host = board(emulator(), True, streams(DISK, EDU))
    made = run(ready, generate, host, tmp_path / "disk", smmu=True, forced=False)
    (device,) = made.plan.devices
    assert (device.protection.protected, device.forced) == (True, False)
    assert (made.outcome.verdict, made.outcome.message) == ("accepted", "")
    assert (made.read, made.written) == (READ, WRITTEN)
    assert {(TRANSLATION, EDU)} == {*made.faults}
    assert "00:01.0, 00:02.0 only" in of(made.plan, "XA409")[0].message
    (line,) = (line for line in made.outcome.guest if "virtio0" in line)
    assert re.search(r"GICv3 +36 Level", line)


def test_iommu_map_alone_protects_nothing(
    ready: Machine, generate: Generate, tmp_path: Path
) -> None:
    """Xen does not read iommu-map of an assigned PCI host: forced, all of its DMA is blocked."""
    host = board(emulator(), True)
    made = run(ready, generate, host, tmp_path / "disk", smmu=True, forced=True)
    assert not made.plan.devices[0].protection.protected
    assert made.outcome.verdict == "accepted"
    assert (made.read, made.written) == (b"", b"")
    assert {(BAD_STREAM, DISK), (BAD_STREAM, EDU)} == {*made.faults}


def test_a_stream_of_nobody(ready: Machine, generate: Generate, tmp_path: Path) -> None:
    """Xen accepts it. The entries of the table beside it abort, which is no event."""
    host = board(emulator(), True, streams(DISK + 1))
    made = run(ready, generate, host, tmp_path / "disk", smmu=True, forced=False)
    assert made.plan.devices[0].protection.protected
    assert made.outcome.verdict == "accepted"
    assert (made.read, made.written, made.faults) == (b"", b"", [])
    assert "00:01.1 only" in of(made.plan, "XA409")[0].message


def test_without_an_iommu(ready: Machine, generate: Generate, tmp_path: Path) -> None:
    """The cards reach the host's memory at the guest's addresses, and nothing faults."""
    host = board(emulator(), False)
    made = run(ready, generate, host, tmp_path / "disk", smmu=False, forced=True)
    assert of(made.plan, "XA403")
    assert made.outcome.verdict == "accepted"
    assert (made.read, made.written, made.faults) == (b"", b"", [])


def test_not_forced(ready: Machine, generate: Generate) -> None:
    """Without ``iommus`` and without the force property Xen refuses the device."""
    host = board(emulator(), True)
    made = make(ready, generate, host, forced=True)
    partial = Blob.read(made.files["dtb"])
    for place in partial.root.walk():
        place.node.drop("xen,force-assign-without-iommu")
    setup = Setup(emulator=(*emulator().command, *BOARD), arguments=_machine(True))
    outcome = boot_dom0less(ready, partial.write(), host, domain_of(made.files), setup=setup)
    assert (outcome.verdict, outcome.message) == ("rejected", "Failed to assign device to d1")
