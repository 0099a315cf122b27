"""The tolerant reader against libfdt: the same headers, nodes and properties in the same order."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import libfdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.devicetree.trees import BOARDS, NAMES
from tests.rows import Rows
from tests.xen.mutants import dom0less_mutants
from tests.xen.mutants.blob import Blob, RawNode
from xenassign.devicetree.blob_writer import assemble
from xenassign.devicetree.flat import MAX_DEPTH, FlatNode, header_problem, read_flat

#: Header fields behind the magic, by name: their byte offsets.
FIELDS = {
    "totalsize": 4,
    "off_dt_struct": 8,
    "off_dt_strings": 12,
    "off_mem_rsvmap": 16,
    "version": 20,
    "last_comp_version": 24,
    "boot_cpuid_phys": 28,
    "size_dt_strings": 32,
    "size_dt_struct": 36,
}
NOP = struct.pack(">I", 4)

SMALL = Blob(
    RawNode(
        "",
        [("model", b"small\0"), ("empty", b"")],
        [
            RawNode("a", [("p", b"1"), ("p", b"22222")], [RawNode("a"), RawNode("b@1")]),
            RawNode("a", [("phandle", b"\0\0\0\7")]),
        ],
    )
).write()


class Walked(NamedTuple):
    """A node as libfdt's functions find it."""

    name: str
    properties: tuple[tuple[str, bytes], ...]
    children: tuple[Walked, ...]


def patched(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + struct.pack(">I", value) + data[at + 4 :]


def raw(name: str) -> str:
    """libfdt's Python module decodes names as UTF-8, the reader as latin-1."""
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def libfdt_accepts(data: bytes) -> bool:
    """fdt_check_header sees no length; Xen and libxl compare the total size with the file's."""
    header = bytearray(data)
    good = libfdt.fdt_check_header(header) == 0 and libfdt.fdt_totalsize(header) <= len(data)
    return bool(good)


def at_offset(fdt: Any, at: int) -> tuple[str, bytes]:
    """A property, without get_property_by_offset: that crashes on a bad name (1.7.2)."""
    data = fdt.as_bytearray()
    start = libfdt.fdt_off_dt_struct(data) + at
    _, size, name_at = struct.unpack_from(">III", data, start)
    name = libfdt.fdt_string(data, name_at) if name_at <= 0x7FFFFFFF else None
    if name is None:
        raise libfdt.FdtException(-libfdt.BADOFFSET)
    return raw(name), bytes(data[start + 12 : start + 12 + size])


def walked(fdt: Any, node: int = 0) -> Walked:
    """Raises FdtException where libfdt gives up."""
    quiet = [libfdt.NOTFOUND]
    properties = []
    at = fdt.first_property_offset(node, quiet)
    while at >= 0:
        properties.append(at_offset(fdt, at))
        at = fdt.next_property_offset(at, quiet)
    children = []
    child = fdt.first_subnode(node, quiet)
    while child >= 0:
        children.append(walked(fdt, child))
        child = fdt.next_subnode(child, quiet)
    return Walked(raw(fdt.get_name(node)), tuple(properties), tuple(children))


def stripped(node: FlatNode) -> Walked:
    return Walked(node.name, node.properties, tuple(stripped(child) for child in node.children))


def has_whole_structure(data: bytes) -> bool:
    """Whether libfdt's tokens are in order from the root's start to the end of the root."""
    fdt = libfdt.Fdt(data)
    node, depth = 0, 0
    while node >= 0 and depth >= 0:
        node, depth = fdt.next_node(node, depth)  # never raises: the error is the offset
    return bool(node >= 0)


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_good_header_has_no_problem(name: str) -> None:
    data = (BOARDS / f"{name}.dtb").read_bytes()
    assert libfdt_accepts(data)
    assert header_problem(data) is None


@pytest.mark.parametrize("magic", [0, 0xEDFE0DD0, 0xD00DFEEC])
def test_another_magic_is_refused(magic: int) -> None:
    data = patched(SMALL, 0, magic)
    assert not libfdt_accepts(data)
    assert header_problem(data) == "it has no magic d00dfeed"


def near(*numbers: int) -> st.SearchStrategy[int]:
    """Numbers where something changes, their neighbours, and any others."""
    edges = {(number + delta) & 0xFFFFFFFF for number in numbers for delta in (-1, 0, 1)}
    return st.sampled_from(sorted(edges)) | st.integers(0, 0xFFFFFFFF)


VALUES = near(0, 2, 3, 16, 17, 28, 32, 36, 40, len(SMALL), 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@settings(deadline=None, max_examples=400)
@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES, min_size=1, max_size=3))
def test_any_header_is_refused_exactly_when_libfdt_refuses_it(fields: dict[str, int]) -> None:
    data = SMALL
    for name, value in fields.items():
        data = patched(data, FIELDS[name], value)
    assert (header_problem(data) is None) == libfdt_accepts(data)


