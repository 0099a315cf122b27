"""What is wrong in a xenassign.toml, by the tables of its keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.escape import toml_key
from xenassign.formats.toml_text import KeyPath, TomlFile
from xenassign.request.keys.domain_section import DOM0LESS, DOMAIN
from xenassign.request.keys.section import Key, Section
from xenassign.request.value_kinds import Kind
from xenassign.spelling import did_you_mean
from xenassign.xen.node_properties import PROPERTIES


class Mistake(NamedTuple):
    """What is wrong in a file: the key path where it is, and a sentence without the place."""

    at: KeyPath
    text: str


def title(section: Section, value: object, index: int) -> str:
    """The name of an element of a repeated section: ``domain 'net'``; without a name its number."""
    if section.title is None:
        return f"{section.header} {index + 1}"
    noun, key = section.title
    name = value.get(key) if isinstance(value, dict) else value
    return f"{noun} {name!r}" if isinstance(name, str) else f"{noun} {index + 1}"


def mistakes(section: Section, value: object, at: KeyPath = (), who: str = "") -> Iterator[Mistake]:
    """Everything that is wrong in a section, in the order of the file.

    ``at``: the key path of ``value``. ``who``: the sections around it, as the sentences begin
    (``domain 'net': ``).
    """
    if not isinstance(value, dict):
        yield Mistake(at, f"{who}{at[-1]} is not a {section.noun}; write {section.header}")
        return
    for name, item in value.items():
        key = section.get(name)
        if key is None:
            hint = _elsewhere(section, name) or did_you_mean(name, _unset(section, value, item))
            known = f"it has {', '.join(key.name for key in section.keys)}"
            yield Mistake((*at, name), f"{who}{section.header} has no key {name}; {hint or known}")
        elif not isinstance(key.kind, Section):
            yield from _wrong(key, key.kind, item, (*at, name), who)
        elif not key.kind.repeated:
            yield from mistakes(key.kind, item, (*at, name), who)
        else:
            yield from _repeated(key, key.kind, item, (*at, name), who)
    for key in section.keys:
        if key.required and value.get(key.name, []) == []:
            yield Mistake(at, f"{who}{section.header} has no {key.name}; {key.hint}")


def _elsewhere(section: Section, name: str) -> str | None:
    """The key of [[domain]] that states a property which is written in [domain.dom0less]."""
    keys = {prop.name: prop.key for prop in PROPERTIES}
    key = DOMAIN.get(keys.get(name) or "") if section is DOM0LESS else None
    return f"it is {key.name} of [[domain]]" if key is not None else None


def _unset(section: Section, value: dict[str, object], item: object) -> Iterator[str]:
    """The keys of a section that are not set and could have a value."""
    for key in section.keys:
        if isinstance(key.kind, Section):
            fits = isinstance(item, list if key.kind.repeated else dict)
        else:
            fits = key.kind.wrong(item) is None
        if key.name not in value and fits:
            yield key.name


def _repeated(
    key: Key, section: Section, value: object, at: KeyPath, who: str
) -> Iterator[Mistake]:
    if not isinstance(value, list):
        yield Mistake(at, f"{who}{key.name} is not a {section.noun}; {key.hint}")
        return
    for index, element in enumerate(value):
        wrong = section.short.wrong(element) if section.short is not None else None
        if section.short is not None and wrong is None:
            continue
        called = ", ".join([*([who[:-2]] if who else []), title(section, element, index)])
        if isinstance(element, dict):
            yield from mistakes(section, element, (*at, index), f"{called}: ")
        elif wrong is not None and isinstance(element, str):
            yield Mistake((*at, index), f"{called} {wrong.text}; {wrong.fix or key.hint}")
        else:
            nouns = f"{section.short.noun} or table" if section.short else "table"
            yield Mistake((*at, index), f"{called} is not a {nouns}; {key.hint}")


def _wrong(key: Key, kind: Kind, value: object, at: KeyPath, who: str) -> Iterator[Mistake]:
    wrong = kind.wrong(value)
    if wrong is not None:
        names = [toml_key(part) for part in wrong.at if isinstance(part, str)]
        called = ".".join([key.name, *names])
        text = f"{who}{called} {wrong.text}; {wrong.fix or key.hint}"
        yield Mistake((*at, *wrong.at), text)


def sentence(file: TomlFile, mistake: Mistake) -> str:
    """The line of an error: ``FILE:LINE: TEXT``."""
    return f"{file.where(mistake.at)}: {mistake.text}"
