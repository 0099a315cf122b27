"""The top of xenassign.toml, and its sections besides [[domain]]."""

from __future__ import annotations

from typing import Any

from xenassign.request.boot_request import (
    COMMAND,
    COMMAND_LINE,
    COMMAND_LINE_RULE,
    COMMAND_RULE,
    OF_DOMAIN,
    OF_SYSTEM,
)
from xenassign.request.keys.domain_section import DOMAIN
from xenassign.request.keys.section import (
    ADDRESS,
    FILE,
    LOAD,
    NAME,
    NODE,
    RANGES,
    REASON,
    ROUTE,
    TEXT,
    Key,
    Section,
)
from xenassign.request.options import DRIVERS
from xenassign.request.value_kinds import (
    AnyText,
    Choice,
    DeviceKind,
    Either,
    Flag,
    Integer,
    Named,
    one_or_more,
)
from xenassign.xen.cpus import SCHEDULERS
from xenassign.xen.releases import FLAVOURS, KCONFIG, POINT_RELEASE, RELEASES, UPSTREAM
from xenassign.xen.sci_agents import GUEST_AGENTS

_COMMAND_LINE = AnyText(COMMAND_LINE, COMMAND_LINE_RULE)
_POINT_RELEASE = AnyText(POINT_RELEASE, "give a point release as 4.20.3")
_RELEASE = Either((Choice(tuple(RELEASES)), _POINT_RELEASE))
_FLAVOUR = Choice((UPSTREAM, *FLAVOURS))

CPU_POOL = Section(
    "[[cpu-pool]]",
    (
        Key("name", NAME, "The name of the pool.", '"rt"', required=True),
        Key("cpus", RANGES, "The host's CPUs that are in it.", '"2-3"', required=True),
        Key("scheduler", Choice(SCHEDULERS), "Its scheduler, if not Xen's.", '"null"'),
    ),
    repeated=True,
    title=("pool", "name"),
)

ALLOW = Section(
    "[[allow]]",
    (
        Key(
            "code",
            AnyText(r"XA[0-9]{3}", "give a code as in XA003"),
            "The conflict between two domains that is accepted.",
            '"XA003"',
            required=True,
        ),
        Key(
            "nodes",
            one_or_more(TEXT),
            "The nodes in conflict.",
            '["/soc/a", "/soc/b"]',
            required=True,
        ),
        Key("reason", REASON, "Why it is accepted.", '"both domains are ours"', required=True),
    ),
    repeated=True,
)

_SUBJECT = (
    Key(
        "device",
        one_or_more(NODE),
        "The devices: full path, alias, label or unique suffix, or a pattern. It is about their"
        " subtrees too. Without `device` and `kind`: all devices.",
        '["gpu@1000", "crypto*"]',
    ),
    Key(
        "kind",
        one_or_more(DeviceKind()),
        "The kinds of devices, as `xenassign inspect` has them in its column `kind`. With `device`"
        " a device has to fit both.",
        '["usb", "gpu"]',
    ),
    Key(
        "domain",
        one_or_more(NAME),
        "The domains that it is about. Default: all.",
        '"net"',
    ),
    Key("reason", REASON, "Why, for the error.", '"dom0 drives the display"', required=True),
)

FORBID = Section("[[forbid]]", _SUBJECT, repeated=True)

REQUIRE = Section(
    "[[require]]",
    (
        *_SUBJECT,
        Key(
            "protected",
            Flag(True, "remove the key"),
            "Xen's IOMMU confines their DMA, or they do none.",
            "true",
        ),
        Key(
            "identity",
            Flag(True, "remove the key"),
            "The guest sees their registers at their host addresses.",
            "true",
        ),
        Key(
            "max-domains",
            Integer(1, 1 << 15),
            "The most domains that may have such a device.",
            "1",
        ),
    ),
    repeated=True,
)

BOOT = Section(
    "[boot]",
    (
        Key(
            "load",
            Named(LOAD, (*OF_SYSTEM, *OF_DOMAIN)),
            "The load addresses of `xen`, `host` (the board's tree), `dom0-kernel`, `dom0-ramdisk`,"
            " and `kernel`, `ramdisk` or `dtb` of all domains: an address, optionally with a size"
            " or a file; for --efi a file.",
            '{ xen = "0x49000000:xen", host = "0x4a000000" }',
        ),
        Key(
            "load-with",
            AnyText(COMMAND, COMMAND_RULE),
            "U-Boot's command that loads a file.",
            '"load mmc 0:1"',
            "load_with",
        ),
        Key(
            "xen-bootargs",
            _COMMAND_LINE,
            "Xen's command line.",
            '"console=dtuart dom0_mem=512M"',
            "xen_bootargs",
        ),
        Key(
            "dom0-bootargs",
            _COMMAND_LINE,
            "dom0's command line.",
            '"console=hvc0 root=/dev/mmcblk0p2"',
            "dom0_bootargs",
        ),
    ),
)

