"""The parsers of grammar/*.lark, kept in the user's cache so that they are built only once.

Building a parser takes a few hundred milliseconds, loading a built one a few. The cache is
``$XDG_CACHE_HOME/xenassign`` (``~/.cache/xenassign``), one file for each grammar text, version of
lark and Python, and set of options: a SHA-256 and JSON, so that loading runs nothing of it. A
folder or a file that others can write to is not used, since it could change what is parsed. If the
cache can't be used, the parser is built in memory, without a warning.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xenassign.escape import json_line
from xenassign.resources import directory

if TYPE_CHECKING:
    from lark import Lark

_DIGEST_SIZE = 32
_MAX_SIZE = 16 << 20


def parser(name: str, **options: Any) -> Lark:
    """The LALR parser of ``grammar/NAME.lark``; ``options`` are those of ``lark.Lark``.

    A lexer or transformer among them must be importable by the name of its class.
    """
    from lark import Lark

    grammar = (directory("grammar") / f"{name}.lark").read_text(encoding="utf-8")
    file = _file(name, grammar, options)
    with _folder() as folder:
        built = _load(folder, file, options) if folder is not None else None
        if built is None:
            built = Lark(grammar, parser="lalr", **options)
            if folder is not None:
                _save(folder, file, built, options)
    return built


def _file(name: str, grammar: str, options: dict[str, Any]) -> str:
    """The name of the cache file."""
    from lark import __version__

    settings = [
        f"{key}={value if isinstance(value, str | bool) else _kind(value)}"
        for key, value in sorted(options.items())
    ]
    key = repr((grammar, __version__, sys.version_info, settings))
    return f"{name}-{sha256(key.encode()).hexdigest()[:16]}.parser"


def _kind(value: object) -> str:
    kind = value if isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


@contextlib.contextmanager
def _folder() -> Iterator[int | None]:
    """A descriptor of the folder; None without one that only this user can write to."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xenassign"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, RuntimeError, ValueError):  # no home directory, or not a valid name
        yield None
        return
    try:
        yield descriptor if _is_own(os.fstat(descriptor)) else None
    finally:
        os.close(descriptor)


def _is_own(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _load(folder: int, file: str, options: dict[str, Any]) -> Lark | None:
    """The parser of a file; None if there is none, or it is not whole and our own."""
    from lark import Lark

    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(file, flags, dir_fd=folder), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or not _is_own(status):
                return None
            data = stream.read(_MAX_SIZE)
        if sha256(data[_DIGEST_SIZE:]).digest() != data[:_DIGEST_SIZE]:
            return None
        parser, memo = json.loads(data[_DIGEST_SIZE:])
        parser["options"].update(options)
        if "lexer" in options:
            parser["parser"]["lexer_conf"]["lexer_type"] = options["lexer"]
        table = parser["parser"]["parser"]
        table["tokens"] = _by_number(table["tokens"])
        table["states"] = {
            int(state): _by_number(actions) for state, actions in table["states"].items()
        }
        built: Lark = Lark._load_from_dict(parser, _by_number(memo))  # type: ignore[no-untyped-call]
    except Exception:  # complete, but of another version of something: it is built again
        return None
    return built


def _by_number(items: dict[str, Any]) -> dict[int, Any]:
    """The keys of JSON are strings."""
    return {int(number): item for number, item in items.items()}


def _save(folder: int, file: str, built: Lark, options: dict[str, Any]) -> None:
    """Writes a new file. Another process that reads it meanwhile sees that it is not whole."""
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    parser, memo = built.memo_serialize([TerminalDef, Rule])
    parser["options"] = {k: v for k, v in parser["options"].items() if k not in options}
    if "lexer" in options:
        parser["parser"]["lexer_conf"]["lexer_type"] = None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with contextlib.suppress(OSError, TypeError):  # a full disk; a lark that has other objects
        data = json_line([parser, memo]).encode()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file, dir_fd=folder)
        with open(os.open(file, flags, 0o600, dir_fd=folder), "wb") as stream:
            stream.write(sha256(data).digest() + data)
