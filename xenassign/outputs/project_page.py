"""The reference of xenassign.toml in docs/system.md, made from the tables of ``request.keys``.

``python -m xenassign.dev regenerate`` writes it; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.escape import markdown_cell
from xenassign.request.keys.domain_devices import DEVICE, LINE, PAGE
from xenassign.request.keys.domain_section import DOM0LESS, DOMAIN, EVENT_CHANNEL, SHARED_MEMORY
from xenassign.request.keys.section import Key, Section
from xenassign.request.keys.whole_file import (
    AGENT,
    ALLOW,
    BOOT,
    CPU_POOL,
    FORBID,
    LINT,
    REQUIRE,
    SCI,
    TOP,
)
from xenassign.request.value_kinds import Choice, Either, Fixed, Flag, Integer, Kind, Many, Named

BEGIN = "<!-- Written by `python -m xenassign.dev regenerate`; a test compares the two. -->"
END = "<!-- End of what is written. -->"

_HEADINGS = (
    ("The file", TOP),
    ("`[[domain]]`", DOMAIN),
    ("`[[domain.device]]`", DEVICE),
    ("`[[domain.line]]`", LINE),
    ("`[[domain.page]]`", PAGE),
    ("`[domain.dom0less]`", DOM0LESS),
    ("`[[domain.shared-memory]]`", SHARED_MEMORY),
    ("`[[domain.event-channel]]`", EVENT_CHANNEL),
    ("`[[cpu-pool]]`", CPU_POOL),
    ("`[[allow]]`", ALLOW),
    ("`[[forbid]]`", FORBID),
    ("`[[require]]`", REQUIRE),
    ("`[sci]`", SCI),
    ("`[[sci.agent]]`", AGENT),
    ("`[boot]`", BOOT),
    ("`[lint]`", LINT),
)


def reference() -> str:
    """The tables of all keys, in Markdown."""
    lines: list[str] = []
    for heading, section in _HEADINGS:
        lines += [f"### {heading}", "", "| key | value | meaning |", "|---|---|---|"]
        lines += [
            f"| `{key.name}` | {markdown_cell(_value(key))} | {markdown_cell(_meaning(key))} |"
            for key in section.keys
        ]
        lines.append("")
    return "\n".join(lines)


def _meaning(key: Key) -> str:
    return f"{key.doc} Required." if key.required else key.doc


def _value(key: Key) -> str:
    if isinstance(key.kind, Section):
        return f"`{key.kind.header}`"
    return ", ".join(_shown(key.kind))


def _shown(kind: Kind) -> Iterator[str]:
    """The values of a kind, in words."""
    if isinstance(kind, Either):
        values: list[str] = []
        for choice in kind.kinds:
            items = list(_shown(choice.item)) if isinstance(choice, Many) else []
            values += ["a list of them"] if items and set(items) <= set(values) else _shown(choice)
        yield from dict.fromkeys(values)
    elif isinstance(kind, Choice):
        yield from (f'`"{value}"`' for value in kind.values)
    elif isinstance(kind, Integer):
        yield f"integer {kind.unit}".rstrip()
    elif isinstance(kind, Flag) and kind.only is not None:
        yield f"`{str(kind.only).lower()}`"
    elif isinstance(kind, Many):
        yield f"list of {' or '.join(_plural(item) for item in _shown(kind.item))}"
    elif isinstance(kind, Named):
        yield f"table of {' or '.join(_plural(item) for item in _shown(kind.item))}"
    elif isinstance(kind, Fixed):
        yield f"`{{ {', '.join(f'{name} = …' for name in kind.items)} }}`"
    else:
        yield kind.noun


def _plural(noun: str) -> str:
    """The plural of "string" or "integer Hz"; literal values and lists stay."""
    if noun.startswith(("`", "list", "a list")):
        return noun
    head, space, rest = noun.partition(" ")
    return f"{head}s{space}{rest}"


def page(text: str) -> str:
    """The page with the current reference between BEGIN and END."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"
