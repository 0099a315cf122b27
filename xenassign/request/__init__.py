"""Requests: options and xenassign.toml, checked for form, with names looked up on a board.

Whether Xen accepts a request is not decided here. Private.
"""
