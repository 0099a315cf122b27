"""The devicetree files: source and blob are one tree, overlays apply, dtc and libfdt agree."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import libfdt
import pytest

from tests.dts_form import misformed
from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan

Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

CASES = [
    ("qemu", ("/pl031@9010000", "/pl061@9030000")),
    ("zynqmp", ("ethernet0", "/axi/usb@ff9d0000", "/axi/pcie@fd0e0000")),
    ("rcar", ("/soc/ethernet@e6880000",)),
    ("imx8", ("/soc@0/bus@30800000/ethernet@30be0000",)),
    ("rk3588", ("/ethernet@fe1c0000", "/mmc@fe2c0000")),
    ("juno", ("/hdlcd@7ff60000",)),
    ("ti", ("/bus@f0000/ethernet@8000000",)),
    ("tricky", ("/dev@79030000", "/dev@79040000", "/provider@79000000", "/wrapper@7a000000")),
]
each_case = pytest.mark.parametrize(("host", "devices"), CASES, ids=[c[0] for c in CASES])


def dtc(source: bytes, *options: str) -> bytes:
    done = subprocess.run(["dtc", *options, "-"], input=source, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@each_case
def test_dtc_makes_the_blobs_tree_of_the_source(
    generate: Generate, host: str, devices: tuple[str, ...]
) -> None:
    _, files, refusals = generate(host, *devices, policy="trust", regions=("drop",))
    assert not refusals
    built = dtc(files["domu1.dts"], "-q", "-I", "dts", "-O", "dtb")
    as_text = [dtc(blob, "-q", "-I", "dtb", "-O", "dts") for blob in (built, files["domu1.dtb"])]
    assert as_text[0] == as_text[1]


@each_case
def test_a_formatter_changes_nothing(
    generate: Generate, host: str, devices: tuple[str, ...]
) -> None:
    files = generate(host, *devices, policy="trust", regions=("drop",))[1]
    sources = [name for name in files if name.endswith((".dts", ".dtso"))]
    assert len(sources) == 3
    for name in sources:
        assert misformed(files[name].decode()) == [], name


@each_case
def test_dtc_warns_of_nothing_that_matters(
    generate: Generate, host: str, devices: tuple[str, ...]
) -> None:
    files = generate(host, *devices, policy="trust", regions=("drop",))[1]
    command = ["dtc", "-I", "dts", "-O", "dtb", "-o", "/dev/null", "-"]
    done = subprocess.run(command, input=files["domu1.dts"], capture_output=True, check=True)
    kinds = set(re.findall(r"Warning \((\w+)\)", done.stderr.decode()))
    # The guest's GIC is no node of this tree, and fixed clocks have no registers.
    assert kinds <= {"interrupts_property", "interrupt_provider", "simple_bus_reg"}


@each_case
def test_libfdt_reads_the_blob(generate: Generate, host: str, devices: tuple[str, ...]) -> None:
    made, files, _ = generate(host, *devices, policy="trust", regions=("drop",))
    blob = libfdt.FdtRo(files["domu1.dtb"])
    for device in made.devices:
        offset = blob.path_offset(device.guest_path)
        mapped = [p for p in device.placed if not p.window]
        if mapped:
            assert len(bytes(blob.getprop(offset, "reg"))) == 16 * len(mapped)


@each_case
def test_the_host_overlay_applies_and_marks(
    generate: Generate,
    host_files: dict[str, Path],
    tmp_path: Path,
    host: str,
    devices: tuple[str, ...],
) -> None:
    made, files, _ = generate(host, *devices, policy="trust", regions=("drop",))
    overlay, result = tmp_path / "marks.dtbo", tmp_path / "host.dtb"
    overlay.write_bytes(files["domu1.host.dtbo"])
    command = ["fdtoverlay", "-i", str(host_files[host]), "-o", str(result), str(overlay)]
    subprocess.run(command, check=True, capture_output=True)
    before, after = read_blob_file(host_files[host]), read_blob_file(result)
    assert _marked(after) - _marked(before) == _marked_by(made)
    assert [n.path for n in before.nodes()] == [n.path for n in after.nodes()]


def _marked_by(made: DomainPlan) -> set[str]:
    """The nodes that a plan marks: its own, and those without which Xen can build dom0."""
    for_dom0 = {
        change.path
        for change in made.dom0_changes
        if any(prop.name == "xen,passthrough" for prop in change.properties)
    }
    return for_dom0 | {mark.path for mark in made.marks}


def _marked(tree: Tree) -> set[str]:
    return {node.path for node in tree.nodes() if node.has("xen,passthrough")}


def test_the_overlays_source_is_the_overlay(generate: Generate) -> None:
    files = generate("tricky", "/alt@71000000/spi@0", policy="trust")[1]
    built = dtc(files["domu1.host.dtso"], "-q", "-I", "dts", "-O", "dtb")
    texts = [
        dtc(blob, "-q", "-I", "dtb", "-O", "dts") for blob in (built, files["domu1.host.dtbo"])
    ]
    assert texts[0] == texts[1]
    assert b"INTID 72" in files["domu1.host.dtso"]


def test_the_dom0less_overlay_adds_the_domain(
    generate: Generate, host_files: dict[str, Path], tmp_path: Path
) -> None:
    _, files, _ = generate("qemu", "/pl031@9010000", name="gw", memory=5000, vcpus=2)
    overlay, result = tmp_path / "gw.dtbo", tmp_path / "host.dtb"
    overlay.write_bytes(dtc(files["gw.dom0less.dtso"], "-q", "-I", "dts", "-O", "dtb"))
    command = ["fdtoverlay", "-i", str(host_files["qemu"]), "-o", str(result), str(overlay)]
    subprocess.run(command, check=True, capture_output=True)
    domain = read_blob_file(result).find("/chosen/gw")
    assert domain is not None
    assert domain.compatible == ("xen,domain",)
    assert domain.properties["memory"].u64() == 5000 * 1024
    assert domain.cells("cpus") == (2,)
    assert domain.has("vpl011")


def test_the_dom0less_node_says_what_is_missing(generate: Generate) -> None:
    text = generate("qemu", "/pl031@9010000")[1]["domu1.dom0less.dtso"].decode()
    assert "Xen also requires memory, which was not given (--memory)" in text
    assert "Xen also requires cpus, which was not given (--vcpus)" in text
    text = generate("qemu", "/pl031@9010000", memory=64, vcpus=1)[1]["domu1.dom0less.dtso"].decode()
    assert "Xen also requires" not in text


def test_without_vpl011_the_node_has_none(generate: Generate) -> None:
    text = generate("qemu", "/pl031@9010000", vpl011=False)[1]["domu1.dom0less.dtso"]
    assert b"\tvpl011;" not in text


@pytest.mark.parametrize("extra", ["a */ b", '/* "q" \\ */', "é\nx"])
def test_the_command_line_cannot_leave_its_comment(generate: Generate, extra: str) -> None:
    files = generate("qemu", "/pl031@9010000", extra=extra, memory=64, vcpus=1)[1]
    blob = dtc(files["domu1.dom0less.dtso"], "-q", "-I", "dts", "-O", "dtb")
    assert [n.path for n in read_blob(blob).nodes()][-1] == "/fragment@0/__overlay__/domu1"


def test_comments_tell_why(generate: Generate) -> None:
    text = generate("zynqmp", "/axi/usb@ff9d0000")[1]["domu1.dts"].decode()
    assert "whole pages: rounded out from 0x100 bytes" in text
    assert "/* forced; " in text or "/* forced: " in text
    assert "resets dropped: " in text
    text = generate("zynqmp", "/axi/mmc@ff170000", maps=("auto",))[1]["domu1.dts"].decode()
    assert "rate not known: give it with --clock-rate" in text


def test_the_blobs_have_version_17(generate: Generate) -> None:
    files = generate("qemu", "/pl031@9010000")[1]
    for name in ("domu1.dtb", "domu1.host.dtbo"):
        header = [int.from_bytes(files[name][at : at + 4], "big") for at in range(0, 40, 4)]
        assert header[0] == 0xD00DFEED
        assert header[1] == len(files[name])
        assert (header[5], header[6]) == (17, 16)
