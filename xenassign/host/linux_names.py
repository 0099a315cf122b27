"""The names of devices in Linux, and the files of a running kernel that have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import InputError, reason_of
from xenassign.reading import MAX_TEXT, read

_Key = TypeVar("_Key")
_Parsed = TypeVar("_Parsed")

#: What Linux says of the clocks and regulators of the running board, to root.
CLK_SUMMARY = "/sys/kernel/debug/clk/clk_summary"
REGULATOR_SUMMARY = "/sys/kernel/debug/regulator/regulator_summary"


def device_name(node: Node) -> str:
    """The name of a node's platform device, if its first register is known.

    Source: of_device_make_bus_id (drivers/of/device.c).
    """
    blocks = registers(node).blocks
    return f"{blocks[0].address:x}.{node.base_name}" if blocks else node.name


def read_debugfs(path: str, original: str) -> str:
    """The text of a file with what ``original`` of debugfs had. Raises InputError."""
    try:
        return read(path, MAX_TEXT).decode(errors="backslashreplace")
    except (OSError, ValueError) as error:
        fix = f"give what `cat {original}` printed on the board"
        raise InputError(f"{path}: {reason_of(error)}; {fix}") from None


def not_that_file(source: str, original: str) -> InputError:
    """The error about a text without a line of a file of debugfs."""
    problem = f"has no line of {original}"
    fix = "print that file on the board, as root, under Linux without Xen"
    return InputError(f"{source}: {problem}; {fix}")


def beside(tree: Tree, name: str, parse: Callable[[str, str], _Parsed]) -> _Parsed | None:
    """A file of the running kernel that was read with a tree; None if it could not be, or is empty.

    ``parse`` gets its text and its name, and raises InputError.
    """
    running = tree.running.get(name)
    if running is None or running.problem:
        return None
    try:
        return parse(running.text, running.source)
    except InputError:
        return None


def only(values: Mapping[_Key, set[int]]) -> dict[_Key, int]:
    """The values by keys that have one; a key with several says nothing."""
    return {key: next(iter(several)) for key, several in values.items() if len(several) == 1}
