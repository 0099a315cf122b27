"""`[[domain.line]]` and `[[domain.page]]`: what a guest gets without a device of the board."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.answers import generate, guest, of
from tests.planning.test_project import read
from tests.wording import Wording
from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import errors
from xenassign.outputs.boot.host_changes import all_marks
from xenassign.planning.plan import DomainPlan
from xenassign.system.system import SystemPlan, decide_system

HEAD = '[[domain]]\nname = "net"\nmemory = 256\nvcpus = 1\nroute = ["dom0less", "xl"]\n'
HEAD += 'device = ["/pl031@9010000"]\n'
LINE = '[[domain.line]]\ninterrupt = {}\ntrigger = "level-high"\nreason = "the FPGA raises it"\n'
PAGE = "[[domain.page]]\naddress = {}\nsize = {}\nreason = 'our core'\n"
CORE = PAGE.format("0x10000000000", "'8K'") + "map = 0x22002000\n"
Board = Callable[[str], Tree]


def system(tmp_path: Path, board: Board, *parts: str) -> SystemPlan:
    """The plans of a file with these parts after the domain's head."""
    return decide_system(board("qemu"), read(tmp_path, HEAD + "".join(parts)).system)


def planned(tmp_path: Path, board: Board, *parts: str) -> DomainPlan:
    (plan,) = system(tmp_path, board, *parts).domains
    return plan


def test_both_are_devices_of_the_guest(tmp_path: Path, board: Board, wording: Wording) -> None:
    plan = planned(tmp_path, board, LINE.format("'SPI 100'"), CORE)
    assert not errors(plan.findings)
    tree = guest(plan)
    line = tree.find("/passthrough/uio-line-132")
    page = tree.find("/passthrough/uio-page@22002000")
    assert line is not None
    assert page is not None
    assert line.cells("interrupts") == (0, 100, 4)
    assert page.cells("reg") == (0, 0x22002000, 0, 0x2000)
    assert page.cells("xen,reg") == (0x100, 0, 0, 0x2000, 0, 0x22002000)
    for node, path in ((line, "/uio-line-132"), (page, "/uio-page@10000000000")):
        assert node.strings("compatible") == ("generic-uio",)
        assert node.strings("xen,path") == (path,)
        assert node.has("xen,force-assign-without-iommu")
    wording(*(f for f in plan.findings if f.node in ("/uio-line-132", "/uio-page@10000000000")))
    assert [mark.path for mark in plan.marks] == ["/pl031@9010000"]
    assert all("the FPGA" in change.why or "our core" in change.why for change in plan.added)


def test_the_files(tmp_path: Path, board: Board, host_files: dict[str, Path]) -> None:
    """Overlay, changed tree, U-Boot script and ImageBuilder's commands add the same nodes."""
    overlay = shutil.which("fdtoverlay") or pytest.skip("apt install device-tree-compiler")
    shutil.copy(host_files["qemu"], tmp_path / "board.dtb")
    (tmp_path / "Image").write_bytes(bytes(4096))
    text = 'host = "board.dtb"\n' + HEAD + 'kernel = "Image"\n' + LINE.format(132) + CORE
    (tmp_path / "x.toml").write_text(text)
    out, host = tmp_path / "out", tmp_path / "host.dtb"
    words = ["generate", "-c", tmp_path / "x.toml", "-o", out, "--host-out", host]
    words += ["--uboot-script", "--imagebuilder", "--load", "host=0x4a000000"]
    words += ["--load", f"kernel=0x4c000000:{tmp_path / 'Image'}", "--load", "dtb=0x4e000000"]
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, (done.output, done.exception)
    (added, marks) = (
        [node["path"] for node in json.loads((out / "net.json").read_text())[key]]
        for key in ("added", "marks")
    )
    assert (added, marks) == (["/uio-line-132", "/uio-page@10000000000"], ["/pl031@9010000"])
    merged = tmp_path / "merged.dtb"
    blob = str(tmp_path / "board.dtb")
    subprocess.run(
        [overlay, "-i", blob, "-o", merged, out / "net.host.dtbo"], check=True, capture_output=True
    )
    nodes = ("/uio-line-132", "/uio-page@10000000000")
    for path in nodes:
        of_overlay, of_host = (read_blob(f.read_bytes()).find(path) for f in (merged, host))
        assert of_overlay is not None
        assert of_host is not None
        properties = {p.name: p.value for p in of_overlay.properties.values()}
        assert properties == {p.name: p.value for p in of_host.properties.values()}
        assert "xen,passthrough" in properties
    for name in ("boot.cmd", "imagebuilder.cmds"):
        commands = (out / name).read_text()
        for path in nodes:
            assert commands.count(f"fdt mknod / {path[1:]}") == 1
            assert commands.count(f"fdt set {path} xen,passthrough") == 1
    # A lint of the files knows the nodes by the overlay, and by the changed tree.
    files = (out / "net.dts", out / "net.cfg")
    for host_words in ((blob, "--host-overlay", out / "net.host.dtbo"), (host,)):
        words = ["lint", "--together", *files, "--host", *host_words]
        done = CliRunner().invoke(cli, [str(word) for word in words])
        assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (LINE.format(33), "XA304"),  # Xen's console
        (LINE.format(39), "XA305"),  # dom0's GPIO controller
        (LINE.format(1019), "XA303"),  # above what Xen routes
        (PAGE.format("0x9030000", "0x1000"), "XA201"),
        (PAGE.format("0x8000000", "0x1000"), "XA201"),  # the GIC
        (CORE.replace("0x22002000", "0x22000000"), "XA203"),  # the guest's UART
    ],
    ids=["console", "dom0", "range", "page", "gic", "guest"],
)
def test_what_xen_or_dom0_has(tmp_path: Path, board: Board, part: str, code: str) -> None:
    plan = planned(tmp_path, board, part)
    assert code in [finding.code for finding in errors(plan.findings)]


