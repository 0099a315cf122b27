"""Judgements about devices in a guest: pages, interrupts, IOMMU, DMA, MSI, static memory.

Both plans and the lint call them. Nothing here chooses an address or writes a tree. Private.
"""
