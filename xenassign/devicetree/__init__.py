"""The devicetree format: trees, blobs, sources, addresses, interrupts, phandle references.

Does not depend on Xen. The model is explained in :mod:`xenassign.devicetree.tree`. Sections are
those of the Devicetree Specification 0.4. The readers that docs/api.md lists are public.
"""
