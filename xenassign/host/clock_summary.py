"""The rates of a running board: what Linux prints in /sys/kernel/debug/clk/clk_summary.

Since 6.7, and in later updates of 6.1, a line names the device that uses the clock and its name for
the clock (connection id); older kernels print the clock's own name, which the tree has in
``clock-output-names`` of some controllers. Source: clk_summary_show_one (drivers/clk/clk.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.references import Reference
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.host.linux_names import (
    CLK_SUMMARY,
    beside,
    device_name,
    not_that_file,
    only,
    read_debugfs,
)

_PHASE = r"(?:\d+|-+)"
#: A clock: its name; the counts, of which kernels have two or three; its rate; accuracy, phase, and
#: what newer kernels print after them.
_CLOCK = (
    rf"\s+(?P<name>\S(?:.*?\S)??)\s+\d+\s+\d+(?:\s+\d+)?\s+(?P<hz>\d+)\s+\d+\s+{_PHASE}"
    r"(?:\s+\d+)?(?:\s+[YN?](?:\s+(?P<device>\S+)\s+(?P<id>\S+))?)?\s*"
)
#: A further user of the clock above.
_USER = r"\s{40,}(?P<device>\S+)\s+(?P<id>\S+)\s*"
#: The connection id of ``clk_get(dev, NULL)``, which is the first clock.
_FIRST = "no_connection_id"


class ClockSummary(NamedTuple):
    """The rates in Hz by the users of the clocks, and by the names of the clocks.

    ``users``: by (device, connection id). A rate that several clocks of one name or one user state
    differently is left out. ``source``: the file, for messages.
    """

    source: str
    users: dict[tuple[str, str], int]
    clocks: dict[str, int]

    def rate(self, consumer: Node, reference: Reference) -> int | None:
        """The rate of a clock of a device; None if the file does not tell which clock it is."""
        if reference.prop == "clocks":
            names = [reference.name] if reference.name else []
            names += [_FIRST] if reference.index == 0 else []
            device = device_name(consumer)
            for name in names:
                if (rate := self.users.get((device, name))) is not None:
                    return rate
        output = _output_name(reference)
        return self.clocks.get(output) if output is not None else None


def read_clock_summary(path: str) -> ClockSummary:
    """The summary in a file. Raises InputError if it cannot be read, or is another file."""
    return parse_clock_summary(read_debugfs(path, CLK_SUMMARY), path)


def clock_summary_of(tree: Tree) -> ClockSummary | None:
    """The summary that was read of the running board with its tree, or None."""
    return beside(tree, "clk_summary", parse_clock_summary)


def parse_clock_summary(text: str, source: str) -> ClockSummary:
    """The summary in a text. Raises InputError if no line is that of a clock."""
    users: dict[tuple[str, str], set[int]] = {}
    clocks: dict[str, set[int]] = {}
    for name, hz, device, connection in _lines(text):
        clocks.setdefault(name, set()).add(hz)
        if device:
            users.setdefault((device, connection), set()).add(hz)
    if not clocks:
        raise not_that_file(source, CLK_SUMMARY)
    return ClockSummary(source, only(users), only(clocks))


def _lines(text: str) -> Iterator[tuple[str, int, str, str]]:
    """(clock, rate, device, connection id) of each use; without a user the last two are empty."""
    name, hz = "", 0
    for line in text.splitlines():
        if clock := re.fullmatch(_CLOCK, line):
            name, hz = clock["name"], int(clock["hz"])
            yield name, hz, clock["device"] or "", clock["id"] or ""
        elif name and (user := re.fullmatch(_USER, line)):
            yield name, hz, user["device"], user["id"]


def _output_name(reference: Reference) -> str | None:
    """The name of a clock in its controller's ``clock-output-names``; of a fixed-clock its own."""
    provider = reference.provider
    if provider is None:
        return None
    names = provider.strings("clock-output-names")
    try:
        indices = provider.cells("clock-indices")
    except PropertyError:
        return None
    if not reference.args:
        return names[0] if names else provider.base_name if not indices else None
    index = reference.args[0]
    if indices:
        index = indices.index(index) if index in indices else len(names)
    return names[index] if len(reference.args) == 1 and index < len(names) else None
