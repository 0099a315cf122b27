"""What a plan means to the user: the verdict on each device of a board, and what to try.

``remedies`` is the table from findings to changes of the request, ``change`` applies them to
options, ``toml_change`` to a xenassign.toml. ``search`` combines them: for a device alone
(``verdict``, which ``assess`` asks about each device of a board), and for a system (``advise``).
The command line renders what they find. Private.
"""
