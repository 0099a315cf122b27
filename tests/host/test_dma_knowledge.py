"""The table of DMA mastering: its own consistency, and the strings where an error would hurt."""

from __future__ import annotations

import pytest

from tests.rows import Rows
from xenassign.host.dma_knowledge import dma_knowledge, dma_table

KNOWLEDGE = dma_table().all()


def test_the_form_of_an_entry() -> None:
    for entry in KNOWLEDGE:
        assert entry.compatible.strip("*,-")
        assert not entry.evidence.endswith(".")


def test_exact_string_finds_its_own_entry(rows: Rows) -> None:
    for entry in [e for e in KNOWLEDGE if "*" not in e.compatible]:
        with rows(entry):
            assert dma_knowledge([entry.compatible]) == entry


MASTERS: tuple[list[str], ...] = (
    ["arm,pl330", "arm,primecell"],
    ["xlnx,zynqmp-gem", "cdns,gem"],
    ["fsl,imx8mp-fec", "fsl,imx8mq-fec", "fsl,imx6sx-fec"],
    ["nxp,imx8mp-dwmac-eqos", "snps,dwmac-5.10a"],
    ["snps,dwc3"],
    ["rockchip,rk3568-dwc3", "snps,dwc3"],
    ["qcom,sm8550-dwc3", "qcom,snps-dwc3"],
    ["xlnx,zynqmp-8.9a", "arasan,sdhci-8.9a"],
    ["renesas,sdhi-r8a774a1", "renesas,rcar-gen3-sdhi"],
    ["rockchip,rk3399-dw-mshc", "rockchip,rk3288-dw-mshc"],
    ["xlnx,zynqmp-qspi-1.0"],
    ["xlnx,versal-ospi-1.0", "cdns,qspi-nor"],
    ["amd,versal2-ospi", "cdns,qspi-nor"],
    ["nvidia,tegra234-qspi"],
    ["arasan,nfc-v3p10"],
    ["qcom,geni-uart"],
    ["qcom,geni-debug-uart"],
    ["mediatek,mt8183-i2c"],
    ["mediatek,mt8186-spi", "mediatek,mt6765-spi"],
    ["qcom,sc7180-dsi-ctrl", "qcom,mdss-dsi-ctrl"],
    ["mediatek,mt8183-audiosys", "syscon"],
    ["mediatek,mt7986-wed", "syscon"],
    ["fsl,sec-v5.4-job-ring", "fsl,sec-v5.0-job-ring", "fsl,sec-v4.0-job-ring"],
    ["arm,mali-400"],
    ["arm,gic-v3-its"],
    ["arm,smmu-v3"],
    ["rockchip,rk3568-iommu"],
    ["arm,coresight-tmc", "arm,primecell"],
    ["pci-host-ecam-generic"],
    ["qemu,fw-cfg-mmio"],
    ["virtio,mmio"],
    ["ti,am64-r5f"],
    ["jedec,ufs-2.0"],
    ["samsung,exynosautov9-ufs-vh"],
    ["hisilicon,hip06-sas-v2"],
    ["hisilicon,hix5hd2-gmac"],
    ["hisilicon,hi3798cv200-gmac", "hisilicon,hisi-gmac-v2"],
    ["hisilicon,hip06-pcie-ecam"],
    ["ti,am642-cpsw-nuss"],
    ["ti,am335x-cpsw-switch", "ti,cpsw-switch"],
    ["samsung,mfc-v8"],
    ["samsung,exynos5433-mfc"],
    ["samsung,exynos5250-g2d"],
    ["rockchip,rk3399-vop-big"],
    ["rockchip,rk3399-pcie-ep"],
    ["qcom,pcie-sm8550"],
    ["qcom,sdx55-pcie-ep"],
    ["qcom,bam-v1.7.0"],
    ["fsl,enetc"],
    ["mediatek,mt8186-sound"],
    ["mediatek,mt6779-audio", "syscon"],
    ["marvell,cp110-icu"],
    ["mediatek,mt8186-disp-postmask", "mediatek,mt8192-disp-postmask"],
    ["mediatek,mt8195-mdp3-fg"],
    ["mediatek,mt8183-thermal"],
    ["nvidia,tegra186-asrc"],
    ["renesas,r9a07g044-mipi-dsi", "renesas,rzg2l-mipi-dsi"],
    ["fsl,imx95-mu-ele"],
    ["fsl,imx8-mu-scu"],
)


def test_masters(rows: Rows) -> None:
    for compatibles in MASTERS:
        with rows(compatibles):
            entry = dma_knowledge(compatibles)
            assert entry is not None
            assert entry.master


