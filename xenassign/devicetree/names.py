"""The characters of names: those of the Devicetree Specification, as far as dtc compiles them.

The 2672 trees of Debian's kernels for arm64 (1023 in trixie, 1649 in forky) use fewer: letters,
digits and ``, _ - @`` in names of nodes, letters, digits and ``# , . _ -`` in names of properties.
So every other character is refused when a tree is read, by each reader: no program to which a name
is passed on (a shell, U-Boot, a terminal) finds a character in it that it interprets.
"""

from __future__ import annotations

import re

#: Section 2.2.1, and dtc's checks node_name_chars and node_name_format: at most one ``@``.
NODE_NAME = re.compile(r"(?=.)[A-Za-z0-9,._+-]*(?:@[A-Za-z0-9,._+-]*)?")
#: Section 2.2.4.1, and ``*``, which dtc's check property_name_chars accepts.
PROPERTY_NAME = re.compile(r"[A-Za-z0-9,._+*#?-]+")
#: A label, as dtc's lexer reads it.
LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Characters of a name. Nobody keeps to the limit of 31 of sections 2.2.1 and 2.2.4; this one keeps
#: hostile blobs small.
MAX_LENGTH = 255

NODE_RULE = "use letters, digits and , . _ + - with at most one @"
PROPERTY_RULE = "use letters, digits and , . _ + - ? #"
