"""Rules about what becomes of a partial device tree in the guest: accepted, and yet of no use.

They are in modules by subject, each a small function of a
:class:`~xenassign.linting.guest.view.View`. What Xen and libxl refuse is in
:mod:`xenassign.linting.verdict.dom0less` and :mod:`xenassign.linting.verdict.domcfg`.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.findings import Finding
from xenassign.linting.guest import (
    firmware,
    interrupts,
    pages,
    phandles,
    protection,
    reach,
    tree_form,
)
from xenassign.linting.guest.view import Check, View

#: What can be wrong with a partial tree, in the order in which it is reported. What a plan decides
#: too (the last ones look at the whole host) is judged by the same functions of ``checks``.
CHECKS: tuple[Check, ...] = (
    *tree_form.CHECKS,
    *pages.CHECKS,
    *interrupts.CHECKS,
    *protection.CHECKS,
    *phandles.CHECKS,
    *firmware.CHECKS,
    pages.pages_shared,
    protection.forced,
    protection.protected,
    *reach.CHECKS,
)


def check(view: View) -> Iterator[Finding]:
    """What becomes of an accepted partial device tree in the guest."""
    for rule_of in CHECKS:
        yield from rule_of(view)
