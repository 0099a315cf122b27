"""A guest that tells its device tree, and what it reads at addresses: 4 KiB instead of a Linux.

It touches nothing but what it is asked about, so that a device may be any page of RAM with a mark
in it: if the guest reads the mark, Xen has mapped that page of the host there. Xen has answered
after a tenth of the time that Linux needs.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree

from .guest_code import HEX, SAY, with_header

_GO, _WORDS, _ABORT, _TABLE = 0x40, 0x110, 0xA00, 0x1000  # offsets in the image
#: With the vPL011 at 0x22000000: each byte of the tree in hexadecimal, 32 in a line, then a line
#: for each address: "=" and what is there, or "!" where the read aborts. Assembled by GNU as.
_CODE = (
    0xAA0003F3,  # go:      mov x19, x0                 the tree, as Linux gets it
    0x10003DE9,  #          adr x9, vectors
    0xD518C009,  #          msr vbar_el1, x9
    0x52A44014,  #          mov w20, #0x22000000
    0xB9400675,  #          ldr w21, [x19, #4]          totalsize
    0x5AC00AB5,  #          rev w21, w21
    0x52800016,  #          mov w22, #0
    0x6B1502DF,  # tree:    cmp w22, w21
    0x54000142,  #          b.hs places
    0x38766A60,  #          ldrb w0, [x19, x22]
    0x52800041,  #          mov w1, #2
    0xD3481C00,  #          lsl x0, x0, #56
    0x9400001B,  #          bl hex
    0x110006D6,  #          add w22, w22, #1
    0x720012DF,  #          tst w22, #31
    0x54FFFF01,  #          b.ne tree
    0x94000021,  #          bl newline
    0x17FFFFF6,  #          b tree
    0x9400001F,  # places:  bl newline
    0x10007BB7,  #          adr x23, table
    0xF84086F8,  # next:    ldr x24, [x23], #8
    0xB100071F,  #          cmn x24, #1
    0x54000140,  #          b.eq done
    0x528007B9,  #          mov w25, #'='
    0xF9400300,  #          ldr x0, [x24]
    0xB9000299,  #          str w25, [x20]
    0x52800201,  #          mov w1, #16
    0x7100F73F,  #          cmp w25, #'='
    0x54000041,  #          b.ne over
    0x9400000A,  #          bl hex
    0x94000013,  # over:    bl newline
    0x17FFFFF5,  #          b next
    0x10000297,  # done:    adr x23, words
    *SAY,
    *HEX,
    0xD65F03C0,  #          ret
    0x52800142,  # newline: mov w2, #10
    0xB9000282,  #          str w2, [x20]
    0xD65F03C0,  #          ret
)
#: vectors + 0x200, an exception of the guest's own: goes on behind the instruction.
_ON_ABORT = (
    0xD538403A,  #          mrs x26, elr_el1
    0x9100135A,  #          add x26, x26, #4
    0xD518403A,  #          msr elr_el1, x26
    0x52800439,  #          mov w25, #'!'
    0xD69F03E0,  #          eret
)
_END = b"\xff" * 8
_VALUE = re.compile(r"=([0-9a-f]{16})|!")


class Witnessed(NamedTuple):
    """What a guest has told. ``values``: the 8 bytes at each address, None where it can't read."""

    tree: Tree
    values: tuple[int | None, ...]


def image(addresses: Sequence[int], done: str) -> bytes:
    """The kernel: it reads 8 bytes at each address, multiples of 8, and prints ``done`` last."""
    code = with_header(bytearray(_TABLE), _GO, _TABLE + 8 * (len(addresses) + 1))
    struct.pack_into(f"<{len(_CODE)}I", code, _GO, *_CODE)
    word = f"{done}\n\0".encode()
    code[_WORDS : _WORDS + len(word)] = word
    struct.pack_into(f"<{len(_ON_ABORT)}I", code, _ABORT, *_ON_ABORT)
    return bytes(code) + struct.pack(f"<{len(addresses)}Q", *addresses) + _END


def witnessed(said: Sequence[str]) -> Witnessed:
    """What the lines of a guest's console say. Raises ValueError for damage."""
    data, values = b"", []
    for line in said:
        if match := _VALUE.fullmatch(line):
            values.append(int(match[1], 16) if match[1] else None)
        elif not values:
            data += bytes.fromhex(line)
        elif line:
            raise ValueError(f"a guest says {line!r}")
    return Witnessed(read_blob(data, "the guest's tree"), tuple(values))
