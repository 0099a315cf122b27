"""The shared memory of SCMI: who else uses the pages of a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from xenassign.checks.regions import POOL, is_shared_memory
from xenassign.checks.scope import Scope
from xenassign.checks.shared_pages import SHARED_ALLOWED, SHARED_PAGE
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding
from xenassign.request.request import Accepted
from xenassign.xen.board import Board
from xenassign.xen.sci_agents import Agent, Agents


def occupied(board: Board, agents: Agents) -> str | None:
    """Which channel has a page of registers or of RAM, or None.

    Xen calls the firmware through the channel of each agent when it starts, whether or not a
    domain has the agent (collect_agents of the patches).
    """
    own = ("Xen's own channel", agents.management)
    for name, channel in (own, *((f"agent {agent.id}", agent) for agent in agents.agents)):
        users = [*board.neighbours.overlapping(channel.span)]
        if any(is_shared_memory(node) for _, node in users):
            continue
        node = next((node for block, node in users if block.size), None)
        content = f"registers of {node.path}" if node is not None else _ram(board, channel)
        if content is not None:
            return f"the page {channel.page:#x} of {name} has {content}"
    return None


def _ram(board: Board, channel: Agent) -> str | None:
    """That a page is RAM, and not reserved for the firmware."""
    platform, span = board.platform, channel.span
    reserved = (block.pages for node, block in platform.reserved if node.has("no-map"))
    in_ram = any(bank.span.overlaps(span) for bank in platform.memory)
    if not in_ram or any(pages.covers(span) for pages in reserved):
        return None
    return "RAM, and no no-map of /reserved-memory"


def page_users(
    board: Board, scope: Scope, memory: Node, allowed: Mapping[Node, Accepted]
) -> Iterator[Finding]:
    """Other users of the pages of a shared memory that are not nodes with ``compatible``.

    These are the other sections of a pool (mmio-sram), and the users of the pool itself. The nodes
    with ``compatible`` are neighbours.
    """
    pages = [block.pages for block in registers(memory).blocks]
    known = board.platform.tree.find(memory.path) is memory
    above = memory.parent if known else _pool(board, pages)
    pools = [above] if above is not None and above.parent is not None else []
    users: dict[str, Node] = {}
    for pool in pools:
        for section in pool.children.values():
            if section is memory or section.has("compatible") or not section.has("reg"):
                continue
            for block in registers(section).blocks:
                if any(span.overlaps(block.span) for span in pages):
                    users[section.path] = section
        for _, user in board.neighbours.consumers.get(pool, ()):
            if scope.stays_with_host(user):
                users[user.path] = user
    for path, node in users.items():
        option = next((allowed[n] for n in (node, memory, *pools) if n in allowed), None)
        message = f"{memory.path} shares pages with memory of {path}, which is not assigned"
        if option is not None:
            message += option.because
            stated = bool(option.because)
            yield SHARED_ALLOWED(message, node=memory.path, prop="reg", accepted=stated)
        else:
            fix = "do without SCMI, or accept that the guest can change that memory"
            fix = f"{fix} (--allow-shared-page {memory.path if known else path})"
            yield SHARED_PAGE(message, node=memory.path, prop="reg", fix=fix)


def _pool(board: Board, pages: Iterable[Span]) -> Node | None:
    """The pool that has pages of memory whose node is not part of the board's tree."""
    nodes = (node for span in pages for _, node in board.neighbours.overlapping(span))
    return next((node for node in nodes if POOL in node.compatible), None)
