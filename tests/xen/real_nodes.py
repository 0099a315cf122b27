"""Nodes of real boards, given to guests: what Xen builds of them is what was planned.

    python -m tests.xen.real_nodes [--suite SUITE] [--seed N] [--devices N] [--boards DIRECTORY]

takes boards of all vendors in turn, grafts devices of each into QEMU's board (graft.py), generates
a domain with the default options, boots it, and prints a table. What generate refuses for want of
an IOMMU alone is asked for again with the policy "trust"; any other refusal is counted with its
rules. Of what Xen would reject, and of some others, a node as people copy it is tried as well: Xen
answers what the lint foretells.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from random import Random
from typing import NamedTuple

from tests.answers import generate
from xenassign.devicetree.addresses import is_pci
from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.interrupts import interrupts
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.host.device import is_device
from xenassign.host.gic import primary_gic
from xenassign.linting.verdict.predict import predict_dom0less, rejecting
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.xen.releases import release

from ..corpus.fetch_boards import boards, fetch
from .agreement import DRIVERS, context
from .boot import DONE, BootError, Domain, Outcome, boot_dom0less, bootargs
from .graft import Grafted, NoGraftError, below, fits, graft, is_disabled, is_left_out
from .guest import GuestReport
from .guestview import differences
from .machine import RELEASES, Machine, board, machine
from .mutants.blob import Blob, RawNode, cells_of, string
from .several import Guest, boot_together
from .witness import Witnessed, image, witnessed

MEMORY = 64  #: of a guest, MiB
#: Devices of one board, and of one guest: the tree of Xen 4.17's guests has 4096 bytes.
PER_BOARD, PER_GUEST = 9, 3
#: A copy by hand is made of each device that Xen would reject, and of one of so many others.
COPIED = 8
#: The refusals that the policy "trust" waives.
UNPROTECTED = frozenset({"XA401", "XA406"})


class Asked(NamedTuple):
    """What generate says of a device. ``refused``: the rules; ``trust``: it needs that policy."""

    refused: tuple[str, ...] = ()
    rejected: bool = False  #: Xen would reject it
    trust: bool = False


class Result(NamedTuple):
    """What came of one device. ``outcome``: empty if the guest has it as it was planned."""

    board: str
    path: str
    kind: str
    asked: Asked
    outcome: tuple[str, ...] = ()

    @property
    def vendor(self) -> str:
        """The folder of the board."""
        return PurePosixPath(self.board).parent.name


class Copy(NamedTuple):
    """A node copied by hand: whether Xen's answer is the foretold one."""

    board: str
    path: str
    xens: str
    ours: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether both accept it, or both do not."""
        return bool(self.xens) == bool(self.ours)


class Tried(NamedTuple):
    """A board's results."""

    results: tuple[Result, ...]
    copies: tuple[Copy, ...]


# ---------------------------------------------------------------------------- which devices


def in_turn(directory: Path, random: Random) -> Iterator[Path]:
    """All boards, one of each vendor after the other."""
    vendors: dict[str, list[Path]] = {}
    for path in boards(directory):
        vendors.setdefault(path.parent.name, []).append(path)
    for paths in vendors.values():
        random.shuffle(paths)
    while vendors:
        for vendor in list(vendors):
            yield vendors[vendor].pop()
            if not vendors[vendor]:
                del vendors[vendor]


def chosen(tree: Tree, random: Random, seen: Counter[str]) -> list[Node]:
    """Devices of a board with nothing in common, rather of kinds that were not seen so often."""
    gic = primary_gic(tree)
    every = [node for node in tree.nodes() if _is_candidate(node)]
    random.shuffle(every)
    every.sort(key=lambda node: seen[node.base_name])
    found: list[Node] = []
    lines: set[tuple[int, ...]] = set()
    kinds: set[str] = set()
    for node in every:
        own = {
            entry.specifier[:2]
            for inner in node.walk()
            for entry in interrupts(tree, inner).entries
            if gic is not None and entry.controller is gic.node
        }
        related = any(o in node.lineage() or node in o.lineage() for o in found)
        if not related and not own & lines and node.base_name not in kinds and fits(node):
            found.append(node)
            lines |= own
            kinds.add(node.base_name)
        if len(found) == PER_BOARD:
            break
    return found


def _is_candidate(node: Node) -> bool:
    there = (n.available and not is_left_out(n) and not is_disabled(n) for n in node.lineage())
    above = node.parent
    return is_device(node) and all(there) and not (above is not None and is_pci(above))


# ---------------------------------------------------------------------------- one board


