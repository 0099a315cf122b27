"""Rules about dom.cfg, alone and against the partial device tree."""

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
from xenassign.linting.guest import config_and_tree
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import domcfg
from xenassign.linting.verdict.context import Context
from xenassign.planning.plan import DomainPlan
from xenassign.xen.board import read_board
from xenassign.xen.releases import release

Board = Callable[[str], Tree]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]


def findings(text: str, board: Board, host: str = "qemu", xen: str = "4.20") -> list[Finding]:
    platform = read_platform(board(host))
    marked = frozenset(node.path for node in platform.tree.nodes())
    context = Context(release(xen), read_board(platform, release(xen)), marked=marked)
    named = text if "device_tree" in text else f"{text}device_tree = 'domu1.dtb'\n"
    return list(domcfg.check(parse(named, "dom.cfg"), context))


ONE_MISTAKE_ONE_FINDING: tuple[tuple[str, str], ...] = (
    ("iomems = ['9010,1']\n", "XA601"),
    ("irq = [34]\n", "XA601"),
    ("irqs = [0x22]\n", "XA602"),
    ("irqs = ['0x22']\n", "XA602"),
    ("irqs = ['a']\n", "XA602"),
    ("irqs = ['']\n", "XA602"),
    ("irqs = [34, 35, 34]\n", "XA319"),
    ("irqs = [34, '34']\n", "XA319"),
    ("iomem = ['0x9010']\n", "XA603"),
    ("iomem = ['9010,0']\n", "XA603"),
    ("iomem = ['9010;1']\n", "XA603"),
    ("iomem = ['9010,1@']\n", "XA603"),
    ("iomem = ['9010,1@zz']\n", "XA603"),
    ("iomem = '9010,1'\n", "XA604"),
    ("irqs = 34\n", "XA604"),
    ("dtdev = '/pl031@9010000'\n", "XA604"),
    ("memory = [512]\n", "XA604"),
    ("kernel = ['a']\n", "XA604"),
    ("dtdev = ['/pl031@9010000']\n", "XA417"),
    ("dtdev = ['/no-such']\n", "XA417"),
    ("llc_colors = ['0-3', 5]\n", "XA622"),
    ("llc_colors = ['all']\n", "XA623"),
    ("llc_colors = ['3-0']\n", "XA623"),
    ("llc_colors = [['0']]\n", "XA623"),
    ("sve = 'hw'\n", "XA622"),
    ("sve = 256\n", "XA622"),
    ("sve = 100\n", "XA623"),
    ("sve = 0\n", "XA623"),
)


def test_one_mistake_one_finding(board: Board, rows: Rows) -> None:
    for text, code in ONE_MISTAKE_ONE_FINDING:
        with rows(text, code):
            found = findings(text, board)
            assert {f.code for f in found} == {code}
            assert all(f.severity == "error" and f.routes == ("xl",) for f in found)


@pytest.mark.parametrize(
    "text",
    [
        "irqs = [34]\n",
        "irqs = ['34']\n",
        "irqs = []\n",
        "iomem = ['9010,1']\n",
        "iomem = ['0x9010,0x1']\n",
        "iomem = ['0X9010,1@0x8000']\n",
        "iomem = [' +9010, 0X1']\n",
        "name = 'a'\nmemory = 512\nvcpus = 2\nkernel = 'k'\nextra = 'x'\n",
        "vif = []\ndisk = ['a,b']\n",
        "llc_colors = []\nsve = 'DISABLED'\n",
        "llc_colors = '0-3'\n",
    ],
)
def test_what_xl_takes_is_no_finding(board: Board, text: str) -> None:
    assert findings(text, board) == []


def test_sve_and_colors_by_release_and_build(board: Board) -> None:
    text = "llc_colors = ['0-3']\nsve = '128'\n"
    for xen, expected in (("4.18", ["XA609", "XA622"]), ("4.20", ["XA622", "XA622"])):
        assert sorted(f.code for f in findings(text, board, xen=xen)) == expected
    context = Context(release("4.20"), None, options=frozenset({"ARM64_SVE", "LLC_COLORING"}))
    assert [f.code for f in domcfg.check(parse(text, "dom.cfg"), context)] == []


