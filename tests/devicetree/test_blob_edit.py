"""Changed blobs: the bytes that libfdt and fdtput make of the same changes, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import libfdt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree import blob_edit
from xenassign.devicetree.blob import MAX_DEPTH, read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import (
    Bytes,
    DraftNode,
    DraftProperty,
    Ref,
    boolean,
    cells,
    text,
)
from xenassign.devicetree.tree import DevicetreeError, Node
from xenassign.errors import InputError

from .edit_judges import (
    Fdtput,
    by_fdtput,
    by_libfdt,
    bytes_of,
    lines_changed,
    packed,
    zero_padded,
)
from .test_blob import BOARDS as FILES
from .test_blob import (
    COMPATIBLE,
    STRINGS_SIZE,
    STRUCTURE_SIZE,
    TOTALSIZE,
    VERSION,
    Blob,
    field,
    libfdt_view,
    patched,
    plain,
)
from .trees import needs_dtc

needs_fdtput = pytest.mark.skipif(
    shutil.which("fdtput") is None, reason="fdtput is missing: apt-get install device-tree-compiler"
)
each_board = pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)

MARK = boolean("xen,passthrough")
MODULE = DraftNode(
    "module@44000000",
    (
        text("compatible", "multiboot,kernel", "multiboot,module"),
        cells("reg", 0, 0x44000000, 0, 0x1D20A00),
        text("bootargs", "console=hvc0 rw"),
    ),
)
DOMAIN = DraftNode("domU1", (text("compatible", "xen,domain"), cells("cpus", 1)), (MODULE,))
CHOSEN = Change(
    "/chosen",
    (
        text("xen,xen-bootargs", "dom0_mem=512M"),
        cells("#address-cells", 2),
        cells("#size-cells", 2),
    ),
    (DraftNode("module@42000000", MODULE.properties), DOMAIN),
    ("linux,initrd-start", "linux,initrd-end"),
)


def marks(blob: bytes) -> list[Change]:
    """Marks for every second node of a blob."""
    return [Change(node.path, (MARK,)) for node in list(read_blob(blob).nodes())[1::2]]


# ---------------------------------------------------------------------------- nothing to change


@each_board
def test_no_change_gives_the_same_bytes(file: Path) -> None:
    blob = file.read_bytes()
    assert edited(blob, []) == blob


@each_board
def test_what_is_there_already_is_left(file: Path) -> None:
    """Each property set to what it is, each subnode said again, and things dropped that are not."""
    blob = file.read_bytes()
    for node in read_blob(blob).nodes():
        properties = tuple(
            DraftProperty(prop.name, (Bytes(prop.value),)) for prop in node.properties.values()
        )
        children = tuple(drafted(child) for child in node.children.values())
        assert edited(blob, [Change(node.path, properties, children, ("no",), ("no",))]) == blob


def test_a_change_of_a_node_that_is_not_there_and_only_takes_out_changes_nothing() -> None:
    assert edited(plain(), [Change("/chosen", drop=("bootargs",))]) == plain()
    assert edited(plain(), [Change("/chosen", remove=("domU1",))]) == plain()


def test_what_lies_behind_totalsize_is_left_out() -> None:
    assert edited(plain() + b"signature", []) == plain()
    assert edited(plain() + b"signature", [Change("/", (MARK,))]) == edited(
        plain(), [Change("/", (MARK,))]
    )


def test_another_version_or_order_stays_where_nothing_changes() -> None:
    for blob in (version_16(plain()), strings_first(plain())):
        assert edited(blob, [Change("/", (text("model", "plain"),))]) == blob


# ---------------------------------------------------------------------------- as fdtput does


@needs_fdtput
@each_board
def test_marks_as_fdtput_sets_them(file: Path, tmp_path: Path) -> None:
    """xen,passthrough on half of all nodes, one after the other."""
    blob = file.read_bytes()
    judge = Fdtput(blob, tmp_path / "board.dtb")
    for change in marks(blob):
        judge.put(change.path, MARK)
    made = edited(blob, marks(blob))
    assert made == judge.blob()
    assert made != blob
    assert edited(made, marks(blob)) == made


A_VALUE_AS_FDTPUT_SETS_IT: tuple[DraftProperty, ...] = (
    text("model", "a board with a name longer than any of the fixtures has, by far"),
    text("model", "short"),
    text("serial-number", "12345678901"),
    cells("#address-cells", 1),
    cells("xen,static-mem", 0, 0x70000000, 0, 0x8000000),
    cells("handle", 0xFFFFFFFF),
    boolean("dma-coherent"),
    boolean("model"),
)


@needs_fdtput
def test_a_value_as_fdtput_sets_it(tmp_path: Path, rows: Rows) -> None:
    """New and replaced, longer and shorter, names whole and as the end of another's."""
    for file in FILES:
        for prop in A_VALUE_AS_FDTPUT_SETS_IT:
            with rows(file, prop):
                blob = file.read_bytes()
                judge = Fdtput(blob, tmp_path / "board.dtb")
                judge.put("/", prop)
                assert edited(blob, [Change("/", (prop,))]) == zero_padded(judge.blob())


