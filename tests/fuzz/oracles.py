"""What must hold of every result; the judges know the formats only."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree import ElementTree

import libfdt

import xenassign
from tests.fuzz.execute import Case, Hang, Result
from tests.fuzz.hostile import MARK
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Node
from xenassign.errors import XenassignError
from xenassign.findings import Finding
from xenassign.linting.verdict import domcfg

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Problem(NamedTuple):
    """A defect. ``key``: equal for equal defects; ``text``: what was seen."""

    key: str
    text: str


_MAGIC = b"\xd0\x0d\xfe\xed"
_PACKAGE = f"{Path(xenassign.__file__).parent}/"
#: Controls except tab and newline, and what changes the order or the breaks of lines.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)
_FORGED = re.compile(rf"\s*(?:::\w+::)?{MARK}")
_MESSAGE = re.compile(
    r"(error|warning|note|try|nothing helps): |Usage: "
    r"|  (\[\[domain(\.device)?\]\]  # |# above all tables$|[a-z0-9-]+ = )"
)
_REPORT = re.compile(
    r"(error|warning|note|  follows): | *[0-9]+ \| | +\| |(Xen|guest): "
    r"|[0-9]+ (error|warning|note|waived)|not run without --host: "
)
_ANNOTATION = re.compile(
    r"::(error|warning|notice) file=[^,]*,title=XA[0-9]{3} [a-z0-9-]+[,:]|::error title=rejected::"
)
_CONCISE = re.compile(r"xenassign: rejected by |.+: XA[0-9]{3} (\[\*\] )?(error|warning|note): ")
_GCC = re.compile(
    r"xenassign:1:1: error: rejected by |.+:[0-9]+:[0-9]+: (error|warning|note): .* \[XA[0-9]{3}\]$"
)
#: What reads the documents of a format.
_DOCUMENTS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "sarif": json.loads,
    "gitlab": json.loads,
    "junit": ElementTree.fromstring,
}
#: How each line of a format of lint begins.
_LINES = {"text": _REPORT, "github": _ANNOTATION, "concise": _CONCISE, "gcc": _GCC}
#: Keys of xl.cfg that a file without --base-cfg has.
_XL_KEYS = frozenset(
    {
        *("name", "memory", "vcpus", "kernel", "ramdisk", "extra", "device_tree", "passthrough"),
        *("dtdev", "irqs", "iomem", "nr_spis", "shadow_memory", "arm_sci"),
    }
)


def problems(case: Case, results: Sequence[Result]) -> Iterator[Problem]:
    """Everything that is wrong in the results of a case."""
    own = _lines_of(case.files)
    for result in results:
        if result.raised is not None:
            yield _raised(result.raised)
            continue
        if result.status not in (0, 1, 2):
            yield Problem(f"status {result.status}", f"exit status {result.status}")
        if result.status and result.argv[:1] != ("lint",) and result.written:
            yield Problem("written", f"status {result.status} and {sorted(result.written)}")
        yield from _streams(result)
        for name, data in result.written.items():
            yield from _file(name, data, result, own)


def _raised(error: BaseException) -> Problem:
    """An internal error, by its type and the last line of the package that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if frame.filename.startswith(_PACKAGE)]
    kind = "hang" if isinstance(error, Hang) else f"raises {type(error).__name__}"
    key = kind
    if inside and not isinstance(error, RecursionError):
        key = f"{kind} in {inside[-1].filename.removeprefix(_PACKAGE)} {inside[-1].name}"
    text = "".join(traceback.format_exception(error)[-12:])
    return Problem(key, text)


