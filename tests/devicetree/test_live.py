"""Reading live trees: what is read against dtc and the blobs, and what is no tree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wording import Wording
from xenassign.devicetree import live
from xenassign.devicetree.blob import MAX_DEPTH, read_blob
from xenassign.devicetree.live import read_live
from xenassign.devicetree.tree import Node, Property, Tree
from xenassign.errors import InputError

from .directories import content, write

BOARDS = Path(__file__).parents[2] / "fixtures" / "host_dtbs"
NAMES = sorted(path.stem for path in BOARDS.glob("*.dtb"))


def complaint(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_live(str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}")
    assert message.count("; ") == 1
    assert "\n" not in message
    return message.removeprefix(f"{path}")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The directory of a root with one node."""
    (tmp_path / "one").mkdir()
    (tmp_path / "compatible").write_bytes(b"test,board\0")
    (tmp_path / "one" / "reg").write_bytes(bytes(4))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_the_tree_of_the_blob(name: str, tmp_path: Path) -> None:
    blob = read_blob((BOARDS / f"{name}.dtb").read_bytes())
    tree = read_live(str(write(blob, tmp_path / "base")))
    assert content(tree.root) == content(blob.root)
    assert tree.file == str(tmp_path / "base")
    assert not tree.ordered
    assert blob.ordered


@pytest.mark.parametrize("name", NAMES)
def test_dtc_reads_the_same(name: str, tmp_path: Path, dtc: str) -> None:
    folder = write(read_blob((BOARDS / f"{name}.dtb").read_bytes()), tmp_path / "base")
    done = subprocess.run(
        [dtc, "-q", "-f", "-I", "fs", "-O", "dtb", str(folder)], capture_output=True, check=True
    )
    theirs = content(read_blob(done.stdout).root, names=False)
    assert theirs == content(read_live(str(folder)).root, names=False)


def test_a_node_is_not_taken_for_a_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    """Its paths would be those of no tree."""
    write(read_blob((BOARDS / "qemu-virt-gicv3.dtb").read_bytes()), tmp_path / "base")
    for name in ("pl031@9010000", "psci"):
        said = complaint(tmp_path / "base" / name)
        assert said == f": this is the node {name} of a live tree; give the directory of its root"
    monkeypatch.chdir(tmp_path / "base" / "psci")
    with wording.raises(InputError):
        read_live(".")


def test_names_that_are_no_linux_own_stay(small: Path) -> None:
    (small / "name").write_bytes(b"\0")
    (small / "one" / "name").write_bytes(b"another\0")
    (small / "two@1").mkdir()
    (small / "two@1" / "name").write_bytes(b"two\0")
    root = read_live(str(small)).root
    assert not root.has("name")
    assert root.children["one"].text("name") == "another"
    assert not root.children["two@1"].has("name")


def test_a_child_and_a_property_of_one_name(small: Path) -> None:
    (small / "one" / "sub").write_bytes(b"text\0")
    (small / "one" / "sub#1" / "deep").mkdir(parents=True)
    (small / "one" / "sub#1" / "name").write_bytes(b"sub\0")
    one = read_live(str(small)).root.children["one"]
    assert one.text("sub") == "text"
    assert list(one.children) == ["sub"]
    assert list(one.children["sub"].children) == ["deep"]
    assert not one.children["sub"].properties


def test_a_property_that_came_behind_a_child_of_its_name(small: Path) -> None:
    (small / "one#1").write_bytes(b"late\0")
    root = read_live(str(small)).root
    assert root.text("one") == "late"
    assert "one" in root.children


def test_a_hash_that_renames_nothing_stays(small: Path) -> None:
    (small / "reg#1").write_bytes(bytes(4))
    (small / "clock#names").write_bytes(b"x\0")
    root = read_live(str(small)).root
    assert list(root.properties) == ["clock#names", "compatible", "reg#1"]


def test_the_order_is_always_the_same(tmp_path: Path) -> None:
    names = ["b@10", "b@9", "a", "c@200", "b@a", "b", "c@1f"]
    sorted_names = ["a", "b", "b@9", "b@a", "b@10", "c@1f", "c@200"]
    for number, every in enumerate((names, names[::-1])):
        folder = tmp_path / str(number)
        for name in every:
            (folder / name).mkdir(parents=True)
        (folder / "#address-cells").write_bytes(bytes(4))
        root = read_live(str(folder)).root
        assert list(root.children) == sorted_names
        offsets = [node.offset for node in root.walk()]
        assert offsets == sorted(set(offsets))


def test_a_link_to_the_tree_is_followed(small: Path, tmp_path: Path) -> None:
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(small)
    assert read_live(str(link)).root.compatible == ("test,board",)
    assert read_live(f"{small}/").root.compatible == ("test,board",)