@needs_fdtput
@each_board
def test_values_of_the_same_size_as_fdtput_replaces_them(file: Path) -> None:
    blob = file.read_bytes()
    changes = []
    for node in read_blob(blob).nodes():
        values = {prop.name: bytes(reversed(prop.value)) for prop in node.properties.values()}
        properties = tuple(DraftProperty(name, (Bytes(value),)) for name, value in values.items())
        changes.append(Change(node.path, properties))
    made = edited(blob, changes[:12])
    assert made == by_fdtput(blob, changes[:12])
    assert len(made) == len(blob)
    assert made != blob


@needs_fdtput
@each_board
def test_deletions_as_fdtput_makes_them(file: Path) -> None:
    blob = file.read_bytes()
    tree = read_blob(blob)
    nodes = list(tree.nodes())
    changes = [Change(node.path, drop=tuple(node.properties)[::2]) for node in nodes[:40:3]]
    below = next(node for node in reversed(nodes) if len(node.path.split("/")) > 2)
    assert below.parent is not None
    changes.append(Change(below.parent.path, drop=("absent",), remove=(below.name, "absent")))
    made = edited(blob, changes)
    assert made == by_fdtput(blob, changes)
    assert edited(made, changes) == made


@needs_fdtput
@each_board
def test_the_domains_of_chosen_as_fdtput_makes_them(file: Path) -> None:
    """Several properties, nodes in nodes, in their order; /chosen may be there or not."""
    blob = file.read_bytes()
    changes = [CHOSEN, *marks(blob)[:3]]
    made = edited(blob, changes)
    assert made == zero_padded(by_fdtput(blob, changes))
    assert edited(made, changes) == made


@needs_fdtput
@each_board
def test_a_node_that_is_not_there_is_made_as_fdtput_makes_it(file: Path) -> None:
    blob = file.read_bytes()
    changes = [Change("/empty"), Change("/xen,firmware", (cells("handle", 7),), (DOMAIN,))]
    assert edited(blob, changes) == zero_padded(by_fdtput(blob, [*reversed(changes)]))


# ---------------------------------------------------------------------------- as libfdt does


def test_fdt_nops_stay_where_they_are() -> None:
    """libfdt's own fdt_nop_property and fdt_nop_node make them: before, between and behind."""
    for file in FILES:
        data = bytearray(file.read_bytes())
        fdt = libfdt.Fdt(data)
        for node in list(read_blob(bytes(data)).nodes())[2::7]:
            at = fdt.path_offset(node.path)
            for name in (*node.properties,)[::2]:
                assert libfdt.fdt_nop_property(data, at, name) == 0
            child = fdt.first_subnode(at, libfdt.QUIET_NOTFOUND)
            if child >= 0:
                assert libfdt.fdt_nop_node(data, child) == 0
        blob = bytes(data)
        assert blob != file.read_bytes()
        paths = [node.path for node in read_blob(blob).nodes() if node.path != "/chosen"]
        changes = [Change(path, (MARK,), (DraftNode("new"),)) for path in paths]
        changes += [CHOSEN, *(Change(path, (text("made-by", "us"),)) for path in paths)]
        joined = [
            Change(path, (MARK, text("made-by", "us")), (DraftNode("new"),)) for path in paths
        ]
        assert edited(blob, changes) == edited(blob, [*joined, CHOSEN])
        assert edited(blob, joined) == zero_padded(by_libfdt(blob, joined))


