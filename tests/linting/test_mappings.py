"""Rules about the places of mappings: of xen,reg and of iomem alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wording import Wording
from xenassign.checks.guest_addresses import replaced
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.formats.xlcfg_parser import parse
from xenassign.host.platform import read_platform
from xenassign.linting.guest import partial_tree
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import domcfg, mappings
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import context_of, domains
from xenassign.linting.verdict.mappings import Claim, MappingEntry
from xenassign.xen.board import read_board
from xenassign.xen.releases import RELEASES, release

from .trees import compiled, xen_reg

Board = Callable[[str], Tree]
Triple = tuple[int, int, int]

PLACES = {"XA203", "XA204", "XA206", "XA216", "XA217"}


def context(tree: Tree, xen: str = "4.20", memory: int | None = None) -> Context:
    """``memory``: MiB."""
    board = read_board(read_platform(tree), release(xen))
    return Context(release(xen), board, memory=memory and memory << 10)


def by_xen_reg(asked: Context, *entries: Triple, path: str | None = None) -> list[Finding]:
    """The findings about a node that maps (host, size, guest)."""
    named = f'xen,path = "{path}";' if path else ""
    cells = "#address-cells = <2>; #size-cells = <2>;"
    tree = compiled(f"passthrough {{ {cells} dev {{ {named} {xen_reg(*entries)} }}; }};")
    return [finding for finding in partial_tree.check(View(tree, asked)) if finding.code in PLACES]


def by_iomem(asked: Context, *entries: Triple, memory: str = "") -> list[Finding]:
    """The same for a configuration."""
    items = ", ".join(f"'{h >> 12:x},{s >> 12:x}@{g >> 12:x}'" for h, s, g in entries)
    config = parse(f"{memory}\niomem = [{items}]\n", "dom.cfg")
    return [finding for finding in domcfg.check(config, asked) if finding.code in PLACES]


BOTH = pytest.mark.parametrize(
    ("find", "routes"), [(by_xen_reg, ("dom0less",)), (by_iomem, ("xl",))], ids=["xen,reg", "iomem"]
)
Find = Callable[..., list[Finding]]


@BOTH
@pytest.mark.parametrize(
    ("guest", "size", "code"),
    [
        (0x9010000, 0x1000, None),
        (0x3000000, 0x1000, None),
        (0x3001000, 0x1000, "XA203"),
        (0x3000000, 0x2000, "XA203"),
        (0x3020000, 0x1000, "XA203"),
        (0x38000000, 0x1000, "XA203"),
        (0x37FFF000, 0x1000, None),
        (0x37FFF000, 0x2000, "XA203"),
        (0x39000000, 0x1000, "XA203"),
        (0x10000000, 0x1000, None),  # a window that only guests with an option have
        (0x20000000, 0x1000, None),
        (0x2000000, 0x1000, None),
        (0x80000000, 0x1000, "XA204"),
        (0x200000000, 0x1000, "XA204"),
    ],
)
def test_a_mapping_over_something_of_the_guest(
    board: Board,
    find: Find,
    routes: tuple[str, ...],
    guest: int,
    size: int,
    code: str | None,
    wording: Wording,
) -> None:
    asked = context(board("qemu"))._replace(enhanced=True)
    found = find(asked, (0x9010000, size, guest))
    assert [finding.code for finding in found] == ([code] if code else [])
    assert all(finding.routes == routes for finding in found)
    wording(*found)


def test_the_gic_is_that_of_the_host(board: Board, wording: Wording) -> None:
    entry = (0x9010000, 0x1000, 0x3002000)
    for host in ("zynqmp", "qemu"):  # a GICv2, a GICv3
        told = by_xen_reg(context(board(host)), entry)
        (found,) = [finding for finding in told if finding.code == "XA203"]
        wording(found)
    beyond = (0xFF0E0000, 0x1000, 0x3020000)
    assert by_xen_reg(context(board("zynqmp")), beyond) == []


@pytest.mark.parametrize(
    ("memory", "guest", "code"),
    [
        (256, 0x40000000, "XA203"),
        (256, 0x4FFFF000, "XA203"),
        (256, 0x50000000, "XA204"),
        (3072, 0xFFFFF000, "XA203"),
        (3072, 0x200000000, "XA204"),
        (3073, 0x200000000, "XA203"),
        (None, 0x40000000, "XA204"),
    ],
)
def test_ram_of_the_domain_is_certain_the_rest_of_the_banks_is_not(
    board: Board, memory: int | None, guest: int, code: str
) -> None:
    """The codes of a place: RAM may be hit and the unused part of its bank as well."""
    asked = context(board("qemu"), memory=memory)._replace(enhanced=True)
    found = {f.code for f in by_xen_reg(asked, (0, 0x1000, guest))}
    assert code in found
    assert found <= {code, "XA204"}
    text = f"memory = {memory}" if memory else ""
    assert code in {f.code for f in by_iomem(asked, (0, 0x1000, guest), memory=text)}


IN_BANK = (0x9010000, 0x1000, 0x80000000)


@pytest.mark.parametrize("xen", RELEASES)
def test_extended_regions_spare_mappings_from_4_21_on(board: Board, xen: str) -> None:
    """libxl offers them to every guest, dom0less Xen only to a domain with PV interfaces."""
    spared = release(xen).extended_regions_exclude_mappings
    asked = context(board("qemu"), xen)
    assert by_xen_reg(asked, IN_BANK) == []
    for told in (by_iomem(asked, IN_BANK), by_xen_reg(asked._replace(enhanced=True), IN_BANK)):
        assert [finding.code for finding in told] == ([] if spared else ["XA204"])


@pytest.mark.parametrize(
    ("line", "enhanced"),
    [
        ("", False),
        ("xen,enhanced;", True),
        ('xen,enhanced = "enabled";', True),
        ('xen,enhanced = "no-xenstore";', True),
        ('xen,enhanced = "disabled";', False),
        ('xen,enhanced = "legacy";', False),  # known from 4.21 on
        ('xen,enhanced = "yes";', False),
        ("xen,enhanced = [65];", True),  # no string
    ],
)
def test_the_domain_node_decides_about_extended_regions(
    board: Board, line: str, enhanced: bool
) -> None:
    node = f'domU1 {{ compatible = "xen,domain"; memory = <0 0x40000>; cpus = <1>; {line} }};'
    (domain,) = domains(compiled(f"chosen {{ {node} }};"))
    for xen in RELEASES:
        told = by_xen_reg(context_of(domain, context(board("qemu"), xen)), IN_BANK)
        expected = enhanced and not release(xen).extended_regions_exclude_mappings
        assert [finding.code for finding in told] == (["XA204"] if expected else [])


@pytest.mark.parametrize(
    ("line", "guest", "clash"),
    [
        ("acpi = 1", 0x20000000, True),
        ("acpi = '1'", 0x20000000, True),
        ("acpi = 0", 0x20000000, False),
        ("acpi = 1", 0x2000000, False),
        ("disk = ['/d.img, specification=virtio']", 0x2000000, True),
        ("disk = ['/virtio.img,raw,xvda']", 0x2000000, False),
        ("virtio = ['type=virtio,device22, transport=mmio']", 0x2000000, True),
        ("virtio = ['type=virtio,device22, transport=mmio']", 0x20000000, False),
        ("pci = ['0000:01:00.0']", 0x10000000, False),  # no guest gets it (XA620)
    ],
)
def test_a_window_is_used_with_an_option_of_the_configuration(
    board: Board, line: str, guest: int, clash: bool, wording: Wording
) -> None:
    found = by_iomem(context(board("qemu")), (0x9010000, 0x1000, guest), memory=line)
    assert [(f.code, f.routes) for f in found] == ([("XA204", ("xl",))] if clash else [])
    wording(*found)


def test_the_vpl011_is_there_when_it_is_asked_for(board: Board) -> None:
    entry = (0x9010000, 0x1000, 0x22000000)
    asked = context(board("qemu"))
    assert {f.code for f in by_xen_reg(asked, entry)} == {"XA203"}
    assert by_xen_reg(asked._replace(vpl011=False), entry) == []
    assert by_iomem(asked, entry) == []
    assert {f.code for f in by_iomem(asked, entry, memory="vuart = 'sbsa_uart'")} == {"XA203"}


# --- two mappings --------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ((0x9010000, 0x1000, 0x9010000), (0x9030000, 0x1000, 0x9030000), False),
        ((0x9010000, 0x1000, 0x9010000), (0x9010000, 0x1000, 0x9010000), False),
        ((0x9010000, 0x1000, 0x9010000), (0x9010000, 0x1000, 0x9020000), False),
        ((0x9010000, 0x2000, 0x9010000), (0x9011000, 0x1000, 0x9011000), False),
        ((0x9010000, 0x1000, 0x9010000), (0x9030000, 0x1000, 0x9010000), True),
        ((0x9010000, 0x2000, 0x9010000), (0x9030000, 0x1000, 0x9011000), True),
        ((0x9010000, 0x2000, 0x9010000), (0x9030000, 0x1000, 0x9012000), False),
        ((0x9010000, 0x1000, 0x9011000), (0x9030000, 0x2000, 0x9010000), True),
    ],
)
def test_a_guest_page_has_one_host_page(
    board: Board,
    find: Find,
    routes: tuple[str, ...],
    first: Triple,
    second: Triple,
    found: bool,
) -> None:
    told = find(context(board("qemu")), first, second)
    assert [finding.code for finding in told] == (["XA206"] if found else [])
    assert all(finding.routes == routes for finding in told)


_TRIPLES = st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 8))


@given(st.lists(_TRIPLES, max_size=8))
def test_each_mapping_inside_of_another_is_in_a_pair(triples: list[Triple]) -> None:
    entries = [MappingEntry(*triple) for triple in triples]

    def conflict(first: int, second: int) -> bool:
        one, two = entries[first], entries[second]
        distances = {one.guest - one.host, two.guest - two.host}
        return len(distances) == 2 and one.guest_span.overlaps(two.guest_span)

    pairs = replaced(entries)
    assert pairs == sorted(set(pairs))
    assert all(first < second and conflict(first, second) for first, second in pairs)
    count = range(len(entries))
    by_start = sorted(count, key=lambda n: entries[n].guest_span)
    inside = [n for i, n in enumerate(by_start) if any(conflict(n, m) for m in by_start[:i])]
    assert len(pairs) == len(inside)


def test_the_later_mapping_is_the_one_to_blame(wording: Wording) -> None:
    one = Claim(MappingEntry(0x1000, 0x1000, 0x9000), "/one", "xen,reg", ("dom0less",))
    two = Claim(MappingEntry(0x2000, 0x1000, 0x9000), "/two", "xen,reg", ("dom0less",))
    (found,) = mappings.check([one, two], Context(release("4.20"), None))
    assert found.node == "/two"
    wording(found)


# --- pages that are not the device's -------------------------------------------------------------

TIMER = "/pl031@9010000"


@pytest.mark.parametrize(
    ("path", "host", "size", "found"),
    [
        (TIMER, 0x9010000, 0x1000, False),
        (TIMER.upper(), 0x9010000, 0x1000, False),
        (TIMER, 0x9010000, 0x2000, True),
        (TIMER, 0x900F000, 0x2000, True),
        (TIMER, 0x9030000, 0x1000, True),
        (TIMER, 0x9010, 1, True),  # page numbers instead of bytes
        ("/fw-cfg@9020000", 0x9020000, 0x1000, False),  # 24 bytes, rounded out
        ("/virtio_mmio@a000200", 0xA000000, 0x1000, False),
        ("/intc@8000000", 0x8080000, 0x20000, False),  # the ITS below it
        ("/flash@0", 0, 0x8000000, False),  # two blocks, side by side
        ("/flash@0", 0x4000000, 0x4000000, False),
        ("/pcie@10000000", 0x10000000, 0x2EFF0000, False),  # its window
        ("/pcie@10000000", 0x10000000, 0x2F000000, False),  # and the next one, without a gap
        ("/pcie@10000000", 0x10000000, 0x2F001000, True),
        ("/gpio-keys", 0x9010000, 0x1000, True),  # has no registers at all
        ("/no-such", 0x9030000, 0x1000, False),  # that is another finding
        (None, 0x9030000, 0x1000, False),
    ],
)
def test_the_pages_are_those_of_the_node_that_xen_path_names(
    board: Board, path: str | None, host: int, size: int, found: bool
) -> None:
    told = by_xen_reg(context(board("qemu")), (host, size, 0x100000000000), path=path)
    assert {f.code for f in told} == ({"XA216"} if found else set())
    assert all(finding.routes == ("dom0less",) for finding in told)


# --- host memory ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "size", "found"),
    [
        (0x3FFFF000, 0x1000, False),
        (0x3FFFF000, 0x2000, True),
        (0x40000000, 0x1000, True),
        (0xFFFFF000, 0x1000, True),
        (0x100000000, 0x1000, False),
        (0, 0x200000000, True),
    ],
)
def test_host_memory_is_given_away_by_dom0less_alone(
    board: Board, host: int, size: int, found: bool
) -> None:
    asked = context(board("qemu"), "4.21")
    entry = (host, size, 0x100000000000)
    assert {f.code for f in by_xen_reg(asked, entry)} == ({"XA217"} if found else set())
    assert by_iomem(asked, entry) == []


def test_registers_that_a_memory_node_covers_are_a_devices() -> None:
    """Boards whose tree states all addresses as memory, for firmware that cuts it to size."""
    host = compiled(
        "#address-cells = <2>; #size-cells = <2>;"
        ' memory@0 { device_type = "memory"; reg = <0 0 1 0>; };'
        ' uart@fe078010 { compatible = "x"; reg = <0 0xfe078010 0 0x20>; };'
    )
    for start, found in ((0xFE078000, set()), (0xFE079000, {"XA217"}), (0xFE077000, {"XA217"})):
        assert {f.code for f in by_xen_reg(context(host), (start, 0x1000, 0x1000))} == found


@pytest.mark.parametrize("memory", ["", 'memory@0 { device_type = "memory"; reg = <0 0 0 0>; };'])
def test_where_no_memory_is_stated_what_is_no_register_may_be_memory(memory: str) -> None:
    """The boot loader fills it in."""
    host = compiled(
        f"#address-cells = <2>; #size-cells = <2>; {memory}"
        ' uart@fe078010 { compatible = "x"; reg = <0 0xfe078010 0 0x20>; };'
        ' pcie@e000000 { compatible = "x"; device_type = "pci"; reg = <0 0xe000000 0 0x1000>;'
        " #address-cells = <3>; #size-cells = <2>;"
        " ranges = <0x2000000 0 0x20000000 0 0x20000000 0 0x1000000>; };"
        " reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;"
        " a@48000000 { reg = <0 0x48000000 0 0x1000>; no-map; }; };"
    )
    cases = [(0xFE078000, ""), (0x20800000, ""), (0x48000000, "a@48"), (0x80000000, "states no")]
    for start, text in cases:
        found = by_xen_reg(context(host), (start, 0x1000, 0x1000))
        assert [(f.code, f.severity) for f in found] == ([("XA217", "warning")] if text else [])
        assert all(text in finding.message for finding in found)
    assert by_iomem(context(host), (0x80000000, 0x1000, 0x1000)) == []


def test_a_carve_out_of_the_hosts_memory_is_a_warning() -> None:
    """What no kernel uses as RAM: all pages have to be of one region with no-map."""
    host = compiled(
        "#address-cells = <2>; #size-cells = <2>;"
        ' memory@0 { device_type = "memory"; reg = <0 0x40000000 0 0x10000000>; };'
        " reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;"
        " a@48000000 { reg = <0 0x48000000 0 0x1800>; no-map; };"
        " b@48002000 { reg = <0 0x48002000 0 0x1000>; };"
        ' c@48003000 { reg = <0 0x48003000 0 0x1000>; no-map; status = "disabled"; }; };'
    )
    cases = [
        (0x48000000, 0x1000, "warning"),
        (0x48000000, 0x2000, "warning"),  # the region's last page, rounded out
        (0x48000000, 0x3000, "error"),
        (0x47FFF000, 0x2000, "error"),
        (0x48002000, 0x1000, "error"),  # the kernel's own
        (0x48003000, 0x1000, "error"),
    ]
    for start, size, severity in cases:
        (finding,) = by_xen_reg(context(host), (start, size, 0x1000))
        assert (finding.code, finding.severity) == ("XA217", severity)
        assert ("/reserved-memory/a@48000000" in finding.message) == (severity == "warning")


# --- what stands outside, or nowhere -------------------------------------------------------------

DEV = 'dev { xen,path = "/pl031@9010000"; xen,reg; };'


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (f"passthrough {{ {DEV} }};", set()),
        (f"passthrough {{ bus {{ {DEV} }}; }};", set()),
        (f"PassThrough {{ {DEV} }};", set()),
        ('passthrough { xen,path = "/pl031@9010000"; xen,reg; };', set()),
        ("passthrough { dev { reg = <1>; }; };", {"XA802"}),
        ("passthrough { };", {"XA802"}),
        ("", {"XA802"}),
        ("aliases { };", {"XA802"}),
        (DEV, {"XA802", "XA803"}),
        (f"passthrough@0 {{ {DEV} }};", {"XA802", "XA803"}),
        (f"bus {{ passthrough {{ {DEV} }}; }};", {"XA802", "XA803"}),
        (f"passthrough {{ {DEV} }}; {DEV}", {"XA803"}),
        (f"passthrough {{ {DEV} }}; gic {{ {DEV} }};", {"XA803"}),
        ('xen,path = "/x"; passthrough { };', {"XA802", "XA803"}),
        ("passthrough { dev { xen,force-assign-without-iommu; }; };", {"XA802"}),
    ],
)
def test_only_what_is_below_passthrough_is_assigned(
    board: Board, body: str, wanted: set[str]
) -> None:
    view = View(compiled(body), context(board("qemu")))
    found = {finding.code for finding in partial_tree.check(view)}
    assert found & {"XA802", "XA803"} == wanted


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        ("passthrough { };", "note"),
        ("aliases { }; passthrough { };", "error"),
        ("passthrough { dev { reg = <1>; }; };", "error"),
        ("", "error"),
    ],
)
def test_an_empty_passthrough_is_that_of_a_domain_without_devices(
    board: Board, body: str, severity: str
) -> None:
    view = View(compiled(body), context(board("qemu")))
    (found,) = [finding for finding in partial_tree.check(view) if finding.code == "XA802"]
    assert found.severity == severity
