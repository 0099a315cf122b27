"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from xenassign.xen.releases import DEFAULT, RELEASES

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Tree
    from xenassign.request.boot_request import BootRequest
    from xenassign.request.request import Request
    from xenassign.request.system_request import ImageBuilderRequest, SystemRequest

#: ``request.request.ALIGNMENTS``, which takes too long to import for --help of other commands.
ALIGNMENTS = ("page", "natural", "64k", "2m")

F = Callable[..., Any]

host_argument = click.argument("host", metavar="HOST")

xen_option = click.option(
    "--xen",
    "version",
    metavar="RELEASE",
    default=DEFAULT,
    help=f"The Xen release: {', '.join(RELEASES)}.  [default: {DEFAULT}; with dom0's live tree the"
    " release that made it]",
)

driver_option = click.option(
    "--iommu-driver",
    "drivers",
    multiple=True,
    type=click.Choice(["smmu", "smmu-v3", "ipmmu"]),
    help="An IOMMU driver that your build of Xen has; repeat it. Default: all drivers of"
    " the release. A default build has smmu only.",
)


console_option = click.option(
    "--xen-console",
    metavar="PATH|none",
    help="The UART that Xen uses, if it is not that of stdout-path.",
)

config_option = click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="A xenassign.toml with boards and domains. Other options override the file, for all of its"
    " domains or for the one that --name selects.",
)


lock_option = click.option(
    "--lock",
    metavar="FILE",
    help="The file that keeps the decisions.  [default: with -c and its boards, that file with"
    " .lock for .toml; otherwise none]",
)


def lock_path(lock: str | None, config: str | None, *, own: bool) -> Path | None:
    """The file that keeps the decisions; None: no file.

    ``own``: the boards are those of ``config``. A run with other boards does not change its lock.
    """
    from xenassign.system.lock import SUFFIX

    if lock is not None:
        return Path(lock)
    return Path(config).with_suffix(SUFFIX) if config is not None and own else None


def board_options(command: F) -> F:
    """Which boards: HOST, more of them, or those of a xenassign.toml."""
    for option in (
        click.option(
            "--host",
            "hosts",
            multiple=True,
            metavar="FILE",
            help="One more board that the plan must be valid on: a revision, or a board that the"
            " guest may be moved to. Repeat it.",
        ),
        config_option,
        click.argument("host", metavar="[HOST]", required=False),
    ):
        command = option(command)
    return command


