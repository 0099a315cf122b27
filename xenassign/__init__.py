"""xenassign: device assignment on Xen on Arm made simple.

The packages, in the order in which data flows (a package imports those above it, never below):

* ``devicetree``: the format. Trees, blobs, sources, addresses, interrupts, phandle references.
* ``host``: what a board offers, as facts.
* ``xen``: what a Xen release accepts, as data.
* ``assign``: the decisions. Their result is one immutable ``DomainPlan``.
* ``render``: a ``DomainPlan`` to files.
* ``lint``: findings about files, with Xen's verdict.
* ``cli``: the commands.
"""

__version__ = "0.1.0"
