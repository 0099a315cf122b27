"""What Linux drivers need from a device's suppliers, by `compatible` string.

A guest's tree can't have every clock, reset, PHY or syscon that a device refers to. This module
is the knowledge, as data, of what that means: for a `compatible` string, the Linux driver and its
binding, and for each property that names suppliers what the driver does when it is absent.

- `required=True`: without it the driver's probe fails or is deferred for ever, or the device
  can't work. It has to be stubbed or kept.
- `required=False`: the driver goes on. The property may be left out (what it would have switched
  on has to be on already, which is the host's duty).
- no `Need` for an entry: nothing is known of it, and nothing may be concluded.

The driver decides, not the binding's `required` list: `devm_clk_get` and
`devm_reset_control_get_exclusive` fail when the entry is missing, their `_optional` kin do not;
where the two differ, `without` says so. An entry says what happens when the property is absent. A
property that is there but points at a provider that no driver serves defers the probe for ever,
required or not.

What Linux' frameworks do for every driver is added to every entry that does not say otherwise
(`_ALWAYS`): no default state for the pins, no power domain, a dummy regulator.

Not said here, since no property says it: that a driver looks for a node of another `compatible`
(the PCIe driver of i.MX wants the iomuxc-gpr), for a node below its own (mdio, ports, PHYs of SATA
ports) or for a parent with a driver (a GENI serial engine wants its wrapper, a Rockchip GPIO bank
its pin controller).

Read from Linux 6.12: `driver` is a path in Linux' tree, `binding` a path below its
Documentation/devicetree.

To add an entry: put the string into the group of the same driver and the same needs, or write a
new group after reading the driver's probe. The strings are those of the driver's own match table,
exact as Linux matches them; the first string of a `compatible` list about which something is known
decides, as in Linux. "arm,primecell" is known as what the AMBA bus itself needs and says nothing
about the driver of a block that is not listed. In a property's name a `*` at the start, the end or
in the middle stands for anything; an exact name beats every wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["DRIVER_NEEDS", "DriverNeeds", "Need", "need", "needs"]


class Need(NamedTuple):
    """What becomes of a driver when a property that names suppliers is absent."""

    property: str
    """``clocks``, ``resets``, ``phys``, ``phy-handle``, …; ``*`` is a wildcard (``*-supply``)."""
    required: bool
    """Whether the probe fails, waits for ever, or the device can't work without it."""
    names: tuple[str, ...]
    """The entries by name (``clock-names``, …) that this speaks of; () is all of them."""
    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody calls
    """The least number of entries when required; 0 when unknown or any."""
    without: str
    """One short sentence, for reports: what the driver does without it."""
    instead: tuple[str, ...] = ()
    """Properties or child nodes one of which does as well where a board has it."""


class DriverNeeds(NamedTuple):
    """What one driver needs."""

    driver: str
    """Path in Linux' tree."""
    binding: str
    """Path below Linux' Documentation/devicetree."""
    needs: tuple[Need, ...]


class _Group(NamedTuple):
    """Strings that share a driver and its needs."""

    driver: str
    binding: str
    compatibles: str
    """Separated by white space."""
    needs: tuple[Need, ...]


_FAILS = "the probe fails"
_GOES_ON = "the driver goes on"
_PIO = "the processor moves the data"
_NO_LINK = "no PHY is found: the interface can't be brought up"
_MODES = "the slot has no such line: card detection polls, write protection is off"


def _must(
    prop: str,
    *names: str,
    count: int = 0,
    without: str = _FAILS,
    instead: tuple[str, ...] = (),
) -> Need:
    return Need(prop, True, names, count or len(names) or 1, without, instead)


def _may(prop: str, *names: str, without: str = _GOES_ON) -> Need:
    return Need(prop, False, names, 0, without)


_ALWAYS: Final = (
    _may("pinctrl-*", without="the pins stay as firmware or the host set them"),
    _may("power-domains", without="no power domain is switched: the host has to keep it on"),
    _may("assigned-clock*", without="the clocks keep the rates and parents they have"),
    _may("interconnects", without="no bandwidth is asked for"),
    _may("*-supply", without="the regulator is a dummy, or the driver does without"),
    _may("operating-points-v2", without="rates are set without a table"),
)
"""What the frameworks do for every driver: drivers/base/pinctrl.c, drivers/pmdomain/core.c,
drivers/clk/clk-conf.c, drivers/interconnect/core.c, drivers/regulator/core.c, drivers/opp/of.c of
Linux."""

_DMAS: Final = _may("dmas", without=_PIO)
_RESETS: Final = _may("resets", without="no reset is done")
_CLOCK: Final = _must("clocks")
_GPIOS: Final = _may("*-gpios", without="the driver does without the line")
_PHYS: Final = _may("phys", without="the PHY stays as it is")

_AMBA: Final = (_must("clocks", "apb_pclk", without="the AMBA bus defers the probe"), _RESETS)

_MAC: Final = (
    _may("nvmem-cells", without="the MAC address comes from elsewhere or is random"),
    _may("phy-handle", without="the driver scans its MDIO bus, or uses the fixed link"),
)
_MMC: Final = (
    _GPIOS,
    _may("*-gpio", without=_MODES),
    _may("mmc-pwrseq", without="no power sequence is done"),
)

_NETWORK: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/net/ethernet/cadence/macb_main.c",
        "bindings/net/cdns,macb.yaml",
        """
        cdns,gem cdns,macb cdns,zynq-gem cdns,zynqmp-gem cdns,np4-macb cdns,pc302-gem
        cdns,sam9x60-macb cdns,at91sam9260-macb xlnx,zynq-gem xlnx,zynqmp-gem xlnx,versal-gem
        atmel,sama5d2-gem atmel,sama5d29-gem atmel,sama5d3-gem atmel,sama5d3-macb
        atmel,sama5d4-gem microchip,mpfs-macb microchip,sama7g5-emac microchip,sama7g5-gem
        """,
        (
            _must("clocks", "pclk", "hclk"),
            _may("clocks", "tx_clk", without="the rate of the transmit clock is left as it is"),
            _may("clocks", "rx_clk"),
            _may("clocks", "tsu_clk", without="time stamps count with pclk"),
            _RESETS,
            _may("phys", without="no SGMII PHY is set up"),
            *_MAC,
        ),
    ),
    _Group(
        "drivers/net/ethernet/cadence/macb_main.c",
        "bindings/net/cdns,macb.yaml",
        "cdns,emac cdns,at91rm9200-emac",
        (_must("clocks", "ether_clk"), *_MAC),
    ),
)

_DWMAC: Final = (
    _may(
        "clocks",
        "stmmaceth",
        without="the driver takes the clock for slow, and MDIO may run too fast",
    ),
    _may("clocks", "pclk"),
    _may("clocks", "ptp_ref", without="time stamps count with the main clock"),
    _may("resets", without="no reset is done"),
    _may("snps,axi-config", without="the AXI bus mode stays at its default"),
    _may("snps,mtl-rx-config", without="one receive queue is used"),
    _may("snps,mtl-tx-config", without="one transmit queue is used"),
    *_MAC,
)
"""stmmac_platform.c, for every glue driver."""

_STMMAC: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-generic.c",
        "bindings/net/snps,dwmac.yaml",
        """
        snps,dwmac snps,dwmac-3.40a snps,dwmac-3.50a snps,dwmac-3.610 snps,dwmac-3.70a
        snps,dwmac-3.710 snps,dwmac-4.00 snps,dwmac-4.10a snps,dwxgmac snps,dwxgmac-2.10
        """,
        _DWMAC,
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-rk.c",
        "bindings/net/rockchip-dwmac.yaml",
        "rockchip,rk3576-gmac rockchip,rk3588-gmac",
        (
            _must("clocks", "stmmaceth"),
            _may("clocks"),
            _must("rockchip,grf"),
            _must("rockchip,php-grf"),
            *_DWMAC[3:],
        ),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-rk.c",
        "bindings/net/rockchip-dwmac.yaml",
        """
        rockchip,px30-gmac rockchip,rk3128-gmac rockchip,rk3228-gmac rockchip,rk3288-gmac
        rockchip,rk3308-gmac rockchip,rk3328-gmac rockchip,rk3366-gmac rockchip,rk3368-gmac
        rockchip,rk3399-gmac rockchip,rk3568-gmac rockchip,rv1108-gmac rockchip,rv1126-gmac
        """,
        (_must("clocks", "stmmaceth"), _may("clocks"), _must("rockchip,grf"), *_DWMAC[3:]),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-meson8b.c",
        "bindings/net/amlogic,meson-dwmac.yaml",
        """
        amlogic,meson8b-dwmac amlogic,meson8m2-dwmac amlogic,meson-gxbb-dwmac
        amlogic,meson-axg-dwmac amlogic,meson-g12a-dwmac
        """,
        (
            _must("clocks", "clkin0", "clkin1", without="RGMII has no transmit clock"),
            _may("clocks", "timing-adjustment", without="a receive delay can't be set"),
            *_DWMAC,
        ),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-qcom-ethqos.c",
        "bindings/net/qcom,ethqos.yaml",
        "qcom,qcs404-ethqos qcom,sc8280xp-ethqos qcom,sm8150-ethqos",
        (_must("clocks", "rgmii"), _PHYS, *_DWMAC),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-qcom-ethqos.c",
        "bindings/net/qcom,ethqos.yaml",
        "qcom,sa8775p-ethqos",
        (_must("clocks", "phyaux"), _PHYS, *_DWMAC),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-imx.c",
        "bindings/net/nxp,dwmac-imx.yaml",
        "nxp,imx8mp-dwmac-eqos",
        (_must("clocks", "tx"), _must("intf_mode"), *_DWMAC),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-imx.c",
        "bindings/net/nxp,dwmac-imx.yaml",
        "nxp,imx93-dwmac-eqos",
        (_must("clocks", "tx", "mem"), _must("intf_mode"), *_DWMAC),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-imx.c",
        "bindings/net/nxp,dwmac-imx.yaml",
        "nxp,imx8dxl-dwmac-eqos",
        (_must("clocks", "tx", "mem"), *_DWMAC),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-sun8i.c",
        "bindings/net/allwinner,sun8i-a83t-emac.yaml",
        """
        allwinner,sun8i-a83t-emac allwinner,sun8i-h3-emac allwinner,sun8i-r40-gmac
        allwinner,sun8i-v3s-emac allwinner,sun50i-a64-emac allwinner,sun50i-h6-emac
        """,
        (_must("syscon"), *_DWMAC),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-socfpga.c",
        "bindings/net/socfpga-dwmac.txt",
        "altr,socfpga-stmmac altr,socfpga-stmmac-a10-s10",
        (
            _must("altr,sysmgr-syscon"),
            _may("altr,emac-splitter"),
            _may("altr,gmii-to-sgmii-converter"),
            *_DWMAC,
        ),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-mediatek.c",
        "bindings/net/mediatek-dwmac.yaml",
        "mediatek,mt8195-gmac",
        (
            _must("clocks", "axi", "apb", "mac_cg", "mac_main", "ptp_ref"),
            _may("clocks", "rmii_internal", without="the MAC can't give RMII its clock"),
            _must("mediatek,pericfg"),
            *_DWMAC[3:],
        ),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-mediatek.c",
        "bindings/net/mediatek-dwmac.yaml",
        "mediatek,mt2712-gmac",
        (
            _must("clocks", "axi", "apb", "mac_main", "ptp_ref"),
            _may("clocks", "rmii_internal", without="the MAC can't give RMII its clock"),
            _must("mediatek,pericfg"),
            *_DWMAC[3:],
        ),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-dwc-qos-eth.c",
        "bindings/net/snps,dwc-qos-ethernet.txt",
        "nvidia,tegra186-eqos",
        (
            _must("clocks", "master_bus", "slave_bus", "rx", "tx"),
            _may("clocks", "ptp_ref", without="time stamps count with the main clock"),
            _must("resets", "eqos"),
            _must("phy-reset-gpios"),
            *_MAC,
        ),
    ),
    _Group(
        "drivers/net/ethernet/stmicro/stmmac/dwmac-dwc-qos-eth.c",
        "bindings/net/snps,dwc-qos-ethernet.txt",
        "snps,dwc-qos-ethernet-4.10",
        (_must("clocks", "apb_pclk", "phy_ref_clk"), *_MAC),
    ),
)

