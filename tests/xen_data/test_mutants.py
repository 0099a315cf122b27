"""The mutants that Xen is asked about: always the same ones, and every mutation among them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import libfdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xen.mutants import (
    HOST_INTIDS,
    HOST_PAGES,
    HOST_PATHS,
    Mutant,
    XlMutant,
    dom0less_mutants,
    node_mutants,
    usage,
    xl_mutants,
)
from tests.xen.mutants.blob import Blob, RawNode
from tests.xen.mutants.config import CFG, statements
from tests.xen.mutants.node import NODE
from tests.xen.mutants.partial import DOMAIN, PARTIAL, PATH
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError
from xenassign.formats.xlcfg_parser import parse

MANY = 4000  # so many that no mutation can be missing by chance
SOME = 300  # about what the hypervisor is asked about in one run

DEVICES = ("/pl031@9010000", "/pl061@9030000")
RELEASES = pytest.mark.parametrize("xen", ["4.17", "4.20"])
Base = tuple[bytes, str]
T = TypeVar("T")


@pytest.fixture(scope="session")
def base(generate: Callable[..., Any]) -> Callable[[str], Base]:
    """base(xen): the partial device tree and dom.cfg of two devices of QEMU's board."""

    @cache
    def make(xen: str) -> Base:
        _, files, refusals = generate("qemu", *DEVICES, xen=xen)
        assert not refusals
        return files["domu1.dtb"], files["domu1.cfg"].decode()

    return make


@cache
def many(data: bytes) -> list[Mutant]:
    """Mutants of one seed, made once."""
    return dom0less_mutants(data, 1, MANY)


@cache
def many_xl(cfg: str, data: bytes) -> list[XlMutant]:
    """Configurations of one seed, made once."""
    return xl_mutants(cfg, data, 1, MANY)


# ---------------------------------------------------------------------------- the model


def content(tree: Tree) -> list[tuple[str, list[tuple[str, bytes]]]]:
    """Paths and properties in the order of the blob."""
    return [(n.path, [(p.name, p.value) for p in n.properties.values()]) for n in tree.nodes()]


def as_libfdt_reads(data: bytes) -> list[tuple[str, list[tuple[str, bytes]]]]:
    """The same from libfdt."""
    fdt = libfdt.Fdt(data)
    quiet = [libfdt.NOTFOUND]
    found = []
    node, depth = 0, 0
    while node >= 0 and depth >= 0:
        properties = []
        at = fdt.first_property_offset(node, quiet)
        while at >= 0:
            prop = fdt.get_property_by_offset(at)
            properties.append((prop.name, bytes(prop)))
            at = fdt.next_property_offset(at, quiet)
        found.append((fdt.get_path(node), properties))
        node, depth = fdt.next_node(node, depth, quiet)
    return found


def assert_the_model_keeps(data: bytes) -> None:
    written = Blob.read(data).write()
    before, after = read_blob(data), read_blob(written)
    assert content(after) == content(before) == as_libfdt_reads(written)
    assert (after.reservations, after.boot_cpu) == (before.reservations, before.boot_cpu)
    assert Blob.read(written).write() == written


@RELEASES
def test_the_model_keeps_a_partial_tree(base: Callable[[str], Base], xen: str) -> None:
    assert_the_model_keeps(base(xen)[0])


def test_the_model_keeps_every_board(host_files: dict[str, Path]) -> None:
    for path in host_files.values():
        assert_the_model_keeps(path.read_bytes())


PROPERTY_NAMES = st.text("abc,-09", min_size=1, max_size=31)
NAMES = st.from_regex("[abc,-]{1,20}(@[a0,-]{1,20})?", fullmatch=True)
PROPERTIES = (
    st.dictionaries(PROPERTY_NAMES, st.binary(max_size=20), max_size=4).map(dict.items).map(list)
)


def nodes(children: st.SearchStrategy[RawNode]) -> st.SearchStrategy[RawNode]:
    """Nodes with such children, their names all different."""
    siblings = st.lists(children, max_size=3, unique_by=lambda node: node.name)
    return st.builds(RawNode, NAMES, PROPERTIES, siblings)


TREES = st.recursive(st.builds(RawNode, NAMES, PROPERTIES), nodes, max_leaves=8)


