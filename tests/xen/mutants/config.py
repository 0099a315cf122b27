"""Mutations of an xl configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from xenassign.devicetree.tree import DevicetreeError
from xenassign.formats.xlcfg import ListValue, Value
from xenassign.formats.xlcfg_parser import parse

from .blob import Blob
from .partial import PARTIAL, PartialDraft
from .tables import InapplicableError, Mutations, pick

KEYS = ("device_tree", "dtdev", "irqs", "iomem", "passthrough")


class Hosts(NamedTuple):
    """What of the host a configuration may name: paths, INTIDs, (first page, pages)."""

    paths: Sequence[str]
    intids: Sequence[int]
    pages: Sequence[tuple[int, int]]


@dataclass
class Statement:
    """``key = value``; values are source text, of an atom or of each item of a list.

    Without a key it is text that is written as it stands.
    """

    key: str
    value: str | list[str]
    operator: str = "="

    def text(self) -> str:
        """The source, without the newline at its end."""
        if not self.key:
            return _joined(self.value)
        return f"{self.key} {self.operator} {_joined(self.value)}"


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else f"[{', '.join(value)}]"


@dataclass
class CfgDraft:
    """A configuration and its partial device tree, to be mutated.

    ``patches`` change the finished text, in order.
    """

    random: Random
    statements: list[Statement]
    partial: bytes | None
    host: Hosts
    patches: list[Callable[[str], str]] = field(default_factory=list)

    def text(self) -> str:
        """The source."""
        text = "".join(statement.text() + "\n" for statement in self.statements)
        for patch in self.patches:
            text = patch(text)
        return text

    def statement(self, *keys: str) -> Statement:
        """A statement of one of the keys; of any of ``KEYS`` when none is given."""
        return pick(self.random, [s for s in self.statements if s.key in (keys or KEYS)])

    def item(self, *keys: str) -> tuple[Statement, list[str], int]:
        """A list that has items, its items, and the index of one of them."""
        found = [
            (statement, statement.value, at)
            for statement in self.statements
            if statement.key in keys and isinstance(statement.value, list)
            for at in range(len(statement.value))
        ]
        return pick(self.random, found)

    def add(self, statement: Statement) -> str:
        """Adds a statement anywhere; what was added."""
        self.statements.insert(self.random.randint(0, len(self.statements)), statement)
        return f"{statement.text()!r} is there too"

    def replace(self, old: Statement, new: str | Statement) -> str:
        """Replaces a statement by another or by text; what was done."""
        before = old.text()
        statement = Statement("", new) if isinstance(new, str) else new
        if statement.text() == before:
            raise InapplicableError
        at = next(at for at, one in enumerate(self.statements) if one is old)
        self.statements[at] = statement
        return f"{statement.text()!r} instead of {before!r}"


def statements(cfg: str) -> list[Statement]:
    """The statements of ``KEYS``, taken apart, and between them the rest as it stands.

    Comments within and behind a statement of ``KEYS`` are left out.
    """
    lines = cfg.splitlines()
    read = parse(cfg).statements
    starts = [statement.line - 1 for statement in read]
    found = [Statement("", "\n".join(lines[: starts[0]]))] if starts and starts[0] else []
    for one, start, end in zip(read, starts, [*starts[1:], len(lines)], strict=True):
        if one.name in KEYS:
            operator = "+=" if one.append else "="
            found.append(Statement(one.name, _source(one.value), operator))
        else:
            found.append(Statement("", "\n".join(lines[start:end])))
    return found


def _source(value: Value) -> str | list[str]:
    if isinstance(value, ListValue):
        return [_joined(_source(item)) for item in value.items]
    escaped = value.text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if value.quoted else value.text


CFG: Mutations[CfgDraft] = Mutations()


# ---------------------------------------------------------------------------- keys and forms


@CFG.one(4)
def drop_key(draft: CfgDraft) -> str:
    """Without one of the keys."""
    return "dropped: " + draft.replace(draft.statement(), "")


@CFG.one(1)
def drop_all_keys(draft: CfgDraft) -> str:
    """Only what every domain needs is left."""
    draft.statements = [s for s in draft.statements if s.key not in KEYS]
    return f"none of {', '.join(KEYS)} is there"


@CFG.one(4)
def misspell_key(draft: CfgDraft) -> str:
    """xl ignores a key that it does not know; keys have lower case letters only."""
    old = draft.statement()
    key = old.key
    spellings = [f"{key}s", key[:-1], key.upper(), key.capitalize(), f"{key}2", f"x{key}"]
    spellings += [key.replace("_", "-"), key.replace("_", ""), f"{key}.a", f'"{key}"', f"2{key}"]
    spelling = pick(draft.random, [spelling for spelling in spellings if spelling != key])
    return draft.replace(old, Statement(spelling, old.value, old.operator))


def _other_source(draft: CfgDraft, key: str) -> str | list[str]:
    """Another value for a key, not always of the right form."""
    random, host = draft.random, draft.host
    page, count = random.choice(host.pages)
    values: dict[str, str | list[str]] = {
        "device_tree": '"nowhere.dtb"',
        "dtdev": [f'"{random.choice(host.paths)}"'],
        "irqs": [str(random.choice(host.intids))],
        "iomem": [f'"{page:#x},{count:#x}"'],
        "passthrough": '"disabled"',
    }
    return random.choice((values[key], values[key], [], '""', "1"))


@CFG.one(5)
def duplicate_key(draft: CfgDraft) -> str:
    """Of two statements the last counts, of ``+=`` all."""
    key = draft.statement().key
    operator = draft.random.choice(("=", "=", "+="))
    return draft.add(Statement(key, _other_source(draft, key), operator))


@CFG.one(2)
def append_operator(draft: CfgDraft) -> str:
    """``+=`` where there was ``=``."""
    old = draft.statement()
    return draft.replace(old, Statement(old.key, old.value, "+="))


@CFG.one(3)
def split_value(draft: CfgDraft) -> str:
    """The second half of a value in a ``+=`` of its own, behind, or wrongly before."""
    old = draft.statement()
    value = old.value
    half = len(value) // 2
    first, second = value[:half], value[half:]
    if isinstance(first, str) and isinstance(second, str):
        first, second = f'{first}"', f'"{second}'
    at = next(at for at, one in enumerate(draft.statements) if one is old)
    halves = [Statement(old.key, first), Statement(old.key, second, "+=")]
    halves = draft.random.choice((halves, halves, halves[::-1]))
    draft.statements[at : at + 1] = halves
    return f"{old.key} split: {'; '.join(half.text() for half in halves)}"


@CFG.one(1)
def unknown_key(draft: CfgDraft) -> str:
    """Ignored by xl."""
    return draft.add(Statement(draft.random.choice(("colour", "a.b_9", "iomems")), '"blue"'))


@CFG.one(3)
def value_of_other_key(draft: CfgDraft) -> str:
    """The value of one key in another: irqs in the form of iomem, and so on."""
    old = draft.statement()
    other = pick(draft.random, [key for key in KEYS if key != old.key])
    return draft.replace(old, Statement(old.key, _other_source(draft, other)))


def _first(value: str | list[str]) -> str:
    return value if isinstance(value, str) else (value or ["1"])[0]


FORMS: dict[str, Callable[[str | list[str]], str | list[str]]] = {
    "atom": _first,
    "string": lambda value: '"' + _first(value).strip("\"'") + '"',
    "number": lambda _: "5",
    "list": lambda value: [_first(value)],
    "list of all": lambda value: [value] if isinstance(value, str) else [f"[{', '.join(value)}]"],
    "nested list": lambda value: [f"[{_first(value)}]"],
    "list with a list": lambda value: [_first(value), "[]"],
    "empty list": lambda _: [],
    "empty string": lambda _: '""',
    "list with an empty string": lambda value: [_first(value), '""'],
    "numbers and strings": lambda value: [_first(value), "7", '"7"'],
}


@CFG.each(0.8, FORMS)
def change_form(
    draft: CfgDraft, name: str, change: Callable[[str | list[str]], str | list[str]]
) -> str:
    """A list where xl wants one value, or the reverse."""
    old = draft.statement()
    done = draft.replace(old, Statement(old.key, change(old.value), old.operator))
    return f"{old.key} as {name}: {done}"


# ---------------------------------------------------------------------------- irqs


def _set_item(items: list[str], at: int, new: str, key: str) -> str:
    old = items[at]
    if old == new:
        raise InapplicableError
    items[at] = new
    return f"{key} has {new} instead of {old}"


IRQ_SPELLINGS: dict[str, Callable[[int], str]] = {
    "string": lambda irq: f'"{irq}"',
    "other quotes": lambda irq: f"'{irq}'",
    "hex": lambda irq: f"{irq:#x}",
    "hex string": lambda irq: f'"{irq:#x}"',
    "leading zero": lambda irq: f"0{irq}",
    "string with a leading zero": lambda irq: f'"0{irq}"',
    "plus sign": lambda irq: f'"+{irq}"',
    "bare plus sign": lambda irq: f"+{irq}",
    "leading blank": lambda irq: f'" {irq}"',
    "trailing blank": lambda irq: f'"{irq} "',
    "leading tab": lambda irq: f'"\\t{irq}"',
    "negative": lambda irq: f"-{irq}",
    "negative string": lambda irq: f'"-{irq}"',
    "letter behind": lambda irq: f'"{irq}a"',
    "letters in a number": lambda irq: f"{irq}abc",
    "fraction": lambda irq: f"{irq}.0",
    "wrapped at 2^32": lambda irq: str((1 << 32) + irq),
    "wrapped at 2^64": lambda irq: str((1 << 64) + irq),
    "negative that wraps": lambda irq: f'"{irq - (1 << 32)}"',
    "SPI number": lambda irq: str(irq - 32),
    "two in a string": lambda irq: f'"{irq},{irq + 1}"',
    "a range": lambda irq: f'"{irq}-{irq + 1}"',
    "empty string": lambda _: '""',
    "name": lambda _: '"timer"',
}


@CFG.each(0.6, IRQ_SPELLINGS)
def respell_irq(draft: CfgDraft, _name: str, spell: Callable[[int], str]) -> str:
    """xl reads INTIDs in base 10, with C's strtoul."""
    _, items, at = draft.item("irqs")
    if not items[at].isdecimal():
        raise InapplicableError
    return _set_item(items, at, spell(int(items[at])), "irqs")


