"""A wrong and a right example of every rule; `explain` and docs/rules show them, tests run them.

An example is a change of a *base*: a short complete file that is right. ``right`` is a part of the
base; with ``wrong`` in its place the rule has a finding. What is no text to be changed is a pair of
command lines instead. Each family of rules has a module, which is imported when it is asked for.
"""

from __future__ import annotations

import importlib
import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from xenassign.lint.examples.bases import (
    BASES,
    BOARD,
    CONFIG,
    DOMAIN,
    MARKS,
    PARTIAL,
    PROTECTED,
    PROTECTED_CONFIG,
)

__all__ = [
    "BASES",
    "BOARD",
    "COMMANDS",
    "CONFIG",
    "DOMAIN",
    "MARKS",
    "PARTIAL",
    "PROTECTED",
    "PROTECTED_CONFIG",
    "WHOLE",
    "Example",
    "example",
    "examples",
]

#: Bases that are no file: `generate` on shipped boards, or how the files were made.
COMMANDS = frozenset({"generate", "shell"})
#: No file that is changed: command lines, and each time a whole xenassign.toml.
WHOLE = COMMANDS | {"system"}

_WIDEST = 96  # columns of what is shown; what is longer is only long
_COMMAND = 90  # columns of a command line, before which stands a prompt

#: The module of each family, by the first digit of its codes.
_MODULES = {
    "0": "systems",
    "1": "devices",
    "2": "addresses",
    "3": "interrupts",
    "4": "ownership",
    "5": "suppliers",
    "6": "configuration",
    "7": "domains",
    "8": "tree",
    "9": "waivers",
}


class Example(NamedTuple):
    """``right`` stands in the base; with ``wrong`` in its place there is a finding.

    ``base`` is a name of :data:`BASES`, or of :data:`WHOLE`: then ``right`` and ``wrong`` are
    whole command lines, or whole files for ``system``. ``host``: whether it takes the board's tree
    to find it. ``xen`` is the release; ``options`` are further ones of `lint`, or of
    `generate` for the bases ``board`` and ``system``. ``note``: what one has to know about the rest
    of the base or of the board.
    """

    base: str
    right: str
    wrong: str
    host: bool = False
    xen: str | None = None
    options: tuple[str, ...] = ()
    note: str = ""

    @property
    def before(self) -> str:
        """The base, or what is as long as the right command line."""
        return self.right if self.base in WHOLE else BASES[self.base].text

    @property
    def after(self) -> str:
        """The base with the mistake."""
        return self.before.replace(self.right, self.wrong, 1)

    @property
    def shown(self) -> tuple[str, str]:
        """The whole lines that differ, (wrong, right), without the indentation of all of them.

        Of a command line it is all of it: what makes the difference often stands at its end.
        """
        if self.base in COMMANDS:
            return _wrapped(self.wrong), _wrapped(self.right)
        start = self.before.index(self.right)
        start = self.before.rfind("\n", 0, start) + 1
        behind = len(self.before) - self.before.index(self.right) - len(self.right)
        right, wrong = (_lines(text, start, behind) for text in (self.before, self.after))
        return wrong, right

    @property
    def language(self) -> str:
        """What it is written in, as markdown calls it."""
        if self.base in COMMANDS:
            return "console"
        if self.base == "system":
            return "toml"
        return "dts" if BASES[self.base].file.endswith((".dts", ".dtso")) else "toml"

    @property
    def command(self) -> str | None:
        """The command line that finds it; None where the example is one."""
        if self.base in COMMANDS:
            return None
        more = (*(("--xen", self.xen) if self.xen else ()), *self.options)
        if self.base == "system":
            return " ".join(("xenassign generate -c xenassign.toml", *more, "-o out"))
        base = BASES[self.base]
        if self.base == "board":
            return " ".join(("xenassign generate", base.file, *more, "-o out"))
        overlay = base.file.endswith(".dtso")
        files = [BASES[name].file for name in base.beside]
        files = files if overlay else [base.file, *files]
        if self.host:
            more = ("--host", f"{base.board}.dtb", *more)
        if self.host and (overlay or base.marks):
            more = (*more, "--host-overlay", "domu1.host.dtso")
        return " ".join(("xenassign lint", *files, *more))


#: A word of a command line, with what is in quotes in one, and an option with its value.
_WORD = re.compile(r"""(?:-[\w-]+ (?!-))?(?:[^\s'"]|'[^']*'|"[^"]*")+""")


def _wrapped(command: str) -> str:
    """A command line on as many lines as it takes, as a shell reads it."""
    lines: list[str] = []
    for one in command.split("\n"):
        lines.append("")
        for number, word in enumerate(_WORD.findall(one)):
            if number and len(f"{lines[-1]} {word} \\") > _COMMAND:
                lines[-1] += " \\"
                lines.append(f"    {word}")
            else:
                lines[-1] += f" {word}" if number else word
    return "\n".join(lines)


def _lines(text: str, start: int, behind: int) -> str:
    """The lines from ``start`` on, up to that ``behind`` characters before the end."""
    end = text.find("\n", len(text) - behind)
    shown = textwrap.dedent(text[start : end if end >= 0 else len(text)]).strip("\n")
    return "\n".join(f"{x[:80]} …" if len(x) > _WIDEST else x for x in shown.split("\n"))


def example(code: str) -> Example | None:
    """The example of a rule."""
    module = importlib.import_module(f"{__name__}.{_MODULES[code[2]]}")
    found: dict[str, Example] = module.EXAMPLES
    return found.get(code)


def examples() -> Iterator[tuple[str, Example]]:
    """Every example with its code."""
    for name in _MODULES.values():
        yield from importlib.import_module(f"{__name__}.{name}").EXAMPLES.items()
