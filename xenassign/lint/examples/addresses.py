"""Examples of XA2: registers, pages and the guest's address space."""

from __future__ import annotations

from xenassign.lint.examples import Example

_RTC = ("-d", "rtc@10000")
_REG = "xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x9010000>;"
_GPIO = "xen,reg = <0x0 0x9030000 0x0 0x1000 0x0 0x9030000>;"
_BARE = "xen,reg = <0x0 0x9020000 0x0 0x1000 0x0 0x9020000>;"
_BOTH = f"reg = <0x0 0x9010000 0x0 0x1000>;\n\t\t\t{_REG}"
_IOMEM = 'iomem = ["0x9010,0x1", "0x9030,0x1"]'

_CELLS = """\
			#size-cells = <1>;

			rtc@9010000 {
				xen,reg = <0x0 0x9010000 0x1000 0x0 0x9010000>;"""

_BLOCKS = """\
			reg = <0x0 0x5000000 0x0 0x1000>,
				<0x0 0x8000000 0x0 0x8000000>;
			xen,reg = <0x0 0xff0f0000 0x0 0x1000 0x0 0x5000000>,
				<0x0 0xc0000000 0x0 0x8000000 0x0 0x8000000>;"""

_BLOCK = """\
			reg = <0x0 0x5000000 0x0 0x1000>;
			xen,reg = <0x0 0xff0f0000 0x0 0x1000 0x0 0x5000000>;"""

_RK3588 = "xenassign generate rk3588-like.dtb"
_ZCU102 = "xenassign generate zynqmp-zcu102.dtb"

_MDIO = """\
			compatible = "example,mdio";
			reg = <0x60000 0x1000>;
			#address-cells = <1>;
			#size-cells = <0>;

			phy: ethernet-phy@1 {
				reg = <1>;
			};"""
_PCIE = """\
			compatible = "example,pcie";
			device_type = "pci";
			reg = <0x60000 0x1000>;
			#address-cells = <3>;
			#size-cells = <2>;
			ranges = <0x42000000 0 0xa0000 0xa0000 0 0x10000>;"""
_STATIC = f"{_ZCU102} -d mmc@ff170000 -o out --xen 4.17 --static-memory"

