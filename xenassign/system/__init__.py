"""Several domains and several boards: conflicts, common addresses, differences, the lock. Private.

A domain by itself is decided in :mod:`xenassign.planning`.
"""