#: INTIDs by what they are on the board of the fixture.
IRQS = {
    "SGI": (0, 15),
    "PPI": (16, 23, 26, 27, 30, 31),
    "vPL011": (32,),
    "console UART": (33,),
    "virtio-mmio of xl": (34, 43),
    "no device": (40, 100),
    "end of the GIC's lines": (287, 288, 319, 320),
    "limits of the GIC": (987, 988, 991, 992, 1019, 1020, 1023, 1024),
    "extended or LPI": (4096, 5000, 5119, 8192),
    "2^15": ((1 << 15) - 1, 1 << 15, 1 << 16),
    "2^31": ((1 << 31) - 1, 1 << 31),
    "2^32": ((1 << 32) - 1, 1 << 32),
    "2^63": (1 << 63, 1 << 64),
}


@CFG.each(1, IRQS)
def other_irq(draft: CfgDraft, _name: str, intids: tuple[int, ...]) -> str:
    """An INTID that the domain cannot have, or that it is no use for."""
    _, items, at = draft.item("irqs")
    return _set_item(items, at, str(draft.random.choice(intids)), "irqs")


@CFG.one(4)
def irq_of_other_device(draft: CfgDraft) -> str:
    """An INTID of the host that dom0 may hold."""
    _, items, at = draft.item("irqs")
    return _set_item(items, at, str(draft.random.choice(draft.host.intids)), "irqs")


