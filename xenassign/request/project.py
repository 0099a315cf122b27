"""xenassign.toml: the domains of a whole system, read for form.

Names of devices stay text; they are looked up on the board later. What is wrong then is told with
``SystemRequest.located``. The keys stand in :mod:`xenassign.request.keys`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xenassign.errors import InputError, UsageError
from xenassign.formats.toml_text import KeyPath, TomlFile, read_toml
from xenassign.formats.xlcfg import read_file
from xenassign.request import base_cfg
from xenassign.request.boot_request import BootRequest, load_option
from xenassign.request.keys import BOOT, DOMAIN, TOP, Mistake, mistakes, sentence
from xenassign.request.property_edits import PropertyEdit, pieces, refusal
from xenassign.request.request import (
    Accepted,
    ClockRate,
    MapOption,
    MemoryOption,
    Request,
    Window,
    parse_clock_rate,
    parse_map,
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
            said, asked = getattr(one, name), options[name]
            options[name] = (*asked, *said) if name in _FIRST else (*said, *asked)
        domains.append(replace(one, **options))
    return replace(system, domains=tuple(domains))


def read_project(path: Path) -> Project:
    """Reads a file. Raises InputError and UsageError with line and key."""
    toml = read_toml(path, "a file with [[domain]] tables")
    for mistake in _mistakes(toml.values):
        raise InputError(sentence(toml, mistake))
    top, folder = toml.values, path.parent
    domains = []
    for index, domain in enumerate(top["domain"]):
        try:
            domains.append(_request(top, domain, folder))
        except UsageError as error:
            raise _located(toml, index, error) from None
    allowances = tuple(
        Allowance(one["code"], tuple(as_list(one["nodes"])), one["reason"])
        for one in top.get("allow", ())
    )
    names = [one.name for one in domains]
    try:
        system = SystemRequest(
            tuple(domains),
            allowances,
            lambda error, domain: (
                _located(toml, names.index(domain), error)
                if domain is not None
                else _located_allow(toml, error)
            ),
            _boot(toml),
        )
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
        for number, device in enumerate(domain["device"]):
            if isinstance(device, dict):
                place = (*at, "device", number)
                for mistake in _device_mistakes(device):
                    text = f"{who}, device {device['path']!r}: {mistake.text}"
                    yield Mistake((*place, *mistake.at), text)


def _device_mistakes(device: dict[str, Any]) -> Iterator[Mistake]:
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


def _request(top: dict[str, Any], domain: dict[str, Any], folder: Path) -> Request:
    """The request of one domain. Raises UsageError as for options, InputError for its dom.cfg."""
    devices = [one if isinstance(one, dict) else {"path": one} for one in domain["device"]]
    routes = as_list(domain.get("route", top.get("route")))
    options: dict[str, Any] = {
        key.field: _frozen(domain[key.name])
        for key in DOMAIN.keys
        if key.field is not None and key.name in domain
    }
    base = domain.get("base-cfg")
    return base_cfg.request(
        read_file(str(folder / base)) if base is not None else None,
        **options,
        devices=tuple(one["path"] for one in devices),
        release=release(top.get("xen", DEFAULT)),
        routes=routes_of(routes, bool(options.get("static_memory") or options.get("direct_map"))),
        xen_console=top.get("xen-console"),
        drivers=frozenset(as_list(top.get("iommu-driver"))) or None,
        maps=tuple(_maps(domain, devices)),
        forced=tuple(_forced(devices)),
        shared=tuple(_shared(devices)),
        clock_rates=tuple(_clock_rates(domain, devices)),
        memory_regions=tuple(_memory_regions(domain, devices)),
        edits=tuple(_edits(devices)),
    )


def _frozen(value: Any) -> Any:
    """Lists as tuples, for a request does not change."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _maps(domain: dict[str, Any], devices: list[dict[str, Any]]) -> Iterator[MapOption]:
    for device in devices:
        where = device.get("map")
        for index, target in enumerate(where if isinstance(where, list) else ()):
            yield MapOption(device["path"], index, _target(target, device["path"]))
        if where is not None and not isinstance(where, list):
            yield MapOption(device["path"], None, _target(where, device["path"]))
    if "map" in domain:
        yield MapOption(None, None, _target(domain["map"]))


def _target(where: int | str | dict[str, list[int]], of: str = "") -> int | str | Window:
    """A place as ``MapOption`` has it. Raises UsageError for a window that is none."""
    if not isinstance(where, dict):
        return where
    base, end = where["window"]
    try:
        return parse_map(f"window:{base:#x}-{end:#x}").target
    except UsageError as error:
        raise UsageError(str(error).replace("--map ", f"--map {of}".strip() + " ", 1)) from None


