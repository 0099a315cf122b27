"""SCMI made by hand: who answers it, and who asked for it (XA529, XA613-615, XA727-729)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.formats.xlcfg_parser import parse
from xenassign.host.platform import read_platform
from xenassign.linting.guest import config_and_tree, scmi
from xenassign.linting.guest.requirements import firmware
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import domain_node, domcfg
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import domains
from xenassign.xen.board import read_board
from xenassign.xen.releases import RELEASES, release

from .bases import SCMI, SCMI_CONFIG, SCMI_DOMAIN

Variant = Callable[[str, str], Tree]
Board = Callable[[str], Tree]

NODE = "/passthrough/firmware/scmi"


def context(xen: str = "4.21", host: Tree | None = None) -> Context:
    board = read_board(read_platform(host), release(xen)) if host is not None else None
    return Context(release(xen), board)


def tree(old: str = "", new: str = "", text: str = SCMI) -> Tree:
    assert text.count(old) == 1 or not old
    return read_blob(read_source(text.replace(old, new, 1).encode(), "domu1.dts").blob)


def answered(found: Tree, asked: Context) -> list[Finding]:
    return list(scmi.unanswered(View(found, asked)))


@pytest.mark.parametrize("xen", list(RELEASES))
def test_releases_that_forward_nothing(xen: str) -> None:
    codes = [finding.code for finding in answered(tree(), context(xen))]
    assert codes == ([] if release(xen).scmi_smc else ["XA529"])


@pytest.mark.parametrize(
    ("old", "new", "prop"),
    [
        ("arm,smc-id = <0x82000010>;", "", "arm,smc-id"),
        ("arm,smc-id = <0x82000010>;", "arm,smc-id = [82];", "arm,smc-id"),
        ("arm,smc-id = <0x82000010>;", "arm,smc-id = <0>;", "arm,smc-id"),
        ('firmware {\n\t\t\tcompatible = "simple-bus";', "firmware {", "compatible"),
        ("shmem = <&shmem>;", "", "shmem"),
        ('"arm,scmi-shmem"', '"mmio-sram"', "shmem"),
    ],
)
def test_a_node_that_linux_does_not_take(old: str, new: str, prop: str, wording: Wording) -> None:
    (found,) = answered(tree(old, new), context())
    assert (found.code, found.node, found.prop) == ("XA529", NODE, prop)
    wording(found)


def test_the_number_has_to_be_the_hosts(board: Board, wording: Wording) -> None:
    host = board("rk3588")
    assert answered(tree(), context(host=host)) == []
    (found,) = answered(tree("0x82000010", "0x82000011"), context(host=host))
    wording(found)


def test_a_host_without_scmi_by_smc(board: Board, variant: Variant) -> None:
    for host, why in (
        (board("qemu"), "has no node with arm,scmi-smc"),
        (variant("rk3588", "&scmi { xen,passthrough; };"), "is marked xen,passthrough"),
    ):
        (found,) = answered(tree(), context(host=host))
        assert why in found.message


def test_a_disabled_node_and_a_mailbox_are_left_alone() -> None:
    off = tree("arm,smc-id = <0x82000010>;", 'status = "disabled";')
    assert answered(off, context()) == []
    assert answered(tree('"arm,scmi-smc"', '"arm,scmi"'), context("4.17")) == []


@pytest.mark.parametrize(
    ("sci", "codes"), [(None, []), ("scmi_smc", []), ("none", ["XA727"]), ("", ["XA727"])]
)
def test_the_domain_asks_for_it(sci: str | None, codes: list[str]) -> None:
    view = View(tree(), context()._replace(sci=sci))
    assert [finding.code for finding in scmi.type_missing(view)] == codes
    old = View(tree(), context("4.20")._replace(sci=sci))
    assert list(scmi.type_missing(old)) == []


# --- dom.cfg ---


def configured(line: str, host: Tree | None = None, xen: str = "4.21") -> list[str]:
    text = SCMI_CONFIG.replace('arm_sci = "type=scmi_smc"', line)
    asked = context(xen, host)
    config = parse(text, "domu1.cfg")
    sci = [f.code for f in domcfg.check(config, asked) if f.code in ("XA614", "XA615", "XA221")]
    return sci + [
        f.code for f in config_and_tree.arm_sci(config_and_tree.Pair(config, View(tree(), asked)))
    ]


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ('arm_sci = "type=scmi_smc"', []),
        ('arm_sci = "type=SCMI_SMC"', []),
        ('arm_sci = "type=none,type=scmi_smc"', []),
        ('arm_sci = "type=scmi_smc,agent=1"', []),
        ("", ["XA613"]),
        ('arm_sci = "type=none"', ["XA613"]),
        ('arm_sci = "type=scmi_smc,type=none"', ["XA613"]),
        ('arm_sci = "scmi_smc"', ["XA615", "XA613"]),
        ('arm_sci = ""', ["XA615", "XA613"]),
        ('arm_sci = "type=smc"', ["XA614", "XA613"]),
        ('arm_sci = "type=smc,type=scmi_smc"', ["XA614"]),
        ('arm_sci = "type="', ["XA614", "XA613"]),
    ],
)
def test_arm_sci(line: str, codes: list[str]) -> None:
    assert configured(line) == codes
    assert configured(line, xen="4.20") == []


def test_dom0_gives_the_shared_memory_only_without_scmi(variant: Variant) -> None:
    """Reserved memory is none of dom0's, but that of SCMI is permitted when SCMI is given away."""
    reserved = """/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
        there: shmem@fd60f000 { compatible = "arm,scmi-shmem"; no-map;
        reg = <0 0xfd60f000 0 0x100>; }; }; }; /delete-node/ &system_sram;
        &scmi { shmem = <&there>; };"""
    host = variant("rk3588", reserved)
    assert configured('arm_sci = "type=scmi_smc"', host) == []
    assert configured("", host) == ["XA221", "XA613"]
    elsewhere = reserved + "/ { other { }; }; &scmi { xen,passthrough; };"
    assert "XA221" in configured('arm_sci = "type=scmi_smc"', variant("rk3588", elsewhere))


