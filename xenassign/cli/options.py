"""click's options, made of the tables of :mod:`xenassign.request.options`; and some of commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from xenassign.request.options import (
    BOOT,
    COMPLETED,
    DOMAIN,
    INCLUDE,
    IOMMU_DRIVER,
    XEN,
    Option,
)

F = Callable[..., Any]

host_argument = click.argument("host", metavar="HOST")


class _Size(click.types.IntParamType):
    """MiB as an integer of ``least`` or more, or a number with a unit."""

    name = "size"

    def __init__(self, least: int | None) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from xenassign.request.units import mebibytes

        size = mebibytes(value) if isinstance(value, str) else value
        if size is None and re.fullmatch(r"[+-]?[0-9]+", value):
            size = int(value)
        if size is None:
            self.fail(f"{value!r} is not a whole number of MiB, as 512, 512M or 4G", param, ctx)
        if self._least is not None and size < self._least:
            self.fail(f"{value} is less than {self._least} MiB", param, ctx)
        return int(size)


def _option(option: Option) -> Callable[[F], F]:
    """click's decorator for an option of a table."""
    flags = option.flags if isinstance(option.flags, tuple) else (option.flags,)
    kind: Any = int if option.number else None
    if option.size:
        kind = _Size(option.least)
    if option.choices:
        kind = click.Choice(option.choices)
    elif option.least is not None and not option.size:
        kind = click.IntRange(min=option.least)
    return click.option(
        *flags,
        option.field,
        metavar=option.metavar,
        type=kind,
        multiple=option.repeated,
        is_flag=option.metavar is None and not option.choices,
        default=option.default,
        show_default=option.default is not None,
        help=option.help,
    )


def all_of(table: Sequence[Option]) -> Callable[[F], F]:
    """A decorator that adds the options of a table, in its order."""
    decorators = [_option(option) for option in table]

    def add(command: F) -> F:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return add


xen_option, driver_option = _option(XEN), _option(IOMMU_DRIVER)
include_option = _option(INCLUDE)
request_options, boot_options, completed_options = map(all_of, (DOMAIN, BOOT, COMPLETED))

config_option = click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="A xenassign.toml with boards and domains. Other options override the file, for all of its"
    " domains or for the one that --name selects.",
)

lock_option = click.option(
    "--lock",
    metavar="FILE",
    help="The file that keeps the decisions.  [default: with -c and its boards, that file with"
    " .lock for .toml; otherwise none]",
)


def report_options(command: F) -> F:
    """Adds what is shown of the findings, and what refuses."""
    for option in (
        click.option(
            "--strict", is_flag=True, help="Refuse with warnings too, unless they are ignored."
        ),
        click.option(
            "--ignore",
            multiple=True,
            metavar="CODE",
            help="Do not report these warnings and notes: codes or prefixes of codes.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            help="List every warning and note, every file, and every change since the lock.",
        ),
    ):
        command = option(command)
    return command


def board_options(command: F) -> F:
    """Adds what gives the boards: HOST, --host for more, or -c with a xenassign.toml."""
    for option in (
        click.option(
            "--host",
            "hosts",
            multiple=True,
            metavar="FILE",
            help="One more board that the plan must be valid on: a revision, or a board that the"
            " guest may be moved to. Repeat it.",
        ),
        include_option,
        config_option,
        click.argument("host", metavar="[HOST]", required=False),
    ):
        command = option(command)
    return command


def given_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the options that the command line gives, without defaults."""
    context = click.get_current_context()
    return {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
