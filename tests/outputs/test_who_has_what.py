"""Who has what of a board: the matrix of the report, of ``plan -c``, its JSON and Markdown."""

from __future__ import annotations

import html
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from xenassign.cli import cli
from xenassign.devicetree.tree import Tree
from xenassign.outputs.report.matrix import in_ranges, summary, text_lines
from xenassign.outputs.report.who_has_what import (
    DOM0,
    NOBODY,
    XEN,
    Holder,
    Owner,
    Ownership,
    Resource,
    ownership,
)
from xenassign.request.request import Accepted, Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import decide_system

from ..examples import EXAMPLES

#: Two devices in one page, with one interrupt each, and a third that another needs.
TWO = """
/ {
    one@9090000 { compatible = "arm,pl031", "arm,primecell"; reg = <0 0x9090000 0 0x800>;
                  interrupts = <0 100 4>; clocks = <&apb>; clock-names = "apb_pclk"; };
    two@9090800 { compatible = "arm,pl031", "arm,primecell"; reg = <0 0x9090800 0 0x800>;
                  interrupts = <0 101 4>; clocks = <&apb>; clock-names = "apb_pclk"; };
    three@9091000 { compatible = "arm,pl031", "arm,primecell"; reg = <0 0x9091000 0 0x1000>;
                    interrupts = <0 102 4>; status = "disabled"; };
    apb: apb-clock { compatible = "test,clock"; #clock-cells = <0>; };
};
"""


def owned(tree: Tree, *domains: tuple[str, str]) -> Ownership:
    """Who has what if each domain has one device, whose page it may share."""
    requests = tuple(
        Request((path,), name=name, memory=128, vcpus=1, shared=(Accepted(path, "because"),))
        for name, path in domains
    )
    return ownership(decide_system(tree, SystemRequest(requests)))


def holders(owned: Ownership, name: str) -> list[tuple[str, bool]]:
    """(owner, whether it only uses it) of a resource."""
    (resource,) = (r for r in owned.resources if r.name == name)
    return [(holder.owner.name, holder.uses) for holder in resource.holders]


@pytest.fixture
def two(variant: Callable[[str, str], Tree]) -> Tree:
    return variant("qemu", TWO)


def test_every_device_of_the_board_has_an_owner(two: Tree) -> None:
    result = owned(two, ("a", "/one@9090000"))
    assert holders(result, "/one@9090000") == [("a", False)]
    assert holders(result, "/two@9090800") == [("dom0", False)]
    assert holders(result, "/pl011@9000000") == [("Xen", False)], "its console"
    assert holders(result, "INTID 132") == [("a", False)]
    assert holders(result, "INTID 133") == [("dom0", False)]
    devices = [r for r in result.resources if r.kind == "device"]
    assert sum(result.number(owner, "device") for owner in result.owners) == len(devices)
    assert result.number(Owner("domain", "a"), "pages") == 1


def test_what_is_shared_is_shown_with_its_finding(two: Tree) -> None:
    result = owned(two, ("a", "/one@9090000"), ("b", "/two@9090800"))
    (page,) = result.shared
    assert page.name == "0x9090000-0x9091000"
    assert page.owners == (Owner("domain", "a"), Owner("domain", "b"))
    assert page.finding is not None
    assert page.finding.code == "XA003"
    assert "a and b" in summary(result)[0]
    with_dom0 = owned(two, ("a", "/one@9090000"))
    (page,) = with_dom0.shared
    assert page.owners == (Owner("domain", "a"), DOM0)
    assert page.finding is not None
    assert page.finding.code == "XA202"


def test_what_is_shared_has_the_finding_about_its_kind(
    variant: Callable[[str, str], Tree],
) -> None:
    one_line = variant("qemu", TWO.replace("interrupts = <0 101 4>", "interrupts = <0 100 4>"))
    result = owned(one_line, ("a", "/one@9090000"), ("b", "/two@9090800"))
    codes = {r.kind: r.finding.code for r in result.shared if r.finding is not None}
    assert codes == {"pages": "XA003", "interrupt": "XA004"}


def test_pages_beside_an_assigned_one_stay_with_dom0(two: Tree) -> None:
    result = owned(two, ("a", "/one@9090000"))
    assert holders(result, "0x9091000-0x9092000") == [("dom0", False)]


def test_a_supply_is_used_and_stays_with_its_owner(two: Tree) -> None:
    result = owned(two, ("a", "/one@9090000"), ("b", "/two@9090800"))
    assert holders(result, "clock /apb-clock") == [("dom0", False), ("a", True), ("b", True)]
    assert result.number(Owner("domain", "a"), "supply") == 1
    assert result.number(DOM0, "supply") == 0


def test_what_the_tree_itself_withholds_is_nobodys(variant: Callable[[str, str], Tree]) -> None:
    marked = TWO.replace("reg = <0 0x9091000", "xen,passthrough; reg = <0 0x9091000")
    result = owned(variant("qemu", marked), ("a", "/one@9090000"))
    assert holders(result, "/three@9091000") == [("nobody", False)]
    assert result.number(NOBODY, "device") == 1
    assert result.owners[-3:] == (DOM0, XEN, NOBODY)