EXAMPLES: dict[str, Example] = {
    "XA201": Example(
        "generate",
        right=f"{_RK3588} -d pwm@fd8b0000 -d pwm@fd8b0010 -o out",
        wrong=f"{_RK3588} -d pwm@fd8b0000 -o out",
        note="The two controllers have 16 bytes each, in one page.",
    ),
    "XA202": Example(
        "generate",
        right=f"{_RK3588} -d pwm@fd8b0000 -d pwm@fd8b0010 -o out",
        wrong=f"{_RK3588} -d pwm@fd8b0000 -o out --allow-shared-page pwm@fd8b0010",
        note="The two controllers have 16 bytes each, in one page.",
    ),
    "XA203": Example(
        "protected-config",
        right='iomem = ["0xff0e0,0x1"]\nmemory = 1024',
        wrong='iomem = ["0xff0e0,0x1"]\nmemory = 4096',
        note="1:1 at 0xff0e0000 is in the guest's RAM when that has more than 3056 MiB.",
    ),
    "XA204": Example(
        "generate",
        right="xenassign generate ti-k3-like.dtb -d can@20701000 -o out --map auto",
        wrong="xenassign generate ti-k3-like.dtb -d can@20701000 -o out",
        note="Identity puts the device into the window of the ACPI tables.",
    ),
    "XA205": Example(
        "partial",
        right=_BOTH,
        wrong=_BOTH.replace("0x0 0x1000 0x0 0x9010000", "0x0 0x1000 0x9010000 0x0"),
        note="The two cells of the guest address are swapped.",
    ),
    "XA206": Example(
        "partial",
        right=_GPIO,
        wrong="xen,reg = <0x0 0x9030000 0x0 0x1000 0x0 0x9010000>;",
        note="0x9010000 is taken by rtc@9010000.",
    ),
    "XA207": Example(
        "generate",
        right=f"{_ZCU102} -d spi@ff0f0000 -o out --map auto",
        wrong="xenassign generate qemu-virt-gicv3.dtb -d pcie@10000000 -o out --map auto"
        " --iommu-policy trust",
        note="The PCI host bridge has windows of many GiB.",
    ),
    "XA208": Example(
        "board",
        right="reg = <0x10000 0x1000>;",
        wrong="reg = <0x10000 0x1000>, <0x11000 0x0>;",
        options=_RTC,
    ),
    "XA209": Example(
        "generate",
        right=f"{_ZCU102} -d ethernet0 -o out --align 64k --map ethernet0=0x3f0e0000",
        wrong=f"{_ZCU102} -d ethernet0 -o out --align 64k --map ethernet0=0x3f0e1000",
    ),
    "XA210": Example(
        "generate",
        right=f"{_ZCU102} -d ethernet0 -o out --map window:0x4000000-0x10000000",
        wrong=f"{_ZCU102} -d ethernet0 -o out --map window:0x38000000-0x3a000000",
        note="The grant table and the magic pages take all of the second window.",
    ),
    "XA211": Example("nested", right=_CELLS, wrong=_CELLS.replace("<1>", "<0>")),
    "XA212": Example(
        "nested",
        right=_CELLS,
        wrong=_CELLS.replace("<1>", "<0>"),
        xen="4.19",
        note="4.19 reads a size of 0; newer releases refuse it (XA211).",
    ),
    "XA213": Example(
        "partial", right=_BOTH, wrong=_BOTH.replace("0x1000 0x0 0x9010000", "0x200 0x0 0x9010000")
    ),
    "XA214": Example(
        "partial",
        right=_GPIO,
        wrong="xen,reg = <0xffffffff 0xfffff000 0x0 0x1000 0x0 0x9030000>;",
        note="It is the second mapping of the domain.",
    ),
    "XA215": Example(
        "partial",
        right=_BOTH,
        wrong=_BOTH.replace("0x9010000 0x0 0x1000>", "0x9010000 0x0 0x2000>"),
    ),
    "XA216": Example(
        "partial",
        right=_REG,
        wrong="xen,reg = <0x0 0x9000000 0x0 0x1000 0x0 0x9010000>;",
        host=True,
        note="0x9000000 is the UART's; the clock of xen,path is at 0x9010000.",
    ),
    "XA217": Example(
        "bare",
        right=_BARE,
        wrong="xen,reg = <0x0 0x48000000 0x0 0x1000 0x0 0x9020000>;",
        host=True,
        note="The board has RAM at 0x48000000.",
    ),
    "XA218": Example(
        "config",
        right=_IOMEM,
        wrong='iomem = ["0x9010,0x1", "0x9030,0x1", "0x800000000,0x80000"]',
        note="The last entry is a window of 2 GiB.",
    ),
    "XA219": Example(
        "partial",
        right=_BOTH,
        wrong="reg = <0x0 0x40000000 0x0 0x1000>;\n"
        "\t\t\txen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x40000000>;",
        options=("--memory", "512"),
    ),
    "XA220": Example("config", right=_IOMEM, wrong='iomem = ["0x9010,0x1", "0x9030,0x2"]'),
    "XA221": Example(
        "config",
        right=_IOMEM,
        wrong='iomem = ["0x9010,0x1", "0x9030,0x1", "0x48000,0x100"]',
        host=True,
        note="The board has RAM at 0x48000000.",
    ),
    "XA222": Example(
        "partial",
        right=_REG,
        wrong="xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x9010000\n"
        "\t\t\t\t0x0 0x9011000 0x0 0x1000>;",
    ),
    "XA223": Example("partial", right=_REG, wrong="xen,reg;"),
    "XA224": Example("blocks", right=_BLOCKS, wrong=_BLOCK, host=True),
    "XA225": Example(
        "partial",
        right=_REG,
        wrong="xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x9010000\n"
        "\t\t\t\t0x0 0x9030000 0x0 0x1000 0x0 0x9030000>;",
        host=True,
        note="0x9030000 is the GPIO controller, which another node of the guest assigns.",
    ),
    "XA226": Example(
        "bare",
        right=_BARE,
        wrong="xen,reg = <0x0 0x9000000 0x0 0x1000 0x0 0x9020000>;",
        host=True,
        note="The UART that Xen uses is at 0x9000000.",
    ),
    "XA227": Example(
        "partial", right=_REG, wrong="xen,reg = <0x0 0x9010000 0x0 0x0 0x0 0x9010000>;"
    ),
    "XA228": Example(
        "config", right=_IOMEM, wrong='iomem = ["0x9010,0x1", "0x9030,0x1", "0x9020,0x1"]'
    ),
    "XA229": Example(
        "domain",
        "vpl011;",
        "vpl011;\n\t\t\txen,static-mem = <0x1 0x0 0x0 0x20000000>;",
        host=True,
        options=("--kconfig", "STATIC_MEMORY"),
        note="The board's tree states memory up to 0x100000000.",
    ),
    "XA230": Example(
        "generate",
        right=f"{_STATIC} 0x40000000:512M",
        wrong=f"{_STATIC} 0x20000000:512M",
        note="The board reserves 0x3ed00000 and 0x3ef00000 for its remote processors.",
    ),
    "XA231": Example(
        "generate",
        right=f"{_STATIC} 0x40000000:256M",
        wrong=f"{_STATIC} 0xf0000000:256M",
    ),
    "XA232": Example(
        "board",
        right='compatible = "arm,pl031", "arm,primecell";',
        wrong='compatible = "mmio-sram";',
        options=("-d", "rtc@10000", "--iommu-policy", "trust"),
    ),
    "XA233": Example(
        "board",
        right='compatible = "arm,pl031", "arm,primecell";',
        wrong='compatible = "simple-framebuffer";',
        options=("-d", "rtc@10000", "--iommu-policy", "trust"),
    ),
    "XA234": Example(
        "board",
        right=_MDIO,
        wrong=_PCIE,
        options=("-d", "bus@9000000/mdio@60000", "--iommu-policy", "trust"),
        note="0x40000000 in the first cell says prefetchable, 0x2000000 32-bit memory.",
    ),
}
