"""What the lock says of a change, line for line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.request.request import Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.change_lines import lines
from xenassign.system.differences import Difference
from xenassign.system.hosts import decide_hosts
from xenassign.system.lock import HostLock, Lock, differences, lock_of, refusals
from xenassign.system.outcome import (
    BlockOutcome,
    DeviceOutcome,
    DomainOutcome,
    FindingOutcome,
    KeepOutcome,
    LineOutcome,
    RegionOutcome,
    StreamOutcome,
    StubOutcome,
    SupplierOutcome,
)

DEVICE = DeviceOutcome(
    name="ethernet0",
    path="/ethernet@ff0e0000",
    blocks=(BlockOutcome(0, False, 0xFF0E0000, 0xFF0E0000, 0x1000),),
    interrupts=(LineOutcome(95, "level-high"),),
    streams=(StreamOutcome("/smmu", 0x877, 0, 1),),
    protected=True,
    forced=False,
    suppliers=(SupplierOutcome("", "clocks", "/clk", "stubbed"),),
    stubs=(StubOutcome("", "clocks", "pclk", "125000000 Hz"),),
    properties=(),
)
DOMAIN = DomainOutcome("net", (DEVICE,), (), (), 3055, None, (), (), (), ())


def lock(domain: DomainOutcome = DOMAIN, host: str = "rev1.dtb") -> Lock:
    return Lock("4.20", (HostLock(host, (domain,), ()),))


def changes(old: Lock, new: Lock) -> list[str]:
    return lines(differences(old, new))


def lock_with(device: DeviceOutcome) -> Lock:
    return lock(DOMAIN._replace(devices=(device,)))


@pytest.mark.parametrize(
    ("device", "line"),
    [
        (
            DEVICE._replace(blocks=(BlockOutcome(0, False, 0xFF0F0000, 0xFF0E0000, 0x1000),)),
            "block 0 moved in the host from 0xff0e0000 to 0xff0f0000",
        ),
        (
            DEVICE._replace(blocks=(BlockOutcome(0, False, 0xFF0E0000, 0x1000, 0x1000),)),
            "block 0 moved in the guest from 0xff0e0000 to 0x1000",
        ),
        (
            DEVICE._replace(blocks=(BlockOutcome(0, False, 0xFF0E0000, 0xFF0E0000, 0x2000),)),
            "block 0 of 0x1000 bytes became 0x2000 bytes",
        ),
        (
            DEVICE._replace(blocks=(*DEVICE.blocks, BlockOutcome(0, True, 0x10, 0x20, 0x30))),
            "window 0 (0x30 bytes at 0x10, in the guest at 0x20) added",
        ),
        (DEVICE._replace(path="/ethernet@0"), "path /ethernet@ff0e0000 became /ethernet@0"),
        (
            DEVICE._replace(interrupts=(LineOutcome(97, "level-high"),)),
            "INTID 95 (level-high) became 97 (level-high)",
        ),
        (DEVICE._replace(interrupts=()), "INTID 95 (level-high) removed"),
        (
            DEVICE._replace(interrupts=(LineOutcome(95, "edge-rising"),)),
            "INTID 95 (level-high) became 95 (edge-rising)",
        ),
        (
            DEVICE._replace(streams=(StreamOutcome("/smmu", 0x878, 0xF, 1),)),
            "stream 0x877 of /smmu became 0x878 mask 0xf of /smmu",
        ),
        (
            DEVICE._replace(protected=False, forced=True),
            "DMA protected by an IOMMU became forced without an IOMMU",
        ),
        (
            DEVICE._replace(stubs=(StubOutcome("", "clocks", "pclk", "100000000 Hz"),)),
            "clock pclk: stub 125000000 Hz became 100000000 Hz",
        ),
        (DEVICE._replace(stubs=()), "clock pclk: stub 125000000 Hz removed"),
        (
            DEVICE._replace(suppliers=(SupplierOutcome("", "clocks", "/clk", "copied"),)),
            "clocks of /clk: stubbed became copied",
        ),
    ],
)
def test_a_device_that_changed(device: DeviceOutcome, line: str) -> None:
    assert changes(lock_with(DEVICE), lock_with(device)) == [f"net: ethernet0: {line}"]


REGION = RegionOutcome("/vpu", "/vpu@0", (), ("/ethernet@ff0e0000",))


@pytest.mark.parametrize(
    ("domain", "line"),
    [
        (DOMAIN._replace(devices=()), "ethernet0: device (/ethernet@ff0e0000) removed"),
        (
            DOMAIN._replace(devices=(DEVICE, DEVICE._replace(name="/rtc@0", path="/rtc@0"))),
            "/rtc@0: device added",
        ),
        (DOMAIN._replace(regions=(REGION,)), "/vpu: region (/vpu@0) added"),
        (DOMAIN._replace(memory_mb_max=16), "memory limit 3055 MiB became 16 MiB"),
        (DOMAIN._replace(pool_mib=9), "memory for stage 2 Xen's default became 9 MiB"),
        (DOMAIN._replace(marks=("/x",)), "mark on /x added"),
        (
            DOMAIN._replace(host_keeps=(KeepOutcome("clock", "/clk", (16,)),)),
            "host keeps clock /clk 0x10 added",
        ),
        (DOMAIN._replace(kept_on=("/r",)), "kept on /r added"),
        (DOMAIN._replace(firmware=("/scmi",)), "firmware /scmi added"),
        (
            DOMAIN._replace(findings=(FindingOutcome("XA504", "/x"),)),
            "finding XA504 about /x added",
        ),
    ],
)
def test_a_domain_that_changed(domain: DomainOutcome, line: str) -> None:
    assert changes(lock(), lock(domain)) == [f"net: {line}"]


def test_hosts_and_releases() -> None:
    two = Lock("4.20", (*lock().hosts, *lock(host="rev2.dtb").hosts))
    assert changes(lock(), two) == ["host rev2.dtb added"]
    assert changes(two, lock()) == ["host rev2.dtb removed"]
    assert changes(lock(), lock(host="rev9.dtb")) == ["host rev1.dtb became rev9.dtb"]
    assert changes(lock(), lock()._replace(xen="4.21")) == ["Xen 4.20 became 4.21"]
    other = DOMAIN._replace(memory_mb_max=16)
    moved = Lock("4.20", (two.hosts[0], HostLock("rev2.dtb", (other,), ())))
    assert changes(two, moved) == ["rev2.dtb: net: memory limit 3055 MiB became 16 MiB"]
    assert changes(lock(), lock(DOMAIN._replace(name="wifi"))) == [
        "net: domain removed",
        "wifi: domain added",
    ]


def test_a_change_under_locked_is_an_error() -> None:
    values = (("95 (level-high)",), ("97 (level-high)",))
    (finding,) = refusals([Difference("net", "ethernet0", "interrupts", "", values)])
    assert finding.text("xenassign.lock") == (
        "error: xenassign.lock: net: ethernet0: INTID 95 (level-high) became 97 (level-high);"
        " review each change, then run without --locked to accept the new plan and to rewrite the"
        " lock [XA021]"
    )


def test_only_a_plan_without_errors_is_locked(board: Callable[[str], Tree]) -> None:
    tree = board("zynqmp")
    refused = SystemRequest(
        (Request(devices=("ethernet@ff0e0000",), policy="strict", memory=4000),)
    )
    with pytest.raises(ValueError, match="refused"):
        lock_of(decide_hosts([tree], refused))


def test_two_hosts_of_one_file_name(board: Callable[[str], Tree], wording: Wording) -> None:
    tree = board("zynqmp")
    trees = [Tree(tree.root, "a/board.dtb"), Tree(tree.root, "b/board.dtb")]
    with wording.raises(UsageError):
        decide_hosts(trees, SystemRequest((Request(devices=("ethernet@ff0e0000",)),)))
