"""``xenassign explain``: the meaning of a finding, or of what Xen printed."""

from __future__ import annotations

import click

from xenassign.cli import printing
from xenassign.cli.options import include_option


@click.command("explain")
@click.argument("code", required=False)
@click.option(
    "--log",
    metavar="FILE",
    help="Explain what Xen, xl or a guest's Linux printed: the serial log, `xl dmesg`, the output"
    " of `xl create`; - for standard input.",
)
@click.option(
    "-c", "--config", metavar="FILE", help="With --log: the xenassign.toml of the guests."
)
@click.option("--host", metavar="HOST", help="With --log: the board, to name the nodes.")
@include_option
def command(
    code: str | None,
    log: str | None,
    config: str | None,
    host: str | None,
    include: tuple[str, ...],
) -> None:
    """Explain a finding: what it means, what Xen does, how to fix it. Without CODE: list all codes.

    With --log, each line of the log that reports a failure is shown with its rules, and with the
    node if a board is given. With -c, the plan of the guests says which rule it is, and the fix.
    Exit status 1: the log has no such line.

    \b
    Example:
      xenassign explain XA401
      xenassign explain --log serial.log -c xenassign.toml
      xl create dom.cfg 2>&1 | xenassign explain --log - --host board.dtb
    """
    from xenassign.errors import UsageError
    from xenassign.linting.catalogue import describe, find, rules

    if log is not None:
        if code is not None:
            raise UsageError("give CODE or --log, not both")
        _explain_log(log, config, host, include)
    elif config is not None or host is not None:
        raise UsageError("-c and --host require --log: the file with what Xen printed")
    elif code is None:
        printing.lines(f"{rule.code}  {rule.severity:7}  {rule.title}" for rule in rules())
    else:
        printing.document(f"{describe(find(code))}\n")


def _explain_log(log: str, config: str | None, host: str | None, include: tuple[str, ...]) -> None:
    from xenassign.host.load import read_file, read_host
    from xenassign.host.platform import read_platform
    from xenassign.linting.boot_log import causes, report
    from xenassign.outputs.hosts import generate_hosts
    from xenassign.request.command_line import read_system

    name = "standard input" if log == "-" else log
    data = read_file(log, name, "give the file with what Xen printed")
    reported = causes(data.decode(errors="backslashreplace"))
    platform = findings = None
    if config is not None:
        request, trees = read_system({}, host, (), config, include)
        platform, findings = read_platform(trees[0]), generate_hosts(trees, request).findings
    elif host is not None:
        platform = read_platform(read_host(host, include))
    printing.lines(report(name, reported, platform, findings))
    if not reported:
        printing.lines([f"{name}: no line reports a failure that has to do with assignment"])
        raise click.exceptions.Exit(1)
