"""What a user asks for of the boot: what lies where in memory when Xen starts, and how it is said.

Addresses and sizes are bytes of the host.
"""

from __future__ import annotations

import re
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


class LoadOption(NamedTuple):
    """One ``--load``: ``what`` lies at ``address``. ``domain`` None: of the system, or of all.

    ``size`` in bytes, None where it was not said. ``room``: what it takes in memory once it runs,
    where that is more. ``file``: the name of the file, as it was written.
    """

    what: str
    domain: str | None
    address: int
    size: int | None = None
    file: str | None = None
    room: int = 0

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
        names = [one.name for one in self.loads]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UsageError(f"--load {twice}: it is said twice; say it once")

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
        with open(folder / load.file, "rb") as stream:
            header = stream.read(_IMAGE_HEADER)
            size = stream.seek(0, 2)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if later and isinstance(error, FileNotFoundError):
            return load
        reason = reason_of(error)
        raise UsageError(
            f"--load {load.name}: {load.file}: {reason}; name the file, or give its size"
        ) from None
    if not size:
        raise UsageError(f"--load {load.name}: {load.file} is empty; name what is to be loaded")
    runs = header[_IMAGE_MAGIC : _IMAGE_MAGIC + 4] == b"ARM\x64"
    room = int.from_bytes(header[_IMAGE_SIZE : _IMAGE_SIZE + 8], "little") if runs else 0
    return load._replace(size=size, room=room if load.what == "xen" else 0)