REGISTER_ONLY: tuple[list[str], ...] = (
    ["samsung,exynos2200-cmu-ufs"],
    ["arm,pl011", "arm,primecell"],
    ["arm,sbsa-uart"],
    ["arm,pl031", "arm,primecell"],
    ["arm,pl061", "arm,primecell"],
    ["arm,pl022", "arm,primecell"],
    ["arm,sp804", "arm,primecell"],
    ["arm,sp805", "arm,primecell"],
    ["ns16550a"],
    ["rockchip,rk3568-uart", "snps,dw-apb-uart"],
    ["xlnx,zynqmp-uart", "cdns,uart-r1p12"],
    ["fsl,imx8mp-uart", "fsl,imx6q-uart"],
    ["fsl,imx8qxp-lpuart"],
    ["renesas,scif-r8a774a1", "renesas,rcar-gen3-scif", "renesas,scif"],
    ["qcom,msm-uartdm-v1.4", "qcom,msm-uartdm"],
    ["cdns,i2c-r1p14"],
    ["fsl,imx93-lpi2c", "fsl,imx7ulp-lpi2c"],
    ["cdns,spi-r1p6"],
    ["cdns,ttc"],
    ["cdns,wdt-r1p2"],
    ["bosch,m_can"],
    ["fsl,imx8mp-flexcan"],
    ["xlnx,zynqmp-ams"],
    ["xlnx,zynqmp-rtc"],
    ["xlnx,zynqmp-dwc3"],
    ["ti,am62-usb"],
    ["rockchip,rk3399-dwc3"],
    ["qcom,sc7180-dwc3", "qcom,dwc3"],
    ["fsl,imx8mp-usb-phy"],
    ["arm,gic-400"],
    ["mmio-sram"],
    ["rockchip,rk3588-qos", "syscon"],
    ["hisilicon,hix5hd2-i2c"],
    ["nvidia,tegra210-i2c-vi"],
    ["brcm,bcm2711-hdmi-i2c"],
    ["qcom,sm8550-qmp-ufs-phy"],
    ["qcom,sm8550-qmp-gen3x2-pcie-phy"],
    ["qcom,sm8550-pcie-anoc"],
    ["rockchip,rk3588-pcie3-phy"],
    ["rockchip,rk3588-pcie3-phy-grf", "syscon"],
    ["rockchip,rk3588-vop-grf", "syscon"],
    ["fsl,imx8mp-pcie-phy"],
    ["renesas,r8a77980-pcie-phy"],
    ["mediatek,mt8195-pcie-phy"],
    ["mediatek,mt7622-pciesys", "syscon"],
    ["mediatek,mt7986-wed-pcie", "syscon"],
    ["mediatek,mt8365-apu", "syscon"],
    ["mediatek,mt8195-apusys_pll"],
    ["samsung,exynos5433-cmu-mfc"],
    ["samsung,exynos5433-cmu-g2d"],
    ["ti,j721e-cpsw9g-phy-gmii-sel"],
    ["ti,am62p-cpsw-mac-efuse", "syscon"],
    ["ti,j784s4-pcie-ctrl", "syscon"],
)


def test_register_only(rows: Rows) -> None:
    for compatibles in REGISTER_ONLY:
        with rows(compatibles):
            entry = dma_knowledge(compatibles)
            assert entry is not None
            assert not entry.master


@pytest.mark.parametrize(
    "compatibles",
    [
        [],
        ["syscon"],
        ["simple-mfd"],
        ["simple-bus"],
        ["arm,primecell"],
        ["acme,unheard-of", "syscon", "simple-mfd"],
        ["hisilicon,pcie-sas-subctrl", "syscon"],
        ["mediatek,generic-pciecfg", "syscon"],
        ["mediatek,mt6358-sound"],
        ["qcom,bam-dmux"],
        ["pci1957,ee01", "fsl,enetc-mdio"],
        ["acme,qspi", "cdns,qspi-nor"],
        ["fsl,imx8mp-xcvr"],
        ["fsl,imx8mm-gpmi-nand", "fsl,imx7d-gpmi-nand"],
        ["brcm,bcm2711-hdmi0"],
        ["nxp,imx95-vpu-csr", "syscon"],
        ["fsl,imx8mq-mipi-csi2"],
        ["fsl,imx8qxp-sc-wdt", "fsl,imx-sc-wdt"],
        ["nvidia,tegra186-bpmp-i2c"],
        ["nvidia,tegra186-bpmp-thermal"],
        ["samsung,mongoose-pmu"],
        ["acme,unheard-of-phy"],
        ["i2c-mux-pinctrl"],
    ],
)
def test_nothing_is_said_without_knowledge(compatibles: list[str]) -> None:
    assert dma_knowledge(compatibles) is None


def test_the_most_specific_string_decides() -> None:
    assert dma_knowledge(["acme,unheard-of", "arm,pl011"]) is dma_knowledge(["arm,pl011"])
    assert dma_knowledge(["xlnx,versal-ospi-1.0", "cdns,qspi-nor"]) is dma_knowledge(
        ["xlnx,versal-ospi-1.0"]
    )
