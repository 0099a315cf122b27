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
    machine_control,
    mapped_devices,
    pages,
    phandles,
    protection,
    reach,
    requirements,
    scmi,
    tree_form,
)
from xenassign.linting.guest.view import Check, View

#: In the order in which the findings are reported. Those that also apply to plans call the same
#: functions of ``checks``; the last ones read the whole host tree.
CHECKS: tuple[Check, ...] = (
    *tree_form.CHECKS,
    *pages.CHECKS,
    *interrupts.CHECKS,
    *protection.CHECKS,
    *phandles.CHECKS,
    *scmi.CHECKS,
    *requirements.CHECKS,
    pages.pages_shared,
    protection.forced,
    protection.streams,
    *machine_control.CHECKS,
    *mapped_devices.CHECKS,
    *reach.CHECKS,
)


def check(view: View) -> Iterator[Finding]:
    """Findings about an accepted partial device tree."""
    for rule_check in CHECKS:
        yield from rule_check(view)
