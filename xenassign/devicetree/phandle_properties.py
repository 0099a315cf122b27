"""One table of the properties that hold phandles, and how long each of their entries is.

A devicetree blob does not say which cells are phandles: a phandle is a plain u32 (Devicetree
Specification 2.3.3, 2.4.1). Only the property's name tells, through its binding. This module is
that knowledge, as data. It reads no tree and knows nothing of Xen.

The shape of an entry, in cells of 4 bytes:

    shape "list":   [lead cells] phandle argument... [trail cells]        entry after entry
    shape "map":    the same with a lead of 1 (base of the input ids) and a trail of 1 (length of
                    the range), as in iommu-map and msi-map

`cells` says how many arguments follow the phandle: the name of a property of the node that the
phandle points at ("#clock-cells"), or a number, or REMAINDER: the property holds one phandle, and
all cells behind it are arguments (register offsets and masks, whose number differs between
bindings that share the property's name).

Rules that hold for every entry, from Linux' of_phandle_iterator_next():

- a phandle of 0 is an empty entry of one cell, without arguments. It still counts: `cs-gpios`,
  `assigned-clock-parents`, `mboxes` and `pinctrl` select entries by position;
- a provider that lacks the cells property has `default_cells` arguments; None means that the
  property is malformed;
- a property without any bytes has no entries. Some names are a flag when empty and a phandle
  otherwise (`bitclock-master`, `frame-master`, `wakeup-source`);
- strings of these names in /aliases, /__symbols__ and /__overrides__ are paths, no phandles: ask
  for device nodes only.

Names of entries: `names` is the string list that names them, one string an entry
(`entries_per_name` entries where it is not 1: an interconnect path is a pair of ends). Pin control
is different: each `pinctrl-N` is one list of pin states, and `pinctrl-names` names the N, the
states, not the entries of a list.

A map has one argument cell whatever the provider's cells property says: boards write
<rid-base phandle base length> for providers with #iommu-cells = 2 and for GICv2m frames without
#msi-cells too, and Linux' of_map_id() reads them so.

`parallel` lists the other properties aligned with this one entry by entry: who drops an entry
drops theirs too. PARALLEL_BYTES gives the width of those that are numbers.

`interrupts` and `interrupt-map` are left out: their format depends on the interrupt parent
(a GICv3 specifier of four cells ends in the phandle of a partition) and is handled with the
interrupt tree.

To add an entry: find the binding, take the count of arguments from it, write the row in its
section in alphabetical order and name the binding in `source`: a path below Linux'
Documentation/devicetree/bindings; "dt-schema" and a path below dt-schema's dtschema/schemas;
"Linux" and the function of drivers/of/property.c that follows it. Exact names go before wildcards.
A name that fits a wildcard but holds no phandle goes to NOT_PHANDLES.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, NamedTuple

__all__ = [
    "NOT_PHANDLES",
    "PARALLEL_BYTES",
    "PROPERTIES",
    "REMAINDER",
    "PhandleProperty",
    "lookup",
]

REMAINDER: Final = -1
"""Value of `cells`: one phandle, and all the rest of the property are its arguments."""

Shape = Literal["list", "map"]


class PhandleProperty(NamedTuple):
    """A property that holds phandles. All counts are cells (4 bytes) unless said otherwise."""

    pattern: str
    """Exact name, or a name with one `*` that stands for one or more characters."""
    kind: str
    """What is supplied: "clock", "reset", "regulator", "gpio", "syscon", ..."""
    cells: str | int
    """The provider's cells property, or a fixed number of arguments, or REMAINDER."""
    default_cells: int | None = None
    """Arguments when the provider lacks the cells property; None: the property is malformed."""
    names: str | None = None
    """The string list that names the entries. For pinctrl-N see the module's docstring."""
    parallel: tuple[str, ...] = ()
    """Properties of the same node aligned with this one entry by entry."""
    shape: Shape = "list"
    lead: int = 0
    """Cells of an entry before its phandle."""
    trail: int = 0
    """Cells of an entry behind its arguments."""
    entries_per_name: int = 1
    """How many entries one string of `names` covers."""
    digits: bool = False
    """The `*` of the pattern stands for a decimal number only."""
    unless: str | None = None
    """A property whose presence on the same node says that this one holds no phandle."""
    source: str = ""
    """Binding, schema or Linux function that defines it."""


PARALLEL_BYTES: Final[dict[str, int]] = {
    "assigned-clock-rates": 4,
    "assigned-clock-rates-u64": 8,
    "assigned-clock-sscs": 12,
    "freq-table-hz": 8,
}
"""Bytes per entry of the parallel properties that are numbers (all others are phandle or string
lists). Rates are in Hz; freq-table-hz is a pair of u32, least and greatest Hz, a clock."""

