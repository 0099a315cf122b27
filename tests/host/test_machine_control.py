"""The table of devices that rule over the machine: what it says of families of SoCs."""

from __future__ import annotations

import pytest

from tests.rows import Rows
from xenassign.host.machine_control import machine_control, machine_control_table

#: Compatible strings of real boards, and the class of devices that they are of.
KINDS = {
    "trace": "arm,coresight-dynamic-funnel arm,coresight-tmc arm,coresight-stm"
    " arm,coresight-tpiu qcom,coresight-tpdm qcom,coresight-tnoc",
    "CPU debug": "arm,coresight-cpu-debug arm,coresight-cti arm,coresight-etm4x"
    " qcom,sc7180-dcc,qcom,dcc ti,j784s4-bist",
    "DRAM controller": "fsl,imx8mp-ddrc,fsl,imx8m-ddrc xlnx,zynqmp-ddrc-2.40a snps,ddrc-3.80a"
    " nvidia,tegra234-mc nvidia,tegra210-emc allwinner,sun50i-a64-mbus fsl,qoriq-memory-controller"
    " xlnx,zynqmp-ocmc-1.0 fsl,imx6q-mmdc rockchip,rk3399-dmc xlnx,versal-ddrmc"
    " amlogic,g12a-ddr-pmu",
    "reset controller": "fsl,imx8mp-src,fsl,imx8mq-src,syscon renesas,r8a779f0-rst altr,rst-mgr"
    " amlogic,meson-axg-reset brcm,brcmstb-reset syscon-reboot qcom,sdm845-aoss-cc fsl,imx6q-src"
    " fsl,ls1088aqds-fpga,fsl,fpga-qixis fsl,ls1043ardb-cpld",
    "clock controller": "fsl,imx8mp-ccm fsl,imx8mm-anatop,syscon renesas,r8a7795-cpg-mssr"
    " renesas,r9a07g044-cpg rockchip,rk3588-cru qcom,gcc-sdm845 qcom,x1e80100-gcc"
    " mediatek,mt8195-topckgen,syscon allwinner,sun50i-h6-ccu amlogic,s4-pll-clkc"
    " brcm,bcm2711-cprman samsung,exynos850-cmu-top google,gs101-cmu-top nvidia,tegra210-car"
    " fsl,ls1028a-clockgen hisilicon,hi3660-crgctrl,syscon marvell,armada-3700-tbg-clock"
    " st,stm32mp1-rcc,syscon intel,agilex-clkmgr qcom,sm8550-cpufreq-epss,qcom,cpufreq-epss"
    " nvidia,tegra234-ccplex-cluster marvell,pxa1908-apbc brcm,bcm7445-avs-cpu-data-mem"
    " aspeed,ast2700-scu0,syscon axis,artpec8-cmu-fsys",
    "power controller": "fsl,imx8mq-gpc renesas,r8a779f0-sysc rockchip,rk3588-pmu,syscon"
    " mediatek,mt8186-scpsys,syscon nvidia,tegra234-pmc samsung,exynos7-pmu,syscon qcom,rpmh-rsc"
    " allwinner,sun55i-a523-ppu brcm,bcm2711-pm,brcm,bcm2835-pm-wdt qcom,msm8916-acc"
    " amlogic,meson-gx-ao-sysctrl,simple-mfd,syscon apple,t8103-pmgr,apple,pmgr"
    " renesas,r9a09g011-pwc,renesas,rzv2m-pwc marvell,armada-3700-avs,syscon",
    "PMIC bus": "hisilicon,hi655x-pmic qcom,spmi-pmic-arb mediatek,mt8183-pwrap"
    " mediatek,mt8195-spmi hisilicon,kirin970-spmi-controller",
    "pin controller": "fsl,imx8mp-iomuxc fsl,imx8mp-iomuxc-gpr,syscon qcom,sm8250-pinctrl"
    " qcom,x1e80100-tlmm renesas,pfc-r8a7795 mediatek,mt8183-pinctrl allwinner,sun50i-a64-pinctrl"
    " nvidia,tegra234-pinmux pinctrl-single samsung,exynos850-pinctrl apple,t8103-pinctrl",
    "interconnect": "rockchip,rk3588-qos,syscon qcom,sm8250-gem-noc fsl,imx8mp-noc,fsl,imx8m-noc"
    " nvidia,tegra234-cbb-fabric qcom,msm8916-bimc"
    " mediatek,mt8183-smi-common mediatek,mt8195-smi-sub-common mediatek,mt8192-smi-larb"
    " qcom,sc7280-tbu qcom,sm8150-camnoc-virt",
    "coherency": "arm,cci-400 arm,ccn-504 arm,cmn-600 arm,cortex-a9-scu",
    "cache controller": "qcom,sdm845-llcc arm,pl310-cache",
    "access control": "fsl,imx8mp-aipstz fsl,aips-bus,simple-bus fsl,spba-bus,simple-bus arm,tzc400"
    " st,stm32mp25-rifsc,simple-bus amlogic,canvas apple,t8103-sart altr,socfpga-hps2fpga-bridge",
    "system registers": "rockchip,rk3399-grf,syscon,simple-mfd qcom,sdm845-tcsr,syscon"
    " ti,am654-system-controller,syscon fsl,ls1028a-dcfg,syscon allwinner,sun50i-a64-system-control"
    " mediatek,mt8173-infracfg,syscon arm,vexpress-sysreg hisilicon,hi6220-sysctrl,syscon"
    " rockchip,rk3588-pmugrf,syscon,simple-mfd rockchip,rk3588-ioc,syscon"
    " arm,juno-fpga-apb-regs,syscon,simple-mfd hisilicon,hi6220-sramctrl,syscon"
    " fsl,imx8ulp-sim-lpav brcm,bcm7445-sun-top-ctrl,syscon rockchip,rk3576-pmu1grf,syscon",
    "system counter": "nxp,sysctr-timer nxp,imx95-sysctr-timer mediatek,mt6795-systimer"
    " google,gs101-mct,samsung,exynos4210-mct samsung,exynos2200-mct-peris",
    "interrupt controller": "arm,gic-v3-its mediatek,mt8183-sysirq,mediatek,mt6577-sysirq"
    " nvidia,tegra210-ictlr marvell,cp110-icu marvell,ap806-gicp brcm,bcm2836-armctrl-ic"
    " qcom,sdm845-pdc,qcom,pdc ti,sci-intr ti,sci-inta fsl,ls1088a-isc,syscon"
    " fsl,ls2080a-extirq st,stm32mp25-exti,syscon",
    "fuses": "fsl,imx8mp-ocotp,fsl,imx8mm-ocotp,syscon qcom,sc7280-qfprom,qcom,qfprom"
    " rockchip,rk3588-otp mediatek,mt8183-efuse,mediatek,efuse allwinner,sun50i-a64-sid"
    " nvidia,tegra234-efuse renesas,r8a779f0-efuse fsl,ls1028a-sfp",
    "firmware mailbox": "fsl,imx95-mu-ele fsl,imx8ulp-mu-s4 fsl,imx8-mu-scu,fsl,imx6sx-mu"
    " brcm,bcm2835-mbox ti,am654-secure-proxy xlnx,zynqmp-ipi-dest-mailbox qcom,sm8250-ipcc"
    " marvell,armada-3700-rwtm-mailbox hisilicon,hi3660-mbox arm,scmi-shmem mediatek,mt8183-gce"
    " ti,hsm-m4fss qcom,smem qcom,sdm845-rpmh-stats,qcom,rpmh-stats amlogic,s4-ao-secure,syscon"
    " qcom,tcsr-mutex fsl,qoriq-mc fsl,dpaa2-console",
}

