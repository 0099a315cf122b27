"""[[domain.device]], [[domain.line]], [[domain.page]]: what of the board a domain gets."""

from __future__ import annotations

from xenassign.devicetree.names import PROPERTY_NAME
from xenassign.request.added_nodes import TRIGGERS
from xenassign.request.device_part import ENTRY_MAX
from xenassign.request.keys.section import (
    ADDRESS,
    MEMORY_ACTION,
    NODE,
    RATE,
    REASON,
    SIZE,
    WINDOW,
    Key,
    Section,
)
from xenassign.request.request import PLACEMENTS
from xenassign.request.value_kinds import (
    AnyText,
    Choice,
    Either,
    Fixed,
    Flag,
    Integer,
    Many,
    Named,
    one_or_more,
)
from xenassign.xen.releases import SPI_FIRST_INTID

_PLACE = Either((Choice(PLACEMENTS), ADDRESS, WINDOW))
_ENTRY = Either((Integer(0, ENTRY_MAX), AnyText(r"[\s\S]*\S[\s\S]*", "name an entry")))
SPI_LAST_INTID = 1019
_SPI = AnyText(r"SPI ([0-9]|[1-9][0-9]|[1-8][0-9]{2}|9[0-7][0-9]|98[0-7])", 'write "SPI 63"')
_COMPATIBLE = AnyText(r"[!-~]{1,100}", "use printable characters of ASCII without spaces")
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

DEVICE = Section(
    "[[domain.device]]",
    (
        Key(
            "path",
            NODE,
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
            REASON,
            "Assign it although Xen cannot protect it. The value is the reason, which is copied to"
            " the `.dts` and the plan.",
            '"it has no DMA of its own"',
        ),
        Key(
            "allow-shared-page",
            Named(REASON),
            "Neighbours that it may share pages with: their names, each with a reason.",
            '{ "/soc/serial@1000" = "nobody uses it" }',
        ),
        Key(
            "allow-machine-control",
            REASON,
            "Assign it although it rules over the machine. The value is the reason, which is copied"
            " to the `.dts` and the plan.",
            '"the guest is as trusted as dom0"',
        ),
        Key(
            "clock-rate",
            Either((*RATE.kinds, Named(RATE))),
            "The rate of its clocks, if their controllers stay with the host; a table gives the"
            " rate of each by name or index.",
            "125000000",
        ),
        Key(
            "memory-region",
            Either((MEMORY_ACTION, Named(MEMORY_ACTION))),
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
            one_or_more(NODE),
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
    short=NODE,
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
        Key("reason", REASON, "Why the guest gets it.", '"the FPGA raises it"', required=True),
    ),
    repeated=True,
)

PAGE = Section(
    "[[domain.page]]",
    (
        Key("address", ADDRESS, "The host address: of a whole page.", "0xa0000000", required=True),
        Key(
            "size",
            SIZE,
            "Its size in bytes, or with a unit: whole pages.",
            '"4K"',
            required=True,
        ),
        Key("map", Either((Choice(PLACEMENTS), ADDRESS)), "The guest address.", '"auto"'),
        Key(
            "allow-shared-page",
            Named(REASON),
            "Devices that it may share pages with: their names, each with a reason.",
            '{ "/soc/serial@1000" = "nobody uses it" }',
        ),
        Key(
            "compatible",
            _COMPATIBLE,
            "compatible of its node. Default: generic-uio.",
            '"ours,page"',
        ),
        Key("reason", REASON, "Why the guest gets it.", '"our IP core"', required=True),
    ),
    repeated=True,
)