@pytest.mark.parametrize("target", [".", "..", "compatible", "nothing"])
def test_links_in_it_are_refused(small: Path, target: str) -> None:
    (small / "one" / "link").symlink_to(target)
    assert complaint(small).startswith("/one/link: a symbolic link; ")


def test_what_is_no_file_is_not_waited_for(small: Path) -> None:
    os.mkfifo(small / "one" / "pipe")
    assert complaint(small).startswith("/one/pipe: neither a file nor a directory; ")


@pytest.mark.parametrize("name", ["a b", "ä", "\udcff", "a\n"])
def test_names_that_no_blob_has(small: Path, name: str, wording: Wording) -> None:
    (small / name).mkdir()
    with wording.raises(InputError):
        read_live(str(small))


def test_two_nodes_of_one_name(small: Path) -> None:
    (small / "two").write_bytes(b"")
    (small / "two#1").mkdir()
    (small / "two#2").mkdir()
    assert complaint(small).startswith("/two#2: a second node 'two'; ")


def test_another_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert complaint(tmp_path) == (
        ": a directory that is not a device tree; give the directory of a live tree"
        " (/proc/device-tree), or a .dtb or .dts file"
    )


def unreadable(monkeypatch: pytest.MonkeyPatch, name: str, error: int) -> None:
    """Opening a file of that name fails."""
    real: Callable[..., int] = os.open

    def fail(path: str, *rest: int, **more: int) -> int:
        if str(path).endswith(name):
            raise OSError(error, os.strerror(error), path)
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", fail)


def test_what_root_alone_may_read(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (small / "one" / "security-key").write_bytes(b"x")
    unreadable(monkeypatch, "security-key", 13)
    assert complaint(small) == "/one/security-key: Permission denied; read the live tree as root"


def test_a_directory_that_others_may_not_list(small: Path) -> None:
    """As a user without rights sees it, for real; root becomes one."""
    folder = small / "one"
    folder.chmod(0)
    above = small
    while os.geteuid() == 0 and above not in (Path("/tmp"), Path("/")):
        above.chmod(0o755)
        above = above.parent
    child = os.fork()
    if not child:
        status = 2
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            read_live(str(small))
        except InputError as error:
            status = int("/one: Permission denied; read the live tree as root" not in str(error))
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    folder.chmod(0o700)


def test_a_file_that_goes_away(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unreadable(monkeypatch, "reg", 2)
    assert complaint(small).startswith("/one/reg: No such file or directory; give ")


def test_limits(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = small
    for _ in range(MAX_DEPTH - 1):
        deep /= "d"
    deep.mkdir(parents=True)
    assert read_live(str(small)).find("/d/d") is not None
    (deep / "d").mkdir()
    assert "deeper than 64 nodes; " in complaint(small)
    (deep / "d").rmdir()
    monkeypatch.setattr(live, "MAX_ENTRIES", 20)
    assert "more than 20 nodes and properties; " in complaint(small)


def test_too_many_bytes(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_SIZE", 1 << 20)
    for number in range(2):
        with (small / f"large-{number}").open("wb") as stream:
            stream.truncate((1 << 19) + 1)
    assert complaint(small).startswith("/large-1: more than 1 MiB up to here; ")


# ---------------------------------------------------------------------------- any tree

_NAME = st.text("abcdefgh019,._+-", min_size=1, max_size=8).filter(lambda n: n not in (".", ".."))
_VALUES = st.dictionaries(_NAME | st.just("name") | st.just("#cells"), st.binary(max_size=9))
_NODE_NAMES = st.one_of(_NAME, st.builds("{}@{}".format, _NAME, _NAME))
_NODES: st.SearchStrategy[object] = st.recursive(
    st.tuples(_VALUES, st.just({})),
    lambda below: st.tuples(_VALUES, st.dictionaries(_NODE_NAMES, below, max_size=4)),
    max_leaves=12,
)


def built(name: str, made: object, parent: Node | None = None) -> Node:
    assert isinstance(made, tuple)
    values, below = made
    node = Node(name, parent)
    node.properties = {key: Property(key, value) for key, value in values.items()}
    for key, child in below.items():
        node.children[key] = built(key, child, node)
    return node


def without_linux_names(node: Node) -> None:
    """What cannot be told from what Linux adds."""
    base, at, _ = node.name.rpartition("@")
    value = node.properties["name"].value if node.has("name") else None
    own = (base if at else node.name).encode() + b"\0"
    if value == own or (node.parent is None and value in (b"", b"/\0")):
        del node.properties["name"]
    for child in node.children.values():
        without_linux_names(child)


@settings(max_examples=150, deadline=None)
@given(made=_NODES)
def test_any_tree_there_and_back(made: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = built("", made)
    root.properties["compatible"] = Property("compatible", b"test,board\0")
    root.children.pop("compatible", None)
    folder = write(Tree(root), tmp_path_factory.mktemp("any") / "base")
    without_linux_names(root)
    assert content(read_live(str(folder)).root) == content(root)
