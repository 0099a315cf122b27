"""xenassign.toml: the domains of a whole system, read for form.

Names of nodes stay text, which knows its place in the file (:mod:`xenassign.request.origin`); they
are looked up on the board later. The keys stand in :mod:`xenassign.request.keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from xenassign.devicetree.spans import Span
from xenassign.errors import InputError, OptionError, UsageError
from xenassign.formats.toml_text import KeyPath, TomlFile, read_toml
from xenassign.formats.xlcfg import read_file
from xenassign.request import base_cfg
from xenassign.request.boot_request import BootRequest, load_option
from xenassign.request.keys import BOOT, DOMAIN, TOP, Mistake, mistakes, sentence
from xenassign.request.origin import Origin, Written, mistake
from xenassign.request.property_edits import PropertyEdit, pieces, refusal
from xenassign.request.request import (
    NO_WINDOW,
    Accepted,
    ClockRate,
    MapOption,
    MemoryOption,
    Request,
    is_window,
    parse_clock_rate,
    routes_of,
)
from xenassign.request.system_request import Allowance, SystemRequest
from xenassign.request.value_kinds import as_list
from xenassign.xen.releases import DEFAULT, release

NAME = "xenassign.toml"

#: Options of a device that a pattern may have, which stands for several.
_OF_MANY = ("path", "set", "drop")


@dataclass(frozen=True, slots=True)
class Project:
    """A file that was read. ``hosts``: the boards' device trees, none where the file names none."""

    toml: TomlFile
    hosts: tuple[str, ...]
    system: SystemRequest


#: Options of which the command line's come first; of others the last counts.
_FIRST = frozenset({"maps", "clock_rates"})
_LISTS = frozenset({*_FIRST, "memory_regions", "forced", "shared"})
#: What a system has but once.
_OF_ALL = frozenset({"release", "drivers", "xen_console"})


def with_options(
    system: SystemRequest, fields: Mapping[str, Any], only: str | None
) -> SystemRequest:
    """The domains with what a command line says in place of the file's.

    ``fields`` of a request; where the file and the command line both have a list, the command
    line's entries win. ``only``: the name of the domain that they are for; else they are for all.
    Raises UsageError where no domain is of that name, or what is asked for cannot be meant.
    """
    names = [one.name for one in system.domains]
    if only is not None and only not in names:
        raise UsageError(f"--name {only}: no such domain; there are {', '.join(names)}")
    own = {name: value for name, value in fields.items() if name not in (*_OF_ALL, "name")}
    common = {name: value for name, value in fields.items() if name in _OF_ALL}
    domains = []
    for one in system.domains:
        options = {**common, **(own if only in (None, one.name) else {})}
        for name in _LISTS & options.keys():
            said, asked = getattr(one, name), _at(one.origin, options[name])
            options[name] = (*asked, *said) if name in _FIRST else (*said, *asked)
        domains.append(replace(one, **options))
    return replace(system, domains=tuple(domains))


@contextmanager
def _located(origin: Origin) -> Iterator[None]:
    """Gives errors about an option the place of its key in the domain, others the domain's."""
    try:
        yield
    except OptionError as error:
        at = origin.below(error.option.removeprefix("--"))
        raise UsageError(at.line(str(error))) from None
    except UsageError as error:
        raise UsageError(origin.line(str(error))) from None


def _at(origin: Origin | None, options: Iterable[Any]) -> tuple[Any, ...]:
    """Options of the command line, which for errors are at the domain that they are for."""
    return tuple(
        one if one.node is None else one._replace(node=Written(one.node, origin)) for one in options
    )


def read_project(path: Path) -> Project:
    """Reads a file. Raises InputError and UsageError with line and key."""
    toml = read_toml(path, "a file with [[domain]] tables")
    for wrong in _mistakes(toml.values):
        raise InputError(sentence(toml, wrong))
    top, folder = toml.values, path.parent
    whole = Origin(toml, ())
    domains = []
    for index, domain in enumerate(top["domain"]):
        origin = whole.below("domain", index)._replace(about=f"domain {domain['name']!r}")
        domains.append(_request(top, domain, folder, origin))
    allowances = tuple(
        _allowance(one, whole.below("allow", index))
        for index, one in enumerate(top.get("allow", ()))
    )
    try:
        system = SystemRequest(tuple(domains), allowances, _boot(toml))
    except UsageError as error:
        raise UsageError(f"{toml.file}: {error}") from None
    hosts = tuple(str(folder / name) for name in as_list(top.get("host")))
    return Project(toml, hosts, system)


