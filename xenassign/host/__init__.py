"""What a board offers, as facts read from its device tree. Decides nothing. Private.

Facts about hardware that a tree does not state are tables of knowledge/, read here.
"""