def test_without_another_device(tmp_path: Path, host_files: dict[str, Path]) -> None:
    """A domain of lines and pages alone; what to try for a refusal is planned too."""
    head = HEAD.replace('device = ["/pl031@9010000"]\n', "")
    words = ["generate", host_files["qemu"], "-c", tmp_path / "x.toml", "-o", tmp_path / "out"]
    page = CORE.replace("0x22002000", "0x22000000")  # the guest's UART
    for part, status in ((LINE.format(132) + CORE, 0), (page, 1), ("", 2)):
        (tmp_path / "x.toml").write_text(head + part)
        done = CliRunner().invoke(cli, [str(word) for word in (*words, "--overwrite")])
        assert done.exit_code == status or done.exception, done.output
        assert (status == 0) == (done.exit_code == 0)
        assert status != 1 or "[XA203]" in done.stderr
    tree = read_blob((tmp_path / "out" / "net.dtb").read_bytes())
    passthrough = tree.find("/passthrough")
    assert passthrough is not None
    assert list(passthrough.children) == ["uio-line-132", "uio-page@22002000"]


def test_a_shared_page_can_be_accepted(tmp_path: Path, board: Board) -> None:
    part = PAGE.format("0x9030000", "'4K'")
    part += 'allow-shared-page = { "/pl061@9030000" = "nobody uses it" }\n'
    plan = planned(tmp_path, board, part)
    assert not errors(plan.findings)
    assert "nobody uses it" in of(plan, "XA202")[0].message


def test_what_xen_keeps_cannot_be_accepted(tmp_path: Path, board: Board, wording: Wording) -> None:
    for path, address in (("/intc@8000000", "0x8000000"), ("/pl011@9000000", "0x9000000")):
        part = PAGE.format(address, "'4K'") + f'allow-shared-page = {{ "{path}" = "ours" }}\n'
        plan = planned(tmp_path, board, part)
        (finding,) = (finding for finding in errors(plan.findings) if finding.code == "XA201")
        assert path in finding.message
        wording(finding)


def test_a_window_of_pci(tmp_path: Path, board: Board) -> None:
    """The devices in it have no nodes, and dom0 drives them."""
    plan = planned(tmp_path, board, PAGE.format("0x10000000", "'4K'"))
    (finding,) = (finding for finding in errors(plan.findings) if finding.code == "XA201")
    assert "/pcie@10000000 (a window of PCI)" in finding.message


