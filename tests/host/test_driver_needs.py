"""The table of what drivers need: its own form, and the lookup. tests/corpus asks the boards."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.rows import Rows
from xenassign.host.driver_needs import DriverNeeds, Need, driver_needs, need, needs

ENTRIES = list(dict.fromkeys(driver_needs().all().values()))
NEEDS = [(known, entry) for known in ENTRIES for entry in known.needs]


def told(known: DriverNeeds, entry: Need) -> str:
    return f"{known.driver}: {entry.property} {' '.join(entry.names)}"


def wanted(known: DriverNeeds | None, prop: str, name: str | None = None) -> bool | None:
    """Whether an entry is required; None when nothing is known of it."""
    found = need(known, prop, name)
    return found.required if found else None


def test_strings_are_those_of_drivers() -> None:
    """Linux matches exactly, so there are no wildcards; ns16550a and its like have no vendor."""
    for compatible in driver_needs().all():
        assert re.fullmatch(r"[A-Za-z0-9]+([,.+_-][A-Za-z0-9]+)*", compatible), compatible


def test_driver_and_binding_are_paths() -> None:
    for known in ENTRIES:
        assert re.fullmatch(r"(drivers|sound)(/[\w-]+)+\.c", known.driver)
        assert re.fullmatch(r"bindings(/[\w,.-]+)+\.(yaml|txt)", known.binding)


def test_form_of_a_need() -> None:
    for known, entry in NEEDS:
        assert wrong(entry) == [], told(known, entry)


def wrong(entry: Need) -> list[str]:
    """What is amiss in the form of one need."""
    count_fits = 1 <= entry.count <= (len(entry.names) or 99) if entry.required else not entry.count
    checks = {
        "property": re.fullmatch(r"[a-z0-9,_*-]*[a-z][a-z0-9,_*-]*", entry.property),
        "sentence": re.fullmatch(r"\S.{4,78}[^\s.]", entry.without),
        "names": len(set(entry.names)) == len(entry.names),
        "count": count_fits,
        "instead": entry.required or not entry.instead,
        "instead of itself": entry.property not in entry.instead,
    }
    return [what for what, right in checks.items() if not right]


def test_the_form_can_be_wrong() -> None:
    assert wrong(Need("clocks", True, (), 1, "the probe fails")) == []
    assert wrong(Need("clocks", True, (), 1, "")) == ["sentence"]
    assert wrong(Need("clocks", True, (), 1, "It fails.")) == ["sentence"]
    assert wrong(Need("*-", True, (), 1, "the probe fails")) == ["property"]
    assert wrong(Need("clocks", True, ("a",), 2, "the probe fails")) == ["count"]
    assert wrong(Need("clocks", True, (), 0, "the probe fails")) == ["count"]
    assert wrong(Need("clocks", False, (), 1, "the driver goes on")) == ["count"]


def test_one_need_speaks_of_an_entry() -> None:
    """Not two of the same property without names, nor of the same name: one would be hidden."""
    for known in ENTRIES:
        spoken = Counter(
            (entry.property, name) for entry in known.needs for name in entry.names or (None,)
        )
        assert max(spoken.values()) == 1, (known.driver, spoken.most_common(1))


def test_every_need_is_found() -> None:
    """A wildcard swallows no exact property, a nameless need no name."""
    for known, entry in NEEDS:
        for name in entry.names or (None,):
            assert need(known, entry.property, name) is entry, told(known, entry)


def test_every_string_finds_its_own() -> None:
    for compatible, known in driver_needs().all().items():
        assert needs([compatible]) is known
        assert needs(["acme,unheard-of", compatible]) is known


def test_the_frameworks_are_known_everywhere() -> None:
    """What is there for every driver, or said otherwise by the entry itself."""
    for known in ENTRIES:
        for prop in ("pinctrl-0", "power-domains", "assigned-clock-parents", "vdd-supply"):
            assert wanted(known, prop) is not None, (known.driver, prop)


@pytest.mark.parametrize("compatible", [[], ["syscon"], ["simple-mfd"], ["acme,unheard-of"]])
def test_nothing_is_said_without_knowledge(compatible: list[str]) -> None:
    assert needs(compatible) is None
    assert need(needs(compatible), "clocks", None) is None


def test_the_most_specific_string_decides() -> None:
    """As for Linux: the driver of a glue node, not that of its core."""
    assert needs(["rockchip,rk3399-dwc3", "snps,dwc3"]) is needs(["rockchip,rk3399-dwc3"])
    assert needs(["rockchip,rk3568-dwc3", "snps,dwc3"]) is needs(["snps,dwc3"])
    assert needs(["arm,pl011", "arm,primecell"]) is needs(["arm,pl011"])
    assert needs(["arm,coresight-tpiu", "arm,primecell"]) is needs(["arm,primecell"])


def test_lookup_by_name_then_nameless() -> None:
    known = DriverNeeds(
        "drivers/a.c",
        "bindings/a.yaml",
        (
            Need("clocks", True, ("core",), 1, "the probe fails"),
            Need("clocks", False, (), 0, "the driver goes on"),
            Need("resets", True, ("por",), 1, "the probe fails"),
            Need("*-supply", False, (), 0, "a dummy"),
            Need("vref-supply", True, (), 1, "no reference"),
        ),
    )
    core, clocks, por, supply, vref = known.needs
    assert need(known, "clocks", "core") is core
    assert need(known, "clocks", "ahb") is clocks
    assert need(known, "clocks", None) is clocks
    assert need(known, "resets", "por") is por
    assert need(known, "resets", "ahb") is None
    assert need(known, "resets", None) is None
    assert need(known, "vdd-supply", None) is supply
    assert need(known, "vref-supply", None) is vref
    assert need(known, "vdd-supplies", None) is None
    assert need(None, "clocks", "core") is None


GEM = ["xlnx,zynqmp-gem", "cdns,gem"]
PL011 = ["arm,pl011", "arm,primecell"]
DWMAC = ["rockchip,rk3588-gmac", "snps,dwmac-4.20a"]
MMC = ["mediatek,mt8195-mmc", "mediatek,mt8183-mmc"]


FACTS: tuple[tuple[list[str], str, str | None, bool | None], ...] = (
    (GEM, "clocks", "pclk", True),
    (GEM, "clocks", "hclk", True),
    (GEM, "clocks", "tsu_clk", False),
    (GEM, "resets", None, False),
    (GEM, "phy-handle", None, False),
    (DWMAC, "clocks", "stmmaceth", True),
    (DWMAC, "clocks", "clk_mac_ref", False),
    (DWMAC, "rockchip,php-grf", None, True),
    (["rockchip,rk3399-gmac"], "rockchip,php-grf", None, None),
    (["rockchip,rk3399-gmac"], "rockchip,grf", None, True),
    (["fsl,imx8mp-fec", "fsl,imx8mq-fec"], "clocks", "ahb", True),
    (["fsl,imx8mp-fec", "fsl,imx8mq-fec"], "clocks", "ptp", False),
    (["snps,dwc3"], "phys", "usb2-phy", False),
    (["snps,dwc3"], "clocks", "ref", False),
    (["xlnx,zynqmp-dwc3"], "resets", "usb_crst", True),
    (["xlnx,zynqmp-dwc3"], "phys", "usb3-phy", False),
    (["generic-ehci"], "phys", "usb", False),
    (["generic-xhci"], "clocks", None, False),
    (["xlnx,zynqmp-8.9a", "arasan,sdhci-8.9a"], "clocks", "clk_xin", True),
    (["xlnx,zynqmp-8.9a", "arasan,sdhci-8.9a"], "phys", "phy_arasan", None),
    (["rockchip,rk3399-sdhci-5.1", "arasan,sdhci-5.1"], "phys", "phy_arasan", True),
    (["fsl,imx8mm-usdhc", "fsl,imx7d-usdhc"], "clocks", "per", True),
    (["fsl,imx8mm-usdhc", "fsl,imx7d-usdhc"], "vmmc-supply", None, False),
    (["fsl,imx8mm-usdhc", "fsl,imx7d-usdhc"], "pinctrl-1", None, False),
    (MMC, "pinctrl-0", None, True),
    (MMC, "pinctrl-2", None, False),
    (["renesas,rcar-gen3-sdhi"], "resets", None, False),
    (PL011, "clocks", "apb_pclk", True),
    (PL011, "clocks", "uartclk", True),
    (PL011, "dmas", "rx", False),
    (["arm,pl031", "arm,primecell"], "clocks", "apb_pclk", True),
    (["arm,sbsa-uart"], "clocks", None, False),
    (["ns16550a"], "clocks", None, True),
    (["ti,am654-uart"], "clocks", None, False),
    (["xlnx,zynqmp-uart", "cdns,uart-r1p12"], "clocks", "pclk", True),
    (["fsl,imx8qm-lpuart", "fsl,imx8qxp-lpuart"], "clocks", "baud", True),
    (["renesas,rcar-gen3-scif", "renesas,scif"], "clocks", "fck", True),
    (["renesas,rcar-gen3-scif", "renesas,scif"], "clocks", "brg_int", False),
    (["renesas,rcar-gen3-i2c"], "resets", None, True),
    (["renesas,rcar-gen2-i2c"], "resets", None, False),
    (["cdns,i2c-r1p14"], "clocks", None, True),
    (["cdns,i2c-r1p14"], "scl-gpios", None, False),
    (["snps,designware-i2c"], "resets", None, False),
    (["allwinner,sun8i-h3-spi"], "resets", None, True),
    (["ceva,ahci-1v84"], "phys", "sata-phy", False),
    (["fsl,imx8mp-flexcan"], "clocks", "ipg", True),
    (["bosch,m_can"], "clocks", "cclk", True),
    (["bosch,m_can"], "phys", None, False),
    (["xlnx,nwl-pcie-2.11"], "clocks", None, True),
    (["fsl,imx8mp-pcie"], "phys", "pcie-phy", True),
    (["fsl,imx8mp-pcie"], "resets", "turnoff", False),
    (["pci-host-ecam-generic"], "power-domains", None, False),
    (["fsl,imx8qm-edma"], "power-domains", None, True),
)


def test_facts(rows: Rows) -> None:
    """Read in the drivers, where an error would drop a supplier that the guest can't do without."""
    for compatible, prop, name, required in FACTS:
        with rows(compatible, prop, name, required):
            known = needs(compatible)
            assert known is not None
            assert wanted(known, prop, name) is required


