"""The request for the boot: the load addresses of images, command lines, and the files to write.

Addresses are host addresses; they and sizes are in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from xenassign.devicetree.spans import Span
from xenassign.errors import UsageError, reason_of
from xenassign.reading import open_regular
from xenassign.request.units import SIZES
from xenassign.xen.releases import DOMAIN_NAME

#: Images of the system: Xen, the board's device tree, dom0's kernel and ramdisk.
OF_SYSTEM = ("xen", "host", "dom0-kernel", "dom0-ramdisk")
#: Images of each dom0less domain: its kernel, ramdisk and partial device tree.
OF_DOMAIN = ("kernel", "ramdisk", "dtb")

#: Outputs for the whole system, besides the files of its domains.
UBOOT, HOST, CHOSEN, EFI = "uboot-script", "host-out", "chosen", "efi"
#: The outputs that contain load addresses.
PLACING = frozenset({UBOOT, CHOSEN})
#: The outputs that describe what Xen boots, so that loads and command lines have an effect on them.
BOOTING = PLACING | {EFI}

_FORM = "[DOMAIN/]WHAT=ADDRESS[:SIZE], =ADDRESS:FILE or =FILE"
_NUMBER = r"(0[xX][0-9a-fA-F]+|[0-9]+)([KMG]?)"
#: A FILE without an address: nothing that an address with a mistake could be.
FILE = r"[^0-9+:-][^:]*"
#: ADDRESS[:SIZE], ADDRESS:FILE or FILE.
WHERE = rf"{_NUMBER}(:[\s\S]+)?|{FILE}"
_LAST = (1 << 64) - 1
#: The words of one U-Boot command, with variables: no separator of commands, no comment.
COMMAND = r"[A-Za-z0-9_./,:=@+%$\{\}-]+( +[A-Za-z0-9_./,:=@+%$\{\}-]+)*"
COMMAND_RULE = "write it as in 'load mmc 0:1', without quotes, ; and #"
#: A command line: Xen splits it at spaces, and other white space would become part of a word.
COMMAND_LINE = r"[^\u0000-\u001f\u007f]*"
COMMAND_LINE_RULE = "use spaces instead of tabs, line ends and other control characters"


class LoadOption(NamedTuple):
    """One ``--load``: an image, its address or its file or both.

    ``image``: one of ``OF_SYSTEM`` and ``OF_DOMAIN``. ``domain``: whose image it is; None: the
    system's, or that of each domain without a load of its own. ``address``: None if only the file
    is given, which is enough for ``EFI``. ``size`` in bytes, None if it is unknown. ``room``: the
    bytes that the image occupies when it runs, if more than ``size``, else 0. ``file``: the file's
    name as given. ``packed``: it is compressed by gzip.
    """

    image: str
    domain: str | None
    address: int | None
    size: int | None = None
    file: str | None = None
    room: int = 0
    packed: bool = False

    @property
    def name(self) -> str:
        """The left side of the option: ``[DOMAIN/]IMAGE``."""
        return f"{self.domain}/{self.image}" if self.domain is not None else self.image

    @property
    def span(self) -> Span:
        """The memory of the image when it runs, as far as its size is known."""
        return Span.sized(self.start, max(self.size or 1, self.room))

    @property
    def start(self) -> int:
        """The address. A request with one of ``PLACING`` has no load without."""
        assert self.address is not None, self.name
        return self.address


@dataclass(frozen=True, slots=True)
class BootRequest:
    """The outputs for the boot (``UBOOT``, ``HOST``, ``CHOSEN``, ``EFI``), and what they contain.

    ``load_with``: U-Boot's command that loads a file, as in ``load mmc 0:1``; with it the script
    loads the images that have a file. ``xen_bootargs`` and ``dom0_bootargs``: command lines.
    Raises UsageError for an invalid command or command line, for a load that is given twice, and
    for one without an address if an output requires it.
    """

    outputs: frozenset[str] = frozenset()
    loads: tuple[LoadOption, ...] = ()
    load_with: str | None = None
    xen_bootargs: str | None = None
    dom0_bootargs: str | None = None

    def __post_init__(self) -> None:
        for option, line in (
            ("--xen-bootargs", self.xen_bootargs),
            ("--dom0-bootargs", self.dom0_bootargs),
        ):
            _check_line(option, line or "")
        if self.load_with is not None and not re.fullmatch(COMMAND, self.load_with):
            raise UsageError(
                f"--load-with {self.load_with!r} is not a single command; {COMMAND_RULE}"
            )
        seen: set[tuple[str, str | None]] = set()
        for load in self.loads:
            if (load.image, load.domain) in seen:
                raise UsageError(f"--load {load.name} is given twice; give it once")
            seen.add((load.image, load.domain))
            if load.address is None and self.outputs & PLACING:
                raise UsageError(
                    f"--load {load.name}={load.file} has no address, which --uboot-script and"
                    f" --chosen require; give --load {load.name}=ADDRESS:FILE"
                )

    def load(self, image: str, domain: str | None = None) -> LoadOption | None:
        """The load of an image: the domain's own if there is one, else the one for all domains."""
        loads = {load.domain: load for load in self.loads if load.image == image}
        return loads.get(domain, loads.get(None))

    def overridden_by(self, other: BootRequest) -> BootRequest:
        """This request with the values that ``other`` has, and the outputs of both."""
        replaced = {(load.image, load.domain) for load in other.loads}
        kept = tuple(load for load in self.loads if (load.image, load.domain) not in replaced)
        texts = {
            name: getattr(other, name)
            for name in ("load_with", "xen_bootargs", "dom0_bootargs")
            if getattr(other, name) is not None
        }
        outputs = self.outputs | other.outputs
        return replace(self, outputs=outputs, loads=(*other.loads, *kept), **texts)


