"""xenassign.toml: the domains of a whole system, read for form.

Names of nodes stay text with its place in the file (:mod:`xenassign.request.origin`); they are
looked up on the board later. The keys are in :mod:`xenassign.request.keys`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

from xenassign.devicetree.spans import Span
from xenassign.errors import InputError, OptionError, UsageError
from xenassign.formats.toml_text import KeyPath, TomlFile, read_toml
from xenassign.host.clock_summary import read_clock_summary
from xenassign.host.regulator_summary import read_regulator_summary
from xenassign.request import base_cfg, demands, short_form
from xenassign.request.boot_request import BootRequest, load_option
from xenassign.request.device_part import part_option
from xenassign.request.keys import BOOT, DOMAIN, FORMAT, TOP, Mistake, mistakes, sentence
from xenassign.request.node_request import node_request
from xenassign.request.origin import Origin, Written, mistake
from xenassign.request.property_edits import PropertyEdit, pieces, refusal
from xenassign.request.request import (
    INVALID_WINDOW,
    Accepted,
    ClockRate,
    MapOption,
    MemoryOption,
    Request,
    is_window,
    parse_clock_rate,
    parse_static_memory,
    routes_of,
)
from xenassign.request.system_request import Allowance, SystemRequest
from xenassign.request.units import mebibytes
from xenassign.request.value_kinds import as_list
from xenassign.xen.releases import DEFAULT, UPSTREAM, release

#: Keys of a device whose path may be a pattern, which may match several nodes.
_OF_PATTERNS = ("path", "except", "set", "drop")


class Project(NamedTuple):
    """A xenassign.toml. ``hosts``: the boards' device trees, relative to the current folder, as
    ``include``, the folders for the #include of their sources.
    """

    toml: TomlFile
    hosts: tuple[str, ...]
    system: SystemRequest
    include: tuple[str, ...] = ()


#: Keys that xl has nothing for.
_OF_DOM0LESS = ("static-memory", "direct-map", "shared-memory")


@contextmanager
def _located(origin: Origin) -> Iterator[None]:
    """Adds a place to a UsageError: that of the option's key in the domain, else the domain's."""
    try:
        yield
    except OptionError as error:
        at = origin.below(error.option.removeprefix("--"))
        raise UsageError(at.line(str(error))) from None
    except UsageError as error:
        raise UsageError(origin.line(str(error))) from None


def read_project(path: Path) -> Project:
    """Reads a xenassign.toml. Raises InputError and UsageError with line and key."""
    return project_of(read_toml(path, "a file with [[domain]] tables"))


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
    try:
        demanded = tuple(demands.demands(top, whole))
        system = SystemRequest(tuple(domains), allowances, _boot(toml), demands=demanded)
    except UsageError as error:
        raise UsageError(f"{toml.file}: {error}") from None
    hosts = tuple(str(folder / name) for name in as_list(top.get("host")))
    include = tuple(str(folder / name) for name in as_list(top.get("include")))
    return Project(toml, hosts, system, include)


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
    for index, domain in enumerate(values["domain"]):
        at: KeyPath = ("domain", index)
        who = f"domain {domain['name']!r}"
        other = names.get(domain["name"].lower())
        if other is not None:
            same = f"on FAT, which ignores case, its files would replace those of {other!r}"
            why = "another domain has this name" if other == domain["name"] else same
            yield Mistake((*at, "name"), f"{who}: {why}; give each a unique name")
        names[domain["name"].lower()] = domain["name"]
        paths: set[str] = set()
        for number, device in enumerate(domain["device"]):
            path = device["path"] if isinstance(device, dict) else device
            for wrong in _device_mistakes(device, paths):
                text = f"{who}, device {path!r}: {wrong.text}"
                yield Mistake((*at, "device", number, *wrong.at), text)
            paths.add(path)
    yield from starmap(Mistake, demands.mistakes(values))


def _device_mistakes(device: dict[str, Any] | str, others: set[str]) -> Iterator[Mistake]:
    """What is wrong in a device. ``others``: the paths of the devices before it."""
    path = device["path"] if isinstance(device, dict) else device
    if path in others:
        at = ("path",) if isinstance(device, dict) else ()
        yield Mistake(at, f"{path} is named twice; name each device once")
    if isinstance(device, dict):
        yield from _option_mistakes(device)


def _option_mistakes(device: dict[str, Any]) -> Iterator[Mistake]:
    if any(char in device["path"] for char in "*?["):
        for key in device:
            if key not in _OF_PATTERNS:
                text = f"{key} is for a single device, but path is a pattern; name the device"
                yield Mistake((key,), text)
    elif "except" in device:
        text = "except is for a pattern, but path names a single device; remove one of the two"
        yield Mistake(("except",), text)
    names = [("set", name) for name in device.get("set", ())]
    for verb, name in [*names, *(("drop", name) for name in as_list(device.get("drop")))]:
        why = refusal(name, sets=verb == "set")
        at: KeyPath = (verb, name) if verb == "set" else (verb,)
        if why is not None:
            yield Mistake(at, f"{verb}: {name} cannot be edited: {why}")
        elif verb == "drop" and ("set", name) in names:
            yield Mistake(at, f"{verb}: {name} is in set too; set it or drop it")


class _Device(NamedTuple):
    """A device of a domain: its path with its place, and its keys with the place of their table."""

    path: Written
    options: dict[str, Any]
    origin: Origin

    def named(self, *keys: str | int) -> Written:
        """The path with the place of one of the keys, for errors about that key."""
        return Written(self.path, self.origin.below(*keys))


def _devices(domain: dict[str, Any], origin: Origin) -> list[_Device]:
    devices = []
    for index, entry in enumerate(domain["device"]):
        at = origin.below("device", index)
        options = entry if isinstance(entry, dict) else {"path": entry}
        path = Written(options["path"], at.below("path") if isinstance(entry, dict) else at)
        about = f"{origin.about}, device {options['path']!r}"
        devices.append(_Device(path, options, at._replace(about=about)))
    return devices


def _allowance(allow: dict[str, Any], origin: Origin) -> Allowance:
    nodes = allow["nodes"]
    places = [origin.below("nodes", index) for index in range(len(as_list(nodes)))]
    named = tuple(map(Written, as_list(nodes), places))
    return Allowance(Written(allow["code"], origin.below("code")), named, allow["reason"])


def _request(top: dict[str, Any], domain: dict[str, Any], folder: Path, origin: Origin) -> Request:
    """The request of one domain. Raises UsageError for a value, InputError for its dom.cfg."""
    devices = _devices(domain, origin)
    routes = as_list(domain.get("route", top.get("route")))
    options: dict[str, Any] = {
        key.field: _frozen(domain[key.name])
        for key in DOMAIN.keys
        if key.field is not None and key.name in domain
    }
    memory = domain.get("memory")
    if memory is not None:
        options["memory"] = memory if isinstance(memory, int) else mebibytes(memory)
    options["node"] = node_request(domain, origin)
    if "static-memory" in domain:
        options["static_memory"] = tuple(map(_bank, domain["static-memory"]))
    base, console = domain.get("base-cfg"), top.get("xen-console")
    console_at = Origin(origin.toml, ("xen-console",))
    with _located(Origin(origin.toml, ("xen-flavour",))):
        options["release"] = release(top.get("xen", DEFAULT), top.get("xen-flavour", UPSTREAM))
    options.update(
        devices=tuple(device.path for device in devices),
        routes=routes_of(routes, any(domain.get(name) for name in _OF_DOM0LESS)),
        xen_console=Written(console, console_at) if console is not None else None,
        drivers=frozenset(as_list(top.get("iommu-driver"))) or None,
        maps=tuple(_maps(domain, devices, origin)),
        forced=tuple(_accepted("force-assign-without-iommu", devices)),
        shared=tuple(_shared(devices)),
        controls=tuple(_accepted("allow-machine-control", devices)),
        clock_rates=tuple(_clock_rates(domain, devices, origin)),
        memory_regions=tuple(_memory_regions(domain, devices)),
        edits=tuple(_edits(devices)),
        excepted=tuple(_excepted(devices)),
        parts=tuple(filter(None, (part_option(d.options, d.named) for d in devices))),
        origin=origin,
    )
    if "clock-summary" in top:
        options["clock_summary"] = read_clock_summary(str(folder / top["clock-summary"]))
    if "regulator-summary" in top:
        voltages = read_regulator_summary(str(folder / top["regulator-summary"]))
        options["regulator_summary"] = voltages
    config = short_form.read_file(str(folder / base)) if base is not None else None
    with _located(origin):
        return base_cfg.request(config, **options)


def _bank(bank: str | list[int]) -> tuple[int, int]:
    if isinstance(bank, str):
        return parse_static_memory(bank)
    base, size = bank
    return base, size


def _frozen(value: Any) -> Any:
    """A value with tuples instead of lists, since a request is immutable."""
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
    """The target of a ``MapOption``. Raises UsageError for an invalid window.

    ``of``: the path of the device, empty for all devices, with the place of the value.
    """
    if not isinstance(where, dict):
        return where
    base, end = where["window"]
    window = Span(base, end)
    if not is_window(window):
        raise UsageError(
            mistake("--map", of, INVALID_WINDOW, f"{' ' if of else ''}'window:{base:#x}-{end:#x}'")
        )
    return window


def _accepted(key: str, devices: list[_Device]) -> Iterator[Accepted]:
    """The devices with a key whose value is the reason for it."""
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
            for clock, of_clock in rate.items():
                yield ClockRate(device.named(key, clock), clock, _rate(of_clock, device.origin))
        elif rate is not None:
            yield ClockRate(device.named(key), None, _rate(rate, device.origin))
    for name, rate in domain.get(key, {}).items():
        with _located(origin):
            option = parse_clock_rate(f"{name}={rate}")
        yield option._replace(node=Written(option.node, origin.below(key, name)))


def _rate(rate: int | str, origin: Origin) -> int:
    """A rate in Hz. Raises UsageError for a fraction of a hertz, or a rate out of range."""
    with _located(origin):
        return rate if isinstance(rate, int) else parse_clock_rate(f"clock={rate}").rate


def _memory_regions(domain: dict[str, Any], devices: list[_Device]) -> Iterator[MemoryOption]:
    key = "memory-region"
    for device in devices:
        action = device.options.get(key)
        if isinstance(action, dict):
            for region, of_region in action.items():
                yield MemoryOption(Written(region, device.origin.below(key, region)), of_region)
        elif action is not None:
            yield MemoryOption(device.named(key), action)
    if key in domain:
        yield MemoryOption(None, domain[key])


def _excepted(devices: list[_Device]) -> Iterator[tuple[str, Written]]:
    """The patterns with the names that are left out of what they match."""
    for device in devices:
        names = device.options.get("except", [])
        for index, name in enumerate(as_list(names)):
            at = ("except",) if isinstance(names, str) else ("except", index)
            yield device.path, Written(name, device.origin.below(*at))


def _edits(devices: list[_Device]) -> Iterator[PropertyEdit]:
    for device in devices:
        for name, value in device.options.get("set", {}).items():
            yield PropertyEdit(device.named("set", name), name, pieces(name, value))
        for name in as_list(device.options.get("drop")):
            yield PropertyEdit(device.named("drop"), name, None)
