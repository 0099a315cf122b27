"""Options that name a node: whether the node is assigned, and the option fits it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from xenassign.checks.machine_control import control
from xenassign.checks.memory_type import Claimant
from xenassign.checks.regions import Region
from xenassign.checks.scope import Scope
from xenassign.devicetree.spans import PAGE_SIZE, Intervals, Span
from xenassign.devicetree.tree import Node
from xenassign.errors import UsageError
from xenassign.request.origin import mistake, origin_of
from xenassign.request.request import MapOption, Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board


def check_accepted(board: Board, scope: Scope, resolved: Resolved) -> None:
    """Raises UsageError with a line for each option to accept a device that is not assigned."""
    options = {
        "--force-assign-without-iommu": resolved.forced,
        "--allow-machine-control": resolved.controls,
    }
    mistakes = [
        _not_assigned(board, scope, flag, accepted.node, node)
        for flag, nodes in options.items()
        for node, accepted in nodes.items()
        if not _has_assigned(scope, node)
    ]
    if mistakes:
        raise UsageError(*mistakes)


def map_options(
    board: Board, scope: Scope, regions: tuple[Region, ...], resolved: Resolved
) -> dict[Node, list[MapOption]]:
    """The --map options of each node. Raises UsageError with a line for each that does not fit."""
    options: dict[Node, list[MapOption]] = defaultdict(list)
    claimants: list[Claimant] = [*scope.devices, *regions]
    by_node = {claimant.node: claimant for claimant in claimants}
    mistakes: list[str] = []
    for option, node in resolved.maps:
        line = _map_mistake(board, scope, option, node, by_node.get(node))
        if line is not None:
            mistakes.append(line)
        options[node].append(option)
    if mistakes:
        raise UsageError(*mistakes)
    for region in regions:
        if board.platform.tree.find(region.path) is None:  # a page that no option can name
            options[region.node].append(MapOption(None, None, "auto"))
    for node, option in _stated(claimants, resolved.request):
        options[node].append(option)
    return options


def _stated(claimants: Sequence[Claimant], request: Request) -> Iterator[tuple[Node, MapOption]]:
    """The places that the pages of the user's dom.cfg give to blocks, each with its node."""
    by_host = Intervals(pages.host for pages in request.pages)
    for claimant in claimants if request.pages else ():
        for block in claimant.blocks:
            first = block.pages.start // PAGE_SIZE
            for number in by_host.overlapping(Span.sized(first, 1))[:1]:
                pages = request.pages[number]
                guest = (first - pages.mfn + pages.gfn) * PAGE_SIZE
                yield claimant.node, MapOption(claimant.path, block.index, guest)


def _map_mistake(
    board: Board, scope: Scope, option: MapOption, node: Node, claimant: Claimant | None
) -> str | None:
    """Why a --map does not fit the node that it names; None if it does.

    ``claimant``: the device or region of the node; None for any other, such as a bus of devices.
    """
    name = option.node or ""
    indexes = [block.index for block in claimant.blocks] if claimant else []
    if claimant is None and not _has_assigned(scope, node):
        return _not_assigned(board, scope, "--map", name, node)
    if not indexes and (isinstance(option.target, int) or option.block is not None):
        return mistake("--map", name, f"{node.path} has no registers to map")
    if option.block is not None and option.block not in indexes:
        reason = f"{node.path} has the blocks {', '.join(map(str, indexes))}"
        return mistake("--map", name, reason, f"#{option.block}")
    return None


def _has_assigned(scope: Scope, node: Node) -> bool:
    """Whether a node, or one below it, is assigned."""
    return any(scope.has(below) for below in node.walk())


def _not_assigned(board: Board, scope: Scope, option: str, name: str, node: Node) -> str:
    """The line of the error; ``name`` is written on the command line or in xenassign.toml."""
    fix = f"assign it too (-d {node.path})"
    if control(board, scope, node).refused:
        fix = "remove the option, or name an assigned device"
    elif origin_of(name) is not None:
        fix = "name it as a device too; an option for one domain requires --name"
    return mistake(option, name, f"{node.path} is not assigned; {fix}")
