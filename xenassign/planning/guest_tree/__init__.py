"""The partial device tree of a plan: nodes, rewritten references, stand-ins for suppliers."""
