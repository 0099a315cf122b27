"""Judgements about devices in a guest: pages, interrupts, IOMMU, DMA, MSI, static memory.

Plans and the lint ask them alike. Nothing here chooses an address or writes a tree. Private.
"""
