"""Examples of XA6: dom.cfg."""

from __future__ import annotations

from xenassign.lint.examples import Example

_IOMEM = 'iomem = ["0x9010,0x1", "0x9030,0x1"]'

EXAMPLES: dict[str, Example] = {
    "XA601": Example("config", right="vcpus = 1", wrong="vcpu = 1"),
    "XA602": Example("config", right="irqs = [34, 39]", wrong="irqs = [0x22, 0x27]"),
    "XA603": Example("config", right=_IOMEM, wrong='iomem = ["0x9010", "0x9030,0x1"]'),
    "XA604": Example("config", right=_IOMEM, wrong='iomem = "0x9010,0x1"'),
    "XA605": Example("config", right='kernel = "/boot/Image"', wrong="kernel = /boot/Image"),
    "XA606": Example("config", right="irqs = [34, 39]", wrong="irqs = [[34, 39]]"),
    "XA607": Example(
        "config",
        right='device_tree = "domu1.dtb"',
        wrong='device_tree = "/etc/xen/passthru.dtb"',
        note="There is no such file.",
    ),
    "XA608": Example(
        "config", right=_IOMEM, wrong='iomem = ["0x9010000,0x1", "0x9030000,0x1"]', host=True
    ),
    "XA609": Example(
        "config",
        right="vcpus = 1",
        wrong="vcpus = 1\nnr_spis = 64",
        xen="4.18",
        note="nr_spis is known from 4.19 on.",
    ),
    "XA610": Example(
        "config",
        right='kernel = "/boot/Image"',
        wrong='kernel = "/boot/Image"\nextra = "init=\\057bin\\057sh"',
    ),
    "XA611": Example(
        "config", right=_IOMEM, wrong='iomem = ["0x9010,0x1"]\niomem = ["0x9030,0x1"]'
    ),
    "XA613": Example(
        "scmi-config", right='arm_sci = "type=scmi_smc"', wrong='arm_sci = "type=none"', xen="4.21"
    ),
    "XA614": Example(
        "config", right="vcpus = 1", wrong='vcpus = 1\narm_sci = "type=scmi"', xen="4.21"
    ),
    "XA615": Example(
        "config", right="vcpus = 1", wrong='vcpus = 1\narm_sci = "scmi_smc"', xen="4.21"
    ),
    "XA612": Example(
        "config",
        right='device_tree = "domu1.dtb"\nirqs = [34, 39]',
        wrong="irqs = [34, 39]",
    ),
}