def _boot(toml: TomlFile) -> BootRequest:
    """What [boot] and the load keys of the domains say. Raises InputError with line and key."""
    boot = toml.values.get("boot", {})
    loads: list[tuple[KeyPath, str | None, dict[str, str]]] = [
        (("boot", "load"), None, boot.get("load", {}))
    ]
    for index, domain in enumerate(toml.values["domain"]):
        loads.append((("domain", index, "load"), domain["name"], domain.get("load", {})))
    made = []
    for at, name, said in loads:
        for what, where in said.items():
            try:
                made.append(load_option(what, name, where))
            except UsageError as error:
                raise InputError(f"{toml.where((*at, what))}: {error}") from None
    return BootRequest(
        loads=tuple(made),
        **{key.field: boot[key.name] for key in BOOT.keys if key.field and key.name in boot},
    )


def _mistakes(values: dict[str, Any]) -> Iterator[Mistake]:
    """What is wrong in the file, beside what the kinds of its values tell."""
    yield from mistakes(TOP, values)
    if not values.get("domain"):
        yield Mistake((), "there is no domain; write [[domain]] with its name and device")
    names: dict[str, str] = {}
    for index, domain in enumerate(values["domain"]):
        at: KeyPath = ("domain", index)
        who = f"domain {domain['name']!r}"
        other = names.get(domain["name"].lower())
        if other is not None:
            same = f"on FAT its files and those of {other!r} are the same, for case does not count"
            what = "there are two" if other == domain["name"] else same
            yield Mistake((*at, "name"), f"{who}: {what}; give each a name of its own")
        names[domain["name"].lower()] = domain["name"]
        paths: set[str] = set()
        for number, device in enumerate(domain["device"]):
            path = device["path"] if isinstance(device, dict) else device
            for wrong in _device_mistakes(device, paths):
                text = f"{who}, device {path!r}: {wrong.text}"
                yield Mistake((*at, "device", number, *wrong.at), text)
            paths.add(path)


def _device_mistakes(device: dict[str, Any] | str, others: set[str]) -> Iterator[Mistake]:
    """What is wrong in a device. ``others``: the paths of those before it."""
    path = device["path"] if isinstance(device, dict) else device
    if path in others:
        at = ("path",) if isinstance(device, dict) else ()
        yield Mistake(at, f"{path} is named twice; name each device once")
    if isinstance(device, dict):
        yield from _option_mistakes(device)


def _option_mistakes(device: dict[str, Any]) -> Iterator[Mistake]:
    if any(char in device["path"] for char in "*?["):
        for key in device:
            if key not in _OF_MANY:
                what = f"{key} is for one device, and path is a pattern; name the device"
                yield Mistake((key,), what)
    names = [("set", name) for name in device.get("set", ())]
    for verb, name in [*names, *(("drop", name) for name in as_list(device.get("drop")))]:
        why = refusal(name, sets=verb == "set")
        at: KeyPath = (verb, name) if verb == "set" else (verb,)
        if why is not None:
            yield Mistake(at, f"{verb}: {name} cannot be edited: {why}")
        elif verb == "drop" and ("set", name) in names:
            yield Mistake(at, f"{verb}: {name} is in set too; set it or drop it")


class _Device(NamedTuple):
    """A device of a domain: its path, where that is written, its options and where they are."""

    path: Written
    options: dict[str, Any]
    origin: Origin

    def named(self, *keys: str | int) -> Written:
        """The path, for errors about one of its options."""
        return Written(self.path, self.origin.below(*keys))


def _devices(domain: dict[str, Any], origin: Origin) -> list[_Device]:
    made = []
    for index, one in enumerate(domain["device"]):
        at = origin.below("device", index)
        options = one if isinstance(one, dict) else {"path": one}
        path = Written(options["path"], at.below("path") if isinstance(one, dict) else at)
        about = f"{origin.about}, device {options['path']!r}"
        made.append(_Device(path, options, at._replace(about=about)))
    return made


def _allowance(allow: dict[str, Any], origin: Origin) -> Allowance:
    nodes = allow["nodes"]
    places = [origin.below("nodes", index) for index in range(len(as_list(nodes)))]
    named = tuple(map(Written, as_list(nodes), places))
    return Allowance(Written(allow["code"], origin.below("code")), named, allow["reason"])