# Properties whose entries have arguments, names or companions.
_DETAILED: Final[tuple[PhandleProperty, ...]] = (
    # access-controller
    PhandleProperty(
        "access-controllers",
        "access-controller",
        "#access-controller-cells",
        names="access-controller-names",
        source="dt-schema access-controller/access-controller-consumer.yaml",
    ),
    # clock
    PhandleProperty(
        "assigned-clock-parents",
        "clock",
        "#clock-cells",
        parallel=(
            "assigned-clocks",
            "assigned-clock-rates",
            "assigned-clock-rates-u64",
            "assigned-clock-sscs",
        ),
        source="dt-schema clock/clock.yaml",
    ),
    PhandleProperty(
        "assigned-clocks",
        "clock",
        "#clock-cells",
        parallel=(
            "assigned-clock-parents",
            "assigned-clock-rates",
            "assigned-clock-rates-u64",
            "assigned-clock-sscs",
        ),
        source="dt-schema clock/clock.yaml",
    ),
    PhandleProperty(
        "clocks",
        "clock",
        "#clock-cells",
        names="clock-names",
        parallel=("freq-table-hz",),
        source="dt-schema clock/clock.yaml; Linux parse_clocks",
    ),
    # display
    PhandleProperty("renesas,vsps", "display", 1, source="display/renesas,du.yaml"),
    # dma
    PhandleProperty(
        "dmas",
        "dma",
        "#dma-cells",
        names="dma-names",
        source="dt-schema dma/dma.yaml; Linux parse_dmas",
    ),
    # ethernet-phy
    PhandleProperty(
        "pcs-handle",
        "ethernet-phy",
        "#pcs-cells",
        default_cells=0,
        names="pcs-handle-names",
        source="net/ethernet-controller.yaml",
    ),
    # firmware
    PhandleProperty("nvidia,bpmp", "firmware", REMAINDER, source="arm/nvidia,tegra194-ccplex.yaml"),
    PhandleProperty(
        "qcom,smem-states",
        "firmware",
        "#qcom,smem-state-cells",
        names="qcom,smem-state-names",
        source="soc/qcom/qcom,smp2p.yaml",
    ),
    # gpio
    PhandleProperty(
        "gpio",
        "gpio",
        "#gpio-cells",
        unless="gpio-hog",
        source="dt-schema gpio/gpio-consumer.yaml; Linux parse_gpio_compat",
    ),
    PhandleProperty(
        "gpio-ranges",
        "gpio",
        3,
        parallel=("gpio-ranges-group-names",),
        source="dt-schema gpio/gpio.yaml",
    ),
    PhandleProperty(
        "gpios",
        "gpio",
        "#gpio-cells",
        unless="gpio-hog",
        source="dt-schema gpio/gpio.yaml; Linux parse_gpio_compat",
    ),
    PhandleProperty("wlf,ldoena", "gpio", "#gpio-cells", source="regulator/wlf,arizona.yaml"),
    PhandleProperty("wlf,reset", "gpio", "#gpio-cells", source="mfd/wlf,arizona.yaml"),
    # hwlock
    PhandleProperty(
        "hwlocks",
        "hwlock",
        "#hwlock-cells",
        names="hwlock-names",
        source="dt-schema hwlock/hwlock-consumer.yaml; Linux parse_hwlocks",
    ),
    # i2c
    PhandleProperty("i2c-parent", "i2c", REMAINDER, source="connector/pcie-m2-e-connector.yaml"),
    # interconnect
    PhandleProperty(
        "interconnects",
        "interconnect",
        "#interconnect-cells",
        names="interconnect-names",
        entries_per_name=2,
        source="dt-schema interconnects.yaml; Linux parse_interconnects",
    ),
    # interrupt
    PhandleProperty(
        "interrupt-affinity", "interrupt", 0, parallel=("interrupts",), source="arm/pmu.yaml"
    ),
    PhandleProperty(
        "interrupts-extended",
        "interrupt",
        "#interrupt-cells",
        names="interrupt-names",
        source="dt-schema interrupts.yaml",
    ),
    # io-channel
    PhandleProperty(
        "io-backends",
        "io-channel",
        "#io-backend-cells",
        names="io-backend-names",
        source="dt-schema iio/iio.yaml; Linux parse_io_backends",
    ),
    PhandleProperty(
        "io-channels",
        "io-channel",
        "#io-channel-cells",
        names="io-channel-names",
        source="dt-schema iio/iio-consumer.yaml; Linux parse_io_channels",
    ),
    # iommu
    PhandleProperty(
        "iommu-map",
        "iommu",
        1,
        shape="map",
        lead=1,
        trail=1,
        source="dt-schema pci/pci-iommu.yaml; Linux parse_iommu_maps",
    ),
    PhandleProperty(
        "iommus",
        "iommu",
        "#iommu-cells",
        source="dt-schema iommu/iommu.yaml; Linux parse_iommus",
    ),
    PhandleProperty(
        "mmu-masters",
        "iommu",
        "#stream-id-cells",
        source="Linux drivers/iommu/arm/arm-smmu/arm-smmu.c (legacy binding)",
    ),
    PhandleProperty("qcom,stream-id-range", "iommu", "#iommu-cells", source="iommu/qcom,tbu.yaml"),
    PhandleProperty(
        "renesas,ipmmu-main", "iommu", REMAINDER, source="iommu/renesas,ipmmu-vmsa.yaml"
    ),
    # led
    PhandleProperty(
        "leds", "led", "#led-cells", default_cells=0, names="led-names", source="Linux parse_leds"
    ),
    # mailbox
    PhandleProperty(
        "mboxes",
        "mailbox",
        "#mbox-cells",
        names="mbox-names",
        source="dt-schema mbox/mbox-consumer.yaml; Linux parse_mboxes",
    ),
    PhandleProperty(
        "mediatek,gce-client-reg", "mailbox", 3, source="arm/mediatek/mediatek,mmsys.yaml"
    ),
    PhandleProperty("qcom,ipc", "mailbox", 2, source="remoteproc/qcom,smd-edge.yaml"),
    PhandleProperty("qcom,ipc-1", "mailbox", 2, source="soc/qcom/qcom,smsm.yaml"),
    PhandleProperty("qcom,ipc-2", "mailbox", 2, source="soc/qcom/qcom,smsm.yaml"),
    PhandleProperty("qcom,ipc-3", "mailbox", 2, source="soc/qcom/qcom,smsm.yaml"),
    PhandleProperty("qcom,ipc-4", "mailbox", 2, source="soc/qcom/qcom,smsm.yaml"),
    # memory-region
    PhandleProperty(
        "iommu-addresses",
        "memory-region",
        REMAINDER,
        source="dt-schema reserved-memory/reserved-memory.yaml",
    ),
    PhandleProperty(
        "memory-region",
        "memory-region",
        0,
        names="memory-region-names",
        source="dt-schema reserved-memory/memory-region.yaml",
    ),
    # msi
    PhandleProperty(
        "msi-map",
        "msi",
        1,
        shape="map",
        lead=1,
        trail=1,
        source="dt-schema pci/pci-host-bridge.yaml",
    ),
    PhandleProperty(
        "msi-parent",
        "msi",
        "#msi-cells",
        default_cells=0,
        source="dt-schema msi-consumer.yaml; Linux parse_msi_parent",
    ),
    PhandleProperty(
        "msi-ranges",
        "msi",
        "#interrupt-cells",
        trail=1,
        source="interrupt-controller/msi-controller.yaml",
    ),
    # mux
    PhandleProperty(
        "mux-controls",
        "mux",
        "#mux-control-cells",
        default_cells=0,
        names="mux-control-names",
        source="display/bridge/nwl-dsi.yaml",
    ),
    PhandleProperty(
        "mux-states",
        "mux",
        "#mux-state-cells",
        default_cells=0,
        names="mux-state-names",
        source="mux/mux-consumer.yaml",
    ),
    # nvmem
    PhandleProperty(
        "mediatek,mtd-eeprom", "nvmem", REMAINDER, source="net/wireless/mediatek,mt76.yaml"
    ),
    PhandleProperty("nvmem", "nvmem", 0, names="nvmem-names", source="nvmem/nvmem-consumer.yaml"),
    PhandleProperty(
        "nvmem-cells",
        "nvmem",
        "#nvmem-cell-cells",
        default_cells=0,
        names="nvmem-cell-names",
        source="nvmem/nvmem-consumer.yaml; Linux parse_nvmem_cells",
    ),
    # opp
    PhandleProperty(
        "required-opps", "opp", 0, parallel=("power-domains",), source="dt-schema opp/opp.yaml"
    ),
    # performance-domain
    PhandleProperty(
        "performance-domains",
        "performance-domain",
        "#performance-domain-cells",
        source="dvfs/performance-domain.yaml",
    ),
    PhandleProperty(
        "qcom,freq-domain", "performance-domain", "#freq-domain-cells", source="arm/cpus.yaml"
    ),
    # phy
    PhandleProperty(
        "phys",
        "phy",
        "#phy-cells",
        names="phy-names",
        source="dt-schema phy/phy-consumer.yaml; Linux parse_phys",
    ),
    # pinctrl
    PhandleProperty(
        "pinctrl-single,gpio-range",
        "pinctrl",
        "#pinctrl-single,gpio-range-cells",
        source="pinctrl/pinctrl-single.yaml",
    ),
    PhandleProperty("rockchip,pins", "pinctrl", 0, lead=3, source="pinctrl/rockchip,pinctrl.yaml"),
    # power-domain
    PhandleProperty(
        "power-domains",
        "power-domain",
        "#power-domain-cells",
        names="power-domain-names",
        parallel=("required-opps",),
        source="dt-schema power-domain/power-domain-consumer.yaml; Linux parse_power_domains",
    ),
    # power-supply
    PhandleProperty("pses", "power-supply", "#pse-cells", source="Linux parse_pses"),
    # pwm
    PhandleProperty(
        "pwms",
        "pwm",
        "#pwm-cells",
        names="pwm-names",
        source="dt-schema pwm/pwm-consumer.yaml; Linux parse_pwms",
    ),
    # reset
    PhandleProperty(
        "resets",
        "reset",
        "#reset-cells",
        names="reset-names",
        source="dt-schema reset/reset.yaml; Linux parse_resets",
    ),
    # sound
    PhandleProperty(
        "i2s-controller",
        "sound",
        "#sound-dai-cells",
        default_cells=0,
        source="sound/samsung,tm2.yaml",
    ),
    PhandleProperty(
        "sound-dai", "sound", "#sound-dai-cells", default_cells=0, source="sound/sound-dai.yaml"
    ),
    # syscon
    PhandleProperty(
        "allwinner,sram", "syscon", REMAINDER, source="bus/allwinner,sun50i-a64-de2.yaml"
    ),
    PhandleProperty(
        "altr,sysmgr-syscon", "syscon", REMAINDER, source="edac/altr,socfpga-ecc-manager.yaml"
    ),
    PhandleProperty("cpld-syscon", "syscon", 1, source="net/hisilicon-hns-dsaf.txt"),
    PhandleProperty("fsl,blk-ctrl", "syscon", REMAINDER, source="media/nxp,imx8-isi.yaml"),
    PhandleProperty("fsl,mipi-phy-gpr", "syscon", 1, source="media/nxp,imx8mq-mipi-csi2.yaml"),
    PhandleProperty("fsl,pcie-scfg", "syscon", REMAINDER, source="pci/fsl,layerscape-pcie-ep.yaml"),
    PhandleProperty(
        "fsl,rcpm-wakeup", "syscon", "#fsl,rcpm-wakeup-cells", source="rtc/fsl,ls-ftm-alarm.yaml"
    ),
    PhandleProperty("fsl,stop-mode", "syscon", 2, source="net/can/fsl,flexcan.yaml"),
    PhandleProperty("fsl,usbmisc", "syscon", "#index-cells", source="usb/chipidea,usb2-imx.yaml"),
    PhandleProperty(
        "google,usb-cfg-csr", "syscon", REMAINDER, source="phy/google,lga-usb-phy.yaml"
    ),
    PhandleProperty(
        "gpio,syscon-dev", "syscon", REMAINDER, source="gpio/cirrus,clps711x-mctrl-gpio.yaml"
    ),
    PhandleProperty(
        "hisilicon,sap-dll-reg", "syscon", 1, source="mmc/hisilicon,hi3798cv200-dw-mshc.yaml"
    ),
    PhandleProperty("intf_mode", "syscon", REMAINDER, source="net/nxp,dwmac-imx.yaml"),
    PhandleProperty("mediatek,pbus-csr", "syscon", 2, source="pci/mediatek-pcie-gen3.yaml"),
    PhandleProperty(
        "mediatek,syscon-hdmi", "syscon", 1, source="display/mediatek/mediatek,hdmi.yaml"
    ),
    PhandleProperty("mediatek,syscon-type", "syscon", 2, source="phy/mediatek,tphy.yaml"),
    PhandleProperty("mediatek,syscon-wakeup", "syscon", 2, source="usb/mediatek,mtk-xhci.yaml"),
    PhandleProperty(
        "nvidia,mipi-calibrate",
        "syscon",
        "#nvidia,mipi-calibrate-cells",
        source="display/tegra/nvidia,tegra20-csi.yaml",
    ),
    PhandleProperty("nvidia,pmc", "syscon", REMAINDER, source="phy/nvidia,tegra20-usb-phy.yaml"),
    PhandleProperty("nxp,phy-sel", "syscon", REMAINDER, source="net/nxp,s32-dwmac.yaml"),
    PhandleProperty("phy-select", "syscon", REMAINDER, source="usb/ci-hdrc-usb2.yaml"),
    PhandleProperty(
        "qcom,4ln-config-sel", "syscon", 2, source="phy/qcom,sc8280xp-qmp-pcie-phy.yaml"
    ),
    PhandleProperty("qcom,dload-mode", "syscon", 1, source="firmware/qcom,scm.yaml"),
    PhandleProperty("qcom,ext-bhs-reg", "syscon", 1, source="remoteproc/qcom,msm8916-mss-pil.yaml"),
    PhandleProperty("qcom,ext-regs", "syscon", 2, source="remoteproc/qcom,sc7280-mss-pil.yaml"),
    PhandleProperty("qcom,halt-regs", "syscon", REMAINDER, source="bus/qcom,ssc-block-bus.yaml"),
    PhandleProperty("qcom,perst-regs", "syscon", 2, source="pci/qcom,pcie-ep.yaml"),
    PhandleProperty("qcom,qaccept-regs", "syscon", 3, source="remoteproc/qcom,sc7280-mss-pil.yaml"),
    PhandleProperty("qcom,spare-regs", "syscon", 1, source="remoteproc/qcom,sc7180-mss-pil.yaml"),
    PhandleProperty(
        "qcom,tcsr-reg", "syscon", REMAINDER, source="phy/qcom,msm8998-qmp-usb3-phy.yaml"
    ),
    PhandleProperty("renesas,icu", "syscon", 1, source="dma/renesas,rz-dmac.yaml"),
    PhandleProperty(
        "renesas,sysc-pwrrdy", "syscon", 2, source="reset/renesas,rzg2l-usbphy-ctrl.yaml"
    ),
    PhandleProperty("renesas,tsu-trim", "syscon", 1, source="thermal/renesas,r9a09g047-tsu.yaml"),
    PhandleProperty(
        "samsung,pmu-syscon", "syscon", REMAINDER, source="phy/samsung,usb3-drd-phy.yaml"
    ),
    PhandleProperty("samsung,sysreg", "syscon", REMAINDER, source="soc/samsung/exynos-usi.yaml"),
    PhandleProperty(
        "socionext,syscon-phy-mode", "syscon", 1, source="net/socionext,uniphier-ave4.yaml"
    ),
    PhandleProperty(
        "socionext,syscon-uhs-mode", "syscon", 1, source="mmc/socionext,uniphier-sd.yaml"
    ),
    PhandleProperty("st,syscfg", "syscon", REMAINDER, source="pinctrl/st,stm32-pinctrl.yaml"),
    PhandleProperty(
        "st,syscfg-amcr", "syscon", 2, source="memory-controllers/st,stm32mp25-omm.yaml"
    ),
    PhandleProperty("st,syscfg-dlyb", "syscon", 1, source="spi/st,stm32mp25-ospi.yaml"),
    PhandleProperty("st,syscfg-fmp", "syscon", REMAINDER, source="i2c/st,stm32-i2c.yaml"),
    PhandleProperty("st,syscfg-holdboot", "syscon", 2, source="remoteproc/st,stm32-rproc.yaml"),
    PhandleProperty("st,syscfg-m4-state", "syscon", 2, source="remoteproc/st,stm32-rproc.yaml"),
    PhandleProperty("st,syscfg-pdds", "syscon", 2, source="remoteproc/st,stm32-rproc.yaml"),
    PhandleProperty("st,syscfg-rsc-tbl", "syscon", 2, source="remoteproc/st,stm32-rproc.yaml"),
    PhandleProperty("st,syscfg-tz", "syscon", 2, source="remoteproc/st,stm32-rproc.yaml"),
    PhandleProperty("st,syscon", "syscon", 1, source="net/stm32-dwmac.yaml"),
    PhandleProperty("subctrl-vbase", "syscon", 4, source="net/hisilicon-hns-mdio.txt"),
    PhandleProperty("syscon", "syscon", REMAINDER, source="net/allwinner,sun8i-a83t-emac.yaml"),
    PhandleProperty("syscon-chipselects", "syscon", REMAINDER, source="spi/ti,qspi.yaml"),
    PhandleProperty("syscon-pcs", "syscon", REMAINDER, source="phy/ti,phy-usb3.yaml"),
    PhandleProperty("syscon-phy-power", "syscon", 1, source="phy/ti,omap-usb2.yaml"),
    PhandleProperty("syscon-pllreset", "syscon", REMAINDER, source="phy/ti,phy-usb3.yaml"),
    PhandleProperty("syscon-raminit", "syscon", REMAINDER, source="net/can/bosch,c_can.yaml"),
    PhandleProperty("ti,bootreg", "syscon", REMAINDER, source="remoteproc/ti,omap-remoteproc.yaml"),
    PhandleProperty("ti,camerrx-control", "syscon", 1, source="media/ti,cal.yaml"),
    PhandleProperty("ti,ctrl-module", "syscon", REMAINDER, source="media/ti,vip.yaml"),
    PhandleProperty(
        "ti,syscon-acspcie-proxy-ctrl", "syscon", 1, source="pci/ti,j721e-pci-host.yaml"
    ),
    PhandleProperty(
        "ti,syscon-dev", "syscon", REMAINDER, source="interrupt-controller/ti,keystone-irq.yaml"
    ),
    PhandleProperty("ti,syscon-efuse", "syscon", 1, source="net/ti,k3-am654-cpsw-nuss.yaml"),
    PhandleProperty("ti,syscon-pcie-ctrl", "syscon", 1, source="pci/ti,j721e-pci-ep.yaml"),
    PhandleProperty("ti,syscon-pcie-id", "syscon", 1, source="pci/ti,am65-pci-host.yaml"),
    PhandleProperty("ti,syscon-pcie-mode", "syscon", 1, source="pci/ti,am65-pci-ep.yaml"),
    PhandleProperty("ti,syscon-phy-pll-refclk", "syscon", 1, source="usb/ti,am62-usb.yaml"),
    PhandleProperty("ti,syscon-rgmii-delay", "syscon", 1, source="net/ti,icssg-prueth.yaml"),
    # thermal
    PhandleProperty(
        "cooling-device", "thermal", "#cooling-cells", source="thermal/thermal-zones.yaml"
    ),
    PhandleProperty(
        "thermal-sensors", "thermal", "#thermal-sensor-cells", source="thermal/thermal-zones.yaml"
    ),
    # timer
    PhandleProperty(
        "timestamps",
        "timer",
        "#timestamp-cells",
        default_cells=0,
        source="timestamp/hte-consumer.yaml",
    ),
    # trigger
    PhandleProperty(
        "trigger-sources",
        "trigger",
        "#trigger-source-cells",
        default_cells=0,
        source="dt-schema trigger/trigger-source.yaml",
    ),
)

