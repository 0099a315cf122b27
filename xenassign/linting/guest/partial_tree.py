"""All rules about a partial device tree that Xen accepts, but that does not work in the guest.

They are in modules by subject, each a function of a :class:`~xenassign.linting.guest.view.View`.
The rules about what Xen and libxl refuse are in :mod:`xenassign.linting.verdict.dom0less` and
:mod:`xenassign.linting.verdict.domcfg`.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.findings import Finding
from xenassign.linting.guest import (
    interrupts,
    normal_mappings,
    pages,
    phandles,
    protection,
    requirements,
    scmi,
    tree_form,
)
from xenassign.linting.guest.view import Check, View

#: In the order in which the findings are reported. Those that also apply to plans call the same
#: functions of ``checks``.
CHECKS: tuple[Check, ...] = (
    *tree_form.CHECKS,
    *pages.CHECKS,
    *normal_mappings.CHECKS,
    *interrupts.CHECKS,
    *protection.CHECKS,
    *phandles.CHECKS,
    *scmi.CHECKS,
    *requirements.CHECKS,
    pages.pages_shared,
    protection.forced,
    protection.streams,
)


def check(view: View) -> Iterator[Finding]:
    """Findings about an accepted partial device tree."""
    for rule_check in (*CHECKS, *(_host_checks() if view.board is not None else ())):
        yield from rule_check(view)


def _host_checks() -> tuple[Check, ...]:
    """The checks that read the whole host tree: a lint without one does not import them."""
    from xenassign.linting.guest import machine_control, mapped_devices, reach

    return (*machine_control.CHECKS, *mapped_devices.CHECKS, *reach.CHECKS)
