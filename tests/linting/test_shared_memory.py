"""Static shared memory of dom0less domains, for a Xen that is built with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes
from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.host.platform import read_platform
from xenassign.linting.documents import TreeFile, document
from xenassign.linting.linter import Options, lint
from xenassign.linting.verdict import domain_node
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import domains
from xenassign.xen.board import read_board
from xenassign.xen.releases import KCONFIG, RELEASES, options_of, release

Compile = Callable[[str], Tree]
Board = Callable[[str], Tree]

VERSIONS = tuple(RELEASES)
SINCE_4_18, SINCE_4_19 = VERSIONS[1:], VERSIONS[2:]
BUILT = options_of({"STATIC_SHM"})
OURS = {f"XA{number}" for number in (229, 230, 231, 731, 732, *range(742, 747))}


def shm(
    memory: str,
    shm_id: str = '"buffer-0"',
    role: str | None = '"owner"',
    name: str = "shm@0",
) -> str:
    said = "" if role is None else f"role = {role};"
    return (
        f'{name} {{ compatible = "xen,domain-shared-memory-v1"; {said}'
        f" xen,shm-id = {shm_id}; xen,shared-mem = <{memory}>; }};"
    )


GOOD = shm("0 0x70000000 0 0x50000000 0 0x1000")


def domain(content: str, name: str = "domU1", cells: str = "2 2") -> str:
    address, size = cells.split()
    return f"""{name} {{ compatible = "xen,domain"; #address-cells = <{address}>;
        #size-cells = <{size}>; cpus = <1>; memory = <0 0x40000>; vpl011; {content} }};"""


def source(*nodes: str) -> str:
    return f"""/dts-v1/; / {{ #address-cells = <2>; #size-cells = <2>;
        chosen {{ #address-cells = <2>; #size-cells = <2>; {" ".join(nodes)} }}; }};"""


@pytest.fixture
def found(compiled: Compile) -> Callable[..., list[Finding]]:
    """The findings about the shared memory of all domains."""

    def judge(*nodes: str, xen: str = "4.22", host: Tree | None = None) -> list[Finding]:
        board = read_board(read_platform(host), release(xen)) if host is not None else None
        about = Context(release(xen), board, options=BUILT)
        tree = compiled(source(*nodes))
        every = [f for node in domains(tree) for f in domain_node.check(node, about)]
        return [finding for finding in every if finding.code in OURS]

    return judge


def test_options_that_others_select() -> None:
    assert {"STATIC_SHM", "MPU"} <= set(KCONFIG)
    assert options_of({"STATIC_SHM"}) == {"STATIC_SHM", "STATIC_MEMORY"}
    assert options_of({"MPU"}) == {"MPU", "STATIC_MEMORY"}
    assert options_of({"LLC_COLORING"}) == {"LLC_COLORING"}
    assert options_of(()) == frozenset()


ONE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # the content of a domain, the rule, its releases
    (GOOD, "", ()),
    (shm("0 0x70000000 0 0x50000000 0 0x1000", role=None), "", ()),
    (shm("0 0x70000000 0 0x50000000 0 0x1000", role='"borrower"'), "XA746", VERSIONS),
    (shm("0 0x70000000 0 0x50000000 0 0x1000", f'"{"x" * 15}"'), "", ()),
    (shm("0 0x70000000 0 0x50000000 0 0x1000", f'"{"x" * 16}"'), "XA742", VERSIONS),
    (shm("0 0x70000000 0 0x50000000 0 0x1000", '""'), "XA742", VERSIONS),
    (shm("0 0x70000000 0 0x50000000 0 0x1000", "[61]"), "XA742", VERSIONS),
    (GOOD.replace('xen,shm-id = "buffer-0";', ""), "XA742", VERSIONS),
    (GOOD.replace("xen,shared-mem", "xen,shared-memory"), "XA742", VERSIONS),
    (shm("0 0x70000000 0 0x50000000 0 0x1000", role='"Owner"'), "XA742", VERSIONS),
    (shm("0 0x70000000 0 0x50000000 0 0x1000", role="[6f]"), "XA742", VERSIONS),
    (shm("0 0x70000800 0 0x50000000 0 0x1000"), "XA742", VERSIONS),
    (shm("0 0x70000000 0 0x50000800 0 0x1000"), "XA742", VERSIONS),
    (shm("0 0x70000000 0 0x50000000 0 0x800"), "XA742", VERSIONS),
    (shm("0 0x70000000 0 0x50000000 0 0"), "XA742", VERSIONS),
    (shm("0xffffffff 0xfffff000 0 0x50000000 0 0x1000"), "XA742", VERSIONS),
    (shm("0 0x70000000 0 0x50000000 0 0x1000 0"), "XA742", VERSIONS),
    (shm("0x70000000 0x50000000 0x1000"), "XA742", VERSIONS),
    (shm("0 0x50000000 0 0x1000"), "XA742", VERSIONS[:2]),
    (f"direct-map; {GOOD}", "XA744", SINCE_4_19),
    (f"direct-map; {shm('0 0x70000000 0 0x70000000 0 0x1000')}", "", ()),
    (shm("0 0x70000000 0 0x4f000000 0 0x1000"), "XA745", VERSIONS),
    (shm("0 0x70000000 0 0x22000000 0 0x1000"), "XA745", VERSIONS),
    (f"xen,static-mem = <0 0x70000000 0 0x10000000>; {GOOD}", "XA743", VERSIONS),
)


def test_one_domain(found: Callable[..., list[Finding]], rows: Rows) -> None:
    for content, code, versions in ONE:
        for xen in VERSIONS:
            with rows(content, xen):
                expected = {code} if xen in versions else set()
                assert set(codes(found(domain(content), xen=xen))) == expected


def test_a_direct_map_domain_gives_the_host_address(found: Callable[..., list[Finding]]) -> None:
    assert codes(found(domain(f"direct-map; {shm('0 0x50000000 0 0x1000')}"))) == ["XA744"]


def test_the_cells_are_those_of_the_domain(found: Callable[..., list[Finding]]) -> None:
    short = shm("0x70000000 0x50000000 0x1000")
    assert found(domain(short, cells="1 1")) == []
    assert codes(found(domain(GOOD, cells="1 1"))) == ["XA742"]
    assert codes(found(domain(short, cells="0 1"))) == ["XA742"]


BORROWED = shm("0 0x70000000 0 0x60000000 0 0x1000", role='"borrower"')
TWO: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (GOOD, BORROWED, "", ()),
    (BORROWED, GOOD, "", ()),
    (GOOD, GOOD, "XA743", VERSIONS),
    (GOOD, GOOD.replace('role = "owner";', ""), "XA743", VERSIONS),
    (GOOD.replace('role = "owner";', ""), GOOD, "XA743", VERSIONS),
    (GOOD, BORROWED.replace("0x70000000", "0x70001000"), "XA743", SINCE_4_19),
    (GOOD, BORROWED.replace("0 0x1000>", "0 0x2000>"), "XA743", SINCE_4_19),
    (GOOD, GOOD.replace("buffer-0", "other"), "XA743", VERSIONS),
    (GOOD, GOOD.replace("buffer-0", "other").replace("0x70000000", "0x70001000"), "", ()),
    (GOOD, "xen,static-mem = <0 0x60000000 0 0x10001000>;", "XA743", VERSIONS),
    (
        GOOD,
        'm@70000000 { compatible = "multiboot,kernel", "multiboot,module";'
        " reg = <0 0x70000000 0 0x1000>; };",
        "XA743",
        SINCE_4_18,
    ),
    (
        shm("0 0x50000000 0 0x1000"),
        shm("0 0x70000000 0 0x50000000 0 0x1000", role='"borrower"'),
        "XA743",
        SINCE_4_19,
    ),
    (GOOD, shm("0 0x50000000 0 0x1000", role='"borrower"'), "XA745", SINCE_4_19),
)


