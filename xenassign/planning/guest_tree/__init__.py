"""The partial device tree of a plan: nodes, rewritten references, stubs for suppliers."""