#: Devices of the same boards that rule over nothing but themselves.
ORDINARY = (
    "arm,pl011,arm,primecell fsl,imx8mp-uart,fsl,imx6q-uart cdns,uart-r1p12 ns16550a"
    " qcom,geni-debug-uart snps,dw-apb-uart brcm,bcm2835-aux-uart"
    " cdns,ttc fsl,imx6dl-gpt arm,sp804,arm,primecell rockchip,rk3399-timer"
    " mediatek,mt8365-systimer rockchip,gpio-bank"
    " xlnx,zynqmp-gpio-1.0 arm,pl061,arm,primecell fsl,imx8mp-gpio,fsl,imx35-gpio"
    " renesas,gpio-r8a7795,renesas,rcar-gen3-gpio xlnx,pmc-gpio-1.0"
    " fsl,imx8mp-ecspi,fsl,imx6ul-ecspi cdns,spi-r1p6 arm,pl022 rockchip,rk3066-spi"
    " fsl,imx8mp-i2c,fsl,imx21-i2c cdns,i2c-r1p14 renesas,i2c-r8a7795 rockchip,rk3399-i2c"
    " cdns,gem fsl,imx8mp-fec snps,dwmac-4.20a renesas,etheravb-r8a7795"
    " snps,dwc3 generic-ehci xlnx,zynqmp-dwc3 fsl,imx8mm-usbmisc arasan,sdhci-8.9a fsl,imx8mm-usdhc"
    " fsl,imx8mp-pwm,fsl,imx27-pwm rockchip,rk3328-pwm xlnx,zynqmp-ams fsl,imx93-adc"
    " rockchip,rk3399-saradc arm,pl031,arm,primecell xlnx,zynqmp-rtc fsl,imx8mp-mu,fsl,imx6sx-mu"
    " ti,am654-mailbox arm,mhuv2-tx allwinner,sun6i-a31-msgbox rockchip,rk3368-mailbox"
    " fsl,imx8mp-tmu rockchip,rk3399-tsadc qcom,sdm845-tsens,qcom,tsens-v2 renesas,r8a7795-thermal"
    " fsl,imx8mp-ddr-pmu,fsl,imx8m-ddr-pmu qcom,sdm845-llcc-bwmon rockchip,rk3399-dfi"
    " arm,pl354 fsl,ifc ti,am64-gpmc renesas,r8a7795-rpc-if"
    " rockchip,rk3588-usb2phy-grf,syscon,simple-mfd qcom,sm8250-lpass-lpi-pinctrl"
    " arm,cci-400-pmu,r1 mmio-sram syscon simple-mfd simple-bus arm,primecell"
    " fsl,imx8qxp-lpcg ti,am62-epwm-tbclk renesas,prr samsung,exynos4210-chipid"
)