def test_two_domains(found: Callable[..., list[Finding]], rows: Rows) -> None:
    for first, second, code, versions in TWO:
        for xen in VERSIONS if versions != SINCE_4_19 else SINCE_4_19:
            with rows(first, second, xen):
                findings = found(domain(first), domain(second, "domU2"), xen=xen)
                assert set(codes(findings)) == ({code} if xen in versions else set())


def test_before_4_19_a_borrower_maps_what_nobody_owns(
    found: Callable[..., list[Finding]],
) -> None:
    """The scan ends without a panic at the node."""
    other = BORROWED.replace("0x70000000", "0x70001000")
    for xen in VERSIONS[:2]:
        assert codes(found(domain(GOOD), domain(other, "domU2"), xen=xen)) == ["XA746"]
        owned = other.replace("borrower", "owner")
        assert "XA743" in codes(found(domain(GOOD), domain(owned, "domU2"), xen=xen))


def test_dom0_has_its_nodes_in_chosen(found: Callable[..., list[Finding]]) -> None:
    assert found(GOOD, domain(BORROWED)) == []
    assert codes(found(GOOD, domain(GOOD))) == ["XA743"]
    assert codes(found(domain(BORROWED))) == ["XA746"]


def test_the_memory_of_the_board(
    found: Callable[..., list[Finding]], board: Board, wording: Wording
) -> None:
    host = board("qemu")
    assert found(domain(GOOD.replace("0x70000000", "0x48000000")), host=host) == []
    (finding,) = found(domain(GOOD.replace("0x70000000", "0x9030000")), host=host)[-1:]
    assert finding.code == "XA231"
    wording(finding)


