"""The options of commands that describe domains and boards, as tables.

The command line makes click's options of them (``cli.options``);
:mod:`xenassign.request.command_line` makes a request of the values of ``DOMAIN`` and ``BOOT``, by
``field``. The keys of xenassign.toml, whose values are of TOML, are in
:mod:`xenassign.request.keys`; their names are equal. The options of ``lint`` are in
:mod:`xenassign.linting.options`. This module imports little, since each ``--help`` reads it.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.xen.releases import DEFAULT, FLAVOURS, RELEASES, UPSTREAM

POLICIES = ("auto", "strict", "trust")
ALIGNMENTS = ("page", "natural", "64k", "2m")
DRIVERS = tuple(
    dict.fromkeys(driver.name for xen in RELEASES.values() for driver in xen.iommu_drivers)
)


class Option(NamedTuple):
    """An option. ``field``: the field of ``Request`` or ``BootRequest`` that it sets.

    Without ``metavar`` and ``choices`` it is a flag. ``number``: its value is an integer, of
    ``least`` or more; ``size``: it is MiB, or has a unit. ``default``: for --help, where the help
    text does not state it; of ``DOMAIN`` and ``BOOT`` an option that is not given sets nothing.
    """

    flags: str | tuple[str, ...]
    field: str
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    repeated: bool = False
    number: bool = False
    size: bool = False
    least: int | None = None
    default: str | bool | None = None


#: The values of ``--xen``.
KNOWN_RELEASES = f"{', '.join(RELEASES)} (in development), or a point release as 4.20.3"

#: Options of several commands.
XEN = Option(
    "--xen",
    "release",
    f"The Xen release: {KNOWN_RELEASES}.  [default: {DEFAULT}; with dom0's live tree the"
    " release that made it]",
    metavar="RELEASE",
)
XEN_FLAVOUR = Option(
    "--xen-flavour",
    "flavour",
    f"Whose Xen: of the Xen Project, or AMD's ({', '.join(FLAVOURS['amd'].releases)}), which maps"
    " Normal memory, and answers the firmware calls of guests.",
    choices=(UPSTREAM, *FLAVOURS),
)
IOMMU_DRIVER = Option(
    "--iommu-driver",
    "drivers",
    "An IOMMU driver that your build of Xen has; repeat it. Default: all drivers of the"
    " release. A default build has smmu only.",
    choices=DRIVERS,
    repeated=True,
)
INCLUDE = Option(
    ("-I", "--include"),
    "include",
    "A folder for #include and /include/ of .dts files; repeat it.",
    metavar="DIR",
    repeated=True,
)
XEN_CONSOLE = Option(
    "--xen-console",
    "xen_console",
    "Xen's UART, if it is not that of dtuart= or stdout-path.",
    metavar="PATH|none",
)

DOMAIN = (
    Option(
        ("-d", "--device"),
        "devices",
        "A device: full path, alias, label or unique suffix (ethernet@ff0e0000); * ? [] as in a"
        " shell. The device includes its subtree. Repeat it for each device.",
        metavar="PATH",
        repeated=True,
    ),
    Option(
        "--name",
        "name",
        "The domain's name (without -c: domu1). With -c, it selects one of its domains.",
        metavar="NAME",
    ),
    Option(
        "--base-cfg",
        "base",
        "Your own dom.cfg: NAME.cfg is this text with device_tree, dtdev, irqs, iomem,"
        " passthrough and shadow_memory set for the devices. Name, memory and vcpus are read from"
        " it.",
        metavar="FILE",
    ),
    XEN,
    XEN_FLAVOUR,
    Option(
        "--route",
        "routes",
        "Who builds the guest. Default: both; dom0less with --static-memory, xl with dom0's live"
        " tree.",
        choices=("dom0less", "xl"),
        repeated=True,
    ),
    Option(
        "--map",
        "maps",
        "The guest address of registers: an ADDRESS, 'identity' (the default), 'auto' (identity"
        " where it is safe, otherwise a hole) or 'window:BASE-END' (auto, within this range)."
        " Without PATH it applies to all devices, with #INDEX to one reg entry.",
        metavar="[PATH[#INDEX]=]WHERE",
        repeated=True,
    ),
    Option(
        "--align",
        "align",
        "The alignment that auto uses. natural: the block's size; 64k: for guests with 64 KiB"
        " pages, each block alone in its pages; 2m: large blocks so that stage 2 can map them"
        " with 2 MiB and 1 GiB entries.",
        choices=ALIGNMENTS,
        default="page",
    ),
    Option(
        "--iommu-policy",
        "policy",
        "What to do with devices that Xen cannot protect. auto: force those known to do no DMA,"
        " refuse the others; strict: refuse all; trust: force all.",
        choices=POLICIES,
        default="auto",
    ),
    Option(
        "--force-assign-without-iommu",
        "forced",
        "Assign this device although Xen cannot protect it.",
        metavar="PATH",
        repeated=True,
    ),
    Option(
        "--allow-shared-page",
        "shared",
        "Accept that pages of this device (or neighbour) are shared.",
        metavar="PATH",
        repeated=True,
    ),
    Option(
        "--allow-machine-control",
        "controls",
        "Assign this device although it rules over the machine: it can stop, reset or reprogram"
        " what is not assigned to the domain.",
        metavar="PATH",
        repeated=True,
    ),
    Option(
        "--clock-rate",
        "clock_rates",
        "The rate of a clock whose controller stays with the host. PATH is the device (CLOCK is a"
        " name or index) or the clock controller.",
        metavar="PATH[#CLOCK]=HZ",
        repeated=True,
    ),
    Option(
        "--clock-summary",
        "clock_summary",
        "What `cat /sys/kernel/debug/clk/clk_summary` printed on the board, as root, under a Linux"
        " that drives the devices: the rates of their clocks.",
        metavar="FILE",
    ),
    Option(
        "--regulator-summary",
        "regulator_summary",
        "Likewise regulator/regulator_summary below /sys/kernel/debug: the voltages of regulators.",
        metavar="FILE",
    ),
    Option(
        "--keep-host-supplies",
        "keep_supplies",
        "Set always-on and boot-on in the host overlay for the regulators that the devices use,"
        " so that dom0 leaves them on.",
    ),
    Option(
        "--memory-region",
        "memory_regions",
        "Map or drop a memory-region for which xenassign has no default. PATH is the region, or a"
        " device for all of its regions; without PATH it applies to all.",
        metavar="[PATH=]map|drop",
        repeated=True,
    ),
    Option(
        "--sci",
        "sci",
        "Give the guest access to the host's SCMI (Xen 4.21+, arm,scmi-smc): the protocols that"
        " its devices use, and the shared memory. One domain only; requires scmi-smc-passthrough"
        " on Xen's command line.",
        choices=("scmi_smc", "scmi_smc_multiagent"),
    ),
    Option(
        "--agent",
        "agent",
        "With --sci scmi_smc_multiagent: the number of the guest's agent, one of [sci] in"
        " xenassign.toml or of HOST's /chosen/xen. Proposed for Xen, not part of any release.",
        metavar="N",
        number=True,
    ),
    Option(
        "--keep-firmware",
        "keep_firmware",
        "Keep the Xilinx firmware node that the devices refer to. For AMD's Xen (--xen-flavour"
        " amd); upstream Xen refuses the guest's calls.",
    ),
    Option(
        "--memory",
        "memory",
        "Memory of the domain in MiB, or with a unit: 512M, 4G.",
        metavar="SIZE",
        size=True,
    ),
    Option(
        "--static-memory",
        "static_memory",
        "Host memory for the domain (dom0less; Xen built with CONFIG_STATIC_MEMORY), for example"
        " 0x80000000:512M; repeat it for each bank. --memory is their sum.",
        metavar="BASE:SIZE",
        repeated=True,
    ),
    Option(
        "--direct-map",
        "direct_map",
        "Use the host's addresses in the guest: for the static memory, the GIC and (those of"
        " Xen's console UART) the vPL011. DMA without an IOMMU requires it.",
    ),
    Option("--vcpus", "vcpus", "Virtual CPUs of the domain.", metavar="N", number=True),
    Option(
        "--kernel",
        "kernel",
        "kernel of dom.cfg, a path in dom0; DOMU_KERNEL for --imagebuilder.",
        metavar="FILE",
    ),
    Option(
        "--ramdisk",
        "ramdisk",
        "ramdisk of dom.cfg, a path in dom0; DOMU_RAMDISK for --imagebuilder.",
        metavar="FILE",
    ),
    Option("--extra", "extra", "The kernel's command line.", metavar="TEXT"),
    Option(
        "--device-tree-path",
        "device_tree_path",
        "device_tree of dom.cfg: the path of NAME.dtb in dom0. Default: NAME.dtb.",
        metavar="FILE",
    ),
    Option(
        "--vpl011/--no-vpl011",
        "vpl011",
        "Whether the domain has the emulated UART (INTID 32, 0x22000000).",
        default=True,
    ),
    XEN_CONSOLE,
    IOMMU_DRIVER,
    Option(
        "--attach-overlay",
        "attach_overlay",
        "Also write NAME.attach.host.dtbo for `xl dt-overlay` on a running Xen (4.19+, built with"
        " CONFIG_OVERLAY_DTB) whose tree lacks the devices, and NAME.attach.dtbo for the guest's"
        " Linux. HOST is the tree with the devices.",
    ),
)

#: Those of `complete`, whose dom.cfg lists the devices.
COMPLETED = tuple(
    option._replace(help="Who builds the guest. Default: xl.")
    if option.field == "routes"
    else option
    for option in DOMAIN
    if option.field not in ("devices", "base", "attach_overlay")
)

BOOT = (
    Option(
        "--host-out",
        "host_out",
        "Write the board's device tree with the marks to this file. Boot with it instead of"
        " applying the overlay.",
        metavar="FILE",
    ),
    Option(
        "--chosen",
        "chosen",
        "With --host-out: complete its /chosen with dom0 and the dom0less domains.",
    ),
    Option(
        "--uboot-script",
        "uboot_script",
        "Write boot.cmd and boot.scr: a U-Boot script that marks the tree, adds /chosen, and"
        " starts Xen.",
    ),
    Option(
        "--efi",
        "efi",
        "Write xen.cfg and xen.dtb: what Xen reads beside xen.efi if UEFI starts it, with dom0 and"
        " the dom0less domains. Xen loads the files that --load names; they have no addresses.",
    ),
    Option(
        "--load",
        "loads",
        "The load address of xen, host (the board's tree), dom0-kernel, dom0-ramdisk, kernel,"
        " ramdisk or dtb, as --chosen and --uboot-script require it; for --efi its FILE. Repeat it"
        " for each.",
        metavar="[DOMAIN/]WHAT=ADDRESS[:SIZE|:FILE]|FILE",
        repeated=True,
    ),
    Option(
        "--load-with",
        "load_with",
        "U-Boot's command that loads a file, for example 'load mmc 0:1'. With it the script of"
        " --uboot-script loads each FILE of --load.",
        metavar="COMMAND",
    ),
    Option(
        "--xen-bootargs",
        "xen_bootargs",
        "Xen's command line, in /chosen; with --efi in xen.cfg.",
        metavar="TEXT",
    ),
    Option("--dom0-bootargs", "dom0_bootargs", "dom0's command line, in /chosen.", metavar="TEXT"),
    Option(
        "--imagebuilder",
        "imagebuilder",
        "Write imagebuilder.cfg with the domains for ImageBuilder's uboot-script-gen, and"
        " imagebuilder.cmds if further U-Boot commands are required.",
    ),
    Option(
        "--imagebuilder-base",
        "imagebuilder_base",
        "Your own ImageBuilder configuration: imagebuilder.cfg is this text with the entries of"
        " the domains set. The rest is unchanged.",
        metavar="FILE",
    ),
    Option(
        "--zephyr",
        "zephyr",
        "Write NAME.zephyr.c and NAME.xrun.json: the domain for a dom0 that is Zephyr with"
        " zephyr-xenlib or zephyr-xrun, instead of dom.cfg for xl.",
    ),
)