@CFG.one(4)
def repeat_irq(draft: CfgDraft) -> str:
    """xl refuses a second mention, in whatever spelling."""
    _, items, at = draft.item("irqs")
    irq = items[at].strip('"')
    new = draft.random.choice((irq, f'"{irq}"', f"0{irq}"))
    items.insert(draft.random.choice((at, len(items))), new)
    return f"irqs also has {new}"


@CFG.one(2)
def drop_item(draft: CfgDraft) -> str:
    """One interrupt or one mapping less."""
    statement, items, at = draft.item("irqs", "iomem", "dtdev")
    return f"{statement.key} lacks {items.pop(at)}"


# ---------------------------------------------------------------------------- iomem

IOMEM_SPELLINGS: dict[str, Callable[[int, int], str]] = {
    "address in bytes": lambda page, count: f"{page << 12:#x},{count:#x}",
    "count in bytes": lambda page, count: f"{page:#x},{count << 12:#x}",
    "both in bytes": lambda page, count: f"{page << 12:#x},{count << 12:#x}",
    "count 0": lambda page, _: f"{page:#x},0x0",
    "one more page": lambda page, count: f"{page:#x},{count + 1:#x}",
    "two more pages": lambda page, count: f"{page:#x},{count + 2:#x}",
    "a page before": lambda page, count: f"{page - 1:#x},{count:#x}",
    "2^32 pages": lambda page, _: f"{page:#x},0x100000000",
    "2^52 pages": lambda page, _: f"{page:#x},0x10000000000000",
    "2^64 - 1 pages": lambda page, _: f"{page:#x},0xffffffffffffffff",
    "2^64 pages": lambda page, _: f"{page:#x},0x10000000000000000",
    "page that wraps": lambda page, count: f"{(1 << 64) + page:#x},{count:#x}",
    "no 0x": lambda page, count: f"{page:x},{count:x}",
    "capitals": lambda page, count: f"0X{page:X},0X{count:X}",
    "decimal": lambda page, count: f"{page},{count}",
    "blank behind the comma": lambda page, count: f"{page:#x}, {count:#x}",
    "blank before the comma": lambda page, count: f"{page:#x} ,{count:#x}",
    "blanks around": lambda page, count: f" {page:#x},{count:#x} ",
    "no count": lambda page, _: f"{page:#x}",
    "empty count": lambda page, _: f"{page:#x},",
    "no page": lambda _, count: f",{count:#x}",
    "three numbers": lambda page, count: f"{page:#x},{count:#x},{page:#x}",
    "plus signs": lambda page, count: f"+{page:#x},+{count:#x}",
    "negative page": lambda page, count: f"-{page:#x},{count:#x}",
    "negative count": lambda page, count: f"{page:#x},-{count:#x}",
    "letters behind": lambda page, count: f"{page:#x},{count:#x}zz",
    "no hex digits": lambda page, count: f"0x{page:x}g,{count:#x}",
    "range": lambda page, count: f"{page:#x}-{page + count:#x}",
    "empty": lambda _page, _count: "",
    "same page in the guest": lambda page, count: f"{page:#x},{count:#x}@{page:#x}",
    "guest page": lambda page, count: f"{page:#x},{count:#x}@0x8000",
    "guest page without 0x": lambda page, count: f"{page:x},{count:x}@8000",
    "guest RAM": lambda page, count: f"{page:#x},{count:#x}@0x40000",
    "guest RAM's middle": lambda page, count: f"{page:#x},{count:#x}@0x44000",
    "guest GIC": lambda page, count: f"{page:#x},{count:#x}@0x3001",
    "guest grant table": lambda page, count: f"{page:#x},{count:#x}@0x38000",
    "guest page 0": lambda page, count: f"{page:#x},{count:#x}@0x0",
    "guest page below 2^48": lambda page, count: f"{page:#x},{count:#x}@0xfffffffff",
    "guest page at 2^48": lambda page, count: f"{page:#x},{count:#x}@0x1000000000",
    "guest page at 2^64": lambda page, count: f"{page:#x},{count:#x}@0x10000000000000",
    "guest page that wraps": lambda page, count: f"{page:#x},{count:#x}@0xffffffffffffffff",
    "@ alone": lambda page, count: f"{page:#x},{count:#x}@",
    "@0x": lambda page, count: f"{page:#x},{count:#x}@0x",
    "@zz": lambda page, count: f"{page:#x},{count:#x}@zz",
    "@ with a blank": lambda page, count: f"{page:#x},{count:#x} @ 0x8000",
    "two @": lambda page, count: f"{page:#x},{count:#x}@0x8000@0x9000",
    "@ without a count": lambda page, _: f"{page:#x}@0x8000",
}

