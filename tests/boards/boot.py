"""A run of a board: files that ONE ``xenassign generate`` writes, Xen, and what the guests report.

Nothing of a domain is written here but xenassign.toml: the tree that Xen boots from is that of
``--host-out`` with ``--chosen``, and the modules lie where its load addresses say. With xl
the harness adds dom0's kernel and ramdisk to that of ``--host-out``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ..xen.boot import DONE, XEN_ARGUMENTS, Domain, bootargs, branch_to, built, guest_files, spoken
from ..xen.dom0 import Job, boot_groups
from ..xen.machine import Machine, UnavailableError
from ..xen.qemu import Console, Load, Setup, running
from ..xen.several import INPUT_TO_XEN, numbered, said_by
from . import kernels
from .emulator import emulator, own_tree
from .model import Board, Device, Guest, Run
from .programs import programs
from .scripts import DISK, FUNCTIONS
from .serial import echo

#: Modules begin at multiples of it.
_ALIGNMENT = 0x200000

_DEVICE, _DRIVER, _END = "=== device", "=== driver", "=== end of device"


class Report(NamedTuple):
    """What a guest did with a device: the driver that has it, and the lines of its script."""

    device: Device
    driver: str
    lines: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Whether it is what the table says."""
        return (self.driver, self.lines) == (self.device.driver, (self.device.does,))


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    refusal: str  #: why Xen refuses; empty where it builds the domains
    reports: tuple[Report, ...]
    log: list[str]
    seconds: float


def boot(
    board: Board, run: Run, machine: Machine, suite: str, work: Path, seconds: float = 300
) -> Result:
    """Boots a run with the board's tree of a suite. Raises UnavailableError, BootError.

    ``work`` is an empty directory for the files.
    """
    qemu = emulator()
    name = board.machine[0].partition(",")[0]
    if name not in qemu.machines:
        raise UnavailableError(f"QEMU {qemu.version} has no machine {name}")
    loads = generate(board, run, machine, suite, work)
    (work / "start").write_bytes(branch_to(board.modules_at))
    tree = (work / "xen.dtb").read_bytes()
    disk = work / "disk"
    disk.write_bytes(DISK)
    with ExitStack() as stack:
        serials = run.serials or board.serials
        setup = Setup(
            memory=board.memory,
            emulator=(*qemu.command, "-machine", *board.machine),
            serials=tuple(stack.enter_context(echo()) if s == "echo" else s for s in serials),
            arguments=tuple(
                word.replace("{disk}", str(disk)).replace("{folder}", str(work))
                for word in run.qemu
            ),
        )
        if run.xl:
            return _under_dom0(board, run, machine, setup, work, seconds)
        console = stack.enter_context(
            running(work / "start", tree, loads, board.processors, setup, seconds)
        )
        refusal, said = _read(board, run, tree, console)
    reports = [r for guest in run.guests for r in _reports(guest, said.get(guest.name, []))]
    return Result(refusal, tuple(reports), console.log, console.seconds)


def _under_dom0(
    board: Board, run: Run, machine: Machine, setup: Setup, work: Path, seconds: float
) -> Result:
    """dom0 starts from the same kind of tree, and creates the guests with their dom.cfg."""
    start = time.monotonic()
    setup = replace(setup, loads=(Load(machine.xen, board.modules_at),))
    jobs = []
    for guest in run.guests:
        out, tree = work / "out", f"{guest.name}.dtb"
        cfg = (out / f"{guest.name}.cfg").read_text()
        jobs.append(Job(cfg, {tree: (out / tree).read_bytes()}, _script(guest)))
    started = replace(machine, built=work / "start")
    host = (work / "xen.dtb").read_bytes()
    (outcomes,) = boot_groups(started, host, [jobs], seconds, setup)
    pairs = list(zip(run.guests, outcomes, strict=True))
    return Result(
        next((outcome.message for outcome in outcomes if outcome.message), ""),
        tuple(report for guest, outcome in pairs for report in _reports(guest, outcome.guest)),
        [line for outcome in outcomes for line in outcome.log],
        time.monotonic() - start,
    )


# ---------------------------------------------------------------------------- the files


def generate(board: Board, run: Run, machine: Machine, suite: str, work: Path) -> list[Load]:
    """Writes a run's files below ``work``; returns what lies in memory.

    Raises UnavailableError, and AssertionError where ``generate`` refuses.
    """
    tree = kernels.tree(suite, board.tree) if board.tree else own_tree(board.machine)
    (work / "board.dtb").write_bytes(tree)
    for edit in board.edits:
        if edit.xen in (None, machine.release):
            words = ["fdtput", *edit.fdtput.replace("FILE", "board.dtb").split()]
            subprocess.run(words, cwd=work, check=True)
    for source in filter(None, (board.overlay, run.overlay)):
        _overlay(source, work)
    if run.xl:
        (work / "xenassign.toml").write_text(_toml(board, run, machine, ""))
        _run(command(run), work)
        return []
    (work / "xen").symlink_to(machine.xen)
    (work / "Image").symlink_to(kernels.image())
    places = _Places(board.modules_at, work)
    xen, kernel = places.put("xen"), places.put("Image")
    domains: dict[str, dict[str, str]] = {}
    for guest in run.guests:
        name = f"{guest.name}.cpio"
        (work / name).write_bytes(machine.guest.read_bytes() + _ramdisk(guest))
        load = {"kernel": kernel, "ramdisk": places.put(name), "dtb": places.reserve()}
        domains[guest.name] = load
    (work / "xenassign.toml").write_text(_toml(board, run, machine, xen, domains))
    _run(command(run), work)
    trees = [
        Load(work / "out" / f"{name}.dtb", int(load["dtb"], 16)) for name, load in domains.items()
    ]
    return places.loads + trees