def test_room_behind_the_blocks_stays() -> None:
    """fdtput cuts it off and libfdt fills it; the tree is the same."""
    room = bytes(range(200))
    blob = patched(plain() + room, (TOTALSIZE, len(plain()) + len(room)))
    changes = [Change("/child@1", (MARK, text("x", "abc")), (DOMAIN,))]
    assert edited(blob, changes).endswith(room)
    assert packed(edited(blob, changes)) == edited(plain(), changes)
    assert edited(plain(), changes) == zero_padded(by_libfdt(blob, changes))


def test_a_gap_between_the_blocks_stays() -> None:
    blob = plain()
    strings = field(blob, 12)
    gap = b"gap between"
    blob = patched(
        blob[:strings] + gap + blob[strings:],
        (TOTALSIZE, len(blob) + len(gap)),
        (12, strings + len(gap)),
    )
    made = edited(blob, [Change("/child@1", (MARK,))])
    assert gap in made
    assert packed(made) == edited(plain(), [Change("/child@1", (MARK,))])


def version_16(blob: bytes, room: int = 8) -> bytes:
    """The blob in version 16, which has room where 17 states the size of the structure block."""
    words = (
        (VERSION, 16),
        (COMPATIBLE, 16),
        (STRUCTURE_SIZE, 0xDEADBEEF),
        (TOTALSIZE, len(blob) + room),
    )
    return patched(blob + bytes(room), *words)


def strings_first(blob: bytes) -> bytes:
    """The blob with its strings before its structure, aligned."""
    structure, strings = field(blob, 8), field(blob, 12)
    block = blob[strings:] + bytes(-len(blob[strings:]) % 4)
    out = blob[:structure] + block + blob[structure:strings]
    return patched(
        out, (TOTALSIZE, len(out)), (12, structure), (8, structure + len(block)), (COMPATIBLE, 17)
    )


@each_board
def test_version_16_becomes_17_as_libfdt_makes_it(file: Path) -> None:
    blob = version_16(file.read_bytes())
    made = edited(blob, [Change("/", (MARK,))])
    assert packed(made) == by_libfdt(blob, [Change("/", (MARK,))])
    assert packed(made) == edited(file.read_bytes(), [Change("/", (MARK,))])
    assert field(made, VERSION) == 17
    assert len(made) - len(packed(made)) == 8


@each_board
def test_blocks_in_another_order_are_put_in_order_as_libfdt_does(file: Path) -> None:
    blob = strings_first(file.read_bytes())
    changes = [CHOSEN, Change("/", (MARK,))]
    made = edited(blob, changes)
    assert made == zero_padded(by_libfdt(blob, changes))
    assert made == edited(file.read_bytes(), changes)
    assert edited(made, changes) == made


def test_reservations_behind_the_structure_are_put_before_it() -> None:
    blob = plain()
    blob = patched(blob[:40] + blob[56:] + bytes(16 + -len(blob) % 8), (8, 40), (16, 0))
    strings, end = field(blob, 12) - 16, len(blob) - 16
    blob = patched(blob, (12, strings), (16, end), (TOTALSIZE, len(blob)))
    assert libfdt_view(blob) == libfdt_view(plain())
    made = edited(blob, [Change("/", (MARK,))])
    assert made == by_libfdt(blob, [Change("/", (MARK,))])
    assert made == edited(plain(), [Change("/", (MARK,))])


def test_version_16_with_strings_first() -> None:
    blob = version_16(strings_first(plain()), room=0)
    assert edited(blob, [Change("/", (MARK,))]) == edited(plain(), [Change("/", (MARK,))])


def test_a_newer_version_that_17_may_read_becomes_17() -> None:
    blob = patched(plain(), (VERSION, 18))
    assert edited(blob, [Change("/", (MARK,))]) == by_libfdt(blob, [Change("/", (MARK,))])


# ---------------------------------------------------------------------------- what it says to Linux


@needs_dtc
@each_board
def test_the_source_differs_in_the_lines_asked_for(file: Path) -> None:
    blob = file.read_bytes()
    tree = read_blob(blob)
    asked = [Change(node.path, (MARK,)) for node in tree.nodes() if not node.has(MARK.name)][::5]
    assert lines_changed(blob, edited(blob, asked)) == ["+xen,passthrough;"] * len(asked)
    model = tree.root.text("model")
    change = Change("/", (text("model", "other"), cells("handle", 7)), (DraftNode("new"),))
    lines = lines_changed(blob, edited(blob, [change]))
    wanted = ["+handle = <0x07>;", f'-model = "{model}";', '+model = "other";', "+new {", "+};"]
    assert sorted(line for line in lines if line != "+") == sorted(wanted)