#: Pages of the host that are no device's.
IOMEM_PAGES = {
    "host RAM": "0x40000,0x1",
    "host RAM above": "0x80000,0x1",
    "console UART": "0x9000,0x1",
    "host GIC": "0x8000,0x1",
    "host redistributor": "0x80a0,0x1",
    "page 0": "0x0,0x1",
    "nothing there": "0xf000,0x1",
    "2^40": "0x10000000,0x1",
    "2^48": "0x1000000000,0x1",
    "2^63": "0x8000000000000,0x1",
}


def _pages(item: str) -> tuple[int, int]:
    """Page and count of an entry that is well formed."""
    match = re.fullmatch(r'"0x([0-9a-f]+),0x([0-9a-f]+)"', item)
    if match is None:
        raise InapplicableError
    return int(match[1], 16), int(match[2], 16)


@CFG.each(0.7, IOMEM_SPELLINGS)
def respell_iomem(draft: CfgDraft, _name: str, spell: Callable[[int, int], str]) -> str:
    """The page and count of an entry, written wrongly or unusually."""
    _, items, at = draft.item("iomem")
    return _set_item(items, at, f'"{spell(*_pages(items[at]))}"', "iomem")


@CFG.each(0.7, IOMEM_PAGES)
def other_page(draft: CfgDraft, _name: str, entry: str) -> str:
    """A page that dom0 may not give, or that is none of the device's."""
    _, items, at = draft.item("iomem")
    return _set_item(items, at, f'"{entry}"', "iomem")