_FUNCTION = Integer(0, 0xFFFFFFFF)
_CHANNEL = (
    Key("smc-id", _FUNCTION, "The SMC function of its channel.", "0x82000004", required=True),
    Key("shmem", ADDRESS, "The page of its shared memory.", "0x47ff2000", required=True),
)

AGENT = Section(
    "[[sci.agent]]",
    (Key("id", Integer(0, GUEST_AGENTS[-1]), "Its number.", "2", required=True), *_CHANNEL),
    repeated=True,
)

SCI = Section(
    "[sci]",
    (
        Key(
            "smc-id", _FUNCTION, "The SMC function of Xen's own channel.", "0x82000003", None, True
        ),
        Key("shmem", ADDRESS, "The page of its shared memory.", "0x47ff1000", None, True),
        Key(
            "dom0-agent",
            Integer(0, GUEST_AGENTS[-1]),
            "The agent of dom0. Without it dom0 has no SCMI.",
            "0",
        ),
        Key("agent", AGENT, "An agent: its number and its channel to the firmware.", required=True),
    ),
)

LINT = Section(
    "[lint]",
    (
        Key("host", FILE, "The board's device tree, if it differs from the file.", '"board.dtb"'),
        Key(
            "host-overlay",
            one_or_more(FILE),
            "Overlays that the boot loader applies to it.",
            '["marks.dtbo"]',
        ),
        Key(
            "base",
            one_or_more(FILE),
            "The partial device tree that overlays among the files are for, and further overlays"
            " that are applied to it before, in order.",
            '["net.dts"]',
        ),
        Key(
            "xen",
            _RELEASE,
            "The Xen release, or a point release as 4.20.3, if it differs from the file.",
            '"4.20"',
        ),
        Key("xen-flavour", _FLAVOUR, "Whose Xen it is, if it differs from the file.", '"amd"'),
        Key("route", ROUTE, "Check for these routes only, instead of the file's.", '["xl"]'),
        Key(
            "select",
            one_or_more(TEXT),
            "Report only these findings: codes or prefixes of codes.",
            '["XA2", "XA3"]',
        ),
        Key("ignore", one_or_more(TEXT), "Do not report these findings.", '["XA405"]'),
        Key(
            "include",
            one_or_more(FILE),
            "Folders for #include and /include/, instead of the file's.",
            '["include"]',
        ),
        Key(
            "kconfig",
            one_or_more(Choice(KCONFIG)),
            "Options that Xen is built with and that are off by default.",
            '["STATIC_MEMORY"]',
        ),
    ),
)

#: The format of the file that this xenassign reads; another one has another number.
FORMAT = 1

TOP = Section(
    "the file",
    (
        Key(
            "host",
            one_or_more(FILE),
            "The board's device tree, or a list of them: revisions of the board.",
            '"board.dtb"',
        ),
        Key("xen", _RELEASE, "The Xen release, or a point release as 4.20.3.", '"4.20"'),
        Key(
            "xen-flavour",
            _FLAVOUR,
            "Whose Xen it is: of the Xen Project (the default), or AMD's.",
            '"amd"',
        ),
        Key("route", ROUTE, "Who builds the domains.", '["dom0less", "xl"]'),
        Key(
            "include",
            one_or_more(FILE),
            "Folders for #include and /include/ of .dts files: those of dt-bindings.",
            '["linux/include"]',
        ),
        Key(
            "iommu-driver",
            one_or_more(Choice(DRIVERS)),
            "The IOMMU drivers that your build of Xen has.",
            '["smmu"]',
        ),
        Key(
            "xen-console",
            TEXT,
            "Xen's UART, if it is not that of dtuart= or stdout-path; `none` if there is none.",
            '"serial0"',
        ),
        Key(
            "clock-summary",
            FILE,
            "What `cat /sys/kernel/debug/clk/clk_summary` printed on the board, for the rates of"
            " clocks.",
            '"clk_summary.txt"',
        ),
        Key(
            "regulator-summary",
            FILE,
            "What `cat /sys/kernel/debug/regulator/regulator_summary` printed on the board, for the"
            " voltages of regulators.",
            '"regulator_summary.txt"',
        ),
        Key(
            "format",
            Integer(FORMAT, FORMAT),
            "The format of this file, so that a later xenassign knows it.",
            "1",
        ),
        Key("domain", DOMAIN, "A domain."),
        Key("allow", ALLOW, "A conflict between two domains that is accepted."),
        Key("cpu-pool", CPU_POOL, "A CPU pool that Xen makes when it starts (dom0less)."),
        Key("forbid", FORBID, "Devices that domains must not have."),
        Key("require", REQUIRE, "What must be true of devices in domains."),
        Key(
            "boot",
            BOOT,
            "Load addresses, files and command lines, for --host-out, --uboot-script and --efi.",
        ),
        Key("sci", SCI, "The agents of the SCMI firmware, for a Xen with the proposed patches."),
        Key("lint", LINT, "Defaults for the options of `xenassign lint`."),
    ),
)


def schema() -> dict[str, Any]:
    """The JSON Schema of the whole file (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "xenassign.toml",
        "description": "The domains of a system with Xen, for xenassign.",
        **TOP.schema(),
    }