# ---------------------------------------------------------------------------- one by one


def test_a_new_property_is_first_and_several_stand_in_their_order() -> None:
    made = read_blob(edited(plain(), [Change("/", (boolean("b"), boolean("a")))]))
    assert list(made.root.properties) == ["b", "a", "model"]


def test_a_subnode_that_is_replaced_keeps_its_place_and_loses_all_that_it_had() -> None:
    blob = edited(plain(), [Change("/", children=(DOMAIN, MODULE))])
    other = DraftNode("module@44000000", (text("compatible", "multiboot,ramdisk"),))
    made = read_blob(edited(blob, [Change("/", children=(other,))]))
    assert list(made.root.children) == ["domU1", "module@44000000", "child@1"]
    assert list(made.root.children["module@44000000"].properties) == ["compatible"]
    change = Change("/", children=(DraftNode("domU1"), DraftNode("child@1"), DraftNode("new")))
    made = read_blob(edited(blob, [change]))
    assert list(made.root.children) == ["new", "domU1", "module@44000000", "child@1"]
    assert not made.root.children["domU1"].children


@pytest.mark.parametrize(
    "other",
    [
        DraftNode("domU1", DOMAIN.properties[::-1], DOMAIN.children),
        DraftNode("domU1", DOMAIN.properties),
        DraftNode("domU1", DOMAIN.properties, (DraftNode(MODULE.name),)),
        DraftNode("domU1", DOMAIN.properties[:1], DOMAIN.children),
        DraftNode("domU1", DOMAIN.properties, (MODULE, DraftNode("second"))),
        DraftNode("domU1", DOMAIN.properties, (DraftNode("second"), MODULE)),
    ],
)
def test_a_subnode_is_the_same_only_with_all_that_it_has_in_its_order(other: DraftNode) -> None:
    had = DraftNode("domU1", DOMAIN.properties, (MODULE, DraftNode("second")))
    for before in (DOMAIN, had):
        blob = edited(plain(), [Change("/", children=(before,))])
        made = edited(blob, [Change("/", children=(other,))])
        assert made == zero_padded(packed(made))
        assert drafted(read_blob(made).root.children["domU1"]) == plainly(other)


def test_a_subnode_that_is_there_already_is_not_written_anew() -> None:
    """Its FDT_NOPs stay, and so does what stands behind its values."""
    blob = Blob()
    blob.begin()
    blob.begin("child@1")
    blob.nop()
    at = blob.prop("reg", b"abcde")
    blob.nop()
    blob.end()
    blob.end()
    blob.finish()
    data = bytearray(blob.bytes())
    data[at + 12 + 5] = 0xFF
    child = DraftNode("child@1", (DraftProperty("reg", (Bytes(b"abcde"),)),))
    assert edited(bytes(data), [Change("/", children=(child,))]) == data


def test_several_changes_of_a_node_count_as_one() -> None:
    one = [Change("/child@1", (MARK, boolean("a"))), Change("/new", (MARK, boolean("a")))]
    several = [
        Change("/child@1", (boolean("xen,passthrough", "for one reason"),)),
        Change("/new", (MARK,)),
        Change("/child@1", (boolean("xen,passthrough", "for another"), boolean("a"))),
        Change("/new", (boolean("a"),), drop=("b",)),
    ]
    assert edited(plain(), several) == edited(plain(), one)


def test_the_first_name_in_the_strings_block_that_fits_is_used() -> None:
    """As the whole of a string or its end; what was appended serves what comes after it."""
    strings = b"model\0reg\0"
    for names, added in (
        (["el"], b""),
        (["g", "reg"], b""),
        (["linux,phandle", "phandle"], b"linux,phandle\0"),
        (["phandle", "linux,phandle"], b"phandle\0linux,phandle\0"),
    ):
        made = edited(plain(), [Change("/", tuple(boolean(name) for name in names))])
        at = field(made, 12)
        assert made[at : at + field(made, STRINGS_SIZE)] == strings + added
        assert list(read_blob(made).root.properties) == [*names, "model"]


