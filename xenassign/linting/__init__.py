"""Findings about files: whether Xen and libxl accept them, and what the guest lacks. Private.

``verdict`` has the rules about what Xen and xl refuse, ``guest`` those about what the guest lacks;
``linter`` applies both. No plan is used here: files are judged by their bytes.
"""
