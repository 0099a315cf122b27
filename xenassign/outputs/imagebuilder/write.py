"""imagebuilder.cfg, the configuration for ImageBuilder, and imagebuilder.cmds beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import PurePath

from xenassign.escape import bash_word, hash_comment, terminal
from xenassign.formats import imagebuilder_cfg as syntax
from xenassign.formats.imagebuilder_cfg import BashConfig, written
from xenassign.formats.xlcfg import encode
from xenassign.formats.xlcfg_edit import Edit, apply
from xenassign.outputs.domain.text import joined
from xenassign.outputs.imagebuilder import COMMANDS, CONFIG
from xenassign.outputs.imagebuilder.decide import DomU, ImageBuilderPlan
from xenassign.outputs.imagebuilder.node import Command
from xenassign.system.system import SystemPlan

#: Variables that the user may have to set for a new domain: (example, comment).
_EXAMPLES = {
    "DOMU_KERNEL": ("Image", "ImageBuilder stops without it"),
    "DOMU_RAMDISK": ("domu-ramdisk.cpio.gz", ""),
    "DOMU_CMD": ("console=ttyAMA0", "ImageBuilder's default"),
    "DOMU_MEM": ("512", "MiB; ImageBuilder's default"),
    "DOMU_VCPUS": ("1", "ImageBuilder's default"),
}


def write(_: SystemPlan, plan: ImageBuilderPlan) -> dict[str, bytes]:
    """The files by name, for the domains of the system."""
    return imagebuilder(plan)


def imagebuilder(plan: ImageBuilderPlan) -> dict[str, bytes]:
    """The files by name."""
    text = _new(plan) if plan.base is None else _changed(plan, plan.base)
    files = {CONFIG: encode(text)}
    if plan.append is not None or plan.commands:
        files[COMMANDS] = _commands(plan.commands).encode()
    return files


def _new(plan: ImageBuilderPlan) -> str:
    """A whole configuration; values that only the user knows are comments."""
    system = [written("NUM_DOMUS", None, str(plan.total)), *_append(plan)]
    board = plan.domus[0].plan
    file = PurePath(PurePath(board.host_file).name or "board").with_suffix(".dtb").name
    tree = hash_comment(bash_word(terminal(file)))
    header = _HEADER.format(model=hash_comment(board.model), tree=tree)
    domains = [line for domu in plan.domus for line in ("", *_domain(domu))]
    return joined((*header.splitlines(), *system, *domains))


_HEADER = """\
# For uboot-script-gen of ImageBuilder, with devices of {model} for guests.
# Written by xenassign. Complete the lines after "#", then use this file as --imagebuilder-base:
# your lines stay unchanged, those of the devices are updated.
# File names are relative to the directory of -d of uboot-script-gen.

# The RAM into which U-Boot may load.
#MEMORY_START="0x0"
#MEMORY_END="0x80000000"
#LOAD_CMD="tftpb"  # or -t
#DEVICE_TREE={tree}
#XEN="xen"
#XEN_CMD="console=dtuart dom0_mem=1G dom0_max_vcpus=1"
#DOM0_KERNEL="Image"  # without it there is no dom0
#DOM0_RAMDISK="dom0-ramdisk.cpio.gz"
#DOM0_CMD="console=hvc0 root=/dev/ram0"

UBOOT_SOURCE="boot.source"
UBOOT_SCRIPT="boot.scr"
"""


def _domain(domu: DomU) -> list[str]:
    """The lines of a domain that is not in the base."""
    lines = [f"# {domu.plan.name}: /chosen/domU{domu.number}, written by xenassign"]
    lines += [written(name, domu.number, value) for name, value in domu.values.items()]
    if "DOMU_NOBOOT" in domu.values:
        return lines
    for name, (value, text) in _EXAMPLES.items():
        if name not in domu.values:
            meaning = f"  # {text}" if text else ""
            lines.append(f"#{written(name, domu.number, value)}{meaning}")
    return lines


def _append(plan: ImageBuilderPlan) -> list[str]:
    if plan.append is None:
        return []
    return [written("APPEND_EXTRA_CMDS", None, plan.append)]


def _changed(plan: ImageBuilderPlan, base: BashConfig) -> str:
    """The base with the plan's values. Applied to its result, it changes nothing."""
    edits: list[Edit] = []
    missing: dict[int | None, list[str]] = {}
    for (name, index), value in _values(plan):
        if base.get(name, index) is not None:
            edits += syntax.set_value(base, name, index, value)
        else:
            missing.setdefault(index, []).append(written(name, index, value))
    for domu in plan.domus:
        if not domu.new and domu.number in missing:
            last = max(
                (a for a in base.assignments if a.name.startswith("DOMU_") and a.at == domu.number),
                key=lambda assignment: assignment.line,
            )
            edits += syntax.add_lines(base, missing[domu.number], last)
    new = [["", *_domain(domu)] for domu in plan.domus if domu.new]
    of_system = missing.get(None, [])
    header = ["", "# Set by xenassign"] if of_system else []
    lines = [*header, *of_system, *(line for domain in new for line in domain)]
    edits += syntax.add_lines(base, lines if base.text else lines[1:], None)
    return apply(base.text, edits)


def _values(plan: ImageBuilderPlan) -> Iterator[tuple[tuple[str, int | None], str]]:
    """Every value of the plan, by variable and number."""
    yield ("NUM_DOMUS", None), str(plan.total)
    if plan.append is not None:
        yield ("APPEND_EXTRA_CMDS", None), plan.append
    for domu in plan.domus:
        for name, value in domu.values.items():
            yield (name, domu.number), value


def _commands(commands: Sequence[Command]) -> str:
    """imagebuilder.cmds: the commands below their comments. ImageBuilder requires plain ASCII."""
    lines = ["# Written by xenassign: what ImageBuilder has no variable for.", "fdt resize 0x1000"]
    for why, group in groupby(commands, key=lambda command: command.why):
        lines += [f"# {hash_comment(why)}", *(command.text for command in group)]
    return "".join(f"{line}\n" for line in lines)
