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

#: What can be wrong with any partial tree, in the order in which it is said.
CHECKS: tuple[Check, ...] = (
    *tree_form.CHECKS,
    *pages.CHECKS,
    *interrupts.CHECKS,
    *protection.CHECKS,
    *phandles.CHECKS,
    *firmware.CHECKS,
)
#: What ``generate`` decides, and says, before there is a tree: asked of trees made by hand. These
#: look at the whole host.
JUDGEMENTS: tuple[Check, ...] = (
    *pages.JUDGEMENTS,
    *protection.JUDGEMENTS,
    *reach.JUDGEMENTS,
)


def check(view: View, *, decided: bool = False) -> Iterator[Finding]:
    """What becomes of an accepted partial device tree in the guest.

    ``decided``: the tree was made of a plan, whose findings are told already.
    """
    for rule_of in CHECKS if decided else (*CHECKS, *JUDGEMENTS):
        yield from rule_of(view)
