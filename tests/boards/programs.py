"""Programs for guests that busybox of Xen's suite does not have, of Debian's arm64 packages.

All are of one suite, with the C library that they need; kept below ``$XENASSIGN_CACHE/programs``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..debian import Facts, FetchError, cache_directory, contents, download, kept
from ..xen import initramfs
from ..xen.machine import UnavailableError

_SUITE = "trixie"

#: Of each package the files that guests use, by their place in the guest. Newer than that of
#: Debian bookworm, busybox sets up CAN controllers.
_LOADER, _C = "lib/ld-linux-aarch64.so.1", "lib/aarch64-linux-gnu/libc.so.6"
_PACKAGES = {
    "busybox-static": {"usr/bin/busybox": "bin/busybox"},
    "can-utils": {"usr/bin/cansend": "bin/cansend", "usr/bin/candump": "bin/candump"},
    "libc6": {f"usr/{_C}": _C, "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1": _LOADER},
}


@cache
def programs() -> bytes:
    """An archive with all of them. Raises UnavailableError."""
    directory = cache_directory() / "programs" / _SUITE
    try:
        return (kept(directory, _fill) / "programs.cpio").read_bytes()
    except FetchError as error:
        raise UnavailableError(f"no programs of {_SUITE}: {error}") from None


def _fill(fresh: Path, work: Path) -> Facts:
    debs = download(_SUITE, list(_PACKAGES), work)
    files: dict[str, bytes | str] = {}
    for deb, wanted in zip(debs, _PACKAGES.values(), strict=True):
        found = {str(path): content for path, content in contents(deb)}
        missing = sorted(set(wanted) - set(found))
        if missing:
            raise FetchError(f"{deb.name} has no {missing[0]}")
        files |= {place: found[name] for name, place in wanted.items()}
    (fresh / "programs.cpio").write_bytes(initramfs.archive(files))
    return {"packages": [deb.name.removesuffix(".deb") for deb in debs]}
