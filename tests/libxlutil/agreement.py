"""Whether we read a text as libxlutil does.

python -m tests.libxlutil.agreement --seed 7 --count 20000

asks about that many texts of each kind, and prints the figures.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from xenassign.formats.xlcfg import Atom, ConfigError, Value, XlConfig, decode
from xenassign.formats.xlcfg_parser import parse

from . import texts
from .judge import RELEASES, Answer, Judge, judge


def bytes_of(text: str) -> str:
    """A text of ours as the server's: each byte a character."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def values(items: Sequence[Value]) -> list[str]:
    """Values one behind the other, as the server says them."""
    out = []
    stack: list[Value | None] = []
    stack += reversed(items)
    while stack:
        one = stack.pop()
        if one is None:
            out.append("]")
        elif isinstance(one, Atom):
            out.append("=" + bytes_of(one.text))
        else:
            out.append("[")
            stack += [None, *reversed(one.items)]
    return out


def read(config: XlConfig, name: str) -> dict[str, Any]:
    """What we make of a name, as the server says it."""
    value = config.get(name)
    if value is None:
        return {}
    if isinstance(value, Atom):
        text, number = bytes_of(value.text), config.integer(name)
        return {"string": text, "replaced": text} | ({} if number is None else {"long": number})
    atoms = [bytes_of(one.text) if isinstance(one, Atom) else None for one in value.items]
    strings = atoms[: atoms.index(None)] if None in atoms else atoms
    return {"list": values(value.items), "items": atoms, "strings": strings}


def line_of(answer: Answer) -> int | None:
    """The line of the first message; libxlutil names an unexpected newline's line one too low."""
    low = "unexpected NEWLINE" in answer.said.split("\n", 1)[0]
    return None if answer.line is None else answer.line + low


def disagreement(judge: Judge, data: bytes) -> str | None:
    """What differs, or None."""
    answer = judge.ask(data)
    try:
        config = parse(decode(data), "f")
    except ConfigError as error:
        if answer.status == 0:
            return f"we refuse: {error}"
        if answer.line is not None and line_of(answer) != error.line:
            return f"we say {error}, libxlutil {answer.said!r}"
        return None
    if answer.status != 0:
        return f"we accept; libxlutil: {answer.said!r}"
    for name, entry in answer.values.items():
        ours = read(config, name)
        # Since 2023 C's strtol knows 0b1: that is the C library's, not libxlutil's.
        if ours != entry and "0b" not in entry.get("string", "").lower():
            return f"{name}: ours {ours}, libxlutil's {entry}"
    return None


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Compare our reading with libxlutil's.")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--count", type=int, default=2000, help="texts of each kind and release")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    for suite in RELEASES:
        one = judge(suite)
        for kind, strategy in texts.KINDS.items():
            counts = campaign(one, strategy, arguments.seed, arguments.count)
            figures = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            print(f"Xen {one.release}, {kind}: {figures}", flush=True)
    return 0


def campaign(
    judge: Judge, strategy: SearchStrategy[bytes], number: int, count: int
) -> Counter[str]:
    """Asks about so many texts. Raises AssertionError with the smallest that differs."""
    counts: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(strategy)
    def run(data: bytes) -> None:
        differs = disagreement(judge, data)
        assert differs is None, f"{data!r}: {differs}"
        try:
            parse(decode(data))
            counts["read"] += 1
        except ConfigError:
            counts["refused"] += 1

    run()
    return counts


if __name__ == "__main__":
    sys.exit(main())
