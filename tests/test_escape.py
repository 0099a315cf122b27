"""Each function of xenassign/escape.py, as its target reads the result."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wording import Wording
from xenassign import escape
from xenassign.devicetree.draft import DraftNode, DraftProperty, boolean, text
from xenassign.devicetree.source.writer import to_dts
from xenassign.errors import OutputError

from .missing import skip_or_fail

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Text with what targets interpret, more often than chance would have it.
SPECIAL = [
    "\n::error::x",
    "##[error]x",
    "##vso[x]",
    "\x1b[2J",
    "\x9b",
    "\u202e",
    "\u200f",
    "\u2028",
]
SPECIAL += [
    "*/",
    "/*",
    "xenassign: allow XA401: x",
    "${a}",
    "$(a)",
    "`a`",
    "'",
    '"',
    "\\",
    "??/",
    "|",
]
SPECIAL += ["](x)", "%0A", "\udcff", "\0", "\t", "#", ";", "&&"]
TEXT = st.lists(st.text(max_size=4) | st.sampled_from(SPECIAL), max_size=6).map("".join)
UTF8 = TEXT.map(lambda value: value.encode("utf-8", "ignore").decode())


@given(TEXT)
def test_a_line_for_a_terminal(value: str) -> None:
    line = escape.terminal(value)
    assert line.isprintable()
    assert not any(command in line for command in ("::", "##[", "##vso["))
    assert escape.terminal(line) == line


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain é日本 a:b #c", "plain é日本 a:b #c"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b]0;t\x07\x9b", "\\x1b]0;t\\x07\\x9b"),
        ("\u061c\u200b\u200e\u2066\u2029\ufeff", "\\u061c\\u200b\\u200e\\u2066\\u2029\\ufeff"),
        ("\udcff\U000e0001", "\\udcff\\U000e0001"),
        ("::error::x", ":\\x3aerror:\\x3ax"),
        ("a ##[error]b ##vso[c]", "a #\\x23[error]b #\\x23vso[c]"),
    ],
)
def test_lines(value: str, line: str) -> None:
    assert escape.terminal(value) == line
    assert escape.terminal("\t", keep="\t") == "\t"


class _Text(HTMLParser):
    """The text of a document, which has no tags but <p>, and its attribute."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = self.title = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag == "p"
        self.title = dict(attrs)["title"] or ""

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXT)
def test_text_of_html(value: str) -> None:
    shown = escape.html_text(value)
    assert shown.isprintable()
    assert not any(command in shown for command in ("::", "##[", "##vso["))
    parser = _Text()
    parser.feed(f'<p title="{shown}">{shown}</p>')
    parser.close()
    visible = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
    assert parser.text == parser.title == visible
    assert escape.html_text("a\tb\n", keep="\t\n") == "a\tb\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/soc/a_b@1 *x*", "/soc/a\\_b@1 \\*x\\*"),
        ("# a", "\\# a"),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("<b>|](x)`", "\\<b\\>\\|\\](x)\\`"),
        ("a\n", "a\\\\n"),
    ],
)
def test_text_of_markdown(value: str, shown: str) -> None:
    assert escape.markdown_text(value) == shown


@given(TEXT)
def test_a_comment_that_ends_with_its_line(value: str) -> None:
    comment = escape.hash_comment(value)
    assert comment.isprintable()
    assert not re.search(r"xenassign:\s*allow\b", comment)
    assert tomllib.loads(f"a = 1 # {comment}\nb = 2\n") == {"a": 1, "b": 2}


def test_only_a_waiver_waives() -> None:
    waiver = "xenassign: allow XA204: xenassign: allow XA401: x"
    allowed = r"xenassign:\s*allow\b"
    assert re.findall(allowed, escape.dts_comment(waiver)) == []
    assert re.findall(allowed, escape.dts_comment(waiver, waives=True)) == ["xenassign: allow"]
    assert re.findall(allowed, escape.dts_comment(f"x {waiver}", waives=True)) == []


@pytest.mark.parametrize("compiler", ["dtc", "cpp", "cpp -trigraphs"])
def test_names_and_strings_for_dtc_and_a_preprocessor(compiler: str, tmp_path: Path) -> None:
    """What a C preprocessor sees as a directive or a trigraph stays a name or a string."""
    if shutil.which("dtc") is None or shutil.which("cpp") is None:
        skip_or_fail("dtc or cpp is missing: apt-get install device-tree-compiler cpp")
    names = ["#include", "#define", "#error", "#if-cells", "#1", "#", "#size-cells", "a*", "?"]
    values = ["??/", "???/", '??/"', "??=include", "\\", "a\nb", "/* */", "// x", "\x1b", "é"]
    properties = (*map(boolean, names), text("values", *values))
    draft = DraftNode("", properties, comments=("??/", "ends with \\", "*/ };"))
    source = f"/dts-v1/;\n{to_dts(draft)}"
    if compiler != "dtc":
        command = [*compiler.split(), "-nostdinc", "-undef", "-x", "assembler-with-cpp"]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
        source = done.stdout
    (tmp_path / "a.dts").write_text(source)
    subprocess.run(["dtc", "-q", "-o", tmp_path / "a.dtb", tmp_path / "a.dts"], check=True)
    from xenassign.devicetree.blob import read_blob_file

    root = read_blob_file(tmp_path / "a.dtb").root
    assert list(root.properties) == [*names, "values"]
    assert list(root.strings("values")) == values


