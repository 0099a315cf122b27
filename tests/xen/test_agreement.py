"""Our verdict is the hypervisor's, on files that xenassign wrote and that were then damaged.

``python -m tests.xen.agreement`` runs more of them. Each commit has a seed of its own
(tests/seed.py): XENASSIGN_SEED repeats that of another run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from xenassign.devicetree.flat import read_flat
from xenassign.linting.verdict.guest_tree_size import guest_tree_bytes
from xenassign.linting.verdict.predict import predict_dom0less, rejecting

from ..seed import seed
from .agreement import Disagreement, context, dom0less, domain_node, foretold, host_of, xl
from .boot import Domain, System, boot_system, system, verdicts
from .conftest import Compared
from .machine import Machine
from .mutants.blob import Blob, cells_of
from .rejections import partial


def all_agree(found: Iterable[Disagreement | None], count: int, compared: Compared) -> None:
    answers = list(found)
    assert len(answers) == count
    compared(count, [answer.text() for answer in answers if answer is not None])


@pytest.mark.parametrize(("board", "count"), [("virt", 300), ("devices", 100), ("smmu", 100)])
def test_dom0less(dom0less_machine: Machine, board: str, count: int, compared: Compared) -> None:
    all_agree(dom0less(dom0less_machine, board, seed().number, count), count, compared)


@pytest.mark.parametrize(("board", "count"), [("virt", 60), ("devices", 30), ("smmu", 30)])
def test_xl(machine: Machine, board: str, count: int, compared: Compared) -> None:
    all_agree(xl(machine, board, seed().number, count), count, compared)


def test_domain_node(dom0less_machine: Machine, compared: Compared) -> None:
    all_agree(domain_node(dom0less_machine, seed().number, 150), 150, compared)


@pytest.mark.parametrize("machine", ["bookworm"], indirect=True)
@pytest.mark.parametrize("vpl011", [True, False])
def test_the_last_bytes_of_a_guests_tree(
    machine: Machine, vpl011: bool, compared: Compared
) -> None:
    """At the end of the buffer that Xen 4.17 has for it, in steps of 4 bytes.

    Where the last property of Xen's own UART does not fit, Xen goes on without it: a tree that is
    too large is accepted again when it is somewhat larger.
    """
    domain, host = Domain(vpl011=vpl011), host_of("virt")
    asked = context(machine, domain, host)
    root = read_flat(partial("large;"))
    assert root is not None
    room = asked.release.dom0less_tree_bytes - guest_tree_bytes(root, asked)
    trees = [partial(f"large = [{'00' * (room + more)}];") for more in range(-12, 40, 4)]
    xens = [bool(o.message) for o in verdicts(machine, [(tree, host, domain) for tree in trees])]
    ours = [bool(rejecting(predict_dom0less(tree, asked), "dom0less")) for tree in trees]
    changes = sum(before != after for before, after in pairwise(xens))
    assert changes == (3 if vpl011 else 1)
    compared(len(trees), [str((xens, ours))] if xens != ours else [])


#: For a Xen that is built with it.
SHARED = """shm@50000000 {
    compatible = "xen,domain-shared-memory-v1";
    xen,shm-id = "shared";
    xen,shared-mem = <0 0x50000000 0 0x10000000 0 0x200000>;
};"""


@pytest.mark.parametrize(
    ("domain", "ramdisk"),
    [
        (Domain(), True),
        (Domain(vpl011=False), False),
        (Domain(more="xen,enhanced;", beside_dom0=True), True),
    ],
    ids=["plain", "without UART and ramdisk", "with PV interfaces and shared memory"],
)
def test_the_last_bytes_without_a_partial_tree(
    dom0less_machine: Machine, domain: Domain, ramdisk: bool, compared: Compared
) -> None:
    """The nodes that Xen adds itself fill the buffer: with many vCPUs, and a long command line."""
    if domain.more and "STATIC_SHM" in dom0less_machine.options:
        domain = replace(domain, more=domain.more + SHARED)
    known = context(dom0less_machine, domain, host_of("virt"))
    made = system(dom0less_machine, b"", None, domain)

    def with_bootargs(vcpus: int, length: int) -> System:
        blob = Blob.read(made.tree)
        (node,) = (place.node for place in blob.root.walk() if place.path == "/chosen/domU1")
        node.put("cpus", cells_of(vcpus, 1))
        unused = {b"multiboot,device-tree", b"" if ramdisk else b"multiboot,ramdisk"}
        kinds = {id(n): (n.get("compatible") or b"").split(b"\0")[0] for n in node.children}
        node.children = [n for n in node.children if kinds[id(n)] not in unused]
        (kernel,) = (n for n in node.children if kinds[id(n)] == b"multiboot,kernel")
        kernel.put("bootargs", b"a" * length + b"\0")
        return made._replace(tree=blob.write())

    def refused(tried: System) -> bool:
        return bool(rejecting(foretold(tried, known) or (), "dom0less"))

    lengths = range(3, 1003, 4)
    vcpus = next(n for n in range(2, 128) if refused(with_bootargs(n, lengths[-1])))
    first = next(at for at, length in enumerate(lengths) if refused(with_bootargs(vcpus, length)))
    around = [with_bootargs(vcpus, length) for length in lengths[max(first - 4, 0) : first + 12]]
    xens = [bool(boot_system(dom0less_machine, each).message) for each in around]
    ours = [refused(each) for each in around]
    compared(len(around), [str((xens, ours))] if xens != ours else [])
