"""Text formats other than the devicetree's, with the place of every value, and their edits.

xl.cfg as libxlutil reads it, ImageBuilder's configuration as bash reads it, TOML. The meaning of
the values for Xen is in :mod:`xenassign.xen`, that for users in :mod:`xenassign.request`. Private.
"""