def strings(listed: str) -> list[tuple[str, ...]]:
    """The compatible strings of each node of a list: names, of which each has one comma or none."""
    nodes = []
    for node in listed.split():
        parts = node.split(",")
        found: list[str] = []
        while parts:
            vendor = parts.pop(0)
            has_vendor = bool(parts) and vendor not in _WITHOUT_VENDOR
            found.append(f"{vendor},{parts.pop(0)}" if has_vendor else vendor)
        nodes.append(tuple(found))
    return nodes


_WITHOUT_VENDOR = {"syscon", "simple-mfd", "simple-bus", "ns16550a", "generic-ehci", "mmio-sram"}


def test_devices_that_rule_over_the_machine_by_kind(rows: Rows) -> None:
    for kind, listed in KINDS.items():
        for compatible in strings(listed):
            with rows(compatible):
                known = machine_control(compatible)
                assert known is not None
                assert (known.level, known.kind) == ("control", kind)


def test_ordinary_devices_rule_over_nothing(rows: Rows) -> None:
    for compatible in strings(ORDINARY):
        with rows(compatible):
            known = machine_control(compatible)
            assert known is None or known.level == "ordinary"


@pytest.mark.parametrize(
    "compatible",
    [
        "snps,dw-wdt",
        "arm,sp805",
        "nxp,s32g2-swt",
        "fsl,imx8mp-wdt",
        "qcom,apss-wdt-sm8250",
        "xlnx,versal-wwdt",
    ],
)
def test_watchdogs_reset_the_machine(compatible: str) -> None:
    known = machine_control((compatible,))
    assert known is not None
    assert (known.level, known.kind) == ("warning", "watchdog")


@pytest.mark.parametrize(
    ("compatible", "kind"),
    [
        ("nxp,imx93-bbnsm", "power off"),
        ("ipmi-kcs", "power off"),
        ("ti,j721e-esm", "error reaction"),
        ("qcom,sc7180-imem", "boot memory"),
    ],
)
def test_what_resets_the_machine_or_chooses_what_it_starts(compatible: str, kind: str) -> None:
    known = machine_control((compatible, "syscon"))
    assert known is not None
    assert (known.level, known.kind) == ("warning", kind)


def test_a_gpio_that_resets_the_board_is_no_register() -> None:
    assert machine_control(("gpio-restart",)) is None


def test_sentences_are_about_the_device() -> None:
    for known in machine_control_table().all():
        assert known.evidence.split()[0] in ("a", "an", "the", "memory", "performance"), known
        assert not known.evidence.endswith(".")
        assert known.compatible not in ("syscon", "simple-mfd", "simple-bus", "arm,primecell")