def _check_line(option: str, line: str) -> None:
    """Raises UsageError for a command line with control characters, or of no encoding."""
    try:
        line.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{option} is not valid UTF-8; correct it") from None
    if not re.fullmatch(COMMAND_LINE, line):
        raise UsageError(f"{option} {line!r} is not a single line of text; {COMMAND_LINE_RULE}")


def parse_load(text: str) -> LoadOption:
    """``[DOMAIN/]IMAGE=ADDRESS[:SIZE]``, ``…:FILE`` or ``…=FILE``. Raises UsageError."""
    left, sign, right = text.partition("=")
    domain, slash, image = left.rpartition("/")
    if not sign or (slash and not re.fullmatch(DOMAIN_NAME, domain)):
        raise UsageError(f"--load {text!r} is malformed; write --load {_FORM}")
    return load_option(image, domain if slash else None, right)


def load_option(image: str, domain: str | None, where: str) -> LoadOption:
    """The load of an image. ``where``: ``ADDRESS[:SIZE]``, ``ADDRESS:FILE`` or ``FILE``.

    A number may end with K, M or G. Raises UsageError.
    """
    known = OF_DOMAIN if domain is not None else (*OF_SYSTEM, *OF_DOMAIN)
    name = f"{domain}/{image}" if domain is not None else image
    if image not in known:
        raise UsageError(f"--load {name}: {image!r} is unknown; give {', '.join(known)}")
    first, sign, rest = where.partition(":")
    address = _bytes(first)
    if address is None and re.fullmatch(FILE, where):
        rest = where
    elif address is None or (sign and not rest):
        raise UsageError(f"--load {name}={where} is malformed; write --load {_FORM}")
    size = _bytes(rest) if rest else None
    try:
        rest.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"--load {name}: the file's name is not valid UTF-8; rename the file"
        ) from None
    if size == 0:
        raise UsageError(f"--load {name}={where}: the size is 0; correct it")
    if (address or 0) + (size or 0) > _LAST:
        raise UsageError(f"--load {name}={where}: the end is above {_LAST:#x}; correct the address")
    return LoadOption(image, domain, address, size, rest if rest and size is None else None)


def _bytes(text: str) -> int | None:
    """A number of bytes, with K, M or G after it as a unit; None if it is not a number.

    One of more digits than 64 bits have is 2^64, which is refused.
    """
    match = re.fullmatch(_NUMBER, text)
    if match is None:
        return None
    base = 16 if match[1][:2].lower() == "0x" else 10  # no octal
    digits = match[1][2:] if base == 16 else match[1]
    number = int(digits, base) if len(digits.lstrip("0")) <= 20 else _LAST + 1
    return number * SIZES[match[2]]


#: The header of an arm64 Image (Linux, Documentation/arch/arm64/booting.rst): at 16 the bytes that
#: the image occupies when it runs, at 56 the magic.
_IMAGE_SIZE, _IMAGE_MAGIC, _IMAGE_HEADER = 16, 56, 64
_GZIP = b"\x1f\x8b"
#: The first bytes of a flattened device tree.
_BLOB_MAGIC = b"\xd0\x0d\xfe\xed"


def measured(loads: Iterable[LoadOption], folder: Path, *, later: bool) -> tuple[LoadOption, ...]:
    """The loads with the sizes of their files. ``folder``: what relative names are relative to.

    ``later``: U-Boot or Xen loads the files, so that they may be missing now. Raises UsageError for
    a file that is required now and cannot be read, and for one that is empty or, as ``host``, not a
    blob.
    """
    return tuple(_measured(load, folder, later) for load in loads)


def _measured(load: LoadOption, folder: Path, later: bool) -> LoadOption:
    if load.file is None or load.size is not None:
        return load
    if load.image == "dtb":  # generate writes this file
        return load
    try:
        with open_regular(folder / load.file) as stream:
            header = stream.read(_IMAGE_HEADER)
            size = stream.seek(0, 2)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if later and isinstance(error, FileNotFoundError):
            return load._replace(packed=load.file.endswith(".gz"))
        reason = reason_of(error)
        raise UsageError(
            f"--load {load.name}: {load.file}: {reason}; name a readable file, or give its size"
        ) from None
    if load.image == "host" and header[: len(_BLOB_MAGIC)] != _BLOB_MAGIC:
        raise UsageError(f"--load host: {load.file} is not a .dtb; name the board's device tree")
    if not size:
        raise UsageError(f"--load {load.name}: {load.file} is empty; name the file to load")
    is_image = header[_IMAGE_MAGIC : _IMAGE_MAGIC + 4] == b"ARM\x64"
    room = int.from_bytes(header[_IMAGE_SIZE : _IMAGE_SIZE + 8], "little") if is_image else 0
    packed = header.startswith(_GZIP)
    return load._replace(size=size, room=room if load.image == "xen" else 0, packed=packed)