def test_padding_is_zero_where_libfdt_leaves_what_was_there() -> None:
    change = [Change("/child@1", (DraftProperty("reg", (Bytes(b"\xff\xff\xff\xff\xff"),)),))]
    made, theirs = edited(plain(), change), by_libfdt(plain(), change)
    assert b"\xff\xff\xff\xff\xff\0\0\0" in made
    assert made != theirs
    assert made == zero_padded(theirs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([Change("/no/way")], "cannot change /no/way: neither the node nor its parent exists"),
        ([Change("child@1")], "cannot change child@1: neither the node nor its parent exists"),
        ([Change("")], "cannot change : neither the node nor its parent exists"),
        ([Change("/child")], None),
        ([Change("/child@1/")], "'' is not a valid node name"),
        ([Change("//child@1")], "cannot change //child@1: neither the node nor its parent exists"),
        ([Change("/a b", (MARK,))], "'a b' is not a valid node name"),
        ([Change("/", children=(DraftNode("a/b"),))], "'a/b' is not a valid node name"),
        ([Change("/", children=(DraftNode("n\0"),))], "is not a valid node name"),
        ([Change("/", children=(DraftNode("x" * 256),))], "is not a valid node name"),
        ([Change("/", (boolean("a\0b"),))], "not a valid property name"),
        ([Change("/", (boolean(""),))], "not a valid property name"),
        ([Change("/", (boolean("größe"),))], "not a valid property name"),
        ([Change("/", children=(DraftNode("a;b"),))], "'a;b' is not a valid node name"),
        ([Change("/", children=(DraftNode("a@1@2"),))], "'a@1@2' is not a valid node name"),
        ([Change("/", (boolean("a@1"),))], "not a valid property name"),
        ([Change("/", (cells("clocks", Ref("clk")),))], "it refers to a label"),
        ([Change("/", (MARK,), drop=("xen,passthrough",))], "'xen,passthrough' is named twice"),
        ([Change("/", (cells("a", 1), cells("a", 2)))], "'a' is named twice"),
        ([Change("/", children=(DraftNode("a"), DraftNode("a", (MARK,))))], "'a' is named twice"),
        ([Change("/", children=(DraftNode("a"),), remove=("a",))], "'a' is named twice"),
        ([Change("/", children=(DraftNode("a", (MARK, MARK)),))], "'xen,passthrough' is named"),
        ([Change("/", children=(DraftNode("a", (), (DraftNode("b"),) * 2),))], "'b' is named"),
        ([Change("/child@1", (MARK,)), Change("/", remove=("child@1",))], "another change"),
        ([Change("/", children=(DraftNode("child@1"),)), Change("/child@1/x")], "another change"),
    ],
)
def test_what_cannot_be_done_is_refused(changes: list[Change], message: str | None) -> None:
    if message is None:  # libfdt would take /child@1 for it; here paths are exact
        assert "child" in read_blob(edited(plain(), changes, "board.dtb")).root.children
        return
    with pytest.raises(DevicetreeError) as caught:
        edited(plain(), changes, "board.dtb")
    told = str(caught.value)
    assert told.startswith("board.dtb: cannot ")
    assert message in told
    assert "; " in told
    assert "\n" not in told


def nested(levels: int) -> DraftNode:
    node = DraftNode("n")
    for _ in range(levels - 1):
        node = DraftNode("n", (), (node,))
    return node


def test_nothing_is_made_that_the_reader_does_not_read(wording: Wording) -> None:
    read_blob(edited(plain(), [Change("/", children=(nested(MAX_DEPTH - 1),))]))
    with wording.raises(DevicetreeError):
        edited(plain(), [Change("/", children=(nested(MAX_DEPTH),))])


