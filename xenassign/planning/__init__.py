"""One domain on one board: ``decide()`` returns a :class:`~xenassign.planning.plan.DomainPlan`.

A plan knows its scope, not its outputs. Private.
"""
