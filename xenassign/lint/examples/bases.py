"""The files that the examples change: short, complete, and right on every release."""

from __future__ import annotations

from typing import NamedTuple

#: A guest with the clock and the GPIO controller of QEMU's virt board.
PARTIAL = """\
/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;

	aliases {
		rtc0 = &rtc;
	};

	passthrough {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		interrupt-parent = <0xfde8>;

		clk: apb-pclk {
			compatible = "fixed-clock";
			#clock-cells = <0>;
			clock-frequency = <24000000>;
		};

		rtc: rtc@9010000 {
			compatible = "arm,pl031", "arm,primecell";
			interrupts = <0 2 4>;
			clocks = <&clk>;
			clock-names = "apb_pclk";
			xen,path = "/pl031@9010000";
			reg = <0x0 0x9010000 0x0 0x1000>;
			xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x9010000>;
			xen,force-assign-without-iommu;
		};

		gpio: gpio@9030000 {
			compatible = "arm,pl061", "arm,primecell";
			interrupts = <0 7 4>;
			clocks = <&clk>;
			clock-names = "apb_pclk";
			gpio-controller;
			#gpio-cells = <2>;
			xen,path = "/pl061@9030000";
			reg = <0x0 0x9030000 0x0 0x1000>;
			xen,reg = <0x0 0x9030000 0x0 0x1000 0x0 0x9030000>;
			xen,force-assign-without-iommu;
		};
	};
};
"""

#: The same guest for xl.
CONFIG = """\
name = "domu1"
kernel = "/boot/Image"
memory = 512
vcpus = 1
device_tree = "domu1.dtb"
irqs = [34, 39]
iomem = ["0x9010,0x1", "0x9030,0x1"]
"""

#: What marks the two devices in the board's tree, so that dom0 leaves them alone.
MARKS = """\
/dts-v1/;
/plugin/;
/ {
	fragment@0 {
		target-path = "/pl031@9010000";
		__overlay__ {
			xen,passthrough;
		};
	};

	fragment@1 {
		target-path = "/pl061@9030000";
		__overlay__ {
			xen,passthrough;
		};
	};
};
"""

#: The same guest for dom0less Xen: what a boot loader adds to the board's tree.
DOMAIN = """\
/dts-v1/;
/ {
	chosen {
		#address-cells = <2>;
		#size-cells = <2>;

		domu1 {
			compatible = "xen,domain";
			#address-cells = <2>;
			#size-cells = <2>;
			memory = <0x0 0x80000>;
			cpus = <1>;
			vpl011;

			module@48000000 {
				compatible = "multiboot,kernel", "multiboot,module";
				reg = <0x0 0x48000000 0x0 0x1000000>;
				bootargs = "console=ttyAMA0";
			};

			module@4a000000 {
				compatible = "multiboot,device-tree", "multiboot,module";
				reg = <0x0 0x4a000000 0x0 0x1000>;
			};
		};
	};
};
"""

#: A device on a bus with other cells, as many boards have it.
NESTED = """\
/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;

	passthrough {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		interrupt-parent = <0xfde8>;

		clk: apb-pclk {
			compatible = "fixed-clock";
			#clock-cells = <0>;
			clock-frequency = <24000000>;
		};

		bus {
			compatible = "simple-bus";
			ranges = <0x0 0x0 0x0 0x0 0x10000000>;
			#address-cells = <2>;
			#size-cells = <1>;

			rtc@9010000 {
				xen,reg = <0x0 0x9010000 0x1000 0x0 0x9010000>;
				xen,path = "/pl031@9010000";
				xen,force-assign-without-iommu;
				compatible = "arm,pl031", "arm,primecell";
				reg = <0x0 0x9010000 0x1000>;
				interrupts = <0 2 4>;
				clocks = <&clk>;
				clock-names = "apb_pclk";
			};
		};
	};
};
"""

