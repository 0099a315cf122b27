"""The keys of xenassign.toml: name, kind of value, meaning, an example.

The check of a file and its hints (:mod:`xenassign.request.project`, ``linting.settings``), the
schema that ``xenassign schema`` prints, the reference in docs/system.md and the file that
``xenassign init`` writes are made of these tables. To add a key, add a line here and the code that
uses it. A key with a ``field`` needs no code: its value is passed to that field of
:class:`~xenassign.request.request.Request` unchanged (a list as a tuple).

A key has the name of the option of ``xenassign generate`` with the same meaning, without dashes.
The options (:mod:`xenassign.request.options`) are a table of their own: their values are texts that
name what they are about (``--map PATH=WHERE``), not values of TOML below a device, so that help,
type and field differ; and ``--help`` need not import what the kinds here need. A test compares the
names and fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from xenassign.devicetree.names import PROPERTY_NAME
from xenassign.escape import toml_key
from xenassign.findings import ROUTES
from xenassign.formats.toml_text import KeyPath, TomlFile
from xenassign.request.added_nodes import TRIGGERS
from xenassign.request.boot_request import (
    COMMAND,
    COMMAND_LINE,
    COMMAND_LINE_RULE,
    COMMAND_RULE,
    OF_DOMAIN,
    OF_SYSTEM,
    WHERE,
)
from xenassign.request.device_part import ENTRY_MAX
from xenassign.request.node_request import ROLES
from xenassign.request.options import ALIGNMENTS, DRIVERS, POLICIES
from xenassign.request.request import (
    CLOCK_RATE_MAX,
    DOMAIN_NAME_RULE,
    MEMORY_ACTIONS,
    PLACEMENTS,
    VCPUS_MAX,
)
from xenassign.request.units import BANK, MEMORY, RATE, SIZE
from xenassign.request.value_kinds import (
    AnyText,
    Choice,
    DeviceKind,
    Either,
    Fixed,
    Flag,
    Integer,
    Kind,
    Many,
    Named,
    Ranges,
    one_or_more,
)
from xenassign.spelling import did_you_mean
from xenassign.xen.cpus import SCHEDULERS
from xenassign.xen.node_properties import PROPERTIES, DomainProperty
from xenassign.xen.releases import (
    DOMAIN_NAME,
    FLAVOURS,
    GUEST_MEMORY_MAX_MIB,
    KCONFIG,
    POINT_RELEASE,
    RELEASES,
    SPI_FIRST_INTID,
    UPSTREAM,
)
from xenassign.xen.sci import SCMI_SMC
from xenassign.xen.sci_agents import BINDING, GUEST_AGENTS


class Key(NamedTuple):
    """A key. ``example``: a value as TOML; ``field``: the field of ``Request`` that it sets."""

    name: str
    kind: Kind | Section
    doc: str
    example: str = ""
    field: str | None = None
    required: bool = False

    @property
    def hint(self) -> str:
        """The fix for a key that is missing, or whose value has another type."""
        name = toml_key(self.name)
        if isinstance(self.kind, Section):
            short = f"{name} = {self.example}, or " if self.example else ""
            return f"write {short}{self.kind.header}"
        return f"write {name} = {self.example}"


class Section(NamedTuple):
    """A table with keys. ``repeated``: it is a list of such tables.

    ``short``: a value that may replace one of the tables. ``title``: the noun of one of them in
    messages, and the key with its name.
    """

    header: str
    keys: tuple[Key, ...]
    repeated: bool = False
    title: tuple[str, str] | None = None
    short: Kind | None = None

    @property
    def noun(self) -> str:
        """The type of the value in messages, without an article."""
        return "list of tables" if self.repeated else "section"

    def get(self, name: str) -> Key | None:
        """The key with a name, None if there is no such key."""
        return next((key for key in self.keys if key.name == name), None)


_TEXT = AnyText()
_NODE = AnyText(r"[\s\S]*\S[\s\S]*", "name a device")
_FILE = AnyText(r"[\s\S]*\S[\s\S]*", "name a file")
_REASON = AnyText(r"[\s\S]*\S[\s\S]*", "write the reason")
_LOAD = AnyText(WHERE, 'write "ADDRESS:SIZE", "ADDRESS:FILE" or "FILE"')
_COMMAND_LINE = AnyText(COMMAND_LINE, COMMAND_LINE_RULE)
_ADDRESS = Integer(0, (1 << 48) - 1)
_RATE = Either((Integer(1, CLOCK_RATE_MAX, "Hz"), AnyText(RATE, 'give Hz, or a text as "125MHz"')))
_MEMORY = Either(
    (
        Integer(1, GUEST_MEMORY_MAX_MIB, "MiB"),
        AnyText(MEMORY, 'give MiB, or a text as "512M"'),
    )
)
_SIZE = Either((_ADDRESS, AnyText(SIZE, 'give bytes, or a text as "64K"')))
_BANK = Either((Many(_ADDRESS, 2), AnyText(BANK, 'write "BASE:SIZE"')))
_WINDOW = Fixed({"window": Many(_ADDRESS, 2)})
_PLACE = Either((Choice(PLACEMENTS), _ADDRESS, _WINDOW))
_ENTRY = Either((Integer(0, ENTRY_MAX), AnyText(r"[\s\S]*\S[\s\S]*", "name an entry")))
SPI_LAST_INTID = 1019
_SPI = AnyText(r"SPI ([0-9]|[1-9][0-9]|[1-8][0-9]{2}|9[0-7][0-9]|98[0-7])", 'write "SPI 63"')
_STRING = AnyText(r"[^\u0000]*", "remove the NUL")
PROPERTY_VALUE = Either(
    (
        Flag(True, "to leave it out, name the property in drop"),
        _STRING,
        Integer(0, (1 << 64) - 1, "(two cells)"),
        Many(_STRING),
        Many(Integer(0, (1 << 32) - 1, "(a cell)")),
        Fixed({"bytes": AnyText(r"(\s*[0-9A-Fa-f]{2})+\s*", 'write pairs of digits: "00 1f a0"')}),
    )
)
"""The values that :func:`xenassign.request.property_edits.pieces` converts."""
_COMPATIBLE = AnyText(r"[!-~]{1,100}", "use printable characters of ASCII without spaces")
_MEMORY_ACTION = Choice(MEMORY_ACTIONS)
_NAME = AnyText(DOMAIN_NAME, DOMAIN_NAME_RULE)
_ROUTE = one_or_more(Choice(ROUTES))
_POINT_RELEASE = AnyText(POINT_RELEASE, "give a point release as 4.20.3")
_PORT = Integer(1, 1023)
_RELEASE = Either((Choice(tuple(RELEASES)), _POINT_RELEASE))
_FLAVOUR = Choice((UPSTREAM, *FLAVOURS))

DEVICE = Section(
    "[[domain.device]]",
    (
        Key(
            "path",
            _NODE,
            "The device: full path, alias, label or unique suffix; `*` `?` `[]` as in a shell."
            " It comes with its subtree.",
            '"ethernet0"',
            required=True,
        ),
        Key(
            "map",
            Either((*_PLACE.kinds, Many(_PLACE))),
            "The guest address of its registers: `identity`, `auto`, an address, a window (its"
            " first address and the one after its last), or a list with one of these for each"
            " register block.",
            '"auto"',
        ),
        Key(
            "force-assign-without-iommu",
            _REASON,
            "Assign it although Xen cannot protect it. The value is the reason, which is copied to"
            " the `.dts` and the plan.",
            '"it has no DMA of its own"',
        ),
        Key(
            "allow-shared-page",
            Named(_REASON),
            "Neighbours that it may share pages with: their names, each with a reason.",
            '{ "/soc/serial@1000" = "nobody uses it" }',
        ),
        Key(
            "allow-machine-control",
            _REASON,
            "Assign it although it rules over the machine. The value is the reason, which is copied"
            " to the `.dts` and the plan.",
            '"the guest is as trusted as dom0"',
        ),
        Key(
            "clock-rate",
            Either((*_RATE.kinds, Named(_RATE))),
            "The rate of its clocks, if their controllers stay with the host; a table gives the"
            " rate of each by name or index.",
            "125000000",
        ),
        Key(
            "memory-region",
            Either((_MEMORY_ACTION, Named(_MEMORY_ACTION))),
            "What to do with its carve-outs: `map` or `drop`; a table sets each by the region's"
            " name.",
            '"map"',
        ),
        Key(
            "regs",
            Many(_ENTRY, empty=True),
            "The register blocks that the guest gets, by index or by name in reg-names; without it"
            " all of them.",
            "[0]",
        ),
        Key(
            "interrupts",
            Many(_ENTRY, empty=True),
            "The interrupts that the guest gets, by index or by name in interrupt-names; without it"
            " all of them.",
            '["rx"]',
        ),
        Key(
            "sci-device",
            one_or_more(Integer(0, 0xFFFFFFFF)),
            "Its id in the SCMI firmware's device permissions, or several: what Xen permits the"
            " domain's agent. The firmware's documents state it; it is another number than that"
            " of a clock.",
            "7",
        ),
        Key(
            "set",
            Named(PROPERTY_VALUE),
            "Properties to set on its node in the guest.",
            '{ phy-mode = "rgmii-id", max-speed = 1000 }',
        ),
        Key(
            "except",
            one_or_more(_NODE),
            "Devices that the pattern of `path` matches and that are not assigned.",
            '["serial0"]',
        ),
        Key(
            "drop",
            one_or_more(AnyText(PROPERTY_NAME.pattern, "name a property")),
            "Properties to leave out of its node in the guest.",
            '["local-mac-address"]',
        ),
    ),
    repeated=True,
    title=("device", "path"),
    short=_NODE,
)

_RANGES = Ranges()


def _property_kind(prop: DomainProperty) -> Kind:
    if prop.form == "string":
        return Choice(prop.values) if prop.values else _RANGES
    number = Integer(prop.least, prop.most)
    return Either((Flag(True), number)) if prop.form == "vector-length" else number


DOM0LESS = Section(
    "[domain.dom0less]",
    tuple(
        Key(prop.name, _property_kind(prop), prop.doc, prop.example)
        for prop in PROPERTIES
        if prop.key is None
    ),
)

LINE = Section(
    "[[domain.line]]",
    (
        Key(
            "interrupt",
            Either((Integer(SPI_FIRST_INTID, SPI_LAST_INTID), _SPI)),
            'The interrupt: its INTID, or "SPI 63", which is INTID 95.',
            "95",
            required=True,
        ),
        Key(
            "trigger",
            Choice(tuple(TRIGGERS)),
            "How it is triggered.",
            '"level-high"',
            required=True,
        ),
        Key(
            "compatible",
            _COMPATIBLE,
            "compatible of its node. Default: generic-uio.",
            '"ours,line"',
        ),
        Key("reason", _REASON, "Why the guest gets it.", '"the FPGA raises it"', required=True),
    ),
    repeated=True,
)

PAGE = Section(
    "[[domain.page]]",
    (
        Key("address", _ADDRESS, "The host address: of a whole page.", "0xa0000000", required=True),
        Key(
            "size",
            _SIZE,
            "Its size in bytes, or with a unit: whole pages.",
            '"4K"',
            required=True,
        ),
        Key("map", Either((Choice(PLACEMENTS), _ADDRESS)), "The guest address.", '"auto"'),
        Key(
            "allow-shared-page",
            Named(_REASON),
            "Devices that it may share pages with: their names, each with a reason.",
            '{ "/soc/serial@1000" = "nobody uses it" }',
        ),
        Key(
            "compatible",
            _COMPATIBLE,
            "compatible of its node. Default: generic-uio.",
            '"ours,page"',
        ),
        Key("reason", _REASON, "Why the guest gets it.", '"our IP core"', required=True),
    ),
    repeated=True,
)

SHARED_MEMORY = Section(
    "[[domain.shared-memory]]",
    (
        Key(
            "id",
            AnyText(r"[A-Za-z0-9._+-]{1,15}", "use 1 to 15 letters, digits or . _ + -"),
            "The name of the memory, the same in all domains that have it.",
            '"ring"',
            required=True,
        ),
        Key(
            "role",
            Choice(ROLES),
            "One domain is the owner, the others borrow the memory.",
            '"owner"',
            required=True,
        ),
        Key("size", _SIZE, "Its size, which one of the domains may state for all.", '"64K"'),
        Key(
            "host",
            _ADDRESS,
            "Its address on the host, stated once or more often; without one it is planned.",
            "0x7ffe0000",
        ),
        Key(
            "guest",
            _ADDRESS,
            "Its address in this domain; without one it is planned. The host's in direct-map"
            " domains.",
            "0x50000000",
        ),
    ),
    repeated=True,
    title=("shared memory", "id"),
)

EVENT_CHANNEL = Section(
    "[[domain.event-channel]]",
    (
        Key("to", _NAME, "The domain at the other end.", '"log"', required=True),
        Key("port", _PORT, "The port in this domain; without one it is planned.", "10"),
        Key("remote-port", _PORT, "The port in the other domain; without one it is planned.", "11"),
    ),
    repeated=True,
    title=("event channel", "to"),
)

DOMAIN = Section(
    "[[domain]]",
    (
        Key("name", _NAME, "The name of the domain and of its files.", '"net"', "name", True),
        Key("route", _ROUTE, "Who builds it, if it differs from the file.", '"xl"'),
        Key(
            "memory",
            _MEMORY,
            'Its memory in MiB, or with a unit: "4G".',
            "1024",
        ),
        Key("vcpus", Integer(1, VCPUS_MAX), "Virtual CPUs.", "2", "vcpus"),
        Key(
            "cpus",
            one_or_more(_RANGES),
            "The host's CPUs that its vCPUs may run on; a list has those of each vCPU.",
            '"2-3"',
        ),
        Key(
            "cpu-pool",
            _NAME,
            "The CPU pool that it is in: for xl one that dom0 made, for dom0less a [[cpu-pool]].",
            '"rt"',
        ),
        Key("kernel", _TEXT, "kernel of dom.cfg, a path in dom0.", '"/boot/Image"', "kernel"),
        Key("ramdisk", _TEXT, "ramdisk of dom.cfg, a path in dom0.", '"/boot/rd.gz"', "ramdisk"),
        Key("extra", _TEXT, "The kernel's command line.", '"console=ttyAMA0"', "extra"),
        Key(
            "device-tree-path",
            _TEXT,
            "device_tree of dom.cfg: the path of NAME.dtb in dom0.",
            '"/etc/xen/net.dtb"',
            "device_tree_path",
        ),
        Key(
            "base-cfg",
            _FILE,
            "Your own dom.cfg, which is completed. Name, memory and vcpus must match.",
            '"net.cfg"',
        ),
        Key(
            "vpl011", Flag(), "Whether it has the emulated UART. Default: true.", "false", "vpl011"
        ),
        Key(
            "iommu-policy",
            Choice(POLICIES),
            "What to do with devices that Xen cannot protect: `auto` forces those known to do no"
            " DMA, `strict` none, `trust` all.",
            '"auto"',
            "policy",
        ),
        Key(
            "map",
            Either((Choice(PLACEMENTS), _WINDOW)),
            "The guest addresses of the registers of all devices.",
            "{ window = [0x4100000, 0x10000000] }",
        ),
        Key(
            "align",
            Choice(ALIGNMENTS),
            "The alignment of the guest addresses that `auto` chooses.",
            '"natural"',
            "align",
        ),
        Key(
            "static-memory",
            Many(_BANK),
            "Host memory for the domain: base and size of each bank, as text or in bytes."
            " dom0less only.",
            '["0x50000000:512M"]',
        ),
        Key(
            "direct-map",
            Flag(),
            "Use the host's addresses in the guest (with static-memory).",
            "true",
            "direct_map",
        ),
        Key(
            "attach-overlay",
            Flag(),
            "Also write the overlays for `xl dt-overlay` on a running Xen (4.19+).",
            "true",
            "attach_overlay",
        ),
        Key(
            "memory-region",
            _MEMORY_ACTION,
            "What to do with carve-outs, if the device does not set it: `map` or `drop`.",
            '"drop"',
        ),
        Key(
            "sci",
            Choice((SCMI_SMC, BINDING.type)),
            f"Give it access to the host's SCMI: `{SCMI_SMC}` (Xen 4.21+) one domain only,"
            f" `{BINDING.type}` (proposed for Xen) with an agent of [sci].",
            f'"{SCMI_SMC}"',
            "sci",
        ),
        Key(
            "agent",
            Integer(GUEST_AGENTS[0], GUEST_AGENTS[-1]),
            "The id of its agent in [sci].",
            "2",
            "agent",
        ),
        Key(
            "keep-firmware",
            Flag(),
            "Keep the Xilinx firmware node (for AMD's Xen).",
            "true",
            "keep_firmware",
        ),
        Key(
            "keep-host-supplies",
            Flag(),
            "Set always-on in the host overlay for the regulators of its devices.",
            "true",
            "keep_supplies",
        ),
        Key(
            "clock-rate",
            Named(_RATE),
            "The rates of clocks by their controllers, `PATH` or `PATH#ARGUMENTS`.",
            '{ "/clock-controller@1000#3" = 100000000 }',
        ),
        Key(
            "load",
            Named(_LOAD, OF_DOMAIN),
            "The load addresses or files of its `kernel`, `ramdisk` and `dtb` (dom0less), as in"
            " [boot].",
            '{ kernel = "0x4c000000:Image", dtb = "0x4e000000" }',
        ),
        Key(
            "dom0less",
            DOM0LESS,
            "Properties of the domain's node in /chosen, by their names in Xen (dom0less).",
        ),
        Key(
            "shared-memory",
            SHARED_MEMORY,
            "Static memory that it shares with other domains (dom0less).",
        ),
        Key("event-channel", EVENT_CHANNEL, "Event channels to other domains (dom0less)."),
        Key(
            "device",
            DEVICE,
            "Its devices; a device without options may be a string. Required without line and"
            " page.",
            '["ethernet0"]',
        ),
        Key("line", LINE, "Interrupts that no device of the board has.", ""),
        Key("page", PAGE, "Pages of registers that no device of the board has.", ""),
    ),
    repeated=True,
    title=("domain", "name"),
)

CPU_POOL = Section(
    "[[cpu-pool]]",
    (
        Key("name", _NAME, "The name of the pool.", '"rt"', required=True),
        Key("cpus", _RANGES, "The host's CPUs that are in it.", '"2-3"', required=True),
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
            one_or_more(_TEXT),
            "The nodes in conflict.",
            '["/soc/a", "/soc/b"]',
            required=True,
        ),
        Key("reason", _REASON, "Why it is accepted.", '"both domains are ours"', required=True),
    ),
    repeated=True,
)

_SUBJECT = (
    Key(
        "device",
        one_or_more(_NODE),
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
        one_or_more(_NAME),
        "The domains that it is about. Default: all.",
        '"net"',
    ),
    Key("reason", _REASON, "Why, for the error.", '"dom0 drives the display"', required=True),
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
            Named(_LOAD, (*OF_SYSTEM, *OF_DOMAIN)),
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
    Key("shmem", _ADDRESS, "The page of its shared memory.", "0x47ff2000", required=True),
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
        Key("shmem", _ADDRESS, "The page of its shared memory.", "0x47ff1000", None, True),
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
        Key("host", _FILE, "The board's device tree, if it differs from the file.", '"board.dtb"'),
        Key(
            "host-overlay",
            one_or_more(_FILE),
            "Overlays that the boot loader applies to it.",
            '["marks.dtbo"]',
        ),
        Key(
            "base",
            one_or_more(_FILE),
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
        Key("route", _ROUTE, "Check for these routes only, instead of the file's.", '["xl"]'),
        Key(
            "select",
            one_or_more(_TEXT),
            "Report only these findings: codes or prefixes of codes.",
            '["XA2", "XA3"]',
        ),
        Key("ignore", one_or_more(_TEXT), "Do not report these findings.", '["XA405"]'),
        Key(
            "include",
            one_or_more(_FILE),
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
            one_or_more(_FILE),
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
        Key("route", _ROUTE, "Who builds the domains.", '["dom0less", "xl"]'),
        Key(
            "include",
            one_or_more(_FILE),
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
            _TEXT,
            "Xen's UART, if it is not that of dtuart= or stdout-path; `none` if there is none.",
            '"serial0"',
        ),
        Key(
            "clock-summary",
            _FILE,
            "What `cat /sys/kernel/debug/clk/clk_summary` printed on the board, for the rates of"
            " clocks.",
            '"clk_summary.txt"',
        ),
        Key(
            "regulator-summary",
            _FILE,
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


class Mistake(NamedTuple):
    """What is wrong in a file: the key path where it is, and a sentence without the place."""

    at: KeyPath
    text: str


def title(section: Section, value: object, index: int) -> str:
    """The name of an element of a repeated section: ``domain 'net'``; without a name its number."""
    if section.title is None:
        return f"{section.header} {index + 1}"
    noun, key = section.title
    name = value.get(key) if isinstance(value, dict) else value
    return f"{noun} {name!r}" if isinstance(name, str) else f"{noun} {index + 1}"


def mistakes(section: Section, value: object, at: KeyPath = (), who: str = "") -> Iterator[Mistake]:
    """Everything that is wrong in a section, in the order of the file.

    ``at``: the key path of ``value``. ``who``: the sections around it, as the sentences begin
    (``domain 'net': ``).
    """
    if not isinstance(value, dict):
        yield Mistake(at, f"{who}{at[-1]} is not a {section.noun}; write {section.header}")
        return
    for name, item in value.items():
        key = section.get(name)
        if key is None:
            hint = _elsewhere(section, name) or did_you_mean(name, _unset(section, value, item))
            known = f"it has {', '.join(key.name for key in section.keys)}"
            yield Mistake((*at, name), f"{who}{section.header} has no key {name}; {hint or known}")
        elif not isinstance(key.kind, Section):
            yield from _wrong(key, key.kind, item, (*at, name), who)
        elif not key.kind.repeated:
            yield from mistakes(key.kind, item, (*at, name), who)
        else:
            yield from _repeated(key, key.kind, item, (*at, name), who)
    for key in section.keys:
        if key.required and value.get(key.name, []) == []:
            yield Mistake(at, f"{who}{section.header} has no {key.name}; {key.hint}")


def _elsewhere(section: Section, name: str) -> str | None:
    """The key of [[domain]] that states a property which is written in [domain.dom0less]."""
    keys = {prop.name: prop.key for prop in PROPERTIES}
    key = DOMAIN.get(keys.get(name) or "") if section is DOM0LESS else None
    return f"it is {key.name} of [[domain]]" if key is not None else None


def _unset(section: Section, value: dict[str, object], item: object) -> Iterator[str]:
    """The keys of a section that are not set and could have a value."""
    for key in section.keys:
        if isinstance(key.kind, Section):
            fits = isinstance(item, list if key.kind.repeated else dict)
        else:
            fits = key.kind.wrong(item) is None
        if key.name not in value and fits:
            yield key.name


def _repeated(
    key: Key, section: Section, value: object, at: KeyPath, who: str
) -> Iterator[Mistake]:
    if not isinstance(value, list):
        yield Mistake(at, f"{who}{key.name} is not a {section.noun}; {key.hint}")
        return
    for index, element in enumerate(value):
        wrong = section.short.wrong(element) if section.short is not None else None
        if section.short is not None and wrong is None:
            continue
        called = ", ".join([*([who[:-2]] if who else []), title(section, element, index)])
        if isinstance(element, dict):
            yield from mistakes(section, element, (*at, index), f"{called}: ")
        elif wrong is not None and isinstance(element, str):
            yield Mistake((*at, index), f"{called} {wrong.text}; {wrong.fix or key.hint}")
        else:
            nouns = f"{section.short.noun} or table" if section.short else "table"
            yield Mistake((*at, index), f"{called} is not a {nouns}; {key.hint}")


def _wrong(key: Key, kind: Kind, value: object, at: KeyPath, who: str) -> Iterator[Mistake]:
    wrong = kind.wrong(value)
    if wrong is not None:
        names = [toml_key(part) for part in wrong.at if isinstance(part, str)]
        called = ".".join([key.name, *names])
        text = f"{who}{called} {wrong.text}; {wrong.fix or key.hint}"
        yield Mistake((*at, *wrong.at), text)


def sentence(file: TomlFile, mistake: Mistake) -> str:
    """The line of an error: ``FILE:LINE: TEXT``."""
    return f"{file.where(mistake.at)}: {mistake.text}"


def schema() -> dict[str, Any]:
    """The JSON Schema of the whole file (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "xenassign.toml",
        "description": "The domains of a system with Xen, for xenassign.",
        **_section_schema(TOP),
    }


def _section_schema(section: Section) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key.name: _key_schema(key) for key in section.keys},
        "required": [key.name for key in section.keys if key.required],
        "additionalProperties": False,
    }


def _key_schema(key: Key) -> dict[str, Any]:
    if not isinstance(key.kind, Section):
        return {"description": key.doc, **key.kind.schema()}
    table = _section_schema(key.kind)
    if key.kind.short is not None:
        table = {"anyOf": [key.kind.short.schema(), table]}
    form = {"type": "array", "items": table} if key.kind.repeated else table
    return {"description": key.doc, **form}