def test_the_matrix_is_aligned(two: Tree) -> None:
    lines = [*text_lines(owned(two, ("a", "/one@9090000"), ("longer", "/two@9090800")))]
    assert lines[0].split() == ["devices", "pages", "INTIDs", "streams", "supplies", "SCMI", "ids"]
    assert [line.split()[0] for line in lines[1:6]] == ["a", "longer", "dom0", "Xen", "nobody"]
    ends = {len(line) for line in lines[:6]}
    assert len(ends) == 1


def test_interrupts_that_follow_one_another_are_one_row() -> None:
    """If their owners agree, for the same reason; one that two owners have stays alone."""
    one, other = (Holder(Owner("domain", name), "of /x", "/x: interrupts") for name in "ab")

    def line(intid: int, *having: Holder) -> Resource:
        return Resource("interrupt", f"INTID {intid}", having, intid=intid)

    device = Resource("device", "/x", (one,))
    rows = in_ranges(
        [
            device,
            *(line(n, one) for n in (71, 72, 73)),
            line(74, other),
            *(line(n, one, other) for n in (75, 76)),
            line(78, one),
        ]
    )
    assert [row.name for row in rows] == [
        "/x",
        "INTID 71-73",
        "INTID 74",
        "INTID 75",
        "INTID 76",
        "INTID 78",
    ]
    assert rows[1].size == 3


def test_plan_prints_it_for_a_system(tmp_path: Path) -> None:
    runner, toml = CliRunner(), str(EXAMPLES / "zynqmp" / "xenassign.toml")
    shown = runner.invoke(cli, ["plan", "-c", toml])
    assert "Who has what:" in shown.output
    data = json.loads(runner.invoke(cli, ["plan", "-c", toml, "--format", "json"]).output)
    (board,) = data["who_has_what"]
    by_name = {owner["name"]: owner for owner in board["owners"]}
    assert (by_name["net"]["device"], by_name["net"]["stream"]) == (2, 2)
    ethernet = next(r for r in board["resources"] if r["name"] == "/axi/ethernet@ff0e0000")
    assert ethernet["holders"][0]["source"] == "xenassign.toml:13"
    assert not ethernet["shared"]
    alone = ["plan", str(EXAMPLES / "../../fixtures/host_dtbs/zynqmp-zcu102.dtb"), "-d", "spi0"]
    assert "Who has what" not in runner.invoke(cli, alone).output


def test_markdown(two: Tree, tmp_path: Path) -> None:
    assert two.data is not None
    (tmp_path / "board.dtb").write_bytes(two.data)
    words = ["report", str(tmp_path / "board.dtb"), "--format", "md", "--name", "a"]
    refused = CliRunner().invoke(cli, [*words, "-d", "/one@9090000"])
    assert refused.exit_code == 1
    assert "**No: 1 device cannot go to a like this (1 error)**" in refused.output
    assert "| error | XA201 | " in refused.output
    accepted = CliRunner().invoke(cli, [*words, "-d", "/three@9091000"])
    assert accepted.exit_code == 0
    assert "| a | /three@9091000 | 1 page | 134 | does no DMA |" in accepted.output


@pytest.mark.parametrize("name", ["report.html", "-"])
def test_a_report_is_written_or_printed(name: str, tmp_path: Path) -> None:
    toml = str(EXAMPLES / "qemu" / "xenassign.toml")
    target = "-" if name == "-" else str(tmp_path / name)
    done = CliRunner().invoke(cli, ["report", "-c", toml, "-o", target])
    assert done.exit_code == 0
    text = done.output if name == "-" else (tmp_path / name).read_text()
    assert text.startswith("<!doctype html>\n")
    if name != "-":
        again = CliRunner().invoke(cli, ["report", "-c", toml, "-o", target])
        assert again.exit_code != 0, "it does not replace a file unasked"


def test_several_boards_are_several_parts(
    variant: Callable[[str, str], Tree], tmp_path: Path
) -> None:
    for number, more in enumerate(("", TWO)):
        data = variant("qemu", more).data
        assert data is not None
        (tmp_path / f"rev{number}.dtb").write_bytes(data)
    words = ["report", str(tmp_path / "rev0.dtb"), "--host", str(tmp_path / "rev1.dtb")]
    done = CliRunner().invoke(cli, [*words, "-d", "/pl031@9010000"])
    assert done.exit_code == 0
    for anchor in ("b0-map", "b1-map", "b1-answer"):
        assert done.output.count(f'id="{anchor}"') == done.output.count(f'href="#{anchor}"') == 1
    lacking = CliRunner().invoke(cli, [*words, "-d", "/one@9090000"])
    assert lacking.exit_code == 1
    assert "nothing could be decided for this board" in lacking.output


def test_the_commands_of_a_report_are_those_of_generate(
    host_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the report was judged with is in them; its own options are not."""
    monkeypatch.chdir(tmp_path)
    host = str(host_files["zynqmp"])
    words = ["report", host, "-d", "ams-ps@0", "--ignore", "XA507", "-q", "--overwrite"]
    assert CliRunner().invoke(cli, [*words, "-o", "r.html"]).exit_code == 1
    text = html.unescape((tmp_path / "r.html").read_text())
    commands = re.findall(rf"xenassign (generate {re.escape(host)} [^<\n]*)", text)
    assert len(commands) == 2, "to try"
    for command in commands:
        assert "--ignore XA507" in command
        assert not {"--overwrite", "-q", "--quiet"}.intersection(shlex.split(command))
