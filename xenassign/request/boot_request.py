"""What a user asks for of the boot: what lies where in memory when Xen starts, and how it is said.

Addresses and sizes are bytes of the host.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from xenassign.errors import UsageError, reason_of
from xenassign.xen.releases import DOMAIN_NAME

#: What there is once: Xen, the board's device tree, dom0's kernel and ramdisk.
OF_SYSTEM = ("xen", "host", "dom0-kernel", "dom0-ramdisk")
#: What each dom0less domain has: its kernel, ramdisk and partial device tree.
OF_DOMAIN = ("kernel", "ramdisk", "dtb")

#: What may be written of the whole system, beside the files of its domains.
UBOOT, HOST, CHOSEN = "uboot-script", "host-out", "chosen"

_FORM = "[DOMAIN/]WHAT=ADDRESS[:SIZE] or =ADDRESS:FILE"
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)([KMG]?)")
#: An address, and behind it a size or a file.
WHERE = re.compile(rf"{_NUMBER.pattern}(:[\s\S]+)?")
_LAST = (1 << 64) - 1
#: Words of a U-Boot command, with its variables: nothing that ends it, or begins a comment.
_COMMAND = re.compile(r"[A-Za-z0-9_./,:=@+%$\{\}-]+( +[A-Za-z0-9_./,:=@+%$\{\}-]+)*")


class LoadOption(NamedTuple):
    """One ``--load``: ``what`` lies at ``address``. ``domain`` None: of the system, or of all.

    ``size`` in bytes, None where it was not said. ``room``: what it takes in memory once it runs,
    where that is more. ``file``: the name of the file, as it was written. ``packed``: it is
    compressed by gzip.
    """

    what: str
    domain: str | None
    address: int
    size: int | None = None
    file: str | None = None
    room: int = 0
    packed: bool = False

    @property
    def name(self) -> str:
        """What the option calls it."""
        return f"{self.domain}/{self.what}" if self.domain is not None else self.what


@dataclass(frozen=True, slots=True)
class BootRequest:
    """What is to be written of the boot (``outputs``), and what it takes.

    ``load_with``: U-Boot's command that loads a file, as in ``load mmc 0:1``; the script then loads
    what has a file. ``xen_bootargs`` and ``dom0_bootargs``: command lines. Raises UsageError where
    a load is said twice.
    """

    outputs: frozenset[str] = frozenset()
    loads: tuple[LoadOption, ...] = ()
    load_with: str | None = None
    xen_bootargs: str | None = None
    dom0_bootargs: str | None = None

    def __post_init__(self) -> None:
        """Raises UsageError for what cannot be meant."""
        for option, line in (
            ("--xen-bootargs", self.xen_bootargs),
            ("--dom0-bootargs", self.dom0_bootargs),
        ):
            _check_line(option, line or "")
        if self.load_with is not None and not _COMMAND.fullmatch(self.load_with):
            raise UsageError(
                f"--load-with {self.load_with!r} is no single command; write it as in"
                " 'load mmc 0:1', without quotes, ; and #"
            )
        said: set[tuple[str, str | None]] = set()
        for one in self.loads:
            if (one.what, one.domain) in said:
                raise UsageError(f"--load {one.name} is given twice; say one place")
            said.add((one.what, one.domain))

    def load(self, what: str, domain: str | None = None) -> LoadOption | None:
        """Where a thing lies; of a domain, what was said for it comes before what is for all."""
        fitting = [one for one in self.loads if one.what == what]
        own = [one for one in fitting if one.domain == domain]
        return next(iter(own or (one for one in fitting if one.domain is None)), None)

    def changed(self, other: BootRequest) -> BootRequest:
        """This one, with what another says put in its place."""
        said = {(one.what, one.domain) for one in other.loads}
        rest = tuple(one for one in self.loads if (one.what, one.domain) not in said)
        texts = {
            name: getattr(other, name)
            for name in ("load_with", "xen_bootargs", "dom0_bootargs")
            if getattr(other, name) is not None
        }
        outputs = self.outputs | other.outputs
        return replace(self, outputs=outputs, loads=(*other.loads, *rest), **texts)


def _check_line(option: str, line: str) -> None:
    """Refuses a command line that is more than a line. Xen takes spaces alone for its gaps."""
    try:
        line.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{option} is no UTF-8 text; correct it") from None
    if any(char < " " or char == "\x7f" for char in line):
        raise UsageError(f"{option} has a tab, a line end or the like; write spaces there")


def parse_load(text: str) -> LoadOption:
    """``[DOMAIN/]WHAT=ADDRESS[:SIZE]`` or ``…:FILE``. Raises UsageError."""
    left, sign, right = text.partition("=")
    domain, slash, what = left.rpartition("/")
    if not sign or (slash and not DOMAIN_NAME.fullmatch(domain)):
        raise UsageError(f"--load {text!r} is malformed; write --load {_FORM}")
    return load_option(what, domain if slash else None, right)


def load_option(what: str, domain: str | None, where: str) -> LoadOption:
    """What lies at ``ADDRESS[:SIZE]`` or ``ADDRESS:FILE``. Raises UsageError."""
    known = OF_DOMAIN if domain is not None else (*OF_SYSTEM, *OF_DOMAIN)
    name = f"{domain}/{what}" if domain is not None else what
    if what not in known:
        raise UsageError(f"--load {name}: there is no {what!r}; give {', '.join(known)}")
    first, sign, rest = where.partition(":")
    address = _bytes(first)
    if address is None or (sign and not rest):
        raise UsageError(f"--load {name}={where} is malformed; write --load {_FORM}")
    size = _bytes(rest) if rest else None
    try:
        rest.encode()
    except UnicodeEncodeError:
        raise UsageError(f"--load {name}: the file's name is no UTF-8 text; rename it") from None
    if size == 0 or address + (size or 0) > _LAST:
        raise UsageError(f"--load {name}={where}: nothing can lie there; correct address and size")
    return LoadOption(what, domain, address, size, rest if rest and size is None else None)


def _bytes(text: str) -> int | None:
    """A number of bytes, with K, M or G behind it for more; None where it is none."""
    found = _NUMBER.fullmatch(text)
    return (
        int(found[1], 0 if found[1][:2].lower() == "0x" else 10) * _UNITS.get(found[2], 1)
        if found
        else None
    )


#: How the header of an arm64 Image begins to tell what the image takes in memory
#: (Linux' Documentation/arch/arm64/booting.rst): its size there at 16, the magic at 56.
_IMAGE_SIZE, _IMAGE_MAGIC, _IMAGE_HEADER = 16, 56, 64
_GZIP = b"\x1f\x8b"
#: How a flattened device tree begins.
_BLOB_MAGIC = b"\xd0\x0d\xfe\xed"


def measured(loads: Iterable[LoadOption], folder: Path, *, later: bool) -> tuple[LoadOption, ...]:
    """The loads with the sizes of their files. ``folder``: where relative names begin.

    ``later``: U-Boot loads them, and a file need not be here yet. Raises UsageError for one that
    has to be here and cannot be read.
    """
    return tuple(_measured(one, folder, later) for one in loads)


def _measured(load: LoadOption, folder: Path, later: bool) -> LoadOption:
    if load.file is None or load.size is not None:
        return load
    if load.what == "dtb":  # generate writes that one
        return load
    try:
        mode = os.stat(folder / load.file).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise OSError("is no plain file")  # a FIFO would be waited for
        with open(folder / load.file, "rb") as stream:
            header = stream.read(_IMAGE_HEADER)
            size = stream.seek(0, 2)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if later and isinstance(error, FileNotFoundError):
            return load._replace(packed=load.file.endswith(".gz"))
        reason = reason_of(error)
        raise UsageError(
            f"--load {load.name}: {load.file}: {reason}; name the file, or give its size"
        ) from None
    if load.what == "host" and header[: len(_BLOB_MAGIC)] != _BLOB_MAGIC:
        raise UsageError(f"--load host: {load.file} is no .dtb; name the board's device tree")
    if not size:
        raise UsageError(f"--load {load.name}: {load.file} is empty; name what is to be loaded")
    runs = header[_IMAGE_MAGIC : _IMAGE_MAGIC + 4] == b"ARM\x64"
    room = int.from_bytes(header[_IMAGE_SIZE : _IMAGE_SIZE + 8], "little") if runs else 0
    packed = header.startswith(_GZIP)
    return load._replace(size=size, room=room if load.what == "xen" else 0, packed=packed)