@pytest.mark.parametrize(
    ("key", "since"),
    [("nr_spis", "4.19"), ("llc_colors", "4.20"), ("arm_sci", "4.21"), ("virtio", "4.18")],
)
def test_keys_are_known_from_their_release_on(board: Board, key: str, since: str) -> None:
    versions = ["4.17", "4.18", "4.19", "4.20", "4.21", "4.22"]
    for xen in versions:
        known = versions.index(xen) >= versions.index(since)
        value = "type=none" if key == "arm_sci" else "1"
        assert set(codes(findings(f"{key} = '{value}'\n", board, xen=xen))) == (
            set() if known else {"XA609"}
        )


def test_dtdev_of_a_protected_device_is_fine(board: Board) -> None:
    assert codes(findings("dtdev = ['/axi/ethernet@ff0e0000']\n", board, "zynqmp")) == []
    assert set(codes(findings("dtdev = ['/axi/gpu@fd4b0000']\n", board, "zynqmp"))) == {"XA417"}


@pytest.mark.parametrize(
    ("host", "text"), [("qemu", 'passthrough = "enabled"\n'), ("ti", 'passthrough = "enabled"\n')]
)
def test_passthrough_without_an_iommu_is_found(board: Board, host: str, text: str) -> None:
    assert [f for f in findings(text, board, host) if f.effect == "rejected"]


# --- against the partial device tree -------------------------------------------------------------

GOOD_IOMEM = '"0x9010,0x1"'


def crossed(generate: Generate, old: str, new: str) -> list[Finding]:
    files = generate("qemu", "/pl031@9010000")[1]
    text = files["domu1.cfg"].decode()
    assert text.count(old) == 1
    tree = read_blob(files["domu1.dtb"])
    config = parse(text.replace(old, new), "domu1.cfg")
    return list(config_and_tree.check(config, View(tree, Context(release("4.20"), None))))


def test_what_was_generated_agrees(generate: Generate) -> None:
    assert crossed(generate, GOOD_IOMEM, GOOD_IOMEM) == []


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ('"0x9010,0x2"', {("XA220", ("dom0less",))}),
        ('"0x9011,0x1"', {("XA220", ("xl",)), ("XA228", ("xl",))}),
        ('"0x9010,0x1@0x8000"', {("XA220", ("xl",)), ("XA228", ("xl",))}),
    ],
)
def test_iomem_and_xen_reg_disagree(
    generate: Generate, new: str, expected: set[tuple[str, tuple[str, ...]]]
) -> None:
    found = crossed(generate, GOOD_IOMEM, new)
    assert {(f.code, f.routes) for f in found} == expected


def test_iomem_lacks_a_mapping(generate: Generate) -> None:
    found = crossed(generate, f"    {GOOD_IOMEM},\n", "")
    assert [(f.code, f.routes) for f in found] == [("XA220", ("xl",))]


def test_irqs_lack_an_interrupt(generate: Generate, wording: Wording) -> None:
    found = crossed(generate, "    34,\n", "    35,\n")
    assert [f.code for f in found] == ["XA315", "XA326"]
    wording(found[0])
    wording(found[1])


def test_irqs_with_the_number_of_the_spi(generate: Generate, wording: Wording) -> None:
    (found,) = crossed(generate, "    34,\n", "    2,\n")
    assert found.code == "XA325"
    wording(found)


def test_pages_that_no_node_names(generate: Generate) -> None:
    (found,) = crossed(generate, GOOD_IOMEM, f'{GOOD_IOMEM}, "0x9030,0x1"')
    assert (found.code, found.severity) == ("XA228", "warning")