_OTHER_NETWORK: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/net/ethernet/freescale/fec_main.c",
        "bindings/net/fsl,fec.yaml",
        """
        fsl,imx25-fec fsl,imx27-fec fsl,imx28-fec fsl,imx6q-fec fsl,imx6sx-fec fsl,imx6ul-fec
        fsl,imx8mq-fec fsl,imx8qm-fec fsl,mvf600-fec fsl,s32v234-fec
        """,
        (
            _must("clocks", "ipg", "ahb"),
            _may("clocks", "ptp", without="no time stamps"),
            _may("clocks", "enet_out", without="no clock is put out to the PHY"),
            _may("clocks", "enet_clk_ref", "enet_2x_txclk"),
            _may("fsl,stop-mode", without="no wake-up on LAN"),
            _GPIOS,
            *_MAC,
        ),
    ),
    _Group(
        "drivers/net/ethernet/renesas/ravb_main.c",
        "bindings/net/renesas,etheravb.yaml",
        """
        renesas,etheravb-rcar-gen2 renesas,etheravb-rcar-gen3 renesas,etheravb-rcar-gen4
        renesas,rzg2l-gbeth
        """,
        (
            _CLOCK,
            _may("clocks", "refclk"),
            _must("resets"),
            _must("phy-handle", without=_NO_LINK, instead=("fixed-link",)),
            _MAC[0],
        ),
    ),
    _Group(
        "drivers/net/ethernet/renesas/ravb_main.c",
        "bindings/net/renesas,etheravb.yaml",
        "renesas,etheravb-rzv2m",
        (
            _CLOCK,
            _must("clocks", "gptp"),
            _may("clocks", "refclk"),
            _must("resets"),
            _must("phy-handle", without=_NO_LINK, instead=("fixed-link",)),
            _MAC[0],
        ),
    ),
    _Group(
        "drivers/net/ethernet/marvell/mvneta.c",
        "bindings/net/marvell-armada-370-neta.txt",
        """
        marvell,armada-370-neta marvell,armada-xp-neta marvell,armada-3700-neta
        marvell,armada-ac5-neta
        """,
        (
            _CLOCK,
            _may("clocks", "bus"),
            _PHYS,
            _may("buffer-manager", without="buffers are managed by software"),
            _must(
                "phy-handle",
                without=_NO_LINK,
                instead=("fixed-link", "managed", "phy", "phy-device"),
            ),
            _MAC[0],
        ),
    ),
    _Group(
        "drivers/net/ethernet/marvell/mvpp2/mvpp2_main.c",
        "bindings/net/marvell,pp2.yaml",
        "marvell,armada-7k-pp22",
        (
            _must("clocks", "pp_clk", "gop_clk", "mg_clk"),
            _may("clocks", "mg_core_clk", "axi_clk"),
            _may(
                "marvell,system-controller",
                without="the mode of the ports stays as firmware set it",
            ),
        ),
    ),
    _Group(
        "drivers/net/ethernet/broadcom/genet/bcmgenet.c",
        "bindings/net/brcm,bcmgenet.yaml",
        """
        brcm,genet-v1 brcm,genet-v2 brcm,genet-v3 brcm,genet-v4 brcm,genet-v5
        brcm,bcm2711-genet-v5 brcm,bcm7712-genet-v5
        """,
        (
            _may("clocks"),
            _must("phy-handle", without=_NO_LINK, instead=("fixed-link",)),
            _MAC[0],
        ),
    ),
    _Group(
        "drivers/net/ethernet/ti/am65-cpsw-nuss.c",
        "bindings/net/ti,k3-am654-cpsw-nuss.yaml",
        """
        ti,am642-cpsw-nuss ti,am654-cpsw-nuss ti,j721e-cpsw-nuss ti,j7200-cpswxg-nuss
        ti,j721e-cpswxg-nuss ti,j784s4-cpswxg-nuss
        """,
        (_must("clocks", "fck"), _must("dmas", without="no frame reaches memory: the probe fails")),
    ),
    _Group(
        "drivers/net/ethernet/ti/davinci_mdio.c",
        "bindings/net/ti,davinci-mdio.yaml",
        "ti,davinci_mdio ti,cpsw-mdio",
        (_must("clocks", "fck"), _GPIOS),
    ),
    _Group(
        "drivers/net/ethernet/freescale/xgmac_mdio.c",
        "bindings/net/fsl,fman-mdio.yaml",
        "fsl,fman-memac-mdio fsl,fman-xmdio",
        (_may("clocks", without="the probe fails only where clock-frequency asks for a rate"),),
    ),
)

_CAN: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/net/can/flexcan/flexcan-core.c",
        "bindings/net/can/fsl,flexcan.yaml",
        """
        fsl,imx6q-flexcan fsl,imx8mp-flexcan fsl,imx8qm-flexcan fsl,imx93-flexcan
        fsl,imx95-flexcan fsl,vf610-flexcan fsl,ls1021ar2-flexcan fsl,lx2160ar1-flexcan
        nxp,s32g2-flexcan
        """,
        (
            _must("clocks", "ipg", "per", instead=("clock-frequency",)),
            _may("fsl,stop-mode", without="no wake-up by CAN"),
            _may("phys", without="no transceiver is switched on"),
        ),
    ),
    _Group(
        "drivers/net/can/m_can/m_can_platform.c",
        "bindings/net/can/bosch,m_can.yaml",
        "bosch,m_can",
        (
            _must("clocks", "hclk", "cclk"),
            _may("phys", without="no transceiver is switched on"),
        ),
    ),
    _Group(
        "drivers/net/can/xilinx_can.c",
        "bindings/net/can/xilinx,can.yaml",
        "xlnx,zynq-can-1.0",
        (
            _must("clocks", "can_clk", "pclk"),
            _RESETS,
            _may("phys", without="no transceiver is switched on"),
        ),
    ),
    _Group(
        "drivers/net/can/xilinx_can.c",
        "bindings/net/can/xilinx,can.yaml",
        "xlnx,axi-can-1.00.a xlnx,canfd-1.0 xlnx,canfd-2.0",
        (
            _must("clocks", "can_clk", "s_axi_aclk"),
            _RESETS,
            _may("phys", without="no transceiver is switched on"),
        ),
    ),
    _Group(
        "drivers/net/can/rcar/rcar_canfd.c",
        "bindings/net/can/renesas,rcar-canfd.yaml",
        """
        renesas,rcar-gen3-canfd renesas,rcar-gen4-canfd renesas,r8a779a0-canfd
        renesas,rzg2l-canfd
        """,
        (
            _must("clocks", "fck"),
            _must("clocks", "canfd", without="the probe fails unless can_clk has a rate"),
            _may("clocks", "can_clk", without="canfd clocks the bus"),
            _RESETS,
        ),
    ),
    _Group(
        "drivers/net/can/rcar/rcar_can.c",
        "bindings/net/can/renesas,rcar-can.yaml",
        "renesas,rcar-gen1-can renesas,rcar-gen2-can renesas,rcar-gen3-can",
        (
            _must("clocks", "clkp1"),
            _must(
                "clocks",
                "clkp2",
                "can_clk",
                count=1,
                without="the probe fails without the one that renesas,can-clock-select chooses",
            ),
            _RESETS,
        ),
    ),
    _Group(
        "drivers/net/can/rockchip/rockchip_canfd-core.c",
        "bindings/net/can/rockchip,rk3568v2-canfd.yaml",
        "rockchip,rk3568v2-canfd rockchip,rk3568v3-canfd",
        (_must("clocks", without="the bit timing has no clock"), _must("resets")),
    ),
)

_USB: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/usb/dwc3/core.c",
        "bindings/usb/snps,dwc3.yaml",
        "snps,dwc3 synopsys,dwc3",
        (
            _may("clocks", without="the driver goes on, though the binding may ask for them"),
            _RESETS,
            _may("phys", without="the PHYs stay as firmware or the host left them"),
            _may("usb-phy", without="the PHYs stay as firmware or the host left them"),
        ),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-of-simple.c",
        "bindings/usb/rockchip,rk3399-dwc3.yaml",
        """
        rockchip,rk3399-dwc3 allwinner,sun50i-h6-dwc3 hisilicon,hi3670-dwc3
        hisilicon,hi3798mv200-dwc3 sprd,sc9860-dwc3
        """,
        (_may("clocks"), _RESETS),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-qcom.c",
        "bindings/usb/qcom,dwc3.yaml",
        "qcom,dwc3",
        (
            _may("clocks", without="the driver goes on, though the binding asks for them"),
            _RESETS,
        ),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-xilinx.c",
        "bindings/usb/dwc3-xilinx.yaml",
        "xlnx,zynqmp-dwc3",
        (
            _may("clocks", without="the driver goes on, though the binding asks for them"),
            _must("resets", "usb_crst", "usb_hibrst", "usb_apbrst"),
            _may("phys", without="USB 2.0 only"),
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-xilinx.c",
        "bindings/usb/dwc3-xilinx.yaml",
        "xlnx,versal-dwc3",
        (
            _may("clocks", without="the driver goes on, though the binding asks for them"),
            _must("resets"),
        ),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-imx8mp.c",
        "bindings/usb/fsl,imx8mp-dwc3.yaml",
        "fsl,imx8mp-dwc3",
        (_must("clocks", "hsio", "suspend"),),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-meson-g12a.c",
        "bindings/usb/amlogic,meson-g12a-usb-ctrl.yaml",
        "amlogic,meson-g12a-usb-ctrl",
        (_CLOCK, _must("resets"), _PHYS),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-meson-g12a.c",
        "bindings/usb/amlogic,meson-g12a-usb-ctrl.yaml",
        "amlogic,meson-axg-usb-ctrl amlogic,meson-gxl-usb-ctrl amlogic,meson-gxm-usb-ctrl",
        (_must("clocks", "usb_ctrl", "ddr"), _must("resets"), _PHYS),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-meson-g12a.c",
        "bindings/usb/amlogic,meson-g12a-usb-ctrl.yaml",
        "amlogic,meson-a1-usb-ctrl",
        (_must("clocks", "usb_ctrl", "usb_bus", "xtal_usb_ctrl"), _must("resets"), _PHYS),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-am62.c",
        "bindings/usb/ti,am62-usb.yaml",
        "ti,am62-usb",
        (_must("clocks", "ref"), _must("ti,syscon-phy-pll-refclk")),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-keystone.c",
        "bindings/usb/ti,keystone-dwc3.yaml",
        "ti,keystone-dwc3 ti,am654-dwc3",
        (_may("clocks"), _may("phys", without="USB 2.0 only")),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-exynos.c",
        "bindings/usb/samsung,exynos-dwc3.yaml",
        "samsung,exynos5250-dwusb3",
        (_must("clocks", "usbdrd30"),),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-exynos.c",
        "bindings/usb/samsung,exynos-dwc3.yaml",
        "samsung,exynos5433-dwusb3",
        (_must("clocks", "aclk", "susp_clk", "pipe_pclk", "phyclk"),),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-exynos.c",
        "bindings/usb/samsung,exynos-dwc3.yaml",
        "samsung,exynos7-dwusb3",
        (_must("clocks", "usbdrd30", "usbdrd30_susp_clk", "usbdrd30_axius_clk"),),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-exynos.c",
        "bindings/usb/samsung,exynos-dwc3.yaml",
        "samsung,exynos850-dwusb3",
        (_must("clocks", "bus_early", "ref"),),
    ),
    _Group(
        "drivers/usb/dwc3/dwc3-exynos.c",
        "bindings/usb/samsung,exynos-dwc3.yaml",
        "google,gs101-dwusb3",
        (_must("clocks", "bus_early", "susp_clk", "link_aclk", "link_pclk"),),
    ),
    _Group(
        "drivers/usb/host/xhci-plat.c",
        "bindings/usb/generic-xhci.yaml",
        """
        generic-xhci xhci-platform brcm,xhci-brcm-v2 brcm,bcm2711-xhci brcm,bcm7445-xhci
        marvell,armada3700-xhci marvell,armada-375-xhci marvell,armada-380-xhci
        """,
        (_may("clocks"), _RESETS, _PHYS, _may("usb-phy", without="the PHY stays as it is")),
    ),
    _Group(
        "drivers/usb/host/xhci-rcar.c",
        "bindings/usb/renesas,usb-xhci.yaml",
        "renesas,rcar-gen2-xhci renesas,rcar-gen3-xhci renesas,rzv2m-xhci",
        (_may("clocks", without=f"{_GOES_ON}, though the binding asks for it"), _RESETS, _PHYS),
    ),
    _Group(
        "drivers/usb/host/xhci-mtk.c",
        "bindings/usb/mediatek,mtk-xhci.yaml",
        "mediatek,mtk-xhci mediatek,mt8173-xhci mediatek,mt8195-xhci",
        (
            _may("clocks", without="the driver goes on, though the binding asks for sys_ck"),
            _may("resets", without="no reset is done"),
            _PHYS,
            _may(
                "mediatek,syscon-wakeup",
                without="the probe fails only where wakeup-source is stated",
            ),
        ),
    ),
    _Group(
        "drivers/usb/host/ehci-platform.c",
        "bindings/usb/generic-ehci.yaml",
        "generic-ehci",
        (_may("clocks"), _RESETS, _PHYS),
    ),
    _Group(
        "drivers/usb/host/ohci-platform.c",
        "bindings/usb/generic-ohci.yaml",
        "generic-ohci",
        (_may("clocks"), _RESETS, _PHYS),
    ),
    _Group(
        "drivers/usb/host/ehci-orion.c",
        "bindings/usb/generic-ehci.yaml",
        "marvell,orion-ehci marvell,ac5-ehci marvell,armada-3700-ehci",
        (_may("clocks"), _PHYS),
    ),
    _Group(
        "drivers/usb/dwc2/platform.c",
        "bindings/usb/dwc2.yaml",
        """
        snps,dwc2 amlogic,meson-a1-usb amlogic,meson-g12a-usb amlogic,meson-gxbb-usb
        brcm,bcm2835-usb hisilicon,hi6220-usb intel,socfpga-agilex-hsotg rockchip,rk3066-usb
        samsung,s3c6400-hsotg st,stm32mp15-hsotg
        """,
        (
            _may("clocks", without="the driver goes on, though the binding asks for otg"),
            _RESETS,
            _PHYS,
        ),
    ),
    _Group(
        "drivers/usb/chipidea/ci_hdrc_imx.c",
        "bindings/usb/chipidea,usb2-imx.yaml",
        """
        fsl,imx27-usb fsl,imx6q-usb fsl,imx6sl-usb fsl,imx6sx-usb fsl,imx6ul-usb fsl,imx7d-usb
        fsl,imx7ulp-usb fsl,imx8ulp-usb
        """,
        (
            _CLOCK,
            _may("clocks", "usb_wakeup", without="no wake-up"),
            _must("phys", without="no PHY is found: the probe fails", instead=("fsl,usbphy",)),
            _must("fsl,usbphy", without="no PHY is found: the probe fails", instead=("phys",)),
            _may("fsl,usbmisc", without="over-current, wake-up and PHY registers are not set"),
        ),
    ),
    _Group(
        "drivers/usb/chipidea/ci_hdrc_msm.c",
        "bindings/usb/ci-hdrc-usb2.yaml",
        "qcom,ci-hdrc",
        (
            _must("clocks", "core", "iface"),
            _may("clocks", "fs"),
            _must("resets", "core"),
            _must("phys", without="no PHY is found: the probe fails"),
            _may("phy-select", without="the PHY stays selected as it is"),
        ),
    ),
    _Group(
        "drivers/usb/cdns3/cdns3-plat.c",
        "bindings/usb/cdns,usb3.yaml",
        "cdns,usb3",
        (_may("phys", without="the PHYs stay as firmware or the host left them"),),
    ),
    _Group(
        "drivers/usb/cdns3/cdns3-ti.c",
        "bindings/usb/ti,j721e-usb.yaml",
        "ti,j721e-usb ti,am64-usb",
        (_must("clocks", "ref", "lpm"),),
    ),
    _Group(
        "drivers/usb/cdns3/cdns3-imx.c",
        "bindings/usb/fsl,imx8qm-cdns3.yaml",
        "fsl,imx8qm-usb3",
        (_must("clocks", "lpm", "bus", "aclk", "ipg", "core"),),
    ),
    _Group(
        "drivers/usb/mtu3/mtu3_plat.c",
        "bindings/usb/mediatek,mtu3.yaml",
        "mediatek,mtu3 mediatek,mt8173-mtu3",
        (
            _may("clocks", without="the driver goes on, though the binding asks for sys_ck"),
            _RESETS,
            _PHYS,
            _may(
                "mediatek,syscon-wakeup",
                without="the probe fails only where wakeup-source is stated",
            ),
        ),
    ),
)

