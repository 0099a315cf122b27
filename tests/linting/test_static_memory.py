"""xen,static-mem and direct-map of hand-written domains, and of what is generated."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.answers import codes, of
from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.host.platform import read_platform
from xenassign.linting.documents import TreeFile
from xenassign.linting.linter import Options, lint
from xenassign.linting.verdict import domain_node
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import context_of, domains
from xenassign.linting.verdict.mappings import Claim, MappingEntry
from xenassign.linting.verdict.mappings import check as mappings
from xenassign.linting.verdict.predict import rejecting
from xenassign.outputs.domain.check import file_findings
from xenassign.outputs.domain.overlay import domain_node as overlay
from xenassign.xen.board import read_board
from xenassign.xen.layout import MIB
from xenassign.xen.releases import RELEASES, release

Compile = Callable[[str], Tree]
Board = Callable[[str], Tree]

CLOCK, SLOT = "/pl031@9010000", "/virtio_mmio@a000600"
BANKS = ((0x80000000, 128 * MIB), (0xA0000000, 128 * MIB))
TWO = "0 0x80000000 0 0x8000000 0 0xa0000000 0 0x8000000"


def source(cells: str = TWO, *, chosen: str = "2 2", more: str = "", node: str = "") -> str:
    """A domain of 256 MiB with these cells of xen,static-mem, and more domains behind it."""
    address, size = chosen.split()
    return f"""/dts-v1/; / {{ #address-cells = <2>; #size-cells = <2>; chosen {{
    #address-cells = <{address}>; #size-cells = <{size}>;
    domU1 {{ compatible = "xen,domain"; #address-cells = <2>; #size-cells = <2>;
        cpus = <1>; memory = <0 0x40000>; vpl011; xen,static-mem = <{cells}>; {node}
        k@49000000 {{ compatible = "multiboot,kernel", "multiboot,module";
            reg = <0 0x49000000 0 0x1000>; }};
    }}; {more} }}; }};"""


def found(
    tree: Tree, host: Tree | None = None, xen: str = "4.20", **changes: Any
) -> list[list[Finding]]:
    """The findings of each domain."""
    board = read_board(read_platform(host), release(xen)) if host is not None else None
    about = Context(release(xen), board, options=frozenset({"STATIC_MEMORY"}))
    about = about._replace(**changes)
    return [list(domain_node.check(domain, about)) for domain in domains(tree)]


@pytest.mark.parametrize(
    ("chosen", "cells"),
    [
        ("2 2", TWO),
        ("1 1", "0x80000000 0x8000000 0xa0000000 0x8000000"),
        ("2 1", "0 0x80000000 0x8000000 0 0xa0000000 0x8000000"),
        ("1 2", "0x80000000 0 0x8000000 0xa0000000 0 0x8000000"),
    ],
)
def test_banks_are_read_in_the_cells_of_chosen(compiled: Compile, chosen: str, cells: str) -> None:
    tree = compiled(source(cells, chosen=chosen, node="direct-map;"))
    (domain,) = domains(tree)
    assert domain.banks == BANKS
    asked = context_of(domain, Context(release("4.20"), None))
    assert (asked.direct_map, asked.static_memory) == (True, BANKS)
    assert found(tree) == [[]]


def test_one_cell_too_few(compiled: Compile, rows: Rows) -> None:
    for xen in RELEASES:
        for chosen in ["2 2", "1 1", "2 1", "1 2"]:
            with rows(xen, chosen):
                assert "XA714" in codes(
                    found(compiled(source(TWO[:-10], chosen=chosen)), xen=xen)[0]
                )


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("0 0x80000000 0 0x10000000", set()),
        ("0 0x80000000 0 0x8000000", {"XA714"}),
        ("0 0x80000800 0 0x10000000", {"XA714"}),
        ("0 0x80001000 0 0x10000000", {"XA735"}),
        ("0 0x80000000 0 0xffff800 0 0xa0000000 0 0x800", {"XA709", "XA735"}),
        ("0 0x80000000 0 0x8000000 0 0x87fff000 0 0x8000000", {"XA733", "XA735"}),
        ("0 0x48000000 0 0x10000000", {"XA701", "XA707"}),  # the kernel is in it
    ],
)
def test_what_needs_no_host(compiled: Compile, cells: str, told: set[str]) -> None:
    assert set(codes(found(compiled(source(cells)))[0])) == told


def test_colors_of_any_domain_exclude_static_memory(compiled: Compile, rows: Rows) -> None:
    """The domain of ``source`` has the static memory; a Xen without colors says XA717 instead."""
    own = 'llc-colors = "0-3";'
    other = f'domU2 {{ compatible = "xen,domain"; {own} }};'
    bus = f"bus {{ {own} }};"
    built = frozenset({"STATIC_MEMORY", "LLC_COLORING"})
    for node, more, colored in (
        (own, "", True),
        ("", other, True),
        ("", bus, False),
        ("llc-colors;", "", False),  # not a string: Xen does not see it
        ("", "", False),
    ):
        for xen in RELEASES:
            with rows(node, more, xen):
                refused = colored and xen not in ("4.17", "4.18", "4.19")
                tree = compiled(source(node=node, more=more))
                findings = found(tree, xen=xen, options=built)[0]
                assert [f.prop for f in of(findings, "XA737")] == ["xen,static-mem"] * refused
                assert not of(found(tree, xen=xen)[0], "XA737")


def test_a_module_in_static_memory_is_no_mistake_on_4_17(compiled: Compile) -> None:
    assert codes(found(compiled(source("0 0x48000000 0 0x10000000")), xen="4.17")[0]) == []


@pytest.mark.parametrize("direct", [False, True])
def test_the_first_bank_holds_the_kernel(compiled: Compile, direct: bool) -> None:
    """Of a direct-map domain: in another the banks are one behind the other."""
    tree = compiled(
        source(
            "0 0x80000000 0 0x200000 0 0xa0000000 0 0xfe00000",
            node="direct-map;" if direct else "",
        )
    )
    assert ("XA712" in codes(found(tree)[0])) == direct


@pytest.mark.parametrize(
    ("cells", "live", "told"),
    [
        (TWO, False, set()),
        (TWO, True, set()),
        ("1 0 0 0x10000000", False, {"XA229"}),
        ("1 0 0 0x10000000", True, {"XA731"}),
        ("0 0x8000000 0 0x10000000", False, {"XA229", "XA231"}),
    ],
)
def test_with_the_host(
    compiled: Compile, board: Board, cells: str, live: bool, told: set[str]
) -> None:
    host = board("qemu")
    memory = read_platform(host).memory if live else ()
    findings = found(compiled(source(cells)), host, host_memory=memory)[0]
    assert set(codes(findings)) == told
    assert all(f.node == "/chosen/domU1" and f.prop == "xen,static-mem" for f in findings)
    assert bool(rejecting(findings, "dom0less")) == ("XA731" in told)


SECOND = """domU2 { compatible = "xen,domain"; #address-cells = <2>; #size-cells = <2>;
    cpus = <1>; memory = <0 0x40000>; xen,static-mem = <%s>;
    k@4a000000 { compatible = "multiboot,kernel", "multiboot,module";
        reg = <0 0x4a000000 0 0x1000>; }; };"""


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("0xa7fff000", {"XA733", "XA735"}),
        ("0xa8000000", set()),
        ("0x90000000", set()),
        ("0x98000000", {"XA733"}),
    ],
)
def test_two_domains(compiled: Compile, base: str, told: set[str]) -> None:
    """Those of one tree; the second is told."""
    first, second = found(compiled(source(more=SECOND % f"0 {base} 0 0x10000000")))
    assert (set(codes(first)), set(codes(second))) == (set(), told)


def test_a_small_console(compiled: Compile, variant: Callable[[str, str], Tree]) -> None:
    host = variant("qemu", "&{/pl011@9000000} { reg = <0 0x9000000 0 0x800>; };")
    tree = compiled(source(node="direct-map;"))
    for xen in RELEASES:
        told = [f.prop for f in found(tree, host, xen)[0] if f.code == "XA734"]
        assert told == ([] if xen == "4.17" else ["vpl011"])
    assert found(compiled(source()), host) == [[]]


@pytest.mark.parametrize(
    ("chosen", "node", "stopped"),
    [
        ("", "", False),
        ('xen,xen-bootargs = "console=dtuart";', "", False),
        ('xen,xen-bootargs = "console=none";', "", True),
        ('xen,xen-bootargs = "console=none console=com1,dtuart";', "", False),
        ('xen,xen-bootargs = "dtuart=/pl031@9010000";', "", True),
        ('xen,xen-bootargs = "dtuart=/pl011@9000000:115200";', "", False),
        ('xen,xen-bootargs = "dtuart=serial9";', "", True),
        ('xen,xen-bootargs = "console=none";', "nr_spis = <32>;", False),
    ],
)
def test_nr_spis_where_xen_may_have_no_console(
    compiled: Compile, board: Board, chosen: str, node: str, stopped: bool
) -> None:
    """Xen panics without it, since it requires the interrupt of its console (XA738)."""
    text = source(node=f"direct-map; {node}").replace("domU1 {", f"{chosen} domU1 {{")
    for xen in RELEASES:
        (findings,) = found(compiled(text), board("qemu"), xen)
        assert ("XA738" in codes(findings)) == stopped
    assert "XA738" not in codes(found(compiled(text))[0])  # the host is not known
    text = text.replace("direct-map;", "")
    assert "XA738" not in codes(found(compiled(text), board("qemu"))[0])


def test_a_console_that_xen_does_not_drive(
    compiled: Compile, variant: Callable[[str, str], Tree], wording: Wording
) -> None:
    tree = compiled(source(node="direct-map;").replace("vpl011;", ""))
    host = variant("qemu", '&{/pl011@9000000} { compatible = "fsl,imx6q-uart"; };')
    for xen in RELEASES:
        stopped = [f for f in found(tree, host, xen)[0] if f.code == "XA738"]
        assert bool(stopped) == ("fsl,imx6q-uart" not in release(xen).uarts)
    (finding,) = [f for f in found(tree, host)[0] if f.code == "XA738"]
    wording(finding)
    without = variant("qemu", "/ { chosen { /delete-property/ stdout-path; }; };")
    assert [f.prop for f in found(tree, without)[0] if f.code == "XA738"] == ["direct-map"]


def test_lines_for_the_vpl011(compiled: Compile, board: Board) -> None:
    """QEMU's console has INTID 33."""
    for spis, direct, refused in ((0, True, True), (0, False, True), (1, True, False)):
        node = f"nr_spis = <{spis}>; {'direct-map;' if direct else ''}"
        (findings,) = found(compiled(source(node=node)), board("qemu"))
        assert ("XA313" in codes(findings)) == refused
    (findings,) = found(compiled(source(node="nr_spis = <0>; direct-map;")))
    assert "XA313" not in codes(findings)  # whose the line is, only the host tells


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("guest", "clash"),
    [
        (0x80000000, True),
        (0xA7FFF000, True),
        (0xA8000000, False),
        (0x40000000, False),
        (0x22000000, False),
        (0x9000000, None),  # told with the host alone
        (0x8000000, None),
    ],
)
def test_mappings_in_a_direct_map_domain(
    board: Board, guest: int, clash: bool | None, known: bool
) -> None:
    qemu = read_board(read_platform(board("qemu")), release("4.20")) if known else None
    asked = Context(release("4.20"), qemu, memory=256 << 10)
    asked = asked._replace(direct_map=True, static_memory=BANKS)
    claim = Claim(
        MappingEntry(0x9010000, 0x1000, guest), "/passthrough/x", "xen,reg", ("dom0less",)
    )
    told = {finding.code for finding in mappings([claim], asked)}
    assert told & {"XA203", "XA204"} == (
        {"XA203"} if (known if clash is None else clash) else set()
    )


