"""xenassign.toml: the domains of a whole system, read for form.

Names of nodes stay text with its place in the file (:mod:`xenassign.request.origin`); they are
looked up on the board later. The keys are in :mod:`xenassign.request.keys`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

from xenassign.errors import InputError, UsageError
from xenassign.formats.toml_text import KeyPath, TomlFile, as_list, read_toml
from xenassign.host.clock_summary import read_clock_summary
from xenassign.host.regulator_summary import read_regulator_summary
from xenassign.request import base_cfg, demands, sci_section, short_form
from xenassign.request.added_nodes import added_nodes
from xenassign.request.boot_request import BootRequest, load_option
from xenassign.request.device_keys import device_mistakes, device_options, device_tables
from xenassign.request.keys.domain_section import DOMAIN
from xenassign.request.keys.mistakes import Mistake, mistakes, sentence
from xenassign.request.keys.whole_file import BOOT, FORMAT, TOP
from xenassign.request.node_request import called_domains, node_request
from xenassign.request.origin import Origin, Written, located, stop
from xenassign.request.request import (
    Request,
    parse_static_memory,
    routes_of,
)
from xenassign.request.system_request import Allowance, CpuPool, SystemRequest
from xenassign.request.units import mebibytes
from xenassign.xen.releases import DEFAULT, UPSTREAM, release


class Project(NamedTuple):
    """A xenassign.toml. ``hosts``: the boards' device trees, relative to the current folder, as
    ``include``, the folders for the #include of their sources.
    """

    toml: TomlFile
    hosts: tuple[str, ...]
    system: SystemRequest
    include: tuple[str, ...] = ()


#: What a xenassign.toml is, for the error of one that cannot be read.
PURPOSE = "a file with [[domain]] tables: `xenassign init` writes one"

#: Keys that xl has nothing for.
_OF_DOM0LESS = ("static-memory", "direct-map", "shared-memory")
#: Keys of which a domain has one at least.
_GIVING = ("device", "line", "page", "shared-memory", "event-channel")
_DEVICE = next(key for key in DOMAIN.keys if key.name == "device")


def read_project(path: Path) -> Project:
    """Reads a xenassign.toml. Raises InputError and UsageError with line and key."""
    return project_of(read_toml(path, PURPOSE))


def project_of(toml: TomlFile) -> Project:
    """The project of a text, whose file names are relative to its file. Raises as above."""
    number = toml.values.get("format", FORMAT)
    if isinstance(number, int) and number > FORMAT:
        text = f"format {number} is that of a later xenassign; update xenassign"
        raise InputError(f"{toml.where(('format',))}: {text}, or write format = {FORMAT}")
    wrong = list(mistakes(TOP, toml.values)) or list(_mistakes(toml.values))
    if wrong:
        raise InputError(*(sentence(toml, mistake) for mistake in wrong))
    top, folder = toml.values, Path(toml.file).parent
    whole = Origin(toml, ())
    domains = []
    for index, domain in enumerate(top["domain"]):
        origin = whole.below("domain", index)._replace(about=f"domain {domain['name']!r}")
        domains.append(_request(top, domain, folder, origin))
    allowances = tuple(
        _allowance(allow, whole.below("allow", index))
        for index, allow in enumerate(top.get("allow", ()))
    )
    pools = tuple(_pools(top, whole))
    try:
        demanded = tuple(demands.demands(top, whole))
        system = SystemRequest(
            tuple(domains), allowances, _boot(toml), demands=demanded, pools=pools
        )
    except UsageError as error:
        raise UsageError(f"{toml.file}: {error}") from None
    hosts = tuple(str(folder / name) for name in as_list(top.get("host")))
    include = tuple(str(folder / name) for name in as_list(top.get("include")))
    return Project(toml, hosts, system, include)


def _pools(top: dict[str, Any], origin: Origin) -> Iterator[CpuPool]:
    """The pools of [[cpu-pool]]. Raises UsageError for two of one name."""
    names = set[str]()
    for index, table in enumerate(top.get("cpu-pool", ())):
        name = Written(table["name"], origin.below("cpu-pool", index, "name"))
        if name in names:
            stop(name, f"two pools have the name {name}; give each a unique name")
        names.add(name)
        yield CpuPool(name, table["cpus"], table.get("scheduler"))


def _boot(toml: TomlFile) -> BootRequest:
    """The values of [boot], and of ``load`` of the domains. Raises InputError with line and key."""
    boot = toml.values.get("boot", {})
    tables: list[tuple[KeyPath, str | None, dict[str, str]]] = [
        (("boot", "load"), None, boot.get("load", {}))
    ]
    for index, domain in enumerate(toml.values["domain"]):
        tables.append((("domain", index, "load"), domain["name"], domain.get("load", {})))
    loads = []
    for at, name, table in tables:
        for image, where in table.items():
            try:
                loads.append(load_option(image, name, where))
            except UsageError as error:
                raise InputError(f"{toml.where((*at, image))}: {error}") from None
    return BootRequest(
        loads=tuple(loads),
        **{key.field: boot[key.name] for key in BOOT.keys if key.field and key.name in boot},
    )


def _mistakes(values: dict[str, Any]) -> Iterator[Mistake]:
    """What is wrong in the file that depends on several values, each of which is valid."""
    if not values.get("domain"):
        yield Mistake((), "there is no domain; write [[domain]] with its name and device")
        return
    names: dict[str, str] = {}
    called = called_domains(values["domain"])
    for index, domain in enumerate(values["domain"]):
        at: KeyPath = ("domain", index)
        who = f"domain {domain['name']!r}"
        other = names.get(domain["name"].lower())
        if other is not None:
            same = f"on FAT, which ignores case, its files would replace those of {other!r}"
            why = "another domain has this name" if other == domain["name"] else same
            yield Mistake((*at, "name"), f"{who}: {why}; give each a unique name")
        names[domain["name"].lower()] = domain["name"]
        if not any(domain.get(name) for name in _GIVING) and domain["name"] not in called:
            yield Mistake(at, f"{who}: [[domain]] has no device; {_DEVICE.hint}")
        paths: set[str] = set()
        for number, device in enumerate(domain.get("device", ())):
            path = device["path"] if isinstance(device, dict) else device
            for wrong in device_mistakes(device, paths):
                text = f"{who}, device {path!r}: {wrong.text}"
                yield Mistake((*at, "device", number, *wrong.at), text)
            paths.add(path)
    yield from starmap(Mistake, demands.mistakes(values))


def _allowance(allow: dict[str, Any], origin: Origin) -> Allowance:
    nodes = allow["nodes"]
    places = [origin.below("nodes", index) for index in range(len(as_list(nodes)))]
    named = tuple(map(Written, as_list(nodes), places))
    return Allowance(Written(allow["code"], origin.below("code")), named, allow["reason"])


def _request(top: dict[str, Any], domain: dict[str, Any], folder: Path, origin: Origin) -> Request:
    """The request of one domain. Raises UsageError for a value, InputError for its dom.cfg."""
    devices = device_tables(domain, origin)
    routes = as_list(domain.get("route", top.get("route")))
    options: dict[str, Any] = {
        key.field: _frozen(domain[key.name])
        for key in DOMAIN.keys
        if key.field is not None and key.name in domain
    }
    memory = domain.get("memory")
    if memory is not None:
        options["memory"] = memory if isinstance(memory, int) else mebibytes(memory)
    called = domain["name"] in called_domains(top["domain"])
    options["node"] = node_request(domain, origin, called=called)
    if "static-memory" in domain:
        options["static_memory"] = tuple(map(_bank, domain["static-memory"]))
    base, console = domain.get("base-cfg"), top.get("xen-console")
    console_at = Origin(origin.toml, ("xen-console",))
    with located(Origin(origin.toml, ("xen-flavour",))):
        options["release"] = release(top.get("xen", DEFAULT), top.get("xen-flavour", UPSTREAM))
    options.update(
        devices=tuple(device.path for device in devices),
        routes=routes_of(routes, any(domain.get(name) for name in _OF_DOM0LESS)),
        xen_console=Written(console, console_at) if console is not None else None,
        drivers=frozenset(as_list(top.get("iommu-driver"))) or None,
        **device_options(domain, devices, origin),
        added=tuple(added_nodes(domain, origin)),
        agents=sci_section.agents_of(top, Origin(origin.toml, ())),
        permissions=sci_section.permissions(domain),
        origin=origin,
    )
    if "clock-summary" in top:
        options["clock_summary"] = read_clock_summary(str(folder / top["clock-summary"]))
    if "regulator-summary" in top:
        voltages = read_regulator_summary(str(folder / top["regulator-summary"]))
        options["regulator_summary"] = voltages
    config = short_form.read_file(str(folder / base)) if base is not None else None
    with located(origin):
        return base_cfg.request(config, **options)


def _bank(bank: str | list[int]) -> tuple[int, int]:
    return parse_static_memory(bank) if isinstance(bank, str) else (bank[0], bank[1])


def _frozen(value: Any) -> Any:
    """A value with tuples instead of lists, since a request is immutable."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