def _request(top: dict[str, Any], domain: dict[str, Any], folder: Path, origin: Origin) -> Request:
    """The request of one domain. Raises UsageError as for options, InputError for its dom.cfg."""
    devices = _devices(domain, origin)
    routes = as_list(domain.get("route", top.get("route")))
    options: dict[str, Any] = {
        key.field: _frozen(domain[key.name])
        for key in DOMAIN.keys
        if key.field is not None and key.name in domain
    }
    base, console = domain.get("base-cfg"), top.get("xen-console")
    of_all = Origin(origin.toml, ("xen-console",))
    options.update(
        devices=tuple(one.path for one in devices),
        release=release(top.get("xen", DEFAULT)),
        routes=routes_of(routes, bool(options.get("static_memory") or options.get("direct_map"))),
        xen_console=Written(console, of_all) if console is not None else None,
        drivers=frozenset(as_list(top.get("iommu-driver"))) or None,
        maps=tuple(_maps(domain, devices, origin)),
        forced=tuple(_forced(devices)),
        shared=tuple(_shared(devices)),
        clock_rates=tuple(_clock_rates(domain, devices, origin)),
        memory_regions=tuple(_memory_regions(domain, devices)),
        edits=tuple(_edits(devices)),
        origin=origin,
    )
    config = read_file(str(folder / base)) if base is not None else None
    with _located(origin):
        return base_cfg.request(config, **options)


def _frozen(value: Any) -> Any:
    """Lists as tuples, for a request does not change."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _maps(domain: dict[str, Any], devices: list[_Device], origin: Origin) -> Iterator[MapOption]:
    for device in devices:
        where = device.options.get("map")
        for index, target in enumerate(where if isinstance(where, list) else ()):
            named = device.named("map", index)
            yield MapOption(named, index, _target(target, named))
        if where is not None and not isinstance(where, list):
            named = device.named("map")
            yield MapOption(named, None, _target(where, named))
    if "map" in domain:
        yield MapOption(None, None, _target(domain["map"], Written("", origin.below("map"))))


def _target(where: int | str | dict[str, list[int]], of: Written) -> int | str | Span:
    """A place as ``MapOption`` has it. Raises UsageError for a window that is none.

    ``of``: the device that is placed, empty for all, with the place of the value.
    """
    if not isinstance(where, dict):
        return where
    base, end = where["window"]
    window = Span(base, end)
    if not is_window(window):
        raise UsageError(
            mistake("--map", of, NO_WINDOW, f"{' ' if of else ''}'window:{base:#x}-{end:#x}'")
        )
    return window


def _forced(devices: list[_Device]) -> Iterator[Accepted]:
    key = "force-assign-without-iommu"
    for device in devices:
        if key in device.options:
            yield Accepted(device.named(key), device.options[key])


def _shared(devices: list[_Device]) -> Iterator[Accepted]:
    key = "allow-shared-page"
    for device in devices:
        for node, reason in device.options.get(key, {}).items():
            yield Accepted(Written(node, device.origin.below(key, node)), reason)


def _clock_rates(
    domain: dict[str, Any], devices: list[_Device], origin: Origin
) -> Iterator[ClockRate]:
    key = "clock-rate"
    for device in devices:
        rate = device.options.get(key)
        if isinstance(rate, dict):
            for clock, one in rate.items():
                yield ClockRate(device.named(key, clock), clock, one)
        elif rate is not None:
            yield ClockRate(device.named(key), None, rate)
    for name, one in domain.get(key, {}).items():
        with _located(origin):
            option = parse_clock_rate(f"{name}={one}")
        yield option._replace(node=Written(option.node, origin.below(key, name)))


def _memory_regions(domain: dict[str, Any], devices: list[_Device]) -> Iterator[MemoryOption]:
    key = "memory-region"
    for device in devices:
        action = device.options.get(key)
        if isinstance(action, dict):
            for region, one in action.items():
                yield MemoryOption(Written(region, device.origin.below(key, region)), one)
        elif action is not None:
            yield MemoryOption(device.named(key), action)
    if key in domain:
        yield MemoryOption(None, domain[key])


def _edits(devices: list[_Device]) -> Iterator[PropertyEdit]:
    for device in devices:
        for name, value in device.options.get("set", {}).items():
            yield PropertyEdit(device.named("set", name), name, pieces(name, value))
        for name in as_list(device.options.get("drop")):
            yield PropertyEdit(device.named("drop"), name, None)
