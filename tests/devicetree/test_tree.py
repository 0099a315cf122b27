"""The model: typed views of properties, paths, aliases, labels, phandles, status."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wording import Wording
from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.tree import DevicetreeError, Node, Property, PropertyError, Tree
from xenassign.errors import InputError, XenassignError

BOARDS = Path(__file__).parents[2] / "fixtures" / "host_dtbs"


@cache
def board(name: str) -> Tree:
    return read_blob_file(BOARDS / f"{name}.dtb")


def node(name: str, parent: Node | None = None, **properties: bytes) -> Node:
    """A node by hand; underscores of property names are written for dashes."""
    made = Node(name, parent)
    for key, value in properties.items():
        dashed = key.replace("_", "-")
        made.properties[dashed] = Property(dashed, value)
    if parent is not None:
        parent.children[name] = made
    return made


# --- typed views ---


def test_one_cell() -> None:
    assert Property("p", b"\x12\x34\x56\x78").u32() == 0x12345678


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\0\0", b"\0" * 5, b"\0" * 8])
def test_what_is_not_one_cell(value: bytes, wording: Wording) -> None:
    with wording.raises(PropertyError):
        Property("reg-shift", value).u32()


def test_two_cells_as_one_number() -> None:
    assert Property("p", bytes(range(8))).u64() == 0x0001020304050607


@pytest.mark.parametrize("value", [b"", b"\0" * 4, b"\0" * 7, b"\0" * 12])
def test_what_is_not_two_cells(value: bytes, wording: Wording) -> None:
    with wording.raises(PropertyError):
        Property("p", value).u64()


def test_cells() -> None:
    assert Property("p", b"").cells() == ()
    assert Property("p", b"\0\0\0\1\xff\xff\xff\xff").cells() == (1, 0xFFFFFFFF)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_what_is_not_whole_cells(size: int, wording: Wording) -> None:
    with wording.raises(PropertyError):
        Property("p", bytes(size)).cells()


@given(st.lists(st.integers(0, 0xFFFFFFFF)))
def test_cells_of_any_numbers(numbers: list[int]) -> None:
    value = b"".join(number.to_bytes(4, "big") for number in numbers)
    assert Property("p", value).cells() == tuple(numbers)


@pytest.mark.parametrize(
    ("value", "strings"),
    [
        (b"", ()),
        (b"\0", ("",)),
        (b"a\0", ("a",)),
        (b"a\0b c\0", ("a", "b c")),
        (b"a\0\0", ("a", "")),
        ("Grüße\0".encode(), ("Grüße",)),
    ],
)
def test_strings(value: bytes, strings: tuple[str, ...]) -> None:
    assert Property("p", value).strings() == strings


@pytest.mark.parametrize(
    "value",
    [b"a", b"a\0b", b"\xff\0"],
)
def test_what_is_not_strings(value: bytes, wording: Wording) -> None:
    with wording.raises(PropertyError):
        Property("model", value).strings()


def test_the_first_string() -> None:
    assert Property("p", b"first\0second\0").string() == "first"


def test_no_string_at_all(wording: Wording) -> None:
    with wording.raises(PropertyError):
        Property("p", b"").string()


def test_errors_are_input_errors() -> None:
    assert issubclass(PropertyError, DevicetreeError)
    assert issubclass(DevicetreeError, InputError)
    assert issubclass(InputError, XenassignError)


# --- nodes ---


def test_paths_and_lineage() -> None:
    root = node("")
    bus = node("bus@1000", root)
    leaf = node("leaf@0", bus)
    assert root.path == "/"
    assert bus.path == "/bus@1000"
    assert leaf.path == "/bus@1000/leaf@0"
    assert list(leaf.lineage()) == [leaf, bus, root]
    assert list(leaf.ancestors()) == [bus, root]
    assert list(root.ancestors()) == []
    assert repr(leaf) == "<Node /bus@1000/leaf@0>"


def test_base_names() -> None:
    assert node("ethernet@ff0e0000").base_name == "ethernet"
    assert node("timer").base_name == "timer"
    assert node("").base_name == ""


def test_nodes_are_walked_parents_first_in_their_order() -> None:
    root = node("")
    first, second = node("a", root), node("b", root)
    below = node("c", first)
    assert list(root.walk()) == [root, first, below, second]
    assert list(first.walk()) == [first, below]


def test_properties_of_a_node(wording: Wording) -> None:
    made = node("n", empty=b"", number=b"\0\0\0\2", words=b"a\0b\0")
    assert made.has("empty")
    assert not made.has("absent")
    assert made.get("absent") is None
    assert made.cells("absent") == ()
    assert made.cells("number") == (2,)
    assert made.strings("absent") == ()
    assert made.strings("words") == ("a", "b")
    assert made.strings("number") == ()
    assert made.text("words") == "a"
    assert made.text("number") is None
    assert made.text("empty") is None
    with wording.raises(PropertyError):
        node("n", odd=b"abc").cells("odd")


def test_compatible_is_empty_when_absent_or_no_text() -> None:
    assert node("n").compatible == ()
    assert node("n", compatible=b"\1\2\3").compatible == ()
    assert node("n", compatible=b"a,b\0c\0").compatible == ("a,b", "c")


@pytest.mark.parametrize(
    ("status", "available"),
    [
        ("okay", True),
        ("ok", True),
        ("disabled", False),
        ("reserved", False),
        ("fail", False),
        ("fail-sss", False),
        ("OKAY", False),
        ("okay ", False),
    ],
)
def test_status(status: str, available: bool) -> None:
    made = node("n", status=status.encode() + b"\0")
    assert made.available is available
    assert made.status == ("okay" if available else status)


def test_a_node_without_status_is_available() -> None:
    assert node("n").available
    assert node("n").status == "okay"


@pytest.mark.parametrize("value", [b"", b"\0", b"\xff\0"])
def test_a_status_that_says_nothing_is_not_available(value: bytes) -> None:
    # dt_device_is_available and __of_device_is_available: present, but neither okay nor ok.
    assert not node("n", status=value).available


@pytest.mark.parametrize(
    ("path", "available"),
    [
        ("/iommu@f3000000", False),
        ("/iommu@f3100000", True),
        ("/iommu@f3200000", True),
        ("/dev@7d000000", False),
        ("/dev@7d010000", False),
        ("/dev@7d020000", True),
    ],
)
def test_status_on_a_board(path: str, available: bool) -> None:
    found = board("tricky").find(path)
    assert found is not None
    assert found.available is available


@pytest.mark.parametrize(
    ("properties", "phandle"),
    [
        ({}, None),
        ({"phandle": b"\0\0\0\7"}, 7),
        ({"linux,phandle": b"\0\0\0\7"}, 7),
        ({"linux,phandle": b"\0\0\0\1", "phandle": b"\0\0\0\2"}, 2),
        ({"phandle": b"\0\0\0\0"}, None),
        ({"phandle": b"\xff\xff\xff\xff"}, None),
        ({"phandle": b"\xff\xff\xff\xfe"}, 0xFFFFFFFE),
        ({"phandle": b"\0\7"}, None),
        ({"phandle": b""}, None),
    ],
)
def test_phandle_of_a_node(properties: dict[str, bytes], phandle: int | None) -> None:
    made = node("n")
    made.properties.update({name: Property(name, value) for name, value in properties.items()})
    assert made.phandle == phandle


# --- trees ---


def test_find_compares_exactly() -> None:
    tree = board("tricky")
    found = tree.find("/bus@7b000000/ethernet@1000")
    assert found is not None
    assert found.path == "/bus@7b000000/ethernet@1000"
    assert tree.find("/") is tree.root


@pytest.mark.parametrize(
    "path",
    [
        "",
        "bus@7b000000",
        "//",
        "/bus@7b000000/",
        "//bus@7b000000",
        "/bus@7b000000//ethernet@1000",
        "/bus",
        "/BUS@7b000000",
        "/bus@7B000000",
        "/bus@7b000000/ethernet",
        "/nobody",
        "/./bus@7b000000",
    ],
)
def test_find_takes_no_other_spelling(path: str) -> None:
    assert board("tricky").find(path) is None


@pytest.mark.parametrize("path", ["/Bus@7B000000/ETHERNET@1000", "/bus@7b000000/ethernet@1000"])
def test_find_as_xen_does_not_look_at_case(path: str) -> None:
    found = board("tricky").find_as_xen(path)
    assert found is not None
    assert found.path == "/bus@7b000000/ethernet@1000"


@pytest.mark.parametrize(
    "path", ["", "/bus@7b000000/", "//bus@7b000000", "/bus", "bus@7b000000", "/bus@7b000000 "]
)
def test_find_as_xen_compares_the_whole_path(path: str) -> None:
    assert board("tricky").find_as_xen(path) is None


def test_find_as_xen_finds_the_root() -> None:
    assert board("tricky").find_as_xen("/") is board("tricky").root


def test_find_as_xen_takes_the_first_of_several() -> None:
    root = node("")
    first = node("Dev@A0", root)
    second = node("dev@a0", root)
    tree = Tree(root)
    assert tree.find_as_xen("/dev@a0") is first
    assert tree.find("/dev@a0") is second


def test_aliases() -> None:
    aliases = board("tricky").aliases
    assert aliases == {
        "serial0": "/serial@f5000000",
        "ethernet0": "/bus@7b000000/ethernet@1000",
        "ethernet1": "/bus@7c000000/ethernet@1000",
        "i2c0": "/alt@71000000/i2c@0",
        "deep0": "/bus@800000000/fabric@100000/leaf@100001000/uart@9000",
        "ghost0": "/no-such-bus/ghost@0",
    }
    assert board("tricky").find(aliases["ghost0"]) is None


def test_an_alias_that_is_no_path_is_left_out() -> None:
    root = node("")
    node("aliases", root, good=b"/a\0", relative=b"a\0", number=b"\1\2", empty=b"")
    assert Tree(root).aliases == {"good": "/a"}


def test_no_aliases_and_no_labels() -> None:
    tree = Tree(node(""))
    assert tree.aliases == {}
    assert tree.labels == {}
    assert tree.labels_of == {}


def test_labels_lead_to_nodes() -> None:
    tree = board("zynqmp-zcu102")
    assert tree.labels["gem3"] == "/axi/ethernet@ff0e0000"
    assert tree.labels_of["/axi/ethernet@ff0e0000"] == "gem3"
    assert all(tree.find(path) for path in tree.labels.values())


def test_qemu_has_no_labels() -> None:
    assert board("qemu-virt-gicv3").labels == {}


def test_of_two_labels_the_first_names_the_node() -> None:
    root = node("")
    node("__symbols__", root, one=b"/a\0", two=b"/a\0")
    assert Tree(root).labels_of == {"/a": "one"}


def test_phandles_of_qemu() -> None:
    tree = board("qemu-virt-gicv3")
    paths = {phandle: found.path for phandle, found in tree.phandles.items()}
    assert paths == {
        0x8000: "/apb-pclk",
        0x8001: "/cpus/cpu@1",
        0x8002: "/cpus/cpu@0",
        0x8003: "/intc@8000000",
        0x8004: "/intc@8000000/its@8080000",
        0x8005: "/pl061@9030000",
    }


def test_of_two_nodes_with_one_phandle_the_first_counts() -> None:
    root = node("")
    first = node("a", root, phandle=b"\0\0\0\1")
    node("b", root, phandle=b"\0\0\0\1")
    assert Tree(root).phandles == {1: first}