def test_an_iommu_that_is_disabled(tmp_path: Path, variant: Callable[[str, str], Tree]) -> None:
    """Xen does not use it, and a guest that enables it has the DMA of the masters at it."""
    head = '[[domain]]\nname = "net"\ndevice = ["/axi/timer@ff110000"]\n'
    text = head + PAGE.format("0xfd800000", "'128K'")
    host = variant("zynqmp", '/ { axi { iommu@fd800000 { status = "disabled"; }; }; };')
    (plan,) = decide_system(host, read(tmp_path, text).system).domains
    assert "/axi/iommu@fd800000 (the same registers, disabled)" in of(plan, "XA201")[0].message


def test_a_carve_out_beside_the_memory(
    tmp_path: Path, variant: Callable[[str, str], Tree], wording: Wording
) -> None:
    more = "/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;"
    more += " buffer@8000000000 { reg = <0x80 0 0 0x10000>; no-map; }; }; };"
    request = read(tmp_path, HEAD + PAGE.format("0x8000008000", "'4K'")).system
    with wording.raises(UsageError):
        decide_system(variant("qemu", more), request)


@pytest.mark.parametrize(
    "part",
    [
        LINE.format(100) + LINE.format("'SPI 68'"),
        PAGE.format("0x41000000", "4096"),
        PAGE.format("0x9010800", "'4K'"),
        PAGE.format("0xa0000000", "100"),
        "attach-overlay = true\n" + LINE.format(100),
    ],
    ids=["twice", "memory", "address", "size", "attach"],
)
def test_mistakes(tmp_path: Path, board: Board, wording: Wording, part: str) -> None:
    with wording.raises(UsageError):
        planned(tmp_path, board, part)


def test_two_domains(tmp_path: Path, board: Board) -> None:
    second = '[[domain]]\nname = "log"\ndevice = ["/pl061@9030000"]\n'
    made = system(tmp_path, board, LINE.format(100), second, LINE.format(101))
    assert [[c.path for c in plan.added] for plan in made.domains] == [
        ["/uio-line-100"],
        ["/uio-line-101"],
    ]
    both = {change.path for change in all_marks(made.domains)}
    assert {"/uio-line-100", "/uio-line-101"} <= both
    data = board("qemu").data
    assert data is not None
    assert read_blob(edited(data, all_marks(made.domains))).find("/uio-line-101") is not None
    same = system(tmp_path, board, LINE.format(100), second, LINE.format(100))
    assert [c.rule.code for c in same.conflicts] == ["XA001"]


def test_a_tree_that_is_no_blob(tmp_path: Path, board: Board, wording: Wording) -> None:
    """A live tree has no blob to which nodes could be added."""
    tree = board("qemu")
    live = Tree(tree.root, "/proc/device-tree", ordered=False)
    request = read(tmp_path, HEAD + LINE.format(100)).system
    with wording.raises(UsageError):
        decide_system(live, request)


def test_the_board_is_read_once(tmp_path: Path, board: Board) -> None:
    """Changes of the request, which advice plans, are decided on the same tree."""
    request = read(tmp_path, HEAD + LINE.format(100)).system.domains[0]
    first, _, _ = generate(board("qemu"), request)
    second, _, _ = generate(board("qemu"), request)
    assert first.devices[0].host.node is second.devices[0].host.node


def test_a_page_of_a_board_that_states_no_memory_may_be_memory(
    tmp_path: Path, compiled: Callable[[str], Tree], wording: Wording
) -> None:
    """The board's file has no size of the memory, which the boot loader fills in."""
    tree = """/dts-v1/;
/ { #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 SIZE>; };
    gic: gic@8000000 { compatible = "arm,gic-v3"; reg = <0 0x8000000 0 0x10000>,
        <0 0x80a0000 0 0xf60000>; interrupt-controller; #interrupt-cells = <3>; };
    pl031@9010000 { compatible = "arm,pl031"; reg = <0 0x9010000 0 0x1000>; };
};"""
    parts = HEAD + PAGE.format("0xa0000000", "'8K'")
    for size, found in (("0", 1), ("0x10000000", 0)):
        host = compiled(tree.replace("SIZE", size))
        (plan,) = decide_system(host, read(tmp_path, parts).system).domains
        warned = of(plan, "XA217")
        assert [(f.severity, f.node) for f in warned] == [("warning", "/uio-page@a0000000")] * found
        wording(*warned)
    route = parts.replace('["dom0less", "xl"]', '["xl"]')
    (plan,) = decide_system(
        compiled(tree.replace("SIZE", "0")), read(tmp_path, route).system
    ).domains
    assert not of(plan, "XA217")