_REQUEST_OPTIONS = (
    click.option(
        "-d",
        "--device",
        "devices",
        multiple=True,
        metavar="PATH",
        help="A device: full path, alias, label or unique suffix (ethernet@ff0e0000); * ? [] as in"
        " a shell. The device includes its subtree. Repeat it for each device.",
    ),
    click.option(
        "--name",
        metavar="NAME",
        help="The domain's name (without -c: domu1). With -c, it selects one of its domains.",
    ),
    click.option(
        "--base-cfg",
        metavar="FILE",
        help="Your own dom.cfg: NAME.cfg is this text with device_tree, dtdev, irqs, iomem,"
        " passthrough and shadow_memory set for the devices. Name, memory and vcpus are read from"
        " it.",
    ),
    xen_option,
    click.option(
        "--route",
        "routes",
        multiple=True,
        type=click.Choice(["dom0less", "xl"]),
        help="Who builds the guest. Default: both; dom0less with --static-memory, xl with dom0's"
        " live tree.",
    ),
    click.option(
        "--map",
        "maps",
        multiple=True,
        metavar="[PATH[#INDEX]=]WHERE",
        help="The guest address of registers: an ADDRESS, 'identity' (the default), 'auto'"
        " (identity where it is safe, otherwise a hole) or 'window:BASE-END' (auto, within this"
        " range). Without PATH it applies to all devices, with #INDEX to one reg entry.",
    ),
    click.option(
        "--align",
        type=click.Choice(ALIGNMENTS),
        default="page",
        show_default=True,
        help="The alignment that auto uses. natural: the block's size; 64k: for guests with 64 KiB"
        " pages, each block alone in its pages; 2m: large blocks so that stage 2 can map them with"
        " 2 MiB and 1 GiB entries.",
    ),
    click.option(
        "--iommu-policy",
        "policy",
        type=click.Choice(["auto", "strict", "trust"]),
        default="auto",
        show_default=True,
        help="What to do with devices that Xen cannot protect. auto: force those known to do no"
        " DMA, refuse the others; strict: refuse all; trust: force all.",
    ),
    click.option(
        "--force-assign-without-iommu",
        "forced",
        multiple=True,
        metavar="PATH",
        help="Assign this device although Xen cannot protect it.",
    ),
    click.option(
        "--allow-shared-page",
        "shared",
        multiple=True,
        metavar="PATH",
        help="Accept that pages of this device (or neighbour) are shared.",
    ),
    click.option(
        "--clock-rate",
        "rates",
        multiple=True,
        metavar="PATH[#CLOCK]=HZ",
        help="The rate of a clock whose controller stays with the host. PATH is the device (CLOCK"
        " is a name or index) or the clock controller.",
    ),
    click.option(
        "--keep-host-supplies",
        "keep_supplies",
        is_flag=True,
        help="Set always-on and boot-on in the host overlay for the regulators that the devices"
        " use, so that dom0 leaves them on.",
    ),
    click.option(
        "--memory-region",
        "regions",
        multiple=True,
        metavar="[PATH=]map|drop",
        help="Map or drop a memory-region for which xenassign has no default. PATH is the region,"
        " or a device for all of its regions; without PATH it applies to all.",
    ),
    click.option(
        "--sci",
        type=click.Choice(["scmi_smc"]),
        help="Give the guest access to the host's SCMI (Xen 4.21+, arm,scmi-smc): the protocols"
        " that its devices use, and the shared memory. One domain only; requires"
        " scmi-smc-passthrough on Xen's command line.",
    ),
    click.option(
        "--keep-firmware",
        is_flag=True,
        help="Keep the Xilinx firmware node that the devices refer to. For AMD's Xen; upstream Xen"
        " refuses the guest's calls.",
    ),
    click.option("--memory", type=int, metavar="MIB", help="Memory of the domain."),
    click.option(
        "--static-memory",
        "banks",
        multiple=True,
        metavar="BASE:SIZE",
        help="Host memory for the domain (dom0less; Xen built with CONFIG_STATIC_MEMORY), for"
        " example 0x80000000:512M; repeat it for each bank. --memory is their sum.",
    ),
    click.option(
        "--direct-map",
        is_flag=True,
        help="Use the host's addresses in the guest: for the static memory, the GIC and (those of"
        " Xen's console UART) the vPL011. DMA without an IOMMU requires it.",
    ),
    click.option("--vcpus", type=int, metavar="N", help="Virtual CPUs of the domain."),
    click.option(
        "--kernel",
        metavar="FILE",
        help="kernel of dom.cfg, a path in dom0; DOMU_KERNEL for --imagebuilder.",
    ),
    click.option(
        "--ramdisk",
        metavar="FILE",
        help="ramdisk of dom.cfg, a path in dom0; DOMU_RAMDISK for --imagebuilder.",
    ),
    click.option("--extra", metavar="TEXT", help="The kernel's command line."),
    click.option(
        "--device-tree-path",
        metavar="FILE",
        help="device_tree of dom.cfg: the path of NAME.dtb in dom0. Default: NAME.dtb.",
    ),
    click.option(
        "--vpl011/--no-vpl011",
        default=True,
        show_default=True,
        help="Whether the domain has the emulated UART (INTID 32, 0x22000000).",
    ),
    console_option,
    driver_option,
    click.option(
        "--attach-overlay",
        is_flag=True,
        help="Also write NAME.attach.host.dtbo for `xl dt-overlay` on a running Xen (4.19+, built"
        " with CONFIG_OVERLAY_DTB) whose tree lacks the devices, and NAME.attach.dtbo for the"
        " guest's Linux. HOST is the tree with the devices.",
    ),
)


def request_options(command: F) -> F:
    """Adds the options that describe a domain, for every command that plans one."""
    for option in reversed(_REQUEST_OPTIONS):
        command = option(command)
    return command