def test_a_tree_that_grows_too_large_is_refused(
    monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    change = [Change("/", (DraftProperty("a", (Bytes(bytes(100)),)),))]
    size = len(edited(plain(), change))
    monkeypatch.setattr(blob_edit, "MAX_SIZE", size)
    edited(plain(), change)
    monkeypatch.setattr(blob_edit, "MAX_SIZE", size - 1)
    with wording.raises(DevicetreeError):
        edited(plain(), change)


@settings(deadline=None, max_examples=300, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, len(plain()) - 1), st.integers(0, 255)), max_size=4))
def test_damaged_blobs_are_refused_or_changed(damage: list[tuple[int, int]]) -> None:
    blob = bytearray(plain())
    for at, byte in damage:
        blob[at] = byte
    changes = [Change("/", (MARK,), (DOMAIN,), ("model",))]
    try:
        tree = read_blob(bytes(blob))
    except InputError:
        with pytest.raises(InputError):
            edited(bytes(blob), changes)
        return
    made = read_blob(edited(bytes(blob), changes))
    assert next(iter(made.root.properties)) == "xen,passthrough"
    assert list(made.root.children) == ["domU1", *tree.root.children]


# ---------------------------------------------------------------------------- by chance


class Model(NamedTuple):
    """A tree as plain data, for the expectation: what edited() should come to."""

    name: str
    properties: dict[str, bytes]
    children: list[Model]


def model_of(draft: DraftNode) -> Model:
    properties = {prop.name: bytes_of(prop) for prop in draft.properties}
    return Model(draft.name, properties, [model_of(child) for child in draft.children])


def changed(model: Model, path: tuple[str, ...], change: Change) -> Model:
    """The model with a change of the node of a path below it."""
    if path:
        children = [
            changed(child, path[1:], change) if child.name == path[0] else child
            for child in model.children
        ]
        if path[0] not in [child.name for child in children]:
            children.insert(0, model_of(DraftNode(path[0], change.properties, change.children)))
        return Model(model.name, model.properties, children)
    wanted = {prop.name: bytes_of(prop) for prop in change.properties}
    new = {name: value for name, value in wanted.items() if name not in model.properties}
    properties = {**new, **{name: wanted.get(name, old) for name, old in model.properties.items()}}
    drafts = {draft.name: model_of(draft) for draft in change.children}
    had = [child.name for child in model.children]
    children = [drafts[name] for name in drafts if name not in had]
    children += [drafts.get(child.name, child) for child in model.children]
    return Model(
        model.name,
        {name: value for name, value in properties.items() if name not in change.drop},
        [child for child in children if child.name not in change.remove],
    )


def as_view(model: Model) -> object:
    return model.name, list(model.properties.items()), [as_view(child) for child in model.children]


# Names that are ends of others; no node name is another's without its unit address, since libfdt
# takes the one for the other.
PROPERTY_NAMES = st.sampled_from(["reg", "x-reg", "g", "handle", "phandle", "linux,phandle", "n"])
NODE_NAMES = st.sampled_from(["a", "b@1", "b@22", "node", "long-name@1234"])
VALUES = st.binary(max_size=9)
NAMES_DRAWN = st.lists(NODE_NAMES, max_size=3, unique=True)
DROPPED = st.lists(PROPERTY_NAMES, max_size=3, unique=True)


@st.composite
def properties_drawn(draw: st.DrawFn) -> tuple[DraftProperty, ...]:
    named = draw(st.dictionaries(PROPERTY_NAMES, VALUES, max_size=3))
    return tuple(
        DraftProperty(name, (Bytes(value),) if value else ()) for name, value in named.items()
    )


@st.composite
def drafts_drawn(draw: st.DrawFn, depth: int = 2) -> DraftNode:
    names = draw(NAMES_DRAWN) if depth else []
    drafts = [draw(drafts_drawn(depth=depth - 1)) for _ in names]
    children = tuple(
        DraftNode(name, draft.properties, draft.children)
        for name, draft in zip(names, drafts, strict=True)
    )
    return DraftNode("", draw(properties_drawn()), children)


class Given(NamedTuple):
    """A blob, its tree, and changes that do not contradict each other."""

    blob: bytes
    tree: DraftNode
    changes: list[Change]


@st.composite
def children_drawn(draw: st.DrawFn, names: list[str]) -> tuple[DraftNode, ...]:
    drafts = [(name, draw(drafts_drawn(depth=1))) for name in names]
    return tuple(DraftNode(name, draft.properties, draft.children) for name, draft in drafts)


