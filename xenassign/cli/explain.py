"""``xenassign explain``: the meaning of a finding."""

from __future__ import annotations

import click

from xenassign.cli import printing


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain a finding: what it means, what Xen does, how to fix it. Without CODE: list all codes.

    \b
    Example:
      xenassign explain XA401
    """
    from xenassign.linting.catalogue import describe, find, rules

    if code is None:
        printing.lines(f"{rule.code}  {rule.severity:7}  {rule.title}" for rule in rules())
    else:
        printing.document(f"{describe(find(code))}\n")
