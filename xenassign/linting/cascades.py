"""Which findings follow from others, so that one mistake is one error.

A consequence is in ``follows`` of its cause and nowhere else. The relations below are those that
the examples of the rules and the cases of tests/xen show. A cause is at least as severe as its
consequences; what rejects a domain follows only from what rejects it on the same routes, so that
the reasons of a verdict stay findings of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from xenassign.findings import SEVERITIES, Finding


class Relation(NamedTuple):
    """``keys``: what a consequence and its cause have in common; one of several is enough.

    ``causes``: in order of preference. ``only``: which findings can be consequences, if not all:
    these cannot be causes.
    """

    keys: Callable[[Finding, Mapping[str, str]], Iterator[Hashable]]
    causes: tuple[str, ...]
    consequences: tuple[str, ...]
    only: Callable[[Finding], bool] | None = None


def _node(finding: Finding, _: Mapping[str, str]) -> Iterator[Hashable]:
    if finding.node is not None:
        yield finding.file, finding.node


def _place(finding: Finding, _: Mapping[str, str]) -> Iterator[Hashable]:
    if finding.place is not None:
        yield finding.place


def _domain(finding: Finding, domains: Mapping[str, str]) -> Iterator[Hashable]:
    yield domains.get(finding.file or "", finding.file)


def _in_key(key: str) -> Callable[[Finding, Mapping[str, str]], Iterator[Hashable]]:
    """A key of dom.cfg that is misspelt, or has what xl does not read: what it lacks follows."""

    def keys(finding: Finding, domains: Mapping[str, str]) -> Iterator[Hashable]:
        if finding.code not in _UNREAD_KEY or key in (finding.prop, finding.replacement):
            yield from _domain(finding, domains)

    return keys


#: An entry of dom.cfg, or a key, that xl does not read as it was meant.
_UNREAD_KEY = ("XA601", "XA602", "XA603", "XA604", "XA606", "XA608")


def _of_config(finding: Finding) -> bool:
    return finding.node is None


RELATIONS = (
    # xen,reg of a node: what is invalid, or elsewhere, does not map the registers.
    Relation(_node, ("XA205", "XA206", "XA213", "XA214"), ("XA215", "XA216")),
    Relation(_node, ("XA222", "XA411"), ("XA215",)),
    Relation(_node, ("XA211", "XA212"), ("XA227", "XA818")),
    Relation(_place, ("XA217",), ("XA216",)),
    Relation(_node, ("XA219",), ("XA203",)),
    # The host's node: one that does not exist, or is Xen's, does not fit; one not marked is dom0's.
    Relation(_node, ("XA412", "XA304"), ("XA312", "XA323", "XA216")),
    Relation(_node, ("XA415", "XA304", "XA305"), ("XA416",)),
    Relation(_node, ("XA415",), ("XA305",)),
    Relation(_domain, ("XA415",), ("XA317",)),
    # The size of the guest's tree.
    Relation(_node, ("XA122",), ("XA123",)),
    Relation(_domain, ("XA108",), ("XA122",)),
    # The interrupts of a node against those of the host and irqs.
    Relation(_node, ("XA320", "XA322", "XA324", "XA312"), ("XA315",)),
    Relation(_node, ("XA320", "XA322", "XA324"), ("XA312", "XA323")),
    Relation(_domain, ("XA320",), ("XA325", "XA326")),
    # dom.cfg: an entry, and what is missing where an entry is wrong.
    Relation(_place, ("XA318",), ("XA316", "XA326")),
    Relation(_place, ("XA316",), ("XA326",)),
    Relation(_place, ("XA221",), ("XA203", "XA228")),
    Relation(_place, ("XA417",), ("XA422",)),
    Relation(_place, ("XA218", "XA608"), ("XA204", "XA228")),
    Relation(_in_key("irqs"), (*_UNREAD_KEY, "XA316"), ("XA315",)),
    Relation(_in_key("iomem"), (*_UNREAD_KEY, "XA221"), ("XA220",)),
    Relation(_in_key("dtdev"), (*_UNREAD_KEY, "XA417"), ("XA423",)),
    # iomem against xen,reg: one is wrong, and both sides differ.
    Relation(_node, ("XA217", "XA216", "XA215"), ("XA220",)),
    Relation(
        _domain,
        ("XA411", "XA213", "XA222", "XA217", "XA216", "XA215", "XA220"),
        ("XA220",),
        _of_config,
    ),
    # The domain's node, and the tree of the domain.
    Relation(_node, ("XA717",), ("XA706",)),
    Relation(_node, ("XA704",), ("XA701", "XA707")),
    Relation(_node, ("XA701",), ("XA707",)),
    Relation(_domain, ("XA725",), ("XA218",)),
    Relation(_domain, ("XA313",), ("XA313",)),  # nr_spis is one value of the domain
    Relation(_domain, ("XA801",), ("XA220", "XA315", "XA802", "XA803")),
)


def attach(findings: Sequence[Finding], domains: Mapping[str, str]) -> tuple[Finding, ...]:
    """The findings without those that follow from others, which their causes have in ``follows``.

    ``domains``: by file, what the files of one domain have in common; a file without is alone.
    """
    cause_of: dict[int, int] = {}
    for relation in RELATIONS:
        causes = _causes(findings, relation, domains)
        for number, finding in enumerate(findings if causes else ()):
            if finding.code not in relation.consequences or number in cause_of:
                continue
            if relation.only is not None and not relation.only(finding):
                continue
            keys = list(relation.keys(finding, domains))
            possible = (
                cause
                for code in relation.causes
                for key in keys
                for cause in causes.get((code, key), {}).values()
                if cause != number and _root(cause_of, cause) != number
            )
            cause = next((c for c in possible if _may(findings[c], finding)), None)
            if cause is not None:
                cause_of[number] = cause
    follows: dict[int, list[Finding]] = {}
    for number in sorted(cause_of):
        follows.setdefault(_root(cause_of, number), []).append(findings[number])
    return tuple(
        finding._replace(follows=tuple(follows.get(number, ())))
        for number, finding in enumerate(findings)
        if number not in cause_of
    )


def _causes(
    findings: Sequence[Finding], relation: Relation, domains: Mapping[str, str]
) -> dict[tuple[str, Hashable], dict[tuple[str, ...], int]]:
    """By code and key the first finding of each effect, severity and routes that can be a cause."""
    causes: dict[tuple[str, Hashable], dict[tuple[str, ...], int]] = {}
    for number, finding in enumerate(findings):
        if finding.code in relation.causes and not (relation.only and relation.only(finding)):
            kind = (finding.effect, finding.severity, *finding.routes)
            for key in relation.keys(finding, domains):
                causes.setdefault((finding.code, key), {}).setdefault(kind, number)
    return causes


def _root(cause_of: Mapping[int, int], number: int) -> int:
    """The cause of all causes."""
    while number in cause_of:
        number = cause_of[number]
    return number


def _may(cause: Finding, consequence: Finding) -> bool:
    """Whether a finding may be the cause of another, see above."""
    if SEVERITIES.index(cause.severity) > SEVERITIES.index(consequence.severity):
        return False
    decides = consequence.effect in ("rejected", "unknown")
    same = cause.effect == consequence.effect and {*consequence.routes} <= {*cause.routes}
    return same or not decides