def try_board(ready: Machine, name: str, path: Path, random: Random, seen: Counter[str]) -> Tried:
    """Grafts devices of a board, boots their guests, and the copies. Raises NoGraftError."""
    tree = read_blob_file(path)
    devices = chosen(tree, random, seen)
    grafted = graft(board(), tree, devices)
    host = read_blob(grafted.blob, "board.dtb")
    asked = {node: ask(ready, host, below(node.path)) for node in devices}
    accepted = {below(node.path): one for node, one in asked.items() if not one.refused}
    seen.update(node.base_name for node, one in asked.items() if not one.refused)
    given: list[_Given] = []
    for trust in (False, True):
        paths = [path for path, one in accepted.items() if one.trust == trust]
        given += _guests(ready, grafted, host, paths, trust)
    said = dict(_booted(ready, grafted, given))
    results = [
        Result(name, node.path, node.base_name, one, said.get(below(node.path), ()))
        for node, one in asked.items()
    ]
    copied = [n for n, one in asked.items() if one.rejected or random.randrange(COPIED) == 0]
    copies = _copied(ready, name, grafted, host, [below(node.path) for node in copied])
    return Tried(tuple(results), tuple(copies))


def ask(ready: Machine, host: Tree, path: str) -> Asked:
    """Asks generate for a device alone."""
    found = _refusals(ready, host, (path,), False)
    codes = tuple(sorted({finding.code for finding in found}))
    trust = bool(codes) and UNPROTECTED.issuperset(codes)
    if trust and not _refusals(ready, host, (path,), trust):
        return Asked(trust=True)
    return Asked(codes, any(finding.effect == "rejected" for finding in found))


def _request(ready: Machine, paths: Sequence[str], trust: bool, name: str) -> Request:
    return Request(
        tuple(paths),
        name=name,
        release=release(ready.release),
        policy="trust" if trust else "auto",
        memory=MEMORY,
        vcpus=1,
        drivers=DRIVERS,
        extra=bootargs(Domain()),
    )


def _refusals(ready: Machine, host: Tree, paths: Sequence[str], trust: bool) -> list[Finding]:
    return generate(host, _request(ready, paths, trust, "alone"))[2]


class _Given(NamedTuple):
    """A guest with its plan, and the addresses that it is asked about, with what is there."""

    guest: Guest
    paths: Sequence[str]
    plan: DomainPlan
    expected: dict[int, int | None]


