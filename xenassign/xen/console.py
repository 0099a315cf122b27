"""The UART of the host that Xen has for its console (``dtuart``), if it drives one.

Source: dt_uart_init, whose ``dtuart=`` of the command line comes before stdout-path; console_init,
whose ``console=`` is ``dtuart`` without an option.
"""

from __future__ import annotations

from xenassign.devicetree.tree import Node
from xenassign.host.boot_arguments import names_uart, value
from xenassign.host.platform import Platform, uart
from xenassign.xen.releases import Release


def drives(release: Release, device: Node) -> bool:
    """Whether Xen has a driver for a UART that it may use."""
    return device.available and not device.has("xen,passthrough") and has_driver(release, device)


def has_driver(release: Release, device: Node) -> bool:
    """Whether Xen has a driver for a UART."""
    return not release.uarts.isdisjoint(text.lower() for text in device.compatible)


def console_of_xen(platform: Platform, release: Release, bootargs: str = "") -> Node | str:
    """The UART, or why Xen has none. ``bootargs``: of Xen, if they are not those of the host."""
    if not names_uart(bootargs):
        return f"console={value(bootargs, 'console')} of xen,xen-bootargs gives Xen no UART"
    dtuart = value(bootargs, "dtuart")
    console = uart(platform.tree, dtuart) if dtuart else platform.console
    if console is None:
        where = f"dtuart={dtuart.partition(':')[0]}" if dtuart else "stdout-path"
        return f"Xen has no console UART ({where} names none)"
    if not drives(release, console):
        return f"Xen {release.name} does not drive its console's UART {console.path}"
    return console
