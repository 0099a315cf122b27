"""What is publicly known about DMA mastering, by `compatible` string.

A device without an IOMMU may be given to a guest only when it does no DMA of its own, and neither
Xen nor the devicetree can tell: a devicetree node does not say whether the block has a master port
on the bus. This module is that knowledge, as data: for a `compatible` string, whether the block is
a bus master, one sentence why, and where that is written.

- `master=True`: the block itself reads or writes memory (a DMA engine, a controller with
  descriptors or a built-in DMA, a processor, a page table walker, a device whose address space
  holds such a block).
- `master=False`: the block only answers accesses to its registers. A block that is served by a
  separate DMA engine through its `dmas` property is no master: the engine is (and `dmas` has to be
  left out of the guest's tree).
- not listed: nothing is known, and nothing may be concluded.

A false "no DMA" corrupts memory, a false "DMA" is only inconvenient. So a non-master is listed
only where the block's manual or binding shows that it has no DMA, and a doubtful block is left out
or called a master. No generic string is listed as a non-master ("syscon", "simple-mfd",
"simple-bus", "arm,primecell" say nothing about the block).

A statement is about one node. Nodes below it are blocks of their own: a glue node such as
`xlnx,zynqmp-dwc3` is a few registers, the `snps,dwc3` in it is the master.

To add an entry: put the string into the group with the same reason, or write a new group with the
reason as one sentence (it is printed in reports) and its source: "bindings/..." is a path below
Linux' Documentation/devicetree/bindings. A `*` at the start, the end or in the middle stands for
anything; use it only where a whole family of a vendor is alike: a PHY, a clock controller or a
register file often has the name of the block in its own (`*-pcie-phy`). For one string an exact
entry beats every wildcard, and among wildcards the first in KNOWLEDGE wins: masters stand first, so
that an overlap ends as "master".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["KNOWLEDGE", "DmaKnowledge", "known"]


class DmaKnowledge(NamedTuple):
    """One statement: does the block with this `compatible` read or write memory by itself."""

    compatible: str
    """Exact string, or a wildcard with `*`."""
    master: bool
    evidence: str
    """One sentence, for reports."""
    source: str
    """Binding or manual."""


class _Group(NamedTuple):
    """Strings that share one reason."""

    evidence: str
    source: str
    compatibles: str
    """Separated by white space."""


_MASTERS: Final[tuple[_Group, ...]] = (
    # DMA engines
    _Group(
        "a DMA engine moves memory by its nature",
        "bindings/dma/dma-controller.yaml",
        """
        arm,pl330 arm,pl080 arm,pl081 arm,dma-350 xlnx,zynqmp-dma-1.0 xlnx,zynqmp-dpdma
        xlnx,axi-dma-1.00.a xlnx,axi-vdma-1.00.a xlnx,axi-cdma-1.00.a fsl,imx*-sdma fsl,imx*-edma*
        fsl,vf610-edma fsl,ls*-edma fsl,ls*-qdma fsl,imx*-dma-apbh fsl,imx*-adma* fsl,imx95-edma*
        qcom,bam-v* qcom,*-gpi-dma renesas,rcar-dmac renesas,rcar-gen4-dmac renesas,dmac-*
        renesas,usb-dmac renesas,*-usb-dmac renesas,rz-dmac renesas,*-dmac marvell,xor-v2
        marvell,armada-*-xor marvell,orion-xor snps,axi-dma* snps,dma-spear1340 ti,*-dmss-bcdma*
        ti,*-dmss-pktdma ti,*-navss-*-udmap ti,*-navss-ringacc ti,*-bcdma* ti,edma3-tpcc
        ti,edma3-tptc nvidia,tegra*-gpcdma nvidia,tegra*-adma nvidia,tegra*-apbdma brcm,bcm*-dma
        mediatek,*-uart-dma mediatek,*-hsdma allwinner,*-dma rockchip,*-dma intel,*-dma
        apple,*-admac st,stm32*-dma* sprd,*-dma hisilicon,k3-dma-1.0 actions,*-dma
        socionext,uniphier-mio-dmac socionext,uniphier-xdmac fsl,eloplus-dma
        """,
    ),
    # Memory management and interrupt blocks that read tables from memory
    _Group(
        "an IOMMU reads its page tables and queues from memory",
        "bindings/iommu/arm,smmu.yaml, bindings/iommu/arm,smmu-v3.yaml, bindings/iommu/",
        """
        arm,smmu-v1 arm,smmu-v2 arm,mmu-400 arm,mmu-401 arm,mmu-500 arm,smmu-v3 qcom,smmu-v2
        qcom,smmu-500 qcom,adreno-smmu qcom,msm-iommu-* nvidia,smmu-500 nvidia,tegra*-smmu
        rockchip,iommu rockchip,*-iommu mediatek,*-m4u mediatek,*-iommu-* renesas,ipmmu-*
        samsung,exynos-sysmmu apple,*-dart allwinner,*-iommu sprd,iommu-* virtio,pci-iommu
        ti,*-iommu marvell,*-smmu-500 cavium,smmu-v2
        """,
    ),
    _Group(
        "the GICv3 ITS reads its command queue and tables from memory",
        "Arm IHI 0069, chapter 5; bindings/interrupt-controller/arm,gic-v3.yaml",
        "arm,gic-v3-its arm,gic-v5-its",
    ),
    _Group(
        "GICv3 redistributors read and write the LPI tables in memory",
        "Arm IHI 0069, chapter 5; bindings/interrupt-controller/arm,gic-v3.yaml",
        "arm,gic-v3 qcom,msm8996-gic-v3 arm,gic-v5 arm,gic-v5-irs",
    ),
    _Group(
        "the ICU turns interrupt lines into writes, to an address that its registers hold",
        "bindings/interrupt-controller/marvell,cp110-icu.yaml; Linux irq-mvebu-icu.c",
        "marvell,cp110-icu",
    ),
    # Network
    _Group(
        "an Ethernet controller fetches descriptors and frames from memory",
        "bindings/net/cdns,macb.yaml, snps,dwmac.yaml, fsl,fec.yaml and others",
        """
        cdns,gem cdns,macb cdns,*-gem cdns,*-macb xlnx,*-gem snps,dwmac snps,dwmac-* snps,dwxgmac*
        snps,dwc-qos-ethernet-* *-dwmac *-dwmac-eqos *-gmac *-ethqos fsl,*-fec fsl,enetc fsl,fman
        fsl,fman-v3-port-* fsl,qman fsl,bman fsl,qman-portal fsl,bman-portal fsl,qoriq-mc
        fsl,etsec2 ti,*-cpsw-nuss ti,*-cpswxg-nuss ti,*-cpsw ti,*-cpsw-switch ti,*-icssg-prueth
        renesas,etheravb-* renesas,ether-* renesas,*-ether renesas,*-gbeth renesas,rzn1-gmac
        renesas,*-ether-switch marvell,armada-*-pp2* marvell,armada-*-neta marvell,*-neta
        mediatek,*-eth mediatek,*-wed mediatek,*-gmac allwinner,*-emac apm,*-enet
        amd,xgbe-seattle-v1a brcm,*-genet* brcm,*-enet* brcm,amac brcm,nsp-amac brcm,*-asp*
        socionext,*-ave4 socionext,synquacer-netsec hisilicon,*-gmac hisilicon,hns-*
        hisilicon,hix5hd2-gmac hisilicon,hisi-gmac-* nvidia,tegra*-eqos nvidia,tegra*-mgbe
        altr,socfpga-stmmac* airoha,*-eth actions,owl-emac actions,*-emac xlnx,axi-ethernet-*
        microchip,*-switch faraday,ftgmac* qcom,*-ppe qcom,ipq*-ppe synopsys,dwc*
        """,
    ),
    _Group(
        "a Wi-Fi, modem or accelerator interface moves packets in memory",
        "bindings/net/wireless/, bindings/net/qcom,ipa.yaml",
        """
        qcom,wcn3990-wifi qcom,wcn*-wifi qcom,ipq*-wifi qcom,*-ipa mediatek,*-wmac
        """,
    ),
    # USB
    _Group(
        "a USB controller moves its transfers with its own DMA",
        "bindings/usb/snps,dwc3.yaml, generic-xhci.yaml, generic-ehci.yaml and others",
        """
        snps,dwc3 snps,dwc2 snps,dwc3-* generic-ehci generic-ohci generic-xhci usb-ehci usb-ohci
        usb-xhci *-ehci *-ohci *-xhci renesas,xhci-* renesas,rcar-gen*-xhci renesas,usbhs-*
        renesas,rza1-usbhs renesas,*-usbhs renesas,*-usb3-peri renesas,*-xhci mediatek,mtk-xhci
        mediatek,*-mtu3 mediatek,mtu3 mediatek,*-musb fsl,imx27-usb fsl,imx*-usb qcom,ci-hdrc
        chipidea,usb2 nvidia,tegra*-udc nvidia,tegra*-xudc nvidia,tegra*-xusb nvidia,tegra*-ehci
        cdns,usb3 amlogic,*-usb brcm,bcm*-usb brcm,*-xhci* brcm,bdc* hisilicon,*-usb
        marvell,*-xhci marvell,armada-*-ehci marvell,orion-ehci marvell,armada3700-xhci
        samsung,s3c6400-hsotg samsung,exynos*-ehci samsung,exynos*-ohci st,stm32*-hsotg
        rockchip,rk*-usb rockchip,rk*-ehci rockchip,rk*-ohci apple,*-dwc3 qcom,snps-dwc3
        """,
    ),
    # Storage
    _Group(
        "an SD/eMMC host moves data with its own DMA (SDMA, ADMA, IDMAC or the vendor's)",
        "SD Host Controller specification; bindings/mmc/",
        """
        arasan,sdhci-* *-sdhci *-sdhci-* fsl,esdhc fsl,*-esdhc *-usdhc snps,dw-mshc *-dw-mshc
        *-dw-mshc-* snps,dwcmshc-sdhci *-dwcmshc qcom,sdhci-msm-* renesas,sdhi-*
        renesas,rcar-gen*-sdhi renesas,rzg2l-sdhi renesas,*-mmcif amlogic,*-mmc allwinner,*-mmc
        allwinner,*-emmc mediatek,*-mmc cdns,sd4hc socionext,uniphier-*sd*
        socionext,uniphier-sd4hc xlnx,zynqmp-8.9a xlnx,versal-8.9a xlnx,versal-net-emmc
        brcm,bcm*-emmc2 brcm,*-sdhci actions,*-mmc actions,owl-mmc marvell,*-sdhci
        marvell,armada-cp110-sdhci nvidia,tegra*-sdhci hisilicon,*-dw-mshc
        samsung,exynos*-dw-mshc* sprd,sdhci-r11 st,stm32-sdmmc2 st,stm32mp25-sdmmc2
        """,
    ),
    _Group(
        "a SATA, UFS or NVMe host fetches its commands and data from memory",
        "AHCI specification; bindings/ata/, bindings/ufs/",
        """
        generic-ahci snps,dwc-ahci snps,*-ahci *-ahci *-ahci-* ceva,ahci-1v84 *-sata
        renesas,sata-* renesas,rcar-gen*-sata jedec,ufs-* qcom,ufshc *-ufshc *-ufshci *-ufs
        samsung,*-ufs-vh cdns,ufshc ti,*-ufs hisilicon,*-ufs samsung,exynos*-ufs google,gs101-ufs
        apple,nvme-ans2 apple,*-nvme-ans2 hisilicon,hip0*-sas-v*
        """,
    ),
    _Group(
        "the NAND or SPI flash controller has a DMA of its own",
        "bindings/mtd/, bindings/spi/",
        """
        arasan,nfc-v3p10 xlnx,zynqmp-nand-controller cdns,hp-nfc fsl,*-gpmi-nand qcom,*-nand
        mediatek,*-nfc mediatek,*-snand brcm,brcmnand brcm,nand-* xlnx,zynqmp-qspi-1.0
        xlnx,versal-qspi-1.0 xlnx,versal-ospi-1.0 xlnx,versal*-ospi* amd,versal*-ospi*
        rockchip,sfc rockchip,*-nfc amlogic,*-nfc mediatek,*-nor qcom,qspi-v1 qcom,*-qspi
        altr,socfpga-denali-nand socionext,uniphier-denali-nand-* allwinner,*-nand-controller
        st,stm32mp1-fmc2-nfc
        """,
    ),
    # PCI
    _Group(
        "a PCI host or endpoint carries the DMA of its functions",
        "bindings/pci/",
        """
        pci-host-ecam-generic pci-host-cam-generic snps,dw-pcie snps,dw-pcie-* *-pcie *-pcie-ep
        *-pcie-rc *-pcie-host qcom,pcie-* renesas,pcie-* xlnx,nwl-pcie-* xlnx,versal-cpm-*
        xlnx,xdma-host-* xlnx,qdma-host-* xlnx,axi-pcie-host-* marvell,armada8k-pcie
        marvell,armada-3700-pcie nvidia,tegra*-pcie cavium,pci-host-* brcm,iproc-pcie*
        brcm,bcm*-pcie hisilicon,*-pcie-ecam cdns,*-pcie-* cdns,cdns-pcie-*
        amazon,al-alpine-v*-pcie arm,juno-r1-pcie plda,xpressrich3-* apm,xgene-pcie apple,*-pcie
        intel,*-pcie altr,pcie-root-port-* socionext,uniphier-pcie* loongson,*-pci renesas,pci-*
        """,
    ),
    # Processors and firmware engines
    _Group(
        "a processor core reads and writes memory by its own program",
        "bindings/remoteproc/",
        """
        *-r5f *-r5fss ti,*-r5f* ti,*-r5fss ti,*-dsp ti,*-c66-dsp ti,*-c71-dsp ti,*-c7xv-dsp
        ti,*-m4fss ti,*-pru ti,*-rtu ti,*-tx-pru ti,*-icssg xlnx,zynqmp-r5* xlnx,versal-*r5*
        xlnx,versal-net-r52fss fsl,imx*-cm4 fsl,imx*-cm33 fsl,imx*-cm7* fsl,imx*-dsp
        fsl,imx*-hifi4 qcom,*-pas qcom,*-pil qcom,pronto qcom,pronto-v* qcom,*-wcss-*
        qcom,*-adsp-* qcom,*-cdsp-* qcom,adreno-gmu qcom,adreno-gmu-* mediatek,*-scp
        mediatek,*-scp-* mediatek,scp-core mediatek,*-dsp mediatek,*-vpu mediatek,*-gce
        renesas,rcar-cr7 st,stm32mp*-m4 amlogic,*-ao-arc apple,*-asc-* arm,ethos-u*
        rockchip,*-rknn-core nvidia,tegra*-bpmp nvidia,tegra*-host1x nvidia,tegra*-vic
        nvidia,tegra*-nvdec nvidia,tegra*-nvenc nvidia,tegra*-nvjpg
        """,
    ),
    # Graphics, display, video, camera
    _Group(
        "a GPU fetches commands and data from memory",
        "bindings/gpu/",
        """
        arm,mali-* *-mali qcom,adreno qcom,adreno-* vivante,gc img,powervr* img,img-*
        nvidia,g*20b* nvidia,gm20b nvidia,gp10b nvidia,gv11b brcm,*-v3d brcm,*-vc4
        samsung,s5pv210-g2d samsung,exynos4212-g2d samsung,exynos5250-g2d amlogic,*-mali apple,agx-*
        """,
    ),
    _Group(
        "a display engine fetches the picture from memory",
        "bindings/display/",
        """
        *-lcdif nxp,imx8mq-dcss fsl,imx*-dc-* fsl,ls1021a-dcu arm,mali-dp* arm,hdlcd arm,pl110
        arm,pl111 rockchip,*-vop rockchip,*-vop-big rockchip,*-vop-lit qcom,mdss qcom,*-mdss
        qcom,mdp5 qcom,*-mdp5 qcom,*-dpu renesas,du-* renesas,*-du renesas,vsp1 renesas,vsp2
        renesas,*-vsp2 renesas,fcpv renesas,fcpf renesas,fcp* renesas,*-fcpvd renesas,fdp1
        amlogic,*-vpu allwinner,*-mixer-* allwinner,*-de2-mixer-* allwinner,*-display-engine
        allwinner,*-display-backend allwinner,*-de2-rotate allwinner,*-deinterlace
        mediatek,*-disp-ovl mediatek,*-disp-ovl-2l mediatek,*-disp-rdma mediatek,*-disp-wdma
        mediatek,*-vdo1-rdma mediatek,*-mdp-rdma mediatek,*-mdp3-rdma mediatek,*-mdp-wdma
        mediatek,*-mdp-wrot mediatek,*-mdp3-wdma mediatek,*-mdp3-wrot mediatek,*-rdma
        mediatek,*-wdma nvidia,tegra*-dc nvidia,tegra*-display ti,*-dss samsung,exynos*-decon*
        samsung,exynos*-fimd samsung,exynos*-scaler samsung,exynos*-mixer hisilicon,*-ade
        brcm,bcm*-hvs brcm,bcm*-pixelvalve* brcm,bcm*-txp brcm,bcm2711-hdmi0 brcm,bcm2711-hdmi1
        st,stm32*-ltdc sprd,*-dpu apple,*-display-pipe*
        """,
    ),
    _Group(
        "a video codec, scaler or camera unit reads and writes pictures in memory",
        "bindings/media/",
        """
        nxp,*-vpu nxp,*-vpu-* nxp,imx8q-vpu-* fsl,*-isi fsl,*-isp fsl,imx7-csi fsl,*-csi
        nxp,*-jpgdec nxp,*-jpgenc nxp,*-dw100 nxp,imx8*-jpg* fsl,imx*-pxp ti,*-cal
        ti,*-csi2rx-shim img,e5010-jpeg-enc rockchip,*-vpu rockchip,*-vpu121 rockchip,*-vepu
        rockchip,*-vepu121 rockchip,*-vdec rockchip,*-av1-vpu rockchip,*-rga rockchip,*-cif-isp
        rockchip,*-vicap qcom,*-venus qcom,*-iris qcom,*-camss renesas,vin-* renesas,*-cru
        renesas,*-drif renesas,*-isp renesas,imr-* renesas,*-imr* amlogic,*-vdec amlogic,axg-ge2d
        allwinner,*-csi allwinner,*-video-engine allwinner,*-isp mediatek,*-vcodec-*
        mediatek,mtk-vcodec-* mediatek,*-jpgdec mediatek,*-jpgdec-hw mediatek,*-jpgenc
        mediatek,*-jpgenc-hw mediatek,mtk-jpgenc nvidia,tegra*-vi nvidia,tegra*-isp samsung,mfc-v*
        samsung,exynos3250-mfc samsung,exynos5433-mfc samsung,exynos*-fimc-* samsung,exynos*-jpeg
        brcm,bcm*-unicam tesla,fsd-mfc
        """,
    ),
    # Crypto
    _Group(
        "a crypto engine works on data in memory with its own DMA",
        "bindings/crypto/",
        """
        fsl,sec-v4.0 fsl,sec-v5.0 fsl,sec-v5.4 fsl,sec-v4.0-job-ring fsl,sec-v5.0-job-ring
        fsl,sec-v5.4-job-ring fsl,sec-v*-rtic fsl,sec-v*-rtic-memory arm,cryptocell-*
        inside-secure,safexcel-eip197* inside-secure,safexcel-eip97* allwinner,*-crypto
        rockchip,*-crypto amlogic,*-crypto mediatek,*-crypto qcom,crypto-* qcom,qce qcom,*-qce
        ti,*-sa2ul* ti,*-sa3ul hisilicon,*-sec* marvell,*-crypto samsung,exynos*-slim-sss
        samsung,*-sss xlnx,zynqmp-aes starfive,*-crypto st,stm32*-cryp brcm,spum-crypto
        brcm,spu*-crypto nvidia,tegra*-se-*
        """,
    ),
    # Audio
    _Group(
        "the audio block moves samples between memory and its FIFOs itself",
        "bindings/sound/",
        """
        amlogic,*-toddr amlogic,*-frddr amlogic,aiu amlogic,aiu-* mediatek,*-audio
        mediatek,mt8186-sound mediatek,*-afe mediatek,*-afe-* mediatek,*-afe-pcm qcom,*-lpass-cpu
        nvidia,tegra*-hda socionext,*-aio renesas,rcar_sound-* renesas,rcar_sound-gen3
        """,
    ),
    _Group(
        "the audio subsystem's registers hold those of its front end (AFE), which has a DMA",
        "bindings/sound/mt8192-afe-pcm.yaml, bindings/arm/mediatek/mediatek,audsys.yaml",
        "mediatek,*-audiosys mediatek,*-audsys mediatek,mt6779-audio",
    ),
    _Group(
        "the DSI controller fetches its command packets from memory",
        "bindings/display/msm/dsi-controller-main.yaml; Linux drivers/gpu/drm/msm/dsi/dsi_host.c",
        "qcom,mdss-dsi-ctrl qcom,*-dsi-ctrl",
    ),
    _Group(
        "the I2S controller can have a DMA of its own for its secondary stream",
        "bindings/sound/samsung-i2s.yaml",
        "samsung,exynos*-i2s samsung,s5pv210-i2s",
    ),
    # Serial engines with DMA
    _Group(
        "the Qualcomm GENI serial engine has a DMA of its own, with the QUP wrapper's stream ID",
        "bindings/soc/qcom/qcom,geni-se.yaml",
        """
        qcom,geni-i2c qcom,geni-spi qcom,geni-uart qcom,geni-debug-uart qcom,geni-i2c-master-hub
        qcom,geni-se-qup qcom,geni-se-i2c-master-hub
        """,
    ),
    _Group(
        "the MediaTek I2C and SPI controllers have a DMA of their own",
        "bindings/i2c/i2c-mt65xx.yaml (its second register block), bindings/spi/",
        """
        mediatek,*-i2c mediatek,mt*-spi mediatek,mt*-spi-* mediatek,spi-ipm
        """,
    ),
    _Group(
        "the Amlogic SPICC has DMA address registers",
        "Amlogic S905X datasheet, SPICC",
        "amlogic,meson-gx-spicc amlogic,meson-axg-spicc amlogic,meson-g12a-spicc",
    ),
    _Group(
        "the Tegra QSPI has a DMA of its own from Tegra234 on",
        "bindings/spi/nvidia,tegra210-quad.yaml",
        "nvidia,tegra241-qspi nvidia,tegra234-qspi",
    ),
    # Trace
    _Group(
        "a trace memory controller configured as ETR writes trace data to memory",
        "bindings/arm/arm,coresight-tmc.yaml",
        "arm,coresight-tmc arm,coresight-catu arm,trace-buffer-extension",
    ),
    # Virtual devices
    _Group(
        "fw_cfg has a DMA interface: the guest gives an address, the device reads and writes there",
        "QEMU docs/specs/fw_cfg; bindings/firmware/qemu,fw-cfg-mmio.yaml",
        "qemu,fw-cfg-mmio",
    ),
    _Group(
        "a virtio device reads and writes the rings and buffers in memory",
        "Virtio specification 4.2; bindings/virtio/mmio.yaml",
        "virtio,mmio virtio,*",
    ),
)


_REGISTERS: Final[tuple[_Group, ...]] = (
    # UARTs
    _Group(
        "a PL011 UART has FIFOs and request lines for a separate DMA engine, no DMA of its own",
        "Arm DDI 0183; bindings/serial/pl011.yaml",
        "arm,pl011 arm,sbsa-uart ",
    ),
    _Group(
        "an 8250-type UART is read and written through its registers; DMA, if any, is a separate"
        " engine's",
        "bindings/serial/8250.yaml, bindings/serial/snps-dw-apb-uart.yaml",
        """
        ns8250 ns16450 ns16550 ns16550a ns16750 ns16850 fsl,ns16550 fsl,16550-FIFO64
        snps,dw-apb-uart brcm,bcm2835-aux-uart ti,am654-uart ti,am64-uart ti,omap4-uart
        ti,omap3-uart mediatek,mt6577-uart nvidia,tegra20-uart nvidia,tegra210-uart
        nvidia,tegra30-hsuart nvidia,tegra186-hsuart nvidia,tegra194-hsuart rockchip,*-uart
        marvell,armada-38x-uart
        """,
    ),
    _Group(
        "the UART has FIFOs and request lines for a separate DMA engine, no DMA of its own",
        "bindings/serial/",
        """
        cdns,uart-r1p8 cdns,uart-r1p12 xlnx,xuartps xlnx,zynqmp-uart fsl,imx1-uart fsl,imx21-uart
        fsl,imx6q-uart fsl,imx*-uart fsl,vf610-lpuart fsl,ls1021a-lpuart fsl,ls1028a-lpuart
        fsl,imx7ulp-lpuart fsl,imx8ulp-lpuart fsl,imx8qxp-lpuart fsl,imx*-lpuart renesas,scif
        renesas,hscif renesas,scif-* renesas,hscif-* renesas,rcar-gen*-scif
        renesas,rcar-gen*-hscif renesas,scifa renesas,scifb samsung,exynos4210-uart
        samsung,exynos850-uart samsung,exynos5433-uart samsung,exynos8895-uart
        samsung,s3c6400-uart google,gs101-uart apple,s5l-uart amlogic,meson-ao-uart
        amlogic,meson-gx-uart amlogic,meson-g12a-uart amlogic,meson-s4-uart amlogic,meson-a1-uart
        marvell,armada-3700-uart marvell,armada-3700-uart-ext actions,owl-uart arm,mps2-uart
        xlnx,xps-uartlite-1.00.a xlnx,opb-uartlite-1.00.b socionext,uniphier-uart
        """,
    ),
    _Group(
        "a UARTDM has FIFOs; the data is moved by a separate BAM or ADM engine",
        "bindings/serial/qcom,msm-uartdm.yaml",
        "qcom,msm-uart qcom,msm-uartdm qcom,msm-uartdm-v1.1 qcom,msm-uartdm-v1.2"
        " qcom,msm-uartdm-v1.3 qcom,msm-uartdm-v1.4",
    ),
    # GPIO and pin control
    _Group(
        "a GPIO block is registers and an interrupt line",
        "bindings/gpio/",
        """
        arm,pl061 snps,dw-apb-gpio xlnx,zynqmp-gpio-1.0 xlnx,zynq-gpio-1.0 xlnx,versal-gpio-1.0
        xlnx,pmc-gpio-1.0 xlnx,xps-gpio-1.00.a fsl,imx35-gpio fsl,imx8ulp-gpio fsl,imx7ulp-gpio
        fsl,vf610-gpio fsl,imx*-gpio fsl,qoriq-gpio fsl,ls*-gpio rockchip,gpio-bank
        ti,keystone-gpio ti,*-gpio ti,dm6441-gpio renesas,gpio-* renesas,rcar-gen*-gpio
        nvidia,tegra*-gpio nvidia,tegra*-gpio-aon marvell,armada-8k-gpio marvell,orion-gpio
        marvell,armadaxp-gpio apm,xgene-gpio apm,xgene-gpio-sb socionext,uniphier-gpio
        brcm,iproc-gpio brcm,brcmstb-gpio brcm,bcm*-gpio mobileye,eyeq5-gpio cdns,gpio-r1p02
        toshiba,gpio-tmpv7708 sprd,*-gpio sprd,*-eic amlogic,meson-gpio-intc amlogic,*-gpio-intc
        actions,*-pinctrl
        """,
    ),
    _Group(
        "a pin controller is registers",
        "bindings/pinctrl/",
        """
        pinctrl-single *-pinctrl *-pinctrl-* *-tlmm *-iomuxc *-iomuxc-lpsr *-padctl pinconf-single
        renesas,pfc-* amlogic,*-periphs-pinctrl amlogic,*-aobus-pinctrl apple,pinctrl
        """,
    ),
    # Time
    _Group(
        "PL031 is a register-only real-time clock",
        "Arm DDI 0224; bindings/rtc/arm,pl031.yaml",
        "arm,pl031",
    ),
    _Group(
        "a real-time clock is registers and an interrupt line",
        "bindings/rtc/",
        """
        xlnx,zynqmp-rtc marvell,armada-8k-rtc marvell,armada-380-rtc fsl,ls1028a-ftm-alarm
        fsl,ls*-ftm-alarm fsl,lx*-ftm-alarm nvidia,tegra*-rtc allwinner,*-rtc amlogic,meson-vrtc
        ti,*-rtc apm,xgene-rtc samsung,s3c6410-rtc samsung,exynos*-rtc mediatek,*-rtc nxp,s32*-rtc
        renesas,*-rtc st,stm32*-rtc fsl,sec-v4.0-mon-rtc-lp
        """,
    ),
    _Group(
        "a timer or PWM is registers and an interrupt line",
        "bindings/timer/, bindings/pwm/",
        """
        arm,armv7-timer-mem arm,sp804 cdns,ttc ti,am654-timer ti,*-timer snps,dw-apb-timer
        nxp,sysctr-timer nxp,imx95-sysctr-timer fsl,imx6dl-gpt fsl,imx31-gpt fsl,imx*-gpt
        fsl,imx*-tpm fsl,imx7ulp-tpm fsl,vf610-pit nxp,s32g2-pit renesas,tmu renesas,tmu-*
        renesas,rcar-gen*-cmt* renesas,*-cmt0 renesas,*-cmt1 renesas,*-ostm renesas,ostm
        rockchip,*-timer mediatek,mt6765-timer mediatek,mt6577-timer mediatek,mt6795-systimer
        mediatek,*-timer mediatek,*-systimer nvidia,tegra*-timer allwinner,*-timer
        samsung,exynos4210-mct samsung,exynos*-mct sprd,sc9860-timer sprd,*-timer actions,*-timer
        marvell,armada-*-timer ti,am3352-ehrpwm ti,am654-ehrpwm ti,am64-epwm ti,am3352-ecap
        ti,*-ecap ti,*-eqep rockchip,*-pwm fsl,imx27-pwm fsl,imx1-pwm fsl,imx*-pwm
        fsl,vf610-ftm-pwm fsl,*-ftm-pwm amlogic,*-pwm amlogic,*-ao-pwm amlogic,*-pwm-*
        amlogic,meson-g12a-ao-pwm-ab amlogic,meson-g12a-ao-pwm-cd renesas,pwm-rcar renesas,pwm-*
        renesas,tpu renesas,tpu-* allwinner,*-pwm mediatek,*-pwm nvidia,tegra*-pwm
        samsung,exynos4210-pwm samsung,exynos*-pwm brcm,bcm2835-pwm brcm,*-pwm sprd,*-pwm
        apple,s5l-fpwm apple,*-fpwm intel,*-pwm renesas,rzg2l-gpt st,stm32-lptimer
        """,
    ),
    _Group(
        "a watchdog is registers and an interrupt or reset line",
        "bindings/watchdog/",
        """
        arm,sp805 arm,sbsa-gwdt cdns,wdt-r1p2 xlnx,versal-wwdt snps,dw-wdt ti,j7-rti-wdt
        fsl,imx21-wdt fsl,imx*-wdt fsl,imx7ulp-wdt rockchip,*-wdt qcom,kpss-wdt qcom,apss-wdt-*
        amlogic,*-wdt mediatek,*-wdt renesas,*-wdt renesas,rcar-gen*-wdt allwinner,*-wdt
        allwinner,*-wdt-reset samsung,exynos*-wdt brcm,bcm*-pm-wdt marvell,*-wdt apple,wdt
        apple,*-wdt sprd,*-wdt nxp,s32*-swt toshiba,visconti-wdt socionext,uniphier-wdt
        google,gs101-wdt intel,*-wdt marvell,armada-3700-wdt
        """,
    ),
    # I2C and SPI
    _Group(
        "the I2C controller is registers with FIFOs; DMA, if any, is a separate engine's",
        "bindings/i2c/",
        """
        cdns,i2c-r1p10 cdns,i2c-r1p14 snps,designware-i2c fsl,imx21-i2c fsl,imx1-i2c fsl,vf610-i2c
        fsl,imx7ulp-lpi2c fsl,imx*-lpi2c fsl,imx*-i2c rockchip,*-i2c ti,omap4-i2c ti,am64-i2c
        ti,*-i2c amlogic,*-i2c renesas,i2c-* renesas,rcar-gen*-i2c renesas,iic-*
        renesas,rmobile-iic renesas,rcar-gen*-iic renesas,riic-* renesas,riic-rz nvidia,tegra*-i2c
        allwinner,*-i2c allwinner,sun8i-a23-rsb marvell,mv78230-i2c marvell,mv64xxx-i2c
        marvell,armada-3700-i2c samsung,exynos5-hsi2c samsung,exynos5250-hsi2c
        samsung,exynos7-hsi2c samsung,exynos*-hsi2c samsung,exynosautov9-hsi2c samsung,s3c2440-i2c
        brcm,bcm2835-i2c brcm,bcm*-hdmi-i2c brcm,iproc-i2c brcm,brcmstb-i2c apple,i2c apple,*-i2c
        socionext,uniphier-fi2c socionext,synquacer-i2c hisilicon,*-i2c actions,*-i2c sprd,*-i2c
        xlnx,xps-iic-2.00.a arm,versatile-i2c opencores,i2c-ocores nvidia,tegra210-i2c-vi
        qcom,*-cci qcom,msm8996-cci qcom,msm8226-cci
        """,
    ),
    _Group(
        "a QUP v1/v2 serial engine has FIFOs; the data is moved by a separate BAM engine",
        "bindings/i2c/qcom,i2c-qup.yaml, bindings/spi/qcom,spi-qup.yaml",
        """
        qcom,i2c-qup-v1.1.1 qcom,i2c-qup-v2.1.1 qcom,i2c-qup-v2.2.1 qcom,spi-qup-v1.1.1
        qcom,spi-qup-v2.1.1 qcom,spi-qup-v2.2.1
        """,
    ),
    _Group(
        "the SPI controller is registers with FIFOs; DMA, if any, is a separate engine's",
        "bindings/spi/",
        """
        arm,pl022 cdns,spi-r1p6 ti,omap4-mcspi ti,am654-mcspi fsl,imx51-ecspi fsl,imx*-ecspi
        fsl,imx7ulp-spi fsl,imx*-spi fsl,ls1021a-v1.0-dspi fsl,ls2085a-dspi fsl,ls*-dspi
        fsl,lx2160a-dspi fsl,vf610-dspi rockchip,*-spi allwinner,*-spi brcm,bcm2835-spi
        brcm,bcm2835-aux-spi nvidia,tegra210-qspi renesas,msiof-* renesas,rcar-gen*-msiof
        renesas,sh-msiof snps,dw-apb-ssi marvell,armada-380-spi marvell,armada-3700-spi
        marvell,orion-spi amlogic,meson-gxbb-spifc samsung,exynos*-spi google,gs101-spi
        socionext,uniphier-scssi xlnx,xps-spi-2.00.a
        """,
    ),
    _Group(
        "the flash controller moves data through its FIFO or a memory-mapped window, without a DMA"
        " of its own",
        "bindings/spi/cdns,qspi-nor.yaml, nxp,fspi.yaml, fsl,qspi.yaml",
        """
        cdns,qspi-nor ti,am654-ospi ti,k2g-qspi nxp,*-fspi fsl,ls1021a-qspi fsl,*-qspi
        intel,socfpga-qspi cfi-flash arm,vexpress-flash jedec-flash fsl,ifc fsl,ifc-nand
        """,
    ),
    _Group(
        "a serial interface wrapper selects the mode of the engine below it by registers",
        "bindings/soc/samsung/exynos-usi.yaml",
        "samsung,exynos850-usi samsung,exynosautov9-usi samsung,exynos*-usi google,gs101-usi",
    ),
    # CAN
    _Group(
        "the CAN controller keeps its messages in its own RAM",
        "bindings/net/can/",
        """
        bosch,m_can bosch,c_can bosch,d_can fsl,*-flexcan nxp,s32g2-flexcan xlnx,zynq-can-1.0
        xlnx,canfd-1.0 xlnx,canfd-2.0 xlnx,axi-can-1.00.a ctu,ctucanfd ctu,ctucanfd-2
        """,
    ),
    # Sensors, converters, identity
    _Group(
        "a converter or thermal sensor is registers",
        "bindings/iio/adc/, bindings/thermal/",
        """
        xlnx,zynqmp-ams xlnx,zynqmp-ams-ps xlnx,zynqmp-ams-pl nxp,imx8qxp-adc nxp,imx93-adc
        rockchip,*-saradc rockchip,saradc amlogic,*-saradc mediatek,*-auxadc allwinner,*-lradc
        allwinner,*-gpadc rockchip,*-tsadc fsl,qoriq-tmu fsl,imx*-tmu qcom,tsens-v* qcom,*-tsens
        qcom,*-lmh amlogic,*-thermal mediatek,*-thermal mediatek,*-lvts* mediatek,*-svs
        renesas,*-thermal allwinner,*-ths nvidia,tegra*-soctherm nvidia,tegra*-bpmp-thermal
        ti,*-vtm marvell,*-thermal brcm,bcm*-thermal samsung,exynos*-tmu hisilicon,tsensor
        hisilicon,*-tsensor socionext,*-thermal sprd,*-thermal ti,am654-chipid renesas,*-tsu
        """,
    ),
    _Group(
        "fuses and other non-volatile cells are read through registers",
        "bindings/nvmem/",
        """
        fsl,imx*-ocotp qcom,qfprom qcom,*-qfprom mediatek,efuse mediatek,*-efuse rockchip,*-efuse
        rockchip,*-otp allwinner,*-sid fsl,ls1028a-sfp fsl,*-sfp nvidia,tegra*-efuse
        amlogic,*-efuse apple,efuses apple,*-efuses brcm,ocotp brcm,ocotp-v2
        socionext,uniphier-efuse ti,*-mac-efuse ti,*-cpsw-mac-efuse ti,*-opp-efuse-table
        sprd,*-efuse qcom,sec-qfprom qcom,*-sec-qfprom google,*-otp samsung,exynos*-chipid
        samsung,exynos4210-chipid
        """,
    ),
    _Group(
        "the random number generator is read through registers",
        "bindings/rng/",
        """
        amlogic,*-rng qcom,prng qcom,prng-ee inside-secure,safexcel-eip76 brcm,bcm2835-rng
        brcm,*-rng200 brcm,iproc-rng200 rockchip,*-rng mediatek,*-rng samsung,exynos5250-trng
        samsung,exynos*-trng apm,xgene-rng xlnx,versal-trng ti,omap4-rng
        """,
    ),
    # Clocks, resets, power
    _Group(
        "a clock controller is registers",
        "bindings/clock/",
        """
        fsl,imx8qxp-lpcg fsl,imx*-lpcg* fsl,imx*-ccm fsl,imx*-anatop fsl,imx*-clk* fsl,*-clockgen
        rockchip,*-cru rockchip,*-pmucru qcom,gcc-* qcom,*-gcc qcom,*-gpucc qcom,*-videocc
        qcom,*-camcc qcom,*-dispcc qcom,*-dispcc0 qcom,*-dispcc1 qcom,*-lpasscorecc qcom,*-lpasscc
        qcom,*-lpassaudiocc qcom,*-lpassaoncc qcom,*-lpasshm qcom,*-ecpricc qcom,*-nsscc
        qcom,mmcc-* qcom,*-a53pll qcom,*-apcc qcom,*-turingcc mediatek,*-topckgen
        mediatek,*-apmixedsys mediatek,*-apmixed mediatek,*-mcucfg mediatek,*-imp_iic_wrap*
        mediatek,*-imp-iic-wrap* mediatek,*-vencsys mediatek,*-vdecsys mediatek,*-imgsys*
        mediatek,*-camsys* mediatek,*-ipesys mediatek,*-mfgcfg mediatek,*-vencsys-*
        mediatek,*-wpesys* mediatek,*-vppsys* mediatek,*-ccusys mediatek,*-ipu_conn
        mediatek,*-ipu_adl mediatek,*-ipu_core0 mediatek,*-ipu_core1 mediatek,*-pciesys
        mediatek,mt8365-apu mediatek,*-apusys_pll renesas,*-cpg-mssr renesas,*-cpg
        renesas,*-cpg-clocks allwinner,*-ccu allwinner,*-r-ccu allwinner,*-de2-clk amlogic,*-clkc
        amlogic,*-aoclkc amlogic,*-audio-clkc amlogic,*-clk-measure nvidia,tegra*-car
        samsung,exynos*-cmu-* google,gs101-cmu-* apm,xgene-device-clock apm,xgene-*-clock
        apple,*-nco apple,nco ti,*-clock* ti,am62-audio-refclk ti,*-audio-refclk
        ti,am654-ehrpwm-tbclk ti,*-ehrpwm-tbclk ti,am64-epwm-tbclk brcm,bcm2835-cprman
        brcm,bcm2711-cprman brcm,*-asiu-clk brcm,*-genpll* marvell,*-clock marvell,*-clock-*
        sprd,*-clk sprd,*-gate hisilicon,*-crgctrl hisilicon,*-crg actions,*-cmu socionext,*-clock
        nuvoton,*-clk
        """,
    ),
    _Group(
        "a reset or power controller is registers",
        "bindings/reset/, bindings/power/",
        """
        fsl,imx*-src fsl,imx*-gpc fsl,imx*-blk-ctrl rockchip,*-pmu amlogic,*-reset
        amlogic,*-audio-arb amlogic,meson-axg-audio-arb mediatek,*-scpsys
        mediatek,*-power-controller qcom,*-aoss-cc qcom,*-pdc-global qcom,pshold qcom,saw2
        qcom,*-saw2-* qcom,*-acc qcom,kpss-acc-v1 qcom,kpss-acc-v2 renesas,*-rst renesas,*-sysc
        renesas,*-apmu samsung,exynos*-pd apple,pmgr-pwrstate apple,*-pmgr-pwrstate apple,*-pmgr
        fsl,ls1028a-reset fsl,*-rcpm fsl,qoriq-rcpm-* nvidia,tegra*-pmc nvidia,tegra*-flowctrl
        nvidia,tegra*-misc nvidia,tegra*-apbmisc marvell,*-reset allwinner,*-prcm
        hisilicon,*-reset brcm,bcm2835-pm brcm,bcm2711-pm brcm,brcmstb-reset* brcm,bcm6345-reset
        socionext,*-reset microchip,sparx5-switch-reset
        """,
    ),
    _Group(
        "a general register file is written by the drivers of other blocks",
        "bindings/soc/",
        """
        rockchip,*-grf rockchip,*-pmugrf rockchip,*-ioc rockchip,*-qos rockchip,*-ioc-grf
        fsl,imx*-iomuxc-gpr fsl,imx*-syscfg fsl,*-scfg fsl,*-dcfg fsl,sec-v4.0-mon fsl,ls*-isc
        qcom,*-tcsr qcom,tcsr-* qcom,*-apss-shared qcom,*-apcs-kpss-global qcom,*-apcs-hmss-global
        qcom,*-apcs-apps-global mediatek,*-infracfg mediatek,*-infracfg_ao mediatek,*-infracfg-ao
        mediatek,*-pericfg mediatek,*-pericfg_ao mediatek,*-pericfg-ao mediatek,*-infracfg-nao
        mediatek,*-mmsys mediatek,*-vdosys* mediatek,*-scp_adsp mediatek,*-devapc
        mediatek,mt7986-wed-pcie mediatek,mt7622-pcie-mirror amlogic,*-ao-secure
        amlogic,*-hhi-sysctrl amlogic,*-ao-sysctrl amlogic,*-sysctrl amlogic,canvas
        allwinner,*-system-control samsung,*-sysreg samsung,*-pmu google,*-sysreg google,gs101-pmu
        ti,pruss-cfg ti,pruss-mii ti,pruss-mii-g ti,*-serdes-ctrl ti,*-pcie-ctrl
        ti,*-system-controller ti,*-usb-phy-ctrl ti,*-dss-oldi-io-ctrl ti,*-acspcie-proxy-ctrl
        marvell,armada-3700-usb2-host-misc marvell,armada-3700-usb2-host-device-misc
        marvell,*-system-controller marvell,armada-3700-nb-pm altr,sys-mgr-s10 altr,sys-mgr
        hisilicon,*-sysctrl hisilicon,*-sctrl hisilicon,*-pctrl socionext,*-soc-glue
        socionext,*-perictrl socionext,*-mioctrl socionext,*-sysctrl xlnx,zynqmp-ipi-dest-mailbox
        """,
    ),
    # Interrupts, messages, locks
    _Group(
        "the interrupt controller is registers",
        "bindings/interrupt-controller/",
        """
        arm,gic-400 arm,cortex-a15-gic arm,cortex-a9-gic arm,cortex-a7-gic arm,gic-v2m-frame
        qcom,msm-qgic2 qcom,pdc qcom,*-pdc fsl,imx-irqsteer fsl,imx*-irqsteer fsl,imx-intmux
        fsl,*-extirq ti,sci-intr ti,sci-inta ti,icssg-intc mediatek,*-sysirq
        mediatek,mt6577-sysirq renesas,irqc renesas,irqc-* renesas,intc-ex-* renesas,*-irqc
        renesas,rzg2l-irqc nvidia,tegra*-ictlr marvell,ap806-gicp marvell,ap806-sei
        marvell,armada-8k-pic marvell,odmi-controller allwinner,*-nmi
        allwinner,*-r-intc apple,aic apple,aic2 apple,*-aic brcm,bcm2836-l1-intc
        brcm,bcm2835-armctrl-ic brcm,bcm2836-armctrl-ic brcm,l2-intc brcm,bcm*-l2-intc
        snps,dw-apb-ictl apm,xgene1-msi actions,*-sirq fsl,ls*-msi samsung,exynos4210-combiner
        st,stm32mp1-exti
        """,
    ),
    _Group(
        "the mailbox or hardware lock is registers: it signals, it moves no memory",
        "bindings/mailbox/, bindings/hwlock/",
        """
        arm,mhu arm,mhuv2-tx arm,mhuv2-rx arm,mhuv3 fsl,imx6sx-mu fsl,imx*-mu fsl,imx8-mu-scu
        fsl,imx8-mu-seco fsl,imx*-mu-* xlnx,zynqmp-ipi-mailbox xlnx,versal-ipi-mailbox
        ti,am654-mailbox ti,am64-mailbox ti,omap4-mailbox qcom,tcsr-mutex qcom,*-tcsr-mutex
        qcom,sfpb-mutex qcom,ipcc qcom,*-ipcc qcom,aoss-qmp qcom,*-aoss-qmp mediatek,*-adsp-mbox
        amlogic,*-mhu rockchip,*-mailbox ti,am654-hwspinlock ti,am64-hwspinlock
        ti,omap4-hwspinlock ti,*-hwspinlock nvidia,tegra*-hsp allwinner,*-msgbox
        allwinner,*-hwspinlock hisilicon,*-mbox st,stm32-hwspinlock sprd,hwspinlock-*
        google,gs101-mbox
        """,
    ),
    # Audio without DMA
    _Group(
        "the audio port has FIFOs and request lines for a separate DMA engine",
        "bindings/sound/",
        """
        fsl,imx*-sai fsl,vf610-sai fsl,imx35-spdif fsl,imx*-spdif fsl,imx*-micfil fsl,imx*-easrc
        fsl,imx*-asrc fsl,imx35-asrc fsl,imx*-esai fsl,imx35-esai fsl,imx*-xcvr fsl,imx*-aud2htx
        fsl,imx*-audmix rockchip,*-i2s rockchip,*-i2s-tdm rockchip,*-pdm rockchip,*-spdif
        rockchip,pdm ti,am33xx-mcasp-audio ti,*-mcasp-audio allwinner,*-i2s allwinner,*-spdif
        allwinner,*-codec allwinner,*-dmic allwinner,*-codec-analog brcm,bcm2835-i2s
        nvidia,tegra*-i2s xlnx,i2s-* snps,designware-i2s renesas,rz-ssi
        """,
    ),
    _Group(
        "the audio block passes samples between other audio blocks and has no memory port",
        "bindings/sound/",
        """
        amlogic,*-tdmin fsl,imx*-mqs amlogic,*-tdmout amlogic,*-spdifin amlogic,*-spdifout
        amlogic,*-pdm amlogic,*-toacodec amlogic,*-tohdmitx amlogic,t9015 nvidia,tegra*-sfc
        nvidia,tegra*-amx nvidia,tegra*-adx nvidia,tegra*-amixer nvidia,tegra*-mvc
        nvidia,tegra*-dmic nvidia,tegra*-dspk nvidia,tegra*-ope nvidia,tegra*-peq
        nvidia,tegra*-mbdrc nvidia,tegra*-asrc qcom,msm8916-wcd-digital-codec
        qcom,*-lpass-wsa-macro qcom,*-lpass-va-macro qcom,*-lpass-rx-macro qcom,*-lpass-tx-macro
        rockchip,*-codec
        """,
    ),
    # Display and camera blocks without a memory port
    _Group(
        "the block drives or receives a pixel stream and has no memory port",
        "bindings/display/, bindings/media/",
        """
        snps,dw-mipi-dsi rockchip,*-mipi-dsi rockchip,*-edp fsl,imx*-mipi-dsim fsl,imx*-mipi-csi2
        fsl,imx*-ldb fsl,imx*-hdmi-pvi fsl,imx*-nwl-dsi mediatek,*-dsi mediatek,*-dpi
        mediatek,*-mipi-tx mediatek,*-disp-mutex mediatek,*-disp-color mediatek,*-disp-ccorr
        mediatek,*-disp-aal mediatek,*-disp-gamma mediatek,*-disp-dither
        mediatek,*-disp-merge mediatek,*-disp-dsc mediatek,*-disp-postmask mediatek,*-disp-ufoe
        mediatek,*-disp-split mediatek,*-disp-pwm mediatek,*-disp-padding mediatek,*-mdp3-rsz
        mediatek,*-mdp3-ccorr mediatek,*-mdp3-color mediatek,*-mdp3-aal mediatek,*-mdp3-hdr
        mediatek,*-mdp3-fg mediatek,*-mdp3-tdshp mediatek,*-mdp3-padding mediatek,*-mdp3-merge
        mediatek,*-mdp3-split mediatek,*-mdp3-stitch mediatek,*-mdp3-tcc mediatek,*-mdp-rsz
        mediatek,*-vpp-mutex cdns,csi2rx ti,*-csi2rx cdns,dsi ti,*-dsi renesas,*-csi2
        renesas,*-lvds renesas,*-mipi-dsi renesas,*-dsi-csi2-tx renesas,*-cmm nvidia,tegra*-dsi
        nvidia,tegra*-sor nvidia,tegra*-dpaux nvidia,tegra*-mipi nvidia,tegra*-csi
        allwinner,*-tcon allwinner,*-tcon-* allwinner,*-tcon-tv allwinner,*-tcon-lcd
        allwinner,*-mipi-dsi samsung,exynos*-mipi-dsi samsung,exynos*-mic amlogic,*-dw-mipi-dsi
        amlogic,*-mipi-dphy
        """,
    ),
    # PHYs
    _Group(
        "a PHY passes line data to its controller and has no memory port",
        "bindings/phy/",
        """
        *-phy *-usbphy *-usb2phy *-usb2-phy *-usb3-phy *-combphy *-tphy *-xsphy *-dphy *-serdes
        fsl,lynx-* marvell,comphy-* cdns,dphy-* cdns,torrent-phy cdns,sierra-phy-* ti,*-serdes-10g
        ti,*-wiz-* ti,phy-* ti,omap-usb2 ti,*-usb2 brcm,brcmstb-ddr-phy-* xlnx,zynqmp-psgtr-v1.1
        rockchip,*-dsi-dphy rockchip,*-csi-dphy rockchip,*-inno-* qcom,dsi-phy-* qcom,*-dp-phy
        qcom,*-qmp-*-phy samsung,exynos*-usbdrd-phy apm,xgene-phy mediatek,*-tphy
        mediatek,generic-tphy-* nvidia,tegra*-xusb-padctl fsl,imx*-usbphy nxp,salvo-phy
        renesas,rzg2l-usb2-phy renesas,usb2-phy-* renesas,rcar-gen*-usb2-phy
        socionext,*-usb3-hsphy socionext,*-usb3-ssphy
        """,
    ),
    # Glue
    _Group(
        "the wrapper is registers around the USB controller that is its child",
        "bindings/usb/",
        """
        xlnx,zynqmp-dwc3 xlnx,versal-dwc3 ti,am62-usb ti,am654-dwc3 ti,j721e-usb ti,am64-usb
        ti,keystone-dwc3 qcom,dwc3 rockchip,rk3399-dwc3 fsl,imx8mp-dwc3 amlogic,*-usb-ctrl
        fsl,imx6q-usbmisc fsl,imx7d-usbmisc fsl,imx*-usbmisc fsl,imx8qm-usb3
        samsung,exynos*-dwusb3 socionext,*-dwc3-glue
        """,
    ),
    _Group(
        "an MDIO controller or multiplexer is registers",
        "bindings/net/mdio.yaml",
        """
        fsl,fman-memac-mdio fsl,fman-xmdio ti,cpsw-mdio ti,davinci_mdio marvell,orion-mdio
        marvell,xmdio amlogic,*-mdio-mux snps,dwmac-mdio brcm,iproc-mdio brcm,unimac-mdio
        brcm,genet-mdio-v* qcom,ipq*-mdio qcom,ipq4019-mdio apm,xgene-mdio-* hisilicon,hns-mdio
        allwinner,*-mdio mscc,ocelot-miim microchip,*-miim ti,am654-phy-gmii-sel ti,*-phy-gmii-sel
        ti,am654-icss-iep ti,*-icss-iep ti,am65-cpts ti,j721e-cpts ti,*-cpts fsl,dpaa2-ptp
        fsl,fman-ptp-timer fsl,etsec-ptp xlnx,gmii-to-rgmii-1.0
        """,
    ),
    # Trace and monitoring
    _Group(
        "the CoreSight block sends its trace over the trace bus and has no memory port",
        "bindings/arm/arm,coresight-*.yaml",
        """
        arm,coresight-etm4x arm,coresight-etm4x-sysreg arm,coresight-etm3x arm,coresight-cpu-debug
        arm,coresight-dynamic-funnel arm,coresight-static-funnel arm,coresight-dynamic-replicator
        arm,coresight-static-replicator arm,coresight-cti arm,coresight-cti-v8-arch
        arm,coresight-stm arm,coresight-tpiu arm,coresight-etb10 qcom,coresight-tpdm
        qcom,coresight-tpda qcom,coresight-static-tpdm
        """,
    ),
    _Group(
        "a performance or error monitor counts events in registers",
        "bindings/perf/, bindings/memory-controllers/",
        """
        fsl,imx8m-ddr-pmu fsl,imx*-ddr-pmu fsl,imx8m-ddrc fsl,imx*-ddrc
        fsl,qoriq-memory-controller fsl,*-memory-controller snps,ddrc-3.80a xlnx,zynqmp-ddrc-2.40a
        xlnx,zynqmp-ocmc-1.0 xlnx,versal-ddrmc rockchip,*-dfi qcom,*-bwmon qcom,*-cpu-bwmon
        qcom,*-llcc-bwmon qcom,rpmh-stats qcom,rpm-stats qcom,*-rpm-stats arm,cci-400-pmu,r1
        arm,cci-400-pmu,r0 arm,cmn-600 arm,cmn-700 apm,xgene-edac apm,xgene-edac-*
        amlogic,*-ddr-pmu marvell,cn10k-ddr-pmu marvell,cn10k-tad-pmu ti,j721e-esm ti,*-esm
        samsung,exynos-ppmu samsung,exynos-ppmu-v2
        """,
    ),
    _Group(
        "the interconnect's registers set priorities and bandwidth; it starts no transfers",
        "bindings/interconnect/",
        """
        qcom,*-noc qcom,*-bimc qcom,*-pcnoc qcom,*-snoc qcom,*-cnoc qcom,*-snoc-mm qcom,*-a1noc
        qcom,*-a2noc qcom,*-anoc qcom,*-osm-l3 qcom,osm-l3 qcom,*-epss-l3 qcom,epss-l3
        qcom,cpufreq-hw qcom,cpufreq-epss qcom,*-cpufreq-hw qcom,*-cpufreq-epss
        mediatek,cpufreq-hw apple,*-cluster-cpufreq apple,cluster-cpufreq qcom,rpmh-rsc
        qcom,spmi-pmic-arb qcom,*-spmi-pmic-arb mediatek,*-pwrap mediatek,*-spmi apple,spmi
        apple,*-spmi hisilicon,kirin970-spmi-controller
        """,
    ),
    # Memory and shared memory
    _Group(
        "on-chip memory answers accesses, it starts none",
        "bindings/sram/sram.yaml, bindings/firmware/arm,scmi.yaml",
        """
        mmio-sram arm,scmi-shmem arm,scp-shmem amlogic,*-scp-shmem qcom,rpm-msg-ram qcom,*-imem
        """,
    ),
    # Human interface and the rest
    _Group(
        "PL180 is a card interface with a FIFO and request lines for a separate DMA engine",
        "Arm DDI 0172; bindings/mmc/arm,pl18x.yaml",
        "arm,pl180",
    ),
    _Group(
        "the keypad, infrared or CEC block is registers and an interrupt line",
        "bindings/input/, bindings/media/cec/",
        """
        mediatek,*-keypad amlogic,*-ir amlogic,*-ao-cec allwinner,*-ir arm,pl050 qcom,*-keypad
        mediatek,*-cir nvidia,tegra*-kbc nvidia,tegra*-cec st,stm32-cec hisilicon,hix5hd2-ir
        """,
    ),
    _Group(
        "the block is a few registers of the board's logic",
        "bindings/leds/, bindings/mux/, bindings/arm/",
        """
        register-bit-led reg-mux mmio-mux arm,vexpress-sysreg ti,am3359-tscadc ti,am654-tscadc
        """,
    ),
)


def _entries(groups: Sequence[_Group], *, master: bool) -> tuple[DmaKnowledge, ...]:
    return tuple(
        DmaKnowledge(compatible, master, group.evidence, group.source)
        for group in groups
        for compatible in group.compatibles.split()
    )


KNOWLEDGE: Final = _entries(_MASTERS, master=True) + _entries(_REGISTERS, master=False)
"""All statements, masters first."""

_EXACT: Final = {entry.compatible: entry for entry in KNOWLEDGE if "*" not in entry.compatible}
_WILD: Final = tuple(
    (tuple(entry.compatible.split("*")), entry) for entry in KNOWLEDGE if "*" in entry.compatible
)


def _fits(parts: tuple[str, ...], text: str) -> bool:
    """Whether a text is the parts of a pattern with anything between them."""
    head, tail = parts[0], parts[-1]
    end = len(text) - len(tail)
    if not text.startswith(head) or not text.endswith(tail) or end < len(head):
        return False
    at = len(head)
    for part in parts[1:-1]:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


@lru_cache(maxsize=256)
def _wild(vendor: str) -> tuple[tuple[tuple[str, ...], DmaKnowledge], ...]:
    """The wildcards that a string of this vendor can fit, in their order."""
    return tuple(
        (parts, entry)
        for parts, entry in _WILD
        if "," not in parts[0] or parts[0].startswith(f"{vendor},")
    )


@lru_cache(maxsize=8192)
def _known_string(compatible: str) -> DmaKnowledge | None:
    exact = _EXACT.get(compatible)
    if exact is not None:
        return exact
    wild = _wild(compatible.partition(",")[0])
    return next((entry for parts, entry in wild if _fits(parts, compatible)), None)


def known(compatibles: Sequence[str]) -> DmaKnowledge | None:
    """What is known about a node with this `compatible` list (most specific string first).

    The first string about which something is known decides: a later, more general string may
    describe an ancestor without the DMA that an integration added (xlnx,versal-ospi-1.0 is also
    cdns,qspi-nor).
    """
    for compatible in compatibles:
        entry = _known_string(compatible)
        if entry is not None:
            return entry
    return None
