"""Findings about files: what Xen, libxl and the guest make of them.

``verdict`` says what Xen and xl refuse, ``guest`` what the guest lacks. ``linter`` asks both.
"""
