"""Examples of XA3: interrupts."""

from __future__ import annotations

from xenassign.lint.examples import Example

_MARK = """\
		target-path = "/pl031@9010000";
		__overlay__ {
			xen,passthrough;
		};"""

_RTC = ("-d", "rtc@10000")
_LINE = "interrupts = <0 65 4>;"
_IRQS = "irqs = [34, 39]"

_HEAD = """\
		rtc: rtc@9010000 {
			compatible = "arm,pl031", "arm,primecell";
			interrupts = <0 2 4>;"""

_SMMU = """\
	smmu: iommu@8800000 {
		compatible = "arm,mmu-500";"""
_HIP07 = """\
	its@50000000 {
		compatible = "arm,gic-v3-its";
		reg = <0x50000000 0x40000>;
	};

	smmu: iommu@8800000 {
		compatible = "arm,smmu-v3";
		hisilicon,broken-prefetch-cmd;"""

EXAMPLES: dict[str, Example] = {
    "XA301": Example(
        "generate",
        right="xenassign generate qemu-virt-gicv3.dtb -d pl031@9010000 -o out",
        wrong="xenassign generate qemu-virt-gicv3.dtb -d pl031@9010000 -d pmu -o out",
        note="The node pmu has the PPI <1 7 4>.",
    ),
    "XA302": Example(
        "board",
        right=_LINE,
        wrong="interrupts = <2 65 4>;",
        options=_RTC,
        note="Type 2 is an extended SPI.",
    ),
    "XA303": Example(
        "board",
        right=_LINE,
        wrong="interrupts = <0 964 4>;",
        options=_RTC,
        note="SPI 964 is INTID 996.",
    ),
    "XA304": Example(
        "board",
        right=_LINE,
        wrong="interrupts = <0 64 4>;",
        options=_RTC,
        note="<0 64 4> is also that of serial@0, the UART of stdout-path.",
    ),
    "XA305": Example(
        "board",
        right=_LINE,
        wrong="interrupts = <0 66 4>;",
        options=_RTC,
        note="<0 66 4> is also that of gpio@20000.",
    ),
    "XA306": Example(
        "board",
        right=_LINE,
        wrong="interrupts = <0 0 4>;",
        options=_RTC,
        note="SPI 0 is INTID 32.",
    ),
    "XA307": Example(
        "board",
        right=_LINE,
        wrong="interrupts-extended = <&gic 0 65 4>, <&gpio 3 4>;",
        options=_RTC,
        note="gpio@20000 is an interrupt controller too, and is not assigned.",
    ),
    "XA308": Example(
        "board",
        right=_LINE,
        wrong="interrupts = <0 2 4>;",
        options=_RTC,
        note="SPI 2 is INTID 34.",
    ),
    "XA309": Example(
        "board",
        right=_LINE,
        wrong="interrupts = <0 66 1>;",
        options=(*_RTC, "-d", "gpio@20000"),
        note="gpio@20000 has the same interrupt as <0 66 4>.",
    ),
    "XA310": Example(
        "board",
        right='compatible = "arm,gic-v3";',
        wrong='compatible = "example,gic";',
        options=_RTC,
    ),
    "XA311": Example(
        "board",
        right="ranges = <0x0 0x9000000 0x100000>;",
        wrong="ranges = <0x0 0x9000000 0x100000>;\n\t\tinterrupts = <1 6 4>;",
        options=_RTC,
        note="The bus above the device has the PPI.",
    ),
    "XA312": Example(
        "partial",
        right="interrupts = <0 2 4>;",
        wrong="interrupts = <0 2 4>, <0 3 4>;",
        host=True,
        note="The host's node has <0 2 4> alone.",
    ),
    "XA313": Example(
        "domain", right="cpus = <1>;", wrong="cpus = <1>;\n\t\t\tnr_spis = <0>;", host=True
    ),
    "XA314": Example("config", right="vcpus = 1", wrong="vcpus = 1\nnr_spis = 1024"),
    "XA315": Example(
        "config",
        right=_IRQS,
        wrong="irqs = [34]",
        note="A node of domu1.dts has <0 7 4>, which is INTID 39.",
    ),
    "XA316": Example(
        "config",
        right=_IRQS,
        wrong="irqs = [34, 39, 27]",
        host=True,
        note="INTID 27 is a PPI.",
    ),
    "XA317": Example(
        "marks",
        right=_MARK,
        wrong=_MARK.replace("xen,passthrough", 'status = "disabled"'),
        host=True,
        note="Xen reads the mark of the host's node; status does not matter to it.",
    ),
    "XA318": Example("config", right=_IRQS, wrong='irqs = [34, 39, 32]\nvuart = "sbsa_uart"'),
    "XA319": Example("config", right=_IRQS, wrong="irqs = [34, 39, 39]"),
    "XA320": Example(
        "partial",
        right="interrupts = <0 2 4>;",
        wrong="interrupts = <0 34 4>;",
        host=True,
        note="INTID 34 is SPI 2.",
    ),
    "XA321": Example(
        "partial",
        right="interrupts = <0 2 4>;",
        wrong="interrupts = <0 2 1>;",
        host=True,
        note="The host's node has <0 2 4>.",
    ),
    "XA322": Example(
        "partial",
        right="interrupt-parent = <0xfde8>;",
        wrong="interrupt-parent = <0x8003>;",
        note="0x8003 is the phandle of the host's GIC.",
    ),
    "XA323": Example(
        "partial", right=_HEAD, wrong=_HEAD.removesuffix("\n\t\t\tinterrupts = <0 2 4>;"), host=True
    ),
    "XA324": Example("partial", right="interrupts = <0 2 4>;", wrong="interrupts = <0 2>;"),
    "XA325": Example(
        "config",
        right=_IRQS,
        wrong="irqs = [2, 7]",
        note="SPI 2 and 7 are INTIDs 34 and 39.",
    ),
    "XA326": Example("config", right=_IRQS, wrong="irqs = [34, 39, 40]"),
    "XA327": Example(
        "generate",
        right="xenassign generate qemu-virt-gicv3.dtb -d pl031@9010000 -o out",
        wrong="xenassign generate qemu-virt-gicv3.dtb -d pcie@10000000 -o out --iommu-policy trust",
    ),
    "XA328": Example(
        "board",
        right="interrupts = <0 67 4>;",
        wrong="msi-parent = <&gic>;",
        options=("-d", "ethernet@30000"),
        note="The GIC takes MSIs for the host.",
    ),
    "XA329": Example(
        "bare",
        right="xen,reg = <0x0 0x9020000 0x0 0x1000 0x0 0x9020000>;",
        wrong="xen,reg = <0x0 0x8080000 0x0 0x1000 0x0 0x9020000>;",
        host=True,
        note="its@8080000 of the host is an ITS.",
    ),
    "XA330": Example(
        "board",
        right=_SMMU,
        wrong=_HIP07,
        options=("-d", "ethernet@30000", "--memory", "512"),
        note="The doorbell of the ITS, 0x50010000, is within the 512 MiB from 0x40000000 on.",
    ),
}
