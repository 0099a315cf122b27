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
    """The tables of one guest. ``free``: unused pages of its pool."""

    def __init__(
        self,
        pool: int,
        ram: Iterable[Span] = (),
    ) -> None:
        """``ram``: what is mapped before all else, in bytes."""
        self.free = pool
        self.limit = 1 << (GUEST_IPA_BITS_MAX - _PAGE_BITS)
        # Tables and entries by level and number of the region: region n of level 2 is the 2 MiB at
        # n * 2 MiB. A region of level 0 is that of one entry of the root, 512 GiB.
        self._tables: set[tuple[int, int]] = set()
        self._blocks: set[tuple[int, int]] = set()
        for base, size in ram:
            self.map_ram(base, size)

    def map(self, gfn: int, count: int, mfn: int) -> bool:
        """Maps ``count`` pages; False if Xen fails, possibly after some of them."""
        if gfn + count > self.limit:
            return False
        while count > 0:
            level = next(n for n in (1, 2, 3) if not (gfn | mfn | count) % _SPAN[n])
            if not self._make_room(gfn, level):
                return False
            # Alignment can only grow where the table ends that holds the entry.
            table = _SPAN[level] * 512
            step = min(table - gfn % table, count)
            if level < 3:
                for number in range(gfn // _SPAN[level], (gfn + step) // _SPAN[level]):
                    self._put_block(level, number)
            gfn, mfn, count = gfn + step, mfn + step, count - step
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
        if gfn + count > self.limit:
            return False
        regions = range(gfn // 512, -(-(gfn + count) // 512))
        return all(self._make_room(region * 512, 3) for region in regions)

    def _make_room(self, gfn: int, level: int) -> bool:
        """Allocates the tables above an entry of ``level``; larger entries there are split."""
        for above in range(level):
            region = (above, gfn // (_SPAN[above] if above else 1 << 27))
            if region in self._tables:
                continue
            if not self.free:
                return False
            self.free -= 1
            self._tables.add(region)
            if region in self._blocks:  # p2m_split_superpage: the same memory in 512 parts
                self._blocks.remove(region)
                if above + 1 < 3:
                    first = region[1] * 512
                    self._blocks.update((above + 1, first + n) for n in range(512))
        return True

    def _put_block(self, level: int, number: int) -> None:
        """Sets an entry of level 1 or 2; the tables that it replaces are freed."""
        if (level, number) in self._tables:
            self._tables.remove((level, number))
            self.free += 1
            if level == 1:
                tables_below = {(2, n) for n in range(number * 512, number * 512 + 512)}
                self.free += len(self._tables & tables_below)
                self._tables -= tables_below
                self._blocks -= tables_below
        self._blocks.add((level, number))