# Properties that are plain lists of phandles, without arguments: name, binding; by kind.
_PLAIN: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "backlight": (("backlight", "Linux parse_backlight"),),
    "bus": (("arm,vexpress,config-bridge", "arm/vexpress-config.yaml"),),
    "cache": (
        ("cci-control-port", "arm/cci-control-port.yaml"),
        ("l2-cache", "dt-schema cpu.yaml"),
        ("next-level-cache", "dt-schema cache-controller.yaml"),
    ),
    "camera": (("lens-focus", "media/video-interface-devices.yaml"),),
    "can": (("transceiver", "usb/generic-ohci.yaml"),),
    "clock": (
        ("altr,f2h_ptp_ref_clk", "net/altr,socfpga-stmmac.yaml"),
        ("brcm,syscon-clkset", "phy/bcm-ns-usb2-phy.yaml"),
        ("samsung,syscon-clk", "memory-controllers/samsung,exynos5422-dmc.yaml"),
    ),
    "cpu": (
        ("cpu", "dt-schema cpu-map.yaml"),
        ("cpus", "interrupt-controller/apple,aic.yaml"),
    ),
    "display": (
        ("allwinner,pipelines", "display/allwinner,sun4i-a10-display-engine.yaml"),
        ("display", "display/atmel,lcdc.yaml"),
        ("fsl,companion-ldb", "display/bridge/fsl,imx8qxp-ldb.yaml"),
        ("fsl,companion-pxl2dpi", "display/bridge/fsl,imx8qxp-pxl2dpi.yaml"),
        ("fsl,pres", "display/imx/fsl,imx6qp-prg.yaml"),
        ("fsl,prg", "display/imx/fsl,imx6q-ipu.yaml"),
        ("hdmi-phandle", "media/cec/cec-common.yaml"),
        ("native-mode", "display/panel/display-timings.yaml"),
        ("nvidia,dpaux", "display/tegra/nvidia,tegra124-sor.yaml"),
        ("nvidia,ganged-mode", "display/tegra/nvidia,tegra20-dsi.yaml"),
        ("nvidia,outputs", "display/tegra/nvidia,tegra186-dc.yaml"),
        ("renesas,bonding", "media/renesas,drif.yaml"),
        ("renesas,cmms", "display/renesas,du.yaml"),
        ("renesas,companion", "display/bridge/renesas,lvds.yaml"),
        ("renesas,fcp", "media/renesas,fdp1.yaml"),
        ("renesas,vspx", "media/renesas,isp.yaml"),
        ("ti,companion-oldi", "display/ti/ti,am625-oldi.yaml"),
    ),
    "dma": (
        ("dma-masters", "dma/dma-router.yaml"),
        ("fsl,capture-dma", "sound/fsl,ssi.yaml"),
        ("fsl,playback-dma", "sound/fsl,ssi.yaml"),
        ("ti,ringacc", "dma/ti/k3-udma.yaml"),
        ("ti,unmapped-event-sources", "interrupt-controller/ti,sci-inta.yaml"),
    ),
    "ethernet": (
        ("actions,ethcfg", "net/actions,owl-emac.yaml"),
        ("ae-handle", "net/hisilicon-hns-nic.txt"),
        ("airoha,npu", "net/airoha,en7581-eth.yaml"),
        ("altr,emac-splitter", "net/altr,socfpga-stmmac.yaml"),
        ("altr,gmii-to-sgmii-converter", "net/altr,socfpga-stmmac.yaml"),
        ("dsaf-handle", "infiniband/hisilicon-hns-roce.txt"),
        ("eth-handle", "infiniband/hisilicon-hns-roce.txt"),
        ("ethernet", "net/dsa/dsa-port.yaml"),
        ("fsl,bman", "net/fsl,fman.yaml"),
        ("fsl,bman-portals", "soc/fsl/fsl,bman.yaml"),
        ("fsl,fman-ports", "net/fsl,fman-dtsec.yaml"),
        ("fsl,qman-portals", "soc/fsl/fsl,qman.yaml"),
        ("mediatek,wed", "net/mediatek,net.yaml"),
        ("mediatek,wed-pcie", "net/mediatek,net.yaml"),
        ("ptimer-handle", "net/fsl,fman.yaml"),
        ("ptp-timer", "net/ethernet-controller.yaml"),
        ("snps,axi-config", "net/snps,dwmac.yaml"),
        ("snps,mtl-rx-config", "net/snps,dwmac.yaml"),
        ("snps,mtl-tx-config", "net/snps,dwmac.yaml"),
        ("ti,iep", "net/ti,icssg-prueth.yaml"),
        ("ti,mii-g-rt", "net/ti,icssg-prueth.yaml"),
        ("ti,mii-rt", "net/ti,icssg-prueth.yaml"),
        ("ti,pa-stats", "net/ti,icssg-prueth.yaml"),
    ),
    "ethernet-phy": (
        ("mdio-parent-bus", "net/allwinner,sun8i-a83t-emac.yaml"),
        ("pcsphy-handle", "net/fsl,fman-dtsec.yaml"),
        ("phy", "net/ethernet-controller.yaml"),
        ("phy-device", "net/ethernet-controller.yaml"),
        ("phy-handle", "net/ethernet-controller.yaml"),
        ("sfp", "net/ethernet-controller.yaml"),
        ("tbi-handle", "net/fsl,fman-dtsec.yaml"),
    ),
    "extcon": (("extcon", "Linux parse_extcon"),),
    "firmware": (
        ("device-handle", "memory-controllers/samsung,exynos5422-dmc.yaml"),
        ("firmware", "power/raspberrypi,bcm2835-power.yaml"),
        ("fsl,firmware-phandle", "soc/fsl/cpm_qe/fsl,qe.yaml"),
        ("qcom,ice", "ufs/qcom,sc7180-ufshc.yaml"),
        ("qcom,mmio", "soc/qcom/qcom,wcnss.yaml"),
        ("qcom,qmp", "display/msm/gmu.yaml"),
        ("qcom,rpm-msg-ram", "interrupt-controller/qcom,mpm.yaml"),
        ("secure-monitor", "nvmem/amlogic,meson-gxbb-efuse.yaml"),
        ("ti,sci", "arm/keystone/ti,k3-sci-common.yaml"),
    ),
    "flash": (
        ("ecc-engine", "mtd/mediatek,mtk-nfc.yaml"),
        ("flash", "mfd/aspeed-lpc.yaml"),
        ("nand-ecc-engine", "mtd/nand-property.yaml"),
        ("part-concat-next", "mtd/partitions/partition.yaml"),
        ("ti,elm-id", "mtd/ti,gpmc-nand.yaml"),
    ),
    "fpga": (("fpga-mgr", "fpga/fpga-region.yaml"),),
    "gpio": (("nvidia,gpio-controller", "timestamp/nvidia,tegra194-hte.yaml"),),
    "graph": (
        ("ports", "display/bridge/adi,adv7533.yaml"),
        ("remote-endpoint", "dt-schema graph.yaml; Linux parse_remote_endpoint"),
    ),
    "i2c": (
        ("ddc", "display/brcm,bcm2711-hdmi.yaml"),
        ("ddc-i2c-bus", "display/bridge/synopsys,dw-hdmi.yaml"),
        ("i2c-bus", "connector/gocontroll,moduline-module-slot.yaml"),
        ("nvidia,ddc-i2c-bus", "display/tegra/nvidia,tegra124-sor.yaml"),
    ),
    "idle-state": (("cpu-idle-states", "dt-schema cpu.yaml"),),
    "interconnect": (
        ("devfreq", "interconnect/samsung,exynos-bus.yaml"),
        ("devfreq-events", "interconnect/samsung,exynos-bus.yaml"),
        ("fsl,ddrc", "interconnect/fsl,imx8m-noc.yaml"),
        ("mediatek,cci", "arm/cpus.yaml"),
        ("qcom,bcm-voters", "interconnect/qcom,rpmh-common.yaml"),
    ),
    "interrupt": (
        ("affinity", "interrupt-controller/arm,gic-v3.yaml"),
        ("interrupt-parent", "dt-schema interrupts.yaml; Linux parse_interrupt_parent"),
        ("wakeup-parent", "Linux parse_wakeup_parent"),
    ),
    "io-channel": (("mediatek,auxadc", "thermal/mediatek,thermal.yaml"),),
    "iommu": (
        ("apple,sart", "nvme/apple,nvme-ans.yaml"),
        ("mediatek,larbs", "iommu/mediatek,iommu.yaml"),
        ("mediatek,smi", "memory-controllers/mediatek,smi-common.yaml"),
        ("nvidia,cmdqv", "iommu/arm,smmu-v3.yaml"),
    ),
    "led": (
        ("activity-led", "dt-schema options/u-boot.yaml"),
        ("boot-led", "dt-schema options/u-boot.yaml"),
    ),
    "link": (
        (
            "post-init-providers",
            "dt-schema post-init-providers.yaml; Linux parse_post_init_providers",
        ),
    ),
    "mailbox": (("mediatek,wo-ccif", "arm/mediatek/mediatek,mt7622-wed.yaml"),),
    "memory-controller": (
        ("memory-channel", "dt-schema sdram/sdram-consumer.yaml"),
        ("nvidia,external-memory-controller", "clock/nvidia,tegra124-car.yaml"),
        ("nvidia,memory-controller", "gpu/host1x/nvidia,tegra234-nvdec.yaml"),
    ),
    "memory-region": (
        ("asram", "dma/marvell,mmp-dma.yaml"),
        ("buffer-manager", "net/marvell,armada-370-neta.yaml"),
        ("fsl,iram", "display/imx/fsl,imx6qp-pre.yaml"),
        ("hisilicon,hi6220-clk-sram", "clock/hi6220-clock.txt"),
        ("internal-mem", "net/marvell,armada-380-neta-bm.yaml"),
        ("iram", "dma/fsl,imx-sdma.yaml"),
        ("marvell,crypto-srams", "crypto/marvell,orion-crypto.yaml"),
        ("shmem", "firmware/arm,scmi.yaml"),
        ("sram", "display/imx/fsl,imx8qxp-dc-command-sequencer.yaml"),
    ),
    "mmc": (("mmc-pwrseq", "mmc/mmc-controller-common.yaml"),),
    "opp": (("operating-points-v2", "dt-schema opp/opp.yaml"),),
    "other": (
        ("altr,ecc-parent", "edac/altr,socfpga-ecc-manager.yaml"),
        ("amlogic,secbus2", "remoteproc/amlogic,meson-mx-ao-arc.yaml"),
        ("dev-handle", "soc/fsl/fsl,qman-portal.yaml"),
        ("dfx", "net/marvell,prestera.yaml"),
        ("filter-source", "arm/arm,coresight-static-replicator.yaml"),
        ("fsl,cpucfg", "interrupt-controller/fsl,vf610-mscm-ir.yaml"),
        ("fsl,framer", "soc/fsl/cpm_qe/fsl,cpm1-scc-qmc.yaml"),
        ("fsl,input-sel", "pinctrl/fsl,imx7d-pinctrl.yaml"),
        ("fsl,lts", "display/imx/fsl,imx8qxp-dc-store.yaml"),
        ("fsl,tcon", "display/fsl,ls1021a-dcu.yaml"),
        ("mediatek,hardware-voter", "clock/mediatek,mt8196-clock.yaml"),
        ("mediatek,pcie-mirror", "net/mediatek,net.yaml"),
        ("nvidia,axi2apb", "arm/tegra/nvidia,tegra194-cbb.yaml"),
        ("nxp,sim", "phy/fsl,mxs-usbphy.yaml"),
        ("qcom,pbs", "leds/leds-qcom-lpg.yaml"),
        ("renesas,sysc", "pci/renesas,r9a08g045-pcie.yaml"),
        ("sata", "ata/faraday,ftide010.yaml"),
        ("slave-dev", "ipmi/ipmi-ipmb.yaml"),
        ("st,gcan", "net/can/st,stm32-bxcan.yaml"),
        ("su1-dev", "mfd/ams,as3711.yaml"),
        ("su2-dev", "mfd/ams,as3711.yaml"),
    ),
    "panel": (
        ("fsl,panel", "display/imx/fsl,imx6q-ldb.yaml"),
        ("link2", "display/panel/jdi,lpm102a188a.yaml"),
        ("nvidia,panel", "display/tegra/nvidia,tegra124-sor.yaml"),
        ("panel", "Linux parse_panel"),
    ),
    "phy": (
        ("fsl,imx7d-pcie-phy", "pci/fsl,imx6q-pcie-common.yaml"),
        ("fsl,usbphy", "usb/chipidea,usb2-imx.yaml"),
        ("nvidia,phy", "usb/ci-hdrc-usb2.yaml"),
        ("usb-phy", "power/supply/isp1704.yaml"),
    ),
    "pinctrl": (
        ("mediatek,pctl", "net/mediatek,net.yaml"),
        ("mediatek,pctl-regmap", "pinctrl/mediatek,mt65xx-pinctrl.yaml"),
        ("mediatek,pio", "net/dsa/mediatek,mt7530.yaml"),
        (
            "pinctrl",
            "corpus: one board (gpio-mux of Linux 6.12) writes it for pinctrl-0; no binding",
        ),
    ),
    "power-domain": (
        ("domain-idle-states", "power/power-domain.yaml"),
        ("pm_qos", "power/rockchip,power-controller.yaml"),
        ("qcom,acc", "arm/cpus.yaml"),
        ("qcom,saw", "arm/cpus.yaml"),
        ("samsung,power-domain", "display/bridge/samsung,mipi-dsim.yaml"),
    ),
    "power-supply": (
        ("battery", "power/supply/stericsson,ab8500-btemp.yaml"),
        ("monitored-battery", "power/supply/power-supply.yaml"),
        ("power-supplies", "power/supply/power-supply.yaml; Linux parse_power_supplies"),
    ),
    "pwm": (
        ("renesas,gpt", "pinctrl/renesas,rzg2l-poeg.yaml"),
        ("ti,ecap", "net/ti,icssm-prueth.yaml"),
    ),
    "regulator": (("regulator-coupled-with", "regulator/regulator.yaml"),),
    "remoteproc": (
        ("amd,rproc", "memory-controllers/xlnx,versal-net-ddrmc5.yaml"),
        ("mediatek,adsp", "sound/mediatek,mt8188-mt6359.yaml"),
        ("mediatek,scp", "media/mediatek,mdp3-rdma.yaml"),
        ("mediatek,vpu", "media/mediatek,mt8173-mdp.yaml"),
        ("qcom,adsp", "sound/qcom,lpass-cpu.yaml"),
        ("qcom,gmu", "display/msm/gpu.yaml"),
        ("qcom,rproc", "net/wireless/qcom,ath11k.yaml"),
        ("ti,prus", "remoteproc/ti,pru-consumer.yaml"),
        ("ti,rproc", "soc/ti/wkup-m3-ipc.yaml"),
        ("xlnx,rproc", "bus/xlnx,versal-net-cdx.yaml"),
    ),
    "sound": (
        ("audio-amplifier", "sound/samsung,tm2.yaml"),
        ("audio-asrc", "sound/fsl-asoc-card.yaml"),
        ("audio-aux-devs", "sound/amlogic,axg-sound-card.yaml"),
        ("audio-codec", "sound/fsl,imx-audio-es8328.yaml"),
        ("audio-cpu", "sound/fsl-asoc-card.yaml"),
        ("aux-devs", "sound/audio-graph-card2.yaml"),
        ("bitclock-master", "sound/audio-graph-port.yaml"),
        ("capture", "sound/renesas,rsnd.yaml"),
        ("codec-handle", "sound/fsl,ssi.yaml"),
        ("dais", "sound/audio-graph.yaml"),
        ("frame-master", "sound/audio-graph-port.yaml"),
        ("link", "net/dsa/dsa-port.yaml"),
        ("links", "sound/audio-graph-card2.yaml"),
        ("mediatek,audio-codec", "sound/mediatek,mt2701-wm8960.yaml"),
        ("mediatek,dptx-codec", "sound/mt8195-mt6359.yaml"),
        ("mediatek,ec-codec", "sound/mediatek,mt8183_mt6358_ts3a227.yaml"),
        ("mediatek,hdmi-codec", "sound/mediatek,mt8183_da7219.yaml"),
        ("mediatek,headset-codec", "sound/mediatek,mt8183_da7219.yaml"),
        ("mediatek,platform", "sound/mediatek,mt2701-wm8960.yaml"),
        ("nvidia,ac97-controller", "sound/nvidia,tegra-audio-common.yaml"),
        ("nvidia,audio-codec", "sound/nvidia,tegra-audio-common.yaml"),
        ("nvidia,i2s-controller", "sound/nvidia,tegra-audio-common.yaml"),
        ("playback", "sound/renesas,rsnd.yaml"),
        ("qcom,rx-device", "sound/qcom,pm4125-codec.yaml"),
        ("qcom,tx-device", "sound/qcom,pm4125-codec.yaml"),
        ("rockchip,audio-codec", "sound/rockchip,rockchip-audio-max98090.yaml"),
        ("rockchip,codec", "sound/rockchip,rk3399-gru-sound.yaml"),
        ("rockchip,cpu", "sound/rockchip,rk3399-gru-sound.yaml"),
        ("rockchip,hdmi-codec", "sound/rockchip,rockchip-audio-max98090.yaml"),
        ("rockchip,headset-codec", "sound/rockchip,rockchip-audio-max98090.yaml"),
        ("rockchip,i2s-controller", "sound/rockchip,rockchip-audio-max98090.yaml"),
        ("samsung,audio-codec", "sound/samsung,arndale.yaml"),
        ("samsung,audio-cpu", "sound/samsung,arndale.yaml"),
        ("samsung,i2s-controller", "sound/samsung,smdk5250.yaml"),
        ("simple-audio-card,aux-devs", "sound/simple-card.yaml"),
        ("slim-ifc-dev", "sound/qcom,wcd9335.yaml"),
        ("spdif-controller", "sound/fsl-asoc-card.yaml"),
        ("ssi-controller", "sound/fsl,imx-audio-es8328.yaml"),
        ("ti,codec", "sound/ti,omap-twl4030.yaml"),
        ("ti,cpb-codec", "sound/ti,j721e-cpb-audio.yaml"),
        ("ti,cpb-mcasp", "sound/ti,j721e-cpb-audio.yaml"),
        ("ti,ivi-codec-a", "sound/ti,j721e-cpb-ivi-audio.yaml"),
        ("ti,ivi-codec-b", "sound/ti,j721e-cpb-ivi-audio.yaml"),
        ("ti,ivi-mcasp", "sound/ti,j721e-cpb-ivi-audio.yaml"),
    ),
    "syscon": (
        ("acc-syscon", "power/avs/qcom,cpr.yaml"),
        ("adc-syscon", "iio/adc/brcm,iproc-static-adc.yaml"),
        ("airoha,chip-scu", "thermal/airoha,en7581-thermal.yaml"),
        ("allwinner,codec-analog-controls", "sound/allwinner,sun4i-a10-codec.yaml"),
        ("altr,sdr-syscon", "edac/altr,socfpga-ecc-manager.yaml"),
        ("amd,pensando-elba-syscon", "spi/snps,dw-apb-ssi.yaml"),
        ("amlogic,ao-secure", "thermal/amlogic,thermal.yaml"),
        ("amlogic,ao-sysctrl", "media/amlogic,gx-vdec.yaml"),
        ("amlogic,canvas", "display/amlogic,meson-vpu.yaml"),
        ("amlogic,hhi-sysctrl", "iio/adc/amlogic,meson-saradc.yaml"),
        ("arasan,soc-ctl-syscon", "mmc/arasan,sdhci.yaml"),
        ("brcm,sr-cdru", "phy/brcm,sr-pcie-phy.yaml"),
        ("brcm,sr-mhb", "phy/brcm,sr-pcie-phy.yaml"),
        ("brcm,syscon-piarbctl", "phy/brcm,brcmstb-usb-phy.yaml"),
        ("cpu-syscon", "reset/microchip,rst.yaml"),
        ("ctrl-module", "phy/ti,omap-usb2.yaml"),
        ("fsl,anatop", "phy/fsl,mxs-usbphy.yaml"),
        ("fsl,dsp-ctrl", "dsp/fsl,dsp.yaml"),
        ("fsl,iomuxc-gpr", "remoteproc/fsl,imx-rproc.yaml"),
        ("fsl,media-blk-ctrl", "display/bridge/fsl,imx93-mipi-dsi.yaml"),
        ("fsl,syscon", "phy/mixel,mipi-dsi-phy.yaml"),
        ("fsl,weim-cs-gpr", "memory-controllers/fsl/fsl,imx-weim.yaml"),
        ("google,pmu-intr-gen-syscon", "soc/samsung/exynos-pmu.yaml"),
        ("gpr", "display/imx/fsl,imx6-hdmi.yaml"),
        ("hisi,rst-syscon", "reset/hisilicon,hi3660-reset.yaml"),
        ("hisilicon,noc-syscon", "display/hisilicon/hisi-ade.txt"),
        ("hisilicon,pctrl-syscon", "phy/hisilicon,hi3660-usb3.yaml"),
        ("hisilicon,pericrg-syscon", "phy/hisilicon,hi3660-usb3.yaml"),
        ("hisilicon,peripheral-syscon", "mmc/hisilicon,hi3660-dw-mshc.yaml"),
        ("hisilicon,rst-syscon", "reset/hisilicon,hi3660-reset.yaml"),
        ("hisilicon,sas-syscon", "scsi/hisilicon-sas.txt"),
        ("hisilicon,sctrl-syscon", "phy/hisilicon,hi3670-usb3.yaml"),
        ("hisilicon,sysctrl-syscon", "sound/hisilicon,hi6210-i2s.yaml"),
        ("infracfg", "clock/mediatek,infracfg.yaml"),
        ("marvell,system-controller", "mtd/marvell,nand-controller.yaml"),
        ("marvell,usb-misc-reg", "phy/marvell,armada-3700-utmi-phy.yaml"),
        ("mediatek,accdet", "sound/mediatek,mt8188-mt6359.yaml"),
        ("mediatek,apmixedsys", "sound/mediatek,mt8189-afe-pcm.yaml"),
        ("mediatek,ethsys", "net/mediatek,net.yaml"),
        ("mediatek,hifsys", "net/mediatek,net.yaml"),
        ("mediatek,infracfg", "iommu/mediatek,iommu.yaml"),
        ("mediatek,infracfg-nao", "power/mediatek,power-controller.yaml"),
        ("mediatek,pericfg", "net/mediatek,star-emac.yaml"),
        ("mediatek,phy-mode", "ata/mediatek,mtk-ahci.yaml"),
        ("mediatek,sgmiisys", "net/mediatek,net.yaml"),
        ("mediatek,sysctl", "watchdog/mediatek,mt7621-wdt.yaml"),
        ("mediatek,topckgen", "sound/mediatek,mt8188-afe.yaml"),
        ("mediatek,vdecsys", "media/mediatek,vcodec-decoder.yaml"),
        ("misc", "phy/st,spear1310-miphy.yaml"),
        ("mode-reg", "net/ingenic,mac.yaml"),
        ("nuvoton,sys", "mmc/nuvoton,ma35d1-sdhci.yaml"),
        ("nuvoton,sysgcr", "media/nuvoton,npcm-vcd.yaml"),
        ("nvidia,apbmisc", "arm/tegra/nvidia,tegra194-cbb.yaml"),
        ("qcom,saw-reg", "regulator/qcom,spmi-regulator.yaml"),
        ("qcom,tcsr-syscon", "phy/qcom,qusb2-phy.yaml"),
        ("regmap", "crypto/fsl,sec-v4.0-mon.yaml"),
        ("regmap-csw", "edac/apm,xgene-edac.yaml"),
        ("regmap-efuse", "edac/apm,xgene-edac.yaml"),
        ("regmap-mcba", "edac/apm,xgene-edac.yaml"),
        ("regmap-mcbb", "edac/apm,xgene-edac.yaml"),
        ("regmap-rb", "edac/apm,xgene-edac.yaml"),
        ("renesas,xspi-cs-addr-sys", "memory-controllers/renesas,rzg3e-xspi.yaml"),
        ("rockchip,grf", "clock/rockchip,px30-cru.yaml"),
        ("rockchip,php-grf", "net/rockchip-dwmac.yaml"),
        ("rockchip,phy-grf", "phy/rockchip,pcie3-phy.yaml"),
        ("rockchip,pipe-grf", "phy/phy-rockchip-naneng-combphy.yaml"),
        ("rockchip,pipe-phy-grf", "phy/phy-rockchip-naneng-combphy.yaml"),
        ("rockchip,pmu", "arm/cpus.yaml"),
        ("rockchip,u2phy-grf", "phy/phy-rockchip-usbdp.yaml"),
        ("rockchip,usb-grf", "phy/phy-rockchip-usbdp.yaml"),
        ("rockchip,usbdpphy-grf", "phy/phy-rockchip-usbdp.yaml"),
        ("rockchip,usbgrf", "phy/rockchip,inno-usb2phy.yaml"),
        ("rockchip,vo-grf", "display/rockchip/rockchip,rk3588-dw-hdmi-qp.yaml"),
        ("rockchip,vo1-grf", "display/rockchip/rockchip-vop2.yaml"),
        ("rockchip,vop-grf", "display/rockchip/rockchip-vop2.yaml"),
        ("samsung,cam0-sysreg", "phy/samsung,mipi-video-phy.yaml"),
        ("samsung,cam1-sysreg", "phy/samsung,mipi-video-phy.yaml"),
        ("samsung,disp-syscon", "display/samsung/samsung,exynos5433-mic.yaml"),
        ("samsung,disp-sysreg", "display/samsung/samsung,exynos5433-decon.yaml"),
        ("samsung,fsys-sysreg", "phy/samsung,exynos-pcie-phy.yaml"),
        ("samsung,pmureg-phandle", "phy/samsung,usb2-phy.yaml"),
        ("samsung,syscon-phandle", "display/samsung/samsung,exynos-hdmi.yaml"),
        ("samsung,sysreg-phandle", "display/samsung/samsung,exynos-hdmi.yaml"),
        ("serdes-syscon", "net/hisilicon-hns-dsaf.txt"),
        ("socionext,syscon", "phy/socionext,uniphier-pcie-phy.yaml"),
        ("sprd,aon-apb-syscon", "ufs/sprd,ums9620-ufs.yaml"),
        ("sprd,syscon", "clock/sprd,sc9860-clk.yaml"),
        ("sprd,ufs-anlg-syscon", "ufs/sprd,ums9620-ufs.yaml"),
        ("subctrl-syscon", "net/hisilicon-hns-dsaf.txt"),
        ("syscon-sfpb", "display/msm/dsi-controller-main.yaml"),
        ("syscon-tcsr", "soc/qcom/qcom,gsbi.yaml"),
        ("ti,am65x-oldi-io-ctrl", "display/ti/ti,am65x-dss.yaml"),
        ("ti,oldi-io-ctrl", "display/ti/ti,am625-oldi.yaml"),
        ("ti,scm", "phy/ti,phy-j721e-wiz.yaml"),
        ("ti,serdes-clk", "phy/ti,phy-am654-serdes.yaml"),
        ("ti,syscon-sa-cfg", "rng/ti,keystone-rng.yaml"),
        ("usb3-dmp-syscon", "phy/bcm-ns-usb3-phy.yaml"),
    ),
    "thermal": (
        ("fsl,tempmon", "thermal/imx-thermal.yaml"),
        ("fsl,tempmon-data", "thermal/imx-thermal.yaml"),
        ("trip", "thermal/thermal-zones.yaml"),
    ),
    "timer": (
        ("ti,timers", "pwm/ti,omap-dmtimer-pwm.yaml"),
        ("ti,watchdog-timers", "remoteproc/ti,omap-remoteproc.yaml"),
    ),
    "trace": (("arm,cs-dev-assoc", "arm/arm,coresight-cti.yaml"),),
    "usb": (
        ("companion", "usb/renesas,usb3-peri.yaml"),
        ("nvidia,xusb-padctl", "usb/nvidia,tegra-xudc.yaml"),
        ("peer-hub", "usb/cypress,hx3.yaml"),
        ("richtek,usb-connector", "power/supply/richtek,rt5033-charger.yaml"),
        ("ti,usb-charger-detection", "power/supply/bq2415x.yaml"),
    ),
    "wakeup": (("wakeup-source", "dt-schema wakeup-source.yaml"),),
}

