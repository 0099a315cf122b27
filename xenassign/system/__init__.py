"""Several domains and several boards: conflicts, common addresses, differences, the lock."""
