"""Devicetree source: ``.dts`` text to a tree, with the place of every cell, as dtc reads it.

``reader`` is the entry point. Its steps: ``preprocessor`` (directives), ``lexer`` and ``syntax``
(text to statements), ``assembly`` (statements to one tree), ``dtc_checks`` (what dtc refuses).
``writer`` writes source.
"""