# Wildcards; the first that matches wins.
_PATTERNS: Final[tuple[PhandleProperty, ...]] = (
    PhandleProperty(
        "*-gpio",
        "gpio",
        "#gpio-cells",
        source="dt-schema gpio/gpio-consumer.yaml; Linux parse_gpio",
    ),
    PhandleProperty(
        "*-gpios",
        "gpio",
        "#gpio-cells",
        source="dt-schema gpio/gpio-consumer.yaml; Linux parse_gpios",
    ),
    PhandleProperty(
        "*-supply", "regulator", 0, source="regulator/regulator.yaml; Linux parse_regulators"
    ),
    PhandleProperty(
        "pinctrl-*",
        "pinctrl",
        0,
        digits=True,
        source="dt-schema pinctrl/pinctrl-consumer.yaml; Linux parse_pinctrl0",
    ),
    PhandleProperty("*,aux-devs", "sound", 0, source="sound/simple-card.yaml"),
    PhandleProperty("*,bitclock-master", "sound", 0, source="sound/simple-card.yaml"),
    PhandleProperty("*,frame-master", "sound", 0, source="sound/simple-card.yaml"),
    PhandleProperty(
        "*-syscon", "syscon", REMAINDER, source="mfd/syscon.yaml; the custom of all bindings"
    ),
    PhandleProperty(
        "*-grf", "syscon", 0, source="soc/rockchip/grf.yaml; the custom of all bindings"
    ),
    PhandleProperty(
        "*-sysreg", "syscon", REMAINDER, source="soc/samsung/samsung,exynos-sysreg.yaml"
    ),
)

