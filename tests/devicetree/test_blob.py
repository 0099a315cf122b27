"""Reading blobs: every rule of the reader against a blob that is made by hand to break it."""

from __future__ import annotations

import struct
from pathlib import Path

import libfdt
import pytest

from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree.blob import MAX_DEPTH, read_blob, read_blob_file
from xenassign.devicetree.tree import DevicetreeError, Node, Tree
from xenassign.errors import InputError
from xenassign.reading import MAX_SIZE

BOARDS = sorted(Path(__file__).parents[2].joinpath("fixtures", "host_dtbs").glob("*.dtb"))

HEADER = 40
NOP = struct.pack(">I", 4)
END_NODE = struct.pack(">I", 2)
END = struct.pack(">I", 9)

# Byte offsets of header fields.
TOTALSIZE, STRUCTURE, STRINGS, RESERVED, VERSION, COMPATIBLE = 4, 8, 12, 16, 20, 24
STRINGS_SIZE, STRUCTURE_SIZE = 32, 36


class Blob:
    """A blob that is written token by token: header, reservations, structure, strings.

    The methods that write a token return the byte offset at which it will lie.
    """

    def __init__(self, *reservations: tuple[int, int]) -> None:
        entries = [*reservations, (0, 0)]
        self.reservations = b"".join(struct.pack(">QQ", *entry) for entry in entries)
        self.structure = b""
        self.strings = b""

    def raw(self, data: bytes) -> int:
        at = HEADER + len(self.reservations) + len(self.structure)
        self.structure += data + bytes(-len(data) % 4)
        return at

    def begin(self, name: str | bytes = b"") -> int:
        raw = name.encode() if isinstance(name, str) else name
        return self.raw(struct.pack(">I", 1) + raw + b"\0")

    def prop(self, name: str | bytes, value: bytes = b"") -> int:
        raw = (name.encode() if isinstance(name, str) else name) + b"\0"
        at = self.strings.find(raw)
        if at < 0:
            at = len(self.strings)
            self.strings += raw
        return self.prop_at(at, value)

    def prop_at(self, name_at: int, value: bytes = b"", size: int | None = None) -> int:
        size = len(value) if size is None else size
        return self.raw(struct.pack(">III", 3, size, name_at) + value)

    def end(self) -> int:
        return self.raw(END_NODE)

    def nop(self) -> int:
        return self.raw(NOP)

    def finish(self) -> int:
        return self.raw(END)

    def bytes(self) -> bytes:
        structure = HEADER + len(self.reservations)
        strings = structure + len(self.structure)
        header = struct.pack(
            ">10I",
            0xD00DFEED,
            strings + len(self.strings),
            structure,
            strings,
            HEADER,
            17,
            16,
            0,
            len(self.strings),
            len(self.structure),
        )
        return header + self.reservations + self.structure + self.strings


def plain() -> bytes:
    """A valid blob: a root with a property and a child."""
    blob = Blob()
    blob.begin()
    blob.prop("model", b"plain\0")
    blob.begin("child@1")
    blob.prop("reg", bytes(7) + b"\1")
    blob.end()
    blob.end()
    blob.finish()
    return blob.bytes()


def patched(data: bytes, *fields: tuple[int, int]) -> bytes:
    """The blob with 32-bit fields, given by their byte offsets, set to other values."""
    out = bytearray(data)
    for offset, value in fields:
        struct.pack_into(">I", out, offset, value)
    return bytes(out)


def field(data: bytes, offset: int) -> int:
    value: int = struct.unpack_from(">I", data, offset)[0]
    return value


def complaint(data: bytes) -> str:
    """The message with which a blob is refused, without the file's name: one line."""
    with pytest.raises(DevicetreeError) as caught:
        read_blob(data, "board.dtb")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("board.dtb: ")
    assert "; " in message
    assert caught.value.exit_status == 2
    return message.removeprefix("board.dtb: ")


View = tuple[str, list[tuple[str, bytes]], list["View"]]


def view(node: Node) -> View:
    properties = [(prop.name, prop.value) for prop in node.properties.values()]
    return node.name, properties, [view(child) for child in node.children.values()]