@given(TEXT)
def test_a_word_for_u_boot(value: str) -> None:
    """Only characters that its shell does not interpret, in quotes if there are spaces or #."""
    try:
        word = escape.uboot_word(value)
    except OutputError:
        assert re.search(r"[^\w./,:=@+%# -]|^[^\w./,:=@+%#-]| $", value, re.ASCII) or not value
    else:
        assert word in (value, f'"{value}"')
        assert word.strip('"') == value
        assert not set(value) & set("\\$'\";&|<>(){}!*?[]`~\n\t\x03\x04")
        assert word.startswith('"') == bool(set(value) & set(" #"))


def test_words_that_are_refused(wording: Wording) -> None:
    with wording.raises(OutputError):
        escape.uboot_word("a;reset")
    with wording.raises(OutputError):
        escape.bash_word("a\nb")
    with wording.raises(OutputError):
        escape.xlcfg_string("a\x1b")
    with wording.raises(OutputError):
        escape.toml_string("a\udcff")


@given(UTF8)
def test_a_string_of_toml(value: str) -> None:
    assert tomllib.loads(f"a = {escape.toml_string(value)}") == {"a": value}
    assert escape.toml_string(value).isprintable()
    assert tomllib.loads(f"{escape.toml_key(value)} = 1") == {value: 1}


@given(st.dictionaries(TEXT, TEXT | st.lists(TEXT)), st.booleans())
def test_a_document_of_json(value: dict[str, object], only_ascii: bool) -> None:
    document = escape.json_document(value, only_ascii=only_ascii)
    # json.loads joins two halves of a pair, which json.dumps keeps apart.
    assert json.loads(document) == json.loads(json.dumps(value))
    assert document.replace("\n", "").isprintable()
    assert "##[" not in document
    assert "##vso[" not in document
    assert not re.search(r"^\s*::", document, re.MULTILINE)
    assert not only_ascii or document.isascii()


@given(TEXT, TEXT)
def test_an_annotation_of_github(name: str, message: str) -> None:
    """Read as GitHub's runner reads it: up to the second ::, then the properties at commas."""
    line = f"::error file={escape.github_property(name)},line=1::{escape.github_data(message)}"
    assert line.isprintable()
    command, data = line.removeprefix("::").split("::", 1)
    properties = dict(pair.split("=", 1) for pair in command.removeprefix("error ").split(","))
    assert list(properties) == ["file", "line"]
    assert "::" not in data
    assert "##[" not in data
    if name.isprintable() and "##[" not in name:
        assert unquote_to_bytes(properties["file"]).decode() == name


@given(TEXT)
def test_a_message_of_sarif(value: str) -> None:
    message = escape.sarif_text(value)
    assert message.isprintable()
    assert not re.search(r"(?<!\\)\]\(", message)


@given(st.binary(min_size=1, max_size=9).filter(lambda raw: b"\0" not in raw), st.booleans())
def test_a_uri_of_sarif(raw: bytes, absolute: bool) -> None:
    name = os.path.normpath(os.fsdecode(b"/" * absolute + b"a" + raw))
    uri = escape.file_uri(name)
    assert uri.isascii()
    assert uri.isprintable()
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("file" if absolute else "", "")
    assert os.path.normpath(os.fsdecode(unquote_to_bytes(parts.path))) == name


@given(TEXT)
def test_a_cell_of_markdown(value: str) -> None:
    cell = escape.markdown_cell(value)
    assert cell.isprintable()
    assert not re.search(r"(?<!\\)\|", cell)


@given(TEXT)
def test_a_candidate_of_a_completion(value: str) -> None:
    assert escape.completion(value) in (None, value)
    if escape.completion(value) is not None:
        assert not value.startswith("-")
        assert not set(value) & set(" \t\n;&|<>(){}[]!*?$`'\"\\~^%")


def test_draft_names_that_source_cannot_have(wording: Wording) -> None:
    from xenassign.devicetree.tree import DevicetreeError

    for draft in (
        DraftNode("", (DraftProperty("a@b"),)),
        DraftNode("", (), (DraftNode("a;b"),)),
        DraftNode("", (), (DraftNode("a", label="b-c"),)),
    ):
        with wording.raises(DevicetreeError):
            to_dts(draft)


#: What escapes text, and is called nowhere else.
ESCAPING = {"isprintable", "dumps", "quote", "as_uri", "ascii"}


def test_nothing_else_escapes_text(repository: Path) -> None:
    """One function for each target: a module that needs another one adds it to escape.py."""
    calls = set()
    for path in sorted((repository / "xenassign").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                name = node.func.id if isinstance(node.func, ast.Name) else name
                if name in ESCAPING and path.name != "escape.py":
                    calls.add((path.relative_to(repository).as_posix(), name))
    assert not calls


def test_only_printing_prints(repository: Path) -> None:
    """The commands print through cli/printing.py; what rich prints is escaped cell by cell."""
    prints = {
        path.relative_to(repository / "xenassign").as_posix()
        for path in (repository / "xenassign").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("click.echo", "print", "click.secho")
    }
    assert prints == {"cli/__init__.py", "cli/group.py", "cli/printing.py", "dev.py", "process.py"}