def test_the_versions_that_libfdt_reads_are_read(rows: Rows) -> None:
    for compatible in [0, 2, 16, 17, 18]:
        for version in range(19):
            with rows(compatible, version):
                data = patched(patched(SMALL, FIELDS["version"], version), 24, compatible)
                assert (header_problem(data) is None) == libfdt_accepts(data)


def test_what_is_cut_off_is_refused(rows: Rows) -> None:
    for size in range(len(SMALL)):
        with rows(size):
            assert header_problem(SMALL[:size]) is not None


def test_bytes_behind_the_total_size_do_not_matter() -> None:
    assert header_problem(SMALL + b"more") is None
    assert read_flat(SMALL + b"more") == read_flat(SMALL)


# --- nodes and properties ------------------------------------------------------------------------


def same_as_libfdt(data: bytes) -> None:
    root = read_flat(data)
    assert root is not None
    assert stripped(root) == walked(libfdt.Fdt(data))


@pytest.mark.parametrize("name", NAMES)
def test_a_board_is_read_as_libfdt_reads_it(name: str) -> None:
    same_as_libfdt((BOARDS / f"{name}.dtb").read_bytes())


ODD = {
    "names repeat": RawNode("", [], [RawNode("a", [("p", b"1")]), RawNode("a", [("p", b"2")])]),
    "properties repeat": RawNode("", [("p", b"1"), ("q", b""), ("p", b"2")]),
    "a property behind a subnode": RawNode("", [("p", b"1")], [RawNode("a")], [("q", b"2")]),
    "only behind a subnode": RawNode("", [], [RawNode("a", [], [], [("q", b"")])], [("p", b"")]),
    "no names": RawNode("", [("", b"1")], [RawNode("", [], [RawNode("")])]),
    "names with slashes and blanks": RawNode("", [("a/b c", b"")], [RawNode("x/y z@@1")]),
    "names that are no ASCII": RawNode("", [("\u00e9", b"1")], [RawNode("\u00fc")]),
    "long": RawNode("", [("p" * 300, bytes(5000))], [RawNode("n" * 300)]),
    "values of every length": RawNode("", [(f"p{n}", bytes(n)) for n in range(9)]),
}


@pytest.mark.parametrize("root", ODD.values(), ids=ODD.keys())
def test_what_the_specification_forbids_is_read_as_libfdt_reads_it(root: RawNode) -> None:
    same_as_libfdt(Blob(root).write())


TOKENS = 24  # of SMALL, its end included


def test_nops_are_passed_over(rows: Rows) -> None:
    for at in range(1, TOKENS):
        with rows(at):
            blob = Blob.read(Blob(ODD["values of every length"]).write())
            blob.nops = [at, at, at]
            if not blob.write().startswith(NOP, 56):
                same_as_libfdt(blob.write())


def test_libfdt_finds_nothing_where_a_nop_stands_before_the_root() -> None:
    blob = Blob.read(Blob(RawNode("", [("p", b"")], [RawNode("a")])).write())
    blob.nops = [0]
    fdt = libfdt.Fdt(blob.write())
    assert fdt.first_subnode(0, libfdt.QUIET_ALL) < 0
    assert fdt.first_property_offset(0, libfdt.QUIET_ALL) < 0
    assert read_flat(blob.write()) == FlatNode("", "/", (), ())


def test_every_readable_mutant_is_read_as_libfdt_reads_it(generate: Callable[..., Any]) -> None:
    base = generate("qemu", "/pl031@9010000", "/pl061@9030000")[1]["domu1.dtb"]
    read = 0
    for mutant in dom0less_mutants(base, 7, 1500):
        if header_problem(mutant.data) is not None:
            continue
        root = read_flat(mutant.data)
        if root is None:
            assert not has_whole_structure(mutant.data), mutant.what
        elif mutant.data[struct.unpack_from(">I", mutant.data, 8)[0] :].startswith(NOP):
            assert root == FlatNode("", "/", (), ())
        else:
            assert stripped(root) == walked(libfdt.Fdt(mutant.data)), mutant.what
            read += 1
    assert read > 1000


