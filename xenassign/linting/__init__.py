"""Findings about files: what Xen, libxl and the guest make of them. Private.

``verdict`` says what Xen and xl refuse, ``guest`` what the guest lacks. ``linter`` asks both.
Nothing here knows a plan: files are judged by their bytes.
"""
