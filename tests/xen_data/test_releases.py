"""Consistency of the data on Xen releases, independent of the values themselves."""

import dataclasses
import re
from itertools import combinations, pairwise

import pytest

from tests.rows import Rows
from xenassign.devicetree.cells import DEFAULT_CELLS
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.errors import UsageError
from xenassign.xen import releases
from xenassign.xen.releases import (
    DEFAULT,
    DOM0LESS_TREE_CAP,
    DOMAIN_NAME,
    GUEST_IPA_BITS_MAX,
    GUEST_MEMORY_MAX_MIB,
    GUEST_NR_SPIS_MAX,
    GUEST_PHANDLE_GIC,
    GUEST_SPI_LAST_INTID,
    KCONFIG,
    POINT_RELEASE,
    RELEASES,
    SPI_FIRST_INTID,
    SPI_LAST_INTID,
    VIRTIO_MMIO_INTIDS,
    VPL011_INTID,
    XEN_REG_CELLS,
    GuestWindow,
    Release,
    release,
    since_point,
)

ALL = list(RELEASES.values())
SUCCESSIVE = list(pairwise(ALL))
ALTERNATIVES = {"gicv2", "gicv3"}


def ids(value: object) -> str | None:
    return value.version if isinstance(value, Release) else None


each_release = pytest.mark.parametrize("xen", ALL, ids=ids)
each_step = pytest.mark.parametrize(("older", "newer"), SUCCESSIVE, ids=ids)


# --- Looking a release up ----------------------------------------------------------------------


def test_releases_are_keyed_by_their_version_and_in_order() -> None:
    assert [entry.version for entry in ALL] == list(RELEASES)
    numbers = [tuple(map(int, version.split("."))) for version in RELEASES]
    assert numbers == sorted(numbers)


def test_default_is_known() -> None:
    assert release(DEFAULT) is RELEASES[DEFAULT]


def test_a_point_release_is_its_branch_but_for_what_came_later(rows: Rows) -> None:
    for point in ["", ".0", ".1", ".5", ".12"]:
        for xen in ALL:
            with rows(point, xen):
                known = release(xen.version + point)
                assert known.branch == xen.version
                assert known is xen or (known.version == xen.version + point and known != xen)


def test_the_checks_of_2026(rows: Rows) -> None:
    """Backported to 4.20.4 and 4.21.2, not to older branches."""
    lacking = ["4.17.7", "4.19.6", "4.20.0", "4.20.3", "4.21.1"]
    for version in [*lacking, "4.20.4", "4.20.5", "4.21.2", "4.22.0"]:
        with rows(version):
            known = release(version)
            assert known.xen_reg_cells_checked == known.vcpu_failure_refused
            assert known.vcpu_failure_refused == (version not in lacking)
    assert since_point(release("4.20"), "vcpu_failure_refused") == "4.20.4"
    assert since_point(release("4.21.0"), "vcpu_failure_refused") == "4.21.2"
    assert since_point(release("4.22"), "vcpu_failure_refused") is None
    assert since_point(release("4.20"), "scmi_smc") is None


@pytest.mark.parametrize("version", ["4.20.3", "4.17.0", "4.23.1"])
def test_a_point_release_has_a_form(version: str) -> None:
    assert re.fullmatch(POINT_RELEASE, version)
    assert release(version)


@pytest.mark.parametrize("version", ["4.20", "4.20.", "4.16.1", "4.20.1.2", "14.20.1"])
def test_others_have_not(version: str) -> None:
    assert not re.fullmatch(POINT_RELEASE, version)


@pytest.mark.parametrize(
    "version",
    ["", "4", "4.", "4.2", "4.16", "4.200", "4.20.", "4.20.1.2", "v4.20", " 4.20", "4.20\n", "xen"],
)
def test_unknown_release_lists_the_known_ones(version: str) -> None:
    with pytest.raises(UsageError) as caught:
        release(version)
    message = str(caught.value)
    assert version in message
    for known in RELEASES:
        assert known in message