_BOOT_OPTIONS = (
    click.option(
        "--host-out",
        metavar="FILE",
        help="Write the board's device tree with the marks to this file. Boot with it instead of"
        " applying the overlay.",
    ),
    click.option(
        "--chosen",
        is_flag=True,
        help="With --host-out: complete its /chosen with dom0 and the dom0less domains.",
    ),
    click.option(
        "--uboot-script",
        is_flag=True,
        help="Write boot.cmd and boot.scr: a U-Boot script that marks the tree, adds /chosen, and"
        " starts Xen.",
    ),
    click.option(
        "--load",
        "loads",
        multiple=True,
        metavar="[DOMAIN/]WHAT=ADDRESS[:SIZE|:FILE]",
        help="The load address of xen, host (the board's tree), dom0-kernel, dom0-ramdisk, kernel,"
        " ramdisk or dtb, as --chosen and --uboot-script require it. Repeat it for each.",
    ),
    click.option(
        "--load-with",
        metavar="COMMAND",
        help="U-Boot's command that loads a file, for example 'load mmc 0:1'. With it the script of"
        " --uboot-script loads each FILE of --load.",
    ),
    click.option("--xen-bootargs", metavar="TEXT", help="Xen's command line, in /chosen."),
    click.option("--dom0-bootargs", metavar="TEXT", help="dom0's command line, in /chosen."),
    click.option(
        "--imagebuilder",
        is_flag=True,
        help="Write imagebuilder.cfg with the domains for ImageBuilder's uboot-script-gen, and"
        " imagebuilder.cmds if further U-Boot commands are required.",
    ),
    click.option(
        "--imagebuilder-base",
        metavar="FILE",
        help="Your own ImageBuilder configuration: imagebuilder.cfg is this text with the entries"
        " of the domains set. The rest is unchanged.",
    ),
)


def boot_options(command: F) -> F:
    """Adds the options about how Xen and the domains boot."""
    for option in reversed(_BOOT_OPTIONS):
        command = option(command)
    return command


def with_boot(system: SystemRequest, asked: Mapping[str, Any], config: str | None) -> SystemRequest:
    """The request with the ``boot_options`` of a command line. Raises XenassignError.

    ``config``: the xenassign.toml; its file names are relative to it.
    """
    from dataclasses import replace

    from xenassign.errors import UsageError
    from xenassign.request import boot_request as boot

    if asked["chosen"] and asked["host_out"] is None:
        raise UsageError("--chosen has no effect without --host-out; give --host-out FILE")
    outputs = {
        boot.HOST: asked["host_out"] is not None,
        boot.CHOSEN: asked["chosen"],
        boot.UBOOT: asked["uboot_script"],
    }
    said = boot.BootRequest(
        frozenset(name for name, requested in outputs.items() if requested),
        tuple(map(boot.parse_load, asked["loads"])),
        asked["load_with"],
        asked["xen_bootargs"],
        asked["dom0_bootargs"],
    )
    _check_boot(said)
    whole = system.boot.changed(said)
    later = whole.load_with is not None
    loads = boot.measured(said.loads, Path(), later=later)
    # The loads of the file have no effect on other outputs.
    if config is not None and whole.outputs & {boot.UBOOT, boot.CHOSEN}:
        of_file = [load for load in whole.loads if load not in said.loads]
        loads += boot.measured(of_file, Path(config).parent, later=later)
    return replace(system, boot=replace(whole, loads=loads), imagebuilder=_imagebuilder(asked))


def _check_boot(said: BootRequest) -> None:
    """Raises UsageError for an option that has no effect on the requested outputs."""
    from xenassign.errors import UsageError
    from xenassign.request import boot_request as boot

    if said.load_with is not None and boot.UBOOT not in said.outputs:
        raise UsageError("--load-with has no effect without --uboot-script; give both")
    for option, value in (
        ("--xen-bootargs", said.xen_bootargs),
        ("--dom0-bootargs", said.dom0_bootargs),
    ):
        if value is not None and not said.outputs & {boot.UBOOT, boot.CHOSEN}:
            raise UsageError(
                f"{option} has no effect without --uboot-script or --chosen; give one of them"
            )


def _imagebuilder(asked: Mapping[str, Any]) -> ImageBuilderRequest | None:
    """The request for ImageBuilder, or None. Raises InputError."""
    from xenassign.formats.imagebuilder_cfg import read_file
    from xenassign.request.system_request import ImageBuilderRequest

    base = asked["imagebuilder_base"]
    if base is None:
        return ImageBuilderRequest(None) if asked["imagebuilder"] else None
    return ImageBuilderRequest(read_file(base))


def make_request(asked: Mapping[str, Any]) -> Request:
    """The request that the ``request_options`` describe. Raises XenassignError."""
    from xenassign.formats.xlcfg import read_file
    from xenassign.request.base_cfg import request

    base = asked["base_cfg"]
    return request(read_file(base) if base is not None else None, **_fields(asked, [*asked]))


