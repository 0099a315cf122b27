"""Whether the real ``xl create`` takes a dom.cfg, what its guest says, and what dom0 sees.

:func:`boot_dom0` boots Xen and a dom0 once and runs one ``xl create`` after the other in it;
:func:`ask_dom0` runs a script in dom0 instead.

Jobs may share their time: :func:`boot_groups`.

What dom0 has to tell comes over Xen's console (telling.py). Lines of Xen's own can stand in the
middle of one of dom0's: they are taken out first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from . import initramfs
from .boot import (
    CRASHED,
    DONE,
    LINUX_ARGUMENTS,
    STAND_IN,
    XEN_ARGUMENTS,
    Outcome,
    guest_files,
    module,
    placed,
    spoken,
)
from .hosttree import with_chosen
from .machine import Machine, board
from .messages import PANIC, VERSION
from .qemu import BootError, Setup, running
from .telling import TELL, Told, told

#: dom0's memory, MiB, of the machine's.
_MEMORY = 512
ROOMY = Setup(memory=2048)

_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/lib/xen-{release}/bin
mkdir -p /proc /sys /dev /run /out /log /var/lib/xen /var/lib/xenstored /var/log/xen
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /run/xen /run/xenstored /run/lock
mount -t devpts none /dev/pts
ln -s /run /var/run
ln -s /run/lock /var/lock
for module in /modules/*; do insmod $module; done
mount -t xenfs xenfs /proc/xen
xenstored --pid-file /run/xenstored.pid
xen-init-dom0
xenconsoled --log=guest --log-dir=/log
. /functions
. /todo
poweroff -f
"""

#: ``jobs NAME…`` creates paused domains one after the other and destroys them. With ``seconds``
#: they run before, side by side, for so long at most. The next ones begin when all are gone, and
#: their interrupts with them. What a job has for /kernel and /ramdisk is made by its ``images``.
_FUNCTIONS = f"""
{TELL}
guests() {{ xl list | awk 'NR > 1 && $(NF - 4) != 0 {{ print $(NF - 4) }}'; }}  # names have spaces
log() {{ echo "/log/guest-$(xl domname $1).log"; }}
run() {{
    for guest in "$@"; do xl unpause $guest; done
    for guest in "$@"; do
        file=$(log $guest)
        while [ $tries != 0 ] && ! grep -qsE '{DONE}|{CRASHED}' "$file"; do
            sleep 0.2
            tries=$((tries - 1))
        done
    done
}}

jobs() {{
    echo "=== begin"
    created=
    for name in "$@"; do
        cd /jobs/$name
        . ./images
        read from idle </proc/uptime
        timeout 60 xl create -e -p dom.cfg >/out/xl.$name 2>&1
        status=$?
        read to idle </proc/uptime
        echo $status $from $to >/out/status.$name
        [ $status != 0 ] || created="$created $(guests | tail -n 1):$name"
    done
    tries=$((seconds * 5))
    [ $tries = 0 ] || run $(for each in $created; do echo ${{each%:*}}; done)
    [ $seconds = 0 ] || for each in $created; do
        cat "$(log ${{each%:*}})" >/out/guest.${{each#*:}}
    done
    tries=100
    for guest in $(guests); do
        xl destroy $guest
        while [ $tries != 0 ] && guests | grep -qx $guest; do
            sleep 0.1
            tries=$((tries - 1))
        done
    done
    [ $tries != 0 ] || xl list >/out/left
    rm -rf /log/*
    tell
}}
"""

#: What a dom.cfg lacks and its :class:`Job` adds.
_DEFAULTS = {
    "name": '"guest"',
    "kernel": '"/kernel"',
    "ramdisk": '"/ramdisk"',
    "extra": f'"console=hvc0 loglevel=4 {LINUX_ARGUMENTS}"',
    "memory": "256",
    "vcpus": "1",
    "on_reboot": '"destroy"',
}


