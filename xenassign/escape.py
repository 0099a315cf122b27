r"""Foreign text in what xenassign writes: one function for each target.

Foreign is everything that xenassign did not write itself: names and strings of a device tree, of a
configuration, a lock or a command line, and names of files. Each function returns text that the
target reads as these characters, or shows as text, and as nothing else; one that cannot be stated
there is refused with OutputError. Nothing else writes foreign text (tests/test_escape.py).

A message is composed of the text as it is, and escaped once, where it is printed or written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from xenassign.errors import OutputError


def _shown(char: str) -> str:
    r"""A character as \n, \x1b, \u202e or \U000e0001."""
    return ascii(char)[1:-1]


def _visible(text: str, keep: str = "") -> str:
    """The text with what is not printable (Unicode's categories C and Z, but for the space)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _shown(c) for c in text)


#: What continuous integration executes in a log: GitHub's runner at the start of a line (its
#: ActionCommand.TryParseV2; tables are wrapped, so anywhere) and anywhere (TryParse, the older
#: form), Azure Pipelines anywhere.
_COMMANDS = (("::", ":\\x3a"), ("##[", "#\\x23["), ("##vso[", "#\\x23vso["))


def terminal(text: str, keep: str = "") -> str:
    r"""One line for a terminal or a log.

    Control characters (ECMA-48, also of 8 bits), ends of lines, marks that change the direction of
    text, characters without width and lone surrogates become \x1b, \n, \u202e, as in Python; so do
    the beginnings of commands that a log may have. ``keep``: characters that stay, as the tab.
    """
    text = _visible(text, keep)
    for command, shown in _COMMANDS:
        text = text.replace(command, shown)
    return text


# ---------------------------------------------------------------------- comments

#: A comment of this form accepts a finding (linting/waivers.py).
_WAIVER = r"xenassign:(?=\s*allow\b)"


def hash_comment(text: str) -> str:
    """Text after the # of a comment that ends with its line: xl.cfg, bash, TOML, U-Boot's shell.

    TOML allows no control characters in comments (TOML 1.0, Comment). It waives no finding.
    """
    return re.sub(_WAIVER, "xenassign\\\\x3a", terminal(text))


def dts_comment(text: str, *, waives: bool = False) -> str:
    """Text for a comment of devicetree source between its slashes and stars.

    It neither ends the comment (dtc-lexer.l) nor begins one in it, of which compilers warn.
    ``waives``: it begins with a waiver, the only one in it.
    """
    start = re.match(_WAIVER, text) if waives else None
    head = start[0] if start else ""
    rest = hash_comment(text[len(head) :])
    return head + rest.replace("*/", "* /").replace("/*", "/ *")


# ---------------------------------------------------------------------- devicetree source


def dts_string(text: str) -> str:
    """A string of devicetree source, in quotes (dtc's util.c, get_escape_char)."""
    raw = "".join(map(_dts_character, text.encode("utf-8", "surrogateescape")))
    return '"' + re.sub(_TRIGRAPH, r"\\?", raw) + '"'


#: A question mark after another one, with which a C preprocessor may see a trigraph.
_TRIGRAPH = r"(?<=\?)\?"


def _dts_character(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte <= 0x7E else f"\\{byte:03o}"


#: A name at the start of a line that a C preprocessor reads as a directive.
_DIRECTIVE = (
    r"#(?:[0-9]|\Z|(?:define|undef|include|include_next|import|embed|if|ifdef|ifndef|elif|elifdef"
    r"|elifndef|else|endif|line|error|warning|pragma|ident|sccs|assert|unassert)(?![A-Za-z0-9_]))"
)


def dts_name(name: str) -> str:
    r"""A name of a node or property in devicetree source.

    dtc reads a name after a backslash too (dtc-lexer.l, PROPNODENAME); a C preprocessor does not
    take \#include for a directive. Names were checked when they were read (devicetree/names.py).
    """
    return f"\\{name}" if re.match(_DIRECTIVE, name) else name


# ---------------------------------------------------------------------- shells

#: Words that U-Boot's shell takes as they are, in double quotes too, and that its fdt command does
#: not read as cells or bytes. Special are \ $ ' " ; & | # and white space, and the characters 3 and
#: 4 (common/cli_hush.c, update_ifs_map); with CONFIG_HUSH_MODERN_PARSER also < > ( ) { } ! * ? [ ].
_UBOOT = r"[A-Za-z0-9_./,:=@+%#-](?:[A-Za-z0-9_./,:=@+%# -]*[A-Za-z0-9_./,:=@+%#-])?"


def uboot_string(text: str) -> str | None:
    """A word in double quotes for U-Boot's shell; None if it would change it there.

    In double quotes it removes single quotes, keeps the backslash of an escape, and puts the values
    of variables in; the simple parser (common/cli_simple.c) knows no double quotes, but no ``if``
    either, so that it does not run the scripts.
    """
    return f'"{text}"' if re.fullmatch(_UBOOT, text) else None


def uboot_word(text: str) -> str:
    """A word for U-Boot's shell, in quotes if it requires them. Raises OutputError."""
    quoted = uboot_string(text)
    if quoted is None:
        raise OutputError(
            f"U-Boot's shell would change the word {text!r}; use letters, digits and ./_-"
        )
    return quoted if set(text) & set(" #") else text


def bash_word(text: str) -> str:
    r"""A word of bash with exactly this value, in quotes unless it is a number.

    Between double quotes bash interprets $ ` " \ and, where it is interactive, ! (bash(1),
    QUOTING); between single quotes nothing. A character that is not printable would be a part of
    the value too, and is refused with OutputError.
    """
    if not text.isprintable():
        raise OutputError(f"a word of bash would have {_first_hidden(text)}; remove it: {text!r}")
    if re.fullmatch(r"\d+", text, re.ASCII):
        return text
    if not set(text) & set('"$`\\!'):
        return f'"{text}"'
    return "'" + text.replace("'", "'\\''") + "'"


def _first_hidden(text: str) -> str:
    """The first character that is not printable, as U+001B."""
    return next(f"U+{ord(char):04X}" for char in text if not char.isprintable())


# ---------------------------------------------------------------------- settings

#: What a string of xl.cfg can state by an escape that libxlutil stores (xlu__cfgl_dequote).
_XLCFG = {
    **{char: f"\\{char}" for char in '"\\'},
    **dict(zip("\a\b\f\n\r\t\v", (f"\\{char}" for char in "abfnrtv"), strict=True)),
}


def xlcfg_problem(text: str) -> str | None:
    """A character that no string of xl.cfg should have, as U+001B; None if there is none.

    libxlutil loses octal escapes and refuses hexadecimal ones.
    """
    stated = "".join(char for char in text if char not in _XLCFG)
    return None if stated.isprintable() else _first_hidden(stated)


def xlcfg_string(text: str) -> str:
    """A string of xl.cfg in double quotes. Raises OutputError."""
    problem = xlcfg_problem(text)
    if problem is not None:
        raise OutputError(f"a string of xl.cfg cannot state {problem}; remove it: {text!r}")
    return '"' + "".join(_XLCFG.get(char, char) for char in text) + '"'


def toml_string(text: str) -> str:
    """A basic string of TOML 1.0. Raises OutputError for a text that is not UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise OutputError(f"{text!r} is not UTF-8, as TOML requires; rename it") from None
    import json

    return _json_visible(json.dumps(text, ensure_ascii=False), lambda c: f"\\U{ord(c):08x}")


def _json_visible(text: str, escaped: Callable[[str], str]) -> str:
    """JSON or TOML with what is not printable escaped, and no command of a log in its strings."""
    if not text.replace("\n", "").isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else escaped(c) for c in text)
    return text.replace("##[", "#\\u0023[").replace("##vso[", "#\\u0023vso[")


def toml_key(name: str) -> str:
    """A key of TOML, in quotes if it is not a bare one."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_string(name)


def toml_value(value: Any) -> str:
    """A value of TOML on one line: of Python's booleans, integers, strings, lists and dicts."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{toml_key(k)} = {toml_value(v)}' for k, v in value.items())} }}"
    return toml_string(value)


# ---------------------------------------------------------------------- reports


def json_document(value: Any, *, sort: bool = False, only_ascii: bool = False) -> str:
    """A JSON document, which can be printed to a terminal or a log too (RFC 8259, strings).

    ``sort``: objects by their keys; ``only_ascii``: with no other characters.
    """
    import json

    text = json.dumps(value, indent=2, sort_keys=sort, ensure_ascii=only_ascii)
    return _json_visible(text, lambda c: json.dumps(c)[1:-1]) + "\n"


def json_line(value: Any) -> str:
    """JSON on one line and in ASCII, for files that only xenassign reads."""
    import json

    return json.dumps(value, separators=(",", ":"))


def github_data(text: str) -> str:
    """The message of a workflow command of GitHub (actions/toolkit, escapeData)."""
    return terminal(text).replace("%", "%25")


def github_property(text: str) -> str:
    """A property of a workflow command of GitHub (actions/toolkit, escapeProperty)."""
    shown = _visible(text).replace("##[", "#\\x23[")
    return shown.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def xml(text: str) -> str:
    """Text of an element or an attribute of XML 1.0 (2.4, and 2.2 for its characters)."""
    import html

    return html.escape(terminal(text), quote=True)


def html_text(text: str, keep: str = "") -> str:
    """Text of an element or an attribute of HTML, which a log may show too.

    What is not printable is escaped as for a terminal, so that no mark changes the direction of
    text; a browser shows the beginnings of commands unchanged. ``keep``: characters that stay.
    """
    import html

    shown = html.escape(_visible(text, keep), quote=True)
    for command, written in (("::", ":&#58;"), ("##[", "#&#35;["), ("##vso[", "#&#35;vso[")):
        shown = shown.replace(command, written)
    return shown


def sarif_text(text: str) -> str:
    """A message of SARIF, which has no links (SARIF 2.1.0, 3.11.6)."""
    return terminal(text).replace("](", "\\](")


def file_uri(file: str) -> str:
    """The URI of a file, relative to the working directory if its name is (RFC 3986)."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))


def markdown_cell(text: str) -> str:
    """Markdown for a cell of a table (GitHub Flavored Markdown, 4.10)."""
    return terminal(text).replace("|", "\\|")


#: What begins or ends something in Markdown (CommonMark 0.31, 2.4), an item of a list included.
_MARKDOWN = r"[\\`*_{}\[\]<>#|~&!]|^[-+=]|(?<=^\d)[.)]"


def markdown_text(text: str) -> str:
    """Markdown that shows a text as it is, in a paragraph, an item of a list or a cell."""
    return re.sub(_MARKDOWN, lambda match: f"\\{match[0]}", terminal(text))


#: Characters that roff interprets (groff_char(7)).
_ROFF = {"\\": "\\(rs", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def roff(text: str) -> str:
    """Text of a man page that roff shows unchanged."""
    shown = (_ROFF.get(char, char if char.isascii() else f"\\[u{ord(char):04X}]") for char in text)
    return "".join(shown)


def completion(text: str) -> str | None:
    """A word that no shell has to quote, and that is no option; None if there is no such word.

    A shell inserts the candidates of a completion into the line as they are.
    """
    plain = re.fullmatch(r"[A-Za-z0-9/@,.:=#+_][A-Za-z0-9/@,.:=#+_-]*", text)
    return text if plain is not None else None
