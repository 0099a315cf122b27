"""Xen's releases as data, and its rules: guest address space, IOMMUs, dom0, stage 2, xl.cfg."""
