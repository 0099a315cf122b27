"""The boot by UEFI: the board's tree in which the modules have names of files, not addresses.

Xen's EFI loader reads xen.cfg, then the tree that it names, loads the file of each module's
``xen,uefi-binary`` from the folder of xen.efi, and adds the ``reg``. Source: xen/common/efi/boot.c
and xen/arch/arm/efi/efi-boot.h, from 4.17 to 4.22.

The tree requires no padding: the loader copies it into a buffer with the size of xen.cfg and a page
more (efi_arch_cfg_file_early). It adds at most 52 bytes for each module (reg: 28; module@ADDRESS
instead of module@N: 24), 206 for the properties linux,uefi-*, and the command line of xen.cfg with
30 bytes for its name: less than 2 KiB besides xen.cfg for MODULES_MAX modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, boolean, text
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.outputs.boot.chosen import (
    board_blob,
    built_by_xen,
    change_of_chosen,
    check_dom0,
    kept_modules,
    loads_of,
    loads_of_dom0,
    module_node,
    without_kernel,
)
from xenassign.outputs.boot.cpu_pools import cpu_changes
from xenassign.outputs.boot.decide import unpacked_twice
from xenassign.outputs.boot.host_changes import all_marks
from xenassign.outputs.boot.sci_changes import changes_of_tree
from xenassign.outputs.efi import CONFIG, NAMES
from xenassign.request.boot_request import EFI, BootRequest, LoadOption
from xenassign.system.system import SystemPlan

#: Files that the loader takes: MAX_MODULES without Xen and its tree (MAX_UEFI_MODULES).
MODULES_MAX = 30

#: Bytes of a command line, with a space before it and its NUL (efi_arch_handle_cmdline).
_LINE_MAX = 4096 - 2

#: The value of a --load, in messages.
_FORM = "FILE"

#: A name of a file or folder: the printable ASCII characters that a name on FAT may have, since the
#: loader makes one UCS-2 character of each byte (s2w); no space at an end and no dot at the last
#: one, which FAT drops.
_NAME = re.compile(r"(?!\.{1,2}$)(?! )[ -~]{1,255}(?<![ .])")
_NOT_ON_FAT = frozenset('"*/:<>?\\|')


class EfiPlan(NamedTuple):
    """What Xen's EFI loader reads.

    ``data``: the host's tree; ``changes``: its marks and the complete /chosen. ``options``: Xen's
    command line; None: the one that the board's tree states. ``names``: the modules' files, as the
    loader opens them. ``beside_dom0``: whether there is a dom0.
    """

    data: bytes
    changes: tuple[Change, ...]
    options: str | None
    names: tuple[str, ...]
    beside_dom0: bool
    findings: tuple[Finding, ...] = ()


def decide(system: SystemPlan) -> EfiPlan | None:
    """What UEFI boots. None: it is not requested.

    Raises UsageError if a file is not named, or has a name that Xen or FAT does not take.
    """
    request, platform = system.resolved.request.boot, system.resolved.platform
    if EFI not in request.outputs:
        return None
    data, tree = board_blob(platform), platform.tree
    # The loader may place a file of dom0 where one address cell is too short.
    plans = [plan._replace(chosen_cells=(2, 2)) for plan in system.domains]
    built = built_by_xen(plans)
    missing = [*without_kernel(request, plans, _FORM)]
    if missing:
        raise UsageError(*missing)
    of_dom0 = list(loads_of_dom0(request, _FORM))
    of_domains = [list(loads_of(request, plan)) for plan in built]
    if not of_dom0 and not built:
        check_dom0(tree, _FORM)
    lines = request.dom0_bootargs
    more = [
        # So that xen.cfg is read too if the firmware has this tree already.
        boolean("xen,uefi-cfg-load"),
        # The loader refuses any other (setup_chosen_node).
        boolean("ranges"),
        *([text("xen,dom0-bootargs", lines)] if lines is not None else ()),
    ]
    chosen = change_of_chosen(
        tree,
        plans,
        [_node(load, number) for number, load in enumerate(of_dom0, 1)],
        [
            tuple(_node(load, number, plan.request.extra) for number, load in enumerate(loads, 1))
            for plan, loads in zip(built, of_domains, strict=True)
        ],
        more,
    )
    loads = [*of_dom0, *(load for loads in of_domains for load in loads)]
    _check_files(loads)
    _check_kept(tree, chosen)
    names = tuple(dict.fromkeys(map(_file, loads)))
    cpus = cpu_changes(tree, built)
    return EfiPlan(
        data,
        (
            *all_marks(plans),
            *cpus,
            *changes_of_tree(plans, tree, (*cpus, chosen)),
            chosen,
        ),
        _options(request, tree),
        names,
        bool(of_dom0),
        tuple(unpacked_twice((load, _file(load)) for load in loads)),
    )


def _node(load: LoadOption, number: int, bootargs: str | None = None) -> DraftNode:
    """A module's node, which the loader renames. ``number``: its number below its parent."""
    where = text("xen,uefi-binary", _file(load))
    return module_node(load, f"module@{number}", where, bootargs)


