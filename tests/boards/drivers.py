"""Drivers of Linux that Debian's arm64 kernel leaves out, as modules for it.

They are compiled from Debian's linux-source with Debian's headers, and kept below
``$XENASSIGN_CACHE/kernel``. The cross compiler may be older than the kernel's.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path, PurePosixPath
from typing import Final

from ..debian import Facts, FetchError, cache_directory, download, kept, own_architecture
from ..xen.machine import UnavailableError, needed
from .emulator import with_libraries

#: Sources of modules; headers beside them that they include come first.
_SOURCES: Final = (
    "drivers/dma/dmaengine.h",
    "drivers/dma/xilinx/zynqmp_dma.c",
    "drivers/net/can/xilinx_can.c",
    "drivers/rtc/rtc-zynqmp.c",
    "drivers/spi/spi-cadence.c",
    "drivers/spi/spi-zynqmp-gqspi.c",
    "drivers/uio/uio_pdrv_genirq.c",
)
_COMPILER = "aarch64-linux-gnu-"

#: An option of GCC 14 that older ones do not have, and what is nearest to it.
_WRAPPER = f"""#!/bin/sh
for word; do
    shift
    case $word in -fmin-function-alignment=*) word=-falign-functions=${{word#*=}} ;; esac
    set -- "$@" "$word"
done
exec {_COMPILER}gcc "$@"
"""


def drivers(suite: str, release: str) -> dict[str, Path]:
    """The modules by file name, for the kernel of a suite. Raises UnavailableError.

    ``release`` is the kernel's: ``6.12.57+deb13-arm64``.
    """
    needed(f"{_COMPILER}gcc", "gcc-aarch64-linux-gnu")
    needed("make", "make")
    version = hashlib.sha256("\n".join((*_SOURCES, release, _WRAPPER)).encode()).hexdigest()[:8]
    directory = cache_directory() / "kernel" / f"drivers-{version}"
    try:
        kept(directory, lambda fresh, work: _fill(suite, release, fresh, work))
    except FetchError as error:
        # The archive has only the newest kernel's headers.
        again = f"remove {cache_directory() / 'kernel' / suite} if the kernel there is older"
        raise UnavailableError(f"no drivers for {release}: {error}; {again}") from None
    return {path.name: path for path in directory.glob("*.ko")}


def _fill(suite: str, release: str, fresh: Path, work: Path) -> Facts:
    flavour = release.rpartition("-")[0]
    linux = ".".join(release.split(".")[:2])
    arm64 = [f"linux-headers-{release}", f"linux-headers-{flavour}-common", f"linux-source-{linux}"]
    debs = download(suite, arm64, work)
    (work / "tools").mkdir()
    debs += download(suite, [f"linux-kbuild-{flavour}"], work / "tools", own_architecture())
    root = work / "root"
    for deb in debs:
        _run("dpkg-deb", "--extract", str(deb), str(root))
    modules = work / "modules"
    modules.mkdir()
    with tarfile.open(root / f"usr/src/linux-source-{linux}.tar.xz") as sources:
        for member in sources:
            if (
                PurePosixPath(member.name).relative_to(f"linux-source-{linux}").as_posix()
                in _SOURCES
            ):
                text = sources.extractfile(member)
                assert text is not None
                (modules / PurePosixPath(member.name).name).write_bytes(
                    re.sub(rb'#include "(?:\.\./)+', b'#include "', text.read())
                )
    _make(root, release, flavour, modules, work / "compiler")
    for module in modules.glob("*.ko"):
        _run(f"{_COMPILER}strip", "--strip-debug", "-o", str(fresh / module.name), str(module))
    return {"packages": [deb.name for deb in debs]}


def _make(root: Path, release: str, flavour: str, modules: Path, compiler: Path) -> None:
    """Compiles the modules; the headers' own files name each other by absolute paths."""
    headers = root / f"usr/src/linux-headers-{release}"
    makefile = headers / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src", str(root / "usr/src")))
    modpost = root / f"usr/lib/linux-kbuild-{flavour}/scripts/mod/modpost"
    real = modpost.with_name("modpost.real-lsb-64")
    words = " ".join(with_libraries(real))
    modpost.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    compiler.write_text(_WRAPPER)
    compiler.chmod(0o755)
    names = [f"{path.stem}.o" for path in sorted(modules.glob("*.c"))]
    (modules / "Kbuild").write_text(f"obj-m := {' '.join(names)}\n")
    _run(
        "make",
        "-s",
        "-C",
        str(headers),
        f"M={modules}",
        "ARCH=arm64",
        f"CC={compiler}",
        "CONFIG_DEBUG_INFO_BTF_MODULES=",
        "modules",
    )


def _run(*command: str) -> None:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise FetchError(f"{shutil.which(command[0])} failed: {lines[0] if lines else '?'}")