@CFG.one(5)
def pages_of_other_device(draft: CfgDraft) -> str:
    """The registers of another device."""
    _, items, at = draft.item("iomem")
    page, count = pick(draft.random, draft.host.pages)
    return _set_item(items, at, f'"{page:#x},{count:#x}"', "iomem")


@CFG.one(2)
def iomem_number(draft: CfgDraft) -> str:
    """A number instead of a string."""
    _, items, at = draft.item("iomem")
    page, _ = _pages(items[at])
    return _set_item(items, at, draft.random.choice((f"0{page:x}", f"{page:#x}", "5")), "iomem")


@CFG.one(3)
def repeat_iomem(draft: CfgDraft) -> str:
    """The same host page twice, or two host pages at the same guest page."""
    _, items, at = draft.item("iomem")
    page, count = _pages(items[at])
    entries = (items[at], f'"{page:#x},{count:#x}@0x8000"', f'"0x9020,0x1@{page:#x}"')
    new = draft.random.choice(entries)
    items.append(new)
    return f"iomem also has {new}"


# ---------------------------------------------------------------------------- other keys


@CFG.one(3)
def dtdev(draft: CfgDraft) -> str:
    """A device for the IOMMU, which the emulated board does not have."""
    path = pick(draft.random, draft.host.paths)
    values: tuple[str | list[str], ...] = ([f'"{path}"'], [], [f'"{path}"', '"/none"'], f'"{path}"')
    return draft.add(Statement("dtdev", draft.random.choice(values)))


@CFG.one(2)
def odd_dtdev(draft: CfgDraft) -> str:
    """No path at all."""
    values: tuple[str | list[str], ...] = (['""'], ['"/nowhere"'], ["5"], [], '""', "5", ["[]"])
    return draft.add(Statement("dtdev", draft.random.choice(values)))


MODES = ("enabled", "disabled", "default", "sync_pt", "share_pt", "unknown", "bogus", "")
PASSTHROUGH = {mode or "empty string": f'"{mode}"' for mode in MODES}
PASSTHROUGH |= {"number": "1", "list": '["enabled"]'}