def _streams(result: Result) -> Iterator[Problem]:
    argv = result.argv
    command = argv[0] if argv else ""
    lines = result.out.splitlines(keepends=True)  # names of files, as the user stated them, too
    named = b"".join(
        line
        for line in lines
        if line.rstrip(b"\n").decode("utf-8", "replace") not in result.written
    )
    for name, data in (("stdout", named), ("stderr", result.err)):
        yield from _text(f"{command} {name}", data, frozenset())
    out, err = result.out.decode("utf-8", "replace"), result.err.decode("utf-8", "replace")
    form = argv[argv.index("--format") + 1] if "--format" in argv[:-1] else ""
    if result.status == 2 and not err.startswith(("error: ", "Usage: ")):
        yield Problem(f"{command} silent", f"status 2 and stderr {err[:200]!r}")
    if form in _DOCUMENTS and result.status != 2:
        try:
            _DOCUMENTS[form](out)
        except (ValueError, ElementTree.ParseError) as error:
            yield Problem(f"{command} {form}", f"{error}: {out[:300]}")
    several = "-c" in argv or "--host" in argv
    changes = "--diff" in argv or "--fix" in argv
    if command in {"generate", "inspect", "init", "explain"} and not several:
        yield from _only(f"{command} stderr", err, _MESSAGE)
    if command == "lint" and not changes and result.status != 2:
        pattern = _LINES.get(form)
        if pattern is not None:
            yield from _only(f"lint {form}", out, pattern)


def _only(what: str, text: str, pattern: re.Pattern[str]) -> Iterator[Problem]:
    """Each line of a text begins as lines of that kind do."""
    for line in text.splitlines():
        if line and not pattern.match(line):
            yield Problem(f"{what} line", repr(line[:300]))
            return


def _text(name: str, data: bytes, own: frozenset[str]) -> Iterator[Problem]:
    """No text has characters that terminals obey, or a line that is someone else's.

    ``own``: lines of the user's files, whose parts may be copied as they are.
    """
    try:
        text = data.decode("utf-8", "surrogateescape" if own else "strict")
    except UnicodeDecodeError as error:
        yield Problem(f"{name} encoding", str(error))
        return
    found = _FORBIDDEN.search(text)
    if found is not None or MARK in text:
        for line in text.split("\n"):
            bad = _FORBIDDEN.search(line)
            if bad is not None and not any(bad[0] in mine for mine in own):
                yield Problem(f"{name} control", repr(line[max(bad.start() - 100, 0) :][:250]))
                break
        for line in text.splitlines():
            if _FORGED.match(line) and line not in own:
                yield Problem(f"{name} forged", repr(line[:250]))
                break


def _lines_of(files: Mapping[str, bytes]) -> frozenset[str]:
    """The lines of the user's files that are no blobs."""
    texts = (data for data in files.values() if not data.startswith(_MAGIC))
    decoded = [text.decode("utf-8", "surrogateescape") for text in texts]
    return frozenset(line for text in decoded for line in (*text.split("\n"), *text.splitlines()))


def _file(name: str, data: bytes, result: Result, own: frozenset[str]) -> Iterator[Problem]:
    path = PurePosixPath(name)
    if path.name.startswith(".") and path.name.endswith((".tmp", ".old")):
        yield Problem("temporary file", name)
    if data.startswith(_MAGIC):
        path = path.with_suffix(".dtb")  # --host-out names it
    elif result.argv[:1] == ("init",):
        path = path.with_suffix(".toml")  # -o names it
    elif result.argv[:1] == ("complete",) and not path.suffix:  # -o names it, by the route
        node = data.startswith(b"/dts-v1/")
        path = path.with_suffix(".dtso" if node else ".cfg")
    reader = _READERS.get(path.name) or _READERS.get(path.suffix)
    ending = path.suffix if path.name not in _READERS else path.name
    if reader is None:
        yield Problem("unknown file", name)
        return
    if ending not in {".dtb", ".dtbo", "boot.scr"}:
        copied = ending in {".cfg", "imagebuilder.cfg"} or result.argv[:1] == ("lint",)
        yield from _text(ending, data, own if copied else frozenset())
    try:
        yield from reader(name, data, result)
    except (XenassignError, ValueError) as error:
        yield Problem(f"{ending} unreadable", f"{name}: {error}")


def _sampled(data: bytes) -> bool:
    """Whether libfdt and dtc are asked too: one file in 16."""
    return zlib.crc32(data) % 16 == 0