#: A page of registers without a device of the host that it is assigned with.
BARE = """\
/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;

	passthrough {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;

		fw-cfg@9020000 {
			compatible = "qemu,fw-cfg-mmio";
			reg = <0x0 0x9020000 0x0 0x18>;
			xen,reg = <0x0 0x9020000 0x0 0x1000 0x0 0x9020000>;
			xen,force-assign-without-iommu;
		};
	};
};
"""

#: A device that Xen's SMMU protects, of the ZCU102.
PROTECTED = """\
/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;

	passthrough {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		interrupt-parent = <0xfde8>;

		ethernet@ff0e0000 {
			compatible = "xlnx,zynqmp-gem", "cdns,gem";
			interrupts = <0 63 4>, <0 63 4>;
			clock-names = "pclk", "hclk", "tx_clk", "rx_clk", "tsu_clk";
			phy-mode = "rgmii-id";
			xen,path = "/axi/ethernet@ff0e0000";
			reg = <0x0 0xff0e0000 0x0 0x1000>;
			xen,reg = <0x0 0xff0e0000 0x0 0x1000 0x0 0xff0e0000>;
			clocks = <&clk>, <&clk>, <&clk>, <&clk>, <&clk>;
		};

		clk: clock {
			compatible = "fixed-clock";
			#clock-cells = <0>;
			clock-frequency = <125000000>;
		};
	};
};
"""

#: The protected device for xl.
PROTECTED_CONFIG = """\
name = "domu1"
kernel = "/boot/Image"
vcpus = 1
device_tree = "domu1.dtb"
dtdev = ["/axi/ethernet@ff0e0000"]
irqs = [95]
iomem = ["0xff0e0,0x1"]
memory = 1024
"""

PROTECTED_MARKS = """\
/dts-v1/;
/plugin/;
/ {
	fragment@0 {
		target-path = "/axi/ethernet@ff0e0000";
		__overlay__ {
			xen,passthrough;
		};
	};
};
"""

#: A device of the ZCU102 with two register blocks, put where the guest has holes.
BLOCKS = """\
/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;

	passthrough {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		interrupt-parent = <0xfde8>;

		clk: clock {
			compatible = "fixed-clock";
			#clock-cells = <0>;
			clock-frequency = <200000000>;
		};

		spi@5000000 {
			compatible = "xlnx,zynqmp-qspi-1.0";
			interrupts = <0 15 4>;
			clocks = <&clk>, <&clk>;
			clock-names = "ref_clk", "pclk";
			xen,path = "/axi/spi@ff0f0000";
			reg = <0x0 0x5000000 0x0 0x1000>,
				<0x0 0x8000000 0x0 0x8000000>;
			xen,reg = <0x0 0xff0f0000 0x0 0x1000 0x0 0x5000000>,
				<0x0 0xc0000000 0x0 0x8000000 0x0 0x8000000>;
		};
	};
};
"""

BLOCKS_MARKS = PROTECTED_MARKS.replace("ethernet@ff0e0000", "spi@ff0f0000")

#: A device whose clock and reset are SCMI's, and the firmware's node: of the board rk3588-like.
SCMI = """\
/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;

	passthrough {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		interrupt-parent = <0xfde8>;

		rng@fe378000 {
			compatible = "rockchip,rk3588-rng";
			interrupts = <0 400 4>;
			clocks = <&scmi_clk 17>;
			resets = <&scmi_reset 48>;
			xen,path = "/rng@fe378000";
			reg = <0x0 0xfe378000 0x0 0x200>;
			xen,reg = <0x0 0xfe378000 0x0 0x1000 0x0 0xfe378000>;
			xen,force-assign-without-iommu;
		};

		shmem: shmem@fd60f000 {
			compatible = "arm,scmi-shmem";
			reg = <0x0 0xfd60f000 0x0 0x100>;
			xen,reg = <0x0 0xfd60f000 0x0 0x1000 0x0 0xfd60f000>;
			xen,force-assign-without-iommu;
		};

		firmware {
			compatible = "simple-bus";
			#address-cells = <2>;
			#size-cells = <2>;
			ranges;

			scmi {
				compatible = "arm,scmi-smc";
				arm,smc-id = <0x82000010>;
				shmem = <&shmem>;
				#address-cells = <1>;
				#size-cells = <0>;

				scmi_clk: protocol@14 {
					reg = <0x14>;
					#clock-cells = <1>;
				};

				scmi_reset: protocol@16 {
					reg = <0x16>;
					#reset-cells = <1>;
				};
			};
		};
	};
};
"""