@CFG.each(0.6, PASSTHROUGH)
def passthrough(draft: CfgDraft, _name: str, source: str) -> str:
    """The mode of passthrough."""
    return draft.add(Statement("passthrough", source))


@CFG.one(2)
def vuart(draft: CfgDraft) -> str:
    """The emulated UART takes INTID 32, with or without that in irqs."""
    done = draft.add(Statement("vuart", '"sbsa_uart"'))
    irqs = [s.value for s in draft.statements if s.key == "irqs" and isinstance(s.value, list)]
    if irqs and draft.random.random() < 0.6:
        irqs[0].append("32")
        done += ", irqs has 32"
    return done


@CFG.one(2)
def cfg_nr_spis(draft: CfgDraft) -> str:
    """Known from Xen 4.19 on; ignored before."""
    number = draft.random.choice((0, 1, 3, 7, 8, 32, 64, 256, 960, 988, 992, 5000))
    return draft.add(Statement("nr_spis", str(number)))


# ---------------------------------------------------------------------------- syntax

SYNTAX: dict[str, Callable[[str], str]] = {
    "single quotes": lambda text: text.replace('"', "'"),
    "no quotes": lambda text: text.replace('"', ""),
    "no closing quote": lambda text: "".join(text.rsplit('"', 1)),
    "no opening quote": lambda text: text.replace('"', "", 1),
    "mixed quotes": lambda text: text.replace('"', "'", 1),
    "no opening bracket": lambda text: text.replace("[", "", 1),
    "no closing bracket": lambda text: "".join(text.rsplit("]", 1)),
    "a bracket too many": lambda text: f"{text}]",
    "two opening brackets": lambda text: text.replace("[", "[[", 1),
    "parentheses": lambda text: text.replace("[", "(").replace("]", ")"),
    "braces": lambda text: text.replace("[", "{").replace("]", "}"),
    "trailing comma": lambda text: text.replace("]", ",]"),
    "two trailing commas": lambda text: text.replace("]", ",,]"),
    "leading comma": lambda text: text.replace("[", "[,"),
    "missing comma": lambda text: text.replace(", ", " ", 1),
    "semicolon instead of a comma": lambda text: text.replace(", ", "; ", 1),
    "newlines in the list": lambda text: text.replace(", ", "\n,\n").replace("[", "[\n"),
    "semicolon behind": lambda text: f"{text};",
    "semicolons around": lambda text: f";;{text} ; ;",
    "comment behind": lambda text: f"{text} # \"a' comment ]",
    "comment behind without a blank": lambda text: f"{text}#comment",
    "comment in the list": lambda text: text.replace("[", '[ # "comment ]\n'),
    "comment before the value": lambda text: text.replace("= ", "= # comment\n", 1),
    "hash in the string": lambda text: text.replace('"', '"#', 1),
    "other comment": lambda text: f"{text} // comment",
    "newline before the value": lambda text: text.replace("= ", "=\n", 1),
    "newline before =": lambda text: text.replace(" =", "\n=", 1),
    "line continuation": lambda text: text.replace("= ", "= \\\n", 1),
    "newline in the string": lambda text: text.replace('"', '"\n', 1),
    "no blanks": lambda text: text.replace(" ", ""),
    "tabs": lambda text: "\t" + text.replace(" ", "\t"),
    "indented": lambda text: f"    {text}",
    "form feed": lambda text: text.replace(" ", "\f", 1),
    "double =": lambda text: text.replace("=", "==", 1),
    "colon for =": lambda text: text.replace("=", ":", 1),
    "no =": lambda text: text.replace("=", "", 1),
    "-=": lambda text: text.replace(" =", " -=", 1),
    "no value": lambda text: text.partition("=")[0] + "=",
    "Python sum": lambda text: text.replace('"', '"a" + "', 1),
    "strings side by side": lambda text: text.replace('"', '"a" "', 1),
    "Python's True": lambda text: text.partition("=")[0] + "= True",
    "escape \\n": lambda text: text.replace('"', '"\\n', 1),
    "escape \\q": lambda text: text.replace('"', '"\\q', 1),
    "escape \\x": lambda text: text.replace('"', '"\\x30', 1),
    "octal escape": lambda text: text.replace('"', '"\\060', 1),
    "escaped quote": lambda text: text.replace('"', '"\\"', 1),
    "escaped single quote": lambda text: text.replace('"', "\"\\'", 1),
    "escaped backslash": lambda text: text.replace('"', '"\\\\', 1),
    "backslash at the end": lambda text: text.replace('"', '"x\\', 1),
    "not ASCII": lambda text: text.replace('"', '"é', 1),
    "not ASCII outside of a string": lambda text: f"é{text}",
}


