"""Sources by chance: each feature of the language, combined, and then damaged.

A :class:`Maker` draws from anything that has the methods of ``random.Random``, so hypothesis can
shrink what it made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

# The last six of each are mostly mistakes.
NAMES = ("a", "b", "c@1", "cpus", "cpu@0", "0", "h.i", "e-f", "d@2,3", "__symbols__", "#g", "x@1@2")
PROPERTIES: tuple[str, ...] = (
    "p",
    "q",
    "r-s",
    "#t-cells",
    "reg",
    "1",
    "u,v",
    "a",
    "name",
    "phandle",
    "linux,phandle",
    "x@1",
    "name",
    "phandle",
)
LABELS = ("l1", "l2", "l3", "l4", "_l5", "ab", "DEAD")
SPACES = (" ", "\n", "\t", " /* c */ ", " // c\n", "\n\n", "", "", "", "/**/", "/* ** / */\r\n")
BINARY = ("||", "&&", "|", "^", "&", "==", "!=", "<", ">", "<=", ">=", "<<", ">>", *"+-*/%")
NUMBERS = ("0", "1", "2", "3", "07", "0x10", "63", "64", "0xffffffff", "0x7fffffffffffffff", "1U")
BIG = ("0xffffffffffffffffULL", "0x100000000", "18446744073709551615", "0XaBcLL", "'a'", "'\\n'")
ESCAPES = ("\\n", "\\0", "\\x41", "\\x4", "\\101", "\\\\", '\\"', "\\q", "\\x9g", "é", "\\7", "'")


class Maker:
    """Makes one source. ``overlay``: with /plugin/; ``wild``: mistakes are more likely."""

    def __init__(self, random: Random, wild: bool = False) -> None:
        self.random = random
        self.overlay = random.random() < 0.3
        self.wild = wild
        self.labels = list(LABELS)

    def source(self) -> str:
        """The text."""
        header = "/dts-v1/ ; /plugin/ ;" if self.overlay else "/dts-v1/ ;"
        words = [header]
        if self.chance(0.1):
            words.append(header)
        words += [self.reservation() for _ in range(self.count(2, 0.2))]
        words.append(self.first())
        words += [self.statement() for _ in range(self.count(4, 0.6))]
        return self.spaced(" ".join(words))

    # --- chance ---

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def count(self, most: int, again: float) -> int:
        number = 0
        while number < most and self.chance(again):
            number += 1
        return number

    def one(self, *choices: Callable[[], str]) -> str:
        return self.random.choice(choices)()

    def spaced(self, text: str) -> str:
        """Each single space of the text becomes any space; those in strings are none."""
        return "".join(
            self.random.choice(SPACES) if part == " " and self.chance(0.3) else part
            for part in re.split(r"( )", text)
        )

    # --- statements ---

    def reservation(self) -> str:
        label = f"{self.label()} " if self.chance(0.3) else ""
        return f"{label}/memreserve/ {self.number()} {self.number()} ;"

    def first(self) -> str:
        return self.root() if not self.overlay or self.chance(0.5) else self.extend()

    def root(self) -> str:
        return f"/ {self.body(3)}"

    def extend(self) -> str:
        return f"{self.reference()} {self.body(2)}"

    def statement(self) -> str:
        return self.one(
            self.root,
            self.root,
            self.extend,
            self.extend,
            lambda: f"{self.label()} {self.reference()} {self.body(1)}",
            lambda: f"/delete-node/ {self.reference()} ;",
            lambda: f"/omit-if-no-ref/ {self.reference()} ;",
        )

    def label(self) -> str:
        """A label, mostly one that is not used yet."""
        if self.labels and not self.chance(0.1):
            return self.labels.pop(self.random.randrange(len(self.labels))) + ":"
        return self.random.choice(LABELS) + ":"

    def reference(self) -> str:
        used = [label for label in LABELS if label not in self.labels]
        if used and not self.chance(0.1):
            return f"&{self.random.choice(used)}"
        if self.chance(0.2 if self.overlay or self.wild else 0.02):
            return f"&{self.random.choice(LABELS)}"
        depth = self.count(2, 0.2)
        return "&{/" + "/".join(self.random.choice(NAMES[:6]) for _ in range(depth)) + "}"

    # --- nodes ---

    def body(self, depth: int) -> str:
        properties, nodes = list(PROPERTIES), list(NAMES)
        parts = [self.property(properties) for _ in range(self.count(4, 0.6))]
        if depth:
            parts += [self.node(depth - 1, nodes) for _ in range(self.count(3, 0.6))]
        return " ".join(["{", *parts, "} ;"])

    def name(self, names: list[str]) -> str:
        """One of the names, mostly one that is not used in this body yet."""
        last = len(names) if self.wild or self.chance(0.03) else max(len(names) - 6, 1)
        at = self.random.randrange(last)
        name = names[at] if self.chance(0.05) else names.pop(at)
        return f"\\{name}" if self.chance(0.05) else name

    def node(self, depth: int, names: list[str]) -> str:
        prefix = f"{self.label()} " if self.chance(0.4) else ""
        if self.chance(0.1):
            return f"{prefix}/delete-node/ {self.name(names)} ;"
        if self.chance(0.1):
            omit = "/omit-if-no-ref/ "
            prefix = omit + prefix if self.chance(0.5) else prefix + omit
        return f"{prefix}{self.name(names)} {self.body(depth)}"

    def property(self, names: list[str]) -> str:
        prefix = f"{self.label()} " if self.chance(0.15) else ""
        if self.chance(0.1):
            return f"{prefix}/delete-property/ {self.name(names)} ;"
        name = self.name(names)
        if self.chance(0.2):
            return f"{prefix}{name} ;"
        values = " , ".join(self.value() for _ in range(1 + self.count(3, 0.3)))
        return f"{prefix}{name} = {values} ;"

    # --- values ---

    def value(self) -> str:
        before = f"{self.label()} " if self.chance(0.08) else ""
        after = f" {self.label()}" if self.chance(0.08) else ""
        return before + self.one(self.array, self.array, self.string, self.bytes, self.path) + after

    def path(self) -> str:
        return self.reference()

    def array(self) -> str:
        bits = f"/bits/ {self.random.choice((8, 16, 32, 64))} " if self.chance(0.2) else ""
        items = [self.item(not bits) for _ in range(self.count(5, 0.7))]
        return " ".join([f"{bits}<", *items, ">"])

    def item(self, references: bool) -> str:
        if self.chance(0.06):
            return self.label()
        if references and self.chance(0.35):
            return self.reference()
        return self.number()

    def number(self) -> str:
        if self.chance(0.15):
            return f"( {self.expression(3)} )"
        if self.chance(0.1 if self.wild else 0.01):
            return self.random.choice(BIG)
        return self.random.choice(NUMBERS[:8])

    def expression(self, depth: int) -> str:
        if not depth or self.chance(0.3):
            return self.random.choice(NUMBERS + BIG)
        left, right = self.expression(depth - 1), self.expression(depth - 1)
        sign = self.random.choice(BINARY)
        return self.random.choice(
            (
                f"{left} {sign} {right}",
                f"{right} {sign} {left}",
                f"( {left} )",
                f"{self.random.choice('-~!')} {self.expression(0)}",
                f"{self.expression(0)} ? {left} : {right}",
            )
        )

    def string(self) -> str:
        parts = [self.random.choice(("a", "b/c", *ESCAPES)) for _ in range(self.count(4, 0.7))]
        return '"' + "".join(parts) + '"'

    def bytes(self) -> str:
        items = [self.random.choice(("00", "1122", "aB", "fF")) for _ in range(self.count(4, 0.7))]
        if self.chance(0.1):
            items.append(self.label())
        return " ".join(["[", *items, "]"])


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|/[a-z0-9-]+/|[\w,.+#@-]+|\s+|.', re.DOTALL)
_STRAY = (*"{}[]<>();:,=&/\\'\"#?*@-", "/*", "//", "0x", "l1:", "&l1", "&{/a}", "\0", "é", "\xff")


def damaged(random: Random, text: str) -> str:
    """The text with tokens or characters dropped, doubled, swapped or put in."""
    for _ in range(random.randint(1, 2)):
        parts = _TOKEN.findall(text) if random.random() < 0.7 else list(text)
        at = random.randrange(len(parts))
        other = random.randrange(len(parts))
        how = random.randrange(5)
        if how == 0:
            del parts[at]
        elif how == 1:
            parts.insert(other, parts[at])
        elif how == 2:
            parts[at], parts[other] = parts[other], parts[at]
        elif how == 3:
            parts.insert(at, random.choice(_STRAY))
        else:
            parts = parts[:at]
        text = "".join(parts) or "x"
    return text