SCMI_CONFIG = """\
name = "domu1"
kernel = "/boot/Image"
memory = 512
vcpus = 1
device_tree = "domu1.dtb"
arm_sci = "type=scmi_smc"
irqs = [432]
iomem = ["0xfe378,0x1", "0xfd60f,0x1"]
"""

SCMI_MARKS = """\
/dts-v1/;
/plugin/;
/ {
	fragment@0 {
		target-path = "/rng@fe378000";
		__overlay__ {
			xen,passthrough;
		};
	};
};
"""

SCMI_DOMAIN = DOMAIN.replace("vpl011;", 'vpl011;\n\t\t\txen,sci_type = "scmi_smc";').replace(
    "	chosen {", '	chosen {\n\t\txen,xen-bootargs = "console=dtuart scmi-smc-passthrough";'
)

#: A key that xl does not know, on purpose.
WAIVED = """\
name = "domu1"
kernel = "/boot/Image"
memory = 512
vcpus = 2
owner = "lab 3"  # xenassign: allow XA601: a key of our own tool
"""

#: A board, for what `generate` says about the host's tree.
BOARD = """\
/dts-v1/;
/ {
	#address-cells = <1>;
	#size-cells = <1>;
	interrupt-parent = <&gic>;

	chosen {
		stdout-path = "/bus@9000000/serial@0";
	};

	reserved-memory {
		#address-cells = <1>;
		#size-cells = <1>;
		ranges;

		pool: pool@60000000 {
			reg = <0x60000000 0x100000>;
		};

		frames: frames@61000000 {
			reg = <0x61000000 0x100000>;
			no-map;
		};

		ring: ring@62000000 {
			reg = <0x62000000 0x10000>;
			no-map;
		};
	};

	gic: interrupt-controller@8000000 {
		compatible = "arm,gic-v3";
		reg = <0x8000000 0x10000>, <0x80a0000 0x100000>;
		interrupt-controller;
		#interrupt-cells = <3>;
	};

	smmu: iommu@8800000 {
		compatible = "arm,mmu-500";
		reg = <0x8800000 0x10000>;
		interrupts = <0 70 4>, <0 71 4>;
		#global-interrupts = <1>;
		#iommu-cells = <2>;
	};

	gpu_mmu: iommu@8810000 {
		compatible = "example,gpu-mmu";
		reg = <0x8810000 0x1000>;
		#iommu-cells = <0>;
	};

	power: power-controller@8900000 {
		compatible = "example,power";
		reg = <0x8900000 0x1000>;
		#power-domain-cells = <1>;
		#reset-cells = <1>;
		memory-region = <&ring>;
	};

	vqmmc: regulator {
		compatible = "example,regulator";
		regulator-min-microvolt = <1800000>;
		regulator-max-microvolt = <3300000>;
	};

	clk: clock {
		compatible = "fixed-clock";
		#clock-cells = <0>;
		clock-frequency = <24000000>;
	};

	firmware {
		scmi {
			compatible = "arm,scmi-smc";
			arm,smc-id = <0x82000010>;
			shmem = <&shmem>;
			#address-cells = <1>;
			#size-cells = <0>;

			scmi_clk: protocol@14 {
				reg = <0x14>;
				#clock-cells = <1>;
			};
		};
	};

	shmem: shmem@50000 {
		compatible = "arm,scmi-shmem";
		reg = <0x50000 0x1000>;
	};

	pll: clock-controller@8910000 {
		compatible = "example,pll";
		reg = <0x8910000 0x1000>;
		#clock-cells = <0>;
	};

	bus@9000000 {
		compatible = "simple-bus";
		#address-cells = <1>;
		#size-cells = <1>;
		ranges = <0x0 0x9000000 0x100000>;

		serial@0 {
			compatible = "arm,pl011", "arm,primecell";
			reg = <0x0 0x1000>;
			interrupts = <0 64 4>;
			clocks = <&clk>, <&clk>;
		};

		rtc@10000 {
			compatible = "arm,pl031", "arm,primecell";
			reg = <0x10000 0x1000>;
			interrupts = <0 65 4>;
			clocks = <&clk>;
		};

		gpio: gpio@20000 {
			compatible = "arm,pl061", "arm,primecell";
			reg = <0x20000 0x1000>;
			interrupts = <0 66 4>;
			clocks = <&clk>;
			gpio-controller;
			#gpio-cells = <2>;
			interrupt-controller;
			#interrupt-cells = <2>;
		};

		ethernet@30000 {
			compatible = "cdns,gem";
			reg = <0x30000 0x1000>;
			interrupts = <0 67 4>;
			clocks = <&clk>;
			iommus = <&smmu 0x10 0x0>;
		};

		mmc@40000 {
			compatible = "cdns,sd4hc";
			reg = <0x40000 0x1000>;
			interrupts = <0 68 4>;
			clocks = <&clk>;
			iommus = <&smmu 0x11 0x0>;
		};

		spi@50000 {
			compatible = "arm,pl022", "arm,primecell";
			reg = <0x50000 0x1000>;
			interrupts = <0 69 4>;
			clocks = <&clk>;
			#address-cells = <1>;
			#size-cells = <0>;

			flash@0 {
				compatible = "jedec,spi-nor";
				reg = <0>;
			};
		};

		mdio@60000 {
			compatible = "example,mdio";
			reg = <0x60000 0x1000>;
			#address-cells = <1>;
			#size-cells = <0>;

			phy: ethernet-phy@1 {
				reg = <1>;
			};
		};
	};
};
"""


