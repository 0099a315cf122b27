"""Findings about files: what Xen and libxl make of a partial device tree and a dom.cfg.

Today it checks what ``generate`` wrote, re-read from the bytes to be written. Rules are grouped by
subject: ``partial`` (the partial device tree), ``domcfg`` (the xl configuration), ``cross`` (both
against each other).
"""