def test_arm_sci_on_a_board_without_scmi(board: Board) -> None:
    assert configured('arm_sci = "type=scmi_smc"', board("qemu"))[0] == "XA221"
    assert "XA615" in configured('arm_sci = "type=scmi_smc"', board("qemu"))
    assert "XA615" not in configured('arm_sci = "type=none"', board("qemu"))


# --- the domain's node ---


def node(old: str, new: str, host: Tree | None, xen: str = "4.21") -> list[tuple[str, str]]:
    found = domains(tree(old, new, SCMI_DOMAIN))
    rules = ("XA708", "XA728", "XA729")
    return [
        (domain.name, finding.code)
        for domain in found
        for finding in domain_node.check(domain, context(xen, host))
        if finding.code in rules
    ]


COMMAND = '"console=dtuart scmi-smc-passthrough"'


@pytest.mark.parametrize(
    ("line", "given"),
    [
        (COMMAND, True),
        ('"scmi-smc-passthrough=yes"', True),
        ('"scmi-smc-passthrough=0 scmi-smc-passthrough"', True),
        ('"console=dtuart"', False),
        ('"scmi-smc-passthrough no-scmi-smc-passthrough"', False),
        ('"scmi-smc-passthrough=false"', False),
        ('"scmi-smc-passthroughs"', False),
    ],
)
def test_the_command_line_gives_scmi_away(board: Board, line: str, given: bool) -> None:
    codes = [] if given else [("domu1", "XA729")]
    assert node(COMMAND, line, board("rk3588")) == codes
    assert node(COMMAND, line, None) == []
    assert node(COMMAND, line, board("rk3588"), "4.20") == []


def test_a_command_line_that_nobody_states(board: Board) -> None:
    assert node(f"xen,xen-bootargs = {COMMAND};", "", board("rk3588")) == []


def test_one_domain_only(board: Board) -> None:
    """Xen builds the domains in the order of the tree; the second one is refused (-17)."""
    second = '};\n\t\tdomu2 { compatible = "xen,domain"; xen,sci_type = "scmi_smc"; };\n\t};\n};\n'
    end = SCMI_DOMAIN[SCMI_DOMAIN.rindex("\t\t};\n") :]
    assert node(end, f"\t\t{second}", board("rk3588")) == [("domu2", "XA729")]
    assert node(end, f"\t\t{second}".replace("scmi_smc", "none"), board("rk3588")) == []


def test_a_board_that_has_no_scmi_ignores_it(board: Board, variant: Variant) -> None:
    assert node("", "", board("qemu")) == [("domu1", "XA728")]
    off = variant("rk3588", '&scmi { status = "disabled"; };')
    assert node("", "", off) == [("domu1", "XA728")]
    assert node('"scmi_smc"', '"scmi"', board("qemu")) == [("domu1", "XA708")]


@pytest.mark.parametrize(
    ("board_string", "xen", "for_dom0"),
    [
        ("fsl,imx8mp", "4.22", False),
        ("fsl,imx8mp", "4.23", True),
        ("fsl,imx8qm", "4.18", False),
        ("fsl,imx8qm", "4.19", True),
        ("fsl,imx93", "4.23", False),
    ],
)
def test_sip_calls_of_a_guest_reach_no_firmware(
    compiled: Callable[[str], Tree], board_string: str, xen: str, for_dom0: bool
) -> None:
    """From a release on, dom0's do."""
    node = 'cpu { compatible = "fsl,imx8mp-cm7"; };'
    host = compiled(f'/dts-v1/; / {{ compatible = "vendor,board", "{board_string}"; {node} }};')
    known = Context(release(xen), read_board(read_platform(host), release(xen)))
    partial = compiled(f"/dts-v1/; / {{ passthrough {{ {node} }}; }};")
    (finding,) = firmware(View(partial, known))
    assert (finding.code, finding.node) == ("XA539", "/passthrough/cpu")
    assert ("of dom0 only" in finding.message) == for_dom0
