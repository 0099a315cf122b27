"""The UART of the host that Xen has for its console (``dtuart``), if it drives one.

Source: dt_uart_init, whose ``dtuart=`` of the command line comes before stdout-path; console_init,
whose ``console=`` is ``dtuart`` without an option.
"""

from __future__ import annotations

from xenassign.devicetree.tree import Node
from xenassign.host.platform import Platform
from xenassign.xen.boot_arguments import value
from xenassign.xen.releases import Release


def drives(release: Release, uart: Node) -> bool:
    """Whether Xen has a driver for a UART that it may use."""
    return uart.available and not uart.has("xen,passthrough") and has_driver(release, uart)


def has_driver(release: Release, uart: Node) -> bool:
    """Whether Xen has a driver for a UART."""
    return not release.uarts.isdisjoint(text.lower() for text in uart.compatible)


def console_of_xen(platform: Platform, release: Release, bootargs: str = "") -> Node | str:
    """The UART, or why Xen has none. ``bootargs``: of Xen, as far as they are known."""
    devices = (value(bootargs, "console") or "dtuart").split(",")
    if not any(device.startswith("dtuart") for device in devices):  # console_has
        return f"console={value(bootargs, 'console')} of xen,xen-bootargs gives Xen no UART"
    named = (value(bootargs, "dtuart") or "").partition(":")[0]
    tree = platform.tree
    path = named if named.startswith("/") else tree.aliases.get(named, "")
    uart = tree.find(path) if named else platform.console
    if uart is None:
        where = f"dtuart={named}" if named else "stdout-path"
        return f"Xen has no console UART ({where} names none)"
    if not drives(release, uart):
        return f"Xen {release.version} does not drive its console's UART {uart.path}"
    return uart
