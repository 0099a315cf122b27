"""``xenassign generate``: the files that Xen requires."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from xenassign.cli import printing, suggestions
from xenassign.cli.headings import Grouped
from xenassign.cli.options import (
    board_options,
    boot_options,
    given_of,
    lock_option,
    report_options,
    request_options,
)
from xenassign.cli.recovery import recover
from xenassign.errors import UsageError

if TYPE_CHECKING:
    from xenassign.cli.printing import Wording
    from xenassign.cli.suggestions import Proposals
    from xenassign.devicetree.tree import Tree
    from xenassign.outputs.hosts import BuildOptions, Built
    from xenassign.reading import Inputs
    from xenassign.request.system_request import SystemRequest
    from xenassign.system.lock import Lock


@click.command("generate", cls=Grouped)
@board_options
@click.option("-o", "--output", metavar="DIR", required=True, help="The folder for the files.")
@request_options
@boot_options
@click.option(
    "--per-host",
    is_flag=True,
    help="With several boards: write a folder of files for each, not one set for all.",
)
@lock_option
@click.option("--locked", is_flag=True, help="Fail if a decision differs from the lock.")
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace the files of the run before, and remove those that are not written again.",
)
@report_options
def command(  # noqa: PLR0913, PLR0917 (click gives each option as a parameter)
    host: str | None,
    config: str | None,
    hosts: tuple[str, ...],
    include: tuple[str, ...],
    output: str,
    per_host: bool,
    lock: str | None,
    locked: bool,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
    ignore: tuple[str, ...],
    strict: bool,
    **options: Any,
) -> None:
    """Write what Xen requires to assign devices of HOST to a guest.

    HOST is the board's device tree (.dtb or .dts; - for standard input), or a live tree
    (/proc/device-tree, /sys/firmware/fdt); with the live tree of dom0 the files are for xl. The
    files are the partial device tree (NAME.dtb, NAME.dts), NAME.cfg for xl, NAME.host.dtbo and
    .dtso that mark the host's nodes, NAME.dom0less.dtso with the domain's /chosen node, and
    NAME.json, the plan. All files are written or none. Exit status 1: refused, with every reason.

    Instead of applying overlays, Xen can boot with a complete tree (--host-out; --chosen adds the
    dom0less domains), U-Boot can change the tree at boot (--uboot-script), or UEFI starts Xen with
    files that are copied beside xen.efi (--efi). --load gives the load addresses or files.
    --imagebuilder writes a configuration for ImageBuilder, which does the same on the build host.

    With -c the boards and the domains are those of a xenassign.toml, and generate refuses what two
    domains would share. xenassign.lock keeps the decisions: a rebuild reports what changed.

    \b
    Example:
      xenassign generate board.dtb -d ethernet0 -d /soc/serial@ff010000 \\
          --name domu1 --memory 1024 --vcpus 2 -o out
      xenassign generate -c xenassign.toml -o out
    """
    from xenassign.outputs.hosts import BuildOptions, build
    from xenassign.reading import recorded
    from xenassign.request.command_line import read_system
    from xenassign.system.lock import lock_path

    given = given_of(options)
    path = lock_path(lock, config, own=host is None and not hosts)
    recover([Path(output)] if path is None else [Path(output), path.parent])
    only = given.get("name") if config else None
    with recorded() as inputs:
        request, trees = read_system(given, host, hosts, config, include)
        _check_boards(request, trees)
        older = _older_lock(path, locked)
        how = BuildOptions(per_host, only, older, locked, str(path or ""), ignore, strict)
        built = printing.naming(config, lambda: build(trees, request, how))
        advice = suggestions.of(given, trees, request, built, how) if not quiet else None
    wording = printing.wording(config)
    show_plan(built, quiet, advice, Path(output), wording)
    kept = _without_edited(inputs, Path(output), given.get("imagebuilder_base"))
    written = _write(built, how, Path(output), overwrite, given.get("host_out"), kept)
    if not quiet:
        show_written(built, written, verbose, advice, wording)


def _host_tree(built: Built, host_out: str | None) -> dict[Path, bytes]:
    """The host tree for --host-out by its path, taken out of the files for -o."""
    from xenassign.outputs.boot import HOST_TREE

    if host_out is None:
        return {}
    # With --per-host it is in the folder of its board.
    name = next(name for name in built.files if name.endswith(HOST_TREE))
    return {Path(host_out): built.files.pop(name)}


def _check_boards(request: SystemRequest, trees: Sequence[Tree]) -> None:
    """Raises UsageError for an output that is made for a single board only."""
    if len(trees) > 1 and (request.boot.outputs or request.imagebuilder):
        raise UsageError(
            "--host-out, --uboot-script, --efi and --imagebuilder require a single board;"
            " give one HOST"
        )


def show_plan(
    built: Built, quiet: bool, advice: Proposals | None, folder: Path, wording: Wording
) -> None:
    """Shows the differences between boards, and the refusals. Ends the program if there are any."""
    from xenassign.outputs.hosts import lines
    from xenassign.outputs.report import hosts as boards

    if built.plan.differences and not quiet:
        boards.show(built.plan, sys.stderr)
    if built.refusals:
        printing.lines(map(wording, lines(built.refusals)), err=True)
        if advice is not None:
            files = (name for each in advice.advice.suggestions for name in each.files)
            in_the_way = any((folder / name).exists() for name in files)
            printing.lines(advice.lines(in_the_way), err=True)
        raise click.exceptions.Exit(1)


class WrittenFiles(NamedTuple):
    """The files of a run. ``lock``: the name of its file."""

    folder: Path
    files: Sequence[Path]
    removed: Sequence[Path]
    lock: str | None


def _write(
    built: Built,
    how: BuildOptions,
    folder: Path,
    overwrite: bool,
    host_out: str | None,
    kept: Inputs,
) -> WrittenFiles:
    """Writes the files and the lock. ``kept``: files that were read. Raises OutputError."""
    from xenassign.files import write

    locks = {}
    if how.lock_file and not how.locked:
        locks = _changed(Path(how.lock_file), built.lock)
    elsewhere = _host_tree(built, host_out)
    removed = _stale(built, folder, how.only) if overwrite else []
    written = write(built.files, folder, overwrite, elsewhere, locks, removed, kept)
    return WrittenFiles(folder, written, removed, how.lock_file)


def show_written(
    built: Built, written: WrittenFiles, verbose: bool, advice: Proposals | None, wording: Wording
) -> None:
    """Prints what changed since the lock, the findings, the files, and what to try."""
    from xenassign.outputs.report import messages

    printing.lines(_changes(built, written.lock, verbose), err=True)
    files = [host.request.tree.file for host in built.plan.hosts]
    board = files[0] if len(files) == 1 else None
    printing.lines(map(wording, messages.lines(built.findings, board, verbose)), err=True)
    if verbose:
        reason = "removed, since the run before wrote it and this one does not"
        printing.lines((f"note: {path}: {reason}" for path in written.removed), err=True)
        printing.lines(map(str, written.files))
    number = len(written.files)
    files_written = f"wrote {number} file{'s' * (number != 1)} to {written.folder}"
    removed = f", removed {len(written.removed)}" if written.removed else ""
    printing.lines([f"{files_written}{removed}{messages.counted(built.findings, verbose)}"])
    if advice is not None:
        printing.lines(advice.lines(overwrite=True), err=True)


def _changes(built: Built, lock: str | None, verbose: bool) -> Iterator[str]:
    """What changed since the lock, in one line if not all of it is to be shown."""
    from xenassign.system.change_lines import lines

    changed = lines(built.changes)
    if verbose or len(changed) == 1:
        yield from (f"warning: {lock}: {line}" for line in changed)
    elif changed:
        yield f"warning: {lock}: {len(changed)} changes (-v lists them), first: {changed[0]}"


def _without_edited(inputs: Inputs, folder: Path, base: str | None) -> Inputs:
    """The files that were read, without the configuration of ImageBuilder that is edited in place.

    ``base``: that of ``--imagebuilder-base``.
    """
    from xenassign.outputs.imagebuilder import CONFIG

    with contextlib.suppress(OSError):
        if base is not None and (folder / CONFIG).samefile(base):
            status = os.stat(base)
            return {k: v for k, v in inputs.items() if k != (status.st_dev, status.st_ino)}
    return inputs


def _stale(built: Built, folder: Path, only: str | None) -> list[Path]:
    """The files of the run before that the new ones do not replace. Raises OutputError."""
    from xenassign.outputs.previous_run import stale

    systems = (host.system for host in built.plan.hosts if host.system is not None)
    names = dict.fromkeys(plan.name for system in systems for plan in system.domains)
    domains = list(names) if only is None else [only]
    return stale(folder, built.files, domains, alone=only is not None)


def _older_lock(path: Path | None, locked: bool) -> Lock | None:
    """The lock of the last run, if there is one. Raises UsageError, InputError."""
    from xenassign.system.lock_file import older_lock

    if locked and path is None:
        raise UsageError("--locked requires a lock; give --lock FILE")
    return older_lock(path, required=locked)


def _changed(path: Path, lock: Lock | None) -> dict[Path, bytes]:
    """The lock's file with its new content; empty if that is unchanged."""
    from xenassign.system.lock_file import to_text

    if lock is None:
        return {}
    text = to_text(lock).encode("utf-8")
    return {} if path.exists() and path.read_bytes() == text else {path: text}