@st.composite
def given_drawn(draw: st.DrawFn, replacing: bool = True) -> Given:
    """Some nodes are changed; in the place of others, one below them that is not there."""
    tree = draw(drafts_drawn())
    blob = draw(blobs_drawn(tree))
    nodes = draw(st.permutations(list(read_blob(blob).nodes())))[: draw(st.integers(1, 4))]
    busy = [f"{node.path}/" for node in nodes]
    changes = []
    for node in nodes:
        top = node.path.rstrip("/")
        properties = draw(properties_drawn())
        fresh = [name for name in draw(NAMES_DRAWN) if name not in node.children]
        if draw(st.sampled_from([False, False, True])):
            changes.append(Change(f"{top}/made", properties, draw(children_drawn(fresh))))
            continue
        free = [
            name
            for name in node.children
            if not any(path.startswith(f"{top}/{name}/") for path in busy)
        ]
        some = draw(st.lists(st.sampled_from(free), unique=True)) if free else []
        removed, replaced = some[::2], some[1::2] if replacing else []
        children = draw(children_drawn([*replaced, *fresh]))
        names = {prop.name for prop in properties}
        drop = [name for name in draw(DROPPED) if name not in names]
        changes.append(Change(node.path, properties, children, tuple(drop), tuple(removed)))
    return Given(blob, tree, changes)


@st.composite
def blobs_drawn(draw: st.DrawFn, tree: DraftNode) -> bytes:
    """A blob of a tree, with FDT_NOPs, reservations, and a boot CPU."""
    blob = Blob(*draw(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 99)), max_size=2)))

    def nops() -> None:
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            blob.nop()

    def node(draft: DraftNode) -> None:
        blob.begin(draft.name)
        for prop in draft.properties:
            nops()
            blob.prop(prop.name, bytes_of(prop))
        for child in draft.children:
            nops()
            node(child)
        nops()
        blob.end()

    node(tree)  # libfdt knows no FDT_NOP before it
    nops()
    blob.finish()
    return patched(blob.bytes(), (28, draw(st.integers(0, 3))))


#: How many other changes to try, as in test_source_chance.py.
_OTHERS = int(os.environ.get("XENASSIGN_CHANCE", "0"))
by_chance = settings(
    deadline=None,
    max_examples=_OTHERS or 100,
    derandomize=not _OTHERS,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@by_chance
@given(given_drawn())
def test_the_changed_tree_is_the_one_foretold(case: Given) -> None:
    """By a model of plain data; libfdt reads the blob. A second time nothing changes."""
    made = edited(case.blob, case.changes)
    wanted = model_of(case.tree)
    for change in case.changes:
        wanted = changed(wanted, tuple(filter(None, change.path.split("/"))), change)
    assert libfdt_view(made) == as_view(wanted)
    assert read_blob(made).reservations == read_blob(case.blob).reservations
    assert read_blob(made).boot_cpu == read_blob(case.blob).boot_cpu
    assert edited(made, case.changes) == made


@by_chance
@given(given_drawn(replacing=False))
def test_the_bytes_are_those_of_libfdt(case: Given) -> None:
    assert edited(case.blob, case.changes) == zero_padded(by_libfdt(case.blob, case.changes))


@by_chance
@given(given_drawn(), st.binary(max_size=20), st.booleans(), st.booleans())
def test_any_layout_of_the_blocks_says_the_same(
    case: Given, room: bytes, old: bool, misordered: bool
) -> None:
    blob = patched(case.blob + room, (TOTALSIZE, len(case.blob) + len(room)))
    if misordered:
        blob = strings_first(blob)
    if old:
        blob = version_16(blob)
    made = edited(blob, case.changes)
    assert libfdt_view(made) == libfdt_view(edited(case.blob, case.changes))
    if made == blob:
        return
    if misordered:
        assert made == edited(case.blob, case.changes)
    else:
        assert made.endswith(room + bytes(8) if old else room)
        assert packed(made) == edited(case.blob, case.changes)


# ---------------------------------------------------------------------------- drafts of nodes


def drafted(node: Node) -> DraftNode:
    """A node as a draft of bytes."""
    properties = tuple(
        DraftProperty(prop.name, (Bytes(prop.value),)) for prop in node.properties.values()
    )
    return DraftNode(node.name, properties, tuple(map(drafted, node.children.values())))


def plainly(draft: DraftNode) -> DraftNode:
    """A draft with its values as bytes."""
    properties = tuple(
        DraftProperty(prop.name, (Bytes(bytes_of(prop)),)) for prop in draft.properties
    )
    return DraftNode(draft.name, properties, tuple(map(plainly, draft.children)))
