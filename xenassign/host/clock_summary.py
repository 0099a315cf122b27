"""The rates of a running board: what Linux prints in /sys/kernel/debug/clk/clk_summary.

Since 6.7 a line names the device that uses the clock and its name for the clock (connection id);
older kernels print the clock's own name, which the tree has in ``clock-output-names`` of some
controllers. Source: clk_summary_show_one (drivers/clk/clk.c), of_device_make_bus_id
(drivers/of/device.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.references import Reference
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.errors import InputError, reason_of
from xenassign.reading import MAX_TEXT, read

_Key = TypeVar("_Key")
_PHASE = r"(?:\d+|-+)"
#: A clock: its name; the counts, of which kernels have two or three; its rate; accuracy, phase, and
#: what newer kernels print after them.
_CLOCK = re.compile(
    rf"\s+(?P<name>\S(?:.*?\S)??)\s+\d+\s+\d+(?:\s+\d+)?\s+(?P<hz>\d+)\s+\d+\s+{_PHASE}"
    r"(?:\s+\d+)?(?:\s+[YN?](?:\s+(?P<device>\S+)\s+(?P<id>\S+))?)?\s*"
)
#: A further user of the clock above.
_USER = re.compile(r"\s{40,}(?P<device>\S+)\s+(?P<id>\S+)\s*")
#: The connection id of ``clk_get(dev, NULL)``, which is the first clock.
_FIRST = "no_connection_id"


@dataclass(frozen=True)
class ClockSummary:
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
            device = _device_name(consumer)
            for name in names:
                if (rate := self.users.get((device, name))) is not None:
                    return rate
        output = _output_name(reference)
        return self.clocks.get(output) if output is not None else None


def read_clock_summary(path: str) -> ClockSummary:
    """The summary in a file. Raises InputError if it cannot be read, or is another file."""
    try:
        text = read(path, MAX_TEXT).decode(errors="backslashreplace")
    except (OSError, ValueError) as error:
        fix = "give what `cat /sys/kernel/debug/clk/clk_summary` printed on the board"
        raise InputError(f"{path}: {reason_of(error)}; {fix}") from None
    return parse_clock_summary(text, path)


def parse_clock_summary(text: str, source: str) -> ClockSummary:
    """The summary in a text. Raises InputError if no line is that of a clock."""
    users: dict[tuple[str, str], set[int]] = {}
    clocks: dict[str, set[int]] = {}
    for name, hz, device, connection in _lines(text):
        clocks.setdefault(name, set()).add(hz)
        if device:
            users.setdefault((device, connection), set()).add(hz)
    if not clocks:
        problem = "has no line of /sys/kernel/debug/clk/clk_summary"
        fix = "print that file on the board, as root, under Linux without Xen"
        raise InputError(f"{source}: {problem}; {fix}")
    return ClockSummary(source, _only(users), _only(clocks))


def _lines(text: str) -> Iterator[tuple[str, int, str, str]]:
    """(clock, rate, device, connection id) of each use; without a user the last two are empty."""
    name, hz = "", 0
    for line in text.splitlines():
        if clock := _CLOCK.fullmatch(line):
            name, hz = clock["name"], int(clock["hz"])
            yield name, hz, clock["device"] or "", clock["id"] or ""
        elif name and (user := _USER.fullmatch(line)):
            yield name, hz, user["device"], user["id"]


def _only(rates: dict[_Key, set[int]]) -> dict[_Key, int]:
    return {key: next(iter(values)) for key, values in rates.items() if len(values) == 1}


def _device_name(node: Node) -> str:
    """The name of a node's device in Linux, if its first register is known."""
    blocks = registers(node).blocks
    return f"{blocks[0].address:x}.{node.base_name}" if blocks else node.name


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
