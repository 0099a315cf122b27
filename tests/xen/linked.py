"""Two guests of one dom0less boot that share memory or an event channel: a page instead of a Linux.

Each of them writes its mark into the shared memory and waits for the other's, or asks Xen about its
end of the channel. All that Xen reads of them is what xenassign writes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

from xenassign.devicetree.blob import read_blob
from xenassign.formats.toml_text import parse_toml
from xenassign.outputs.boot import HOST_TREE
from xenassign.outputs.generated import generate_system
from xenassign.request.boot_request import CHOSEN, HOST, BootRequest, parse_load
from xenassign.request.project import project_of

from .boot import DONE, XEN_ARGUMENTS, built, placed
from .guest_code import HEX, SAY, with_header
from .machine import Machine, board
from .mutants.blob import Blob
from .qemu import PLAIN, Load, Setup, running
from .several import INPUT_TO_XEN, said_by

_MEET, _ASK, _TABLE, _WORDS, _SIZE = 0x40, 0x60, 0x400, 0x500, 0x1000  # offsets in the image
#: With the vPL011 at 0x22000000. Assembled by GNU as.
_CODE = (
    0x10001E09,  # meet:    adr x9, table               own address and mark, the other's
    0xA9400520,  #          ldp x0, x1, [x9]
    0xA9410D22,  #          ldp x2, x3, [x9, #16]
    0xF9000001,  #          str x1, [x0]
    0xF9400044,  # poll:    ldr x4, [x2]
    0xEB03009F,  #          cmp x4, x3
    0x54FFFFC1,  #          b.ne poll
    0x14000018,  #          b done
    0x10001E09,  # ask:     adr x9, table + 32          a command, and its argument of 24 bytes
    0xF8408520,  #          ldr x0, [x9], #8
    0xAA0903E1,  #          mov x1, x9
    0xD2800410,  #          mov x16, #32                __HYPERVISOR_event_channel_op
    0xD401D422,  #          hvc #0xea1
    0x52A44014,  #          mov w20, #0x22000000
    0x52800305,  #          mov w5, #24
    0x38401520,  # byte:    ldrb w0, [x9], #1
    0xD3481C00,  #          lsl x0, x0, #56
    0x52800041,  #          mov w1, #2
    *HEX,
    0x710004A5,  #          subs w5, w5, #1
    0x54FFFE61,  #          b.ne byte
    0x52800140,  #          mov w0, #10
    0xB9000280,  #          str w0, [x20]
    0x52A44014,  # done:    mov w20, #0x22000000
    0x10002217,  #          adr x23, words
    *SAY,
)
_STATUS = 5  #: EVTCHNOP_status
_SELF = 0x7FF0  #: DOMID_SELF
#: evtchn_status: dom, port, status, vcpu, and of an interdomain channel dom and port.
_ANSWER = struct.Struct("<H2xIIIH2xI")
_INTERDOMAIN = 2  #: EVTCHNSTAT_interdomain


def meeting(own: int, mark: int, other: int, awaited: int) -> bytes:
    """A kernel that writes ``mark`` at an address and waits for ``awaited`` at another."""
    return _image(_MEET, struct.pack("<4Q", own, mark, other, awaited))


def asking(port: int) -> bytes:
    """A kernel that prints what Xen says of a port."""
    argument = _ANSWER.pack(_SELF, port, 0, 0, 0, 0)
    return _image(_ASK, bytes(32) + struct.pack("<Q", _STATUS) + argument)


def connected(line: str) -> tuple[int, int] | None:
    """The domain and the port at the other end, in what such a kernel prints; None without one."""
    _, _, status, _, domain, port = _ANSWER.unpack(bytes.fromhex(line))
    return (domain, port) if status == _INTERDOMAIN else None


def _image(start: int, table: bytes) -> bytes:
    image = with_header(bytearray(_SIZE), start, _SIZE)
    struct.pack_into(f"<{len(_CODE)}I", image, _MEET, *_CODE)
    image[_TABLE : _TABLE + len(table)] = table
    words = f"{DONE}\n".encode()
    image[_WORDS : _WORDS + len(words)] = words
    return bytes(image)


def generated(
    text: str, kernels: Mapping[str, bytes], setup: Setup = PLAIN, host: bytes | None = None
) -> tuple[bytes, list[Load]]:
    """The tree that xenassign writes for a xenassign.toml without [boot], and what is loaded.

    ``kernels``: by the name of the domain. ``host``: the board's tree, QEMU's own when None. Xen
    starts without dom0.
    """
    loads, spans = placed(*([kernel] for kernel in kernels.values()))
    of_domains = [
        parse_load(f"{name}/kernel={address:#x}:{size:#x}")
        for name, (address, size) in zip(kernels, spans, strict=True)
    ]
    trees = {name: _TREES_AT + (number << 20) for number, name in enumerate(kernels)}
    of_domains += (parse_load(f"{name}/dtb={address:#x}") for name, address in trees.items())
    arguments = f"{XEN_ARGUMENTS} {INPUT_TO_XEN} {setup.bootargs}"
    request = project_of(parse_toml(text, "x.toml")).system
    boot = BootRequest(frozenset({CHOSEN, HOST}), tuple(of_domains), xen_bootargs=arguments)
    # QEMU pads its own beyond what Xen maps.
    tree = read_blob(Blob.read(board() if host is None else host).write())
    made = generate_system(tree, replace(request, boot=boot))
    assert not made.refusals, made.refusals
    loads += (Load(made.files[f"{name}.dtb"], at) for name, at in trees.items())
    return made.files[HOST_TREE], loads


def boot_generated(
    machine: Machine,
    text: str,
    kernels: Mapping[str, bytes],
    setup: Setup = PLAIN,
    host: bytes | None = None,
) -> tuple[str, dict[str, list[str]]]:
    """Why Xen refuses the guests of :func:`generated`, else nothing; and what each prints.

    Each kernel prints DONE at its end. Raises BootError.
    """
    tree, loads = generated(text, kernels, setup, host)
    names = dict(enumerate(kernels, 1))
    with running(machine.xen, tree, loads, 1, setup, _SECONDS) as console:
        lines = iter(console)
        _, refusal = built(lines, console, setup.routine)
        if refusal:
            return refusal, {}
        said = said_by(lines, console, names, set(kernels))
        return "", {name: [line for line in said[name] if line != DONE] for name in kernels}


#: Beyond the kernels, of which each takes a few MiB.
_TREES_AT = 0x4F000000
_SECONDS = 60
