"""The errors of xenassign: one base class, one exit status each.

A line is ``FILE[:LINE:COL]: problem; fix``. The command line prints each after ``error:`` and exits
with ``exit_status``; a library user catches :class:`XenassignError`.
"""

from __future__ import annotations


class XenassignError(Exception):
    """Base of every error that xenassign raises on purpose. Its arguments are its lines."""

    #: 1: the answer to the question is negative. 2: the question could not be read.
    exit_status = 2

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)


class UsageError(XenassignError):
    """An option, a name or a value that is invalid. Wrong names are reported together."""


class OptionError(UsageError):
    """A value of an option of a domain that is invalid; ``text`` follows the option's name.

    ``option``: as on the command line, with its dashes. The key of xenassign.toml has the same
    name, by which the reader of that file finds its place.
    """

    def __init__(self, option: str, text: str) -> None:
        super().__init__(f"{option} {text}")
        self.option = option


class ContradictionError(XenassignError):
    """Inputs that contradict each other. The line has the places of both."""

    exit_status = 1


class InputError(XenassignError):
    """A file that is missing, unreadable or malformed."""


class NothingToJudgeError(InputError):
    """Files that can be read, in which there is nothing that Xen or xl reads for a guest."""


class OutputError(XenassignError):
    """Files that cannot be written."""


def reason_of(error: Exception) -> str:
    """The text of an OSError, or of a ValueError for a NUL in a file name."""
    return getattr(error, "strerror", None) or str(error)
