"""The user's own dom.cfg, which is completed with the devices of a domain.

Its values are used where no option gives one. Its entries for passed devices must match the plan:
which keys are set, and how, is in ``outputs/domain/base_cfg.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from xenassign.errors import InputError, OptionError, UsageError
from xenassign.formats.xlcfg import Atom, Value, XlConfig
from xenassign.request import short_form
from xenassign.request.request import DOMAIN_NAME_RULE, VCPUS_MAX, Request
from xenassign.xen.releases import DOMAIN_NAME, GUEST_MEMORY_MAX_MIB
from xenassign.xen.xlvalues import intid, page_range

_LISTS = ("dtdev", "irqs", "iomem")
_NUMBERS = ("memory", "vcpus")
_TEXTS = ("name", "kernel", "ramdisk", "extra")
#: Fields of options that concern the partial tree that is made, or what a plan reports about it.
_OF_MADE_TREE = {
    "maps": "--map",
    "align": "--align",
    "clock_rates": "--clock-rate",
    "memory_regions": "--memory-region",
    "shared": "--allow-shared-page",
    "controls": "--allow-machine-control",
    "keep_firmware": "--keep-firmware",
}
_ATOMS = (*_TEXTS, *_NUMBERS, "device_tree", "passthrough", "shadow_memory", "arm_sci")


def request(base: XlConfig | None, **options: Any) -> Request:
    """The request of options (None: not given), with name, memory and vcpus of the configuration.

    Without devices in the options it is that of the configuration's short form. Raises UsageError
    if an option contradicts the configuration, InputError if a value of the configuration is
    invalid, ContradictionError if it contradicts itself.
    """
    options = {name: value for name, value in options.items() if value is not None}
    if base is None:
        return Request(**options)
    typed = options["release"].normal_mappings if "release" in options else False
    _check_types(base, typed)
    if options.get("devices") or options.get("added"):
        short_form.refuse(base)
    else:
        stated = short_form.options(base, options.get("policy"), typed)
        if "partial" in stated:
            _refuse_options_of_made_tree(options, stated["partial"].file)
        stated["forced"] = (*stated.get("forced", ()), *options.get("forced", ()))
        options = {**options, **stated}
    for name in (*_TEXTS, *_NUMBERS):
        given, configured = options.get(name), _value(base, name)
        if given is not None and configured is not None and given != configured:
            text = f"{name} is {configured!r}, not --{name} {given}; give one of the two"
            _stop(base, base.get(name), text)
    if options.get("routes") == ("dom0less",):
        if not options.get("follows"):
            text = "is for xl, but --route gives dom0less only; remove one of the two"
            raise OptionError("--base-cfg", text)
        extra = _value(base, "extra")
        options = {"extra": extra, **options} if extra is not None else options
    return Request(**{**_checked_values(base), **options, "base": base})


def _refuse_options_of_made_tree(options: Mapping[str, Any], tree: str) -> None:
    """Raises OptionError for an option that only a partial tree that is made would show.

    ``tree``: the user's own one, which stays as it is.
    """
    for field, option in _OF_MADE_TREE.items():
        if options.get(field):
            text = f"has no effect on {tree}, which device_tree names and which is not changed"
            fix = "state it there, or remove device_tree of dom.cfg, so that the tree is made"
            raise OptionError(option, f"{text}; {fix}")


def _checked_values(base: XlConfig) -> dict[str, Any]:
    """Name, memory and vcpus of the configuration, where it has them. Raises InputError."""
    values = {name: _value(base, name) for name in ("name", *_NUMBERS)}
    for name, most, unit in (("memory", GUEST_MEMORY_MAX_MIB, " MiB"), ("vcpus", VCPUS_MAX, "")):
        value = values[name]
        if isinstance(value, int) and not 1 <= value <= most:
            text = f"{name} = {value} is out of range (1 to {most}{unit}); correct it"
            _stop(base, base.get(name), text, InputError)
    domain = values["name"]
    if domain is not None and not re.fullmatch(DOMAIN_NAME, str(domain)):
        text = f"the name {domain!r} is invalid; {DOMAIN_NAME_RULE}"
        _stop(base, base.get("name"), text, InputError)
    return {name: value for name, value in values.items() if value is not None}


def _value(base: XlConfig, name: str) -> str | int | None:
    """The value of a key as xl reads it: a number for memory and vcpus, else a string."""
    if name in _NUMBERS:
        return base.integer(name)
    value = base.get(name)
    return value.text if isinstance(value, Atom) else None


def _check_types(base: XlConfig, typed: bool) -> None:
    """Raises InputError for a value that xl would not read, of the keys that are used or set.

    ``typed``: as of ``page_range``.
    """
    for name in _ATOMS:
        value = base.get(name)
        if value is not None and not isinstance(value, Atom):
            _stop(base, value, f"{name} is a list; write a single value", InputError)
    for name in _NUMBERS:
        value = base.get(name)
        if value is not None and base.integer(name) is None:
            text = f"{name} is not a number for xl; write {name} = NUMBER"
            _stop(base, value, text, InputError)
    for name in _LISTS:
        value = base.get(name)
        if isinstance(value, Atom):
            _stop(base, value, f"{name} is not a list; write [ ] around the value", InputError)
        for item in value.items if value else ():
            if not isinstance(item, Atom):
                _stop(base, item, f"{name} contains a list; remove the inner brackets", InputError)
            if name == "irqs" and intid(item.text) is None:
                text = f"{item.text!r} in irqs is not an INTID; write it in decimal"
                _stop(base, item, text, InputError)
            if name == "iomem" and page_range(item.text, typed) is None:
                text = f"{item.text!r} in iomem is not MFN,COUNT[@GFN] in hexadecimal; correct it"
                _stop(base, item, text, InputError)


def _stop(
    base: XlConfig, at: Value | None, text: str, error: type[InputError | UsageError] = UsageError
) -> NoReturn:
    place = f":{at.line}:{at.column}" if at is not None else ""
    raise error(f"{base.file}{place}: {text}")
