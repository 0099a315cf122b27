"""``xenassign complete``: a dom.cfg in its short form becomes what today's xl requires."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from xenassign.cli import printing, suggestions
from xenassign.cli.headings import Grouped
from xenassign.cli.options import (
    completed_options,
    given_of,
    include_option,
    report_options,
)
from xenassign.cli.recovery import recover
from xenassign.errors import UsageError


@click.command("complete", cls=Grouped)
@click.argument("config", metavar="FILE")
@click.option(
    "--host", metavar="HOST", required=True, help="The board's device tree, as for generate."
)
@include_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    help="The complete dom.cfg, or with --route dom0less alone the domain's node. The other files"
    " are written beside it.",
)
@completed_options
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@report_options
def command(  # noqa: PLR0913, PLR0917 (click gives each option as a parameter)
    config: str,
    host: str,
    include: tuple[str, ...],
    output: str,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
    ignore: tuple[str, ...],
    strict: bool,
    **options: Any,
) -> None:
    """Complete a dom.cfg that only lists the devices, for today's xl.

    dtdev (or device_assignment) lists all devices of the guest by path, alias, label or unique
    suffix, whether they do DMA or not. The partial device tree, device_tree, irqs, iomem and
    passthrough are made, and dtdev keeps those that Xen protects. If FILE has device_tree, a
    partial tree in the form of dom0less that is beside it, irqs, iomem and dtdev follow from that
    tree instead: from its xen,path and xen,reg, or reg.

    With --route dom0less the partial tree and the domain's node for dom0less are made, also of the
    long form: irqs, iomem, dtdev and a tree without xen,path.

    The keys that were proposed for xl (device_assignment, force-assign-without-iommu,
    platform-iommu-safe, iomem_map, sci) are honoured, and become comments. The rest of the text
    keeps every byte, and completing the result changes nothing. The partial tree that is made
    (NAME.dtb), the marks for the host's tree (NAME.host.dtbo) and the plan (NAME.json) are written
    beside the result. Exit status 1: refused, with every reason.

    \b
    Example:
      xenassign complete dom.cfg --host board.dtb -o out/dom.cfg
    """
    from xenassign.cli.generate import WrittenFiles, show_plan, show_written
    from xenassign.files import write
    from xenassign.outputs.hosts import BuildOptions, build
    from xenassign.reading import recorded
    from xenassign.request.command_line import read_system

    given = {"routes": ("xl",), **given_of(options), "base": config}
    target = Path(output)
    if os.path.isdir(output) or output.endswith(os.sep):
        raise UsageError(f"-o {output}: is a folder; name the file: -o {target / 'dom.cfg'}")
    recover([target.parent])
    with recorded() as inputs:
        request, trees = read_system(given, host, (), None, include)
        how = BuildOptions(ignore=ignore, strict=strict)
        built = build(trees, request, how)
        advice = suggestions.of(given, trees, request, built, how) if not quiet else None
    wording = printing.wording(None)
    show_plan(built, quiet, advice, target.parent, wording)
    made = ".cfg" if "xl" in request.domains[0].routes else ".dom0less.dtso"
    result = {target: built.files.pop(f"{request.domains[0].name}{made}")}
    files = write(built.files, target.parent, overwrite, result, inputs=inputs)
    if not quiet:
        show_written(built, WrittenFiles(target.parent, files, (), None), verbose, advice, wording)
