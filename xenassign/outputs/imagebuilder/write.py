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
from xenassign.outputs.domain.text import render_template
from xenassign.outputs.imagebuilder.decide import COMMANDS, CONFIG, Command, DomU, ImageBuilderPlan
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
    tree = bash_word(terminal(file))
    domains = [_domain(domu) for domu in plan.domus]
    return render_template(
        "imagebuilder.cfg.j2", model=board.model, tree=tree, system=system, domains=domains
    )


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
