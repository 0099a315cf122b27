"""One domain on one board: ``decide()`` makes a :class:`~xenassign.plan.plan.DomainPlan`.

A plan knows its scope, not its outputs.
"""
