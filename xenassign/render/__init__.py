"""A ``DomainPlan`` to files. Decides nothing: what it writes stands in the plan."""