# ---------------------------------------------------------------------------- what is generated


@pytest.fixture
def files(generate: Callable[..., Any]) -> dict[str, bytes]:
    """Of a direct-map domain with a DMA master."""
    plan, files, refused = generate(
        "qemu",
        CLOCK,
        SLOT,
        routes=("dom0less",),
        static_memory=BANKS,
        direct_map=True,
        vcpus=1,
        forced=(SLOT,),
        shared=(SLOT,),
    )
    assert not refused
    assert plan.memory_mb_max == 256
    found: dict[str, bytes] = files
    return found


def test_what_is_written_has_no_mistake(
    files: dict[str, bytes], board: Board, dtc: str, wording: Wording
) -> None:
    """Compiled by dtc, and linted as a user would."""
    Path("domu1.dom0less.dtso").write_bytes(files["domu1.dom0less.dtso"])
    command = [dtc, "-q", "-@", "-I", "dts", "-O", "dtb", "-o", "o.dtbo", "domu1.dom0less.dtso"]
    subprocess.run(command, check=True)
    (domain,) = domains(read_blob(Path("o.dtbo").read_bytes()))
    assert domain.banks == BANKS
    assert domain.direct_map
    host = board("qemu")
    node = TreeFile("o.dtbo", Path("o.dtbo").read_bytes())
    marks = TreeFile("domu1.host.dtbo", files["domu1.host.dtbo"])
    built = frozenset({"STATIC_MEMORY"})
    options = Options(release("4.22"), ("dom0less",), host, (node, marks), kconfig=built)
    report = lint([TreeFile("domu1.dtb", files["domu1.dtb"])], options)
    errors = {f.code for f in report.findings if f.severity == "error"}
    assert errors == {"XA201"}  # --allow-shared-page is a comment of the source
    (forced,) = [f for f in report.findings if f.code == "XA403"]
    wording(forced)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_node_is_checked(
    plan: Callable[..., Any], board: Board, files: dict[str, bytes]
) -> None:
    """generate looks at the node that it writes: here at one with other memory."""
    made = plan("qemu", CLOCK, routes=("dom0less",), static_memory=BANKS, vcpus=1)
    text = files["domu1.dom0less.dtso"].decode()
    assert "0x40000>" in text
    platform = read_platform(board("qemu"))
    for right in (True, False):
        changed = text if right else text.replace("0x40000>", "0x40001>")
        blob = read_source(changed.encode(), "x.dtso").blob
        told = {f.code for f in file_findings(files, made, platform, node=blob)}
        assert ("XA714" in told) != right
    assert overlay(made).children[0].children[0].name == "__overlay__"


def test_the_plan_tells_it(files: dict[str, bytes]) -> None:
    import json

    told = json.loads(files["domu1.json"])
    assert told["direct_map"] is True
    assert told["static_memory"] == [{"base": b, "size": s} for b, s in BANKS]
    assert (told["memory_mb"], told["routes"]) == (256, ["dom0less"])
    assert not any(name.endswith(".cfg") for name in files)
