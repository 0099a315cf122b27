"""The user's own dom.cfg that a domain is to be passed devices in.

What it says of the domain is taken where no option says it; what it says of passed devices has to
go with the plan. Which of its keys are set then, and how: ``outputs/domain/base_cfg.py``.
"""

from __future__ import annotations

from typing import Any, NoReturn

from xenassign.errors import InputError, OptionError, UsageError
from xenassign.formats.xlcfg import Atom, Value, XlConfig
from xenassign.request.request import Request
from xenassign.xen.releases import DOMAIN_NAME, GUEST_MEMORY_MAX_MIB
from xenassign.xen.xlvalues import intid, page_range

_LISTS = ("dtdev", "irqs", "iomem")
_TEXTS = ("name", "kernel", "ramdisk", "extra")
_ATOMS = (*_TEXTS, "memory", "vcpus", "device_tree", "passthrough", "shadow_memory", "arm_sci")


def request(base: XlConfig | None, **options: Any) -> Request:
    """The request of options (None: not given) and of what the configuration says besides.

    Raises UsageError where an option contradicts it, InputError where it has no sense itself.
    """
    if base is None:
        return Request(**_given(options))
    _check_forms(base)
    for name in (*_TEXTS, "memory", "vcpus"):
        given, has = options.get(name), _said(base, name)
        if given is not None and has is not None and given != has:
            option = f"--{name} {given}"
            _stop(base, base.get(name), f"{name} is {has!r}, not {option}; give one of the two")
    if options.get("routes") == ("dom0less",):
        raise OptionError("--base-cfg", "is for xl, but --route asks for dom0less only; drop one")
    return Request(**{**_taken(base, options), "base": base})


def _taken(base: XlConfig, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with what the plan needs to know of the configuration."""
    found = {name: _said(base, name) for name in ("name", "memory", "vcpus")}
    told = {name: value for name, value in found.items() if value is not None}
    limits = {"memory": range(1, GUEST_MEMORY_MAX_MIB + 1), "vcpus": range(1, 129)}
    for name, limit in limits.items():
        if name in told and told[name] not in limit:
            _stop(
                base, base.get(name), f"{name} is {told[name]}; give 1 to {limit[-1]}", InputError
            )
    if "name" in told and not DOMAIN_NAME.fullmatch(str(told["name"])):
        what = f"the name {told['name']!r} cannot be used"
        _stop(
            base,
            base.get("name"),
            f"{what}; take a letter, then up to 30 letters, digits or . _ + -",
            InputError,
        )
    return {**told, **_given(options)}


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _said(base: XlConfig, name: str) -> str | int | None:
    """What the configuration says: a number for memory and vcpus, else a string."""
    if name in ("memory", "vcpus"):
        return base.integer(name)
    value = base.get(name)
    return value.text if isinstance(value, Atom) else None


def _check_forms(base: XlConfig) -> None:
    """What xl would not read of the keys that are set or taken. Raises InputError."""
    for name in _ATOMS:
        value = base.get(name)
        if value is not None and not isinstance(value, Atom):
            _stop(base, value, f"{name} is a list; write one value", InputError)
    for name in ("memory", "vcpus"):
        value = base.get(name)
        if value is not None and base.integer(name) is None:
            _stop(base, value, f"{name} is no number for xl; write one, after =", InputError)
    for name in _LISTS:
        value = base.get(name)
        if isinstance(value, Atom):
            _stop(base, value, f"{name} is no list; write [ ] around it", InputError)
        for item in value.items if value else ():
            if not isinstance(item, Atom):
                _stop(base, item, f"{name} has a list in it; take the brackets away", InputError)
            if name == "irqs" and intid(item.text) is None:
                what = f"{item.text!r} in irqs is no INTID; write it in decimal"
                _stop(base, item, what, InputError)
            if name == "iomem" and page_range(item.text) is None:
                what = f"{item.text!r} in iomem is not PFN,COUNT[@GFN] in hexadecimal; mend it"
                _stop(base, item, what, InputError)


def _stop(
    base: XlConfig, at: Value | None, what: str, error: type[InputError | UsageError] = UsageError
) -> NoReturn:
    place = f":{at.line}:{at.column}" if at is not None else ""
    raise error(f"{base.file}{place}: {what}")
