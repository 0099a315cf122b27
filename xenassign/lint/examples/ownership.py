"""Examples of XA4: IOMMU, DMA and who owns the device."""

from __future__ import annotations

from xenassign.lint.examples import Example

_PATH = 'xen,path = "/pl031@9010000";'
_RTC_MARK = """\
		target-path = "/pl031@9010000";
		__overlay__ {
			xen,passthrough;
		};"""

_ETHERNET_MARK = _RTC_MARK.replace("/pl031@9010000", "/axi/ethernet@ff0e0000")
_NET = """\
			xen,reg = <0x0 0xff0e0000 0x0 0x1000 0x0 0xff0e0000>;"""

EXAMPLES: dict[str, Example] = {
    "XA401": Example(
        "generate",
        right="xenassign generate zynqmp-zcu102.dtb -d mmc@ff170000 -o out",
        wrong="xenassign generate zynqmp-zcu102.dtb -d gpu@fd4b0000 -o out",
        note="The GPU has no IOMMU before it; the MMC controller has.",
    ),
    "XA402": Example(
        "generate",
        right="xenassign generate zynqmp-zcu102.dtb -d mmc@ff170000 -o out",
        wrong="xenassign generate zynqmp-zcu102.dtb -d serial@ff010000 -o out",
        note="A UART without DMA of its own; the MMC controller is behind the SMMU.",
    ),
    "XA403": Example(
        "generate",
        right="xenassign generate zynqmp-zcu102.dtb -d mmc@ff170000 -o out",
        wrong="xenassign generate zynqmp-zcu102.dtb -d gpu@fd4b0000 -o out --iommu-policy trust",
        note="The GPU masters DMA, and has no IOMMU before it.",
    ),
    "XA404": Example(
        "board",
        right="iommus = <&smmu 0x10 0x0>;",
        wrong="iommus = <&smmu 0x10 0x0>, <&gpu_mmu>;",
        options=("-d", "ethernet@30000", "--iommu-policy", "trust"),
        note="gpu_mmu is an IOMMU that Xen does not drive.",
    ),
    "XA405": Example(
        "board",
        right='compatible = "arm,mmu-500";',
        wrong='compatible = "arm,smmu-v3";',
        options=("-d", "ethernet@30000"),
    ),
    "XA406": Example(
        "generate",
        right="xenassign generate zynqmp-zcu102.dtb -d rtc@ffa60000 -o out",
        wrong="xenassign generate zynqmp-zcu102.dtb -d rtc@ffa60000 -o out --iommu-policy strict",
        note="The real-time clock has no IOMMU before it.",
    ),
    "XA407": Example(
        "board",
        right="iommus = <&smmu 0x10 0x0>;",
        wrong="iommus = <&smmu 0x11 0x0>;",
        options=("-d", "ethernet@30000"),
        note="0x11 is also the stream of mmc@40000.",
    ),
    "XA408": Example(
        "board",
        right="iommus = <&smmu 0x11 0x0>;",
        wrong="iommus = <&smmu 0x10 0x1>;",
        options=("-d", "ethernet@30000", "-d", "mmc@40000"),
        note="ethernet@30000 has the stream 0x10 alone, and is assigned first.",
    ),
    "XA411": Example(
        "bare",
        right="xen,reg = <0x0 0x9020000 0x0 0x1000 0x0 0x9020000>;\n"
        "\t\t\txen,force-assign-without-iommu;",
        wrong="xen,reg = <0x0 0x9020000 0x0 0x1000 0x0 0x9020000>;",
    ),
    "XA412": Example(
        "partial",
        right=_PATH,
        wrong='xen,path = "/rtc@9010000";',
        host=True,
        note="The path is that of the guest's node.",
    ),
    "XA413": Example(
        "nested",
        right=f"{_PATH}\n\t\t\t\txen,force-assign-without-iommu;",
        wrong=_PATH,
        host=True,
    ),
    "XA414": Example(
        "protected-config",
        right='dtdev = ["/axi/ethernet@ff0e0000"]',
        wrong='dtdev = ["/axi/ethernet@ff0e0000", "/axi/ethernet@ff0e0000"]',
        host=True,
    ),
    "XA415": Example(
        "protected-marks",
        right=_ETHERNET_MARK,
        wrong=_ETHERNET_MARK.replace("xen,passthrough", 'status = "disabled"'),
        host=True,
        note="Xen reads the mark of the host's node; status does not matter to it.",
    ),
    "XA416": Example(
        "marks",
        right=_RTC_MARK,
        wrong=_RTC_MARK.replace("xen,passthrough", 'status = "disabled"'),
        host=True,
        note="Xen reads the mark of the host's node; status does not matter to it.",
    ),
    "XA417": Example(
        "config",
        right="irqs = [34, 39]",
        wrong='dtdev = ["/pl031@9010000", "/pl061@9030000"]\nirqs = [34, 39]',
        host=True,
        note="No IOMMU stands before these devices.",
    ),
    "XA418": Example(
        "protected-config",
        right='dtdev = ["/axi/ethernet@ff0e0000"]',
        wrong='dtdev = ["/axi/ethernet@ff0e0000"]\npassthrough = "disabled"',
        host=True,
    ),
    "XA419": Example(
        "protected",
        right=_NET,
        wrong=f"{_NET}\n\t\t\txen,force-assign-without-iommu;",
        host=True,
    ),
    "XA420": Example(
        "partial",
        right="interrupt-parent = <0xfde8>;",
        wrong="interrupt-parent = <0xfde8>;\n\t\txen,force-assign-without-iommu;",
    ),
    "XA421": Example(
        "protected",
        right='phy-mode = "rgmii-id";',
        wrong='phy-mode = "rgmii-id";\n\t\t\tiommus = <0x15 0x877>;',
    ),
    "XA422": Example(
        "protected-config",
        right='dtdev = ["/axi/ethernet@ff0e0000"]',
        wrong='dtdev = ["/axi/ethernet@ff0e0000", "/axi/mmc@ff170000"]',
    ),
    "XA423": Example(
        "protected-config",
        right='dtdev = ["/axi/ethernet@ff0e0000"]\nirqs = [95]',
        wrong="irqs = [95]",
        host=True,
    ),
    "XA424": Example(
        "board",
        right='compatible = "cdns,gem";',
        wrong='compatible = "fsl,imx8qm-fec";',
        options=("-d", "ethernet@30000", "--memory", "8192"),
        note="The driver of the FEC takes 32-bit addresses.",
    ),
    "XA425": Example(
        "board",
        right="ranges = <0x0 0x9000000 0x100000>;",
        wrong="ranges = <0x0 0x9000000 0x100000>;\n\t\tdma-ranges = <0x0 0x0 0x40000000>;",
        options=("-d", "ethernet@30000"),
        note="A guest's RAM begins at 0x40000000, where the window ends.",
    ),
    "XA426": Example(
        "board",
        right="ranges = <0x0 0x9000000 0x100000>;",
        wrong="ranges = <0x0 0x9000000 0x100000>;"
        "\n\t\tdma-ranges = <0xc0000000 0x40000000 0x40000000>;",
        options=("-d", "ethernet@30000", "--iommu-policy", "trust", "--iommu-driver", "ipmmu"),
        note="The SMMU is not driven by such a Xen.",
    ),
    "XA428": Example(
        "generate",
        right="xenassign generate zynqmp-zcu102.dtb -d mmc@ff170000 -o out",
        wrong="xenassign generate zynqmp-zcu102.dtb -d gpu@fd4b0000 -o out --iommu-policy trust",
        note="The GPU masters DMA, and has no IOMMU before it.",
    ),
}
