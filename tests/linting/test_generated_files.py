"""No finding about what the generator writes, on varied devices; findings where it is broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.host.platform import read_platform
from xenassign.outputs.domain.check import file_findings
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.xen.releases import RELEASES, release

Board = Callable[[str], Tree]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

DEVICES = [
    ("qemu", "/pl031@9010000"),
    ("qemu", "/pl061@9030000"),
    ("qemu", "/fw-cfg@9020000"),
    ("qemu", "/pcie@10000000"),
    ("zynqmp", "/axi/ethernet@ff0e0000"),
    ("zynqmp", "/axi/mmc@ff170000"),
    ("zynqmp", "/axi/usb@ff9d0000"),
    ("zynqmp", "/axi/watchdog@fd4d0000"),
    ("zynqmp", "/axi/serial@ff010000"),
    ("zynqmp", "/axi/gpu@fd4b0000"),
    ("zynqmp", "/axi/pcie@fd0e0000"),
    ("rcar", "/soc/ethernet@e6880000"),
    ("rcar", "/soc/mmc@ee140000"),
    ("rcar", "/soc/dma-controller@e7350000"),
    ("imx8", "/soc@0/bus@30800000/ethernet@30be0000"),
    ("imx8", "/soc@0/bus@30400000/pwm@30660000"),
    ("imx8", "/soc@0/bus@32c00000/i2c@32fd0000"),
    ("rk3588", "/ethernet@fe1c0000"),
    ("rk3588", "/mmc@fe2c0000"),
    ("rk3588", "/video-codec@fdb50000"),
    ("juno", "/hdlcd@7ff60000"),
    ("juno", "/gpu@2d000000"),
    ("ti", "/bus@f0000/ethernet@8000000"),
    ("ti", "/bus@f0000/gpio@600000"),
    ("tricky", "/dev@79030000"),
    ("tricky", "/dev@79040000"),
    ("tricky", "/wrapper@7a000000"),
    ("tricky", "/bus@800000000"),
    ("tricky", "/bus@72000000"),
    ("tricky", "/dev@740e0000"),
    ("tricky", "/dev@740f0000"),
    ("tricky", "/pcie@75000000"),
    ("tricky", "/irq-only"),
    ("tricky", "/iommu-only"),
    ("tricky", "/touch@74010000"),
]

MANY = (
    *("/axi/usb@ff9d0000", "/axi/ethernet@ff0e0000", "/axi/mmc@ff170000", "/axi/pcie@fd0e0000"),
    *("/axi/gpu@fd4b0000", "/axi/watchdog@fd4d0000", "/axi/serial@ff010000", "/axi/spi@ff0f0000"),
)


@pytest.mark.parametrize(("host", "path"), DEVICES)
@pytest.mark.parametrize("version", ["4.18", "4.22"])
def test_what_is_generated_has_no_finding(
    board: Board, generate: Generate, host: str, path: str, version: str
) -> None:
    tree = board(host)
    options = {
        "policy": "trust",
        "shared": (path,),
        "maps": ["auto"],
        "xen": version,
        "regions": ("drop",),
    }
    made, files, refusals = generate(tree, path, **options)
    assert not [f for f in refusals if f.code[:3] in ("XA6", "XA7", "XA8")]
    if files:
        assert [f.text() for f in file_findings(files, made, read_platform(tree))] == []
    else:
        assert {f.code for f in made.findings if f.severity == "error"} <= {
            *("XA106", "XA207", "XA305", "XA407")
        }


@pytest.mark.parametrize("version", RELEASES)
def test_a_large_tree_is_refused_on_4_17_only(generate: Generate, version: str) -> None:
    refusals = generate("zynqmp", *MANY, policy="trust", xen=version)[2]
    assert bool(refusals) == (version == "4.17")
    assert {finding.code for finding in refusals} <= {"XA122", "XA123"}


def test_a_route_that_is_not_asked_for_is_not_judged(generate: Generate) -> None:
    refusals = generate("zynqmp", *MANY, policy="trust", xen="4.17", routes=("xl",))[2]
    assert refusals == []


def test_a_broken_blob_would_be_found(board: Board, generate: Generate) -> None:
    made, files, _ = generate("qemu", "/pl031@9010000")
    blob = bytearray(files["domu1.dtb"])
    at = blob.find(b"/pl031@9010000\0")
    blob[at + 1 : at + 2] = b"q"
    broken = {**files, "domu1.dtb": bytes(blob)}
    found = {f.code for f in file_findings(broken, made, read_platform(board("qemu")))}
    assert "XA412" in found


def test_a_broken_configuration_would_be_found(board: Board, generate: Generate) -> None:
    made, files, _ = generate("qemu", "/pl031@9010000")
    broken = {**files, "domu1.cfg": files["domu1.cfg"].replace(b"34,", b"0x22,")}
    found = {f.code for f in file_findings(broken, made, read_platform(board("qemu")))}
    assert "XA602" in found


def test_only_routes_of_the_request_are_reported(board: Board, generate: Generate) -> None:
    made, files, _ = generate("qemu", "/pl031@9010000")
    broken = {**files, "domu1.cfg": files["domu1.cfg"].replace(b"34,", b"0x22,")}
    request = Request(("/pl031@9010000",), release=release("4.20"), routes=("dom0less",))
    plan = made._replace(request=request)
    assert list(file_findings(broken, plan, read_platform(board("qemu")))) == []


def test_the_check_knows_the_console_as_well(board: Board, generate: Generate) -> None:
    uart, options = "/pl011@9000000", {"policy": "trust"}
    _, files, _ = generate(board("qemu"), uart, xen_console="none", vpl011=False, **options)
    assert files
    _, files, refusals = generate(board("qemu"), uart, **options)
    assert (files, len(refusals)) == ({}, 1)
    assert refusals[0].code == "XA102"
    clock = "/pl031@9010000"
    _, files, refusals = generate(board("qemu"), clock, xen_console=clock, **options)
    assert not files
    assert refusals[0].code == "XA102"
