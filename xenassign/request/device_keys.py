"""[[domain.device]] of xenassign.toml: the options of a domain that its devices state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from xenassign.devicetree.spans import Span
from xenassign.errors import UsageError
from xenassign.formats.toml_text import KeyPath, as_list
from xenassign.request.device_part import part_option
from xenassign.request.keys.mistakes import Mistake
from xenassign.request.origin import Origin, Written, located, mistake
from xenassign.request.property_edits import PropertyEdit, pieces, refusal
from xenassign.request.request import (
    INVALID_WINDOW,
    Accepted,
    ClockRate,
    MapOption,
    MemoryOption,
    is_window,
    parse_clock_rate,
)

#: Keys of a device whose path may be a pattern, which may match several nodes.
_OF_PATTERNS = ("path", "except", "set", "drop")


def device_mistakes(device: dict[str, Any] | str, others: set[str]) -> Iterator[Mistake]:
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


class DeviceTable(NamedTuple):
    """A device of a domain: its path with its place, and its keys with the place of their table."""

    path: Written
    options: dict[str, Any]
    origin: Origin

    def named(self, *keys: str | int) -> Written:
        """The path with the place of one of the keys, for errors about that key."""
        return Written(self.path, self.origin.below(*keys))


def device_tables(domain: dict[str, Any], origin: Origin) -> list[DeviceTable]:
    """The devices of a domain, in the order of the file."""
    devices = []
    for index, entry in enumerate(domain.get("device", ())):
        at = origin.below("device", index)
        options = entry if isinstance(entry, dict) else {"path": entry}
        path = Written(options["path"], at.below("path") if isinstance(entry, dict) else at)
        about = f"{origin.about}, device {options['path']!r}"
        devices.append(DeviceTable(path, options, at._replace(about=about)))
    return devices


def device_options(
    domain: dict[str, Any], devices: list[DeviceTable], origin: Origin
) -> dict[str, Any]:
    """The fields of ``Request`` that are about devices. Raises UsageError for a value."""
    return {
        "maps": tuple(_maps(domain, devices, origin)),
        "forced": tuple(_accepted("force-assign-without-iommu", devices)),
        "shared": tuple(_shared(devices)),
        "controls": tuple(_accepted("allow-machine-control", devices)),
        "clock_rates": tuple(_clock_rates(domain, devices, origin)),
        "memory_regions": tuple(_memory_regions(domain, devices)),
        "edits": tuple(_edits(devices)),
        "excepted": tuple(_excepted(devices)),
        "parts": tuple(filter(None, (part_option(d.options, d.named) for d in devices))),
    }


def _maps(
    domain: dict[str, Any], devices: list[DeviceTable], origin: Origin
) -> Iterator[MapOption]:
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


def _accepted(key: str, devices: list[DeviceTable]) -> Iterator[Accepted]:
    """The devices with a key whose value is the reason for it."""
    for device in devices:
        if key in device.options:
            yield Accepted(device.named(key), device.options[key])


def _shared(devices: list[DeviceTable]) -> Iterator[Accepted]:
    key = "allow-shared-page"
    for device in devices:
        for node, reason in device.options.get(key, {}).items():
            yield Accepted(Written(node, device.origin.below(key, node)), reason)


def _clock_rates(
    domain: dict[str, Any], devices: list[DeviceTable], origin: Origin
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
        with located(origin):
            option = parse_clock_rate(f"{name}={rate}")
        yield option._replace(node=Written(option.node, origin.below(key, name)))


def _rate(rate: int | str, origin: Origin) -> int:
    """A rate in Hz. Raises UsageError for a fraction of a hertz, or a rate out of range."""
    with located(origin):
        return rate if isinstance(rate, int) else parse_clock_rate(f"clock={rate}").rate


def _memory_regions(domain: dict[str, Any], devices: list[DeviceTable]) -> Iterator[MemoryOption]:
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


def _excepted(devices: list[DeviceTable]) -> Iterator[tuple[str, Written]]:
    """The patterns with the names that are left out of what they match."""
    for device in devices:
        names = device.options.get("except", [])
        for index, name in enumerate(as_list(names)):
            at = ("except",) if isinstance(names, str) else ("except", index)
            yield device.path, Written(name, device.origin.below(*at))


def _edits(devices: list[DeviceTable]) -> Iterator[PropertyEdit]:
    for device in devices:
        for name, value in device.options.get("set", {}).items():
            yield PropertyEdit(device.named("set", name), name, pieces(name, value))
        for name in as_list(device.options.get("drop")):
            yield PropertyEdit(device.named("drop"), name, None)