def make_system(
    asked: Mapping[str, Any], host: str | None, hosts: Sequence[str], config: str | None
) -> tuple[SystemRequest, list[Tree]]:
    """The domains of a command line, and their boards. ``hosts``: more boards.

    Without ``config`` that is one domain. Otherwise it is the domains of that xenassign.toml, with
    the options of the command line in place of its values. Raises XenassignError.
    """
    from xenassign.errors import InputError, UsageError
    from xenassign.host.load import read_host
    from xenassign.request.project import read_project, with_options
    from xenassign.request.system_request import SystemRequest

    more = [host, *hosts] if host is not None else [*hosts]

    if config is None:
        if host is None:
            raise UsageError("HOST is missing; give the board's device tree, or a file with -c")
        trees = [read_host(file) for file in more]
        return SystemRequest((make_request(by_trees(asked, trees)),)), trees
    context = click.get_current_context()
    given = [n for n in asked if context.get_parameter_source(n) is ParameterSource.COMMANDLINE]
    for name, option in (("devices", "-d"), ("base_cfg", "--base-cfg")):
        if name in given:
            raise UsageError(f"{option} cannot be used with -c; set it for a domain in {config}")
    project = read_project(Path(config))
    if host is None and not project.hosts:
        raise UsageError(f'{config}: has no host; write host = "board.dtb"')
    system = with_options(project.system, _fields(asked, given), asked["name"])
    try:
        trees = [read_host(file) for file in project.hosts] if host is None else []
    except InputError as error:
        raise InputError(f"{project.toml.where(('host',))}: host: {error}") from None
    return system, [*trees, *(read_host(file) for file in more)]


def by_trees(asked: Mapping[str, Any], trees: Sequence[Tree]) -> dict[str, Any]:
    """The ``request_options`` of a command line with defaults for the live tree of dom0.

    These are the release of Xen that made the tree, and the route xl: dom0less domains cannot be
    checked against dom0's tree.
    """
    from xenassign.host.running import dom0_tree

    given = {**asked, "version": version_by(asked["version"], trees)}
    has_route = asked["routes"] or asked["banks"] or asked["direct_map"]
    if not has_route and None not in map(dom0_tree, trees):
        given["routes"] = ("xl",)
    return given


def version_by(version: str, trees: Sequence[Tree]) -> str:
    """The value of the ``xen_option``; unless it was given, the release that made dom0's trees."""
    from xenassign.host.running import dom0_tree

    source = click.get_current_context().get_parameter_source("version")
    if source is ParameterSource.COMMANDLINE:
        return version
    made_by = {tree.xen if tree is not None else None for tree in map(dom0_tree, trees)}
    made = made_by.pop() if len(made_by) == 1 else None
    return made if made is not None and made in RELEASES else version


def _fields(asked: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The fields of a request that the options of these names set."""
    from xenassign.request.request import (
        Accepted,
        parse_clock_rate,
        parse_map,
        parse_memory_region,
        parse_static_memory,
        routes_of,
    )
    from xenassign.xen.releases import release

    static = bool(asked["banks"]) or asked["direct_map"]
    made: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "version": ("release", release),
        "routes": ("routes", lambda named: routes_of(named, dom0less_only=static)),
        "maps": ("maps", lambda texts: tuple(map(parse_map, texts))),
        "rates": ("clock_rates", lambda texts: tuple(map(parse_clock_rate, texts))),
        "regions": ("memory_regions", lambda texts: tuple(map(parse_memory_region, texts))),
        "banks": ("static_memory", lambda texts: tuple(map(parse_static_memory, texts))),
        "drivers": ("drivers", driver_set),
        "forced": ("forced", lambda paths: tuple(map(Accepted, paths))),
        "shared": ("shared", lambda paths: tuple(map(Accepted, paths))),
        **{name: (name, lambda value: value) for name in _AS_THEY_ARE},
    }
    return {made[name][0]: made[name][1](asked[name]) for name in names if name in made}


_AS_THEY_ARE = (
    *("devices", "name", "policy", "align", "keep_supplies", "sci"),
    *("keep_firmware", "memory", "vcpus", "kernel", "ramdisk", "extra", "device_tree_path"),
    *("vpl011", "xen_console", "direct_map", "attach_overlay"),
)


def driver_set(drivers: tuple[str, ...]) -> frozenset[str] | None:
    """None: all drivers of the release."""
    return frozenset(drivers) or None
