"""Files made from finished plans: for each output ``decide``, ``write`` and ``check``. Private.

``check`` reads the bytes that ``write`` returned. :mod:`xenassign.outputs.generated` has the list.
"""
