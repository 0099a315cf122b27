"""A guest that makes QEMU's clock raise its interrupt, and prints the INTID that it then takes.

It polls the CPU interface of its GICv3 with interrupts masked, so that it has no handlers.
"""

from __future__ import annotations

import struct

from .boot import DONE
from .guest_code import HEX, SAY, with_header

_START, _TABLE, _WORDS, _SIZE = 0x40, 0x200, 0x240, 0x1000  # offsets in the image
#: With the vPL011 at 0x22000000. Assembled by GNU as.
_CODE = (
    0xD2800020,  #          mov x0, #1
    0xD518CCA0,  #          msr icc_sre_el1, x0
    0xD5033FDF,  #          isb
    0xD2801FE1,  #          mov x1, #0xff
    0xD5184601,  #          msr icc_pmr_el1, x1
    0xD518CCE0,  #          msr icc_igrpen1_el1, x0
    0xD5033FDF,  #          isb
    0x10000D29,  #          adr x9, table
    0xA9402D2A,  #          ldp x10, x11, [x9]          the clock's registers, the INTID
    0xF940092C,  #          ldr x12, [x9, #16]          the GIC's distributor
    0x52800261,  #          mov w1, #0x13               affinity routing, both groups
    0xB9000181,  #          str w1, [x12]               GICD_CTLR
    0x8B0B0D83,  #          add x3, x12, x11, lsl #3
    0x91401863,  #          add x3, x3, #6, lsl #12
    0xF900007F,  #          str xzr, [x3]               GICD_IROUTER
    0xD345FD64,  #          lsr x4, x11, #5
    0x8B040984,  #          add x4, x12, x4, lsl #2
    0x1ACB2005,  #          lsl w5, w0, w11
    0xB9010085,  #          str w5, [x4, #0x100]        GICD_ISENABLER
    0xB9400141,  #          ldr w1, [x10]               RTCDR: seconds
    0x11000421,  #          add w1, w1, #1
    0xB9000541,  #          str w1, [x10, #4]           RTCMR
    0xB9001140,  #          str w0, [x10, #0x10]        RTCIMSC
    0xD538CC00,  # poll:    mrs x0, icc_iar1_el1
    0xF10FFC1F,  #          cmp x0, #1023
    0x54FFFFC0,  #          b.eq poll
    0x52A44014,  #          mov w20, #0x22000000
    0xD3503C00,  #          lsl x0, x0, #48
    0x52800081,  #          mov w1, #4
    *HEX,
    0x52800140,  #          mov w0, #10
    0xB9000280,  #          str w0, [x20]
    0x10000B17,  #          adr x23, words
    *SAY,
)
_DISTRIBUTOR = 0x3001000  #: of a guest's GICv3 (xen/include/public/arch-arm.h)


def raising(clock: int, intid: int) -> bytes:
    """A kernel that sets the alarm of a PL031 at a guest address; its interrupt is ``intid``."""
    image = with_header(bytearray(_SIZE), _START, _SIZE)
    struct.pack_into(f"<{len(_CODE)}I", image, _START, *_CODE)
    struct.pack_into("<3Q", image, _TABLE, clock, intid, _DISTRIBUTOR)
    words = f"{DONE}\n".encode()
    image[_WORDS : _WORDS + len(words)] = words
    return bytes(image)
