"""Examples of XA5: phandles and suppliers."""

from __future__ import annotations

from xenassign.lint.examples import Example

_CLOCK = """\
		clk: apb-pclk {
			compatible = "fixed-clock";"""

_MOVED = """\
			clocks = <&clk>, <&clk>, <&clk>, <&clk>, <&clk>;
		};

		clk: clock {
			compatible = "fixed-clock";
			#clock-cells = <0>;
			clock-frequency = <125000000>;
		};
	};"""

_BESIDE = """\
			clocks = <&clk>, <&clk>, <&clk>, <&clk>, <&clk>;
		};
	};

	clk: clock {
		compatible = "fixed-clock";
		#clock-cells = <0>;
		clock-frequency = <125000000>;
	};"""

_HEAD = """\
	passthrough {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		interrupt-parent = <0xfde8>;"""

_CARVE_MARK = """\
	fragment@2 {
		target-path = "/reserved-memory/frames@61000000";
		__overlay__ {
			xen,passthrough;
		};
	};

"""
_RK3588 = "xenassign generate rk3588-like.dtb"
_RNG = f"{_RK3588} -d rng@fe378000 --sci scmi_smc"
_ZCU102 = "xenassign generate zynqmp-zcu102.dtb -d ethernet0"

_TWO = """\
			interrupts = <0 65 4>;
			clocks = <&clk>;
		};

		gpio: gpio@20000 {
			compatible = "arm,pl061", "arm,primecell";
			reg = <0x20000 0x1000>;
			interrupts = <0 66 4>;
			clocks = <&clk>;"""

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
			dma-ranges = <0x2000000 0 0x80000000 0x0 0 0x40000000>;"""

EXAMPLES: dict[str, Example] = {
    "XA501": Example(
        "board",
        right="interrupts = <0 65 4>;\n\t\t\tclocks = <&clk>;",
        wrong="interrupts = <0 65 4>;\n\t\t\tclocks = <&pll>;",
        options=("-d", "rtc@10000"),
        note="pll is a clock controller; the tree does not tell its rate.",
    ),
    "XA502": Example(
        "board",
        right="interrupts = <0 65 4>;",
        wrong="interrupts = <0 65 4>;\n\t\t\tpower-domains = <&power 3>;",
        options=("-d", "rtc@10000"),
    ),
    "XA503": Example(
        "board",
        right="interrupts = <0 67 4>;",
        wrong="interrupts = <0 67 4>;\n\t\t\tmemory-region = <&pool>;",
        options=("-d", "ethernet@30000", "--memory-region", "drop"),
    ),
    "XA504": Example(
        "board",
        right=_MDIO,
        wrong=_PCIE,
        options=("-d", "bus@9000000/mdio@60000", "--iommu-policy", "trust"),
    ),
    "XA505": Example(
        "board",
        right="interrupts = <0 67 4>;",
        wrong="interrupts = <0 67 4>;\n\t\t\tmsi-parent = <&gic>;",
        options=("-d", "ethernet@30000"),
        note="The GIC takes MSIs for the host.",
    ),
    "XA506": Example(
        "board",
        right='compatible = "arm,pl031", "arm,primecell";',
        wrong='compatible = "renesas,rcar-gen3-i2c";\n\t\t\tresets = <&power 3>;',
        options=("-d", "rtc@10000"),
        note="The driver of this I2C controller does not probe without its reset.",
    ),
    "XA507": Example(
        "board",
        right="interrupts = <0 65 4>;\n\t\t\tclocks = <&clk>;",
        wrong="interrupts = <0 65 4>;\n\t\t\tclocks = <&pll>;",
        options=("-d", "rtc@10000", "--clock-rate", "rtc@10000=24000000"),
        note="pll is a clock controller, clk a crystal that nobody switches.",
    ),
    "XA508": Example(
        "board",
        right="interrupts = <0 65 4>;",
        wrong="interrupts = <0 65 4>;\n\t\t\tvqmmc-supply = <&vqmmc>;",
        options=("-d", "rtc@10000"),
        note="vqmmc may be anything between 1.8 V and 3.3 V.",
    ),
    "XA509": Example(
        "board",
        right="interrupts = <0 65 4>;\n\t\t\tclocks = <&clk>;",
        wrong=(
            "interrupts = <0 65 4>;\n\t\t\tclocks = <&pll>;\n\t\t\tassigned-clocks = <&pll>;"
            "\n\t\t\tassigned-clock-rates = <24000000>;"
        ),
        options=("-d", "rtc@10000"),
    ),
    "XA511": Example(
        "partial",
        right="interrupts = <0 2 4>;\n\t\t\tclocks = <&clk>;",
        wrong="interrupts = <0 2 4>;\n\t\t\tclocks = <0x8000>;",
        note="0x8000 was the phandle of a clock in the host's tree.",
    ),
    "XA512": Example(
        "partial", right=_CLOCK, wrong=f"{_CLOCK}\n\t\t\tphandle = <0xfff0>;", xen="4.22"
    ),
    "XA513": Example("protected", right=_MOVED, wrong=_BESIDE),
    "XA514": Example(
        "partial",
        right="interrupts = <0 2 4>;",
        wrong="interrupts = <0 2 4>;\n\t\t\tpower-domains = <0x14 32>;",
    ),
    "XA515": Example(
        "partial", right=_HEAD, wrong=f"\tgic {{\n\t\tphandle = <0x1>;\n\t}};\n\n{_HEAD}"
    ),
    "XA516": Example("partial", right=_CLOCK, wrong=f"{_CLOCK}\n\t\t\tphandle = <0xfde8>;"),
    "XA521": Example(
        "generate",
        right=f"{_RK3588} -d rng@fe378000 --xen 4.20 -o out",
        wrong=f"{_RNG} --xen 4.20 -o out",
    ),
    "XA522": Example(
        "generate",
        right=f"{_RK3588} -d rng@fe378000 --xen 4.21 --extra clk_ignore_unused -o out",
        wrong=f"{_RNG} --xen 4.21 --extra clk_ignore_unused -o out",
        note="The SD host of the board uses SCMI too.",
    ),
    "XA523": Example(
        "generate",
        right=f"{_RK3588} -d i2c@fec80000 --xen 4.21 -o out",
        wrong=f"{_RK3588} -d i2c@fec80000 --sci scmi_smc --xen 4.21 -o out",
    ),
    "XA524": Example(
        "board",
        right=_TWO,
        wrong=_TWO.replace("<&clk>", "<&scmi_clk 3>"),
        xen="4.21",
        options=("-d", "rtc@10000", "--sci", "scmi_smc", "--extra", "clk_ignore_unused"),
    ),
    "XA525": Example(
        "generate",
        right=f"{_RK3588} -d rng@fe378000 -o out",
        wrong=f"{_RK3588} -d rng@fe378000 --keep-firmware -o out",
    ),
    "XA526": Example(
        "generate",
        right=f"{_ZCU102} -o out",
        wrong=f"{_ZCU102} --keep-firmware -o out",
    ),
    "XA527": Example(
        "generate",
        right=f"{_RNG} --xen 4.21 -o out",
        wrong=f"{_RNG} --xen 4.22 -o out",
    ),
    "XA528": Example(
        "generate",
        right=f"{_RNG} --xen 4.21 --extra clk_ignore_unused -o out",
        wrong=f"{_RNG} --xen 4.21 -o out",
        note="The CPUs of the board run on clocks of the same protocol.",
    ),
    "XA529": Example(
        "partial",
        right=_CLOCK,
        wrong='\t\tscmi {\n\t\t\tcompatible = "arm,scmi-smc";\n\t\t};\n\n' + _CLOCK,
    ),
    "XA517": Example(
        "partial",
        right="interrupts = <0 2 4>;\n\t\t\tclocks = <&clk>;",
        wrong="interrupts = <0 2 4>;\n\t\t\tclocks = <&gpio>;",
        note="gpio has no #clock-cells.",
    ),
    "XA531": Example(
        "board",
        right="interrupts = <0 67 4>;",
        wrong="interrupts = <0 67 4>;\n\t\t\tmemory-region = <&frames>;",
        options=("-d", "ethernet@30000", "--route", "dom0less"),
        note="frames is a region of /reserved-memory with no-map.",
    ),
    "XA532": Example(
        "board",
        right="interrupts = <0 67 4>;",
        wrong="interrupts = <0 67 4>;\n\t\t\tmemory-region = <&pool>;",
        options=("-d", "ethernet@30000"),
        note="pool has no no-map, so the host's kernel uses it as RAM.",
    ),
    "XA533": Example(
        "board",
        right="interrupts = <0 67 4>;",
        wrong="interrupts = <0 67 4>;\n\t\t\tmemory-region = <&ring>;",
        options=("-d", "ethernet@30000", "--route", "dom0less", "--memory-region", "map"),
        note="power, which stays with the host, uses ring too.",
    ),
    "XA534": Example(
        "board",
        right="iommus = <&smmu 0x10 0x0>;",
        wrong="memory-region = <&frames>;",
        options=(
            *("-d", "ethernet@30000", "--route", "dom0less", "--memory", "1024", "--map", "auto"),
            *("--iommu-policy", "trust"),
        ),
        note="frames is at 0x61000000, where this guest has RAM.",
    ),
    "XA535": Example(
        "board",
        right="interrupts = <0 67 4>;",
        wrong="interrupts = <0 67 4>;\n\t\t\tphy-handle = <&phy>;",
        options=("-d", "ethernet@30000"),
        note="phy is a child of mdio@60000.",
    ),
    "XA536": Example(
        "board",
        right="interrupts = <0 69 4>;",
        wrong="interrupts = <0 69 4>;\n\t\t\tcs-gpios = <&gpio 3 1>;",
        options=("-d", "spi@50000"),
        note="The node is that of spi@50000, with a flash at chip select 0.",
    ),
    "XA537": Example(
        "board",
        right="interrupts = <0 65 4>;",
        wrong="interrupts = <0 65 4>;\n\t\t\tpower-domains = <&power 3>;",
        options=("-d", "rtc@10000"),
        note="Nothing else on this board names power.",
    ),
    "XA538": Example(
        "marks",
        right="\tfragment@0 {",
        wrong=f"{_CARVE_MARK}\tfragment@0 {{",
        host=True,
        note="A carve-out that memory-region of the assigned device names.",
    ),
}
