"""The bases of the rules' examples, files that are right, and what the examples make of them."""

from __future__ import annotations

import shlex
import textwrap
from functools import cache
from typing import NamedTuple

from xenassign.rule_pages import FOLDER, Example

BASES = FOLDER / "bases"


@cache
def base(name: str) -> str:
    """The text of a file below docs/rules/bases."""
    return (BASES / name).read_text(encoding="utf-8")


#: A guest with the clock and the GPIO controller of QEMU's virt board.
PARTIAL = base("virt/domu1.dts")
CONFIG = base("virt/domu1.cfg")
DOMAIN = base("virt/domain.dts")
#: A device that Xen's SMMU protects, of the ZCU102.
PROTECTED = base("protected/domu1.dts")
PROTECTED_CONFIG = base("protected/domu1.cfg")
#: A device whose clock and reset are SCMI's.
SCMI = base("scmi/domu1.dts")
SCMI_CONFIG = base("scmi/domu1.cfg")
SCMI_DOMAIN = base("scmi/domain.dts")
BOARD = base("board/board.dts")


class Change(NamedTuple):
    """A base, the same with an example's mistake, and the numbers of the wrong lines, from 1."""

    right: str
    wrong: str
    lines: range


def change(example: Example) -> Change:
    """What an example with a base makes of it. Its right lines stand there exactly once."""
    assert example.base is not None
    lines = base(example.base).split("\n")
    count = len(example.right.split("\n"))
    (start,) = (
        first
        for first in range(len(lines))
        if textwrap.dedent("\n".join(lines[first : first + count])) == example.right
    )
    indentation = lines[start].removesuffix(example.right.split("\n")[0])
    wrong = textwrap.indent(example.wrong, indentation).split("\n")
    return Change(
        "\n".join(lines),
        "\n".join((*lines[:start], *wrong, *lines[start + count :])),
        range(start + 1, start + 1 + len(wrong)),
    )


def words(line: str) -> list[str]:
    """A command line of an example as a shell takes it apart."""
    return shlex.split(line.replace("\\\n", ""))
