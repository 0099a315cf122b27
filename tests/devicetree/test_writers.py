"""Drafts and their two forms: blob and source say the same, to us, to libfdt and to dtc."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import libfdt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dts_form import misformed
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.blob_writer import Strings, to_blob, write_blob
from xenassign.devicetree.draft import (
    Bytes,
    Cells,
    DraftNode,
    DraftProperty,
    Piece,
    Ref,
    Text,
    boolean,
    cells,
    encode,
    from_bytes,
    phandles,
    reads_decimal,
    text,
)
from xenassign.devicetree.source.writer import to_dts
from xenassign.devicetree.tree import DevicetreeError, Node, Property
from xenassign.escape import dts_comment

BOARDS = sorted(Path(__file__).parents[2].joinpath("fixtures", "host_dtbs").glob("*.dtb"))

needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
patient = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

View = tuple[str, list[tuple[str, bytes]], list["View"]]


def view(node: Node) -> View:
    properties = [(prop.name, prop.value) for prop in node.properties.values()]
    return node.name, properties, [view(child) for child in node.children.values()]


def libfdt_view(data: bytes) -> View:
    blob = libfdt.FdtRo(data)

    def offsets(first: Callable[..., int], following: Callable[..., int], at: int) -> Iterator[int]:
        offset = first(at, libfdt.QUIET_NOTFOUND)
        while offset >= 0:
            yield offset
            offset = following(offset, libfdt.QUIET_NOTFOUND)

    def node(at: int) -> View:
        found = offsets(blob.first_property_offset, blob.next_property_offset, at)
        properties = [blob.get_property_by_offset(offset) for offset in found]
        children = offsets(blob.first_subnode, blob.next_subnode, at)
        return (
            blob.get_name(at),
            [(prop.name, bytes(prop)) for prop in properties],
            [node(child) for child in children],
        )

    return node(0)


def dtc(source: str) -> bytes:
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + source
    return done.stdout


def compiled(root: DraftNode) -> View:
    return view(read_blob(dtc(f"/dts-v1/;\n{to_dts(root)}")).root)


def stated(node: DraftNode, numbers: dict[str, int], labelled: bool = True) -> View:
    """What the draft says, without either writer; unless ``labelled`` no node has its phandle."""
    properties = [(prop.name, encode(prop, numbers)) for prop in node.properties]
    if labelled and node.label in numbers:
        properties.append(("phandle", numbers[node.label].to_bytes(4, "big")))
    return node.name, properties, [stated(child, numbers, labelled) for child in node.children]


# --- random drafts ---

# "name" and the phandles have meanings of their own in source and blob.
PROPERTY_NAMES = st.from_regex(r"[A-Za-z0-9,._+*#?-]{1,12}", fullmatch=True).filter(
    lambda name: name not in ("name", "phandle", "linux,phandle")
)
NODE_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9,._+-]{0,10}(@[0-9a-f]{1,8})?", fullmatch=True)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text('"\\\n\t\r\0\x01\x7f0789abcxnX/*', max_size=12),
)
COMMENTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.text('/* \n\\"', max_size=8),
)


def numbers() -> st.SearchStrategy[int]:
    return st.one_of(st.integers(0, 12), st.integers(0, 0xFFFFFFFF))


@st.composite
def drafts(draw: st.DrawFn) -> DraftNode:
    """A draft of at most four levels whose references all lead somewhere."""
    labels: list[str] = []

    def shape(depth: int) -> tuple[str | None, dict[str, object]]:
        label = f"l{len(labels)}" if depth and draw(st.booleans()) else None
        if label:
            labels.append(label)
        names = draw(st.lists(NODE_NAMES, unique=True, max_size=3)) if depth < 3 else []
        return label, {name: shape(depth + 1) for name in names}

    def pieces() -> st.SearchStrategy[list[Piece]]:
        cell: st.SearchStrategy[int | Ref] = numbers()
        if labels:
            cell = st.one_of(numbers(), st.sampled_from(labels).map(Ref))
        group = st.builds(Cells, st.lists(cell, max_size=5).map(tuple), st.booleans())
        strings = st.builds(Text, TEXTS)
        raw = st.builds(Bytes, st.binary(min_size=1, max_size=7))
        return st.lists(st.one_of(group, strings, raw), max_size=4)

    def build(name: str, label: str | None, below: dict[str, object]) -> DraftNode:
        names = draw(st.lists(PROPERTY_NAMES, unique=True, max_size=4))
        notes = st.one_of(st.none(), COMMENTS)
        return DraftNode(
            name,
            tuple(DraftProperty(n, tuple(draw(pieces())), draw(notes)) for n in names),
            tuple(build(n, *child) for n, child in below.items()),  # type: ignore[misc]
            label,
            tuple(draw(st.lists(COMMENTS, max_size=2))),
        )

    label, below = shape(0)
    return build("", label, below)


@pytest.mark.slow
@needs_dtc
@patient
@given(drafts())
def test_blob_and_source_say_what_the_draft_says(root: DraftNode) -> None:
    expected = stated(root, phandles(root))
    blob = to_blob(root)
    assert view(read_blob(blob).root) == expected
    assert libfdt_view(blob) == expected
    assert compiled(root) == expected


@pytest.mark.slow
@needs_dtc
@settings(deadline=None, max_examples=60)
@given(drafts())
def test_the_blob_is_that_of_dtc_byte_for_byte(root: DraftNode) -> None:
    assert to_blob(root) == dtc(f"/dts-v1/;\n{to_dts(root)}")


WORDS = st.integers(0, 2**32 - 1)
#: None of 0 bytes: libfdt's list ends there, the specification's only where the address is 0, too.
RESERVATIONS = st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1)), max_size=3)


@pytest.mark.slow
@patient
@given(drafts(), RESERVATIONS, WORDS)
def test_libfdt_reads_what_is_written(
    root: DraftNode, reservations: list[tuple[int, int]], boot_cpu: int
) -> None:
    numbers = phandles(root)

    def properties(node: DraftNode) -> list[tuple[str, bytes]]:
        return [(prop.name, encode(prop, numbers)) for prop in node.properties]

    data = write_blob(root, properties, reservations, boot_cpu)
    blob = libfdt.FdtRo(data)
    assert blob.totalsize() == len(data)
    assert (blob.version(), blob.last_comp_version()) == (17, 16)
    assert blob.boot_cpuid_phys() == boot_cpu
    entries = [tuple(blob.get_mem_rsv(number)[-2:]) for number in range(blob.num_mem_rsv())]
    assert entries == reservations
    assert libfdt_view(data) == stated(root, numbers, labelled=False)
    ends = blob.off_dt_struct() + blob.size_dt_struct(), len(data) - blob.size_dt_strings()
    assert ends == (blob.off_dt_strings(),) * 2


@settings(deadline=None)
@given(st.binary(max_size=40), st.lists(st.text("ab-", min_size=1, max_size=5), max_size=12))
def test_a_name_is_stored_where_the_strings_first_end_with_it(
    given_block: bytes, names: list[str]
) -> None:
    strings = Strings(given_block)
    offsets = [strings.offset(name) for name in names]
    block = bytes(strings.block)
    assert block.startswith(given_block)
    assert offsets == [block.find(name.encode() + b"\0") for name in names]
    assert len(block) <= len(given_block) + sum(len(name) + 1 for name in set(names))


@settings(deadline=None, max_examples=20)
@given(drafts())
def test_bytes_and_source_are_the_same_every_time(root: DraftNode) -> None:
    assert to_blob(root) == to_blob(root)
    assert to_dts(root) == to_dts(root)


def test_the_header_of_a_blob() -> None:
    data = to_blob(DraftNode("", (text("model", "x"),)))
    words = [int.from_bytes(data[at : at + 4], "big") for at in range(0, 40, 4)]
    assert words[0] == 0xD00DFEED
    assert words[1] == len(data)
    assert words[5:8] == [17, 16, 0]


# --- boards, copied ---


def copied(node: Node) -> DraftNode:
    return DraftNode(
        node.name,
        tuple(from_bytes(prop) for prop in node.properties.values()),
        tuple(copied(child) for child in node.children.values()),
    )


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_copied_board_is_the_same_as_a_blob(path: Path) -> None:
    root = read_blob_file(path).root
    assert view(read_blob(to_blob(copied(root))).root) == view(root)


@needs_dtc
@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_copied_board_is_the_same_as_source(path: Path) -> None:
    root = read_blob_file(path).root
    assert compiled(copied(root)) == view(root)


# --- copying bytes ---


@settings(max_examples=500)
@given(st.one_of(st.binary(max_size=24), st.text(" az~\0", max_size=12).map(str.encode)))
def test_copied_bytes_stay_the_same(value: bytes) -> None:
    assert encode(from_bytes(Property("p", value)), {}) == value


@needs_dtc
@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(max_size=24), max_size=20))
def test_copied_bytes_stay_the_same_through_source(values: list[bytes]) -> None:
    props = [Property(f"p{number}", value) for number, value in enumerate(values)]
    root = DraftNode("", tuple(from_bytes(prop) for prop in props))
    assert compiled(root)[1] == [(prop.name, prop.value) for prop in props]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ranges", b"", DraftProperty("ranges")),
        ("status", b"okay\0", text("status", "okay")),
        ("compatible", b"a,b\0c\0", text("compatible", "a,b", "c")),
        ("reg", b"\0\0\x10\0", cells("reg", 0x1000)),
        ("reg", b"\0\0\0\1", cells("reg", 1, decimal=True)),
        ("clock-frequency", b"\0\x01\0\0", cells("clock-frequency", 0x10000, decimal=True)),
        ("p", b"\0", DraftProperty("p", (Bytes(b"\0"),))),
        ("p", b"ab", DraftProperty("p", (Bytes(b"ab"),))),
        ("p", b"a\0\0", DraftProperty("p", (Bytes(b"a\0\0"),))),
        ("p", b"a\tb\0", cells("p", 0x61096200)),
    ],
)
def test_the_form_of_copied_bytes(name: str, value: bytes, expected: DraftProperty) -> None:
    assert from_bytes(Property(name, value)) == expected


@pytest.mark.parametrize(
    "name",
    [
        "#address-cells",
        "#clock-cells",
        "clock-frequency",
        "max-frequency",
        "bus-width",
        "regulator-min-microvolt",
        "interrupts",
        "fifo-depth",
        "fsl,num-tx-queues",
        "post-power-on-delay-ms",
        "assigned-clock-rates",
    ],
)
def test_names_that_read_decimal(name: str) -> None:
    assert reads_decimal(name)


@pytest.mark.parametrize("name", ["reg", "ranges", "iommus", "xen,reg", "offset", "mask", "clocks"])
def test_names_that_read_hexadecimal(name: str) -> None:
    assert not reads_decimal(name)


# --- phandles ---


def test_phandles_are_numbered_as_references_appear_parents_first() -> None:
    root = DraftNode(
        "",
        (cells("first", Ref("c")),),
        (
            DraftNode(
                "a",
                (cells("p", Ref("b"), Ref("c")),),
                (DraftNode("below", (cells("q", Ref("a")),)),),
                label="a",
            ),
            DraftNode("b", label="b"),
            DraftNode("c", (cells("p", Ref("d")),), label="c"),
            DraftNode("d", label="d"),
            DraftNode("unnamed", label="nobody"),
        ),
    )
    assert phandles(root) == {"c": 1, "b": 2, "a": 3, "d": 4}


def test_a_node_that_nobody_refers_to_has_no_phandle() -> None:
    root = DraftNode("", (), (DraftNode("a", label="a"),))
    assert phandles(root) == {}
    assert view(read_blob(to_blob(root)).root) == ("", [], [("a", [], [])])


@pytest.mark.parametrize("write", [phandles, to_blob, to_dts])
def test_a_reference_to_nothing_is_refused(
    write: Callable[[DraftNode], object], wording: Wording
) -> None:
    root = DraftNode("", (), (DraftNode("dev", (cells("clocks", Ref("ghost")),)),))
    with wording.raises(DevicetreeError):
        write(root)


# --- source ---


def test_how_source_looks() -> None:
    root = DraftNode(
        "",
        (cells("#address-cells", 2, decimal=True),),
        (
            DraftNode(
                "dev@1000",
                (
                    text("compatible", "a,b", "c"),
                    DraftProperty("reg", (Cells((0, 0x1000)), Cells((0, 0x1000)))),
                    cells("clocks", Ref("osc"), comment="24 MHz"),
                    DraftProperty("mac", (Bytes(b"\x02\xff"),)),
                    boolean("dma-coherent"),
                ),
                comments=("the device", "and more"),
            ),
            DraftNode("clock", label="osc"),
        ),
    )
    assert to_dts(root) == (
        "/ {\n"
        "\t#address-cells = <2>;\n"
        "\n"
        "\t/* the device */\n"
        "\t/* and more */\n"
        "\tdev@1000 {\n"
        '\t\tcompatible = "a,b", "c";\n'
        "\t\treg = <0x0 0x1000>, <0x0 0x1000>;\n"
        "\t\t/* 24 MHz */\n"
        "\t\tclocks = <&osc>;\n"
        "\t\tmac = [02 ff];\n"
        "\t\tdma-coherent;\n"
        "\t};\n"
        "\n"
        "\tosc: clock {};\n"
        "};\n"
    )


def test_the_lines_of_a_long_value_are_aligned_with_its_first() -> None:
    reg = tuple(Cells((0, 0x10000000 + number, 0, 0x1000)) for number in range(6))
    ranges = DraftProperty("dma-ranges", (Cells(tuple(range(0x10000000, 0x10000014))),))
    mac = DraftProperty("mac", (Bytes(bytes(60)), Text("x" * 80)))
    dev = DraftNode("dev", (DraftProperty("reg", reg), ranges, mac))
    text = to_dts(DraftNode("", (), (dev,)))
    assert misformed(text) == []
    assert "\t\treg = <0x0 0x10000000 0x0 0x1000>,\n\t\t      <0x0 0x10000001 0x0 " in text
    assert "\t\tdma-ranges = <0x10000000 " in text
    assert " 0x10000005\n\t\t\t      0x10000006 " in text
    assert ' 00\n\t\t       00 00 00 00 00 00 00 00],\n\t\t      "xx' in text


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a/b", "ü", "a{", "a\n"])
def test_names_that_source_cannot_hold_are_refused(name: str, wording: Wording) -> None:
    with wording.raises(DevicetreeError):
        to_dts(DraftNode("", (boolean(name),)))
    if name:  # a node without a name is the root
        with wording.raises(DevicetreeError):
            to_dts(DraftNode("", (), (DraftNode(name),)))


def test_a_label_of_the_root_that_source_cannot_hold_is_refused() -> None:
    with pytest.raises(DevicetreeError):
        to_dts(DraftNode("", label="root"))


@given(st.text())
def test_no_text_ends_its_comment(value: str) -> None:
    line = f"/* {dts_comment(value)} */"
    assert line.find("*/") == len(line) - 2
    assert "/*" not in line[1:]
    assert "\n" not in line


@needs_dtc
@pytest.mark.parametrize(
    "value",
    [
        "",
        '"',
        "\\",
        "\\\\",
        '\\"',
        "\n\r\t\v\f\a\b",
        "\0",
        "\x01" + "7",
        "\x7f",
        "Grüße",
        "😀",
        "'",
        "%s",
    ],
)
def test_strings_survive_source(value: str) -> None:
    root = DraftNode("", (text("p", value, "next"),))
    assert compiled(root)[1] == [("p", value.encode() + b"\0next\0")]
