"""What overlays do to the host's tree: marks and domains, by path and by label."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Tree
from xenassign.linting.documents import TreeFile
from xenassign.linting.verdict.host_overlays import domain_nodes, marks, reserved_marks

Board = Callable[[str], Tree]
GEM3 = "/axi/ethernet@ff0e0000"
UART = "/axi/serial@ff010000"


def overlay(body: str) -> TreeFile:
    source = read_source(f"/dts-v1/; /plugin/; {body}".encode(), "o.dtso")
    made = TreeFile("o.dtso", source.blob, source)
    assert made.overlay
    return made


def tree(body: str) -> Tree:
    made = overlay(body).tree
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"&{{{GEM3}}} {{ xen,passthrough; }};", {GEM3}),
        ("&gem3 { xen,passthrough; };", {GEM3}),
        ("&gem3 { mdio { xen,passthrough; }; };", {f"{GEM3}/mdio"}),
        ("&gem3 { status = 'x'; };".replace("'", '"'), set()),
        ("&{/axi} { serial@ff010000 { xen,passthrough; }; };", {"/axi/serial@ff010000"}),
        ("&{/} { axi { serial@ff010000 { xen,passthrough; }; }; };", {"/axi/serial@ff010000"}),
        (
            "&gem3 { xen,passthrough; }; &uart1 { xen,passthrough; };",
            {GEM3, "/axi/serial@ff010000"},
        ),
        ("&no_such_label { xen,passthrough; };", set()),
    ],
)
def test_marks(board: Board, body: str, expected: set[str]) -> None:
    assert marks(board("zynqmp"), [tree(body)]) == expected


def test_a_label_means_nothing_without_the_host(board: Board) -> None:
    assert marks(None, [tree("&gem3 { xen,passthrough; };")]) == set()
    assert marks(board("qemu"), [tree("&gem3 { xen,passthrough; };")]) == set()


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("&rproc_0_fw { xen,passthrough; };", 1),
        ("&{/Reserved-Memory/a@1000} { xen,passthrough; };", 1),
        ("&{/} { reserved-memory { a@1 { xen,passthrough; }; }; };", 1),
        ("&{/reserved-memory} { xen,passthrough; };", 0),
        ("&rproc_0_fw { no-map; };", 0),
        (f"&{{{GEM3}}} {{ xen,passthrough; }};", 0),
    ],
)
def test_reserved_memory_is_never_marked(
    board: Board, body: str, count: int, wording: Wording
) -> None:
    found = list(reserved_marks(tree(body), board("zynqmp")))
    assert len(found) == count
    wording(*found)
    assert all(f.code == "XA538" for f in found)


DOMAIN = 'domu1 { compatible = "xen,domain"; };'


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (f"&{{/chosen}} {{ {DOMAIN} }};", True),
        (f"&{{/}} {{ chosen {{ {DOMAIN} }}; }};", True),
        (f"&chosen {{ {DOMAIN} }};", True),  # the label is the board's, which is not known
        (f"&{{/}} {{ {DOMAIN} }};", False),
        (f"&{{/chosen}} {{ domains {{ {DOMAIN} }}; }};", False),
    ],
)
def test_domains(body: str, found: bool) -> None:
    file = overlay(body)
    assert [one for one, _ in domain_nodes(None, [file])] == ([file] if found else [])


def test_domains_of_the_host_and_of_a_board_that_is_given() -> None:
    source = read_source(f"/dts-v1/; / {{ chosen {{ {DOMAIN} }}; }};".encode(), "b.dts")
    host, file = read_blob(source.blob), TreeFile("b.dts", source.blob, source)
    assert [one for one, _ in domain_nodes(host, [file, file])] == [None, file]
