"""Text formats other than the devicetree's, with the place of every value, and their edits.

xl.cfg as libxlutil reads it, ImageBuilder's configuration as bash reads it, TOML. What the values
mean to Xen is said in :mod:`xenassign.xen`, what a user may ask with them elsewhere.
"""
