"""The decisions: from a request and the facts about a board to one immutable ``DomainPlan``.

:func:`xenassign.plan.decide.decide` is the entry; each module beside it decides one thing:
``select`` (which nodes), ``checks`` (what Xen keeps for itself, interrupts), ``addresses`` (pages
and where they go in the guest), ``protection`` (the IOMMU policy), ``suppliers`` (clocks, resets
and all other phandles), ``guest`` (the partial device tree).
"""
