"""The check of the overlays of --attach-overlay, from their bytes: damage is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.wording import Wording
from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.outputs.attach.check import misfits
from xenassign.planning.plan import DomainPlan
from xenassign.xen.releases import DT_OVERLAY_BYTES_MAX

from ..xen.hosttree import compiled

Files = dict[str, bytes]
Generate = Callable[..., tuple[DomainPlan, Files, list[Finding]]]

HOST, GUEST = "domu1.attach.host", "domu1.attach"


@pytest.fixture
def host(host_files: dict[str, Path]) -> Tree:
    """The ZCU102."""
    return read_blob_file(host_files["zynqmp"])


@pytest.fixture
def files(generate: Generate) -> Files:
    """The files for its Ethernet."""
    _, files, refused = generate("zynqmp", "ethernet0", attach_overlay=True)
    assert not refused
    return files


def damaged(files: Files, name: str, old: str, new: str) -> Files:
    """The files with another text in one of the sources, and its blob as dtc makes it."""
    source = files[f"{name}.dtso"].decode()
    assert old in source
    return {**files, f"{name}.dtbo": compiled(source.replace(old, new, 1))}


def test_what_is_written_is_right(files: Files, host: Tree) -> None:
    assert list(misfits(files, "domu1", host)) == []
    built = {f"{name}.dtbo": compiled(files[f"{name}.dtso"].decode()) for name in (HOST, GUEST)}
    assert list(misfits({**files, **built}, "domu1", host)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"/axi"', '"/nowhere"'),
        ('"/axi"', '"/axi/ethernet@ff0e0000"'),
        ("ethernet@ff0e0000 {", "ethernet@1 {"),
        ("__overlay__ {", "__overlay__ { x;"),
        ("power-domains = <0xe", "power-domains = <0xd"),
        ("clocks = <0x1 ", "clocks = <&node0 "),
        ("phy-handle = <&node0>", "phy-handle = <1>"),
        ("phy-handle = <&node0>", "phy-handle"),
        ("status = ", "x = <&node0>; status = "),
    ],
)
def test_damage_of_the_hosts_overlay(
    files: Files, host: Tree, old: str, new: str, wording: Wording
) -> None:
    found = list(misfits(damaged(files, HOST, old, new), "domu1", host))
    assert {finding.code for finding in found} == {"XA014"}
    wording(*found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('target-path = "/"', 'target-path = "/passthrough"'),
        ("interrupts = <0 63 4>", "interrupts = <0 64 4>"),
        ("mdio: mdio {", "mdio: mdii {"),
        ("phy-handle = <&phy0>", "phy-handle = <&gem3>"),
    ],
)
def test_damage_of_the_guests_overlay(
    files: Files, host: Tree, old: str, new: str, wording: Wording
) -> None:
    (finding,) = misfits(damaged(files, GUEST, old, new), "domu1", host)
    assert finding.code == "XA014"
    wording(finding)


def test_an_overlay_has_a_greatest_size(files: Files, host: Tree, wording: Wording) -> None:
    long = f"x = [{'00 ' * DT_OVERLAY_BYTES_MAX}]; status = "
    (finding,) = misfits(damaged(files, HOST, "status = ", long), "domu1", host)
    wording(finding)
