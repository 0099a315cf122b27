"""Stage 2 of a guest as Xen builds it: which mappings succeed.

Xen allocates the tables from a pool of limited size (domain_p2m_pages, p2m_set_allocation), so that
a mapping can fail because of its size as well as its address: with 4 KiB pages one table of 4096
bytes maps 2 MiB. Source: __p2m_set_entry, p2m_set_entry, p2m_split_superpage of Xen
(xen/arch/arm/mmu/p2m.c; p2m.c before 4.19). Units: pages of 4096 bytes; a gfn is a guest page
number, an mfn the host's.
"""

from __future__ import annotations

from collections.abc import Iterable

from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.xen.releases import GUEST_IPA_BITS_MAX

#: Pool in pages of a domain whose memory is not known: that of 1 TiB, the most there is.
UNKNOWN_POOL = 1 << 20

_PAGE_BITS = PAGE_SIZE.bit_length() - 1
#: Pages that an entry of level 1, 2 and 3 maps: 1 GiB, 2 MiB, 4 KiB.
_SPAN = {1: 1 << 18, 2: 1 << 9, 3: 1}


def pool_pages(memory_kib: int, vcpus: int) -> int:
    """The default pool of a domain in pages (domain_p2m_pages)."""
    kib = 4 * (256 * vcpus + memory_kib // 1024 + 128)
    return -(-kib // 1024) << (20 - _PAGE_BITS)


def pool_mib(
    memory_mib: int | None, vcpus: int, mappings: Iterable[tuple[int, int, int]]
) -> int | None:
    """The pool in MiB that the mappings require, or None if the default pool is large enough.

    ``mappings``: (host, size, guest) in bytes. The number is shadow_memory of xl, and
    xen,domain-p2m-mem-mb of dom0less; it is the size of the whole pool. It is that of xl, which
    needs the most because it maps page by page. Memory that is not known yet counts as 4 GiB.
    """
    tables = Stage2(UNKNOWN_POOL)
    for _, size, guest in mappings:
        tables.map_small(guest // PAGE_SIZE, size // PAGE_SIZE)
    # RAM is mapped by 1 GiB and 2 MiB: a table for each GiB, and one or two for each bank.
    needed = UNKNOWN_POOL - tables.free + ((memory_mib or 0) >> 10) + 4
    if needed <= pool_pages((memory_mib or 0) * 1024, vcpus):
        return None
    pool = pool_pages((memory_mib or 4 << 10) * 1024, vcpus) + needed
    return -(-pool * PAGE_SIZE // (1 << 20))


class Stage2:
    """The tables of one guest. ``free``: unused pages of its pool.

    Superpages need no note: one that is split into 512 entries takes a table as a hole does.
    """

    def __init__(
        self,
        pool: int,
        ram: Iterable[Span] = (),
    ) -> None:
        """``ram``: what is mapped before all else, in bytes."""
        self.free = pool
        self.limit = 1 << (GUEST_IPA_BITS_MAX - _PAGE_BITS)
        # The tables below each entry of the root (512 GiB), and below each of those (1 GiB): a bit
        # for each of the 512 entries that leads to a table.
        self._large: dict[int, int] = {}
        self._small: dict[int, int] = {}
        self._last: tuple[int, int, int] | None = None
        for base, size in ram:
            self.map_ram(base, size)

    def map(self, gfn: int, count: int, mfn: int) -> bool:
        """Maps ``count`` pages; False if Xen fails, possibly after some of them."""
        if not count:
            return True  # p2m_set_entry looks at no address then
        if gfn + count > self.limit:
            return False
        mapping = (gfn, count, mfn)
        if mapping == self._last:
            return True  # the same again, which changes nothing
        while count > 0:
            level = next(n for n in (1, 2, 3) if not (gfn | mfn | count) % _SPAN[n])
            # Alignment can only grow where the table ends that holds the entry, and there once.
            table = _SPAN[level] * 512
            step = min(table - gfn % table, count) if gfn % table else count
            if not self._map_entries(gfn, gfn + step, level):
                return False
            gfn, mfn, count = gfn + step, mfn + step, count - step
        self._last = mapping
        return True

    def map_ram(self, base: int, size: int) -> None:
        """Maps RAM (in bytes) in the largest pieces that fit."""
        gfn, count = base // PAGE_SIZE, size // PAGE_SIZE
        for span in _SPAN.values():
            piece = count - count % span
            self.map(gfn, piece, gfn)
            gfn, count = gfn + piece, count - piece

    def map_small(self, gfn: int, count: int) -> bool:
        """Maps ``count`` pages one by one, as for libxl, which maps 64 pages in a call."""
        self._last = None
        return gfn + count <= self.limit and self._map_entries(gfn, gfn + count, 3)

    def _map_entries(self, gfn: int, end: int, level: int) -> bool:
        """Sets the entries of a level for pages of the guest; False if the pool is used up."""
        span, table = (_SPAN[1], 1 << 27) if level == 1 else (_SPAN[2], _SPAN[1])
        while gfn < end:
            stop = min(gfn - gfn % table + table, end)
            if not self._make_room(gfn, level):
                return False
            first, last = gfn % table // span, -(-(stop - gfn + gfn % table) // span)
            entries = (1 << last) - (1 << first)
            if level < 3:
                self._free(gfn // table, entries, level)
            elif not self._allocate(gfn // table, entries):
                return False
            gfn = stop
        return True

    def _make_room(self, gfn: int, level: int) -> bool:
        """Allocates the tables above an entry of level 1 or 2; False if the pool is used up."""
        root, number = gfn >> 27, gfn // _SPAN[1]
        for tables, region in ((self._large, root), (self._small, number))[:level]:
            if region not in tables:
                if not self.free:
                    return False
                self.free -= 1
                tables[region] = 0
        if level > 1:
            self._large[root] |= 1 << number % 512
        return True

    def _allocate(self, region: int, entries: int) -> bool:
        """Allocates the tables of pages that these entries of a 1 GiB region lack."""
        missing = entries & ~self._small[region]
        while missing.bit_count() > self.free:
            missing ^= 1 << (missing.bit_length() - 1)
        self._small[region] |= missing
        self.free -= missing.bit_count()
        return not entries & ~self._small[region]

    def _free(self, region: int, entries: int, level: int) -> None:
        """Frees the tables that entries of level 1 or 2 replace."""
        tables = self._large if level == 1 else self._small
        replaced = tables[region] & entries
        tables[region] ^= replaced
        self.free += replaced.bit_count()
        while level == 1 and replaced:
            number = replaced.bit_length() - 1
            replaced ^= 1 << number
            self.free += self._small.pop(region * 512 + number).bit_count()
