#!/usr/bin/env python3
"""The benchmarks: how long things take and how that grows. Nothing here passes or fails.

    python -m benchmarks.run [NAME...] [--runs N] [--json FILE] [--lopper COMMAND] [--old DIRECTORY]
        [--boards N] [--devices N]
    python benchmarks/run.py ...

NAME is commands, generate, startup, lint, warm, inspect, system, scaling or growth; without one all
are run.
README.md says how to read the result.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):
    sys.path.insert(0, str(_ROOT))

from benchmarks.figures import (  # noqa: E402
    BOARD,
    DEVICE,
    LARGE,
    LARGE_DEVICE,
    Figure,
    SkippedError,
    all_boards,
    board_file,
)
from benchmarks.growing import INPUTS  # noqa: E402
from benchmarks.in_process import bench_scaling, bench_system, bench_warm  # noqa: E402

# ---------------------------------------------------------------------------- processes


def _run(command: Sequence[str], directory: Path) -> float:
    """The seconds that a process takes. Raises SkippedError when it fails."""
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False, env=_environment()
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise SkippedError(f"{command[0]} ended with {done.returncode}: {said[-1] if said else ''}")
    return seconds


def _environment(**changes: str) -> dict[str, str]:
    """This process' own, as on a user's machine: Python keeps the byte code of what it imports."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | changes


def _medians(commands: Sequence[Sequence[str]], runs: int) -> list[list[float]]:
    """The seconds of each run of each command: all runs of one, then all of the next.

    Each command is run once more before, so that files are in the page cache and byte code is
    written.
    """
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        found = []
        for command in commands:
            _run(command, directory)
            found.append([_run(command, directory) for _ in range(runs)])
        return found


def bench_commands(options: argparse.Namespace) -> list[Figure]:
    """The processor time of commands as multiples of ``python -c pass``.

    The least of all runs: what the work takes without what disturbs it. Those of the checkout
    ``--old``, if there is one, and of Lopper take turns with ours.
    """
    here = {"": str(_ROOT)} | ({"old ": options.old} if options.old else {})
    with tempfile.TemporaryDirectory() as scratch:
        commands = _commands(Path(scratch))
        lopper = shutil.which(options.lopper[0]) is not None
        used: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for _ in range(options.runs + 1):
            for name, (words, environment) in commands.items():
                for title, program in here.items():
                    changed = _environment(**environment, PYTHONPATH=program)
                    used.setdefault((title, name), []).append(_used(words, Path(scratch), changed))
            if lopper and len(used.setdefault(("", "lopper"), [])) < 5:
                used["", "lopper"].append(
                    _used(_extract(options, board_file(BOARD)), Path(scratch))
                )
    least = {key: min(seconds for seconds, _ in runs) for key, runs in used.items() if runs}
    bare = least["", "python -c pass"]
    figures = []
    for (title, name), seconds in least.items():
        note = f"{seconds * 1e3:.0f} ms"
        figures.append(Figure("commands", f"{title}{name}", seconds / bare, "times", note))
    return figures