def _file(load: LoadOption) -> str:
    """The name of an image's file as the loader opens it. Raises UsageError."""
    if load.file is None:
        raise UsageError(
            f"--load {load.name} has no file, which --efi requires; give --load {load.name}=FILE"
        )
    parts = load.file.removeprefix("./").split("/")
    if any(_NAME.fullmatch(part) is None or _NOT_ON_FAT & {*part} for part in parts):
        raise UsageError(
            f"--load {load.name}: --efi does not support the name {load.file!r}; give a path below"
            " the folder of xen.efi, of printable ASCII characters that FAT has in names"
        )
    return "\\".join(parts)


def _check_files(loads: Sequence[LoadOption]) -> None:
    """Raises UsageError for files that the loader or FAT cannot tell apart, and for too many."""
    names: dict[str, str] = {}
    for load in loads:
        name = _file(load)
        if name.lower() in NAMES:
            raise UsageError(f"--load {load.name}: --efi writes {name.lower()}; rename the file")
        other = names.setdefault(name.lower(), name)
        if other != name:
            raise UsageError(
                f"--load {load.name}: {name} and {other} are one file on the EFI system partition;"
                " rename one of them"
            )
    if len(names) > MODULES_MAX:
        raise UsageError(
            f"--efi: Xen loads {MODULES_MAX} files and there are {len(names)}; let domains share a"
            " kernel, or leave some out"
        )


def _check_kept(tree: Tree, chosen: Change) -> None:
    """Raises UsageError for a module of the board's /chosen that nothing loads."""
    for node in kept_modules(tree, chosen):
        if not node.has("xen,uefi-binary"):
            raise UsageError(
                f"{tree.file}: {node.path} has no xen,uefi-binary, so that UEFI does not load it;"
                " remove it from the tree, or use --host-out with --chosen"
            )


def _options(request: BootRequest, tree: Tree) -> str | None:
    """options= of xen.cfg. Raises UsageError for a line that the loader would not read whole.

    It is there even if it is empty: since 4.18 the loader uses memory that it has not set if
    neither xen.cfg nor the tree has a command line (efi_arch_handle_cmdline).
    """
    line, chosen = request.xen_bootargs, tree.find("/chosen")
    if line is None:
        return None if chosen is not None and chosen.has("xen,xen-bootargs") else ""
    for wrong, problem in _problems(line):
        if wrong:
            raise UsageError(f"--xen-bootargs: {problem} of {CONFIG}; change it for --efi")
    return line


def _problems(line: str) -> Iterator[tuple[bool, str]]:
    yield "#" in line, "a # begins a comment"
    yield not line.isascii(), "only ASCII characters may be in a line"
    yield len(line) > _LINE_MAX, f"more than {_LINE_MAX} characters do not fit into a line"