@dataclass(frozen=True)
class Job:
    """One ``xl create``.

    The guest has a stand-in for a kernel and is created paused; with a ``script`` it is Linux and
    runs the script as in :func:`boot_dom0less`. What ``cfg`` lacks of name, kernel, ramdisk, extra,
    memory, vcpus and on_reboot is added unless it is ``complete``. ``/kernel`` and ``/ramdisk`` are
    the files that are meant for the job.
    """

    cfg: str
    files: Mapping[str, bytes] = field(default_factory=dict)  #: beside dom.cfg, as they are
    script: str | None = None
    complete: bool = False
    seconds: int = 60  #: how long the guest may run its script

    def text(self) -> str:
        """The whole dom.cfg."""
        missing = [
            f"{key} = {value}\n"
            for key, value in _DEFAULTS.items()
            if not re.search(rf"^\s*{key}\s*=", self.cfg, re.MULTILINE)
        ]
        return self.cfg if self.complete else "\n".join([self.cfg, *missing])


def boot_dom0(
    machine: Machine,
    host: bytes | None,
    jobs: Sequence[Job],
    seconds: float = 600,
    setup: Setup = ROOMY,
) -> list[Outcome]:
    """The outcomes of the jobs, in their order, of one boot, each when the one before is gone."""
    groups = boot_groups(machine, host, [[job] for job in jobs], seconds, setup)
    return [outcome for (outcome,) in groups]


def boot_groups(
    machine: Machine,
    host: bytes | None,
    groups: Sequence[Sequence[Job]],
    seconds: float = 600,
    setup: Setup = ROOMY,
) -> list[list[Outcome]]:
    """The same for groups of jobs whose domains are there together. Raises BootError.

    All domains of a group are created, one after the other, before the first one runs. A group that
    a script is among runs until all of its domains are done.

    ``host`` is the board's blob, QEMU's own when None; its /chosen is replaced. ``seconds`` are
    for all together.
    """
    files: dict[str, bytes | str] = {"stand-in": STAND_IN, "empty": bytes(16)}
    if any(job.script is not None for group in groups for job in group):
        files |= {"Image": machine.linux.read_bytes(), "guest.cpio": machine.guest.read_bytes()}
    todo = []
    for number, group in enumerate(groups):
        names = [f"{number:04}.{place}" for place in range(len(group))]
        for name, job in zip(names, group, strict=True):
            files |= {f"jobs/{name}/{key}": value for key, value in job.files.items()}
            files[f"jobs/{name}/dom.cfg"] = job.text().encode()
            images = "ln -sf /stand-in /kernel; ln -sf /empty /ramdisk"
            if job.script is not None:
                files[f"scripts/{name}"] = guest_files(job.script)
                images = "ln -sf /Image /kernel; ln -sf /initrd /ramdisk"
                images += f"; cat /guest.cpio /scripts/{name} >/initrd"
            files[f"jobs/{name}/images"] = images.encode()
        run = max((job.seconds for job in group if job.script is not None), default=0)
        todo.append(f"seconds={run}; jobs {' '.join(names)}")
    said = _boot(machine, host, files, "\n".join(todo), seconds, setup)
    if len(said.told) != len(groups):
        raise BootError(f"{len(said.told)} of {len(groups)} groups told how they ended", said.log)
    return [
        [_outcome(told, f"{number:04}.{place}", job, said) for place, job in enumerate(group)]
        for number, (told, group) in enumerate(zip(said.told, groups, strict=True))
    ]


def ask_dom0(
    machine: Machine,
    host: bytes | None,
    script: str,
    seconds: float = 120,
    setup: Setup = ROOMY,
    files: Mapping[str, bytes | str] = MappingProxyType({}),
) -> dict[str, bytes]:
    """The files that a script for dom0's busybox sh leaves in /out, by name. Raises BootError.

    ``files``: what dom0 has besides, by path without the first slash.
    """
    return hear_dom0(machine, host, script, seconds, setup, files)[0]


def hear_dom0(
    machine: Machine,
    host: bytes | None,
    script: str,
    seconds: float = 120,
    setup: Setup = ROOMY,
    files: Mapping[str, bytes | str] = MappingProxyType({}),
) -> tuple[dict[str, bytes], list[str]]:
    """The same, and all lines of the console."""
    files = {**files, "script": script.encode()}
    said = _boot(machine, host, files, "sh /script\ntell", seconds, setup)
    if len(said.told) != 1:
        raise BootError("dom0 told nothing", said.log)
    return said.told[0].files, said.log


# ---------------------------------------------------------------------------- the boot


