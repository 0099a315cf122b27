"""What the small kernels of the tests have in common: Linux' header, and routines of machine code.

The routines use the vPL011 at 0x22000000, whose address is in w20. Assembled by GNU as; all
branches are within a routine, so that it may be at any place.
"""

from __future__ import annotations

import struct

#: Prints the w1 first digits of x0, the highest first. Changes x0, x1, x2, x3.
HEX = (
    0x93C0F000,  # hex:     ror x0, x0, #60
    0x12000C02,  #          and w2, w0, #15
    0x7100285F,  #          cmp w2, #10
    0x1100C043,  #          add w3, w2, #'0'
    0x11015C42,  #          add w2, w2, #'a' - 10
    0x1A823062,  #          csel w2, w3, w2, lo
    0xB9000282,  #          str w2, [x20]
    0x71000421,  #          subs w1, w1, #1
    0x54FFFF01,  #          b.ne hex
)
#: Prints the text at x23 up to a NUL, and waits for ever.
SAY = (
    0x384016E0,  # say:     ldrb w0, [x23], #1
    0x34000060,  #          cbz w0, wait
    0xB9000280,  #          str w0, [x20]
    0x17FFFFFD,  #          b say
    0xD503207F,  # wait:    wfi
    0x17FFFFFF,  #          b wait
)


def with_header(image: bytearray, start: int, size: int) -> bytearray:
    """An image with the header of Linux' Documentation/arch/arm64/booting.rst.

    ``start``: the offset of the first instruction; ``size``: of the image in memory, bytes.
    """
    struct.pack_into("<I", image, 0, 0x14000000 | start // 4)  # b start
    struct.pack_into("<3Q", image, 8, 0, size, 0b1010)  # little-endian, pages of 4 KiB
    image[56:60] = b"ARM\x64"
    return image
