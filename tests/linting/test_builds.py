"""What a guest can have by release and build: SPIs on both routes, PCI devices, an MPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes
from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.formats.xlcfg_parser import parse
from xenassign.host.platform import read_platform
from xenassign.linting.guest.interrupts import of_other_types
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import dom0less, domcfg
from xenassign.linting.verdict.builds import guest_intids
from xenassign.linting.verdict.context import Context
from xenassign.xen.board import read_board
from xenassign.xen.releases import GUEST_NR_SPIS_MAX, RELEASES, release, spi_ranges

from .trees import FORCE, blob

Variant = Callable[[str, str], Tree]

ESPI = frozenset({"GICV3_ESPI"})
VERSIONS = tuple(RELEASES)
SINCE_4_21 = VERSIONS[VERSIONS.index("4.21") :]


def context(xen: str, options: frozenset[str] = frozenset(), tree: Tree | None = None) -> Context:
    if tree is None:
        return Context(release(xen), None, vpl011=False, options=options)
    known = read_board(read_platform(tree), release(xen))
    marked = frozenset(node.path for node in tree.nodes())
    return Context(release(xen), known, vpl011=False, options=options, marked=marked)


def xl(text: str, about: Context) -> list[Finding]:
    return list(domcfg.check(parse(f"{text}\ndevice_tree = 'd.dtb'\n", "dom.cfg"), about))


NUMBERS = (
    # nr_spis, accepted by default builds, accepted by a build with extended SPIs
    (0, True, True),
    (960, True, True),
    (961, False, False),
    (4032, False, False),
    (4033, False, True),  # rounded up to 4064: no extended SPI
    (4064, False, True),
    (5088, False, True),
    (5089, False, False),
)


def test_a_number_of_spis(rows: Rows) -> None:
    for count, default, extended in NUMBERS:
        for xen in VERSIONS:
            with rows(count, xen):
                built = extended if xen in SINCE_4_21 else default
                assert bool(spi_ranges(release(xen), frozenset(), count)) == default
                assert bool(spi_ranges(release(xen), ESPI, count)) == built
                about = context(xen, ESPI)._replace(nr_spis=count)
                assert codes(list(dom0less.check_limits(about))) == ([] if built else ["XA314"])


def test_the_intids_of_a_guest() -> None:
    all_spis = range(32, 32 + GUEST_NR_SPIS_MAX)
    about = context("4.22", ESPI)
    assert guest_intids(about) == (all_spis, range(4096, 5120))
    assert guest_intids(about._replace(nr_spis=4069)) == (all_spis, range(4096, 4128))
    assert guest_intids(about._replace(nr_spis=33)) == (range(32, 96),)
    assert guest_intids(about._replace(nr_spis=0)) == ()
    assert guest_intids(about._replace(gic_lines=288)) == (range(32, 288),)
    assert guest_intids(context("4.22")) == guest_intids(context("4.20", ESPI)) == (all_spis,)


IRQS = (
    ("irqs = [991]", True, True),
    ("irqs = [992]", False, False),
    ("irqs = [4095]", False, False),
    ("irqs = [4096]", False, True),
    ("irqs = [34, 5119]", False, True),
    ("irqs = [1000, 5119]", False, False),
    ("irqs = [5120]", False, False),
    ("nr_spis = 4064", False, True),
)


def test_xl_asks_for_what_irqs_require(rows: Rows) -> None:
    for text, default, extended in IRQS:
        for xen in VERSIONS:
            if text.startswith("nr_spis") and not release(xen).knows_key("nr_spis"):
                continue
            with rows(text, xen):
                built = extended if xen in SINCE_4_21 else default
                assert codes(xl(text, context(xen))) == ([] if default else ["XA314"])
                assert codes(xl(text, context(xen, ESPI))) == ([] if built else ["XA314"])


def test_an_extended_spi_names_the_build(wording: Wording) -> None:
    (finding,) = xl("irqs = [4100]", context("4.20"))
    wording(finding)
    assert "GICV3_ESPI" in finding.fix
    (finding,) = xl("irqs = [5200]", context("4.22"))
    assert "GICV3_ESPI" not in finding.fix


@pytest.mark.parametrize("intid", [992, 1019, 5120])
def test_an_interrupt_that_no_guest_has_is_to_be_removed(intid: int) -> None:
    """Without nr_spis in the configuration there is nothing else to remove."""
    (finding,) = xl(f"irqs = [{intid}]", context("4.22"))
    assert (finding.code, finding.prop, finding.fix) == ("XA314", "irqs", "remove the entry")


@pytest.mark.parametrize(
    ("interrupts", "expected"),
    [
        ("<0 4068 4>", []),
        ("<2 4 4>", ["XA316"]),  # for Xen it is INTID 20
    ],
)
def test_what_reaches_an_extended_spi(
    variant: Variant, interrupts: str, expected: list[str]
) -> None:
    device = f"d@70000000 {{ reg = <0 0x70000000 0 0x1000>; interrupts = {interrupts}; }};"
    tree = variant("qemu", f"&{{/}} {{ {device} }};")
    found = xl("irqs = [4100]", context("4.22", ESPI, tree))
    assert codes(found) == expected
    assert all("<0 4068 " in finding.fix for finding in found)


def test_dom0less_gives_it_by_the_host_node(variant: Variant) -> None:
    device = "d@70000000 { reg = <0 0x70000000 0 0x1000>; interrupts = <0 4068 4>; };"
    tree = variant("qemu", f"&{{/}} {{ {device} }};")
    data = blob(
        "/dts-v1/; / { passthrough { #address-cells = <2>; #size-cells = <2>; ranges;"
        f' d {{ xen,path = "/d@70000000"; xen,reg; {FORCE} }}; }}; }};'
    )
    assert codes(list(dom0less.check(data, context("4.22", ESPI, tree)))) == []
    for about in (
        context("4.22", frozenset(), tree),
        context("4.20", ESPI, tree),
        context("4.22", ESPI, tree)._replace(nr_spis=960),
    ):
        assert codes(list(dom0less.check(data, about))) == ["XA313"]


def test_an_nr_spis_below_irqs(wording: Wording) -> None:
    for xen in VERSIONS[2:]:
        expected = ["XA621"] if xen in SINCE_4_21 else []
        assert codes(xl("irqs = [40]\nnr_spis = 8", context(xen))) == expected
        assert codes(xl("vuart = 'sbsa_uart'\nnr_spis = 0", context(xen))) == expected
        assert codes(xl("irqs = [40]\nnr_spis = 9", context(xen))) == []
    (finding,) = xl("irqs = [40]\nnr_spis = 8", context("4.22"))
    assert finding.replacement == "9"
    wording(finding)


def test_no_guest_has_a_pci_device(wording: Wording) -> None:
    for xen in VERSIONS:
        (finding,) = xl("pci = ['01:00.0', '02:00.0']", context(xen))
        assert (finding.code, finding.effect, finding.prop) == ("XA620", "rejected", "pci")
        assert xl("pci = []", context(xen)) == []
        (ignored,) = xl("pci = '01:00.0'", context(xen))  # xl warns that it is no list
        assert (ignored.code, ignored.effect) == ("XA604", "broken")
        assert ignored.fix.startswith("remove it")
    wording(finding)


def test_a_build_for_an_mpu_assigns_nothing(wording: Wording) -> None:
    built = frozenset({"MPU"})
    for text in ("irqs = [34]", "iomem = ['9010,1']", "dtdev = ['/d@1000']"):
        (finding,) = xl(text, context("4.22", built))
        assert (finding.code, finding.effect) == ("XA747", "rejected")
        wording(finding)
        assert xl(text, context("4.22")) == []
    assert xl("memory = 512", context("4.22", built)) == []
    start = "/dts-v1/; / { passthrough { #address-cells = <2>; #size-cells = <2>; ranges;"
    mapped = blob(f"{start} d {{ xen,reg = <0 0x9010000 0 0x1000 0 0x9010000>; {FORCE} }}; }}; }};")
    (finding,) = dom0less.check(mapped, context("4.22", built))
    assert finding.code == "XA747"
    assert list(dom0less.check(mapped, context("4.22"))) == []
    nothing = blob(f"{start} clock {{ }}; }}; }};")
    assert list(dom0less.check(nothing, context("4.22", built))) == []


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        ("<2 229 4>", ["XA302"]),  # Xen takes it for INTID 245
        ("<2 2 4>", []),  # for PPI 18, and refuses it
        ("<0 229 4>", []),
    ],
)
def test_an_interrupt_of_a_type_that_xen_does_not_know(
    variant: Variant, specifier: str, expected: list[str]
) -> None:
    device = f'd@70000000 {{ compatible = "x"; interrupts = {specifier}; }};'
    tree = variant("qemu", f"&{{/}} {{ {device} }};")
    data = blob(
        "/dts-v1/; / { passthrough { #address-cells = <2>; #size-cells = <2>; ranges;"
        f' d {{ xen,path = "/d@70000000"; xen,reg; {FORCE} }}; }}; }};'
    )
    view = View(read_blob(data), context("4.22", frozenset(), tree))
    assert codes(list(of_other_types(view))) == expected
