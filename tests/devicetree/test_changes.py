"""What libfdt finds at a path, judged by libfdt."""

from __future__ import annotations

import libfdt
import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.changes import libfdt_finds_instead
from xenassign.devicetree.draft import DraftNode
from xenassign.devicetree.tree import Tree


def tree(*names: str) -> Tree:
    """A tree with these nodes, each with a ``b@1``, a ``b`` and a ``c`` in it."""
    below = tuple(DraftNode(name) for name in ("b@1", "b", "c"))
    return read_blob(to_blob(DraftNode("", (), tuple(DraftNode(n, (), below) for n in names))))


@pytest.mark.parametrize(
    "names", [("a", "a@1"), ("a@1", "a"), ("ab@1", "a"), ("a@1", "a@12", "a"), ("a", "b@1", "b")]
)
def test_as_libfdt_does(names: tuple[str, ...]) -> None:
    found = tree(*names)
    judge = libfdt.FdtRo(found.data)
    for node in found.nodes():
        path = node.path
        other = libfdt_finds_instead(found, path)
        at = judge.path_offset(path, quiet=[libfdt.FDT_ERR_NOTFOUND])
        right = found.find(path)
        assert right is not None
        offset = right.offset - judge.off_dt_struct()
        assert (at != offset) == (other is not None), path
        if other is not None and other.count("/") == path.count("/"):
            named = found.find(other)
            assert named is not None
            assert at == named.offset - judge.off_dt_struct()


def test_what_is_not_there_is_taken_for_nothing() -> None:
    assert libfdt_finds_instead(tree("a"), "/d") is None
    assert libfdt_finds_instead(tree("a@1"), "/a") == "/a@1"
