"""The voltages of a running board: what Linux prints in debugfs' regulator/regulator_summary.

A line is a regulator, with its name (``regulator-name`` of its node), or one of its users, below it
and further indented: the device and its supply, ``30b50000.mmc-vmmc``. Voltages are in whole mV.
Source: regulator_summary_show_subtree, create_regulator (drivers/regulator/core.c).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from xenassign.devicetree.references import Reference
from xenassign.devicetree.tree import Node, Tree
from xenassign.host.linux_names import (
    REGULATOR_SUMMARY,
    beside,
    device_name,
    not_that_file,
    only,
    read_debugfs,
)

#: A regulator: its name; use, open and bypass counts; mode; voltage, current, and its limits.
_REGULATOR = (
    r"(?P<indent>\s+)(?P<name>\S(?:.*?\S)??)\s+-?\d+\s+-?\d+\s+-?\d+\s+\S+\s+(?P<mv>-?\d+)mV"
    r"\s+-?\d+mA\s+-?\d+mV\s+-?\d+mV\s*"
)
#: A user of a regulator above: one count, its current, and the limits that it states.
_USER = r"(?P<indent>\s+)(?P<name>\S+)\s+-?\d+\s+-?\d+mA\s+-?\d+mV\s+-?\d+mV\s*"


class RegulatorSummary(NamedTuple):
    """The voltages in µV by the users of the regulators, and by the names of the regulators.

    ``users``: by device and supply as Linux joins them. A voltage that several of one name have
    differently is left out, and one of 0. ``source``: the file, for messages.
    """

    source: str
    users: dict[str, int]
    regulators: dict[str, int]

    def microvolts(self, consumer: Node, reference: Reference) -> int | None:
        """The voltage of a supply of a device; None if the file does not tell it."""
        supply = reference.prop.removesuffix("-supply")
        by_user = self.users.get(f"{device_name(consumer)}-{supply}")
        provider = reference.provider
        if by_user is not None or provider is None:
            return by_user
        names = provider.strings("regulator-name")
        return self.regulators.get(names[0]) if len(names) == 1 else None


def read_regulator_summary(path: str) -> RegulatorSummary:
    """The summary in a file. Raises InputError if it cannot be read, or is another file."""
    return parse_regulator_summary(read_debugfs(path, REGULATOR_SUMMARY), path)


def regulator_summary_of(tree: Tree) -> RegulatorSummary | None:
    """The summary that was read of the running board with its tree, or None."""
    return beside(tree, "regulator_summary", parse_regulator_summary)


def parse_regulator_summary(text: str, source: str) -> RegulatorSummary:
    """The summary in a text. Raises InputError if no line is that of a regulator."""
    users: dict[str, set[int]] = {}
    regulators: dict[str, set[int]] = {}
    above: list[tuple[int, int]] = []  # indent and µV of the regulators above, outermost first
    for line in text.splitlines():
        regulator = re.fullmatch(_REGULATOR, line)
        match = regulator or re.fullmatch(_USER, line)
        if match is None:
            continue
        indent = len(match["indent"])
        above = [each for each in above if each[0] < indent]
        if regulator is not None:
            microvolts = int(regulator["mv"]) * 1000
            regulators.setdefault(regulator["name"], set()).add(microvolts)
            above.append((indent, microvolts))
        elif above:
            users.setdefault(match["name"], set()).add(above[-1][1])
    if not regulators:
        raise not_that_file(source, REGULATOR_SUMMARY)
    return RegulatorSummary(source, _known(users), _known(regulators))


def _known(voltages: dict[str, set[int]]) -> dict[str, int]:
    return {name: microvolts for name, microvolts in only(voltages).items() if microvolts > 0}
