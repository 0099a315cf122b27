"""Files that xenassign made and that were then damaged, for comparing our verdict with Xen's.

A mutation is a small function that changes a draft and says in a sentence what it did; the tables
of mutations with their weights are ``DOMAIN``, ``PARTIAL``, ``CFG`` and ``NODE``. Mutant i of a
seed depends on the seed and i alone: however many are made, on any machine, it is the same.

Of ten mutants seven have one mutation, two have two, one has three. A quarter of the dom0less
mutants changes the domain beside that; a fifth of those changes nothing else. Of the mutants for xl
four of ten are mutants of files in a form that people write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from . import resources as resources  # registers its mutations of a node
from .blob import Blob
from .by_hand import written_by_hand
from .config import CFG, CfgDraft, Hosts, statements
from .node import NODE, NodeDraft
from .partial import PartialDraft, mutate_with_domain
from .tables import STACK

#: Nodes of fixtures/host_dtbs/qemu-virt-gicv3.dtb that differ in what Xen makes of them.
HOST_PATHS = (
    "/pl031@9010000",
    "/pl061@9030000",
    "/pl011@9000000",  # Xen's console
    "/intc@8000000",
    "/intc@8000000/its@8080000",
    "/timer",
    "/pmu",
    "/platform-bus@c000000",
    "/",
    "/memory@40000000",
    "/pcie@10000000",
    "/virtio_mmio@a000000",
    "/virtio_mmio@a003e00",
    "/gpio-keys",
    "/gpio-keys/poweroff",
    "/fw-cfg@9020000",
    "/flash@0",
    "/apb-pclk",
    "/cpus",
    "/cpus/cpu@0",
    "/psci",
    "/chosen",
)
#: INTIDs of that board: of PL031, the PCIe host, PL061 and virtio-mmio transports.
HOST_INTIDS = (34, 35, 36, 39, 48, 63, 64, 79)
#: (first page, pages) of register blocks of that board.
HOST_PAGES = ((0x9010, 1), (0x9020, 1), (0x9030, 1), (0xA000, 1), (0xA003, 1), (0xC000, 0x2000))

#: How many of the configurations are in forms that people write.
BY_HAND = 0.4


@dataclass(frozen=True)
class Mutant:
    """A damaged partial device tree. ``domain``: what to change about the domain.

    Its keys: ``nr_spis``, ``memory`` (MiB), ``vcpus``, and ``vpl011``, which is 0: without it.
    ``used`` names the mutations, in the order in which they were applied.
    """

    data: bytes
    what: str
    domain: Mapping[str, int]
    used: tuple[str, ...]


@dataclass(frozen=True)
class XlMutant:
    """A damaged xl configuration with its partial device tree; None: there is no such file."""

    cfg: str
    partial: bytes | None
    what: str
    used: tuple[str, ...]


def dom0less_mutants(
    base: bytes,
    seed: int,
    count: int,
    host_paths: Sequence[str] = HOST_PATHS,
    memory: int = 256,
) -> list[Mutant]:
    """``count`` mutants of a partial device tree.

    ``host_paths``: nodes of the host that xen,path may name instead. ``memory``: MiB of the
    domain's RAM when the mutant does not change it, to find the RAM's end.
    """
    found = []
    for index in range(count):
        random = Random(f"dom0less {seed} {index}")
        draft = PartialDraft(random, Blob.read(base), host_paths, {"memory": memory})
        done = mutate_with_domain(draft)
        what = "; ".join(sentence for _, sentence in done)
        used = tuple(name for name, _ in done)
        domain = {key: value for key, value in draft.domain.items() if key in draft.changed}
        found.append(Mutant(draft.blob.write(), what, domain, used))
    return found


def xl_mutants(
    cfg: str,
    partial: bytes,
    seed: int,
    count: int,
    host_paths: Sequence[str] = HOST_PATHS,
    host_intids: Sequence[int] = HOST_INTIDS,
    host_pages: Sequence[tuple[int, int]] = HOST_PAGES,
) -> list[XlMutant]:
    """``count`` mutants of an xl configuration and its partial device tree.

    ``host_intids`` and ``host_pages`` ((first page, pages)) are of devices of the host that the
    configuration may name instead. What it says beside device_tree, dtdev, irqs, iomem and
    passthrough stays as it is. A part of them is written by hand before that (by_hand.py).
    """
    found = []
    for index in range(count):
        random = Random(f"xl {seed} {index}")
        hosts = Hosts(host_paths, host_intids, host_pages)
        draft = CfgDraft(random, statements(cfg), partial, hosts)
        by_hand = random.random() < BY_HAND
        if by_hand:
            written_by_hand(draft)
        done = CFG.mutate(draft, random, random.choices(*STACK)[0])
        what = ("by hand: " if by_hand else "") + "; ".join(sentence for _, sentence in done)
        found.append(XlMutant(draft.text(), draft.partial, what, tuple(name for name, _ in done)))
    return found


@dataclass(frozen=True)
class NodeMutant:
    """A host's tree with a damaged node of a domain."""

    tree: bytes
    what: str
    used: tuple[str, ...]


def node_mutants(tree: bytes, path: str, seed: int, count: int) -> list[NodeMutant]:
    """``count`` mutants of a host's tree, with changes to the domain's node at ``path``."""
    found = []
    for index in range(count):
        random = Random(f"node {seed} {index}")
        blob = Blob.read(tree)
        ((node, chosen),) = (p[1:] for p in blob.root.walk() if p.path == path and p.parent)
        assert chosen is not None
        done = NODE.mutate(NodeDraft(random, node, chosen), random, random.choices(*STACK)[0])
        what = "; ".join(sentence for _, sentence in done)
        found.append(NodeMutant(blob.write(), what, tuple(name for name, _ in done)))
    return found


def usage(mutants: Iterable[Mutant | XlMutant | NodeMutant]) -> Counter[str]:
    """How often each mutation was used; those never used are not in it."""
    return Counter(name for mutant in mutants for name in mutant.used)
