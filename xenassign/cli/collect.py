"""``xenassign collect``: the script that gathers what a running board says of itself."""

from __future__ import annotations

import click

from xenassign.cli import printing


@click.command("collect")
def command() -> None:
    """Print a script that gathers a board's tree and clock rates.

    Run it there as root, under Linux without Xen or in dom0. It writes one tar with the device
    tree, the rates of the clocks (clk_summary) and voltages of the regulators (regulator_summary)
    that Linux has set up, what `xl info` says, and for people /proc/iomem, /proc/interrupts, the
    IOMMU groups and `xl dmesg`. What cannot be read is named in MISSING. Every HOST may be
    this tar. The script requires a POSIX shell and tar.

    \b
    Example:
      xenassign collect | ssh root@board sh -s - - >board.tar
      xenassign generate board.tar -d ethernet0 -o out
    """
    from xenassign.resources import directory

    printing.document((directory("templates") / "collect.sh").read_text(encoding="utf-8"))