@pytest.mark.parametrize(("pages", "said"), [(0x10, False), (0x10000, True), (0x1000, False)])
def test_pages_that_are_the_size_of_one_below(
    variant: Callable[[str, str], Tree], pages: int, said: bool
) -> None:
    """The registers of a node and of its first child begin at one address."""
    tree = variant(
        "qemu",
        """/ { mfd@c000000 { compatible = "x"; reg = <0 0xc000000 0 0x1000000>;
            #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0xc000000 0x1000000>;
            b@0 { compatible = "y"; reg = <0 0x10000>; };
            a@0 { compatible = "y"; reg = <0 0x1000>; }; }; };""",
    )
    found = set(codes(findings(f"iomem = ['c000,{pages:x}']\n", lambda _: tree)))
    assert ("XA608" in found) is said


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("irqs = [34]\niomem = ['9010,1']\n", "XA612", 1),
        ("memory = 1\nmemory = 2\ndevice_tree = 'a'\n", "XA611", 1),
        ("name = 'a\\061'\n", "XA610", 1),
        ("device_tree = 'a'\niomem = [\n  '9010000,1',\n]\n", "XA608", 3),
        ("device_tree = 'a'\niomem = ['9010,1000']\n", "XA608", 2),
        ("device_tree = 'a'\nirqs = [39]\nvirtio = ['type=virtio,device']\n", "XA308", 2),
        ("device_tree = 'a'\nirqs = [34]\ndisk = ['a,specification=virtio']\n", "XA308", 2),
    ],
)
def test_what_xl_swallows(board: Board, text: str, code: str, line: int) -> None:
    known = read_board(read_platform(board("qemu")), release("4.20"))
    found = domcfg.check(parse(text, "dom.cfg"), Context(release("4.20"), known))
    places = [f.place.line for f in found if f.code == code and f.place]
    assert places == [line]


@pytest.mark.parametrize("entry", ["9030,1,memory", "9030,1@9030,arm_mem_WB"])
def test_a_memory_type_of_iomem_is_one_of_forks(entry: str) -> None:
    text = f"device_tree = 'a'\niomem = ['{entry}', '9030,1,']\n"
    found = [*domcfg.check(parse(text, "dom.cfg"), Context(release("4.20"), None))]
    assert [(f.code, "forks" in f.fix) for f in found] == [("XA603", True), ("XA603", False)]


def test_a_key_of_a_fork_is_named_as_such() -> None:
    text = "device_tree = 'a'\ndt_passthrough_nodes = ['/soc']\n"
    (found,) = domcfg.check(parse(text, "dom.cfg"), Context(release("4.20"), None))
    assert (found.code, found.prop) == ("XA601", "dt_passthrough_nodes")
    assert "xen-troops" in found.message
    assert "/passthrough" in found.fix


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ("", "note"),
        ("ramdisk = '/boot/initrd'\n", "warning"),
        ("extra = 'console=hvc0'\n", "warning"),
    ],
)
def test_a_program_for_the_bare_machine_needs_no_device_tree(more: str, severity: str) -> None:
    text = "kernel = 'uart.bin'\nmemory = 16\nvcpus = 1\niomem = ['9030,1']\n" + more
    context = Context(release("4.20"), None)
    (found,) = (f for f in domcfg.check(parse(text, "dom.cfg"), context) if f.code == "XA612")
    assert found.severity == severity


@pytest.mark.parametrize(
    ("text", "key", "question", "replacement"),
    [
        ("iomems = ['9010,1']\n", "iomems", "did you mean iomem?", "iomem"),
        ("iommu = 1\n", "iommu", "", None),  # two typing errors, and no list
        ("iomems = 1\n", "iomems", "", None),  # no list
        ("pci = ['1']\nvpci = 'ecam'\n", "vpci", "", None),  # set, and a string
        ("vpci = 'ecam'\n", "vpci", "", None),
        ("vpci = ['1']\n", "vpci", "did you mean pci?", "pci"),
        ("pci = ['1']\nvpci = ['2']\n", "vpci", "", None),  # set
        ("memori = 'all'\n", "memori", "", None),  # no number
        ("memori = '512'\n", "memori", "did you mean memory?", "memory"),
        ("nmae = 'x'\n", "nmae", "did you mean name?", "name"),
        ("cpu = '2'\n", "cpu", "did you mean cpus?", "cpus"),
        ("iomems = ['1,1']\niomen = ['2,1']\n", "iomen", "did you mean iomem?", None),  # which?
        ("irq = [34]\nirq = [35]\n", "irq", "did you mean irqs?", None),  # the last counts
        ("dtdev_list = ['/a']\n", "dtdev_list", "did you mean dtdev?", None),  # not one error
    ],
)
def test_a_key_is_corrected_only_if_it_is_certain(
    board: Board, text: str, key: str, question: str, replacement: str | None
) -> None:
    unknown = [f for f in findings(text, board) if f.code == "XA601" and f.prop == key]
    assert unknown
    for finding in unknown:
        assert finding.message.endswith(f"know {key}; {question}" if question else f"know {key}")
        assert finding.replacement == replacement
        assert finding.fix.startswith("correct the name" if question else "remove it")