class Base(NamedTuple):
    """A file that examples change. ``beside``: the bases that it is linted with.

    ``marks``: the base that marks its devices in the tree of ``board``, a shipped one. ``xen``: the
    release that it is right on, None for all.
    """

    file: str
    text: str
    beside: tuple[str, ...] = ()
    marks: str | None = None
    board: str = "qemu-virt-gicv3"
    xen: str | None = None


_ZCU102 = "zynqmp-zcu102"
_RK3588 = "rk3588-like"

BASES = {
    "partial": Base("domu1.dts", PARTIAL, marks="marks"),
    "config": Base("domu1.cfg", CONFIG, beside=("partial",), marks="marks"),
    "marks": Base("domu1.host.dtso", MARKS, beside=("config", "partial")),
    "domain": Base("domain.dts", DOMAIN, beside=("partial",), marks="marks"),
    "nested": Base("domu1.dts", NESTED, marks="marks"),
    "bare": Base("domu1.dts", BARE),
    "protected": Base("domu1.dts", PROTECTED, (), "protected-marks", _ZCU102),
    "protected-config": Base(
        "domu1.cfg", PROTECTED_CONFIG, ("protected",), "protected-marks", _ZCU102
    ),
    "protected-marks": Base(
        "domu1.host.dtso", PROTECTED_MARKS, ("protected-config", "protected"), None, _ZCU102
    ),
    "blocks": Base("domu1.dts", BLOCKS, (), "blocks-marks", _ZCU102),
    "blocks-marks": Base("domu1.host.dtso", BLOCKS_MARKS, ("blocks",), None, _ZCU102),
    "scmi": Base("domu1.dts", SCMI, (), "scmi-marks", _RK3588, "4.21"),
    "scmi-config": Base("domu1.cfg", SCMI_CONFIG, ("scmi",), "scmi-marks", _RK3588, "4.21"),
    "scmi-domain": Base("domain.dts", SCMI_DOMAIN, ("scmi",), "scmi-marks", _RK3588, "4.21"),
    "scmi-marks": Base(
        "domu1.host.dtso", SCMI_MARKS, ("scmi-config", "scmi"), None, _RK3588, "4.21"
    ),
    "waived": Base("domu1.cfg", WAIVED),
    "board": Base("board.dts", BOARD),
}