def _blob(name: str, data: bytes, _: Result) -> Iterator[Problem]:
    read_blob(data, name)
    if _sampled(data):
        tree, node, depth, count = libfdt.FdtRo(data), 0, 0, 0
        while depth >= 0:
            count += 1
            node, depth = tree.next_node(node, depth, (libfdt.NOTFOUND,))
        if count != sum(1 for _ in read_blob(data, name).nodes()):
            yield Problem("libfdt reads another blob", name)


def _source(name: str, data: bytes, result: Result) -> Iterator[Problem]:
    """A source gives the tree of the blob beside it."""
    if "lint" in result.argv[:1]:
        return  # the user's, fixed
    source = read_blob(read_source(data, name).blob, name)
    if _sampled(data):
        command = ["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", "/dev/null", "-"]
        done = subprocess.run(command, input=data, capture_output=True, check=False)
        if done.returncode:
            yield Problem("dtc refuses the source", f"{name}: {done.stderr.decode()[:300]}")
    for ending in (".dtb", ".dtbo"):
        blob = result.written.get(str(PurePosixPath(name).with_suffix(ending)))
        if blob is not None:
            other = read_blob(blob, name)
            if _shape(source.root) != _shape(other.root):
                yield Problem("source and blob differ", name)


def _shape(root: Node) -> list[tuple[str, dict[str, bytes]]]:
    """Paths and properties, without what a compiler adds."""
    return [
        (node.path, {prop.name: prop.value for prop in node.properties.values()})
        for node in _nodes(root)
        if not node.path.startswith(("/__", "/aliases"))
    ]


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children.values():
        yield from _nodes(child)


def _xl(name: str, data: bytes, result: Result) -> Iterator[Problem]:
    if "lint" in result.argv[:1]:
        return  # the user's, fixed
    config = domcfg.read(data.decode("utf-8", "surrogateescape"), name)
    if isinstance(config, Finding):
        yield Problem("cfg unreadable", f"{name}: {config.text()}")
        return
    strange = {statement.name for statement in config.statements} - _XL_KEYS
    if strange and not {"--base-cfg", "-c", "complete"} & set(result.argv):
        yield Problem("cfg keys", f"{name}: {sorted(strange)}")


def _json(name: str, data: bytes, _: Result) -> Iterator[Problem]:
    json.loads(data)
    yield from ()


