"""Findings: a problem, its severity, the routes that it affects, its place, and the fix.

A :class:`Rule` has a stable code and a page in docs/rules; the module that applies it registers it.
A :class:`Finding` is one application of a rule. ``effect`` is the consequence for the domain:

* ``rejected``: Xen or libxl refuses the domain on the finding's routes.
* ``broken``: accepted, but the guest can't use the device.
* ``unsafe``: accepted, but isolation or memory is at risk.
* ``portability``: accepted; the build, the board or the guest decides whether it works.
* ``style``: accepted; the line has no effect or can be improved.
* ``unknown``: whether Xen accepts the domain depends on something that was not given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from xenassign import escape

if TYPE_CHECKING:
    from xenassign.devicetree.places import Place
    from xenassign.rule_pages import Page
    from xenassign.xen.releases import Release

ROUTES = ("dom0less", "xl")
SEVERITIES = ("error", "warning", "note")
EFFECTS = ("rejected", "broken", "unsafe", "portability", "style", "unknown")


def every_release(_: Release) -> bool:
    """The condition of a rule that applies to every release."""
    return True


class Rule:
    """A rule. Its texts are read from its page, docs/rules/CODE.md.

    ``applies``: whether a release of Xen behaves as the rule states. ``needs_host``: whether the
    rule requires the host's tree.
    """

    def __init__(
        self,
        code: str,
        name: str,
        severity: str,
        effect: str,
        routes: tuple[str, ...],
        applies: Callable[[Release], bool],
        needs_host: bool,
    ) -> None:
        self.code = code
        self.name = name
        self.severity = severity
        self.effect = effect
        self.routes = routes
        self.applies = applies
        self.needs_host = needs_host

    @property
    def page(self) -> Page:
        """The page. Raises InputError if it is missing or malformed."""
        from xenassign.rule_pages import page

        return page(self.code)

    @property
    def title(self) -> str:
        """The problem in a few words."""
        return self.page.title

    @property
    def why(self) -> str:
        """The behaviour of Xen, with its own message if it prints one."""
        return self.page.why

    @property
    def fix(self) -> str:
        """The fix for any finding of the rule."""
        return self.page.fix

    @property
    def source(self) -> str:
        """The function of Xen or libxl, or the specification, that defines the rule."""
        return self.page.source

    def __call__(  # noqa: PLR0913 (the fields of a finding)
        self,
        message: str,
        *,
        node: str | None = None,
        prop: str | None = None,
        cell: int | None = None,
        place: Place | None = None,
        replacement: str | None = None,
        severity: str | None = None,
        fix: str | None = None,
        routes: tuple[str, ...] | None = None,
        others: Iterable[str] = (),
        accepted: bool = False,
        additions: tuple[Addition, ...] = (),
        fails: bool | None = None,
    ) -> Finding:
        """A finding of this rule."""
        return Finding(
            self,
            message,
            severity=severity or self.severity,
            routes=self.routes if routes is None else routes,
            node=node,
            prop=prop,
            cell=cell,
            own_fix=fix,
            place=place,
            replacement=replacement,
            others=tuple(dict.fromkeys(others)),
            accepted=accepted,
            additions=additions,
            fails=fails,
        )


class Addition(NamedTuple):
    """What ``lint --fix`` adds to a file, so that a finding is gone.

    With ``node`` it is a property of that node: ``name`` and its value as in source, "" without
    one. Else it is an item of the list ``name`` of dom.cfg, as it is written there. ``file``: None
    for that of the finding. ``safe``: whether the files themselves state what is added; else only
    --unsafe-fixes adds it.
    """

    name: str
    value: str
    node: str | None = None
    file: str | None = None
    safe: bool = True


class Finding(NamedTuple):
    """One application of a rule.

    ``node`` is a path, ``prop`` a property of it or a key of dom.cfg, ``cell`` counts the cells of
    the property from 0. ``own_fix``: a fix other than the rule's. ``file`` and ``domain`` (by name)
    are set when they are known. ``place`` is that in the text, if there is a text, and
    ``replacement`` the correct text for it, if only one is possible. ``follows``: findings of the
    lint that are consequences of this one. ``others``: host paths of the nodes with which there is
    no such finding if the domain gets them too (``XA107``, ``XA201``, ``XA305``), or instead
    (``XA101``), or of its memory region.
    ``accepted``: the user states why he accepts it. ``additions``: all of them correct it.
    ``fails``: of a rule with the effect ``broken``, whether the device itself is known to fail;
    None: as the effect says. ``other_side``: where the other domain states what both have.
    """

    rule: Rule
    message: str
    severity: str
    routes: tuple[str, ...]
    node: str | None = None
    prop: str | None = None
    cell: int | None = None
    own_fix: str | None = None
    file: str | None = None
    place: Place | None = None
    replacement: str | None = None
    domain: str | None = None
    follows: tuple[Finding, ...] = ()
    others: tuple[str, ...] = ()
    accepted: bool = False
    additions: tuple[Addition, ...] = ()
    fails: bool | None = None
    other_side: Place | None = None

    @property
    def code(self) -> str:
        """The rule's stable code."""
        return self.rule.code

    @property
    def effect(self) -> str:
        """The consequence for the domain, one of EFFECTS."""
        return self.rule.effect

    @property
    def fix(self) -> str:
        """The fix: its own, or the rule's, for which the rule's page is read."""
        return self.own_fix or self.rule.fix

    def text(self, file: str | None = None) -> str:
        """One line for people, which a terminal shows. ``file``: its name if it has none."""
        return escape.terminal(f"{self.severity}: {self._located(file)}; {self.fix} [{self.code}]")

    def consequence(self) -> str:
        """The line of text below a finding that it follows from."""
        return escape.terminal(f"  follows: {self._located(None)} [{self.code}]")

    def _located(self, file: str | None) -> str:
        """The message after the place and the node."""
        place = self.place
        location = f"{place.file}:{place.line}:{place.column}" if place else self.file or file
        domain = f"domain {self.domain}" if self.domain is not None and place is None else None
        prefix = "".join(f"{part}: " for part in (location, domain) if part)
        node = f"{self.node}: " if self.node and self.node not in self.message else ""
        return f"{prefix}{node}{self.message}"


_RULES: dict[str, Rule] = {}
_NAMES: set[str] = set()


def rule(
    code: str,
    name: str,
    severity: str,
    effect: str,
    *,
    routes: tuple[str, ...] = ROUTES,
    applies: Callable[[Release], bool] = every_release,
    needs_host: bool = False,
) -> Rule:
    """Registers a rule, whose page is docs/rules/CODE.md. ValueError: code or name is in use."""
    if code in _RULES or name in _NAMES or severity not in SEVERITIES or effect not in EFFECTS:
        raise ValueError(f"rule {code} is registered twice or has no such severity or effect")
    _NAMES.add(name)
    _RULES[code] = Rule(code, name, severity, effect, routes, applies, needs_host)
    return _RULES[code]


def registered() -> tuple[Rule, ...]:
    """The rules of the modules imported so far, by code; linting/catalogue.py imports all."""
    return tuple(_RULES[code] for code in sorted(_RULES))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """The findings of severity error."""
    return [finding for finding in findings if finding.severity == "error"]


def flat(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, each before those that follow from it."""
    for finding in findings:
        yield finding._replace(follows=())
        yield from finding.follows


def some(texts: Iterable[str]) -> str:
    """A list for a message: the first three different texts, and the number of the others."""
    every = list(dict.fromkeys(texts))
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more