@dataclass(frozen=True)
class _Said:
    """What a whole boot said; Xen's lines with the number of the line of dom0's they stand in."""

    version: str
    log: list[str]
    told: list[Told]
    xen: list[tuple[int, str]]


def _boot(
    machine: Machine,
    host: bytes | None,
    files: Mapping[str, bytes | str],
    todo: str,
    seconds: float,
    setup: Setup,
) -> _Said:
    """Boots dom0, does what there is to do in its shell, and reads what it tells."""
    added = {**files, "todo": todo.encode(), "functions": _FUNCTIONS.encode()}
    added |= {"init": _INIT.format(release=machine.release).encode()}
    added |= {"etc/xen/xl.conf": b'autoballoon="off"\n'}
    loads, (kernel, ramdisk) = placed([machine.linux], [machine.dom0, initramfs.archive(added)])
    bootargs = f"console=hvc0 loglevel=3 random.trust_bootloader=on {LINUX_ARGUMENTS}"
    chosen = f"""
    xen,xen-bootargs = "{XEN_ARGUMENTS} maxcpus=1 dom0_mem={_MEMORY}M {setup.bootargs}";
    xen,dom0-bootargs = "{bootargs}";
    rng-seed = [{os.urandom(64).hex()}];
    {module("kernel", kernel)}
    {module("ramdisk", ramdisk)}
    {setup.chosen}"""
    tree = with_chosen(board() if host is None else host, chosen)
    with running(machine.xen, tree, loads, 1, setup, seconds) as console:
        version = ""
        for line in console:
            if found := VERSION.match(line.removeprefix("(XEN) ")):
                version = found[1]
            elif "Hardware Dom0 halted" in line:
                break
            elif CRASHED in line or PANIC.search(line) or "Hardware Dom0 " in line:
                raise BootError("dom0 or Xen crashed", console.log)
        dom0, xen = _parted(console.log)
        return _Said(version, console.log, told(dom0), xen)


def _parted(log: Sequence[str]) -> tuple[list[str], list[tuple[int, str]]]:
    """dom0's lines, and Xen's with the number of dom0's line in or before which they stand."""
    dom0 = [""]
    xen = []
    for line in log:
        before, mark, rest = line.partition("(XEN) ")
        dom0[-1] += before
        if mark:
            xen.append((len(dom0) - 1, mark + rest))
        else:
            dom0.append("")
    return dom0, xen


# ---------------------------------------------------------------------------- one job

#: Where a line of libxl's or libxenctrl's comes from, and the number of the domain.
_ORIGIN = re.compile(r"(libxl|xc): error: (panic: )?([\w-]+\.c:\d+: ?\w+: )?(Domain \d+:)?")
#: Lines of xl's that give no reason.
_ASIDE = re.compile(r"Parsing config |(libxl|xc): (?!error)|.*\bwarning: |WARNING: |\s*$")


def _outcome(block: Told, name: str, job: Job, said: _Said) -> Outcome:
    status, start, end = block.files[f"status.{name}"].decode().split()
    lines = block.files[f"xl.{name}"].decode(errors="backslashreplace").splitlines()
    log = [*lines, *(line for at, line in said.xen if block.begin <= at <= block.last)]
    console = block.files.get(f"guest.{name}", b"").decode(errors="backslashreplace").splitlines()
    reasons = [_ORIGIN.sub("", line).strip() for line in lines if not _ASIDE.match(line)]
    # libxl also says this where it only begins again with more room for the guest's tree.
    reasons = [
        reason
        for reason, behind in zip(reasons, [*reasons[1:], ""], strict=False)
        if not reason.startswith("Can't copy the node") or behind.startswith("FDT: ")
    ]
    seconds = float(end) - float(start)
    if "left" in block.files:
        raise BootError("a domain did not go away", log)
    if status in ("124", "127", "143") or (status != "0" and not reasons):
        raise BootError(f"xl create ended with status {status}", log)
    if status != "0":
        return Outcome("rejected", reasons[0], said.version, log, [], {}, seconds)
    if job.script is not None and DONE not in console:
        raise BootError("the guest did not end its script", [*log, *console])
    guest, files = spoken(console)
    return Outcome("accepted", "", said.version, log, guest, files, seconds)