#: Comments and strings of NAME.zephyr.c, and the words and numbers outside of them.
_C_TEXT = re.compile(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', re.DOTALL)
_C_WORDS = re.compile(
    r"include|domain|zephyr|xen|public|domctl|h|static|struct|xen_domain_(?:iomem|cfg)|uint(?:8|32)_t"
    r"|const|char|__attribute__|aligned|void|xenassign_\w+|cfg|sizeof|XEN_DOMCTL_CDF_iommu|cmdline"
    r"|(?:nr_)?(?:iomems|irqs|dtdevs)|first_[gm]fn|nr_mfns|dtb(?:_start|_end)?|mem_kb|max_vcpus"
    r"|flags|0x[0-9a-f]+|\d+"
)


def _c(name: str, data: bytes, _: Result) -> Iterator[Problem]:
    """Nothing but the declarations and assignments that the file is for."""
    for word in re.findall(r"\w+", _C_TEXT.sub(" ", data.decode("ascii"))):
        if not _C_WORDS.fullmatch(word):
            yield Problem("zephyr.c word", repr(word))
            return


def _toml(name: str, data: bytes, _: Result) -> Iterator[Problem]:
    values = tomllib.loads(data.decode())
    strange = set(values) - {"host", "xen", "route", "domain", "iommu-driver", "boot"}
    if strange:
        yield Problem("toml keys", f"{name}: {sorted(strange)}")


def _loaders(result: Result) -> list[str]:
    """The commands of the user that load a file, of the options and of xenassign.toml."""
    pairs = list(zip(result.argv, result.argv[1:], strict=False))
    loaders = [value for option, value in pairs if option == "--load-with"]
    for path in (value for option, value in pairs if option == "-c"):
        boot = tomllib.loads(result.before[os.path.normpath(path)].decode()).get("boot", {})
        loaders.append(boot.get("load-with", ""))
    return [loader for loader in loaders if loader]


def _script(name: str, data: bytes, result: Result) -> Iterator[Problem]:
    allowed = {"setenv", "fdt", "if", "then", "else", "fi", "echo", "booti", "test", ""}
    loaders = _loaders(result)
    allowed |= {"load"} if loaders else set()
    for line in data.decode().split("\n"):
        loader = next((value for value in loaders if line.startswith(value)), "")
        for command in hush("load" + line[len(loader) :] if loader else line):
            if command not in allowed:
                yield Problem("boot.cmd command", f"{command!r} in {line!r}")
                return
    if 'if test -n "${xenassign_failed}"; then' not in data.decode():
        yield Problem("boot.cmd end", data.decode()[-200:])


_EXPANSION = re.compile(r"\$\{(xenassign_failed|filesize)\}")


def hush(line: str) -> Iterator[str]:
    """The commands of a line of U-Boot's shell; an expansion that is not ours is one of them."""
    if line.startswith("#"):
        return
    words: list[str] = []
    word, quote, at = "", "", 0
    while at < len(line):
        char = line[at]
        if char == "\\" and quote != "'":
            word += line[at : at + 2]
            at += 2
            continue
        if quote and char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif char == "$" and quote != "'":
            known = _EXPANSION.match(line, at)
            if known is None:
                yield f"expansion {line[at : at + 20]}"
            else:
                at = known.end()
                continue
        elif not quote and char in ";&|\n":
            words.append(word)
            yield words[0]
            words, word = [], ""
            at += 1
            continue
        elif not quote and char in " \t":
            words += [word] if word else []
            word = ""
        else:
            word += char
        at += 1
    words.append(word)
    yield words[0]
    if quote:
        yield f"open {quote}"


_ASSIGNMENT = re.compile(
    r'\s*(?:[A-Z0-9_]+(?:\[[0-9]+\])?=(?:[A-Za-z0-9_./:,@=+-]*|"(?:[^"\\$`\n]|\\["\\$`])*"'
    r"|(?:'[^'\n]*'|\\')*)"
    r"\s*(?:#.*)?|#.*)?"
)


def _bash(name: str, data: bytes, result: Result) -> Iterator[Problem]:
    """Assignments and comments, nothing that bash expands or runs."""
    if "--imagebuilder-base" in result.argv:
        return
    for line in data.decode().split("\n"):
        if not _ASSIGNMENT.fullmatch(line):
            yield Problem("imagebuilder.cfg line", repr(line))
            return


def _commands(name: str, data: bytes, _: Result) -> Iterator[Problem]:
    for line in data.decode().split("\n"):
        for command in hush(line):
            if command not in {"fdt", "setenv", ""}:
                yield Problem("imagebuilder.cmds command", f"{command!r} in {line!r}")
                return


#: A line of xen.cfg; a # would end the command line.
_EFI_LINE = re.compile(
    r"#[ -~]*|\[(?:global|xen)\]|default=xen|options=[^#\x00-\x1f\x7f-\xff]*|dtb=xen\.dtb|"
)


def _efi(name: str, data: bytes, _: Result) -> Iterator[Problem]:
    for line in data.decode("latin-1").split("\n"):
        if not _EFI_LINE.fullmatch(line):
            yield Problem("xen.cfg line", repr(line))
            return


def _image(name: str, data: bytes, result: Result) -> Iterator[Problem]:
    script = result.written.get(str(PurePosixPath(name).with_name("boot.cmd")))
    if data[72:] != script or int.from_bytes(data[24:28], "big") != zlib.crc32(data[64:]):
        yield Problem("boot.scr", f"{name} is not boot.cmd")


Reader = Callable[[str, bytes, Result], Iterator[Problem]]
_READERS: dict[str, Reader] = {
    ".dtb": _blob,
    ".dtbo": _blob,
    ".dts": _source,
    ".dtso": _source,
    ".c": _c,
    ".cfg": _xl,
    ".json": _json,
    ".lock": _json,
    ".toml": _toml,
    "xen.cfg": _efi,
    "boot.cmd": _script,
    "boot.scr": _image,
    "imagebuilder.cfg": _bash,
    "imagebuilder.cmds": _commands,
}
"""By the name of a file, else its suffix; a file without a judge is a problem."""