def test_first_and_last_are_those_of_a_repeated_property() -> None:
    root = read_flat(Blob(ODD["properties repeat"]).write())
    assert root is not None
    assert (root.value("p"), root.last("p")) == (b"1", b"2")
    assert (root.value("none"), root.last("none")) == (None, None)


@pytest.mark.parametrize(
    "properties",
    [
        [],
        [("phandle", b"\0\0\0\7")],
        [("linux,phandle", b"\0\0\0\7")],
        [("linux,phandle", b"\0\0\0\7"), ("phandle", b"\0\0\0\x08")],
        [("phandle", b"\7"), ("linux,phandle", b"\0\0\0\x08")],
        [("phandle", bytes(8))],
        [("phandle", b"\0\0\0\7"), ("phandle", b"\0\0\0\x08")],
    ],
)
def test_a_phandle_is_the_one_that_libfdt_finds(properties: list[tuple[str, bytes]]) -> None:
    data = Blob(RawNode("", properties)).write()
    root = read_flat(data)
    assert root is not None
    assert root.phandle == libfdt.Fdt(data).get_phandle(0)


def test_paths_and_the_order_of_a_walk() -> None:
    root = read_flat(SMALL)
    assert root is not None
    assert [node.path for node in root.walk()] == ["/", "/a", "/a/a", "/a/b@1", "/a"]


# --- damage --------------------------------------------------------------------------------------

CHANGES = st.lists(
    st.tuples(st.integers(40, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=4
)


@settings(deadline=None, max_examples=1000)
@given(CHANGES)
def test_a_damaged_blob_is_none_or_what_libfdt_reads(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(SMALL)
    for at, value in changes:
        damaged[at] = value
    data = bytes(damaged)
    root = read_flat(data)
    if root is None:
        try:
            walked(libfdt.Fdt(data))
        except libfdt.FdtException:
            return
        assert not has_whole_structure(data)
    elif data[56:60] != NOP:
        assert stripped(root) == walked(libfdt.Fdt(data))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.integers(0, len(SMALL)))
def test_nothing_makes_the_reader_raise(noise: bytes, at: int) -> None:
    data = SMALL[:at] + noise
    header = data[:40].ljust(40, b"\0")
    for blob in (data, header + noise):
        if header_problem(blob) is None:
            read_flat(blob)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (struct.pack(">II", 3, 6), struct.pack(">II", 3, 0x7FFFFFFF)),
        (struct.pack(">II", 3, 6), struct.pack(">II", 3, 0xFFFFFFFF)),
        (struct.pack(">II", 3, 6), struct.pack(">II", 5, 6)),
        (struct.pack(">II", 2, 9), struct.pack(">II", 4, 9)),
        (struct.pack(">II", 2, 9), struct.pack(">II", 9, 9)),
    ],
)
def test_damage_of_the_structure_is_none(old: bytes, new: bytes) -> None:
    assert SMALL.count(old) == 1
    data = SMALL.replace(old, new)
    assert header_problem(data) is None
    assert not has_whole_structure(data)
    assert read_flat(data) is None


def test_nodes_that_are_nested_too_deep_are_none() -> None:
    deep = RawNode("deepest")
    for _ in range(300):
        deep = RawNode("n", [], [deep])
    root = RawNode("", [], [deep])
    assert read_flat(Blob(root).write()) is not None
    structure = (struct.pack(">I", 1) + b"n\0\0\0") * 5000
    data = Blob(RawNode("")).write()
    assert read_flat(data[:56] + structure) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"size_dt_struct": 0},
        {"size_dt_struct": 8},
        {"size_dt_strings": 0},
        {"size_dt_strings": 1},
        {"version": 3, "last_comp_version": 2},
        {"version": 15, "last_comp_version": 2},
    ],
    ids=str,
)
def test_what_libfdt_cannot_read_under_a_good_header_is_none(fields: dict[str, int]) -> None:
    data = SMALL
    for name, value in fields.items():
        data = patched(data, FIELDS[name], value)
    assert header_problem(data) is None
    with pytest.raises(libfdt.FdtException):
        walked(libfdt.Fdt(data))
    assert read_flat(data) is None


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 100_000])
def test_nodes_are_followed_to_a_fixed_depth(depth: int) -> None:
    """Whatever the stack holds already: the walks are recursive."""
    begin, end = struct.pack(">II", 1, 0), struct.pack(">I", 2)
    root = read_flat(assemble(begin * depth + end * depth + struct.pack(">I", 9), b"", (), 0))
    assert (root is None) == (depth > MAX_DEPTH)
    assert root is None or len(list(root.walk())) == depth
