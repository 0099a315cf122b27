"""How wide the addresses are that Linux' drivers let a DMA master use, by `compatible` string.

What a master can reach follows from its block, and the driver says it to the kernel: by
``dma_set_mask`` and its kin, or by saying nothing, which leaves a platform device at 32 bits
(of_platform_device_create_pdata). Only widths below 40 bits are listed: wider ones reach all of a
guest's memory (bank 1 ends at 1 TiB). Left out are drivers that ask the hardware (``sdhci``,
``macb``, ``stmmac``, ``coresight-tmc``) or whose width depends on the chip (``venus``).

Read from Linux 6.12; ``driver`` is a path in Linux' tree. To add an entry, read the driver, and
the framework through which it maps its buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["DMA_WIDTHS", "DmaWidth", "width"]


class DmaWidth(NamedTuple):
    """One statement. ``bits``: the width of the addresses. ``driver``: path in Linux' tree."""

    compatible: str
    bits: int
    driver: str

    @property
    def limit(self) -> int:
        """The address behind the last byte within reach."""
        return 1 << self.bits


#: (bits, driver, strings of its match table separated by white space).
_GROUPS: Final = (
    (
        32,
        "drivers/net/ethernet/freescale/fec_main.c",
        """
        fsl,imx25-fec fsl,imx27-fec fsl,imx28-fec fsl,imx6q-fec fsl,mvf600-fec fsl,imx6sx-fec
        fsl,imx6ul-fec fsl,imx8mq-fec fsl,imx8qm-fec fsl,s32v234-fec
        """,
    ),
    (
        32,
        "drivers/net/ethernet/renesas/ravb_main.c",
        """
        renesas,etheravb-rcar-gen2 renesas,etheravb-rcar-gen3 renesas,etheravb-rcar-gen4
        renesas,etheravb-rzv2m renesas,rzg2l-gbeth
        """,
    ),
    (32, "drivers/dma/sh/usb-dmac.c", "renesas,usb-dmac"),
    (32, "drivers/dma/pl330.c", "arm,pl330"),
    (
        32,
        "drivers/dma/imx-sdma.c",
        """
        fsl,imx6q-sdma fsl,imx53-sdma fsl,imx51-sdma fsl,imx35-sdma fsl,imx31-sdma fsl,imx25-sdma
        fsl,imx7d-sdma fsl,imx6ul-sdma fsl,imx8mq-sdma
        """,
    ),
    (32, "drivers/dma/qcom/bam_dma.c", "qcom,bam-v1.3.0 qcom,bam-v1.4.0 qcom,bam-v1.7.0"),
    (32, "drivers/soc/qcom/qcom-geni-se.c", "qcom,geni-se-qup qcom,geni-se-i2c-master-hub"),
    (32, "drivers/spi/spi-qcom-qspi.c", "qcom,qspi-v1"),
    (32, "drivers/crypto/qce/core.c", "qcom,crypto-v5.1 qcom,crypto-v5.4 qcom,qce"),
    (
        32,
        "drivers/media/platform/qcom/camss/camss.c",
        """
        qcom,msm8916-camss qcom,msm8996-camss qcom,sdm660-camss qcom,sdm845-camss qcom,sm8250-camss
        qcom,sc8280xp-camss
        """,
    ),
    (32, "drivers/misc/fastrpc.c", "qcom,fastrpc-compute-cb"),
    (35, "drivers/net/wireless/ath/ath10k/snoc.c", "qcom,wcn3990-wifi"),
    (
        32,
        "drivers/net/wireless/ath/ath11k/ahb.c",
        "qcom,ipq8074-wifi qcom,ipq6018-wifi qcom,wcn6750-wifi qcom,ipq5018-wifi",
    ),
    (32, "drivers/gpu/drm/arm/hdlcd_drv.c", "arm,hdlcd"),
    (32, "drivers/usb/host/ehci-platform.c", "generic-ehci cavium,octeon-6335-ehci"),
    (32, "drivers/usb/host/ohci-platform.c", "generic-ohci cavium,octeon-6335-ohci"),
    (
        32,
        "drivers/usb/dwc2/platform.c",
        """
        brcm,bcm2835-usb hisilicon,hi6220-usb rockchip,rk3066-usb snps,dwc2 amlogic,meson-gxbb-usb
        amlogic,meson-g12a-usb amlogic,meson-a1-usb intel,socfpga-agilex-hsotg
        """,
    ),
)

DMA_WIDTHS: Final = tuple(
    DmaWidth(compatible, bits, driver)
    for bits, driver, compatibles in _GROUPS
    for compatible in compatibles.split()
)
"""All entries."""

_BY_STRING: Final = {entry.compatible: entry for entry in DMA_WIDTHS}


def width(compatible: Sequence[str]) -> DmaWidth | None:
    """What is known of a node with this `compatible` list; the first string known decides."""
    return next((_BY_STRING[string] for string in compatible if string in _BY_STRING), None)