def _run(arguments: Sequence[str], work: Path) -> None:
    words = [sys.executable, "-m", "xenassign", *arguments]
    done = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"generate refuses: {done.stdout}{done.stderr}")


def _overlay(source: str, work: Path) -> None:
    """Applies an overlay to board.dtb."""
    (work / "board.dtso").write_text(source)
    compiler = ["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", "board.dtbo", "board.dtso"]
    subprocess.run(compiler, cwd=work, check=True)
    merge = ["fdtoverlay", "-i", "board.dtb", "-o", "merged.dtb", "board.dtbo"]
    subprocess.run(merge, cwd=work, check=True)
    (work / "merged.dtb").replace(work / "board.dtb")


def command(run: Run) -> tuple[str, ...]:
    """The one command, without the program's name."""
    line = ("generate", "-c", "xenassign.toml", "-o", "out", "--host-out", "xen.dtb")
    return line if run.xl else (*line, "--chosen")


class _Places:
    """Addresses for modules, one after the other."""

    def __init__(self, start: int, work: Path) -> None:
        self.loads: list[Load] = []
        self._next = start
        self._work = work

    def put(self, name: str) -> str:
        """Places a file; its address and name as ``--load`` takes them."""
        path = self._work / name
        address = self._take(path.stat().st_size)
        self.loads.append(Load(path, address))
        return f"{address:#x}:{name}"

    def reserve(self) -> str:
        """The address of a tree that is not written yet."""
        return f"{self._take(_ALIGNMENT):#x}"

    def _take(self, size: int) -> int:
        address = self._next
        self._next += -(-size // _ALIGNMENT) * _ALIGNMENT
        return address


def _toml(
    board: Board,
    run: Run,
    machine: Machine,
    xen: str,
    domains: Mapping[str, dict[str, str]] = MappingProxyType({}),
) -> str:
    """``domains``: the load addresses of each; none for xl, which reads files in dom0."""
    route = "xl" if run.xl else "dom0less"
    lines = _keys({"host": "board.dtb", "xen": machine.release, "route": route})
    if board.silent:
        lines += _keys({"xen-console": "none"})
    lines += _keys(board.options)
    if not run.xl:
        words = f"{XEN_ARGUMENTS} {INPUT_TO_XEN} maxcpus={board.processors} {board.bootargs}"
        lines += ["[boot]", *_keys({"xen-bootargs": words.strip(), "load": {"xen": xen}})]
    for guest in run.guests:
        keys: dict[str, Any] = {"name": guest.name, "memory": guest.memory, "vcpus": 1}
        if not run.xl:
            keys |= {"vpl011": guest.console is None, "load": domains[guest.name]}
            keys |= {"extra": _extra(guest)}
        lines += ["[[domain]]", *_keys(keys | guest.options)]
        for device in guest.devices:
            lines += ["[[domain.device]]", *_keys({"path": device.path, **device.options})]
    return "".join(f"{line}\n" for line in lines)


def _keys(values: dict[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in values.items()]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)


def _extra(guest: Guest) -> str:
    if guest.console is None:
        return bootargs(Domain(uart=guest.uart))
    return f"console={guest.console} loglevel=4 rdinit=/init panic=1"


def _ramdisk(guest: Guest) -> bytes:
    """What follows the machine's own archive for guests."""
    wanted = _modules(guest)
    modules = kernels.modules(tuple(each.split()[0] for each in wanted)) if wanted else b""
    tools = programs() if any(device.programs for device in guest.devices) else b""
    return modules + tools + guest_files(_script(guest))


def _modules(guest: Guest) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for device in guest.devices for name in device.modules))


def _script(guest: Guest) -> str:
    parts = [*(f"modprobe {each}" for each in _modules(guest)), FUNCTIONS, guest.before]
    for device in guest.devices:
        parts.append(f"""
echo "{_DEVICE} {device.path}"
find_device {device.node}
[ -z "$device" ] || (
cd $device
{device.script}
)
echo
echo "{_END}"
driver=$(readlink -f $device/driver)
echo "{_DRIVER} {device.path} ${{driver##*/}}"
""")
    return "\n".join(parts)


# ---------------------------------------------------------------------------- the answers


def _read(
    board: Board, run: Run, tree: bytes, console: Console
) -> tuple[str, dict[str, list[str]]]:
    """Why Xen refuses, or what the guests print until all are done."""
    if board.silent:
        (guest,) = run.guests
        for line in console:
            if line == DONE:
                break
        return "", {guest.name: spoken(console.log)[0]}
    lines: Iterator[str] = iter(console)
    _, refusal = built(lines, console, "")
    if refusal:
        return refusal, {}
    names = numbered(tree)
    said = said_by(lines, console, names, set(names.values()))
    return "", {name: spoken(text)[0] for name, text in said.items()}


def _reports(guest: Guest, lines: Sequence[str]) -> Iterator[Report]:
    for device in guest.devices:
        start, end = f"{_DEVICE} {device.path}", f"{_DRIVER} {device.path} "
        printed: list[str] = []
        driver = ""
        inside = False
        for line in lines:
            if line == start:
                inside = True
            elif line == _END:
                inside = False
            elif inside and line:
                printed.append(line)
            elif line.startswith(end):
                driver = line.removeprefix(end)
        yield Report(device, driver, tuple(printed))
