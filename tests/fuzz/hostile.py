"""Values that readers and renderers have been seen to stumble over.

``MARK`` stands where a text would be obeyed if it left its quotes: no line of any output begins
with it.
"""

from __future__ import annotations

import re

MARK = "INJECTED"

#: Texts for names, strings and options. No word before a space ends in MARK: tables wrap there.
TEXTS = (
    f"a\n{MARK}",
    f"a\r\n{MARK}: b",
    f"a\n::error::{MARK}",
    f"::error::{MARK}",
    f"a;{MARK};b",
    f"a&&{MARK}",
    f"a||{MARK}",
    f"$({MARK})",
    f"`{MARK}`",
    f"${{{MARK}}}",
    f"${MARK}",
    f"'{MARK}'",
    f'"{MARK}"',
    f"\\{MARK}",
    "a\\",
    "a'",
    'a"',
    f"*/{MARK}/*",
    f"/*{MARK}",
    f"//{MARK}",
    f"#{MARK}",
    f"\x1b]0;{MARK}\x07",
    "\x1b[2J",
    "\x07\x08\x0b\x0c\x7f",
    "\x9b31m",
    f"a\x85{MARK}",
    f"a\u2028{MARK}",
    f"\u202e{MARK}\u2066",
    "\u200f\u061c\ufeff",
    "é日本😀",
    "\udcff\udc80",
    f"|{MARK}|",
    f"<script>{MARK}</script>",
    f"[x]({MARK})",
    f"%0A{MARK}",
    "%s%n%(x)s",
    f"{{{MARK}}}",
    f"{{{{{MARK}}}}}",
    f"{{%{MARK}%}}",
    f"[bold]{MARK}[/bold]",
    f"../{MARK}",
    f"/{MARK}",
    "a/b",
    "",
    " ",
    "a b",
    "@",
    "a@b@c",
    "a!b",
    "-d",
    "--overwrite",
    "x" * 31,
    "x" * 70,
    "x" * 3000,
    "0",
    f"{MARK}=1",
    "*",
    "[",
    "**/?",
    ".",
    "..",
    "~",
)

#: Numbers as texts of options and files.
NUMBERS = (
    "0", "-1", "1", "2", "7", "0x", "0xg", "0x0", "0x1000", "0xfff", "0xffffffff", "0x100000000",
    "2147483647", "2147483648", "4294967296", "281474976710656", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "0xfffffffffffff000", "010", "+5", " 7", "1.5",
    "1e3", "0b1", "9" * 400, "1" + "0" * 5000, "1e999", "nan", "\uff11\uff12", "0o7", "1_000", "-0",
    "5k", "1G", "0x40000000:1G", "0:0", "0x1000-0x2000", "-", "\u0663",
)  # fmt: skip

#: Those that every language reads as a number.
PLAIN_NUMBERS = tuple(n for n in NUMBERS if re.fullmatch("0x[0-9a-f]+|[1-9][0-9]{,18}|0", n))

#: Cells of device trees.
CELLS = (
    0, 1, 2, 3, 4, 5, 8, 15, 16, 31, 32, 64, 128, 255, 256, 1019, 1020, 0xFDE8, 0xFFF, 0x1000,
    0x1001,
    0x10000, 0x100000, 0x8000000, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xFFFFF000, 0xFFFFFFFE,
    0xFFFFFFFF,
)  # fmt: skip


def without_nul(text: str) -> str:
    """A text as an argument of a program or a name of a tree can have it."""
    return text.replace("\0", "")
