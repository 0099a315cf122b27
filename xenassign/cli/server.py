"""``xenassign server``: the language server, which an editor starts."""

from __future__ import annotations

import sys

import click


@click.command("server")
def command() -> None:
    """Report the lint's findings in an editor while you type.

    The editor starts it, and they speak the Language Server Protocol on standard input and output.
    It reads partial device trees, boards, overlays (.dts, .dtso), dom.cfg and xenassign.toml. The
    host, the release and the routes are those of the xenassign.toml beside or above a file, else
    those of the editor's settings. Requires the extra: pip install 'xenassign[server]'.

    \b
    Example:
      xenassign server
    """
    from xenassign.errors import UsageError

    try:
        from xenassign.server.protocol import serve
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("pygls", "lsprotocol"):
            raise
        raise UsageError(
            f"the language server requires {package}; install it with `pip install"
            " 'xenassign[server]'`"
        ) from None
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal, and the language server talks to an editor; let the"
            " editor start it (docs/editors.md)"
        )
    serve()
