"""From the options of a command line to requests, with what they need of files and boards.

``given``: by ``Option.field`` (:mod:`xenassign.request.options`) the values of the options that the
user gave; what is not given is as in xenassign.toml, or has the default of ``Request``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError, UsageError
from xenassign.formats.xlcfg import XlConfig
from xenassign.host.load import read_host
from xenassign.host.running import dom0_tree
from xenassign.host.xl_info import xl_info_of
from xenassign.request.boot_request import (
    BOOTING,
    CHOSEN,
    EFI,
    HOST,
    PLACING,
    UBOOT,
    BootRequest,
    measured,
    parse_load,
)
from xenassign.request.options import DOMAIN
from xenassign.request.origin import Written
from xenassign.request.request import (
    Accepted,
    Request,
    parse_clock_rate,
    parse_map,
    parse_memory_region,
    parse_static_memory,
    routes_of,
)
from xenassign.request.system_request import ImageBuilderRequest, SystemRequest
from xenassign.xen.releases import DEFAULT, RELEASES, UPSTREAM, Release, release

if TYPE_CHECKING:
    from xenassign.host.clock_summary import ClockSummary
    from xenassign.host.regulator_summary import RegulatorSummary
    from xenassign.request.origin import Origin
    from xenassign.request.project import Project

# What reads files of the user's own is imported where one is given.

Given = Mapping[str, Any]

#: Lists whose first fitting entry counts, so that the command line's come first; of the other lists
#: it is the last.
_FIRST = frozenset({"maps", "clock_rates"})
_LISTS = frozenset({*_FIRST, "memory_regions", "forced", "shared", "controls"})
#: Fields that are equal in all domains of a system.
_OF_SYSTEM = frozenset({"release", "drivers", "xen_console"})


def read_system(
    given: Given,
    host: str | None,
    hosts: Sequence[str],
    config: str | None,
    include: Sequence[str] = (),
) -> tuple[SystemRequest, list[Tree]]:
    """The domains of a command line, and their boards. ``hosts``: more boards. ``include``: folders
    for the #include of their sources.

    Without ``config`` that is one domain. Otherwise it is the domains of that xenassign.toml, with
    the options of the command line in place of its values. Raises XenassignError.
    """
    more = [host, *hosts] if host is not None else [*hosts]
    if config is None:
        if host is None:
            raise UsageError("HOST is missing; give the board's device tree, or a file with -c")
        trees = [read_host(file, include) for file in more]
        return system_of_options(given, trees), trees
    for name, option in (("devices", "-d"), ("base", "--base-cfg")):
        if name in given:
            raise UsageError(f"{option} cannot be used with -c; set it for a domain in {config}")
    from xenassign.request.project import read_project

    project = read_project(Path(config))
    if host is None and not project.hosts:
        raise UsageError(f'{config}: has no host; write host = "board.dtb"')
    system_of_project(project, given)  # its mistakes come before those of the trees
    folders = (*include, *project.include)
    try:
        trees = [read_host(file, folders) for file in project.hosts] if host is None else []
    except InputError as error:
        raise InputError(f"{project.toml.where(('host',))}: host: {error}") from None
    trees += (read_host(file, folders) for file in more)
    return system_of_project(project, given, trees), trees


def system_of_project(project: Project, given: Given, trees: Sequence[Tree] = ()) -> SystemRequest:
    """The domains of a xenassign.toml with the options of a command line. Raises XenassignError.

    ``trees``: the boards, whose running Xen has the release if nothing states one.
    """
    system, fields = project.system, fields_of(given)
    of_file, flavour = system.domains[0].release, fields.pop("flavour", None)
    if "release" in fields or flavour is not None:
        version = fields.get("release", of_file).version
        fields["release"] = release(version, flavour or of_file.flavour)
    elif trees and "xen" not in project.toml.values:
        running = release_of(None, trees, of_file.flavour)
        system = with_options(system, {"release": running}, None)
    system = with_options(system, fields, given.get("name"))
    return with_boot(system, given, project.toml.file)


def system_of_options(given: Given, trees: Sequence[Tree]) -> SystemRequest:
    """The system of one domain, without a xenassign.toml. Raises XenassignError."""
    return with_boot(SystemRequest((read_request(given, trees),)), given, None)


def with_options(
    system: SystemRequest, fields: Mapping[str, Any], only: str | None
) -> SystemRequest:
    """The domains with the fields of a command line in place of the file's.

    ``fields``: of ``Request``. Of a list that both have, the entries of the command line win.
    ``only``: the name of the domain that they are for; None: all domains. Raises UsageError if no
    domain has that name, or a field is invalid.
    """
    names = [domain.name for domain in system.domains]
    if only is not None and only not in names:
        raise UsageError(f"--name {only}: no such domain; there are {', '.join(names)}")
    common = {name: value for name, value in fields.items() if name in _OF_SYSTEM}
    of_domain = {n: value for n, value in fields.items() if n not in (*_OF_SYSTEM, "name")}
    domains = []
    for domain in system.domains:
        options = {**common, **(of_domain if only in (None, domain.name) else {})}
        for name in _LISTS & options.keys():
            of_file, given = getattr(domain, name), _at(domain.origin, options[name])
            options[name] = (*given, *of_file) if name in _FIRST else (*of_file, *given)
        domains.append(replace(domain, **options))
    return replace(system, domains=tuple(domains))


def _at(origin: Origin | None, options: Iterable[Any]) -> tuple[Any, ...]:
    """Options of the command line, with the domain that they are for as their place."""
    return tuple(
        option if option.node is None else option._replace(node=Written(option.node, origin))
        for option in options
    )


def read_request(given: Given, trees: Sequence[Tree] = ()) -> Request:
    """One domain without a xenassign.toml. Raises XenassignError.

    With the live tree of dom0 on every board the route is xl, unless one is given: dom0less domains
    cannot be checked against dom0's tree.
    """
    fields = fields_of({"devices": (), "routes": (), **given})
    has_route = any(given.get(name) for name in ("routes", "static_memory", "direct_map"))
    if trees and not has_route and None not in map(dom0_tree, trees):
        fields["routes"] = ("xl",)
    flavour = fields.pop("flavour", UPSTREAM)
    fields["release"] = release_of(given.get("release"), trees, flavour)
    base = fields.pop("base", None)
    if base is None:
        return Request(**fields)
    from xenassign.request import base_cfg

    return base_cfg.request(base, **fields)


def release_of(version: str | None, trees: Sequence[Tree], flavour: str = UPSTREAM) -> Release:
    """The release of a version; if none is given, the one that the boards run.

    It made dom0's trees, or ``xl info`` was read with them. Raises UsageError for an unknown
    version or flavour.
    """
    if version is not None:
        return release(version, flavour)
    versions = set(map(_running_release, trees))
    running = versions.pop() if len(versions) == 1 else None
    return release(running or DEFAULT, flavour)


def _running_release(tree: Tree) -> str | None:
    """The release that runs on a board, if its tree tells, and it is known."""
    dom0, xen = dom0_tree(tree), xl_info_of(tree)
    versions = xen.versions if xen is not None else ()
    if not versions and dom0 is not None and dom0.xen is not None:
        versions = (dom0.xen,)
    branch = versions[-1] if versions else None
    return versions[0] if branch in RELEASES else None


def driver_set(drivers: Sequence[str]) -> frozenset[str] | None:
    """The IOMMU drivers of --iommu-driver; None for all drivers of the release."""
    return frozenset(drivers) or None


def _clock_summary(path: str) -> ClockSummary:
    from xenassign.host.clock_summary import read_clock_summary

    return read_clock_summary(path)


def _regulator_summary(path: str) -> RegulatorSummary:
    from xenassign.host.regulator_summary import read_regulator_summary

    return read_regulator_summary(path)


def fields_of(given: Given) -> dict[str, Any]:
    """The fields of ``Request`` that the given options set. Raises XenassignError."""
    static = bool(given.get("static_memory") or given.get("direct_map"))
    readers: dict[str, Callable[[Any], Any]] = {
        "base": _base,
        "release": release,
        "routes": lambda named: routes_of(named, dom0less_only=static),
        "maps": lambda texts: tuple(map(parse_map, texts)),
        "clock_rates": lambda texts: tuple(map(parse_clock_rate, texts)),
        "memory_regions": lambda texts: tuple(map(parse_memory_region, texts)),
        "clock_summary": _clock_summary,
        "regulator_summary": _regulator_summary,
        "static_memory": lambda texts: tuple(map(parse_static_memory, texts)),
        "drivers": driver_set,
        "forced": lambda paths: tuple(map(Accepted, paths)),
        "shared": lambda paths: tuple(map(Accepted, paths)),
        "controls": lambda paths: tuple(map(Accepted, paths)),
    }
    values = {option.field: given.get(option.field) for option in DOMAIN}
    return {
        name: readers[name](value) if name in readers else value
        for name, value in values.items()
        if value is not None
    }


def _base(path: str) -> XlConfig:
    from xenassign.request import short_form

    return short_form.read_file(path)


def with_boot(system: SystemRequest, given: Given, config: str | None) -> SystemRequest:
    """The request with the options about how it boots. Raises XenassignError.

    ``config``: the xenassign.toml; its file names are relative to it.
    """
    if given.get("chosen") and given.get("host_out") is None:
        raise UsageError("--chosen has no effect without --host-out FILE")
    outputs = {
        HOST: given.get("host_out") is not None,
        CHOSEN: given.get("chosen"),
        UBOOT: given.get("uboot_script"),
        EFI: given.get("efi"),
    }
    of_options = BootRequest(
        frozenset(name for name, requested in outputs.items() if requested),
        tuple(map(parse_load, given.get("loads", ()))),
        given.get("load_with"),
        given.get("xen_bootargs"),
        given.get("dom0_bootargs"),
    )
    _check_boot(of_options)
    whole = system.boot.overridden_by(of_options)
    later = whole.load_with is not None or not whole.outputs & PLACING
    loads = measured(of_options.loads, Path(), later=later)
    # The loads of the file have no effect on other outputs.
    if config is not None and whole.outputs & BOOTING:
        of_file = [load for load in whole.loads if load not in of_options.loads]
        loads += measured(of_file, Path(config).parent, later=later)
    boot = replace(whole, loads=loads)
    zephyr = bool(given.get("zephyr"))
    return replace(system, boot=boot, imagebuilder=_imagebuilder(given), zephyr=zephyr)


def _check_boot(boot: BootRequest) -> None:
    """Raises UsageError for an option that has no effect on the requested outputs."""
    if boot.load_with is not None and UBOOT not in boot.outputs:
        raise UsageError("--load-with has no effect without --uboot-script")
    for option, value in (
        ("--xen-bootargs", boot.xen_bootargs),
        ("--dom0-bootargs", boot.dom0_bootargs),
    ):
        if value is not None and not boot.outputs & BOOTING:
            raise UsageError(f"{option} has no effect without --uboot-script, --chosen or --efi")


def _imagebuilder(given: Given) -> ImageBuilderRequest | None:
    """The request for ImageBuilder, or None. Raises InputError."""
    base = given.get("imagebuilder_base")
    if base is None:
        return ImageBuilderRequest(None) if given.get("imagebuilder") else None
    from xenassign.formats.imagebuilder_cfg import read_file

    return ImageBuilderRequest(read_file(base))