def _forced(devices: list[dict[str, Any]]) -> Iterator[Accepted]:
    for device in devices:
        if "force-assign-without-iommu" in device:
            yield Accepted(device["path"], device["force-assign-without-iommu"])


def _shared(devices: list[dict[str, Any]]) -> Iterator[Accepted]:
    for device in devices:
        for node, reason in device.get("allow-shared-page", {}).items():
            yield Accepted(node, reason)


def _clock_rates(domain: dict[str, Any], devices: list[dict[str, Any]]) -> Iterator[ClockRate]:
    for device in devices:
        rate = device.get("clock-rate")
        if isinstance(rate, dict):
            for clock, one in rate.items():
                yield ClockRate(device["path"], clock, one)
        elif rate is not None:
            yield ClockRate(device["path"], None, rate)
    for name, one in domain.get("clock-rate", {}).items():
        yield parse_clock_rate(f"{name}={one}")


def _memory_regions(
    domain: dict[str, Any], devices: list[dict[str, Any]]
) -> Iterator[MemoryOption]:
    for device in devices:
        action = device.get("memory-region")
        if isinstance(action, dict):
            for region, one in action.items():
                yield MemoryOption(region, one)
        elif action is not None:
            yield MemoryOption(device["path"], action)
    if "memory-region" in domain:
        yield MemoryOption(None, domain["memory-region"])


def _edits(devices: list[dict[str, Any]]) -> Iterator[PropertyEdit]:
    for device in devices:
        for name, value in device.get("set", {}).items():
            yield PropertyEdit(device["path"], name, pieces(name, value))
        for name in as_list(device.get("drop")):
            yield PropertyEdit(device["path"], name, None)


# ---------------------------------------------------------------------- places of later errors

_BEGINNING = re.compile(r"(?:--([a-z0-9-]+)|-d|(set|drop))(?: (.*))?", re.DOTALL)


def _located(toml: TomlFile, index: int, error: UsageError) -> UsageError:
    """An error about a domain's request, with the line and the key that it is about.

    Deciding begins such messages with the option or the key, and what it was given:
    ``--clock-rate ethernet0#pclk: fits no clock``.
    """
    domain = toml.values["domain"][index]
    text = str(error)
    found = _BEGINNING.match(text)
    key = (found[1] or found[2] or "path") if found else None
    text = text.removeprefix("-d ").removeprefix("--")
    own = "name it as a device too; an option for one domain wants --name"
    text = text.replace("name it with -d too", own)
    at = _about(toml.values, index, key, (found[3] or "") if found else text)
    who = f"domain {domain['name']!r}"
    if at[2:3] == ("device",) and key != "path":
        device = domain["device"][at[3]]
        who += f", device {device['path'] if isinstance(device, dict) else device!r}"
    return UsageError(f"{toml.where(at)}: {who}: {text}")


def _located_allow(toml: TomlFile, error: UsageError) -> UsageError:
    """An error about the code or a node of an [[allow]], with its line."""
    for index, one in enumerate(toml.values["allow"]):
        begins = [("nodes", f"nodes {name}:") for name in as_list(one["nodes"])]
        for key, text in (("code", f"{one['code']}:"), *begins):
            if str(error).startswith(f"[[allow]] {text}"):
                return UsageError(f"{toml.where(('allow', index, key))}: {error}")
    return UsageError(f"{toml.file}: {error}")


def _about(top: dict[str, Any], index: int, key: str | None, rest: str) -> KeyPath:
    """The key path that a message is about: its key, and the name that ``rest`` begins with."""
    at: KeyPath = ("domain", index)
    domain = top["domain"][index]
    for number, device in reversed(list(enumerate(domain["device"]))):
        options = device if isinstance(device, dict) else {"path": device}
        inside = options.get(key or "path")
        if key in ("path", None) or key in options:
            if _begins(rest, options["path"]):
                place = (*at, "device", number)
                return (*place, key or "path") if isinstance(device, dict) else place
            for name in inside if isinstance(inside, dict) else ():
                if _begins(rest, name):
                    return (*at, "device", number, key or "", name)
    if key is not None and key in domain:
        return (*at, key)
    return (key,) if key is not None and key in top else at


def _begins(text: str, name: str) -> bool:
    """Whether a text begins with a name, and not with a longer one."""
    return re.match(re.escape(name) + r"(?=[\s:;=#]|$)", text) is not None
