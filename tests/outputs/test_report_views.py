"""Interrupts, IOMMUs and suppliers of the report, as data: what the browser's tests cannot vary."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xenassign.devicetree.tree import Tree
from xenassign.outputs.report.page.dma_walls import DmaWalls, dma_walls
from xenassign.outputs.report.page.interrupt_grid import InterruptGrid, interrupt_grid
from xenassign.outputs.report.page.supplier_graph import BY_HOST, Supply, supplier_graph
from xenassign.outputs.report.who_has_what import ownership
from xenassign.request.request import Accepted, Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import SystemPlan, decide_system
from xenassign.xen.board import read_board

#: Two devices with one interrupt, one whose interrupt ends elsewhere, and one that is withheld.
LINES = """
/ {
    one@9090000 { compatible = "arm,pl031", "arm,primecell"; reg = <0 0x9090000 0 0x1000>;
                  interrupts = <0 100 4>; };
    later@9091000 { compatible = "arm,pl031", "arm,primecell"; reg = <0 0x9091000 0 0x1000>;
                  interrupts = <0 100 4>, <0 101 4>, <0 900 4>; };
    key@9092000 { compatible = "arm,pl031", "arm,primecell"; reg = <0 0x9092000 0 0x1000>;
                  interrupt-parent = <&keys>; interrupts = <3 4>; };
    off@9093000 { compatible = "arm,pl031", "arm,primecell"; reg = <0 0x9093000 0 0x1000>;
                  interrupts = <0 102 4>; xen,passthrough; };
    keys: keys@9094000 { compatible = "test,keys"; reg = <0 0x9094000 0 0x1000>;
                  interrupt-controller; #interrupt-cells = <2>; };
};
"""


def system(tree: Tree, *domains: tuple[str, str]) -> SystemPlan:
    """A plan in which each domain has one device, without protection if need be."""
    requests = tuple(
        Request((path,), name=name, memory=128, vcpus=1, forced=(Accepted(path, "because"),))
        for name, path in domains
    )
    return decide_system(tree, SystemRequest(requests))


def grid(planned: SystemPlan) -> InterruptGrid:
    return interrupt_grid(planned, ownership(planned))


def walls(planned: SystemPlan) -> DmaWalls:
    request = planned.domains[0].request
    board = read_board(planned.resolved.platform, request.release, request.drivers)
    return dma_walls(planned, board, ownership(planned))


@pytest.fixture(scope="module")
def lines(variant: Callable[[str, str], Tree]) -> Tree:
    return variant("qemu", LINES)


def test_a_shared_interrupt_has_both_colours_and_an_outline(lines: Tree) -> None:
    drawn = grid(system(lines, ("a", "/one@9090000"), ("b", "/later@9091000")))
    (shared,) = drawn.shared
    assert shared.intid == 132
    outer, inner = (
        rect
        for rect in drawn.drawing.rects
        if "shared" in rect.style or rect.width < drawn.drawing.rects[0].width
    )
    assert ("d0" in outer.style, "d1" in inner.style) == (True, True)
    assert outer.x < inner.x < inner.x + inner.width < outer.x + outer.width
    assert {line.owner.name: line.intids for line in drawn.owners if line.colour < 2} == {
        "a": "132",
        "b": "132-133, 932",
    }


def test_what_is_routed_to_nobody(lines: Tree) -> None:
    """The interrupt of a node that is withheld, and one that does not end at the GIC."""
    drawn = grid(system(lines, ("a", "/key@9092000")))
    nobody = next(line for line in drawn.owners if line.owner.name == "nobody")
    assert nobody.intids == "134"
    assert drawn.elsewhere == ("a: interrupt 0 of /key@9092000 ends at /keys@9094000",)


def test_rows_without_interrupts_are_a_line(lines: Tree) -> None:
    words = [word.text for word in grid(system(lines, ("a", "/later@9091000"))).drawing.words]
    assert "144 to 927: no node" in words
    assert "928" in words


def test_an_iommu_that_xen_does_not_use_is_no_wall(board: Callable[[str], Tree]) -> None:
    device = "/dma@78070000"
    drawn = walls(system(board("tricky"), ("a", device)))
    (wall,) = [wall for wall in drawn.walls if any(m.path == device for m in wall.masters)]
    assert not wall.driven
    assert [each.master.path for each in drawn.outside] == [device]
    open_walls = [r for r in drawn.drawing.rects if "open" in r.style]
    assert wall.path in " ".join(rect.facts for rect in open_walls)
    unsafe = [shape for shape in drawn.drawing.shapes if "unsafe" in shape.style]
    assert len(unsafe) == len(wall.masters) + 1, "through its IOMMU, and beside all"


def supplies(planned: SystemPlan) -> list[Supply]:
    (plan,) = planned.domains
    return list(supplier_graph(0, plan).supplies)


def test_duties_are_those_of_the_plan(board: Callable[[str], Tree]) -> None:
    planned = system(board("zynqmp"), ("a", "/axi/ethernet@ff0e0000"))
    rows = supplies(planned)
    by_property = {row.property: row for row in rows}
    assert by_property["clocks"].duty == "leave on"
    assert by_property["resets"].duty == "leave set up"
    assert by_property["assigned-clocks"].duty == by_property["iommus"].duty == ""
    for keep in planned.domains[0].host_keeps:
        cells = " ".join(f"{cell:#x}" for cell in keep.args)
        assert any(
            row.provider == keep.provider and (cells in row.arguments or not cells) for row in rows
        )


def test_what_only_a_bus_has_is_a_duty_too(variant: Callable[[str, str], Tree]) -> None:
    tree = variant(
        "qemu",
        """/ { power: power { compatible = "test,power"; #power-domain-cells = <1>; };
               bus@9090000 { compatible = "simple-bus"; ranges; #address-cells = <2>;
                   #size-cells = <2>; power-domains = <&power 7>;
                   one@9090000 { compatible = "arm,pl031", "arm,primecell";
                                 reg = <0 0x9090000 0 0x1000>; }; }; };""",
    )
    (row,) = supplies(system(tree, ("a", "/bus@9090000/one@9090000")))
    assert (row.action, row.provider, row.arguments) == (BY_HOST, "/power", ("0x7",))
    assert row.duty == "leave on"
