"""Options under headings, where a command has too many for one list."""

from __future__ import annotations

from collections.abc import Sequence

import click

#: What options are about, by the names of their parameters.
_HEADINGS = {
    "Boards and Xen": (
        "host",
        "hosts",
        "config",
        "include",
        "release",
        "flavour",
        "routes",
        "drivers",
        "xen_console",
    ),
    "Devices": (
        *("devices", "maps", "align", "policy", "forced", "shared", "controls", "clock_rates"),
        *("clock_summary", "regulator_summary", "keep_supplies", "memory_regions"),
        *("sci", "agent", "keep_firmware"),
    ),
    "The domain": (
        *("name", "memory", "vcpus", "kernel", "ramdisk", "extra", "vpl011", "static_memory"),
        *("direct_map", "base", "device_tree_path"),
    ),
    "How it boots": (
        *("host_out", "chosen", "uboot_script", "efi", "loads", "load_with", "xen_bootargs"),
        *("dom0_bootargs", "imagebuilder", "imagebuilder_base", "zephyr", "attach_overlay"),
    ),
    "What is written": ("output", "per_host", "lock", "locked", "overwrite", "form", "ascii_only"),
    "What is reported": ("verbose", "quiet", "ignore", "strict"),
}
_OTHERS = "Other"

Group = tuple[str, list[click.Option]]


def grouped(params: Sequence[click.Parameter]) -> list[Group]:
    """(heading, options) in the order of the headings; those of no heading come last."""
    named = {param.name: param for param in params if isinstance(param, click.Option)}
    groups: list[Group] = [
        (heading, [named.pop(name) for name in names if name in named])
        for heading, names in _HEADINGS.items()
    ]
    return [group for group in (*groups, (_OTHERS, [*named.values()])) if group[1]]


class Grouped(click.Command):
    """A command whose --help has its options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options, a section for each heading."""
        for heading, params in grouped(self.get_params(ctx)):
            records = [r for param in params if (r := param.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