def _booted(
    ready: Machine, grafted: Grafted, given: Sequence[_Given]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is not as planned, for each device that is given to a guest."""
    if not given:
        return
    message, said = "", dict[str, Outcome]()
    try:
        together = boot_together(
            ready, grafted.blob, [each.guest for each in given], setup=grafted.setup
        )
        message, said = together.message, together.guests
    except BootError as error:
        message = f"no answer: {error}"
    for each in given:
        lines: tuple[str, ...] = (f"Xen: {message}",)
        if not message:
            lines = tuple(_unlike(each, witnessed(said[each.guest.name].guest)))
        yield from ((path, lines) for path in each.paths)


def _guests(
    ready: Machine, grafted: Grafted, host: Tree, paths: Sequence[str], trust: bool
) -> Iterator[_Given]:
    """Guests of several devices each, or of one each where these do not go together."""
    for start in range(0, len(paths), PER_GUEST):
        group = paths[start : start + PER_GUEST]
        together = not _refusals(ready, host, group, trust)
        for number, some in enumerate([group] if together else [[path] for path in group]):
            name = f"{'trusted' if trust else 'auto'}{start + number}"
            plan, files, refused = generate(host, _request(ready, some, trust, name))
            assert not refused, refused
            by_ending = {file.partition(".")[2]: content for file, content in files.items()}
            expected = _expected(plan, grafted)
            kernel = image(list(expected), DONE)
            yield _Given(Guest(name, by_ending, kernel=kernel), some, plan, expected)


def _expected(plan: DomainPlan, grafted: Grafted) -> dict[int, int | None]:
    """The value at guest addresses: the marks of the guest's pages, nothing for those of others."""
    mappings = [mapping for owner in plan.owners for mapping in owner.mappings]
    marks = grafted.marks
    own = {
        mapping.guest + page - mapping.host: marks[page]
        for mapping in mappings
        for page in marks
        if mapping.host <= page < mapping.host + mapping.size
    }
    return {**dict.fromkeys(marks, None), **own}


def _unlike(given: _Given, seen: Witnessed) -> Iterator[str]:
    """How the guest differs from its plan."""
    yield from differences(given.plan, GuestReport(seen.tree, (), ()), "dom0less")
    values = dict(zip(given.expected, seen.values, strict=True))
    for address, value in values.items():
        if value != given.expected[address]:
            yield f"at {address:#x} is {value}, not {given.expected[address]}"


# ---------------------------------------------------------------------------- copies by hand


def _copied(
    ready: Machine, name: str, grafted: Grafted, host: Tree, paths: Iterable[str]
) -> Iterator[Copy]:
    """Boots a copy of each node."""
    domain, setup = Domain(memory=MEMORY), grafted.setup
    known = context(ready, domain, grafted.blob)
    for path in paths:
        node = host.find(path)
        assert node is not None
        partial = by_hand(node, grafted.pages[path])
        try:
            xens = boot_dom0less(ready, partial, grafted.blob, domain, setup=setup).message
        except BootError as error:
            xens = f"no answer: {error}"
        ours = rejecting(predict_dom0less(partial, known), "dom0less")
        yield Copy(name, path, xens, tuple(f"{f.code} {f.message}" for f in ours))


def by_hand(node: Node, pages: Iterable[Span]) -> bytes:
    """A partial tree with a host's node as it is, subtree and all, and what Xen needs about it."""
    copy = RawNode.of(node)
    copy.put("xen,path", string(node.path))
    reg = b"".join(cells_of(n, 2) for p in pages for n in (p.start, p.size, p.start))
    copy.put("xen,reg", reg)
    copy.put("xen,force-assign-without-iommu", b"")
    cells = [("#address-cells", cells_of(2, 1)), ("#size-cells", cells_of(2, 1))]
    passthrough = RawNode("passthrough", [*cells, ("ranges", b"")], [copy])
    return Blob(RawNode("", cells, [passthrough])).write()


# ---------------------------------------------------------------------------- the command


def table(tried: Sequence[Tried]) -> Iterator[str]:
    """Lines by vendor, and of all."""
    results = [result for each in tried for result in each.results]
    vendors: dict[str, list[Result]] = {}
    for result in results:
        vendors.setdefault(result.vendor, []).append(result)
    yield (
        "| vendor | boards | devices | accepted | kinds of these | with trust | as planned"
        " | refused with |"
    )
    yield "|---" * 8 + "|"
    for name, mine in (*sorted(vendors.items()), ("all", results)):
        codes = Counter(code for result in mine for code in result.asked.refused)
        accepted = [result for result in mine if not result.asked.refused]
        cells = (
            name,
            len({result.board for result in mine}),
            len(mine),
            len(accepted),
            len({result.kind for result in accepted}),
            sum(result.asked.trust for result in accepted),
            sum(not result.outcome for result in accepted),
            ", ".join(f"{code} {count}" for code, count in codes.most_common()),
        )
        yield f"| {' | '.join(map(str, cells))} |"
    copies = [copy for each in tried for copy in each.copies]
    accepted_copies = sum(not copy.xens for copy in copies)
    yield (
        f"copies by hand: {len(copies)}, {accepted_copies} accepted,"
        f" {sum(copy.agrees for copy in copies)} as foretold"
    )


def problems(tried: Iterable[Tried]) -> Iterator[str]:
    """What is not as planned or foretold."""
    for each in tried:
        for result in each.results:
            yield from (f"{result.board} {result.path}: {line}" for line in result.outcome)
        for copy in each.copies:
            if not copy.agrees:
                ours = "; ".join(copy.ours) or "accepted"
                xens = copy.xens or "accepted"
                yield f"{copy.board} {copy.path} by hand: Xen: {xens}: we: {ours}"


def sample(ready: Machine, directory: Path, seed: int, wanted: int) -> Iterator[Tried]:
    """Boards until so many devices were given to guests."""
    random, seen, found = Random(f"real nodes {seed}"), Counter[str](), 0
    for path in in_turn(directory, random):
        name = path.relative_to(directory).as_posix()
        try:
            tried = try_board(ready, name, path, Random(f"{seed} {name}"), seen)
        except NoGraftError:
            continue
        found += sum(not result.asked.refused for result in tried.results)
        yield tried
        if found >= wanted:
            return


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Give nodes of real boards to guests of Xen.")
    parser.add_argument("--suite", choices=RELEASES, action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--devices", type=int, default=300, help="so many that generate accepts")
    parser.add_argument("--boards", type=Path, help="a folder of .dtb files, in folders of vendors")
    asked = parser.parse_args()
    directory = asked.boards or fetch()
    wrong = False
    for suite in asked.suite or RELEASES:
        ready, tried = machine(suite), []
        for each in sample(ready, directory, asked.seed, asked.devices):
            tried.append(each)
            for line in problems([each]):
                wrong = True
                print(line, file=sys.stderr, flush=True)
        print(f"Xen {ready.release}, seed {asked.seed}")
        print("\n".join(table(tried)), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
