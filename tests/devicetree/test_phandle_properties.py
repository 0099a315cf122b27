"""The table of phandle-bearing properties: its consistency, and names that are easily missed."""

from __future__ import annotations

from fnmatch import fnmatchcase

from tests.rows import Rows
from xenassign.devicetree.phandle_properties import (
    REMAINDER,
    lookup,
    phandle_properties,
)

TABLE = phandle_properties()
PROPERTIES = TABLE.all()


def test_a_word_that_has_no_effect_is_not_written() -> None:
    for prop in PROPERTIES:
        assert isinstance(prop.cells, str) or prop.default_cells is None, prop.pattern
        assert "*" in prop.pattern or not prop.digits, prop.pattern
        assert prop.names or prop.entries_per_name == 1, prop.pattern


def test_no_name_fits_two_wildcards() -> None:
    """So the order of their lines does not matter."""
    wild = [prop.pattern for prop in PROPERTIES if "*" in prop.pattern]
    names = [prop.pattern for prop in PROPERTIES] + [name.replace("*", "0") for name in wild]
    for name in names:
        assert sum(fnmatchcase(name, pattern) for pattern in wild) <= 1, name


def test_exact_names_stand_before_wildcards() -> None:
    wild = ["*" in prop.pattern for prop in PROPERTIES]
    assert wild == sorted(wild)


def test_exact_name_finds_its_own_entry(rows: Rows) -> None:
    for prop in [p for p in PROPERTIES if "*" not in p.pattern]:
        with rows(prop):
            assert lookup(prop.pattern) == prop


def test_parallel_properties_have_a_width_or_are_lists_themselves() -> None:
    other_lists = {"interrupts", "gpio-ranges-group-names"}
    for prop in PROPERTIES:
        for name in prop.parallel:
            assert TABLE.parallel_bytes(name) or name in other_lists or lookup(name) is not None, (
                name
            )


LOOKUP: tuple[tuple[str, str, str | int], ...] = (
    ("clocks", "clock", "#clock-cells"),
    ("assigned-clock-parents", "clock", "#clock-cells"),
    ("power-domains", "power-domain", "#power-domain-cells"),
    ("interconnects", "interconnect", "#interconnect-cells"),
    ("vcc-supply", "regulator", 0),
    ("vdd_io-supply", "regulator", 0),
    ("pinctrl-0", "pinctrl", 0),
    ("pinctrl-12", "pinctrl", 0),
    ("cd-gpios", "gpio", "#gpio-cells"),
    ("snps,reset-gpio", "gpio", "#gpio-cells"),
    ("gpio-ranges", "gpio", 3),
    ("memory-region", "memory-region", 0),
    ("cooling-device", "thermal", "#cooling-cells"),
    ("phy-handle", "ethernet-phy", 0),
    ("rockchip,grf", "syscon", 0),
    ("fsl,stop-mode", "syscon", 2),
    ("altr,sysmgr-syscon", "syscon", REMAINDER),
    ("acme,new-syscon", "syscon", REMAINDER),
    ("simple-audio-card,bitclock-master", "sound", 0),
    ("audio-graph-card,frame-master", "sound", 0),
    ("qcom,smem-states", "firmware", "#qcom,smem-state-cells"),
)


def test_lookup(rows: Rows) -> None:
    for name, kind, cells in LOOKUP:
        with rows(name, kind, cells):
            prop = lookup(name)
            assert prop is not None
            assert (prop.kind, prop.cells) == (kind, cells)


NAME_WITHOUT_PHANDLES: tuple[str, ...] = (
    "compatible",
    "reg",
    "status",
    "clock-names",
    "#clock-cells",
    "clock-frequency",
    "pinctrl-names",
    "pinctrl-single,pins",
    "pinctrl-",
    "pinctrl-0x",
    "nr-gpios",
    "ngpios",
    "snps,nr-gpios",
    "apm,nr-gpios",
    "realtek,jd1-gpio",
    "-supply",
    "-gpios",
    "regulator-name",
    "phandle",
    "assigned-clock-rates",
    "dma-ranges",
    "interrupts",
    "",
)


def test_name_without_phandles(rows: Rows) -> None:
    for name in NAME_WITHOUT_PHANDLES:
        with rows(name):
            assert lookup(name) is None


def test_hog_says_that_its_gpios_have_no_phandle() -> None:
    for name in ("gpios", "gpio"):
        prop = lookup(name)
        assert prop is not None
        assert prop.unless == "gpio-hog"


def test_maps_have_a_base_before_and_a_length_behind() -> None:
    for name, cells in (("iommu-map", "#iommu-cells"), ("msi-map", 1)):
        prop = lookup(name)
        assert prop is not None
        assert (prop.shape, prop.lead, prop.cells, prop.trail) == ("map", 1, cells, 1)


def test_optional_cells_properties() -> None:
    defaults = {prop.pattern: prop.default_cells for prop in PROPERTIES}
    assert defaults["msi-parent"] == 0
    assert defaults["nvmem-cells"] == 0
    assert defaults["mux-controls"] == 0
    assert defaults["clocks"] is None


def test_names_lists() -> None:
    names = {prop.pattern: prop.names for prop in PROPERTIES if prop.names is not None}
    assert names["clocks"] == "clock-names"
    assert names["nvmem-cells"] == "nvmem-cell-names"
    assert names["dmas"] == "dma-names"
    assert "pinctrl-*" not in names
    interconnects = lookup("interconnects")
    assert interconnects is not None
    assert interconnects.entries_per_name == 2


def test_exclusions_state_their_reason() -> None:
    excluded = TABLE.excluded()
    assert set(excluded) == {"nr-gpios", "*,nr-gpios", "realtek,jd*-gpio"}
    for pattern, reason in excluded.items():
        assert pattern.count("*") <= 1
        assert reason
        assert lookup(pattern.replace("*", "x")) is None