def libfdt_view(data: bytes) -> View:
    blob = libfdt.FdtRo(data)

    def at(node: int) -> View:
        properties: list[tuple[str, bytes]] = []
        offset = blob.first_property_offset(node, libfdt.QUIET_NOTFOUND)
        while offset >= 0:
            prop = blob.get_property_by_offset(offset)
            properties.append((prop.name, bytes(prop)))
            offset = blob.next_property_offset(offset, libfdt.QUIET_NOTFOUND)
        children: list[View] = []
        child = blob.first_subnode(node, libfdt.QUIET_NOTFOUND)
        while child >= 0:
            children.append(at(child))
            child = blob.next_subnode(child, libfdt.QUIET_NOTFOUND)
        return blob.get_name(node), properties, children

    return at(0)


# --- what is read ---


def test_the_builder_of_this_test_makes_blobs_that_libfdt_reads() -> None:
    assert libfdt_view(plain()) == view(read_blob(plain()).root)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_boards_read_as_libfdt_reads_them(path: Path) -> None:
    assert view(read_blob_file(path).root) == libfdt_view(path.read_bytes())


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_offsets_point_at_the_bytes_of_the_blob(path: Path) -> None:
    data = path.read_bytes()
    for node in read_blob(data).nodes():
        name = node.name.encode() + b"\0"
        assert data[node.offset : node.offset + 4 + len(name)] == b"\0\0\0\1" + name
        for prop in node.properties.values():
            assert data[prop.offset : prop.offset + len(prop.value)] == prop.value
            assert data[prop.offset - 12 : prop.offset - 8] == b"\0\0\0\3"


def test_the_file_name_is_kept() -> None:
    assert read_blob(plain(), "board.dtb").file == "board.dtb"


def test_a_tree_of_nothing_but_its_root_is_read() -> None:
    blob = Blob()
    blob.begin()
    blob.end()
    blob.finish()
    tree = read_blob(blob.bytes())
    assert view(tree.root) == ("", [], [])
    assert tree.root.path == "/"


def test_memory_reservations_are_kept_in_order() -> None:
    blob = Blob((0x80000000, 0x10000), (0, 0x1000), (1 << 40, 0))
    blob.begin()
    blob.end()
    blob.finish()
    assert read_blob(blob.bytes()).reservations == (
        (0x80000000, 0x10000),
        (0, 0x1000),
        (1 << 40, 0),
    )


def test_the_boot_cpu_is_kept() -> None:
    assert read_blob(patched(plain(), (28, 0x100))).boot_cpu == 0x100


@pytest.mark.parametrize("trailing", [b"\0", b"\xff" * 4096, b"garbage"])
def test_bytes_behind_the_tree_are_no_error(trailing: bytes) -> None:
    assert view(read_blob(plain() + trailing).root) == view(read_blob(plain()).root)


def test_bytes_of_the_tree_behind_its_blocks_are_no_error() -> None:
    data = plain()
    padded = patched(data, (TOTALSIZE, len(data) + 100)) + bytes(100)
    assert view(read_blob(padded).root) == view(read_blob(data).root)


@pytest.mark.parametrize(
    ("version", "compatible"), [(16, 16), (17, 16), (17, 17), (18, 17), (99, 16)]
)
def test_versions_that_a_reader_of_17_may_read(version: int, compatible: int) -> None:
    data = patched(plain(), (VERSION, version), (COMPATIBLE, compatible))
    assert view(read_blob(data).root) == view(read_blob(plain()).root)


def test_version_16_stores_no_size_of_the_structure_block() -> None:
    data = patched(plain(), (VERSION, 16), (STRUCTURE_SIZE, 0xFFFFFFFF))
    assert view(read_blob(data).root) == view(read_blob(plain()).root)


def test_an_unaligned_value_is_padded_from_the_start_of_the_structure_block() -> None:
    blob = Blob()
    blob.begin()
    for size in range(9):
        blob.prop(f"p{size}", b"x" * size)
    blob.end()
    blob.finish()
    root = read_blob(blob.bytes()).root
    assert [len(prop.value) for prop in root.properties.values()] == list(range(9))


def test_a_name_may_be_the_end_of_another_name() -> None:
    blob = Blob()
    blob.begin()
    blob.prop("linux,phandle", b"\0\0\0\1")
    blob.prop_at(len("linux,"), b"\0\0\0\1")
    blob.end()
    blob.finish()
    assert list(read_blob(blob.bytes()).root.properties) == ["linux,phandle", "phandle"]


def test_one_name_may_be_a_property_and_a_node() -> None:
    blob = Blob()
    blob.begin()
    blob.prop("both")
    blob.begin("both")
    blob.end()
    blob.end()
    blob.finish()
    root = read_blob(blob.bytes()).root
    assert "both" in root.properties
    assert "both" in root.children


# --- FDT_NOP ---

