"""Xen's command line, and its options as parse_params and parse_bool read them (common/kernel.c).

The last occurrence of an option counts.
"""

from __future__ import annotations

import re

from xenassign.devicetree.tree import Node, Tree

_MODULES = frozenset({"multiboot,module", "xen,multiboot-module"})
_KERNELS = frozenset({"multiboot,kernel", "xen,linux-zimage"})
#: Modules that are something else than a kernel.
_OTHERS = frozenset(
    {"multiboot,ramdisk", "xen,linux-initrd", "xen,xsm-policy", "multiboot,device-tree"}
)
_YES = ("", "1", "yes", "on", "true", "enable")
_NO = ("0", "no", "off", "false", "disable")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")


def command_line_of(chosen: Node) -> str | None:
    """Xen's command line in /chosen; None if that states none.

    It is ``xen,xen-bootargs``; without one ``bootargs``, if dom0's command line is elsewhere: in
    ``xen,dom0-bootargs``, or at its kernel. Source: boot_fdt_cmdline.
    """
    name = "xen,xen-bootargs"
    if not chosen.has(name) and (chosen.has("xen,dom0-bootargs") or _kernel_has_line(chosen)):
        name = "bootargs"
    prop = chosen.get(name)
    return prop.value.split(b"\0")[0].decode("utf-8", "replace") if prop is not None else None


def _kernel_has_line(chosen: Node) -> bool:
    """Whether dom0's kernel has a command line of its own.

    Of the modules without a kind Xen takes the first one for it. Source: process_multiboot_node.
    """
    modules = [n for n in chosen.children.values() if not _MODULES.isdisjoint(n.compatible)]
    kernels = [n for n in modules if not _KERNELS.isdisjoint(n.compatible)]
    kernels += [n for n in modules if (_KERNELS | _OTHERS).isdisjoint(n.compatible)][:1]
    return any((kernel.value("bootargs") or b"").rstrip(b"\0") for kernel in kernels)


def stated_line(tree: Tree) -> str:
    """Xen's command line that a host's tree states, or ""."""
    chosen = tree.find("/chosen")
    return (command_line_of(chosen) if chosen is not None else None) or ""


def switch(line: str, option: str) -> bool | None:
    """Whether an option is on or off; None if the line does not say it."""
    state = None
    for word in line.split():
        name, _, value = word.partition("=")
        if name == option and value in _YES:
            state = True
        elif name == f"no-{option}" or (name == option and value in _NO):
            state = False
    return state


def value(line: str, option: str) -> str | None:
    """The text after ``option=``."""
    words = (word.partition("=") for word in line.split())
    values = [text for name, equals, text in words if name == option and equals]
    return values[-1] if values else None


def number(text: str) -> tuple[int | None, str]:
    """The number that a text begins with (simple_strtoul), and the rest; None without a digit."""
    match = _NUMBER.match(text)
    if match is None:
        return None, text
    digits = match[0]
    octal = digits.startswith("0") and digits.isdigit()
    return int(digits, 8 if octal else 0), text[match.end() :]


def names_uart(line: str) -> bool:
    """Whether Xen's console is a UART: ``console=`` has it, or is missing (console_init)."""
    devices = (value(line, "console") or "dtuart").split(",")
    return any(device.startswith("dtuart") for device in devices)  # console_has
