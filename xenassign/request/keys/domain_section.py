"""[[domain]], and the sections in it that are not about devices."""

from __future__ import annotations

from xenassign.request import units
from xenassign.request.boot_request import OF_DOMAIN
from xenassign.request.keys.domain_devices import DEVICE, LINE, PAGE
from xenassign.request.keys.section import (
    ADDRESS,
    FILE,
    LOAD,
    MEMORY_ACTION,
    NAME,
    RANGES,
    RATE,
    ROUTE,
    SIZE,
    TEXT,
    WINDOW,
    Key,
    Section,
)
from xenassign.request.node_request import PORT_MAX, ROLES
from xenassign.request.options import ALIGNMENTS, POLICIES
from xenassign.request.request import PLACEMENTS, VCPUS_MAX
from xenassign.request.value_kinds import (
    AnyText,
    Choice,
    Either,
    Flag,
    Integer,
    Kind,
    Many,
    Named,
    one_or_more,
)
from xenassign.xen.node_properties import PROPERTIES, DomainProperty
from xenassign.xen.releases import GUEST_MEMORY_MAX_MIB
from xenassign.xen.sci import SCMI_SMC
from xenassign.xen.sci_agents import BINDING, GUEST_AGENTS

_MEMORY = Either(
    (
        Integer(1, GUEST_MEMORY_MAX_MIB, "MiB"),
        AnyText(units.MEMORY, 'give MiB, or a text as "512M"'),
    )
)
_BANK = Either((Many(ADDRESS, 2), AnyText(units.BANK, 'write "BASE:SIZE"')))
_PORT = Integer(1, PORT_MAX)


def _property_kind(prop: DomainProperty) -> Kind:
    if prop.form == "string":
        return Choice(prop.values) if prop.values else RANGES
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
        Key("size", SIZE, "Its size, which one of the domains may state for all.", '"64K"'),
        Key(
            "host",
            ADDRESS,
            "Its address on the host, stated once or more often; without one it is planned.",
            "0x7ffe0000",
        ),
        Key(
            "guest",
            ADDRESS,
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
        Key("to", NAME, "The domain at the other end.", '"log"', required=True),
        Key("port", _PORT, "The port in this domain; without one it is planned.", "10"),
        Key("remote-port", _PORT, "The port in the other domain; without one it is planned.", "11"),
    ),
    repeated=True,
    title=("event channel", "to"),
)

DOMAIN = Section(
    "[[domain]]",
    (
        Key("name", NAME, "The name of the domain and of its files.", '"net"', "name", True),
        Key("route", ROUTE, "Who builds it, if it differs from the file.", '"xl"'),
        Key(
            "memory",
            _MEMORY,
            'Its memory in MiB, or with a unit: "4G".',
            "1024",
        ),
        Key("vcpus", Integer(1, VCPUS_MAX), "Virtual CPUs.", "2", "vcpus"),
        Key(
            "cpus",
            one_or_more(RANGES),
            "The host's CPUs that its vCPUs may run on; a list has those of each vCPU.",
            '"2-3"',
        ),
        Key(
            "cpu-pool",
            NAME,
            "The CPU pool that it is in: for xl one that dom0 made, for dom0less a [[cpu-pool]].",
            '"rt"',
        ),
        Key("kernel", TEXT, "kernel of dom.cfg, a path in dom0.", '"/boot/Image"', "kernel"),
        Key("ramdisk", TEXT, "ramdisk of dom.cfg, a path in dom0.", '"/boot/rd.gz"', "ramdisk"),
        Key("extra", TEXT, "The kernel's command line.", '"console=ttyAMA0"', "extra"),
        Key(
            "device-tree-path",
            TEXT,
            "device_tree of dom.cfg: the path of NAME.dtb in dom0.",
            '"/etc/xen/net.dtb"',
            "device_tree_path",
        ),
        Key(
            "base-cfg",
            FILE,
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
            Either((Choice(PLACEMENTS), WINDOW)),
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
            MEMORY_ACTION,
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
            Named(RATE),
            "The rates of clocks by their controllers, `PATH` or `PATH#ARGUMENTS`.",
            '{ "/clock-controller@1000#3" = 100000000 }',
        ),
        Key(
            "load",
            Named(LOAD, OF_DOMAIN),
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
            "Its devices; a device without options may be a string. A domain without any has"
            " lines, pages, shared memory or an event channel.",
            '["ethernet0"]',
        ),
        Key("line", LINE, "Interrupts that no device of the board has.", ""),
        Key("page", PAGE, "Pages of registers that no device of the board has.", ""),
    ),
    repeated=True,
    title=("domain", "name"),
)