def test_what_it_says(found: Callable[..., list[Finding]], wording: Wording) -> None:
    texts = [
        domain(shm("0 0x70000000 0 0x50000000 0 0x1000", f'"{"x" * 16}"')),
        domain(shm("0 0x70000800 0 0x50000000 0 0x1000")),
        domain(f"direct-map; {GOOD}"),
        domain(shm("0 0x70000000 0 0x4f000000 0 0x1000")),
        domain(BORROWED),
    ]
    for text in texts:
        (finding,) = found(text)
        wording(finding)
    (finding,) = found(domain(GOOD), domain(GOOD, "domU2"))
    wording(finding)


def read_tree(text: str, name: str) -> TreeFile:
    read = document(name, text.encode())
    assert isinstance(read, TreeFile)
    return read


def _overlay(content: str, name: str) -> TreeFile:
    chosen = f"#address-cells = <2>; #size-cells = <2>; {domain(content, name)}"
    text = f'/ {{ fragment@0 {{ target-path = "/chosen"; __overlay__ {{ {chosen} }}; }}; }};'
    return read_tree(f"/dts-v1/; /plugin/; {text}", f"{name}.dtso")


def test_overlays_of_one_machine_are_judged_together() -> None:
    """The boot loader applies all of them to one tree; a whole tree is another machine's."""
    owner, borrower = _overlay(GOOD, "domU1"), _overlay(BORROWED, "domU2")
    whole = read_tree(source(domain(GOOD)), "other.dts")
    options = Options(release(VERSIONS[-1]), kconfig=frozenset({"STATIC_SHM"}))

    def warned(*files: TreeFile, overlays: tuple[TreeFile, ...] = ()) -> bool:
        report = lint(files, options._replace(overlays=overlays))
        return "XA746" in codes(report.findings)

    assert warned(borrower)
    assert warned(borrower, whole)
    assert not warned(borrower, owner)
    assert not warned(owner, borrower)
    assert not warned(borrower, overlays=(owner,))
    assert warned(borrower, _overlay(GOOD.replace("buffer-0", "buffer-1"), "domU3"))
