"""Options in messages, as the keys of xenassign.toml: findings name options of the command line."""

from __future__ import annotations

import re

from xenassign.escape import toml_key, toml_string, toml_value
from xenassign.request.options import BOOT, DOMAIN

#: Keys whose value on the command line is a node, for which the value in the file is a reason.
_REASONS = ("force-assign-without-iommu", "allow-machine-control")
#: Keys whose values are numbers.
_NUMBERS = ("memory", "vcpus")
#: The other options: they say which files are written, or which domain is meant.
_OF_COMMAND = (
    "name",
    "host-out",
    "chosen",
    "uboot-script",
    "efi",
    "imagebuilder",
    "imagebuilder-base",
    "zephyr",
)
_FLAGS = {
    option.flags.split("/")[0].removeprefix("--"): option
    for option in (*DOMAIN, *BOOT)
    if isinstance(option.flags, str)
}
KEYS = frozenset(_FLAGS) - {*_OF_COMMAND}
"""The options that are keys too."""

#: An option, and its value if it has one: a placeholder, a number, a path or a word that it takes.
_OPTION = (
    r"(?<![\w-])(?:-d|--(?P<name>[a-z][a-z0-9-]*))(?![\w-])"
    r"(?: (?P<value>(?:(?:[/0-9A-Z]|[^\s;,()=]+=)[^\s;,()]*(?<!\.)|auto|identity|dom0less|xl"
    r"|scmi_smc(?:_multiagent)?)))?"
)
#: A part of a placeholder that may be left out, as in PATH[#NAME]=HZ.
_OPTIONAL = r"\[[^]]*\]"
#: Several rates of one device.
_RATES = r"--clock-rate (?P<node>[^\s#]+)#\S+=HZ(?: --clock-rate (?P=node)#\S+=HZ)+"


def in_toml(text: str) -> str:
    """A message with keys of xenassign.toml in place of the options that have one."""
    return re.sub(_OPTION, _key, re.sub(_RATES, _rates, text))


def _rates(match: re.Match[str]) -> str:
    clocks = re.findall(r"#(\S+)=HZ", match[0])
    table = ", ".join(f"{toml_key(clock)} = HZ" for clock in clocks)
    return f"clock-rate = {{ {table} }} (device {match['node']})"


def _key(match: re.Match[str]) -> str:
    name, value = match["name"], match["value"]
    if name is None:
        return f"[[domain.device]] path = {toml_string(value)}" if value else match[0]
    if name == "no-vpl011":
        return "vpl011 = false" + (f" {value}" if value else "")
    if name == "xen":
        return f"xen = {toml_string(value)}" if value else "xen"
    if name not in KEYS:
        return match[0]
    option = _FLAGS[name]
    if option.metavar is None and not option.choices:
        return f"{name} = true" + (f" {value}" if value else "")
    return f"{name} = {_value(name, value)}" if value else name


def _value(name: str, value: str) -> str:
    if name in _REASONS:
        return f'"REASON" (device {value})'
    if name == "allow-shared-page":
        return toml_value({value: "REASON"})
    if name == "static-memory":
        return toml_value([value])
    node, equals, where = re.sub(_OPTIONAL, "", value).rpartition("=")
    number = name in _NUMBERS or where[:1].isdigit() or where in ("HZ", "ADDRESS")
    shown = where if number else toml_string(where)
    if name == "load":
        return toml_value({node.rpartition("/")[2]: where})
    node, clock, of_node = node.partition("#") if name == "clock-rate" else (node, "", "")
    if clock:
        shown = f"{{ {toml_key(of_node)} = {shown} }}"
    return f"{shown} (device {node})" if equals else shown