@CFG.each(0.6, SYNTAX)
def syntax(draft: CfgDraft, name: str, change: Callable[[str], str]) -> str:
    """One statement in another syntax, which libxlutil takes or not."""
    old = draft.statement()
    return f"{name}: {draft.replace(old, change(old.text()))}"


@CFG.one(2)
def join_statements(draft: CfgDraft) -> str:
    """Two statements in one line: with a semicolon, or with nothing between them."""
    pairs = zip(draft.statements, draft.statements[1:], strict=False)
    first, second = pick(draft.random, [pair for pair in pairs if pair[0].key and pair[1].key])
    between = draft.random.choice(("; ", ";", ";;", " ", ", ", " ;\n; "))
    draft.statements = [one for one in draft.statements if one is not second]
    return draft.replace(first, first.text() + between + second.text())


WHOLE: dict[str, Callable[[str], str]] = {
    "Windows line ends": lambda text: text.replace("\n", "\r\n"),
    "old Macintosh line ends": lambda text: text.replace("\n", "\r"),
    "no final newline": lambda text: text.rstrip("\n"),
    "a comment at the end without a newline": lambda text: f"{text}# comment",
    "a blank at the end": lambda text: f"{text} ",
    "a semicolon at the end": lambda text: f"{text};",
    "a tab before each line": lambda text: "\t" + text[:-1].replace("\n", "\n\t") + "\n",
    "many empty lines": lambda text: text.replace("\n", "\n\n\n"),
    "a byte order mark": lambda text: f"\ufeff{text}",
    "a section": lambda text: f"[domain]\n{text}",
    "rubbish at the end": lambda text: f"{text}rubbish\n",
}


@CFG.each(0.8, WHOLE)
def whole_text(draft: CfgDraft, name: str, change: Callable[[str], str]) -> str:
    """Something about the whole file."""
    draft.patches.append(change)
    return f"the file has {name}"


# ---------------------------------------------------------------------------- the partial tree


@CFG.one(30)
def mutate_partial(draft: CfgDraft) -> str:
    """One mutation of the partial device tree."""
    if draft.partial is None:
        raise InapplicableError
    try:
        blob = Blob.read(draft.partial)
    except DevicetreeError:  # an earlier mutation did this
        raise InapplicableError from None
    partial = PartialDraft(draft.random, blob, draft.host.paths, {"memory": 256})
    ((name, sentence),) = PARTIAL.mutate(partial, draft.random, 1)
    draft.partial = partial.blob.write()
    return f"partial tree: {name}: {sentence}"


@CFG.one(2)
def no_partial(draft: CfgDraft) -> str:
    """The file that device_tree names is not there, or is empty."""
    draft.partial = draft.random.choice((None, b""))
    return "the partial tree is empty" if draft.partial == b"" else "there is no partial tree"


@CFG.one(2)
def other_file(draft: CfgDraft) -> str:
    """device_tree names another file, a directory, or nothing."""
    old = draft.statement("device_tree")
    name = _first(old.value).strip("\"'")
    names = ("nowhere.dtb", "/", "", "/dev/null", f" {name}", f"{name}x", f"{name}/", name.upper())
    return draft.replace(old, Statement("device_tree", f'"{draft.random.choice(names)}"'))
