"""The domains of a domains.yaml, as Lopper reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError
from xenassign.formats.yaml_text import YamlValue, read_yaml
from xenassign.request.described.device_tree import runs_xen
from xenassign.request.described.facts import (
    DOMAIN_TEXTS,
    NOT_CARRIED,
    XEN_TEXTS,
    Access,
    Cpus,
    Described,
    MemoryBank,
    Note,
    flag_notes,
)
from xenassign.request.select import find

_KNOWN = {
    "compatible", "cpus", "memory", "access", "id", "os,type", "parent", "domains", "chosen",
    "label", *XEN_TEXTS, *DOMAIN_TEXTS,
}  # fmt: skip
_CPU_KEYS = {"cluster", "dev", "cpumask", "mode", "spec_name", "cluster_cpu", "secure", "label"}
_SIZE = re.compile(r"(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}) ?([KMGT]?)(?:i?B)?")
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
#: A cluster of Cortex-A or Neoverse, by its label in a System Device Tree.
_APPLICATION = re.compile(r"(cpus|cpu|cluster)?[-_]?(a[0-9]{2,3}([-_].*)?|apu|cortex-?a.*)")


def read_domains_yaml(path: str, board: Tree) -> tuple[Described, ...]:
    """The domains of a file, each after the one around it. Raises InputError.

    ``board``: the tree whose labels the names of CPU clusters are.
    """
    value = read_yaml(path)
    top = value.entries.get("domains")
    if top is None or not top.entries:
        raise InputError(
            f"{path}:{value.line}: there is no mapping `domains` with domains; give a domains.yaml"
        )
    domains: list[Described] = []
    for name, entry in top.entries.items():
        domains.extend(_domains(path, board, name, entry, None))
    by_name = {domain.name: domain for domain in domains}
    return tuple(_with_named_parent(domain, by_name) for domain in domains)


def _with_named_parent(domain: Described, by_name: dict[str, Described]) -> Described:
    """The domain below the one that its ``parent`` names, as a name or as a path."""
    if not domain.named_parent:
        return domain
    parent = by_name.get(domain.named_parent.rpartition("/")[2])
    if parent is None or domain.name in {parent.name, *(above.name for above in parent.above())}:
        note = Note(
            domain.where, f"parent {domain.named_parent} names no other domain, or one in it"
        )
        return domain._replace(notes=(*domain.notes, note))
    return domain._replace(parent=parent)


def _domains(
    file: str, board: Tree, name: str, value: YamlValue, parent: Described | None
) -> Iterator[Described]:
    reader = _DomainEntry(file, board, name, value)
    domain = reader.domain(parent)
    yield domain
    for key, entry in value.entries.items():
        if key == "domains":
            for below, inner in entry.entries.items():
                yield from _domains(file, board, below, inner, domain)
        elif _is_domain(entry):
            yield from _domains(file, board, key, entry, domain)


def _is_domain(value: YamlValue) -> bool:
    return any("domain" in str(name.content) for name in value.entries.get(
        "compatible", YamlValue(None, 0)).items) and "access" in value.entries  # fmt: skip


class _DomainEntry:
    """Reads one domain, and notes what has another form instead of raising."""

    def __init__(self, file: str, board: Tree, name: str, value: YamlValue) -> None:
        self._file, self._board, self._name, self._value = file, board, name, value
        self._notes: list[Note] = []
        self._flagged: list[tuple[str, str, str]] = []

    def domain(self, parent: Described | None) -> Described:
        value = self._value
        if not value.entries:
            self._note(value, f"{self._name} is not a mapping; it is left out")
        compatible = tuple(str(name.content) for name in self._items("compatible"))
        access = tuple(self._access())
        memory = tuple(self._memory())
        cpus = tuple(self._cpus())
        texts = {name: text for name in (*XEN_TEXTS, *DOMAIN_TEXTS) if (text := self._text(name))}
        bootargs = self._one("chosen").entries.get("bootargs")
        if bootargs is not None and isinstance(bootargs.content, str):
            texts.setdefault("xen,kernel-cmdline", bootargs.content)
        self._left_out()
        self._notes += flag_notes(self._flagged)
        about = [self._name]
        about += [f"{key} {text}" for key in ("id", "os,type") if (text := self._shown(key))]
        return Described(
            self._name,
            f"{self._file}:{value.line}",
            parent,
            compatible,
            cpus,
            memory,
            access,
            texts,
            tuple(about),
            tuple(self._notes),
            self._shown("parent"),
        )

    def _note(self, value: YamlValue, text: str) -> None:
        self._notes.append(Note(f"{self._file}:{value.line}", text))

    def _where(self, value: YamlValue) -> str:
        return f"{self._file}:{value.line}"

    def _one(self, key: str) -> YamlValue:
        return self._value.entries.get(key, YamlValue(None, self._value.line))

    def _items(self, key: str) -> list[YamlValue]:
        return self._one(key).items

    def _shown(self, key: str) -> str:
        content = self._one(key).content
        return str(content) if isinstance(content, (str, int)) else ""

    def _text(self, key: str) -> str | None:
        value = self._one(key)
        if value.content is None:
            return None
        if isinstance(value.content, str):
            return value.content
        self._note(value, f"{key} is not a text; it is left out")
        return None

    def _number(self, value: YamlValue | None, key: str) -> int | None:
        """A number, or a text with a unit; None if there is none, which is noted."""
        if value is None or value.content is None:
            return None
        match = _SIZE.fullmatch(str(value.content))
        if match is None or isinstance(value.content, bool):
            self._note(value, f"{key} {_brief(value)} is not a number; it is left out")
            return None
        return int(match[1], 0) << _UNITS[match[2]]

    def _access(self) -> Iterator[Access]:
        for entry in self._items("access"):
            if isinstance(entry.content, str):
                yield Access(self._where(entry), entry.content.lstrip("&"))
                continue
            devices = entry.entries.get("dev")
            if devices is None or not devices.items:
                if entry.entries or entry.content not in ({}, None):
                    self._note(entry, f"access: {_brief(entry)} names no dev; it is left out")
                continue
            label = entry.entries.get("label")
            also = label.content if label is not None and isinstance(label.content, str) else ""
            for device in devices.items:
                if isinstance(device.content, str):
                    yield Access(self._where(device), device.content.lstrip("&"), also)
                else:
                    self._note(
                        device, f"access: dev {_brief(device)} is not a text; it is left out"
                    )
            self._flags(entry, _brief(devices))

    def _flags(self, entry: YamlValue, name: str) -> None:
        flags = entry.entries.get("flags")
        if flags is None:
            return
        set_flags = [n for n, v in flags.entries.items() if v.content]
        set_flags += [
            _brief(v)
            for v in flags.items
            if not isinstance(v.content, dict) and v.content not in (0, None, "")
        ]
        self._flagged.append((self._where(flags), name, ", ".join(set_flags)))

    def _memory(self) -> Iterator[MemoryBank]:
        for entry in self._items("memory"):
            keys = entry.entries
            if not keys:
                if isinstance(entry.content, str):
                    self._note(entry, f"memory {entry.content}: it has no size; it is left out")
                continue
            name = keys.get("dev")
            size = self._number(keys.get("size"), "size")
            start = self._number(keys.get("start"), "start")
            if size is None:
                self._note(entry, f"memory {_brief(name or entry)}: no size; it is left out")
                continue
            carve_out = keys.get("no-map")
            self._flags(entry, _brief(name) if name is not None else "memory")
            yield MemoryBank(
                self._where(entry),
                start,
                size,
                str(name.content) if name is not None else "",
                carve_out is not None and bool(carve_out.content),
            )

    def _cpus(self) -> Iterator[Cpus]:
        for entry in self._items("cpus"):
            keys = entry.entries
            cluster = keys.get("cluster") or keys.get("dev")
            if cluster is None or not isinstance(cluster.content, str):
                if keys:
                    self._note(entry, "cpus: no cluster; it is left out")
                continue
            mode = keys.get("mode", YamlValue(None, entry.line)).entries
            secure = mode.get("secure", keys.get("secure"))
            for name in keys:
                if name not in _CPU_KEYS:
                    self._note(entry, f"cpus: {name} is not known; it is left out")
            yield Cpus(
                self._where(entry),
                cluster.content,
                self._number(keys.get("cpumask"), "cpumask") or 0,
                self._number(mode.get("el"), "el"),
                secure is not None and secure.content is True,
                self._on_xen(cluster.content),
            )

    def _on_xen(self, cluster: str) -> bool:
        node = find(self._board, cluster)
        if node is not None:
            return runs_xen(node)
        return _APPLICATION.fullmatch(cluster.lower().partition("@")[0]) is not None

    def _left_out(self) -> None:
        for key, value in self._value.entries.items():
            name, _, condition = key.partition("!")
            if condition:
                text = "not carried: it depends on a condition of Lopper; write it without one"
                self._note(value, f"{key}: {text}")
            elif name in NOT_CARRIED:
                self._note(value, f"{key}: not carried: {NOT_CARRIED[name]}")
            elif key not in _KNOWN and not _is_domain(value):
                self._note(value, f"{key}: not carried: it is not known")


def _brief(value: YamlValue) -> str:
    """A value in a message."""
    content = value.content
    if isinstance(content, dict):
        return "{" + ", ".join(content)[:60] + "}"
    if isinstance(content, list):
        return "a list"
    return str(content)[:60]