_EXACT: Final = _DETAILED + tuple(
    PhandleProperty(name, kind, 0, source=source)
    for kind, rows in _PLAIN.items()
    for name, source in rows
)

PROPERTIES: Final[tuple[PhandleProperty, ...]] = _EXACT + _PATTERNS
"""Exact names first, then wildcards; the first match wins."""

NOT_PHANDLES: Final[tuple[tuple[str, str], ...]] = (
    ("nr-gpios", "a count; gpio/gpio.txt"),
    ("*,nr-gpios", "a count; dt-schema gpio/gpio-consumer.yaml"),
    ("realtek,jd*-gpio", "the number of a codec pin; sound/realtek,rt5677.yaml"),
)
"""Names that fit a wildcard above and hold no phandle, each with its reason and source."""


def _regex(pattern: str, *, digits: bool = False) -> str:
    head, _, rest = pattern.partition("*")
    middle = "[0-9]+" if digits else ".+"
    return f"{re.escape(head)}{middle}{re.escape(rest)}" if "*" in pattern else re.escape(pattern)


_BY_NAME: Final[dict[str, PhandleProperty]] = {p.pattern: p for p in _EXACT}
_BY_PATTERN: Final[tuple[tuple[re.Pattern[str], PhandleProperty], ...]] = tuple(
    (re.compile(_regex(p.pattern, digits=p.digits)), p) for p in _PATTERNS
)
_EXCLUDED: Final = re.compile("|".join(_regex(pattern) for pattern, _ in NOT_PHANDLES))


@lru_cache(maxsize=4096)
def lookup(name: str) -> PhandleProperty | None:
    """The entry for a property name, None when it is not known to hold phandles.

    A caller still has to look at `unless`: the `gpios` of a GPIO hog are specifiers of its
    parent, without a phandle.
    """
    exact = _BY_NAME.get(name)
    if exact is not None:
        return exact
    if _EXCLUDED.fullmatch(name):
        return None
    for pattern, prop in _BY_PATTERN:
        if pattern.fullmatch(name):
            return prop
    return None
