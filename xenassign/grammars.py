"""The parsers of grammar/*.lark, kept in the user's cache so that they are built only once.

Building a parser takes a few hundred milliseconds, loading a built one a few. The cache is
``$XDG_CACHE_HOME/xenassign`` (``~/.cache/xenassign``), one file for each grammar text, version of
lark and Python, and set of options. A file is what ``Lark.save`` writes behind the SHA-256 of it.
It holds a pickle, so a folder that others could write to is not used. Whatever is wrong with the
cache, a parser is built and works the same; nobody is told.
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
    found = _load(path) if path else None
    if found is None:
        found = Lark(grammar, parser="lalr", **options)
        if path:
            _save(path, found)
    return found


def _path(name: str, grammar: str, options: dict[str, Any]) -> Path | None:
    """The cache file; None when there is no folder that is ours alone."""
    from lark import __version__

    told = [
        f"{key}={value if isinstance(value, str | bool) else _kind(value)}"
        for key, value in sorted(options.items())
    ]
    key = repr((grammar, __version__, sys.version_info, told))
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xenassign"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except (OSError, RuntimeError, ValueError):  # no home directory, or no name of a folder
        return None
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
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
    except Exception:  # whole, but of another version of something: it is built anew
        return None


def _save(path: Path, parser: Lark) -> None:
    """Writes under another name first, so that other processes see a whole file or none."""
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
