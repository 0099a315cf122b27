"""Xen's releases as data, and its rules: guest address space, IOMMUs, dom0, stage 2, xl.cfg.

A difference between releases is a field of ``Release``; no code compares versions. Private.
"""
