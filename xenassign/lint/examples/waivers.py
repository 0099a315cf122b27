"""Examples of XA9: the lint itself."""

from __future__ import annotations

from xenassign.lint.examples import Example

EXAMPLES: dict[str, Example] = {
    "XA901": Example(
        "waived",
        right='owner = "lab 3"  # xenassign: allow XA601: a key of our own tool',
        wrong='owner = "lab 3"  # xenassign: allow XA601',
    ),
    "XA902": Example(
        "waived",
        right='owner = "lab 3"  # xenassign: allow XA601: a key of our own tool',
        wrong="maxvcpus = 4  # xenassign: allow XA601: a key of our own tool",
    ),
}