def _commands(scratch: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The command lines of ``commands`` by name, with what they add to the environment."""
    tool, large = _xenassign(), str(board_file(LARGE))
    zcu, fixture = str(board_file(BOARD)), str(_ROOT / "fixtures/host_dtbs/zynqmp-zcu102.dtb")
    written = ("-o", str(scratch / "out"), "-q", "--overwrite")
    forced = ("--force-assign-without-iommu", DEVICE)
    _run([*tool, "generate", fixture, "-d", "ethernet0", "-q", "-o", "made"], scratch)
    made = {ending: str(scratch / "made" / f"domu1.{ending}") for ending in ("dtb", "cfg", "dts")}
    lines = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "--version": [*tool, "--version"],
        "generate, ZCU102": [*tool, "generate", zcu, "-d", DEVICE, *forced, *written],
        "generate, x1e80100": [
            *(*tool, "generate", large, "-d", LARGE_DEVICE, "--route", "dom0less", *written)
        ],
        **{f"lint .{ending}": [*tool, "lint", file] for ending, file in made.items()},
        "inspect, ZCU102": [*tool, "inspect", zcu],
        "inspect --format json, ZCU102": [*tool, "inspect", zcu, "--format", "json"],
        "inspect, x1e80100": [*tool, "inspect", large],
        "inspect --format json, x1e80100": [*tool, "inspect", large, "--format", "json"],
    }
    commands = {name: (words, dict[str, str]()) for name, words in lines.items()}
    typed = {"COMP_WORDS": f"xenassign generate {zcu} -d eth", "COMP_CWORD": "4"}
    commands["TAB on a device, ZCU102"] = (tool, {"_XENASSIGN_COMPLETE": "bash_complete", **typed})
    return commands


def _spread(seconds: Sequence[float]) -> str:
    return f"{len(seconds)} runs, {min(seconds) * 1e3:.0f} to {max(seconds) * 1e3:.0f} ms"


def _xenassign() -> list[str]:
    beside = Path(sys.executable).with_name("xenassign")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "xenassign"]


def bench_generate(options: argparse.Namespace) -> list[Figure]:
    """One device of one board, from the command to the files, beside Lopper's two assists."""
    host = str(board_file(BOARD))
    ours = [*_xenassign(), "generate", host, "-d", DEVICE, "-o", "out", "--overwrite", "-q"]
    # Linux' tree of the board switches the SMMU off; Lopper forces the device without being asked.
    ours += ["--force-assign-without-iommu", DEVICE]
    theirs = _extract(options, Path(host))
    (mine,) = _medians([ours], options.runs)
    figures = [_milliseconds("generate", "xenassign generate", mine)]
    if shutil.which(options.lopper[0]) is None:
        print("generate: no lopper here; pip install 'lopper[yaml]', or --lopper", file=sys.stderr)
        return figures
    try:
        (other,) = _medians([theirs], options.runs)
    except SkippedError as reason:
        print(f"generate: lopper does not run: {reason}", file=sys.stderr)
        return figures
    ratio = statistics.median(other) / statistics.median(mine)
    return [
        *figures,
        _milliseconds("generate", "lopper extract, extract-xen", other),
        Figure("generate", "lopper / xenassign", ratio, "times"),
    ]


def _extract(options: argparse.Namespace, host: Path) -> list[str]:
    """Lopper's command for the device of ``generate``."""
    return [
        *options.lopper,
        *("-f", "--permissive", "--enhanced", str(host), "lopper.dts"),
        *("--", "extract", "-t", DEVICE, "-i", "zynqmp-firmware"),
        *("-x", "pinctrl-0", "-x", "pinctrl-names", "-x", "power-domains", "-x", "resets"),
        *("--", "extract-xen", "-t", DEVICE.rsplit("/", 1)[1], "-o", "extracted.dts"),
    ]


def _milliseconds(benchmark: str, what: str, seconds: Sequence[float]) -> Figure:
    return Figure(benchmark, what, statistics.median(seconds) * 1e3, "ms", _spread(seconds))


def bench_startup(options: argparse.Namespace) -> list[Figure]:
    """The command line that does nothing, beside the interpreter that does nothing."""
    runs = max(10, options.runs)
    nothing = [sys.executable, "-c", "pass"]
    bare, version = _medians([nothing, [*_xenassign(), "--version"]], runs)
    ratio = statistics.median(version) / statistics.median(bare)
    return [
        _milliseconds("startup", "python -c pass", bare),
        _milliseconds("startup", "xenassign --version", version),
        Figure("startup", "xenassign / python", ratio, "times"),
    ]


def bench_lint(options: argparse.Namespace) -> list[Figure]:
    """The generated files of one device, linted as commands, with and without the board."""
    board = str(Path(__file__).resolve().parents[1] / "fixtures/host_dtbs/zynqmp-zcu102.dtb")
    with tempfile.TemporaryDirectory() as scratch:
        made = [*_xenassign(), "generate", board, "-d", "ethernet0", "-o", scratch, "-q"]
        _run([*made, "--overwrite"], Path(scratch))
        dtb, dts, config, overlay = (
            f"{scratch}/domu1.{suffix}" for suffix in ("dtb", "dts", "cfg", "host.dtbo")
        )
        lint = [*_xenassign(), "lint"]
        commands = {
            "xenassign lint, .dtb": [*lint, dtb],
            "xenassign lint, .dts": [*lint, dts],
            "xenassign lint, .dts, parser not cached": [
                "env",
                "XDG_CACHE_HOME=/dev/null",
                *lint,
                dts,
            ],
            "xenassign lint, .dts, .cfg and the board": [
                *(*lint, dts, config, "--host", board, "--host-overlay", overlay),
            ],
        }
        seconds = _medians(list(commands.values()), options.runs)
    return [_milliseconds("lint", *each) for each in zip(commands, seconds, strict=True)]


def bench_inspect(options: argparse.Namespace) -> list[Figure]:
    """Boards in one process, from their bytes to the dictionary of inspect's JSON.

    Those of the checkout ``--old`` before, in a process of its own.
    """
    files = all_boards()
    chosen = files[:: max(1, len(files) // options.boards)] if options.boards else files
    here = ({"old ": options.old} if options.old else {}) | {"": str(_ROOT)}
    figures = []
    for title, program in here.items():
        command = [sys.executable, str(Path(__file__).with_name("inspecting.py"))]
        done = subprocess.run(
            [*command, *map(str, chosen)],
            capture_output=True,
            text=True,
            check=True,
            env=_environment(PYTHONPATH=program),
        )
        answer = json.loads(done.stdout)
        spent, total = answer["seconds"], sum(answer["seconds"])
        slowest = spent.index(max(spent))
        counted = f"{len(spent)} boards, {answer['devices']} devices"
        median = statistics.median(spent) * 1e3
        figures += [
            Figure("inspect", f"{title}boards", total, "s", counted),
            Figure("inspect", f"{title}median board", median, "ms"),
            Figure("inspect", f"{title}slowest", max(spent) * 1e3, "ms", chosen[slowest].name),
        ]
    return figures


def bench_growth(options: argparse.Namespace) -> list[Figure]:
    """CPU seconds and peak memory of commands for lists of two lengths, one twice the other."""
    del options
    nothing, _ = _used([*_xenassign(), "--version"], Path())
    figures: list[Figure] = []
    for growing in INPUTS:
        used = []
        for count in (growing.entries, 2 * growing.entries):
            with tempfile.TemporaryDirectory() as scratch:
                words = [*_xenassign(), *growing.write(Path(scratch), count)]
                used.append(_used(words, Path(scratch)))
        (few, _), (many, memory) = used
        note = (
            f"{few:.2f} and {many:.2f} s, {memory:.0f} MiB, {growing.entries:,} entries and twice"
        )
        ratio = (many - nothing) / max(few - nothing, 0.01)
        figures.append(Figure("growth", growing.title, ratio, "times", note))
    return figures


def _used(
    command: Sequence[str], directory: Path, environment: Mapping[str, str] | None = None
) -> tuple[float, float]:
    """The CPU seconds of a command, what it starts included, and its peak memory in MiB."""
    with subprocess.Popen(
        command,
        cwd=directory,
        env=_environment() if environment is None else environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SkippedError(f"{' '.join(command)} ends with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


# ---------------------------------------------------------------------------- the command

BENCHMARKS: dict[str, Callable[[argparse.Namespace], list[Figure]]] = {
    "commands": bench_commands,
    "generate": bench_generate,
    "startup": bench_startup,
    "lint": bench_lint,
    "warm": bench_warm,
    "inspect": bench_inspect,
    "system": bench_system,
    "scaling": bench_scaling,
    "growth": bench_growth,
}


def _lopper() -> list[str]:
    beside = Path(sys.executable).with_name("lopper")
    return [str(beside)] if beside.exists() else ["lopper"]


def table(figures: Sequence[Figure]) -> str:
    """The figures as plain text."""
    width = max((len(figure.what) for figure in figures), default=0)
    lines = []
    for index, figure in enumerate(figures):
        if index == 0 or figures[index - 1].benchmark != figure.benchmark:
            lines.append(f"{figure.benchmark}:")
        row = f"  {figure.what:{width}}  {figure.value:10.2f} {figure.unit:8} {figure.note}"
        lines.append(row.rstrip())
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The script."""
    parser = argparse.ArgumentParser(description="Benchmarks of xenassign.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--runs", type=int, default=15, help="runs of each process (15)")
    parser.add_argument("--boards", type=int, default=40, help="boards of inspect; 0: all (40)")
    parser.add_argument(
        "--devices", type=int, default=20_000, help="those of the largest board of scaling (20000)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--old", metavar="DIRECTORY", help="a checkout to compare commands with")
    parser.add_argument("--lopper", type=shlex.split, default=_lopper(), metavar="COMMAND")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    if options.old is not None and not Path(options.old, "xenassign", "__init__.py").is_file():
        parser.error(f"--old {options.old}: is not a checkout of xenassign")
    figures: list[Figure] = []
    for name in options.names or BENCHMARKS:
        try:
            found = BENCHMARKS[name](options)
        except SkippedError as reason:
            print(f"{name}: skipped: {reason}", file=sys.stderr)
            continue
        print(table(found), flush=True)
        figures += found
    if options.json is not None:
        machine = {"python": platform.python_version(), "cpus": os.cpu_count()}
        document = {
            "schema": "xenassign/benchmarks/1",
            "machine": machine,
            "figures": [asdict(figure) for figure in figures],
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
