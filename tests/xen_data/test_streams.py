"""Stream match registers: which devices an SMMU of Xen takes one after another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.answers import at
from tests.rows import Rows
from xenassign.devicetree.tree import Tree
from xenassign.host.device import HostDevice, IommuUse, read_device
from xenassign.host.platform import Platform, read_platform
from xenassign.xen.iommu import Shield, StreamTable, iommus, protection
from xenassign.xen.releases import RELEASES, release

Board = Callable[[str], Tree]
Variant = Callable[[str, str], Tree]
Entry = tuple[int, int]

FIRST, SECOND = "/iommu@f3100000", "/iommu@f3200000"  # both driven, of the fixture "tricky"
HEEDING = [xen for xen, entry in RELEASES.items() if entry.smmu_masks_count]
IGNORING = [xen for xen, entry in RELEASES.items() if not entry.smmu_masks_count]


def device(platform: Platform, *entries: Entry, smmu: str = FIRST) -> HostDevice:
    """A device with (stream, mask) entries at an SMMU."""
    tree = platform.tree
    uses = tuple(IommuUse(at(tree, smmu), entry) for entry in entries)
    return read_device(platform, at(tree, "/dma@78000000"))._replace(iommus=uses)


def refusals(tree: Tree, xen: str, *devices: tuple[Entry, ...]) -> list[bool]:
    """Whether each device is refused, taken in this order."""
    platform = read_platform(tree)
    table = StreamTable(iommus(platform, release(xen)))
    return [table.take(device(platform, *entries)) is not None for entries in devices]


PAIRS_OF_STREAMS: tuple[tuple[Entry, Entry, bool], ...] = (
    ((0x10, 0x0), (0x10, 0x0), False),
    ((0x10, 0xF), (0x10, 0xF), False),
    ((0x10, 0xF), (0x1F, 0xF), False),  # the bits under the mask say nothing
    ((0x10, 0xF), (0x15, 0x0), False),
    ((0x10, 0xF), (0x14, 0x3), False),
    ((0x10, 0x0), (0x11, 0x0), False),
    ((0x10, 0xF), (0x20, 0xF), False),
    ((0x15, 0x0), (0x10, 0xF), True),
    ((0x14, 0x3), (0x10, 0xF), True),
    ((0x10, 0x3), (0x10, 0x5), True),
    ((0x00, 0xF0), (0x00, 0x0F), True),
    ((0x00, 0x0), (0x00, 0x7FFF), True),
)


def test_a_stream_lies_within_another_or_apart(board: Board, rows: Rows) -> None:
    for xen in HEEDING:
        for first, second, refused in PAIRS_OF_STREAMS:
            with rows(xen, first, second, refused):
                assert refusals(board("tricky"), xen, (first,), (second,)) == [False, refused]


ENTRIES = st.lists(
    st.tuples(st.integers(0, 31), st.sampled_from([0, 0, 1, 3, 4, 6, 7, 16, 31])), max_size=6
)


@settings(deadline=None, max_examples=200)
@given(ENTRIES)
def test_streams_are_sets_of_ids(board: Board, entries: list[Entry]) -> None:
    """Within one that is there, or apart from all, spelt out with every id."""
    taken: list[set[int]] = []
    expected = []
    for stream, mask in entries:
        ids = {other for other in range(64) if not (other ^ stream) & ~mask}
        within = any(ids <= other for other in taken)
        apart = all(ids.isdisjoint(other) for other in taken)
        expected.append(not within and not apart)
        if apart:
            taken.append(ids)
    assert refusals(board("tricky"), "4.20", *((entry,) for entry in entries)) == expected


@pytest.mark.parametrize("xen", IGNORING)
def test_before_4_20_only_the_first_stream_of_a_mask_counts(board: Board, xen: str) -> None:
    assert refusals(board("tricky"), xen, ((0x15, 0),), ((0x10, 0xF),)) == [False, False]
    assert refusals(board("tricky"), xen, ((0x10, 3),), ((0x10, 5),)) == [False, False]


def test_the_entries_of_one_device_count_among_themselves(board: Board) -> None:
    wide_first = ((0x10, 0xF), (0x15, 0))
    assert refusals(board("tricky"), "4.20", wide_first) == [False]
    assert refusals(board("tricky"), "4.20", wide_first[::-1]) == [True]


def test_the_message_names_both_streams(board: Board) -> None:
    platform = read_platform(board("tricky"))
    table = StreamTable(iommus(platform, release("4.20")))
    assert table.take(device(platform, (0x15, 0))) is None
    clash = table.take(device(platform, (0x10, 0xF)))
    assert clash == "stream 0x10/0xf overlaps 0x15/0x0 in part"


def test_each_smmu_has_registers_of_its_own(board: Board) -> None:
    platform = read_platform(board("tricky"))
    table = StreamTable(iommus(platform, release("4.20")))
    assert table.take(device(platform, (0x15, 0), smmu=FIRST)) is None
    assert table.take(device(platform, (0x10, 0xF), smmu=SECOND)) is None
    assert table.take(device(platform, (0x10, 0xF), smmu=FIRST)) is not None


def test_what_xen_does_not_drive_takes_nothing(board: Board) -> None:
    platform = read_platform(board("tricky"))
    for drivers in (frozenset({"ipmmu"}), frozenset({"smmu-v3"})):
        table = StreamTable(iommus(platform, release("4.20"), drivers))
        for entry in ((0x15, 0), (0x10, 0xF)):
            assert table.take(device(platform, entry)) is None


def test_streams_of_mmu_masters_are_single(variant: Variant) -> None:
    """The legacy binding has no masks: each of its cells is a stream."""
    more = (
        "/ { one: a@7e000000 { #stream-id-cells = <2>; }; two: b@7e001000 { #stream-id-cells ="
        " <1>; }; };\n&smmu0 { mmu-masters = <&one 0x10 0xf>, <&two 0x11>; };"
    )
    platform = read_platform(variant("tricky", more))
    known = iommus(platform, release("4.20"))
    table = StreamTable(known)
    for path in ("/a@7e000000", "/b@7e001000"):
        found = read_device(platform, at(platform.tree, path))
        assert [use.legacy for use in found.iommus] == [True]
        assert protection(platform, known, found).protected
        assert table.take(found) is None
    assert table.take(device(platform, (0x11, 0xE))) is not None
    assert table.take(device(platform, (0x20, 0xF))) is None


# --- what Xen believes ---------------------------------------------------------------------------


BAD_ENTRIES: tuple[tuple[str, str, str], ...] = (
    ("<&smmu0 1>", "PROTECTED", "always"),
    ("<&smmu0 1>, <&smmu0 2>", "PROTECTED", "always"),
    ("<&smmu0 1>, <0x7777 1>", "UNPROTECTED", "always"),
    ("<&smmu0 1>, <&off 1>", "UNPROTECTED", "partly"),
    ("<&off 1>, <&smmu0 1>", "UNPROTECTED", "never"),
    ("<0x7777 1>", "UNPROTECTED", "never"),
    ("<&smmu0 1>, <&other 1>", "REFUSED", "never"),
)


def test_xen_believes_in_the_entries_before_a_bad_one(variant: Variant, rows: Rows) -> None:
    """``partly``: as long as an unavailable IOMMU behind a good one does not matter to Xen."""
    for iommus_property, shield, believed in BAD_ENTRIES:
        for xen in RELEASES:
            with rows(iommus_property, shield, believed, xen):
                more = (
                    '/ { off: iommu@7e0f0000 { compatible = "arm,smmu-v2"; status = "disabled";'
                    " #iommu-cells = <1>; }; other: iommu@7e0e0000 { #iommu-cells = <1>; };"
                    f" a@7e000000 {{ iommus = {iommus_property}; }}; }};"
                )
                platform = read_platform(variant("tricky", more))
                known = iommus(platform, release(xen))
                found = protection(
                    platform, known, read_device(platform, at(platform.tree, "/a@7e000000"))
                )
                wanted = {"always": True, "never": False}
                partly = release(xen).iommus_partly_unavailable_protects
                assert found.shield is Shield[shield]
                assert found.believed == wanted.get(believed, partly)
