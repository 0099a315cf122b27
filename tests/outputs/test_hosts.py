"""Several boards: the files that serve all of them, the table and the JSON of what differs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.files import write
from xenassign.outputs.hosts import GeneratedHosts, generate_hosts, lines
from xenassign.outputs.report.hosts import SCHEMA, common_files, differ, per_host, show, to_data
from xenassign.outputs.report.plan_json import to_json
from xenassign.request.request import Request
from xenassign.request.system_request import SystemRequest

Variant = Callable[[str, str], Tree]

NET = "/axi/ethernet@ff0e0000"


def hosts(tree: Tree, other: Tree, *devices: str, **options: object) -> GeneratedHosts:
    trees = [Tree(tree.root, "boards/rev1.dtb"), Tree(other.root, "boards/rev2.dts")]
    asked = Request(
        devices=devices,
        policy="trust",
        memory=512,
        xen_console="none",
        **options,  # type: ignore[arg-type]
    )
    return generate_hosts(trees, SystemRequest((asked,)))


@pytest.fixture
def same(variant: Variant) -> GeneratedHosts:
    """Two boards that differ in their model, and in a comment."""
    renamed = '/ { model = "revision */ 2"; };'
    return hosts(variant("zynqmp", ""), variant("zynqmp", renamed), NET)


@pytest.fixture
def moved(variant: Variant) -> GeneratedHosts:
    more = '&{/axi/ethernet@ff0e0000} { reg = <0 0xff0e4000 0 0x1000>; phy-mode = "mii"; };'
    return hosts(variant("zynqmp", ""), variant("zynqmp", more), NET)


def test_boards_that_differ_in_their_model_have_common_files(same: GeneratedHosts) -> None:
    assert same.refusals == []
    assert list(same.files) == ["rev1", "rev2"]
    for name in ("domu1.cfg", "domu1.dts"):
        assert same.files["rev1"][name] != same.files["rev2"][name]
    files, differing = common_files(same.files)
    assert differing == ()
    plans = {"domu1.rev1.json", "domu1.rev2.json"}
    assert set(files) == {*same.files["rev1"], *plans} - {"domu1.json"}
    for name, data in files.items():
        if name not in plans:
            assert data == same.files["rev1"][name]
    assert files["domu1.rev2.json"] == same.files["rev2"]["domu1.json"]


def test_one_board_has_its_files(same: GeneratedHosts) -> None:
    alone = {"rev1": same.files["rev1"]}
    assert common_files(alone) == (same.files["rev1"], ())


def test_what_differs_is_named(moved: GeneratedHosts) -> None:
    assert moved.refusals == []
    files, differing = common_files(moved.files)
    assert files == {}
    assert set(differing) == {"domu1.dtb", "domu1.dts", "domu1.cfg"}
    text = differ(differing, moved.files).text()
    assert text.startswith("error: domu1.dtb, domu1.dts, domu1.cfg cannot be the same for rev1")
    assert text.endswith("[XA022]")
    assert "--per-host" in text


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("a.cfg", "name = 'a' # x\n", "name = 'a'\n", True),
        ("a.cfg", "irqs = [ 1, 2 ]", "irqs = [1,2,]", True),
        ("a.cfg", "irqs = [ 1, 2 ]", "irqs = [2, 1]", False),
        ("a.cfg", "name = '1'", "name = 1", False),
        ("a.dts", "/dts-v1/; / { a; };", "/dts-v1/; /* x */ / { a; };", True),
        ("a.dts", "/dts-v1/; / { a; };", "/dts-v1/; / { b; };", False),
        ("a.dtb", "a", "b", False),
    ],
)
def test_only_comments_may_differ(name: str, one: str, other: str, same: bool) -> None:
    files, differing = common_files({"x": {name: one.encode()}, "y": {name: other.encode()}})
    assert (files == {name: one.encode()}) == same
    assert (differing == (name,)) == (not same)


def test_a_file_that_one_board_lacks_differs() -> None:
    assert common_files({"x": {"a.cfg": b""}, "y": {}}) == ({}, ("a.cfg",))


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_board_whose_folder_would_be_elsewhere(name: str, wording: Wording) -> None:
    """The names of HOST "." and of "...dtb": files would be written beside -o, or into /."""
    with wording.raises(UsageError):
        per_host({name: {"d.dtb": b""}, "b": {}})


def test_a_folder_for_each_board(moved: GeneratedHosts, tmp_path: Path) -> None:
    files = per_host(moved.files)
    assert "rev2/domu1.dtb" in files
    out = tmp_path / "new" / "out"
    write(files, out, overwrite=False)
    for board in ("rev1", "rev2"):
        found = {path.name: path.read_bytes() for path in (out / board).iterdir()}
        assert found == moved.files[board]


def test_the_table(moved: GeneratedHosts) -> None:
    stream = io.StringIO()
    show(moved.plan, stream)
    text = stream.getvalue()
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "0xff0e0000" in text
    assert "0xff0e4000" in text
    assert "rev1" in text
    assert "rev2" in text
    assert "1 of property" in text


def test_no_table_without_differences(same: GeneratedHosts) -> None:
    stream = io.StringIO()
    show(same.plan, stream)
    assert stream.getvalue() == (
        "The same addresses, interrupts, streams, clocks and marks on rev1, rev2.\n"
    )


def test_the_json(moved: GeneratedHosts) -> None:
    data = json.loads(to_json(to_data(moved.plan)))
    assert data["schema"] == SCHEMA
    assert [host["host"] for host in data["hosts"]] == ["rev1", "rev2"]
    assert not any(host["refused"] or host["missing"] for host in data["hosts"])
    rows = {(d["device"], d["what"], d["which"]): d["values"] for d in data["differences"]}
    assert rows[NET, "host address", "block 0"] == [0xFF0E0000, 0xFF0E4000]
    assert rows[NET, "guest address", "block 0"] == [0xFF0E0000, 0xFF0E4000]
    assert rows[NET, "property", "phy-mode"][1] == '"mii"'


def test_a_refusal_of_one_board_leaves_no_files(variant: Variant) -> None:
    gone = (
        "/ { aliases { /delete-property/ ethernet0; }; }; /delete-node/ &{/axi/ethernet@ff0e0000};"
    )
    made = hosts(variant("zynqmp", ""), variant("zynqmp", gone), NET)
    assert made.files == {}
    (line,) = lines(made.refusals)
    assert line.startswith(f"error: -d {NET}: no such node in boards/rev2.dts; did you mean")
    assert [host.refused for host in made.plan.hosts] == [False, True]
    data = to_data(made.plan)
    assert data["hosts"][1]["missing"] == [{"domain": "domu1", "device": NET}]
    stream = io.StringIO()
    show(made.plan, stream)
    assert "missing" in stream.getvalue()
