"""Guest addresses on revisions and siblings of real boards: common wherever there is a place.

The judge looks at what was placed, block by block: where two boards give a block different guest
addresses, no page may exist that is free on both.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Tree
from xenassign.host.device import is_device
from xenassign.planning.plan import PlacedBlock
from xenassign.request.request import Request, parse_map
from xenassign.request.select import Names
from xenassign.request.system_request import SystemRequest
from xenassign.system.host_plan import HostPlan
from xenassign.system.hosts import HostsPlan, decide_hosts
from xenassign.xen.layout import Guest, clashes
from xenassign.xen.releases import release

pytestmark = pytest.mark.corpus

FAMILIES = ("rk3588", "rk3", "imx8mp", "imx8", "sun50i", "k3-am6", "meson-", "r8a77")
PAIRS = 12
SEED = 22

Figures = Callable[[Counter[str]], None]
#: Of which domain, what, which block, whether a window.
Block = tuple[str, str, int, bool]


def pairs(files: list[Path], family: str) -> list[tuple[Path, Path]]:
    """Pairs of boards of a family."""
    mine = [path for path in files if path.name.startswith(family) and path.suffix == ".dtb"]
    return random.Random(f"{SEED} {family}").sample(list(combinations(mine, 2)), PAIRS)


def request(trees: tuple[Tree, Tree], rng: random.Random) -> SystemRequest | None:
    """Two domains with devices that both boards have, by alias or by path; most with ``auto``."""
    aliases = sorted(trees[0].aliases.keys() & trees[1].aliases.keys())
    named = [a for a in aliases if all(_usable(tree, tree.aliases[a]) for tree in trees)]
    known = {tree.aliases[alias] for tree in trees for alias in named}
    paths = [n.path for n in trees[0].nodes() if is_device(n) and n.has("reg")]
    paths = [path for path in paths if _usable(trees[1], path) and path not in known]
    wanted = rng.sample(named, min(8, len(named))) + rng.sample(paths, min(4, len(paths)))
    one_place = [{tree.aliases.get(name, name) for name in wanted} for tree in trees]
    if len(wanted) < 4 or any(len(places) < len(wanted) for places in one_place):
        return None
    rng.shuffle(wanted)
    half = len(wanted) // 2
    domains = []
    for number, devices in enumerate((wanted[:half], wanted[half:])):
        fixed = [f"{rng.choice(devices)}=identity" for _ in range(rng.choice((0, 0, 1)))]
        domains.append(
            Request(
                devices=tuple(devices),
                name=f"d{number}",
                maps=tuple(parse_map(text) for text in (*fixed, "auto")),
                policy="trust",
                memory=rng.choice((256, 1024, 3072, 8192)),
                release=release("4.20"),
                xen_console="none",
            )
        )
    return SystemRequest(tuple(domains))


def _usable(tree: Tree, path: str) -> bool:
    node = tree.find(path)
    return node is not None and is_device(node) and node.has("reg")


def placed(host: HostPlan) -> dict[Block, PlacedBlock]:
    found: dict[Block, PlacedBlock] = {}
    for plan in host.system.domains if host.system else ():
        names = Names(plan.called)
        for owner in plan.owners:
            node = host.request.tree.find(owner.path)
            assert node is not None
            for one in owner.placed:
                found[plan.name, names.of(node), one.block.index, one.window] = one
    return found


def guest(host: HostPlan, domain: str) -> Guest:
    assert host.request.system is not None
    asked = next(one for one in host.request.system.request.domains if one.name == domain)
    gic = host.request.platform.gic
    memory = asked.memory << 20 if asked.memory else None
    return Guest(asked.release, gic.version if gic else 3, asked.vpl011, memory)


def automatic(host: HostPlan, key: Block) -> bool:
    """Whether ``auto`` placed a block: all of a domain but what is named by another --map."""
    assert host.request.system is not None
    asked = next(one for one in host.request.system.domains if one.name == key[0])
    named = [one.node for one, _ in asked.maps]
    return not any(name and (key[1] == name or key[1].startswith(f"{name}/")) for name in named)


def free(host: HostPlan, key: Block, at: int, own: dict[Block, PlacedBlock]) -> bool:
    """Whether a block could be at a page of the guest, all others staying where they are."""
    mine = own[key].mapping
    others = [p.mapping for k, p in own.items() if k[0] == key[0] and k != key]
    if any(at < o.guest + o.size and o.guest < at + mine.size for o in others):
        return False
    return at + mine.size < 1 << 40 and not any(
        clashes(guest(host, key[0]), Span.sized(at, mine.size))
    )


def tied(key: Block, own: dict[Block, PlacedBlock]) -> bool:
    """Whether another block has one of the same host pages: the two have one place."""
    mine = own[key].mapping
    return any(
        k[0] == key[0]
        and k != key
        and p.mapping.host < mine.host + mine.size
        and mine.host < p.mapping.host + p.mapping.size
        for k, p in own.items()
    )


def could_be_common(plan: HostsPlan, key: Block, both: list[dict[Block, PlacedBlock]]) -> bool:
    """Whether some page is free on both boards: at an end of what is there, or at identity."""
    if any(tied(key, own) for own in both):
        return False
    ends = {p.mapping.guest + p.mapping.size for own in both for p in own.values()}
    ends |= {window.end for window in guest(plan.hosts[0], key[0]).windows}
    ends |= {own[key].mapping.host for own in both} | {PAGE_SIZE}
    hosts = list(zip(plan.hosts, both, strict=True))
    return any(all(free(host, key, at, own) for host, own in hosts) for at in ends)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_could_be_common_is(family: str, board_files: list[Path], figures: Figures) -> None:
    counts: Counter[str] = Counter()
    for number, files in enumerate(pairs(board_files, family)):
        rng = random.Random(f"{SEED} {family} {number}")
        trees = (read_blob_file(files[0]), read_blob_file(files[1]))
        asked = request(trees, rng)
        if asked is None:
            continue
        plan = decide_hosts(trees, asked)
        both = [placed(host) for host in plan.hosts]
        for key in both[0].keys() & both[1].keys():
            if not all(automatic(host, key) for host in plan.hosts):
                continue
            one, other = (own[key] for own in both)
            counts["blocks placed by auto on two boards"] += 1
            if one.mapping.host != other.mapping.host:
                counts["of these at other addresses of the boards"] += 1
            if one.mapping.guest != other.mapping.guest:
                counts["of these with no common place"] += 1
                assert not could_be_common(plan, key, both), (files, key)
        again = decide_hosts(trees[::-1], asked)
        assert [placed(host) for host in again.hosts] == both[::-1]
    assert counts["blocks placed by auto on two boards"] > 20
    figures(counts)
