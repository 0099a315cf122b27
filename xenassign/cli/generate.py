"""``xenassign generate``: the main job."""

from __future__ import annotations

from pathlib import Path

import click

from xenassign.cli.options import (
    console_option,
    driver_option,
    driver_set,
    host_argument,
    xen_option,
)


@click.command("generate")
@host_argument
@click.option(
    "-d",
    "--device",
    "devices",
    multiple=True,
    metavar="PATH",
    help="A device: full path, alias, label or unique suffix (ethernet@ff0e0000); * ? [] as in a"
    " shell. Comes with its subtree. Repeat it for each device.",
)
@click.option("-o", "--output", metavar="DIR", required=True, help="Where the files go.")
@click.option("--name", show_default="domu1", help="The domain's name.")
@click.option(
    "--base-cfg",
    metavar="FILE",
    help="Your own dom.cfg: NAME.cfg becomes this text with device_tree, dtdev, irqs, iomem,"
    " passthrough and shadow_memory set for the devices. Name, memory and vcpus are taken from it.",
)
@xen_option
@click.option(
    "--route",
    "routes",
    multiple=True,
    type=click.Choice(["dom0less", "xl"]),
    help="Who builds the guest. Default: files for both.",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="[PATH[#INDEX]=]WHERE",
    help="Where registers go in the guest: an ADDRESS, 'identity' (the default) or 'auto' (identity"
    " where it is safe, else a hole). Without PATH for all devices, with #INDEX for one reg entry.",
)
@click.option(
    "--iommu-policy",
    "policy",
    type=click.Choice(["auto", "strict", "trust"]),
    default="auto",
    show_default=True,
    help="Devices that Xen cannot protect: auto forces those known to do no DMA and refuses the"
    " rest, strict refuses all, trust forces all.",
)
@click.option(
    "--force-assign-without-iommu",
    "forced",
    multiple=True,
    metavar="PATH",
    help="Assign this device although Xen cannot protect it.",
)
@click.option(
    "--allow-shared-page",
    "shared",
    multiple=True,
    metavar="PATH",
    help="Accept that the pages of this device (or neighbour) are shared.",
)
@click.option(
    "--clock-rate",
    "rates",
    multiple=True,
    metavar="PATH[#CLOCK]=HZ",
    help="The rate of a clock whose controller stays with the host: PATH is the device (CLOCK: name"
    " or index) or the clock controller.",
)
@click.option(
    "--keep-host-supplies",
    "keep_supplies",
    is_flag=True,
    help="Have the host overlay mark the regulators that the devices use always-on and boot-on, so"
    " that dom0 leaves them on.",
)
@click.option(
    "--memory-region",
    "regions",
    multiple=True,
    metavar="[PATH=]map|drop",
    help="What becomes of a memory-region that is neither mapped nor dropped unasked. PATH: the"
    " region, or a device for all of its regions; without PATH all.",
)
@click.option(
    "--sci",
    type=click.Choice(["scmi_smc"]),
    help="Give the guest the host's SCMI (Xen 4.21+, arm,scmi-smc): the protocols that its devices"
    " use, and the shared memory. One domain only; Xen needs scmi-smc-passthrough.",
)
@click.option(
    "--keep-firmware",
    is_flag=True,
    help="Keep the Xilinx firmware node that the devices refer to. Upstream Xen refuses a guest's"
    " calls; for Xen of AMD.",
)
@click.option("--memory", type=int, metavar="MIB", help="Memory of the domain.")
@click.option("--vcpus", type=int, metavar="N", help="Virtual CPUs of the domain.")
@click.option("--kernel", metavar="FILE", help="kernel of dom.cfg, as dom0 sees it.")
@click.option("--ramdisk", metavar="FILE", help="ramdisk of dom.cfg, as dom0 sees it.")
@click.option("--extra", metavar="TEXT", help="The kernel's command line.")
@click.option(
    "--device-tree-path",
    metavar="FILE",
    help="device_tree of dom.cfg: where NAME.dtb will lie in dom0. Default: NAME.dtb.",
)
@click.option(
    "--vpl011/--no-vpl011",
    default=True,
    show_default=True,
    help="Whether the domain has the emulated UART (INTID 32, 0x22000000).",
)
@console_option
@driver_option
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors and warnings only.")
def command(  # noqa: PLR0913, PLR0917 (click gives each option as a parameter)
    host: str,
    devices: tuple[str, ...],
    output: str,
    name: str | None,
    base_cfg: str | None,
    version: str,
    routes: tuple[str, ...],
    maps: tuple[str, ...],
    policy: str,
    forced: tuple[str, ...],
    shared: tuple[str, ...],
    rates: tuple[str, ...],
    keep_supplies: bool,
    regions: tuple[str, ...],
    sci: str | None,
    keep_firmware: bool,
    memory: int | None,
    vcpus: int | None,
    kernel: str | None,
    ramdisk: str | None,
    extra: str | None,
    device_tree_path: str | None,
    vpl011: bool,
    xen_console: str | None,
    drivers: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
) -> None:
    """Write everything that Xen needs to give devices of HOST to a guest.

    HOST is the board's device tree (.dtb or .dts; - for standard input). The
    files are the partial device tree (NAME.dtb, NAME.dts), NAME.cfg for xl, NAME.host.dtbo and
    .dtso that mark the host's nodes, NAME.dom0less.dtso with the domain's /chosen node, and
    NAME.json, the plan. All are written or none. Exit status 1: refused, with every reason.

    \b
    Example:
      xenassign generate board.dtb -d ethernet0 -d /soc/serial@ff010000 \\
          --name domu1 --memory 1024 --vcpus 2 -o out
    """
    from xenassign.assign.base_cfg import request
    from xenassign.assign.request import (
        Accepted,
        parse_clock_rate,
        parse_map,
        parse_memory_region,
    )
    from xenassign.findings import ROUTES
    from xenassign.host.source import read_host
    from xenassign.lint.generated import generate
    from xenassign.render.files import write
    from xenassign.xen.releases import release
    from xenassign.xen.xlcfg import read_file

    asked = request(
        read_file(base_cfg) if base_cfg is not None else None,
        devices=devices,
        name=name,
        release=release(version),
        routes=tuple(route for route in ROUTES if not routes or route in routes),
        maps=tuple(parse_map(text) for text in maps),
        policy=policy,
        forced=tuple(Accepted(path) for path in forced),
        shared=tuple(Accepted(path) for path in shared),
        clock_rates=tuple(parse_clock_rate(text) for text in rates),
        keep_supplies=keep_supplies,
        memory_regions=tuple(parse_memory_region(text) for text in regions),
        sci=sci,
        keep_firmware=keep_firmware,
        memory=memory,
        vcpus=vcpus,
        kernel=kernel,
        ramdisk=ramdisk,
        extra=extra,
        device_tree_path=device_tree_path,
        vpl011=vpl011,
        xen_console=xen_console,
        drivers=driver_set(drivers),
    )
    tree = read_host(host)
    plan, files, refusals = generate(tree, asked)
    if refusals:
        for line in refusals:
            click.echo(line, err=True)
        raise click.exceptions.Exit(1)
    written = write(files, Path(output), overwrite)
    for finding in plan.findings:
        if not quiet or finding.severity != "note":
            click.echo(finding.text(plan.host_file), err=True)
    if not quiet:
        for path in written:
            click.echo(f"{path}")
