"""The devicetree format: trees, blobs, sources, addresses, interrupts, phandle references.

Knows nothing of Xen. The model is explained in :mod:`xenassign.devicetree.tree`; where the
Devicetree Specification is meant, version 0.4 is.
"""