def test_data_can_not_be_changed() -> None:
    with pytest.raises(TypeError):
        RELEASES["4.20"] = RELEASES["4.17"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        release(DEFAULT).version = "5.0"  # type: ignore[misc]


# --- Sources -----------------------------------------------------------------------------------


SOURCES = {item.name: str(item.metadata["source"]) for item in dataclasses.fields(Release)}


def test_every_field_names_its_source(rows: Rows) -> None:
    for name in list(SOURCES):
        with rows(name):
            assert re.search(r"\w+/\w+|\.[ch]\b", SOURCES[name])


@each_release
def test_every_entry_names_its_source(xen: Release) -> None:
    sources = [entry.source for entry in xen.windows]
    sources += [entry.source for entry in xen.iommu_drivers]
    for source in sources:
        assert re.match(r"([0-9a-f]{12}: )?(xen|tools)/\S+", source), source


def test_commits_have_twelve_digits() -> None:
    sources = list(SOURCES.values())
    sources += [driver.source for xen in ALL for driver in xen.iommu_drivers]
    for source in sources:
        for digits in re.findall(r"\b(?=\w*\d)[0-9a-f]{7,}\b", source):
            assert len(digits) == 12, source


# --- The guest's address space -----------------------------------------------------------------


@each_release
def test_windows_are_whole_pages_inside_the_address_space(xen: Release) -> None:
    for window in xen.windows:
        assert window.base % PAGE_SIZE == 0, window
        assert window.size % PAGE_SIZE == 0, window
        assert window.size > 0
        assert window.end <= 1 << GUEST_IPA_BITS_MAX
    assert len({window.name for window in xen.windows}) == len(xen.windows)


@each_release
def test_only_alternative_windows_overlap(xen: Release) -> None:
    for one, other in combinations(xen.windows, 2):
        clash = one.span.overlaps(other.span)
        if clash:
            assert {one.when, other.when} == ALTERNATIVES, (one, other)


@each_release
def test_every_use_has_a_window(xen: Release) -> None:
    in_use = {window.when for window in xen.windows}
    assert ALTERNATIVES | {"always", "ram", "vpl011", "virtio-mmio", "vpci", "acpi"} == in_use


@each_release
def test_ram_banks_ascend_and_hold_the_greatest_memory(xen: Release) -> None:
    banks = [window for window in xen.windows if window.when == "ram"]
    assert banks == sorted(banks, key=lambda window: window.base)
    assert sum(window.size for window in banks) == GUEST_MEMORY_MAX_MIB << 20


def test_the_end_of_a_window_is_not_in_it() -> None:
    window = GuestWindow("w", 0x4000, 0x2000, "always", "xen/w.h: W")
    assert window.end == 0x6000
    assert window.span == Span(0x4000, 0x6000)


# --- IOMMU drivers -----------------------------------------------------------------------------


@each_release
def test_a_compatible_belongs_to_one_driver(xen: Release) -> None:
    seen = [compatible for driver in xen.iommu_drivers for compatible in driver.compatibles]
    assert len(seen) == len(set(seen))
    assert all(compatible == compatible.lower() for compatible in seen)
    assert any(driver.default_build for driver in xen.iommu_drivers)


@each_release
def test_driver_is_found_by_any_compatible_of_a_node(xen: Release) -> None:
    for driver in xen.iommu_drivers:
        for compatible in driver.compatibles:
            assert xen.iommu_driver_for([compatible]) is driver
            assert xen.iommu_driver_for(["vendor,special-iommu", compatible]) is driver
            assert xen.iommu_driver_for([compatible.upper()]) is driver


@each_release
def test_other_iommus_have_no_driver(xen: Release) -> None:
    assert xen.iommu_driver_for([]) is None
    assert xen.iommu_driver_for(iter(["rockchip,iommu", "arm,smmu", "arm,smmu-v3.1"])) is None
    assert xen.iommu_driver_for(["arm,smmu-v2 arm,mmu-500", ""]) is None


# --- What may only grow from release to release ------------------------------------------------


@each_step
def test_nothing_known_is_forgotten(older: Release, newer: Release) -> None:
    assert older.xl_keys <= newer.xl_keys
    assert older.domain_properties <= newer.domain_properties
    known = {driver.name: set(driver.compatibles) for driver in newer.iommu_drivers}
    for driver in older.iommu_drivers:
        assert set(driver.compatibles) <= known[driver.name]


@each_step
def test_what_is_fixed_stays_fixed(older: Release, newer: Release) -> None:
    for name in (
        "extended_regions_exclude_mappings",
        "dom0less_error_is_panic",
        "dom0less_tree_adds_partial",
        "gic_without_phandle_ok",
        "xen_reg_cells_checked",
        "vcpu_failure_refused",
        "extended_spis",
        "low_nr_spis_refused",
        "shm_host_optional",
        "shm_direct_map_compared",
        "scmi_smc",
    ):
        assert getattr(older, name) <= getattr(newer, name), name
    assert older.iommus_partly_unavailable_protects >= newer.iommus_partly_unavailable_protects
    assert older.dom0less_tree_bytes <= newer.dom0less_tree_bytes


@each_step
def test_successive_releases_differ(older: Release, newer: Release) -> None:
    assert dataclasses.replace(older, version=newer.version) != newer


# --- Values that must agree with each other ----------------------------------------------------


@each_release
def test_trees(xen: Release) -> None:
    assert 0 < xen.dom0less_tree_bytes < DOM0LESS_TREE_CAP
    if xen.phandle_limit is not None:
        # The route-neutral partial tree's interrupt-parent must not be taken for its own phandle.
        assert xen.phandle_limit < GUEST_PHANDLE_GIC
    assert {*DEFAULT_CELLS} <= {*XEN_REG_CELLS}


@each_release
def test_keys_and_properties_are_well_formed(xen: Release) -> None:
    # The lexer of libxlutil takes no other names, so such a key could never be read.
    assert all(re.fullmatch(r"[a-z][._0-9a-z]*", key) for key in xen.xl_keys)
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9,._+?#-]{0,30}", p) for p in xen.domain_properties)
    assert {"cpus", "memory"} <= xen.domain_properties
    assert set(xen.domain_options) <= xen.domain_properties
    assert xen.kconfig <= set(KCONFIG)
    assert xen.extended_spis == ("GICV3_ESPI" in xen.kconfig)
    assert {"name", "memory", "device_tree", "dtdev", "iomem", "irqs"} <= xen.xl_keys
    assert ("arm_sci" in xen.xl_keys) == ("xen,sci_type" in xen.domain_properties) == xen.scmi_smc
    assert xen.knows_key("iomem")
    assert not any(map(xen.knows_key, ("iomems", "IOMEM", "")))


def test_no_key_lost_its_separator() -> None:
    # Two keys run together in the list would make one longer than any that Xen has.
    assert max(map(len, RELEASES["4.22"].xl_keys)) == len("device_model_stubdomain_override")


def test_interrupt_numbers() -> None:
    assert GUEST_NR_SPIS_MAX % 32 == 0
    assert SPI_FIRST_INTID == VPL011_INTID < VIRTIO_MMIO_INTIDS[0]
    assert VIRTIO_MMIO_INTIDS[-1] < GUEST_SPI_LAST_INTID < SPI_LAST_INTID
    # The next multiple of 32 would pass the last SPI.
    assert GUEST_SPI_LAST_INTID + 32 > SPI_LAST_INTID


@pytest.mark.parametrize("name", ["domu1", "D", "linux-6.1_rt+x", "a" * 31])
def test_domain_name_accepted(name: str) -> None:
    assert re.fullmatch(DOMAIN_NAME, name)


@pytest.mark.parametrize(
    "name", ["", "1", "12", "-d", "_d", "a/b", "a b", "a\n", "a@1", "..", "a" * 32, "dömu", "a,b"]
)
def test_domain_name_refused(name: str) -> None:
    assert not re.fullmatch(DOMAIN_NAME, name)


def test_every_public_constant_is_documented() -> None:
    text = releases.__file__
    with open(text, encoding="utf-8") as module:
        source = module.read()
    for name in re.findall(r"^([A-Z][A-Z0-9_]+)(?::.*)? = ", source, re.MULTILINE):
        if name in {"SPI_FIRST_INTID", "DOM0LESS_TREE_CAP", "DEFAULT"}:  # share the next docstring
            continue
        assert re.search(rf'^{name}\b.*?^"""', source, re.MULTILINE | re.DOTALL), name
