"""Files made of finished plans. A folder an output: ``decide``, ``write`` and ``check``. Private.

``check`` reads the bytes that ``write`` made. :mod:`xenassign.outputs.generated` has the list.
"""