@settings(deadline=None)
@given(TREES, st.lists(st.integers(0, 100), max_size=8))
def test_any_tree_is_written_as_it_is_with_or_without_nops(root: RawNode, nops: list[int]) -> None:
    root.name = ""
    tree = read_blob(Blob(root).write())
    wanted = [(place.path, place.node.properties) for place in root.walk()]
    assert content(tree) == wanted
    assert content(read_blob(Blob(root, nops=nops).write())) == wanted


def test_what_the_specification_forbids_can_be_written() -> None:
    twice = RawNode("a", [("p", b"1"), ("p", b"2")], late=[("q", b"")])
    data = Blob(RawNode("", [], [twice, RawNode("a"), RawNode("b", [], [RawNode("c")])])).write()
    assert [path for path, _ in as_libfdt_reads(data)] == ["/", "/a", "/a", "/b", "/b/c"]
    assert as_libfdt_reads(data)[1] == ("/a", [("p", b"1"), ("p", b"2"), ("q", b"")])
    late = Blob(RawNode("", [], [RawNode("a")], late=[("q", b"")])).write()
    assert as_libfdt_reads(late)[0] == ("/", [])
    for forbidden in (data, late):
        with pytest.raises(InputError):
            read_blob(forbidden)


@RELEASES
def test_statements_keep_what_a_configuration_says(base: Callable[[str], Base], xen: str) -> None:
    cfg = base(xen)[1] + 'memory = 256\nkernel = "/k"; vcpus = 1\nextra = "a \\"b\\""\n'

    def values(text: str) -> list[tuple[str, Any]]:
        return [(s.name, str(s.value).partition("line=")[0]) for s in parse(text).statements]

    written = "".join(statement.text() + "\n" for statement in statements(cfg))
    config = parse(written)
    assert values(written) == values(cfg)
    for key in ("irqs", "iomem"):
        before, after = parse(cfg).texts(key), config.texts(key)
        assert [(a.text, a.quoted) for a in after] == [(a.text, a.quoted) for a in before]


# ---------------------------------------------------------------------------- always the same


def test_a_mutant_depends_on_its_seed_and_number_alone(base: Callable[[str], Base]) -> None:
    data, cfg = base("4.20")
    assert dom0less_mutants(data, 1, 40) == many(data)[:40]
    assert dom0less_mutants(data, 2, 40) != many(data)[:40]
    assert xl_mutants(cfg, data, 1, 40) == many_xl(cfg, data)[:40]
    assert xl_mutants(cfg, data, 2, 40) != many_xl(cfg, data)[:40]


_DIGEST = """
import hashlib, sys
from tests.xen.mutants import dom0less_mutants, xl_mutants
data, cfg = open(sys.argv[1], "rb").read(), open(sys.argv[2]).read()
found = repr(dom0less_mutants(data, 5, 200)) + repr(xl_mutants(cfg, data, 5, 200))
print(hashlib.sha256(found.encode()).hexdigest())
"""


def test_hash_order_changes_nothing(
    base: Callable[[str], Base], repository: Path, tmp_path: Path
) -> None:
    data, cfg = base("4.20")
    (tmp_path / "partial.dtb").write_bytes(data)
    (tmp_path / "dom.cfg").write_text(cfg)

    def digest(hash_seed: str) -> str:
        files = [str(tmp_path / name) for name in ("partial.dtb", "dom.cfg")]
        command = [sys.executable, "-c", _DIGEST, *files]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.check_output(command, cwd=repository, env=environment, text=True)

    assert digest("1") == digest("2")


# ---------------------------------------------------------------------------- all of them


def kinds(names: Iterable[str]) -> set[str]:
    """Functions, whichever entries of their tables."""
    return {name.partition(":")[0] for name in names}


@RELEASES
def test_every_dom0less_mutation_is_used(base: Callable[[str], Base], xen: str) -> None:
    every = {mutation.name for mutation in (*DOMAIN.all, *PARTIAL.all)}
    mutants = many(base(xen)[0])
    assert set(usage(mutants)) == every
    assert len(kinds(usage(mutants[:SOME]))) > 0.85 * len(kinds(every))
    changed = {key for mutant in mutants for key in mutant.domain}
    assert changed == {"memory", "nr_spis", "vcpus", "vpl011"}


