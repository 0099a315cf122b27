"""The overlays of --attach-overlay: dtc makes them of their sources, fdtoverlay applies them."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.outputs.generated import ENDINGS
from xenassign.planning.plan import DomainPlan

from ..corpus import judges
from .test_sources import CASES as EVERY
from .test_sources import dtc

Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

#: Of Juno another device: that of the others is in mmu-masters.
CASES = [(host, ("serial1",) if host == "juno" else devices) for host, devices in EVERY]
HOST, GUEST = "domu1.attach.host", "domu1.attach"
each_case = pytest.mark.parametrize(("host", "devices"), CASES, ids=[c[0] for c in CASES])

#: A guest of xl as far as its overlay needs it.
_GUEST = """/dts-v1/; / {
    #address-cells = <2>; #size-cells = <2>;
    aliases { };
    other: other { phandle = <7>; };
    interrupt-controller { #interrupt-cells = <3>; interrupt-controller; phandle = <0xfde8>; };
};"""


def make(
    generate: Generate, host: str | Tree, *devices: str, **options: object
) -> tuple[DomainPlan, dict[str, bytes]]:
    asked = {"policy": "trust", "regions": ("drop",), "xen": "4.22", "attach_overlay": True}
    plan, files, refusals = generate(host, *devices, **{**asked, **options})
    assert not refusals
    return plan, files


@each_case
@pytest.mark.parametrize("name", [HOST, GUEST])
def test_dtc_makes_the_blobs_tree_of_the_source(
    generate: Generate, host: str, devices: tuple[str, ...], name: str
) -> None:
    """With the same ``__local_fixups__``, which the source does not have."""
    files = make(generate, host, *devices)[1]
    assert b"__local_fixups__" not in files[f"{name}.dtso"]
    built = dtc(files[f"{name}.dtso"], "-q", "-I", "dts", "-O", "dtb")
    texts = [dtc(blob, "-q", "-I", "dtb", "-O", "dts") for blob in (built, files[f"{name}.dtbo"])]
    assert texts[0] == texts[1]


@each_case
def test_nothing_stands_behind_the_blob(
    generate: Generate, host: str, devices: tuple[str, ...]
) -> None:
    """Xen refuses an overlay whose totalsize is not the size of the file."""
    blob = make(generate, host, *devices)[1][f"{HOST}.dtbo"]
    assert struct.unpack_from(">I", blob, 4) == (len(blob),)


@each_case
def test_it_brings_what_was_taken_out(
    generate: Generate,
    host_files: dict[str, Path],
    tmp_path: Path,
    host: str,
    devices: tuple[str, ...],
) -> None:
    plan, files = make(generate, host, *devices)
    overlay = tmp_path / "host.dtbo"
    overlay.write_bytes(files[f"{HOST}.dtbo"])
    brought = [root.path for root in plan.scope.roots]
    problems = judges.readded(host_files[host], brought, overlay, tmp_path)
    assert list(problems) == []
    after = read_blob((tmp_path / "again.dtb").read_bytes())
    before = read_blob((tmp_path / "boot.dtb").read_bytes())
    marked = {node.path for node in after.nodes() if node.has("xen,passthrough")}
    marked -= {node.path for node in before.nodes() if node.has("xen,passthrough")}
    assert marked >= {device.path for device in plan.devices}
    assert not any(before.find(device.path) for device in plan.devices)


@each_case
def test_linux_gets_what_the_partial_tree_has(
    generate: Generate, tmp_path: Path, host: str, devices: tuple[str, ...]
) -> None:
    files = make(generate, host, *devices)[1]
    for name, content in (
        ("guest.dtb", dtc(_GUEST.encode(), "-q", "-I", "dts", "-O", "dtb")),
        ("guest.dtbo", files[f"{GUEST}.dtbo"]),
    ):
        (tmp_path / name).write_bytes(content)
    failed = judges.apply_overlay(
        tmp_path / "guest.dtb", tmp_path / "guest.dtbo", tmp_path / "now.dtb"
    )
    assert failed is None
    now, partial = (
        judges.read(blob) for blob in ((tmp_path / "now.dtb").read_bytes(), files["domu1.dtb"])
    )
    assert list(judges.dangling(now)) == []
    named, names = (judges.pointers(nodes) for nodes in (partial, now))
    assert {key: at for key, at in names.items() if key in named} == named
    paths = {node.path for node in now}
    assert {node.path for node in partial} <= paths
    buses = {node.path for node in partial if node.properties.get("compatible") == b"simple-bus\0"}
    populated = {n.path for n in now if n.properties.get("compatible", b"").startswith(b"simple-p")}
    assert buses == populated


def test_a_direct_map_domains_nodes_are_not_marked(generate: Generate) -> None:
    bank = (0x80000000, 256 << 20)
    options = {"direct_map": True, "static_memory": (bank,), "routes": ("dom0less",)}
    files = make(generate, "qemu", "/pl031@9010000", xen="4.20", **options)[1]
    assert json.loads(files["domu1.json"])["attach_overlay"]["marked"] is False
    assert b"xen,passthrough" not in files[f"{HOST}.dtbo"]
    assert b"attach domu1.attach.host.dtbo DOMID" in files[f"{HOST}.dtso"]
    assert b"xl create" not in files[f"{HOST}.dtso"]


def test_the_source_tells_the_commands(generate: Generate) -> None:
    files = make(generate, "qemu", "/pl031@9010000", xen="4.20")[1]
    source = files[f"{HOST}.dtso"].decode()
    for line in (
        "fdtput -r boot.dtb /pl031@9010000",
        "xl dt-overlay add domu1.attach.host.dtbo",
        "xl dt-overlay attach domu1.attach.host.dtbo 0",
        "xl create domu1.cfg",
        "/* 0x8000 is /apb-pclk */",
    ):
        assert line in source
    assert "crashes" not in source


def test_4_19_crashes_and_the_source_says_so(generate: Generate) -> None:
    source = make(generate, "zynqmp", "ethernet0", xen="4.19")[1][f"{HOST}.dtso"].decode()
    assert "byte by byte. Xen 4.19 crashes if it differs." in source


def test_only_who_asks_gets_the_files(generate: Generate) -> None:
    names = {name for name in make(generate, "qemu", "/pl031@9010000")[1] if ".attach." in name}
    assert names == {f"{name}.{kind}" for name in (HOST, GUEST) for kind in ("dtbo", "dtso")}
    assert {name.removeprefix("domu1") for name in names} <= {*ENDINGS}
    files = make(generate, "qemu", "/pl031@9010000")[1]
    alone = generate("qemu", "/pl031@9010000", xen="4.22", policy="trust")[1]
    assert alone.keys() == files.keys() - names
    differ = {name for name, data in alone.items() if files[name] != data}
    assert differ == {"domu1.json", "domu1.cfg"}
    assert b"domu1.host.dtbo must be applied" in alone["domu1.cfg"]
    assert b"domu1.host.dtbo" not in files["domu1.cfg"]


def test_fdtput_takes_a_node_out_with_what_is_below(
    host_files: dict[str, Path], tmp_path: Path
) -> None:
    """The command that the source tells."""
    boot = tmp_path / "boot.dtb"
    boot.write_bytes(host_files["zynqmp"].read_bytes())
    subprocess.run(["fdtput", "-r", str(boot), "/axi/usb@ff9d0000"], check=True)
    paths = {node.path for node in read_blob(boot.read_bytes()).nodes()}
    assert not any(path.startswith("/axi/usb@ff9d0000") for path in paths)
    assert "/axi/ethernet@ff0e0000" in paths