_CARDS: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/mmc/host/sdhci-of-arasan.c",
        "bindings/mmc/arasan,sdhci.yaml",
        """
        arasan,sdhci-4.9a arasan,sdhci-8.9a xlnx,zynqmp-8.9a xlnx,versal-8.9a
        xlnx,versal-net-emmc
        """,
        (
            _must("clocks", "clk_xin", "clk_ahb"),
            _may("clocks", "gate"),
            _RESETS,
            _may("arasan,soc-ctl-syscon", without="the base clock is not told to the controller"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/sdhci-of-arasan.c",
        "bindings/mmc/arasan,sdhci.yaml",
        "arasan,sdhci-5.1",
        (
            _must("clocks", "clk_xin", "clk_ahb"),
            _may("clocks", "gate"),
            _RESETS,
            _must("phys", "phy_arasan"),
            _may("arasan,soc-ctl-syscon", without="the base clock is not told to the controller"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/sdhci-esdhc-imx.c",
        "bindings/mmc/fsl-imx-esdhc.yaml",
        """
        fsl,imx25-esdhc fsl,imx35-esdhc fsl,imx51-esdhc fsl,imx53-esdhc fsl,imx6q-usdhc
        fsl,imx6sl-usdhc fsl,imx6sll-usdhc fsl,imx6sx-usdhc fsl,imx6ull-usdhc fsl,imx7d-usdhc
        fsl,imx7ulp-usdhc fsl,imx8mm-usdhc fsl,imx8qxp-usdhc fsl,imxrt1050-usdhc nxp,s32g2-usdhc
        """,
        (
            _must("clocks", "ipg", "ahb", "per"),
            _may("pinctrl-*", without="the pins stay as they are, and fast modes are not used"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/sdhci-of-esdhc.c",
        "bindings/mmc/fsl,esdhc.yaml",
        """
        fsl,esdhc fsl,ls1012a-esdhc fsl,ls1021a-esdhc fsl,ls1043a-esdhc fsl,ls1046a-esdhc
        """,
        (
            _may("clocks", without="the rate comes from clock-frequency or the capabilities"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/sdhci-of-dwcmshc.c",
        "bindings/mmc/snps,dwcmshc-sdhci.yaml",
        """
        snps,dwcmshc-sdhci rockchip,rk3568-dwcmshc rockchip,rk3576-dwcmshc
        rockchip,rk3588-dwcmshc
        """,
        (
            _must("clocks", "core"),
            _may("clocks", "bus", "axi", "block", "timer"),
            _RESETS,
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/renesas_sdhi_core.c",
        "bindings/mmc/renesas,sdhi.yaml",
        """
        renesas,rcar-gen1-sdhi renesas,rcar-gen2-sdhi renesas,rcar-gen3-sdhi
        renesas,rcar-gen4-sdhi renesas,rzg2l-sdhi renesas,sdhi-r9a09g011 renesas,sdhi-r9a09g057
        renesas,sdhi-r7s9210 renesas,sdhi-r7s72100
        """,
        (
            _CLOCK,
            _may("clocks", "clkh", without="the fast clock is taken from the clock's parent"),
            _may("clocks", "cd"),
            _RESETS,
            _DMAS,
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/sdhci-msm.c",
        "bindings/mmc/sdhci-msm.yaml",
        """
        qcom,sdhci-msm-v4 qcom,sdhci-msm-v5 qcom,sc7180-sdhci qcom,sdm670-sdhci
        qcom,sdm845-sdhci
        """,
        (
            _must("clocks", "iface", "core"),
            _may("clocks", "xo", without="a driver's warning; the delay line is not tuned by it"),
            _may("clocks", "bus", "cal", "sleep", "ice"),
            _RESETS,
            _may("qcom,ice", without="no inline encryption"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/dw_mmc-rockchip.c",
        "bindings/mmc/rockchip-dw-mshc.yaml",
        "rockchip,rk2928-dw-mshc rockchip,rk3288-dw-mshc rockchip,rk3576-dw-mshc",
        (
            _must("clocks", "ciu", without="no bus rate: the probe fails"),
            _may("clocks", "biu"),
            _may("clocks", "ciu-drive", "ciu-sample", without="no tuning: fast modes fail"),
            _RESETS,
            _DMAS,
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/dw_mmc-hi3798cv200.c",
        "bindings/mmc/hisilicon,hi3798cv200-dw-mshc.yaml",
        "hisilicon,hi3798cv200-dw-mshc",
        (
            _must("clocks", "ciu", "ciu-sample", "ciu-drive"),
            _may("clocks", "biu"),
            _RESETS,
            _DMAS,
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/dw_mmc-k3.c",
        "bindings/mmc/k3-dw-mshc.txt",
        "hisilicon,hi3660-dw-mshc hisilicon,hi4511-dw-mshc hisilicon,hi6220-dw-mshc",
        (
            _must(
                "clocks",
                "ciu",
                without="no bus rate: the probe fails",
                instead=("clock-frequency",),
            ),
            _may("clocks", "biu"),
            _RESETS,
            _DMAS,
            _may("hisilicon,peripheral-syscon", without="the voltage of the pads is not switched"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/dw_mmc-pltfm.c",
        "bindings/mmc/synopsys-dw-mshc.yaml",
        "snps,dw-mshc altr,socfpga-dw-mshc img,pistachio-dw-mshc",
        (
            _must(
                "clocks",
                "ciu",
                without="no bus rate: the probe fails",
                instead=("clock-frequency",),
            ),
            _may("clocks", "biu"),
            _RESETS,
            _DMAS,
            _may("altr,sysmgr-syscon", without="the clock phase stays as it is"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/dw_mmc-exynos.c",
        "bindings/mmc/samsung,exynos-dw-mshc.yaml",
        """
        samsung,exynos4412-dw-mshc samsung,exynos5250-dw-mshc samsung,exynos5420-dw-mshc
        samsung,exynos5420-dw-mshc-smu samsung,exynos7-dw-mshc samsung,exynos7-dw-mshc-smu
        samsung,exynos7870-dw-mshc samsung,exynos7870-dw-mshc-smu axis,artpec8-dw-mshc
        """,
        (
            _must(
                "clocks",
                "ciu",
                without="no bus rate: the probe fails",
                instead=("clock-frequency",),
            ),
            _may("clocks", "biu"),
            _RESETS,
            _DMAS,
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/meson-gx-mmc.c",
        "bindings/mmc/amlogic,meson-gx-mmc.yaml",
        """
        amlogic,meson-gx-mmc amlogic,meson-gxbb-mmc amlogic,meson-gxl-mmc amlogic,meson-gxm-mmc
        amlogic,meson-axg-mmc
        """,
        (
            _must("clocks", "core", "clkin0", "clkin1"),
            _RESETS,
            _must("pinctrl-0", without="the driver asks for pin control: the probe fails"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/sdhci-cadence.c",
        "bindings/mmc/cdns,sdhci.yaml",
        "cdns,sd4hc amd,pensando-elba-sd4hc mobileye,eyeq-sd4hc socionext,uniphier-sd4hc",
        (_CLOCK, _RESETS, *_MMC),
    ),
    _Group(
        "drivers/mmc/host/sunxi-mmc.c",
        "bindings/mmc/allwinner,sun4i-a10-mmc.yaml",
        """
        allwinner,sun20i-d1-mmc allwinner,sun4i-a10-mmc allwinner,sun50i-a100-emmc
        allwinner,sun50i-a100-mmc allwinner,sun50i-a64-emmc allwinner,sun50i-a64-mmc
        allwinner,sun50i-h616-mmc allwinner,sun5i-a13-mmc
        """,
        (_must("clocks", "ahb", "mmc"), _RESETS, *_MMC),
    ),
    _Group(
        "drivers/mmc/host/sunxi-mmc.c",
        "bindings/mmc/allwinner,sun4i-a10-mmc.yaml",
        "allwinner,sun7i-a20-mmc allwinner,sun9i-a80-mmc",
        (_must("clocks", "ahb", "mmc", "output", "sample"), _RESETS, *_MMC),
    ),
    _Group(
        "drivers/mmc/host/sdhci-tegra.c",
        "bindings/mmc/nvidia,tegra20-sdhci.yaml",
        """
        nvidia,tegra20-sdhci nvidia,tegra30-sdhci nvidia,tegra114-sdhci nvidia,tegra124-sdhci
        nvidia,tegra210-sdhci nvidia,tegra186-sdhci nvidia,tegra194-sdhci nvidia,tegra234-sdhci
        """,
        (
            _CLOCK,
            _may("clocks", "tmclk", without="a driver's warning; data time-outs use the SD clock"),
            _must("resets", "sdhci"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/sdhci-xenon.c",
        "bindings/mmc/marvell,xenon-sdhci.yaml",
        """
        marvell,ac5-sdhci marvell,armada-3700-sdhci marvell,armada-ap806-sdhci
        marvell,armada-ap807-sdhci marvell,armada-cp110-sdhci
        """,
        (_must("clocks", "core"), _may("clocks", "axi"), *_MMC),
    ),
    _Group(
        "drivers/mmc/host/sdhci_am654.c",
        "bindings/mmc/sdhci-am654.yaml",
        """
        ti,am62-sdhci ti,am64-sdhci-4bit ti,am64-sdhci-8bit ti,am654-sdhci-5.1
        ti,j721e-sdhci-4bit ti,j721e-sdhci-8bit
        """,
        (_must("clocks", "clk_xin"), _may("clocks", "clk_ahb"), *_MMC),
    ),
    _Group(
        "drivers/mmc/host/mtk-sd.c",
        "bindings/mmc/mtk-sd.yaml",
        """
        mediatek,mt2701-mmc mediatek,mt2712-mmc mediatek,mt6779-mmc mediatek,mt6795-mmc
        mediatek,mt7620-mmc mediatek,mt7622-mmc mediatek,mt7986-mmc mediatek,mt8135-mmc
        mediatek,mt8173-mmc mediatek,mt8183-mmc mediatek,mt8516-mmc
        """,
        (
            _must("clocks", "source", "hclk"),
            _may("clocks"),
            _RESETS,
            _must("pinctrl-0", without="the driver asks for this state: the probe fails"),
            _must("pinctrl-1", without="the driver asks for state_uhs: the probe fails"),
            *_MMC,
        ),
    ),
    _Group(
        "drivers/mmc/host/sdhci-brcmstb.c",
        "bindings/mmc/brcm,sdhci-brcmstb.yaml",
        "brcm,bcm2712-sdhci brcm,bcm7216-sdhci brcm,bcm7425-sdhci brcm,bcm7445-sdhci",
        (_may("clocks"), *_MMC),
    ),
    _Group(
        "drivers/mmc/host/sdhci-iproc.c",
        "bindings/mmc/brcm,iproc-sdhci.yaml",
        "brcm,bcm2711-emmc2 brcm,bcm2835-sdhci brcm,sdhci-iproc brcm,sdhci-iproc-cygnus",
        (_CLOCK, *_MMC),
    ),
    _Group(
        "drivers/mmc/host/mmci.c",
        "bindings/mmc/arm,pl18x.yaml",
        "arm,pl180 arm,pl181 arm,pl18x",
        (_CLOCK, *_AMBA, _DMAS, *_MMC),
    ),
)

_SATA: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/ata/ahci_platform.c",
        "bindings/ata/ahci-platform.yaml",
        "generic-ahci hisilicon,hisi-ahci",
        (_may("clocks"), _RESETS, _PHYS),
    ),
    _Group(
        "drivers/ata/ahci_ceva.c",
        "bindings/ata/ceva,ahci-1v84.yaml",
        "ceva,ahci-1v84",
        (_may("clocks", without=f"{_GOES_ON}, though the binding asks for it"), _RESETS, _PHYS),
    ),
    _Group(
        "drivers/ata/ahci_dwc.c",
        "bindings/ata/snps,dwc-ahci.yaml",
        "snps,dwc-ahci snps,spear-ahci",
        (_may("clocks", without=f"{_GOES_ON}, though the binding asks for them"), _RESETS, _PHYS),
    ),
    _Group(
        "drivers/ata/ahci_brcm.c",
        "bindings/ata/brcm,sata-brcm.yaml",
        """
        brcm,bcm-nsp-ahci brcm,bcm63138-ahci brcm,bcm7216-ahci brcm,bcm7425-ahci
        brcm,bcm7445-ahci
        """,
        (_may("clocks"), _RESETS, _PHYS),
    ),
    _Group(
        "drivers/ata/ahci_mvebu.c",
        "bindings/ata/ahci-platform.yaml",
        "marvell,armada-380-ahci marvell,armada-3700-ahci",
        (_may("clocks"), _PHYS),
    ),
    _Group(
        "drivers/ata/ahci_qoriq.c",
        "bindings/ata/fsl,ahci.yaml",
        """
        fsl,ls1021a-ahci fsl,ls1028a-ahci fsl,ls1043a-ahci fsl,ls1046a-ahci fsl,ls1088a-ahci
        fsl,ls2080a-ahci fsl,ls2088a-ahci fsl,lx2160a-ahci
        """,
        (_may("clocks", without=f"{_GOES_ON}, though the binding asks for it"), _PHYS),
    ),
    _Group(
        "drivers/ata/ahci_imx.c",
        "bindings/ata/imx-sata.yaml",
        "fsl,imx8qm-ahci",
        (
            _must("clocks", "sata", "sata_ref"),
            _must("phys", "sata-phy", "cali-phy0", "cali-phy1"),
        ),
    ),
    _Group(
        "drivers/ata/ahci_mtk.c",
        "bindings/ata/mediatek,mtk-ahci.yaml",
        "mediatek,mtk-ahci",
        (
            _may("clocks"),
            _RESETS,
            _PHYS,
            _must("mediatek,phy-mode"),
        ),
    ),
    _Group(
        "drivers/ata/ahci_tegra.c",
        "bindings/ata/nvidia,tegra-ahci.yaml",
        "nvidia,tegra124-ahci nvidia,tegra210-ahci",
        (
            _must("clocks", "sata"),
            _may("clocks", "sata-oob"),
            _must("resets", "sata", "sata-oob", "sata-cold"),
            _PHYS,
        ),
    ),
)

_RATE: Final = _must("clocks", without="no rate: the probe fails", instead=("clock-frequency",))

_SERIAL: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/tty/serial/amba-pl011.c",
        "bindings/serial/pl011.yaml",
        "arm,pl011",
        (_CLOCK, *_AMBA, _DMAS),
    ),
    _Group(
        "drivers/tty/serial/amba-pl011.c",
        "bindings/serial/arm_sbsa_uart.txt",
        "arm,sbsa-uart",
        (_may("clocks", without="the rate is fixed; the driver does not ask"),),
    ),
    _Group(
        "drivers/tty/serial/8250/8250_of.c",
        "bindings/serial/8250.yaml",
        """
        ns8250 ns16450 ns16550 ns16550a ns16750 ns16850 fsl,16550-FIFO64 altr,16550-FIFO32
        altr,16550-FIFO64 altr,16550-FIFO128 mrvl,mmp-uart mediatek,mtk-btif ti,da830-uart
        """,
        (_RATE, _RESETS, _DMAS, _GPIOS),
    ),
    _Group(
        "drivers/tty/serial/8250/8250_dw.c",
        "bindings/serial/snps-dw-apb-uart.yaml",
        "snps,dw-apb-uart marvell,armada-38x-uart renesas,rzn1-uart",
        (
            _RATE,
            _may("clocks", "apb_pclk"),
            _RESETS,
            _DMAS,
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/tty/serial/8250/8250_omap.c",
        "bindings/serial/8250_omap.yaml",
        """
        ti,am654-uart ti,omap2-uart ti,omap3-uart ti,omap4-uart ti,am3352-uart ti,am4372-uart
        ti,dra742-uart
        """,
        (
            _may("clocks", without="the driver takes 48 MHz unless clock-frequency states it"),
            _DMAS,
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/tty/serial/8250/8250_mtk.c",
        "bindings/serial/mediatek,uart.yaml",
        "mediatek,mt6577-uart",
        (
            _must("clocks"),
            _must(
                "clocks",
                "bus",
                without="the probe fails where a clock is named baud; drop all names, or none",
            ),
            _DMAS,
        ),
    ),
    _Group(
        "drivers/tty/serial/8250/8250_bcm2835aux.c",
        "bindings/serial/brcm,bcm2835-aux-uart.yaml",
        "brcm,bcm2835-aux-uart",
        (_RATE,),
    ),
    _Group(
        "drivers/tty/serial/8250/8250_tegra.c",
        "bindings/serial/8250.yaml",
        "nvidia,tegra20-uart",
        (_RATE, _RESETS),
    ),
    _Group(
        "drivers/tty/serial/serial-tegra.c",
        "bindings/serial/nvidia,tegra20-hsuart.yaml",
        "nvidia,tegra20-hsuart nvidia,tegra30-hsuart",
        (_CLOCK, _must("resets", "serial")),
    ),
    _Group(
        "drivers/tty/serial/xilinx_uartps.c",
        "bindings/serial/cdns,uart.yaml",
        "xlnx,xuartps xlnx,zynqmp-uart cdns,uart-r1p8 cdns,uart-r1p12",
        (_must("clocks", "uart_clk", "pclk"), _RESETS, _GPIOS),
    ),
    _Group(
        "drivers/tty/serial/imx.c",
        "bindings/serial/fsl-imx-uart.yaml",
        "fsl,imx1-uart fsl,imx21-uart fsl,imx6q-uart",
        (_must("clocks", "ipg", "per"), _DMAS, _GPIOS),
    ),
    _Group(
        "drivers/tty/serial/fsl_lpuart.c",
        "bindings/serial/fsl-lpuart.yaml",
        """
        fsl,vf610-lpuart fsl,ls1021a-lpuart fsl,ls1028a-lpuart fsl,imx7ulp-lpuart
        fsl,imx8ulp-lpuart fsl,imxrt1050-lpuart
        """,
        (_must("clocks", "ipg"), _DMAS),
    ),
    _Group(
        "drivers/tty/serial/fsl_lpuart.c",
        "bindings/serial/fsl-lpuart.yaml",
        "fsl,imx8qxp-lpuart",
        (_must("clocks", "ipg", "baud"), _DMAS),
    ),
    _Group(
        "drivers/tty/serial/sh-sci.c",
        "bindings/serial/renesas,scif.yaml",
        """
        renesas,scif renesas,rcar-gen1-scif renesas,rcar-gen2-scif renesas,rcar-gen3-scif
        renesas,rcar-gen4-scif renesas,scif-r7s72100 renesas,scif-r7s9210
        renesas,scif-r9a07g044 renesas,scif-r9a09g057 renesas,sci renesas,scifa renesas,scifb
        """,
        (
            _must("clocks", "fck"),
            _may("clocks", "sck", "brg_int", "scif_clk", without="fewer bit rates are exact"),
            _RESETS,
            _DMAS,
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/tty/serial/sh-sci.c",
        "bindings/serial/renesas,hscif.yaml",
        "renesas,hscif",
        (
            _must("clocks", "fck"),
            _may("clocks", "hsck", "brg_int", "scif_clk", without="fewer bit rates are exact"),
            _RESETS,
            _DMAS,
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/tty/serial/meson_uart.c",
        "bindings/serial/amlogic,meson-uart.yaml",
        """
        amlogic,meson6-uart amlogic,meson8-uart amlogic,meson8b-uart amlogic,meson-gx-uart
        amlogic,meson-g12a-uart amlogic,meson-s4-uart amlogic,meson-a1-uart
        """,
        (_must("clocks", "pclk", "xtal", "baud"),),
    ),
    _Group(
        "drivers/tty/serial/qcom_geni_serial.c",
        "bindings/serial/qcom,serial-geni-qcom.yaml",
        "qcom,geni-uart qcom,geni-debug-uart",
        (_must("clocks", "se"),),
    ),
    _Group(
        "drivers/tty/serial/msm_serial.c",
        "bindings/serial/qcom,msm-uartdm.yaml",
        """
        qcom,msm-uartdm qcom,msm-uartdm-v1.1 qcom,msm-uartdm-v1.2 qcom,msm-uartdm-v1.3
        qcom,msm-uartdm-v1.4
        """,
        (_must("clocks", "core", "iface"), _DMAS),
    ),
    _Group(
        "drivers/tty/serial/samsung_tty.c",
        "bindings/serial/samsung_uart.yaml",
        """
        samsung,s3c6400-uart samsung,s5pv210-uart samsung,exynos4210-uart
        samsung,exynos5433-uart samsung,exynos850-uart apple,s5l-uart axis,artpec8-uart
        google,gs101-uart
        """,
        (
            _must("clocks", "uart"),
            _must(
                "clocks",
                "clk_uart_baud0",
                "clk_uart_baud1",
                "clk_uart_baud2",
                "clk_uart_baud3",
                count=1,
                without="no clock to divide: no bit rate can be set",
            ),
            _DMAS,
        ),
    ),
    _Group(
        "drivers/tty/serial/mvebu-uart.c",
        "bindings/serial/mvebu-uart.txt",
        "marvell,armada-3700-uart",
        (_may("clocks", without="the bit rate stays as firmware set it"),),
    ),
    _Group(
        "drivers/tty/serial/mvebu-uart.c",
        "bindings/serial/mvebu-uart.txt",
        "marvell,armada-3700-uart-ext",
        (_CLOCK,),
    ),
    _Group(
        "drivers/soc/qcom/qcom-geni-se.c",
        "bindings/soc/qcom/qcom,geni-se.yaml",
        "qcom,geni-se-qup",
        (_must("clocks", "m-ahb", "s-ahb"),),
    ),
    _Group(
        "drivers/soc/qcom/qcom-geni-se.c",
        "bindings/soc/qcom/qcom,geni-se.yaml",
        "qcom,geni-se-i2c-master-hub",
        (_must("clocks", "s-ahb"),),
    ),
)

_GPI: Final = _may("dmas", without=f"{_PIO}; where firmware left only GPI mode, the probe fails")
_RECOVERY: Final = _may("*-gpios", without="no recovery of a hung bus")

_I2C: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/i2c/busses/i2c-cadence.c",
        "bindings/i2c/cdns,i2c-r1p10.yaml",
        "cdns,i2c-r1p10 cdns,i2c-r1p14",
        (_CLOCK, _RESETS, _RECOVERY),
    ),
    _Group(
        "drivers/i2c/busses/i2c-designware-platdrv.c",
        "bindings/i2c/snps,designware-i2c.yaml",
        "snps,designware-i2c mscc,ocelot-i2c",
        (
            _must("clocks", without="no rate, no bus timing: a warning, and transfers fail"),
            _may("clocks", "pclk"),
            _RESETS,
            _DMAS,
            _RECOVERY,
        ),
    ),
    _Group(
        "drivers/i2c/busses/i2c-imx.c",
        "bindings/i2c/i2c-imx.yaml",
        """
        fsl,imx1-i2c fsl,imx21-i2c fsl,imx6q-i2c fsl,imx6sl-i2c fsl,imx6sll-i2c fsl,imx6sx-i2c
        fsl,imx6ul-i2c fsl,imx7s-i2c fsl,imx7d-i2c fsl,imx8mm-i2c fsl,imx8mn-i2c fsl,imx8mp-i2c
        fsl,imx8mq-i2c fsl,vf610-i2c
        """,
        (_CLOCK, _DMAS, _RECOVERY),
    ),
    _Group(
        "drivers/i2c/busses/i2c-imx-lpi2c.c",
        "bindings/i2c/i2c-imx-lpi2c.yaml",
        "fsl,imx7ulp-lpi2c",
        (
            _must("clocks", without="no rate, no bus timing: the driver can't work"),
            _DMAS,
            _RECOVERY,
        ),
    ),
    _Group(
        "drivers/i2c/busses/i2c-rcar.c",
        "bindings/i2c/renesas,rcar-i2c.yaml",
        "renesas,rcar-gen3-i2c renesas,rcar-gen4-i2c",
        (_CLOCK, _must("resets"), _DMAS),
    ),
    _Group(
        "drivers/i2c/busses/i2c-rcar.c",
        "bindings/i2c/renesas,rcar-i2c.yaml",
        "renesas,rcar-gen1-i2c renesas,rcar-gen2-i2c",
        (_CLOCK, _RESETS, _DMAS),
    ),
    _Group(
        "drivers/i2c/busses/i2c-riic.c",
        "bindings/i2c/renesas,riic.yaml",
        "renesas,riic-rz renesas,riic-r7s72100 renesas,riic-r9a09g057",
        (_CLOCK, _RESETS),
    ),
    _Group(
        "drivers/i2c/busses/i2c-sh_mobile.c",
        "bindings/i2c/renesas,rmobile-iic.yaml",
        "renesas,rmobile-iic renesas,rcar-gen2-iic renesas,rcar-gen3-iic",
        (_CLOCK, _RESETS, _DMAS),
    ),
    _Group(
        "drivers/i2c/busses/i2c-rzv2m.c",
        "bindings/i2c/renesas,rzv2m.yaml",
        "renesas,rzv2m-i2c",
        (_CLOCK, _must("resets")),
    ),
    _Group(
        "drivers/i2c/busses/i2c-rk3x.c",
        "bindings/i2c/i2c-rk3x.yaml",
        "rockchip,rk3399-i2c rockchip,rv1108-i2c rockchip,rv1126-i2c",
        (_must("clocks", "i2c", "pclk"),),
    ),
    _Group(
        "drivers/i2c/busses/i2c-rk3x.c",
        "bindings/i2c/i2c-rk3x.yaml",
        "rockchip,rk3228-i2c rockchip,rk3288-i2c",
        (_CLOCK,),
    ),
    _Group(
        "drivers/i2c/busses/i2c-meson.c",
        "bindings/i2c/amlogic,meson6-i2c.yaml",
        "amlogic,meson6-i2c amlogic,meson-gxbb-i2c amlogic,meson-axg-i2c",
        (_CLOCK,),
    ),
    _Group(
        "drivers/i2c/busses/i2c-mv64xxx.c",
        "bindings/i2c/marvell,mv64xxx-i2c.yaml",
        """
        marvell,mv64xxx-i2c marvell,mv78230-i2c marvell,mv78230-a0-i2c allwinner,sun4i-a10-i2c
        allwinner,sun6i-a31-i2c
        """,
        (_must("clocks", without="no rate: the probe fails"), _RESETS, _RECOVERY),
    ),
    _Group(
        "drivers/i2c/busses/i2c-pxa.c",
        "bindings/i2c/i2c-pxa.yaml",
        "marvell,armada-3700-i2c mrvl,mmp-twsi mrvl,pwri2c mrvl,pxa-i2c",
        (_CLOCK, _RECOVERY),
    ),
    _Group(
        "drivers/i2c/busses/i2c-qcom-geni.c",
        "bindings/i2c/qcom,i2c-geni-qcom.yaml",
        "qcom,geni-i2c",
        (_must("clocks", "se"), _GPI),
    ),
    _Group(
        "drivers/i2c/busses/i2c-qcom-geni.c",
        "bindings/i2c/qcom,i2c-geni-qcom.yaml",
        "qcom,geni-i2c-master-hub",
        (_must("clocks", "se", "core"),),
    ),
    _Group(
        "drivers/i2c/busses/i2c-qup.c",
        "bindings/i2c/qcom,i2c-qup.yaml",
        "qcom,i2c-qup-v1.1.1 qcom,i2c-qup-v2.1.1 qcom,i2c-qup-v2.2.1",
        (_must("clocks", "core", "iface"), _DMAS),
    ),
    _Group(
        "drivers/i2c/busses/i2c-qcom-cci.c",
        "bindings/i2c/qcom,i2c-cci.yaml",
        """
        qcom,msm8226-cci qcom,msm8916-cci qcom,msm8974-cci qcom,msm8996-cci qcom,sdm845-cci
        qcom,sm8250-cci qcom,sm8450-cci
        """,
        (_CLOCK,),
    ),
    _Group(
        "drivers/i2c/busses/i2c-mt65xx.c",
        "bindings/i2c/i2c-mt65xx.yaml",
        """
        mediatek,mt2712-i2c mediatek,mt6577-i2c mediatek,mt6589-i2c mediatek,mt7622-i2c
        mediatek,mt7981-i2c mediatek,mt7986-i2c mediatek,mt8168-i2c mediatek,mt8173-i2c
        mediatek,mt8183-i2c mediatek,mt8186-i2c mediatek,mt8188-i2c mediatek,mt8192-i2c
        """,
        (_must("clocks", "main", "dma"), _may("clocks", "arb", "pmic")),
    ),
    _Group(
        "drivers/i2c/busses/i2c-omap.c",
        "bindings/i2c/ti,omap4-i2c.yaml",
        "ti,omap2430-i2c ti,omap3-i2c ti,omap4-i2c",
        (_must("clocks", "fck"), _RECOVERY),
    ),
    _Group(
        "drivers/i2c/busses/i2c-bcm2835.c",
        "bindings/i2c/brcm,bcm2835-i2c.yaml",
        "brcm,bcm2711-i2c brcm,bcm2835-i2c",
        (_CLOCK,),
    ),
    _Group(
        "drivers/i2c/busses/i2c-exynos5.c",
        "bindings/i2c/i2c-exynos5.yaml",
        """
        samsung,exynos5-hsi2c samsung,exynos5250-hsi2c samsung,exynos5260-hsi2c
        samsung,exynos7-hsi2c samsung,exynosautov9-hsi2c
        """,
        (_must("clocks", "hsi2c"), _may("clocks", "hsi2c_pclk")),
    ),
    _Group(
        "drivers/i2c/busses/i2c-tegra.c",
        "bindings/i2c/nvidia,tegra20-i2c.yaml",
        """
        nvidia,tegra114-i2c nvidia,tegra124-i2c nvidia,tegra210-i2c nvidia,tegra186-i2c
        nvidia,tegra194-i2c
        """,
        (
            _must("clocks", "div-clk"),
            _may("resets", without="a driver's warning at each start"),
            _DMAS,
        ),
    ),
    _Group(
        "drivers/i2c/busses/i2c-xiic.c",
        "bindings/i2c/xlnx,xps-iic-2.00.a.yaml",
        "xlnx,xps-iic-2.00.a xlnx,axi-iic-2.1",
        (_CLOCK,),
    ),
)

_CS: Final = _may("*-gpios", without="devices with such a chip select can't be reached")

_SPI: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/spi/spi-pl022.c",
        "bindings/spi/spi-pl022.yaml",
        "arm,pl022",
        (_CLOCK, *_AMBA, _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-cadence.c",
        "bindings/spi/spi-cadence.yaml",
        "cdns,spi-r1p6 xlnx,zynq-spi-r1p6",
        (_must("clocks", "ref_clk", "pclk"), _RESETS, _CS),
    ),
    _Group(
        "drivers/spi/spi-cadence-quadspi.c",
        "bindings/spi/cdns,qspi-nor.yaml",
        """
        cdns,qspi-nor intel,socfpga-qspi ti,am654-ospi ti,k2g-qspi xlnx,versal-ospi-1.0
        amd,pensando-elba-qspi
        """,
        (_CLOCK, _RESETS, _CS),
    ),
    _Group(
        "drivers/spi/spi-zynqmp-gqspi.c",
        "bindings/spi/spi-zynqmp-qspi.yaml",
        "xlnx,zynqmp-qspi-1.0 xlnx,versal-qspi-1.0",
        (_must("clocks", "ref_clk", "pclk"), _CS),
    ),
    _Group(
        "drivers/spi/spi-dw-mmio.c",
        "bindings/spi/snps,dw-apb-ssi.yaml",
        """
        snps,dw-apb-ssi snps,dwc-ssi-1.01a renesas,rzn1-spi intel,keembay-ssi
        amazon,alpine-dw-apb-ssi
        """,
        (_CLOCK, _may("clocks", "pclk"), _RESETS, _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-imx.c",
        "bindings/spi/fsl-imx-cspi.yaml",
        "fsl,imx35-cspi fsl,imx51-ecspi fsl,imx53-ecspi fsl,imx6ul-ecspi",
        (_must("clocks", "ipg", "per"), _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-fsl-lpspi.c",
        "bindings/spi/spi-fsl-lpspi.yaml",
        "fsl,imx7ulp-spi fsl,imx93-spi",
        (_must("clocks", "per", "ipg"), _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-nxp-fspi.c",
        "bindings/spi/spi-nxp-fspi.yaml",
        """
        nxp,lx2160a-fspi nxp,imx8mm-fspi nxp,imx8mp-fspi nxp,imx8qxp-fspi nxp,imx8dxl-fspi
        nxp,imx8ulp-fspi
        """,
        (_must("clocks", "fspi_en", "fspi"),),
    ),
    _Group(
        "drivers/spi/spi-fsl-dspi.c",
        "bindings/spi/fsl,dspi.yaml",
        """
        fsl,vf610-dspi fsl,ls1012a-dspi fsl,ls1021a-v1.0-dspi fsl,ls1028a-dspi fsl,ls1043a-dspi
        fsl,ls1046a-dspi fsl,ls2080a-dspi fsl,ls2085a-dspi fsl,lx2160a-dspi
        """,
        (_must("clocks", "dspi"), _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-fsl-qspi.c",
        "bindings/spi/fsl,spi-fsl-qspi.yaml",
        """
        fsl,vf610-qspi fsl,imx6sx-qspi fsl,imx7d-qspi fsl,imx6ul-qspi fsl,ls1021a-qspi
        fsl,ls2080a-qspi
        """,
        (_must("clocks", "qspi_en", "qspi"),),
    ),
    _Group(
        "drivers/spi/spi-sh-msiof.c",
        "bindings/spi/renesas,sh-msiof.yaml",
        """
        renesas,sh-mobile-msiof renesas,sh-msiof renesas,rcar-gen2-msiof renesas,rcar-gen3-msiof
        renesas,rcar-gen4-msiof
        """,
        (_CLOCK, _RESETS, _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-rspi.c",
        "bindings/spi/renesas,rspi.yaml",
        "renesas,rspi renesas,rspi-rz renesas,qspi",
        (_CLOCK, _RESETS, _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-rockchip.c",
        "bindings/spi/spi-rockchip.yaml",
        """
        rockchip,px30-spi rockchip,rk3036-spi rockchip,rk3066-spi rockchip,rk3188-spi
        rockchip,rk3228-spi rockchip,rk3288-spi rockchip,rk3308-spi rockchip,rk3328-spi
        rockchip,rk3368-spi rockchip,rk3399-spi rockchip,rv1108-spi rockchip,rv1126-spi
        """,
        (_must("clocks", "spiclk", "apb_pclk"), _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-rockchip-sfc.c",
        "bindings/spi/rockchip-sfc.yaml",
        "rockchip,sfc",
        (_must("clocks", "clk_sfc", "hclk_sfc"),),
    ),
    _Group(
        "drivers/spi/spi-meson-spicc.c",
        "bindings/spi/amlogic,meson-gx-spicc.yaml",
        "amlogic,meson-gx-spicc amlogic,meson-axg-spicc",
        (
            _must("clocks", "core"),
            _RESETS,
            _must("pinctrl-0", without="the driver asks for pin control: the probe fails"),
            _CS,
        ),
    ),
    _Group(
        "drivers/spi/spi-meson-spicc.c",
        "bindings/spi/amlogic,meson-gx-spicc.yaml",
        "amlogic,meson-g12a-spicc",
        (
            _must("clocks", "core", "pclk"),
            _RESETS,
            _must("pinctrl-0", without="the driver asks for pin control: the probe fails"),
            _CS,
        ),
    ),
    _Group(
        "drivers/spi/spi-meson-spifc.c",
        "bindings/spi/amlogic,meson6-spifc.yaml",
        "amlogic,meson6-spifc amlogic,meson-gxbb-spifc",
        (_CLOCK,),
    ),
    _Group(
        "drivers/spi/spi-sun6i.c",
        "bindings/spi/allwinner,sun6i-a31-spi.yaml",
        "allwinner,sun6i-a31-spi allwinner,sun8i-h3-spi allwinner,sun50i-r329-spi",
        (_must("clocks", "ahb", "mod"), _must("resets"), _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-geni-qcom.c",
        "bindings/spi/qcom,spi-geni-qcom.yaml",
        "qcom,geni-spi",
        (_must("clocks", "se"), _GPI, _CS),
    ),
    _Group(
        "drivers/spi/spi-qup.c",
        "bindings/spi/qcom,spi-qup.yaml",
        "qcom,spi-qup-v1.1.1 qcom,spi-qup-v2.1.1 qcom,spi-qup-v2.2.1",
        (_must("clocks", "core", "iface"), _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-qcom-qspi.c",
        "bindings/spi/qcom,spi-qcom-qspi.yaml",
        "qcom,qspi-v1",
        (_must("clocks", "iface", "core"),),
    ),
    _Group(
        "drivers/spi/spi-mt65xx.c",
        "bindings/spi/mediatek,spi-mt65xx.yaml",
        """
        mediatek,mt2701-spi mediatek,mt2712-spi mediatek,mt6589-spi mediatek,mt6765-spi
        mediatek,mt6893-spi mediatek,mt7622-spi mediatek,mt7629-spi mediatek,mt8135-spi
        mediatek,mt8173-spi mediatek,mt8183-spi mediatek,mt8192-spi mediatek,spi-ipm
        """,
        (
            _must("clocks", "spi-clk"),
            _must(
                "clocks",
                "parent-clk",
                "sel-clk",
                without="the probe fails; stubs do not help: sel-clk is given a parent",
            ),
            _may("clocks", "hclk"),
            _CS,
        ),
    ),
    _Group(
        "drivers/spi/spi-mtk-nor.c",
        "bindings/spi/mediatek,spi-mtk-nor.yaml",
        "mediatek,mt8173-nor mediatek,mt8186-nor mediatek,mt8192-nor",
        (_must("clocks", "spi", "sf"), _may("clocks", "axi", "axi_s")),
    ),
    _Group(
        "drivers/spi/spi-omap2-mcspi.c",
        "bindings/spi/omap-spi.yaml",
        "ti,omap2-mcspi ti,omap4-mcspi ti,am654-mcspi",
        (_may("clocks", without="the driver takes 48 MHz"), _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-orion.c",
        "bindings/spi/spi-orion.txt",
        """
        marvell,orion-spi marvell,armada-370-spi marvell,armada-375-spi marvell,armada-380-spi
        marvell,armada-390-spi marvell,armada-xp-spi
        """,
        (_CLOCK, _may("clocks", "axi"), _CS),
    ),
    _Group(
        "drivers/spi/spi-armada-3700.c",
        "bindings/spi/marvell,armada-3700-spi.yaml",
        "marvell,armada-3700-spi",
        (_CLOCK,),
    ),
    _Group(
        "drivers/spi/spi-bcm2835.c",
        "bindings/spi/brcm,bcm2835-spi.yaml",
        "brcm,bcm2835-spi",
        (_CLOCK, _DMAS, _CS),
    ),
    _Group(
        "drivers/spi/spi-bcm2835aux.c",
        "bindings/spi/brcm,bcm2835-aux-spi.txt",
        "brcm,bcm2835-aux-spi",
        (_CLOCK, _CS),
    ),
    _Group(
        "drivers/spi/spi-tegra114.c",
        "bindings/spi/nvidia,tegra114-spi.yaml",
        "nvidia,tegra114-spi nvidia,tegra124-spi nvidia,tegra210-spi",
        (_must("clocks", "spi"), _must("resets", "spi"), _must("dmas", "rx", "tx"), _CS),
    ),
    _Group(
        "drivers/spi/spi-s3c64xx.c",
        "bindings/spi/samsung,spi.yaml",
        "samsung,exynos5433-spi",
        (_must("clocks", "spi", "spi_ioclk"), _must("clocks", "spi_busclk0"), _CS),
    ),
)

_PCI: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/pci/controller/pci-host-generic.c",
        "bindings/pci/host-generic-pci.yaml",
        """
        pci-host-ecam-generic pci-host-cam-generic snps,dw-pcie-ecam marvell,armada8k-pcie-ecam
        socionext,synquacer-pcie-ecam
        """,
        (_may("msi-parent", without="no MSI"), _may("msi-map", without="no MSI")),
    ),
    _Group(
        "drivers/pci/controller/pcie-xilinx-nwl.c",
        "bindings/pci/xlnx,nwl-pcie.yaml",
        "xlnx,nwl-pcie-2.11",
        (_CLOCK, _PHYS, _may("msi-parent", without="the driver has MSIs of its own")),
    ),
    _Group(
        "drivers/pci/controller/pcie-rcar-host.c",
        "bindings/pci/rcar-pci-host.yaml",
        "renesas,pcie-rcar-gen2 renesas,pcie-rcar-gen3",
        (_must("clocks", "pcie_bus"), _may("clocks", "pcie"), _RESETS, _PHYS),
    ),
    _Group(
        "drivers/pci/controller/pcie-rockchip-host.c",
        "bindings/pci/rockchip,rk3399-pcie.yaml",
        "rockchip,rk3399-pcie",
        (
            _must("clocks", "aclk", "aclk-perf", "hclk", "pm"),
            _must("resets", "core", "mgmt", "mgmt-sticky", "pipe", "pm", "pclk", "aclk"),
            _must("phys"),
            _GPIOS,
            _may("msi-map", without="no MSI"),
        ),
    ),
    _Group(
        "drivers/pci/controller/dwc/pcie-dw-rockchip.c",
        "bindings/pci/rockchip-dw-pcie.yaml",
        "rockchip,rk3568-pcie rockchip,rk3568-pcie-ep rockchip,rk3588-pcie-ep",
        (
            _may("clocks", without=f"{_GOES_ON}, though the binding asks for them"),
            _must("resets"),
            _must("phys", "pcie-phy"),
            _GPIOS,
            _may("msi-map", without="the driver has MSIs of its own"),
        ),
    ),
    _Group(
        "drivers/pci/controller/dwc/pci-imx6.c",
        "bindings/pci/fsl,imx6q-pcie.yaml",
        "fsl,imx8mm-pcie fsl,imx8mp-pcie fsl,imx8mm-pcie-ep fsl,imx8mp-pcie-ep",
        (
            _must("clocks", "pcie", "pcie_bus", "pcie_aux"),
            _must("resets", "apps"),
            _may("resets", "turnoff", without="the link is not told to turn off"),
            _must("phys", "pcie-phy"),
            _GPIOS,
            _may("reset-gpio", without="the slot is not reset"),
        ),
    ),
    _Group(
        "drivers/pci/controller/dwc/pci-imx6.c",
        "bindings/pci/fsl,imx6q-pcie.yaml",
        "fsl,imx8mq-pcie fsl,imx8mq-pcie-ep",
        (
            _must("clocks", "pcie", "pcie_bus", "pcie_phy", "pcie_aux"),
            _must("resets", "apps", "pciephy"),
            _may("resets", "turnoff", without="the link is not told to turn off"),
            _GPIOS,
            _may("reset-gpio", without="the slot is not reset"),
        ),
    ),
    _Group(
        "drivers/pci/controller/dwc/pci-imx6.c",
        "bindings/pci/fsl,imx6q-pcie.yaml",
        "fsl,imx95-pcie fsl,imx95-pcie-ep",
        (
            _must("clocks", "pcie", "pcie_bus", "pcie_phy", "pcie_aux"),
            _RESETS,
            _GPIOS,
            _may("reset-gpio", without="the slot is not reset"),
        ),
    ),
    _Group(
        "drivers/pci/controller/dwc/pci-imx6.c",
        "bindings/pci/fsl,imx6q-pcie.yaml",
        "fsl,imx8q-pcie fsl,imx8q-pcie-ep",
        (
            _must("clocks", "mstr", "slv", "dbi"),
            _RESETS,
            _must("phys", "pcie-phy"),
            _GPIOS,
            _may("reset-gpio", without="the slot is not reset"),
        ),
    ),
    _Group(
        "drivers/pci/controller/dwc/pcie-qcom.c",
        "bindings/pci/qcom,pcie.yaml",
        """
        qcom,pcie-ipq6018 qcom,pcie-ipq8074-gen3 qcom,pcie-ipq9574 qcom,pcie-sa8540p
        qcom,pcie-sa8775p qcom,pcie-sc7280 qcom,pcie-sc8180x qcom,pcie-sc8280xp
        qcom,pcie-sdm845 qcom,pcie-sdx55 qcom,pcie-sm8150 qcom,pcie-sm8250 qcom,pcie-sm8350
        qcom,pcie-sm8450-pcie0 qcom,pcie-sm8450-pcie1 qcom,pcie-sm8550 qcom,pcie-x1e80100
        """,
        (
            _may("clocks", without=f"{_GOES_ON}, though the binding asks for them"),
            _must("resets"),
            _PHYS,
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/pci/controller/dwc/pci-layerscape.c",
        "bindings/pci/fsl,layerscape-pcie.yaml",
        "fsl,ls1021a-pcie fsl,ls1043a-pcie",
        (_must("fsl,pcie-scfg"), _may("msi-parent", without="no MSI")),
    ),
    _Group(
        "drivers/pci/controller/dwc/pci-layerscape.c",
        "bindings/pci/fsl,layerscape-pcie.yaml",
        """
        fsl,ls1012a-pcie fsl,ls1028a-pcie fsl,ls1046a-pcie fsl,ls1088a-pcie fsl,ls2080a-pcie
        fsl,ls2085a-pcie fsl,ls2088a-pcie
        """,
        (_may("msi-parent", without="no MSI"), _may("msi-map", without="no MSI")),
    ),
    _Group(
        "drivers/pci/controller/dwc/pcie-armada8k.c",
        "bindings/pci/pci-armada8k.txt",
        "marvell,armada8k-pcie",
        (
            _CLOCK,
            _may("clocks", "reg"),
            _may("phys", without="a driver's warning; the PHYs stay as they are"),
            _GPIOS,
            _may("msi-parent", without="no MSI"),
        ),
    ),
    _Group(
        "drivers/pci/controller/dwc/pci-meson.c",
        "bindings/pci/amlogic,axg-pcie.yaml",
        "amlogic,axg-pcie amlogic,g12a-pcie",
        (
            _must("clocks", "port", "general", "pclk"),
            _must("resets", "port", "apb"),
            _must("phys", "pcie"),
            _must("reset-gpios"),
        ),
    ),
    _Group(
        "drivers/pci/controller/dwc/pci-keystone.c",
        "bindings/pci/ti,am65-pci-host.yaml",
        "ti,am654-pcie-rc",
        (
            _must("ti,syscon-pcie-id"),
            _may("ti,syscon-pcie-mode", without="the mode stays as it is"),
            _PHYS,
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/pci/controller/cadence/pci-j721e.c",
        "bindings/pci/ti,j721e-pci-host.yaml",
        "ti,j721e-pcie-host ti,j7200-pcie-host ti,am64-pcie-host ti,j784s4-pcie-host",
        (
            _must("ti,syscon-pcie-ctrl"),
            _may("ti,syscon-acspcie-proxy-ctrl", without="no reference clock is put out"),
            _may("clocks", without="no reference clock is put out"),
            _PHYS,
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/pci/controller/pcie-brcmstb.c",
        "bindings/pci/brcm,stb-pcie.yaml",
        "brcm,bcm2711-pcie",
        (
            _may("clocks"),
            _RESETS,
            _may("msi-parent", without="the driver has MSIs of its own"),
        ),
    ),
    _Group(
        "drivers/pci/controller/pcie-mediatek-gen3.c",
        "bindings/pci/mediatek-pcie-gen3.yaml",
        "mediatek,mt8192-pcie",
        (
            _may("clocks", without=f"{_GOES_ON}, though the binding asks for them"),
            _RESETS,
            _PHYS,
        ),
    ),
    _Group(
        "drivers/pci/controller/pci-aardvark.c",
        "bindings/pci/aardvark-pci.txt",
        "marvell,armada-3700-pcie",
        (
            _may("phys", without="a driver's warning; the PHY stays as it is"),
            _may("clocks", without="the driver does not use it"),
            _GPIOS,
        ),
    ),
)

_GPIO: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/gpio/gpio-pl061.c",
        "bindings/gpio/pl061-gpio.yaml",
        "arm,pl061",
        (*_AMBA, _may("gpio-ranges", without="the lines are not bound to pins")),
    ),
    _Group(
        "drivers/gpio/gpio-zynq.c",
        "bindings/gpio/gpio-zynq.yaml",
        "xlnx,zynq-gpio-1.0 xlnx,zynqmp-gpio-1.0 xlnx,versal-gpio-1.0 xlnx,pmc-gpio-1.0",
        (_CLOCK,),
    ),
    _Group(
        "drivers/gpio/gpio-rcar.c",
        "bindings/gpio/renesas,rcar-gpio.yaml",
        """
        renesas,rcar-gen1-gpio renesas,rcar-gen2-gpio renesas,rcar-gen3-gpio
        renesas,rcar-gen4-gpio renesas,gpio-rcar renesas,gpio-r8a779a0
        """,
        (
            _may("clocks", without="no clock is switched"),
            _RESETS,
            _may("gpio-ranges", without="the bank is taken to have 32 lines"),
        ),
    ),
    _Group(
        "drivers/gpio/gpio-dwapb.c",
        "bindings/gpio/snps,dw-apb-gpio.yaml",
        "snps,dw-apb-gpio apm,xgene-gpio-v2",
        (_may("clocks"), _RESETS),
    ),
    _Group(
        "drivers/gpio/gpio-mxc.c",
        "bindings/gpio/fsl-imx-gpio.yaml",
        """
        fsl,imx21-gpio fsl,imx31-gpio fsl,imx35-gpio fsl,imx7d-gpio fsl,imx8dxl-gpio
        fsl,imx8qm-gpio fsl,imx8qxp-gpio
        """,
        (_may("clocks"), _may("gpio-ranges", without="the lines are not bound to pins")),
    ),
    _Group(
        "drivers/gpio/gpio-davinci.c",
        "bindings/gpio/gpio-davinci.yaml",
        "ti,dm6441-gpio ti,keystone-gpio ti,am654-gpio",
        (
            _must("clocks", "gpio"),
            _may("gpio-ranges", without="the lines are not bound to pins"),
        ),
    ),
    _Group(
        "drivers/gpio/gpio-vf610.c",
        "bindings/gpio/gpio-vf610.yaml",
        "fsl,vf610-gpio fsl,imx7ulp-gpio fsl,imx8ulp-gpio",
        (_may("clocks"), _may("gpio-ranges", without="the lines are not bound to pins")),
    ),
    _Group(
        "drivers/gpio/gpio-rockchip.c",
        "bindings/gpio/rockchip,gpio-bank.yaml",
        "rockchip,gpio-bank rockchip,rk3188-gpio-bank0",
        (
            _must(
                "clocks",
                without="the probe fails; newer banks want a second clock, for debouncing",
            ),
            _may("gpio-ranges", without="the parent's pin controller gives the pins"),
        ),
    ),
    _Group(
        "drivers/gpio/gpio-mvebu.c",
        "bindings/gpio/gpio-mvebu.yaml",
        "marvell,armada-8k-gpio",
        (_must("clocks", without="the probe fails where marvell,pwm-offset is stated"),),
    ),
    _Group(
        "drivers/gpio/gpio-mvebu.c",
        "bindings/gpio/gpio-mvebu.yaml",
        "marvell,orion-gpio marvell,armada-370-gpio",
        (_may("clocks", without="the probe fails only where registers for PWM are stated"),),
    ),
    _Group(
        "drivers/gpio/gpio-mpc8xxx.c",
        "bindings/gpio/fsl,qoriq-gpio.yaml",
        "fsl,qoriq-gpio fsl,ls1028a-gpio fsl,ls1088a-gpio",
        (),
    ),
)

_TIMERS: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/watchdog/sp805_wdt.c",
        "bindings/watchdog/arm,sp805.yaml",
        "arm,sp805",
        (
            _must("clocks", without="no rate: the probe fails", instead=("clock-frequency",)),
            *_AMBA,
        ),
    ),
    _Group(
        "drivers/watchdog/sbsa_gwdt.c",
        "bindings/watchdog/arm,sbsa-gwdt.yaml",
        "arm,sbsa-gwdt",
        (),
    ),
    _Group(
        "drivers/watchdog/cadence_wdt.c",
        "bindings/watchdog/cdns,wdt-r1p2.yaml",
        "cdns,wdt-r1p2",
        (_CLOCK,),
    ),
    _Group(
        "drivers/watchdog/dw_wdt.c",
        "bindings/watchdog/snps,dw-wdt.yaml",
        "snps,dw-wdt",
        (_CLOCK, _may("clocks", "pclk"), _RESETS),
    ),
    _Group(
        "drivers/watchdog/imx2_wdt.c",
        "bindings/watchdog/fsl-imx-wdt.yaml",
        """
        fsl,imx21-wdt fsl,imx25-wdt fsl,imx27-wdt fsl,imx31-wdt fsl,imx35-wdt fsl,imx50-wdt
        fsl,imx51-wdt fsl,imx53-wdt fsl,imx6q-wdt fsl,imx6sl-wdt fsl,imx6sll-wdt fsl,imx6sx-wdt
        fsl,imx6ul-wdt fsl,imx7d-wdt fsl,imx8mm-wdt fsl,imx8mn-wdt fsl,imx8mp-wdt
        fsl,imx8mq-wdt fsl,ls1012a-wdt fsl,ls1043a-wdt fsl,vf610-wdt
        """,
        (_CLOCK,),
    ),
    _Group(
        "drivers/watchdog/imx7ulp_wdt.c",
        "bindings/watchdog/fsl-imx7ulp-wdt.yaml",
        "fsl,imx7ulp-wdt fsl,imx8ulp-wdt fsl,imx93-wdt",
        (_CLOCK,),
    ),
    _Group(
        "drivers/watchdog/rti_wdt.c",
        "bindings/watchdog/ti,rti-wdt.yaml",
        "ti,j7-rti-wdt",
        (_CLOCK, _may("memory-region", without="the cause of the last reset is not known")),
    ),
    _Group(
        "drivers/watchdog/meson_gxbb_wdt.c",
        "bindings/watchdog/amlogic,meson-gxbb-wdt.yaml",
        "amlogic,meson-gxbb-wdt amlogic,t7-wdt",
        (_CLOCK,),
    ),
    _Group(
        "drivers/watchdog/qcom-wdt.c",
        "bindings/watchdog/qcom-wdt.yaml",
        "qcom,kpss-wdt qcom,kpss-timer qcom,scss-timer",
        (_CLOCK,),
    ),
    _Group(
        "drivers/watchdog/renesas_wdt.c",
        "bindings/watchdog/renesas,wdt.yaml",
        "renesas,rcar-gen2-wdt renesas,rcar-gen3-wdt renesas,rcar-gen4-wdt",
        (_CLOCK, _RESETS),
    ),
    _Group(
        "drivers/watchdog/rzg2l_wdt.c",
        "bindings/watchdog/renesas,wdt.yaml",
        "renesas,rzg2l-wdt renesas,rzv2m-wdt",
        (_must("clocks", "oscclk", "pclk"), _must("resets")),
    ),
    _Group(
        "drivers/watchdog/s3c2410_wdt.c",
        "bindings/watchdog/samsung-wdt.yaml",
        """
        samsung,exynos5250-wdt samsung,exynos5420-wdt samsung,exynos7-wdt samsung,exynos850-wdt
        samsung,exynosautov9-wdt google,gs101-wdt
        """,
        (
            _must("clocks", "watchdog"),
            _may("clocks", "watchdog_src", without="the bus clock is counted"),
            _must("samsung,syscon-phandle"),
        ),
    ),
    _Group(
        "drivers/watchdog/armada_37xx_wdt.c",
        "bindings/watchdog/armada-37xx-wdt.txt",
        "marvell,armada-3700-wdt",
        (_CLOCK, _must("marvell,system-controller")),
    ),
    _Group("drivers/rtc/rtc-pl031.c", "bindings/rtc/arm,pl031.yaml", "arm,pl031", _AMBA),
    _Group(
        "drivers/rtc/rtc-zynqmp.c",
        "bindings/rtc/xlnx,zynqmp-rtc.yaml",
        "xlnx,zynqmp-rtc",
        (_may("clocks", without="the driver takes the calibration property or 32768 Hz"),),
    ),
    _Group(
        "drivers/rtc/rtc-snvs.c",
        "bindings/crypto/fsl,sec-v4.0-mon.yaml",
        "fsl,sec-v4.0-mon-rtc-lp",
        (
            _may("clocks"),
            _may("regmap", without="the driver maps registers of its own, as in old trees"),
        ),
    ),
    _Group(
        "drivers/rtc/rtc-ti-k3.c",
        "bindings/rtc/ti,k3-rtc.yaml",
        "ti,am62-rtc",
        (_must("clocks", "vbus", "osc32k"),),
    ),
    _Group(
        "drivers/clocksource/timer-ti-dm.c",
        "bindings/timer/ti,timer-dm.yaml",
        "ti,am654-timer",
        (_must("clocks", "fck"),),
    ),
    _Group(
        "drivers/clocksource/timer-cadence-ttc.c",
        "bindings/timer/cdns,ttc.yaml",
        "cdns,ttc",
        (_CLOCK,),
    ),
    _Group(
        "drivers/clocksource/timer-imx-sysctr.c",
        "bindings/timer/nxp,sysctr-timer.yaml",
        "nxp,sysctr-timer nxp,imx95-sysctr-timer",
        (_must("clocks", "per"),),
    ),
    _Group(
        "drivers/clocksource/sh_tmu.c",
        "bindings/timer/renesas,tmu.yaml",
        "renesas,tmu",
        (_must("clocks", "fck"), _RESETS),
    ),
    _Group(
        "drivers/clocksource/sh_cmt.c",
        "bindings/timer/renesas,cmt.yaml",
        """
        renesas,rcar-gen2-cmt0 renesas,rcar-gen2-cmt1 renesas,rcar-gen3-cmt0
        renesas,rcar-gen3-cmt1 renesas,rcar-gen4-cmt0 renesas,rcar-gen4-cmt1
        """,
        (_must("clocks", "fck"), _RESETS),
    ),
    _Group(
        "drivers/clocksource/timer-rockchip.c",
        "bindings/timer/rockchip,rk-timer.yaml",
        "rockchip,rk3288-timer rockchip,rk3399-timer",
        (_must("clocks", "pclk", "timer"),),
    ),
)

_PWMS: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/pwm/pwm-rockchip.c",
        "bindings/pwm/pwm-rockchip.yaml",
        "rockchip,rk2928-pwm rockchip,rk3288-pwm rockchip,rk3328-pwm rockchip,vop-pwm",
        (_CLOCK,),
    ),
    _Group(
        "drivers/pwm/pwm-imx27.c",
        "bindings/pwm/imx-pwm.yaml",
        "fsl,imx27-pwm",
        (_must("clocks", "ipg", "per"),),
    ),
    _Group(
        "drivers/pwm/pwm-imx-tpm.c",
        "bindings/pwm/imx-tpm-pwm.yaml",
        "fsl,imx7ulp-pwm",
        (_CLOCK,),
    ),
    _Group(
        "drivers/pwm/pwm-rcar.c",
        "bindings/pwm/renesas,pwm-rcar.yaml",
        "renesas,pwm-rcar",
        (_CLOCK, _RESETS),
    ),
    _Group(
        "drivers/pwm/pwm-sun4i.c",
        "bindings/pwm/allwinner,sun4i-a10-pwm.yaml",
        """
        allwinner,sun4i-a10-pwm allwinner,sun5i-a10s-pwm allwinner,sun5i-a13-pwm
        allwinner,sun7i-a20-pwm allwinner,sun8i-h3-pwm allwinner,sun50i-a64-pwm
        allwinner,sun50i-h6-pwm
        """,
        (_CLOCK, _may("clocks", "bus"), _RESETS),
    ),
    _Group(
        "drivers/pwm/pwm-fsl-ftm.c",
        "bindings/pwm/fsl,vf610-ftm-pwm.yaml",
        "fsl,vf610-ftm-pwm fsl,imx8qm-ftm-pwm",
        (_must("clocks", "ftm_sys", "ftm_ext", "ftm_fix", "ftm_cnt_clk_en"),),
    ),
    _Group(
        "drivers/pwm/pwm-tiehrpwm.c",
        "bindings/pwm/pwm-tiehrpwm.yaml",
        "ti,am3352-ehrpwm",
        (_must("clocks", "fck", "tbclk"),),
    ),
    _Group(
        "drivers/pwm/pwm-tiecap.c",
        "bindings/pwm/pwm-tiecap.yaml",
        "ti,am3352-ecap",
        (_must("clocks", "fck"),),
    ),
    _Group(
        "drivers/pwm/pwm-mtk-disp.c",
        "bindings/pwm/mediatek,pwm-disp.yaml",
        """
        mediatek,mt2701-disp-pwm mediatek,mt6595-disp-pwm mediatek,mt8173-disp-pwm
        mediatek,mt8183-disp-pwm
        """,
        (_must("clocks", "main", "mm"),),
    ),
    _Group(
        "drivers/pwm/pwm-tegra.c",
        "bindings/pwm/nvidia,tegra20-pwm.yaml",
        "nvidia,tegra20-pwm nvidia,tegra186-pwm nvidia,tegra194-pwm",
        (_CLOCK, _must("resets", "pwm")),
    ),
    _Group(
        "drivers/pwm/pwm-bcm2835.c",
        "bindings/pwm/pwm-bcm2835.yaml",
        "brcm,bcm2835-pwm",
        (_CLOCK,),
    ),
)

_ENGINES: Final[tuple[_Group, ...]] = (
    _Group("drivers/dma/pl330.c", "bindings/dma/arm,pl330.yaml", "arm,pl330", _AMBA),
    _Group(
        "drivers/dma/imx-sdma.c",
        "bindings/dma/fsl,imx-sdma.yaml",
        "fsl,imx35-sdma fsl,imx6q-sdma fsl,imx6ul-sdma fsl,imx7d-sdma fsl,imx8mq-sdma",
        (
            _must("clocks", "ipg", "ahb"),
            _may("gpr", without="request lines stay routed as they are"),
            _may("iram", without="the contexts lie in memory"),
        ),
    ),
    _Group(
        "drivers/dma/mxs-dma.c",
        "bindings/dma/fsl,mxs-dma.yaml",
        "fsl,imx23-dma-apbh fsl,imx23-dma-apbx fsl,imx28-dma-apbh fsl,imx28-dma-apbx",
        (_CLOCK,),
    ),
    _Group(
        "drivers/dma/fsl-edma-main.c",
        "bindings/dma/fsl,edma.yaml",
        "fsl,vf610-edma fsl,ls1028a-edma",
        (_must("clocks", "dmamux0", "dmamux1"),),
    ),
    _Group(
        "drivers/dma/fsl-edma-main.c",
        "bindings/dma/fsl,edma.yaml",
        "fsl,imx93-edma3 fsl,imx93-edma4 fsl,imx95-edma5",
        (_must("clocks", "dma"),),
    ),
    _Group(
        "drivers/dma/fsl-edma-main.c",
        "bindings/dma/fsl,edma.yaml",
        "fsl,imx8qm-edma",
        (_must("power-domains", without="each channel wants its domain: the probe fails"),),
    ),
    _Group(
        "drivers/dma/mv_xor_v2.c",
        "bindings/dma/marvell,xor-v2.yaml",
        "marvell,xor-v2",
        (
            _must("clocks"),
            _may("clocks", "reg"),
            _must("msi-parent", without="the engine's interrupt is an MSI: the probe fails"),
        ),
    ),
    _Group(
        "drivers/dma/sun6i-dma.c",
        "bindings/dma/allwinner,sun50i-a64-dma.yaml",
        "allwinner,sun50i-a64-dma allwinner,sun8i-h3-dma",
        (_CLOCK, _must("resets")),
    ),
    _Group(
        "drivers/dma/sun6i-dma.c",
        "bindings/dma/allwinner,sun50i-a64-dma.yaml",
        "allwinner,sun20i-d1-dma allwinner,sun50i-a100-dma allwinner,sun50i-h6-dma",
        (_CLOCK, _must("clocks", "mbus"), _must("resets")),
    ),
    _Group(
        "drivers/dma/xilinx/zynqmp_dma.c",
        "bindings/dma/xilinx/xlnx,zynqmp-dma-1.0.yaml",
        "xlnx,zynqmp-dma-1.0",
        (_must("clocks", "clk_main", "clk_apb"),),
    ),
    _Group(
        "drivers/dma/qcom/bam_dma.c",
        "bindings/dma/qcom,bam-dma.yaml",
        "qcom,bam-v1.3.0 qcom,bam-v1.4.0 qcom,bam-v1.7.0",
        (
            _must(
                "clocks",
                "bam_clk",
                instead=("qcom,controlled-remotely", "qcom,powered-remotely"),
            ),
        ),
    ),
    _Group(
        "drivers/dma/sh/rcar-dmac.c",
        "bindings/dma/renesas,rcar-dmac.yaml",
        "renesas,rcar-dmac renesas,rcar-gen4-dmac renesas,dmac-r8a779a0",
        (_may("clocks", without="no clock is switched"), _RESETS),
    ),
    _Group(
        "drivers/dma/sh/usb-dmac.c",
        "bindings/dma/renesas,usb-dmac.yaml",
        "renesas,usb-dmac",
        (_may("clocks", without="no clock is switched"), _RESETS),
    ),
    _Group(
        "drivers/dma/sh/rz-dmac.c",
        "bindings/dma/renesas,rz-dmac.yaml",
        "renesas,rz-dmac",
        (_may("clocks", without="no clock is switched"), _must("resets")),
    ),
    _Group(
        "drivers/dma/dw-axi-dmac/dw-axi-dmac-platform.c",
        "bindings/dma/snps,dw-axi-dmac.yaml",
        "snps,axi-dma-1.01a",
        (_must("clocks", "core-clk", "cfgr-clk"), _RESETS),
    ),
    _Group(
        "drivers/mailbox/imx-mailbox.c",
        "bindings/mailbox/fsl,mu.yaml",
        """
        fsl,imx6sx-mu fsl,imx7ulp-mu fsl,imx8ulp-mu fsl,imx8ulp-mu-s4 fsl,imx93-mu-s4
        fsl,imx8-mu-scu fsl,imx8-mu-seco fsl,imx95-mu fsl,imx95-mu-ele fsl,imx95-mu-v2x
        """,
        (_may("clocks"),),
    ),
    _Group(
        "drivers/iommu/rockchip-iommu.c",
        "bindings/iommu/rockchip,iommu.yaml",
        "rockchip,iommu rockchip,rk3568-iommu",
        (_may("clocks", without=f"{_GOES_ON}, though the binding asks for them"),),
    ),
)

_PHY_DRIVERS: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/phy/rockchip/phy-rockchip-naneng-combphy.c",
        "bindings/phy/phy-rockchip-naneng-combphy.yaml",
        "rockchip,rk3568-naneng-combphy rockchip,rk3588-naneng-combphy",
        (
            _must("clocks", "ref"),
            _may("clocks", "apb", "pipe"),
            _must("resets"),
            _must("rockchip,pipe-grf"),
            _must("rockchip,pipe-phy-grf"),
        ),
    ),
    _Group(
        "drivers/phy/rockchip/phy-rockchip-inno-usb2.c",
        "bindings/phy/rockchip,inno-usb2phy.yaml",
        """
        rockchip,px30-usb2phy rockchip,rk3228-usb2phy rockchip,rk3308-usb2phy
        rockchip,rk3328-usb2phy rockchip,rk3366-usb2phy rockchip,rk3399-usb2phy
        rockchip,rk3568-usb2phy rockchip,rk3588-usb2phy
        """,
        (_may("clocks", "phyclk"), _RESETS),
    ),
    _Group(
        "drivers/phy/amlogic/phy-meson-g12a-usb2.c",
        "bindings/phy/amlogic,g12a-usb2-phy.yaml",
        "amlogic,g12a-usb2-phy amlogic,a1-usb2-phy",
        (_must("clocks", "xtal"), _must("resets", "phy")),
    ),
    _Group(
        "drivers/phy/amlogic/phy-meson-gxl-usb2.c",
        "bindings/phy/amlogic,meson-gxl-usb2-phy.yaml",
        "amlogic,meson-gxl-usb2-phy",
        (_may("clocks", "phy"), _RESETS),
    ),
    _Group(
        "drivers/phy/amlogic/phy-meson-g12a-usb3-pcie.c",
        "bindings/phy/amlogic,g12a-usb3-pcie-phy.yaml",
        "amlogic,g12a-usb3-pcie-phy",
        (_must("clocks", "ref_clk"), _must("resets")),
    ),
    _Group(
        "drivers/phy/freescale/phy-fsl-imx8mq-usb.c",
        "bindings/phy/fsl,imx8mq-usb-phy.yaml",
        "fsl,imx8mq-usb-phy fsl,imx8mp-usb-phy",
        (_must("clocks", "phy"),),
    ),
    _Group(
        "drivers/phy/freescale/phy-fsl-imx8m-pcie.c",
        "bindings/phy/fsl,imx8-pcie-phy.yaml",
        "fsl,imx8mm-pcie-phy",
        (_must("clocks", "ref"), _must("resets", "pciephy")),
    ),
    _Group(
        "drivers/phy/freescale/phy-fsl-imx8m-pcie.c",
        "bindings/phy/fsl,imx8-pcie-phy.yaml",
        "fsl,imx8mp-pcie-phy",
        (_must("clocks", "ref"), _must("resets", "pciephy", "perst")),
    ),
    _Group(
        "drivers/usb/phy/phy-mxs-usb.c",
        "bindings/phy/fsl,mxs-usbphy.yaml",
        """
        fsl,imx23-usbphy fsl,imx6q-usbphy fsl,imx6sl-usbphy fsl,imx6sx-usbphy fsl,imx6ul-usbphy
        fsl,imx7ulp-usbphy fsl,vf610-usbphy
        """,
        (_CLOCK, _may("fsl,anatop"), _may("nxp,sim")),
    ),
    _Group(
        "drivers/phy/renesas/phy-rcar-gen3-usb2.c",
        "bindings/phy/renesas,usb2-phy.yaml",
        "renesas,rcar-gen3-usb2-phy renesas,rzg2l-usb2-phy",
        (_may("clocks", without="no clock is switched"), _RESETS),
    ),
    _Group(
        "drivers/phy/allwinner/phy-sun4i-usb.c",
        "bindings/phy/allwinner,sun50i-a64-usb-phy.yaml",
        "allwinner,sun50i-a64-usb-phy",
        (
            _must("clocks", "usb0_phy", "usb1_phy"),
            _must("resets", "usb0_reset", "usb1_reset"),
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/phy/allwinner/phy-sun4i-usb.c",
        "bindings/phy/allwinner,sun50i-h6-usb-phy.yaml",
        "allwinner,sun50i-h6-usb-phy",
        (
            _must("clocks", "usb0_phy", "usb3_phy"),
            _must("resets", "usb0_reset", "usb3_reset"),
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/phy/allwinner/phy-sun4i-usb.c",
        "bindings/phy/allwinner,sun8i-h3-usb-phy.yaml",
        "allwinner,sun8i-h3-usb-phy allwinner,sun50i-h616-usb-phy",
        (
            _must("clocks", "usb0_phy", "usb1_phy", "usb2_phy", "usb3_phy"),
            _may("clocks", "pmu2_clk"),
            _must("resets", "usb0_reset", "usb1_reset", "usb2_reset", "usb3_reset"),
            _GPIOS,
        ),
    ),
    _Group(
        "drivers/phy/qualcomm/phy-qcom-qusb2.c",
        "bindings/phy/qcom,qusb2-phy.yaml",
        """
        qcom,ipq6018-qusb2-phy qcom,ipq8074-qusb2-phy qcom,ipq9574-qusb2-phy
        qcom,msm8953-qusb2-phy qcom,msm8996-qusb2-phy qcom,msm8998-qusb2-phy
        qcom,qcm2290-qusb2-phy qcom,sdm660-qusb2-phy qcom,sm4250-qusb2-phy
        qcom,sm6115-qusb2-phy qcom,sdm845-qusb2-phy qcom,qusb2-v2-phy
        """,
        (
            _must("clocks", "cfg_ahb", "ref"),
            _may("clocks", "iface"),
            _must("resets"),
            _may("nvmem-cells", without="the factory's tuning is not used"),
            _may("qcom,tcsr-syscon", without="the clock is taken for single ended"),
        ),
    ),
    _Group(
        "drivers/phy/xilinx/phy-zynqmp.c",
        "bindings/phy/xlnx,zynqmp-psgtr.yaml",
        "xlnx,zynqmp-psgtr xlnx,zynqmp-psgtr-v1.1",
        (_may("clocks", without="lanes that use this reference clock can't be set up"),),
    ),
)

_SMALL: Final[tuple[_Group, ...]] = (
    _Group(
        "drivers/char/hw_random/meson-rng.c",
        "bindings/rng/amlogic,meson-rng.yaml",
        "amlogic,meson-rng amlogic,meson-s4-rng",
        (_may("clocks"),),
    ),
    _Group(
        "drivers/char/hw_random/omap-rng.c",
        "bindings/rng/omap_rng.yaml",
        "inside-secure,safexcel-eip76",
        (_may("clocks"),),
    ),
    _Group(
        "drivers/char/hw_random/rockchip-rng.c",
        "bindings/rng/rockchip,rk3568-rng.yaml",
        "rockchip,rk3568-rng",
        (
            _may("clocks", without=f"{_GOES_ON}, though the binding asks for them"),
            _must("resets"),
        ),
    ),
    _Group(
        "drivers/crypto/qcom-rng.c",
        "bindings/crypto/qcom,prng.yaml",
        "qcom,prng qcom,prng-ee qcom,trng",
        (_may("clocks"),),
    ),
    _Group(
        "drivers/input/keyboard/snvs_pwrkey.c",
        "bindings/crypto/fsl,sec-v4.0-mon.yaml",
        "fsl,sec-v4.0-pwrkey",
        (_may("clocks"), _must("regmap")),
    ),
    _Group(
        "drivers/nvmem/imx-ocotp.c",
        "bindings/nvmem/imx-ocotp.yaml",
        """
        fsl,imx6q-ocotp fsl,imx6sl-ocotp fsl,imx6sll-ocotp fsl,imx6sx-ocotp fsl,imx6ul-ocotp
        fsl,imx6ull-ocotp fsl,imx7d-ocotp fsl,imx7ulp-ocotp fsl,imx8mm-ocotp fsl,imx8mn-ocotp
        fsl,imx8mp-ocotp fsl,imx8mq-ocotp
        """,
        (_CLOCK,),
    ),
    _Group(
        "drivers/mtd/nand/raw/arasan-nand-controller.c",
        "bindings/mtd/arasan,nand-controller.yaml",
        "xlnx,zynqmp-nand-controller arasan,nfc-v3p10",
        (_must("clocks", "controller", "bus"), _CS),
    ),
    _Group(
        "drivers/mtd/nand/raw/gpmi-nand/gpmi-nand.c",
        "bindings/mtd/gpmi-nand.yaml",
        "fsl,imx7d-gpmi-nand",
        (_must("clocks", "gpmi_io", "gpmi_bch_apb"), _must("dmas", "rx-tx")),
    ),
    _Group(
        "drivers/mtd/nand/raw/gpmi-nand/gpmi-nand.c",
        "bindings/mtd/gpmi-nand.yaml",
        "fsl,imx8qxp-gpmi-nand",
        (
            _must("clocks", "gpmi_io", "gpmi_apb", "gpmi_bch", "gpmi_bch_apb"),
            _must("dmas", "rx-tx"),
        ),
    ),
    _Group(
        "drivers/thermal/amlogic_thermal.c",
        "bindings/thermal/amlogic,thermal.yaml",
        "amlogic,g12a-cpu-thermal amlogic,g12a-ddr-thermal amlogic,a1-cpu-thermal",
        (_CLOCK, _must("amlogic,ao-secure")),
    ),
    _Group(
        "drivers/thermal/sun8i_thermal.c",
        "bindings/thermal/allwinner,sun8i-a83t-ths.yaml",
        """
        allwinner,sun8i-h3-ths allwinner,sun8i-r40-ths allwinner,sun50i-a64-ths
        allwinner,sun50i-h5-ths
        """,
        (_must("clocks", "bus", "mod"), _must("resets")),
    ),
    _Group(
        "drivers/thermal/sun8i_thermal.c",
        "bindings/thermal/allwinner,sun8i-a83t-ths.yaml",
        "allwinner,sun50i-a100-ths allwinner,sun50i-h6-ths allwinner,sun20i-d1-ths",
        (_must("clocks", "bus"), _must("resets")),
    ),
    _Group(
        "drivers/thermal/sun8i_thermal.c",
        "bindings/thermal/allwinner,sun8i-a83t-ths.yaml",
        "allwinner,sun50i-h616-ths",
        (_must("clocks", "bus"), _must("resets"), _must("allwinner,sram")),
    ),
    _Group(
        "drivers/iio/adc/xilinx-ams.c",
        "bindings/iio/adc/xlnx,zynqmp-ams.yaml",
        "xlnx,zynqmp-ams",
        (_CLOCK,),
    ),
    _Group(
        "drivers/iio/adc/meson_saradc.c",
        "bindings/iio/adc/amlogic,meson-saradc.yaml",
        """
        amlogic,meson-gxbb-saradc amlogic,meson-gxl-saradc amlogic,meson-gxm-saradc
        amlogic,meson-axg-saradc amlogic,meson-g12a-saradc
        """,
        (
            _must("clocks", "clkin", "core"),
            _may("clocks", "adc_clk", "adc_sel", without="the block's own divider is used"),
            _may("vref-supply", without="readings have no scale"),
        ),
    ),
    _Group(
        "drivers/char/hw_random/imx-rngc.c",
        "bindings/rng/imx-rng.yaml",
        "fsl,imx25-rngb",
        (_CLOCK,),
    ),
    _Group(
        "drivers/thermal/imx8mm_thermal.c",
        "bindings/thermal/imx8mm-thermal.yaml",
        "fsl,imx8mm-tmu fsl,imx8mp-tmu",
        (_CLOCK,),
    ),
    _Group(
        "drivers/thermal/qoriq_thermal.c",
        "bindings/thermal/qoriq-thermal.yaml",
        "fsl,qoriq-tmu fsl,imx8mq-tmu",
        (_may("clocks"),),
    ),
    _Group(
        "drivers/thermal/rockchip_thermal.c",
        "bindings/thermal/rockchip-thermal.yaml",
        """
        rockchip,px30-tsadc rockchip,rk3228-tsadc rockchip,rk3288-tsadc rockchip,rk3328-tsadc
        rockchip,rk3366-tsadc rockchip,rk3368-tsadc rockchip,rk3399-tsadc rockchip,rk3568-tsadc
        rockchip,rk3588-tsadc rockchip,rv1108-tsadc
        """,
        (
            _must("clocks", "tsadc", "apb_pclk"),
            _must("resets"),
            _may("rockchip,grf", without="a driver's warning"),
        ),
    ),
    _Group(
        "drivers/iio/adc/rockchip_saradc.c",
        "bindings/iio/adc/rockchip-saradc.yaml",
        "rockchip,saradc rockchip,rk3399-saradc rockchip,rk3568-saradc rockchip,rk3588-saradc",
        (
            _must("clocks", "saradc", "apb_pclk"),
            _RESETS,
            _must("vref-supply", without="the dummy has no voltage: the probe fails"),
        ),
    ),
    _Group(
        "drivers/iio/adc/imx8qxp-adc.c",
        "bindings/iio/adc/nxp,imx8qxp-adc.yaml",
        "nxp,imx8qxp-adc",
        (_must("clocks", "per", "ipg"), _may("vref-supply", without="readings have no scale")),
    ),
    _Group(
        "drivers/iio/adc/imx93_adc.c",
        "bindings/iio/adc/nxp,imx93-adc.yaml",
        "nxp,imx93-adc",
        (_must("clocks", "ipg"), _may("vref-supply", without="readings have no scale")),
    ),
    _Group(
        "drivers/gpu/drm/etnaviv/etnaviv_gpu.c",
        "bindings/gpu/vivante,gc.yaml",
        "vivante,gc",
        (_must("clocks", "core"), _may("clocks", "reg", "bus", "shader"), _RESETS),
    ),
    _Group(
        "drivers/amba/bus.c",
        "bindings/arm/primecell.yaml",
        "arm,primecell",
        _AMBA,
    ),
)

_GROUPS: Final = (
    *_NETWORK,
    *_STMMAC,
    *_OTHER_NETWORK,
    *_CAN,
    *_USB,
    *_CARDS,
    *_SATA,
    *_SERIAL,
    *_I2C,
    *_SPI,
    *_PCI,
    *_GPIO,
    *_TIMERS,
    *_PWMS,
    *_ENGINES,
    *_PHY_DRIVERS,
    *_SMALL,
)


def _known(group: _Group) -> DriverNeeds:
    said = {entry.property for entry in group.needs}
    common = tuple(entry for entry in _ALWAYS if entry.property not in said)
    return DriverNeeds(group.driver, group.binding, group.needs + common)


DRIVER_NEEDS: Final = tuple(
    (compatible, known)
    for group, known in ((group, _known(group)) for group in _GROUPS)
    for compatible in group.compatibles.split()
)
"""All entries: a `compatible` string, and what its driver needs."""

_BY_STRING: Final = dict(DRIVER_NEEDS)


@lru_cache(maxsize=1024)
def _fits(pattern: str, text: str) -> bool:
    """Whether a text is the pattern, with anything in the place of each ``*``."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def needs(compatible: Sequence[str]) -> DriverNeeds | None:
    """What the driver of a node with this `compatible` list needs (most specific string first).

    The first string about which something is known decides, as it decides which driver binds.
    """
    return next((_BY_STRING[string] for string in compatible if string in _BY_STRING), None)


def need(known: DriverNeeds | None, property: str, name: str | None) -> Need | None:
    """What is known of one entry of a property; None when nothing is.

    ``name`` is the entry's name (``clock-names``, …), None where it has none. A `Need` of that
    name comes before one that speaks of all entries, the exact property before a wildcard.
    """
    if known is None:
        return None
    spoken = [entry for entry in known.needs if entry.property == property] or [
        entry for entry in known.needs if _fits(entry.property, property)
    ]
    named = (entry for entry in spoken if name is not None and name in entry.names)
    general = (entry for entry in spoken if not entry.names)
    return next(named, None) or next(general, None)