@RELEASES
def test_every_xl_mutation_is_used(base: Callable[[str], Base], xen: str) -> None:
    data, cfg = base(xen)
    every = {mutation.name for mutation in CFG.all}
    mutants = many_xl(cfg, data)
    assert set(usage(mutants)) == every
    assert len(kinds(usage(mutants[:SOME]))) > 0.85 * len(kinds(every))
    assert {mutant.partial for mutant in mutants} > {None, b"", data}


def test_names_of_mutations_are_unique() -> None:
    for table in (DOMAIN.all + PARTIAL.all, CFG.all):
        names = [mutation.name for mutation in table]
        assert len(set(names)) == len(names)


def test_every_node_of_the_host_is_tried(base: Callable[[str], Base]) -> None:
    sentences = {one for mutant in many(base("4.20")[0]) for one in mutant.what.split("; ")}
    for path in HOST_PATHS:
        assert f"{PATH} of /passthrough/pl031@9010000 is {path}" in sentences or path in DEVICES


def test_what_is_said_about_the_host_is_so(board: Callable[[str], Tree]) -> None:
    tree = board("qemu")
    assert all(tree.find(path) is not None for path in HOST_PATHS)
    blocks = {b.address >> 12: b.size for n in tree.nodes() for b in registers(n).blocks}
    bus = {0xC000}  # platform-bus@c000000: its ranges, not its reg
    assert {page for page, _ in HOST_PAGES} <= blocks.keys() | bus
    specifiers = [node.cells("interrupts") for node in tree.nodes()]
    lines = {cells[1] + 32 for cells in specifiers if cells[:1] == (0,)}
    pcie = {35, 36}  # by the interrupt-map of its host bridge
    assert set(HOST_INTIDS) <= lines | pcie


# ---------------------------------------------------------------------------- sound


def test_nearly_all_mutants_differ_from_their_base_and_each_other(
    base: Callable[[str], Base],
) -> None:
    data, cfg = base("4.20")
    mutants = many(data)
    assert all(mutant.what for mutant in mutants)
    written = Blob.read(data).write()
    assert sum(mutant.data == written and not mutant.domain for mutant in mutants) < MANY / 50
    distinct = {(m.data, tuple(sorted(m.domain.items()))) for m in mutants[:SOME]}
    assert len(distinct) > 0.8 * SOME
    assert len({(m.cfg, m.partial) for m in many_xl(cfg, data)[:SOME]}) > 0.8 * SOME


def refused(read: Callable[[T], object], given: T) -> bool:
    """Whether one of our readers refuses it, with one of our errors."""
    try:
        read(given)
    except InputError:
        return True
    return False


def test_our_readers_read_or_refuse_every_mutant(base: Callable[[str], Base]) -> None:
    """And both happen: a fuzz test of refusals alone would be worth little."""
    data, cfg = base("4.20")
    blobs = [refused(read_blob, mutant.data) for mutant in many(data)]
    texts = [refused(parse, mutant.cfg) for mutant in many_xl(cfg, data)]
    assert 0.05 < sum(blobs) / MANY < 0.5
    assert 0.05 < sum(texts) / MANY < 0.5


@settings(deadline=None, max_examples=50)
@given(seed=st.integers())
def test_any_seed_will_do(base: Callable[[str], Base], seed: int) -> None:
    data, cfg = base("4.17")
    assert len(dom0less_mutants(data, seed, 4)) == 4
    assert len(xl_mutants(cfg, data, seed, 4)) == 4


# ---------------------------------------------------------------------------- a domain's node


def test_mutants_of_a_node(compiled: Callable[[str], Tree]) -> None:
    """They depend on the seed and their number alone, and every mutation is used."""
    module = 'reg = <0 0x49000000 0 0x1000>; compatible = "multiboot,{}", "multiboot,module";'
    kinds = ("kernel", "ramdisk", "device-tree")
    modules = "".join(f"m{n} {{ {module.format(kind)} }};" for n, kind in enumerate(kinds))
    node = f'compatible = "xen,domain"; #address-cells = <2>; cpus = <1>; {modules}'
    root = RawNode.of(compiled(f"/dts-v1/; / {{ chosen {{ domU1 {{ {node} }}; }}; }};").root)
    tree = Blob(root).write()
    found = node_mutants(tree, "/chosen/domU1", 1, MANY)
    assert set(usage(found)) == {mutation.name for mutation in NODE.all}
    assert node_mutants(tree, "/chosen/domU1", 1, 20) == found[:20]
    assert all(read_blob(mutant.tree).find("/chosen") for mutant in found[:SOME])
