"""The command line: one module a command, no logic. Private.

Imports are lazy so that it starts fast, and so that Ctrl-C during one prints a line, and not a
traceback.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xenassign.cli.group import cli
else:

    def __getattr__(name):
        if name != "cli":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from xenassign.cli.group import cli

        return cli


__all__ = ["cli", "main"]


def main() -> None:
    """The entry point. An error is a line on stderr; the exit status is the error's."""
    try:
        from xenassign import process

        process.run(_command)
    except KeyboardInterrupt:  # there is no handler of signals yet
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)


def _command() -> None:
    import gc

    from xenassign.cli.group import run

    # A tree is hundreds of thousands of objects that stay until the end: looking for garbage among
    # them, again and again, takes half of the time of reading it.
    gc.disable()
    run()