def test_a_rate_that_a_driver_divides() -> None:
    """tests/boards/imx8mp.py boots both with a rate; with 0 neither probes."""
    fec = needs(("fsl,imx8mp-fec", "fsl,imx8mq-fec", "fsl,imx6sx-fec"))
    assert fec is not None
    assert "MDIO" in fec.without_rate("ipg")
    assert (fec.without_rate("ahb"), fec.without_rate(None)) == ("", "")
    assert wanted(fec, "clocks", "ipg") is True


def test_rates_that_a_driver_only_divides_later() -> None:
    """tests/boards/zcu102.py boots both with a rate; with 0 neither sends anything."""
    uart, can = needs(["xlnx,zynqmp-uart", "cdns,uart-r1p12"]), needs(["xlnx,zynq-can-1.0"])
    assert uart is not None
    assert can is not None
    assert "bit rate" in uart.without_rate("uart_clk")
    assert "bit rate" in can.without_rate("can_clk")
    assert (uart.without_rate("pclk"), can.without_rate("pclk")) == ("", "")


@pytest.mark.parametrize(
    ("compatible", "supplies"),
    [
        # tests/boards boots these four; without the supplies their drivers fail
        (["ceva,ahci-1v84"], ("ahci-supply", "phy-supply")),
        (["ti,tmp105"], ("vs-supply",)),
        (["atmel,24c02"], ("vcc-supply",)),
        (["brcm,bcm2835-usb"], ("vusb_d-supply", "vusb_a-supply")),
        (["rockchip,rk3568-gmac", "snps,dwmac-4.20a"], ("phy-supply",)),
        (["allwinner,sun8i-h3-emac"], ()),  # devm_regulator_get_optional
    ],
)
def test_supplies_that_a_driver_takes_a_dummy_for(
    compatible: list[str], supplies: tuple[str, ...]
) -> None:
    known = needs(compatible)
    assert known is not None
    assert known.supplies == supplies
