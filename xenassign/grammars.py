"""The parsers of grammar/*.lark, kept in the user's cache so that they are built only once.

Building a parser takes a few hundred milliseconds, loading a built one a few. The cache is
``$XDG_CACHE_HOME/xenassign`` (``~/.cache/xenassign``), one file for each grammar text, version of
lark and Python, and set of options. A file has the output of ``Lark.save`` after its SHA-256. That
is a pickle, so a folder that others can write to is not used. If the cache can't be used, the
parser is built in memory, without a warning.
"""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xenassign.resources import directory

if TYPE_CHECKING:
    from lark import Lark

_DIGEST_SIZE = 32


def parser(name: str, **options: Any) -> Lark:
    """The LALR parser of ``grammar/NAME.lark``; ``options`` are those of ``lark.Lark``.

    A lexer or transformer among them must be importable by the name of its class.
    """
    from lark import Lark

    grammar = (directory("grammar") / f"{name}.lark").read_text(encoding="utf-8")
    path = _path(name, grammar, options)
    built = _load(path) if path else None
    if built is None:
        built = Lark(grammar, parser="lalr", **options)
        if path:
            _save(path, built)
    return built


def _path(name: str, grammar: str, options: dict[str, Any]) -> Path | None:
    """The cache file; None without a folder that only this user can write to."""
    from lark import __version__

    settings = [
        f"{key}={value if isinstance(value, str | bool) else _kind(value)}"
        for key, value in sorted(options.items())
    ]
    key = repr((grammar, __version__, sys.version_info, settings))
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xenassign"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError, ValueError):  # no home directory, or not a valid name
        return None
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        return None
    return folder / f"{name}-{sha256(key.encode()).hexdigest()[:16]}.parser"


def _kind(value: object) -> str:
    kind = value if isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _load(path: Path) -> Lark | None:
    from lark import Lark

    try:
        data = path.read_bytes()
        if sha256(data[_DIGEST_SIZE:]).digest() != data[:_DIGEST_SIZE]:
            return None
        return Lark.load(BytesIO(data[_DIGEST_SIZE:]))
    except Exception:  # complete, but of another version of something: it is built again
        return None


def _save(path: Path, parser: Lark) -> None:
    """Writes a temporary file and renames it, so that other processes see all of it or nothing."""
    from tempfile import mkstemp

    stream = BytesIO()
    parser.save(stream)
    data = stream.getvalue()
    try:
        handle, name = mkstemp(dir=path.parent, prefix=path.stem)
        work = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(sha256(data).digest() + data)
            work.replace(path)
        finally:
            work.unlink(missing_ok=True)
    except OSError:  # a full disk, a folder that is read only
        pass