NOP_PLACES = (
    "between-properties",
    "before-end-node",
    "between-nodes",
    "before-subnode",
    "before-end",
    "behind-begin",
)


def with_nops(*places: str) -> bytes:
    blob = Blob()
    pads = dict.fromkeys(places, 2)

    def pad(place: str) -> None:
        for _ in range(pads.get(place, 0)):
            blob.nop()

    pad("before-root")
    blob.begin()
    pad("behind-begin")
    blob.prop("a", b"1")
    pad("between-properties")
    blob.prop("b", b"22")
    pad("before-subnode")
    blob.begin("one")
    pad("before-end-node")
    blob.end()
    pad("between-nodes")
    blob.begin("two")
    blob.prop("c")
    pad("before-end-node")
    blob.end()
    blob.end()
    pad("before-end")
    blob.finish()
    return blob.bytes()


@pytest.mark.parametrize("place", NOP_PLACES)
def test_nops_are_passed_over_as_libfdt_does(place: str) -> None:
    data = with_nops(place)
    assert view(read_blob(data).root) == libfdt_view(data) == libfdt_view(with_nops())


def test_nops_everywhere_at_once() -> None:
    data = with_nops(*NOP_PLACES)
    assert view(read_blob(data).root) == libfdt_view(with_nops())


def test_nops_before_the_root_are_passed_over() -> None:
    # libfdt takes the root to be at offset 0; the specification (section 5.4.1) allows FDT_NOP.
    assert view(read_blob(with_nops("before-root")).root) == libfdt_view(with_nops())


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_board_with_a_node_nopped_out_reads_as_libfdt_reads_it(path: Path) -> None:
    data = path.read_bytes()
    root = read_blob(data).root
    later = list(root.children.values())
    cpus = root.children["cpus"]
    behind = later[later.index(cpus) + 1].offset
    compatible = root.properties["compatible"]
    words = 3 + (len(compatible.value) + 3) // 4
    start = compatible.offset - 12
    data = data[:start] + NOP * words + data[start + 4 * words :]
    data = data[: cpus.offset] + NOP * ((behind - cpus.offset) // 4) + data[behind:]
    tree = read_blob(data)
    assert tree.find("/cpus") is None
    assert not tree.root.has("compatible")
    assert view(tree.root) == libfdt_view(data)


# --- the header ---


@pytest.mark.parametrize("data", [b"", b"\xd0", b"\xd0\x0d\xfe", b"/dts-v1/;\n/ { };\n", bytes(64)])
def test_no_magic(data: bytes) -> None:
    assert complaint(data) == (
        "not a devicetree blob (no magic d00dfeed); give the .dtb that the board boots with"
    )


@pytest.mark.parametrize("size", [4, 36, 39])
def test_a_header_cut_off(size: int) -> None:
    assert complaint(plain()[:size]).startswith(f"byte {size:#x}: the header of 40 bytes is cut")


@pytest.mark.parametrize(("version", "compatible"), [(17, 18), (99, 18), (15, 15), (3, 2), (1, 1)])
def test_versions_that_are_refused(version: int, compatible: int) -> None:
    data = patched(plain(), (VERSION, version), (COMPATIBLE, compatible))
    assert complaint(data) == (
        f"byte 0x14: version {version} (last compatible {compatible}) is not supported;"
        " version 17 is (dtc -V 17)"
    )


def test_totalsize_beyond_the_file() -> None:
    data = plain()
    assert complaint(data[:-1]) == (
        f"byte 0x4: totalsize is {len(data)} bytes but the file has {len(data) - 1};"
        " the file is damaged"
    )


def test_totalsize_below_the_header() -> None:
    assert "byte 0x4: totalsize 39" in complaint(patched(plain(), (TOTALSIZE, 39)))


def test_a_blob_larger_than_any_board() -> None:
    data = patched(plain(), (TOTALSIZE, MAX_SIZE + 8)) + bytes(MAX_SIZE)
    assert complaint(data).startswith(f"byte 0x4: totalsize {MAX_SIZE + 8} is more than {MAX_SIZE}")


@pytest.mark.parametrize(
    ("at", "shift", "what"),
    [
        (STRUCTURE, 2, "structure block at 0x3a is not 4-byte aligned"),
        (STRUCTURE, 1, "structure block at 0x39 is not 4-byte aligned"),
        (RESERVED, 4, "memory reservation block at 0x2c is not 8-byte aligned"),
    ],
)
def test_blocks_off_their_alignment(at: int, shift: int, what: str) -> None:
    data = plain()
    message = complaint(patched(data, (at, field(data, at) + shift)))
    assert message == f"byte {at:#x}: the {what}; the file is damaged"


def test_blocks_outside_of_the_blob(rows: Rows) -> None:
    for at in [STRUCTURE, STRINGS, RESERVED]:
        for offset in [0, 8, 32, 0x10000, 0x7FFFFFF8, 0xFFFFFFF8]:
            for version in [16, 17]:
                with rows(at, offset, version):
                    message = complaint(patched(plain(), (VERSION, version), (at, offset)))
                    if version == 17:
                        assert message.startswith(f"byte {at:#x}: the ")
                        assert "lies outside of" in message
                    assert message.startswith("byte 0x")


@pytest.mark.parametrize(("at", "begin"), [(STRINGS_SIZE, STRINGS), (STRUCTURE_SIZE, STRUCTURE)])
@pytest.mark.parametrize("size", [0x10000, 0xFFFFFFFF])
def test_blocks_that_end_outside_of_the_blob(at: int, begin: int, size: int) -> None:
    message = complaint(patched(plain(), (at, size)))
    assert message.startswith(f"byte {begin:#x}: the ")
    assert "lies outside of" in message


def test_memory_reservations_without_an_end() -> None:
    data = plain()
    data += bytes(-len(data) % 8)
    at = len(data)
    data += struct.pack(">QQ", 0x1000, 0x1000)
    message = complaint(patched(data, (RESERVED, at), (TOTALSIZE, len(data))))
    assert message == (
        f"byte {at + 16:#x}: the memory reservation block has no end; the file is damaged"
    )


# --- the structure block ---


def test_no_root_node() -> None:
    blob = Blob()
    at = blob.finish()
    assert complaint(blob.bytes()) == f"byte {at:#x}: no root node; the file is damaged"


def test_an_empty_structure_block() -> None:
    blob = Blob()
    assert complaint(blob.bytes()).startswith("byte 0x38: the structure block ends without FDT_END")


def test_no_end_token() -> None:
    blob = Blob()
    blob.begin()
    at = blob.end() + 4
    message = complaint(blob.bytes())
    assert message.startswith(f"byte {at:#x}: the structure block ends without FDT_END")


def test_no_end_of_a_node() -> None:
    blob = Blob()
    blob.begin()
    blob.begin("open")
    at = blob.finish()
    assert complaint(blob.bytes()).startswith(f"byte {at:#x} in node /open: FDT_END inside")


def test_the_structure_block_ends_inside_of_a_node() -> None:
    blob = Blob()
    blob.begin()
    blob.begin("open")
    at = blob.nop() + 4
    assert complaint(blob.bytes()).startswith(f"byte {at:#x} in node /open: the structure block")


def test_an_end_of_no_node() -> None:
    blob = Blob()
    blob.begin()
    blob.end()
    at = blob.end()
    blob.finish()
    assert complaint(blob.bytes()).startswith(f"byte {at:#x}: FDT_END_NODE without a node")


def test_a_second_root() -> None:
    blob = Blob()
    blob.begin()
    blob.end()
    at = blob.begin()
    blob.end()
    blob.finish()
    assert complaint(blob.bytes()).startswith(f"byte {at:#x}: a second root node")


@pytest.mark.parametrize("token", [0, 5, 8, 0xFFFFFFFF])
def test_an_unknown_token(token: int) -> None:
    blob = Blob()
    blob.begin()
    blob.begin("here")
    at = blob.raw(struct.pack(">I", token))
    message = complaint(blob.bytes())
    assert message.startswith(f"byte {at:#x} in node /here: unknown token {token:#x}")


def test_a_root_with_a_name() -> None:
    blob = Blob()
    at = blob.begin("root")
    blob.end()
    blob.finish()
    assert complaint(blob.bytes()).startswith(f"byte {at:#x}: the root node has the name 'root'")


#: What a shell, U-Boot, a terminal or source of dtc would interpret, and what is no text.
STRANGE = ";&|<>(){}[]$`'\"\\!~^=:% \t\n\r\x03\x1b\x7f\x9b\xe9\xff"


@pytest.mark.parametrize("name", ["", "a/b", "/", "a@1@2", "@@", "a*", "a#b", "a?", *STRANGE])
def test_what_is_no_node_name(name: str) -> None:
    blob = Blob()
    blob.begin()
    at = blob.begin(name.encode("latin-1"))
    blob.end()
    blob.end()
    blob.finish()
    message = complaint(blob.bytes())
    assert message.startswith(f"byte {at:#x} in node /: {name!r} is not a node name; use ")


@pytest.mark.parametrize("name", ["a@1", "a/b", *STRANGE])
def test_what_is_no_property_name(name: str) -> None:
    blob = Blob()
    blob.begin()
    at = blob.prop(name.encode("latin-1"))
    blob.end()
    blob.finish()
    message = complaint(blob.bytes())
    assert message.startswith(f"byte {at:#x} in node /: {name!r} is not a property name; use ")


def test_every_character_of_the_specification_is_read() -> None:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,._+-"
    blob = Blob()
    blob.begin()
    blob.prop(f"{letters}?#*")
    for name in (letters, f"{letters}@{letters}", "@1", "1@"):
        blob.begin(name)
        blob.end()
    blob.end()
    blob.finish()
    root = read_blob(blob.bytes()).root
    assert list(root.properties) == [f"{letters}?#*"]
    assert list(root.children) == [letters, f"{letters}@{letters}", "@1", "1@"]


def test_a_node_name_without_its_nul() -> None:
    blob = Blob()
    blob.begin()
    at = blob.raw(struct.pack(">I", 1) + b"endless!")
    message = complaint(blob.bytes())
    assert message.startswith(f"byte {at:#x} in node /: a node name without its NUL")


def test_a_node_name_may_not_run_into_the_strings_block() -> None:
    blob = Blob()
    blob.begin()
    blob.prop("compatible")
    blob.raw(struct.pack(">I", 1) + b"endless!")
    assert "a node name without its NUL" in complaint(blob.bytes())


def test_two_nodes_of_one_name() -> None:
    blob = Blob()
    blob.begin()
    blob.begin("bus")
    first = blob.begin("dev@1000")
    blob.end()
    second = blob.begin("dev@1000")
    blob.end()
    blob.end()
    blob.end()
    blob.finish()
    assert complaint(blob.bytes()) == (
        f"byte {second:#x} in node /bus: a second node 'dev@1000'"
        f" (the first is at {first:#x}); the file is damaged"
    )


def test_nesting_up_to_the_limit() -> None:
    blob = Blob()
    blob.begin()
    for depth in range(1, MAX_DEPTH):
        blob.begin(f"n{depth}")
    for _ in range(MAX_DEPTH):
        blob.end()
    blob.finish()
    assert len(list(read_blob(blob.bytes()).nodes())) == MAX_DEPTH == 64


def test_nesting_beyond_the_limit() -> None:
    blob = Blob()
    blob.begin()
    for depth in range(1, MAX_DEPTH):
        blob.begin(f"n{depth}")
    at = blob.begin("too-deep")
    assert complaint(blob.bytes()).startswith(f"byte {at:#x} in node /n1/n2/")
    assert "deeper than" in complaint(blob.bytes())
    assert str(MAX_DEPTH) in complaint(blob.bytes())


# --- properties ---


def test_a_property_before_the_root() -> None:
    blob = Blob()
    at = blob.prop("stray")
    blob.begin()
    blob.end()
    blob.finish()
    assert complaint(blob.bytes()).startswith(f"byte {at:#x}: a property outside of every node")


def test_a_property_behind_the_root() -> None:
    blob = Blob()
    blob.begin()
    blob.end()
    at = blob.prop("stray")
    blob.finish()
    assert complaint(blob.bytes()).startswith(f"byte {at:#x}: a property outside of every node")


def test_a_property_after_a_subnode() -> None:
    blob = Blob()
    blob.begin()
    blob.begin("child")
    blob.end()
    at = blob.prop("late")
    blob.end()
    blob.finish()
    message = complaint(blob.bytes())
    assert message.startswith(f"byte {at:#x} in node /: property 'late' comes after a subnode")


def test_two_properties_of_one_name() -> None:
    blob = Blob()
    blob.begin()
    blob.begin("dev")
    first = blob.prop("reg", b"\0\0\0\1")
    blob.prop("status", b"okay\0")
    second = blob.prop("reg", b"\0\0\0\2")
    blob.end()
    blob.end()
    blob.finish()
    assert complaint(blob.bytes()) == (
        f"byte {second:#x} in node /dev: a second property 'reg'"
        f" (the first is at {first:#x}); the file is damaged"
    )


@pytest.mark.parametrize("size", [13, 0x1000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_value_beyond_the_structure_block(size: int) -> None:
    blob = Blob()
    blob.begin()
    blob.prop("first", b"")
    at = blob.prop_at(0, size=size)
    message = complaint(blob.bytes())
    expected = f"byte {at:#x} in node /: property first of {size} bytes reaches past the end"
    assert message.startswith(expected)


@pytest.mark.parametrize("left", [4, 8])
def test_a_property_cut_off(left: int) -> None:
    blob = Blob()
    blob.begin()
    at = blob.raw(struct.pack(">III", 3, 0, 0)[:left])
    assert complaint(blob.bytes()).startswith(f"byte {at:#x} in node /: a property is cut off")


@pytest.mark.parametrize("name_at", [4, 100, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_name_outside_of_the_strings_block(name_at: int) -> None:
    blob = Blob()
    blob.begin()
    blob.prop("reg")
    at = blob.prop_at(name_at)
    blob.end()
    blob.finish()
    message = complaint(blob.bytes())
    assert message.startswith(f"byte {at:#x} in node /: the property's name at {name_at:#x}")
    assert "outside of the strings" in message


def test_a_property_name_without_its_nul() -> None:
    blob = Blob()
    blob.begin()
    at = blob.prop("reg")
    blob.end()
    blob.finish()
    data = blob.bytes()
    data = patched(data, (STRINGS_SIZE, 3), (TOTALSIZE, len(data) - 1))
    message = complaint(data)
    assert message.startswith(f"byte {at:#x} in node /: a property name without its NUL")


def test_a_property_name_may_not_end_behind_the_strings_block() -> None:
    blob = Blob()
    blob.begin()
    blob.prop("reg")
    blob.end()
    blob.finish()
    data = patched(blob.bytes(), (STRINGS_SIZE, 3)) + bytes(16)
    assert "a property name without its NUL" in complaint(data)


def test_a_property_without_a_name() -> None:
    blob = Blob()
    blob.begin()
    at = blob.prop("")
    blob.end()
    blob.finish()
    message = complaint(blob.bytes())
    assert message.startswith(f"byte {at:#x} in node /: a property without a name")


# --- size ---


def siblings(count: int) -> Tree:
    blob = Blob()
    nodes = (struct.pack(">I", 1) + b"n%07d" % i + bytes(4) + END_NODE for i in range(count))
    blob.begin()
    blob.raw(b"".join(nodes))
    blob.end()
    blob.finish()
    return read_blob(blob.bytes())


def test_a_hundred_thousand_siblings() -> None:
    root = siblings(100_000).root
    assert len(root.children) == 100_000
    assert list(root.children)[::33_333] == ["n0000000", "n0033333", "n0066666", "n0099999"]


def test_overlapping_names_cannot_blow_up_the_tree() -> None:
    # 4,000 properties name the 4,000 ends of one string: 68 kB of blob must not become 8 MB of
    # names, nor 64 MiB of blob tens of terabytes.
    blob = Blob()
    blob.strings = b"x" * 4000 + b"\0"
    blob.begin()
    for at in range(4000):
        blob.prop_at(at)
    blob.end()
    blob.finish()
    data = blob.bytes()
    try:
        root = read_blob(data).root
    except DevicetreeError:
        return
    assert sum(len(name) for name in root.properties) <= 16 * len(data)


# --- files ---


def test_a_file_is_read_with_its_name_in_errors(tmp_path: Path, wording: Wording) -> None:
    path = tmp_path / "damaged.dtb"
    path.write_bytes(plain()[:-1])
    with wording.raises(DevicetreeError):
        read_blob_file(path)


def test_an_empty_file(tmp_path: Path, wording: Wording) -> None:
    path = tmp_path / "empty.dtb"
    path.touch()
    with wording.raises(DevicetreeError):
        read_blob_file(path)


def test_a_missing_file(tmp_path: Path, wording: Wording) -> None:
    with wording.raises(InputError):
        read_blob_file(tmp_path / "none.dtb")


def test_a_directory(tmp_path: Path, wording: Wording) -> None:
    with wording.raises(InputError):
        read_blob_file(tmp_path)


def test_the_tree_keeps_the_bytes_that_it_was_read_from() -> None:
    assert read_blob(plain()).data == plain()
    assert read_blob(plain() + b"behind the tree").data == plain()
    roomy = patched(plain() + bytes(64), (TOTALSIZE, len(plain()) + 64))
    assert read_blob(roomy + b"behind").data == roomy
    assert Tree(Node("")).data is None
    assert "data" not in repr(read_blob(plain()))
