"""Findings: what is wrong, how bad it is, on which route, where, and how to mend it.

A :class:`Rule` has a stable code, and a page of docs/rules says what it means; it is registered
beside the code that applies it.
A :class:`Finding` is one application of a rule. ``effect`` says what becomes of the domain:

* ``rejected``: Xen or libxl refuses the domain on the finding's routes.
* ``broken``: accepted, but the guest can't use the device.
* ``unsafe``: accepted, but isolation or memory is at risk.
* ``portability``, ``style``: what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.places import Place

if TYPE_CHECKING:
    from xenassign.rule_pages import Page
    from xenassign.xen.releases import Release

ROUTES = ("dom0less", "xl")
SEVERITIES = ("error", "warning", "note")
EFFECTS = ("rejected", "broken", "unsafe", "portability", "style")


def every_release(_: Release) -> bool:
    """The condition of a rule that has none."""
    return True


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule. Its texts are those of its page, docs/rules/CODE.md, which they are read from.

    ``applies``: whether a release of Xen behaves so. ``needs_host``: whether the rule can say
    anything without the host's tree.
    """

    code: str
    name: str
    severity: str
    effect: str
    routes: tuple[str, ...]
    applies: Callable[[Release], bool]
    needs_host: bool

    @property
    def page(self) -> Page:
        """All of the page."""
        from xenassign.rule_pages import page

        return page(self.code)

    @property
    def title(self) -> str:
        """What is wrong, in a few words."""
        return self.page.title

    @property
    def why(self) -> str:
        """What Xen does, in its own words where it has any."""
        return self.page.why

    @property
    def fix(self) -> str:
        """What to do, for any finding of the rule."""
        return self.page.fix

    @property
    def source(self) -> str:
        """The function of Xen or libxl, or the specification, that the rule is read from."""
        return self.page.source

    def __call__(  # noqa: PLR0913 (what a finding may know)
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
    ) -> Finding:
        """One finding of this rule."""
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
        )


class Finding(NamedTuple):
    """One application of a rule.

    ``node`` is a path, ``prop`` a property of it or a key of dom.cfg, ``cell`` counts the cells of
    the property from 0. ``own_fix``: what to do, where that is not what the rule says. ``file`` and
    ``domain`` (its name): what it is about, once that is known. ``place`` is where in the text that
    is, when there is a text, and ``replacement`` what may stand there instead, where only one thing
    can have been meant.
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

    @property
    def code(self) -> str:
        """The rule's stable code."""
        return self.rule.code

    @property
    def effect(self) -> str:
        """What becomes of the domain."""
        return self.rule.effect

    @property
    def fix(self) -> str:
        """What to do. It may read the rule's page."""
        return self.own_fix or self.rule.fix

    def text(self, file: str | None = None) -> str:
        """One line for people, about a file."""
        at = self.place
        about = f"{at.file}:{at.line}:{at.column}" if at else self.file or file
        domain = f"domain {self.domain}" if self.domain is not None and at is None else None
        where = "".join(f"{part}: " for part in (about, domain) if part)
        node = f"{self.node}: " if self.node and self.node not in self.message else ""
        return f"{self.severity}: {where}{node}{self.message}; {self.fix} [{self.code}]"


_RULES: dict[str, Rule] = {}


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
    """Registers a rule. A code and a name are given once; docs/rules/CODE.md says what it is."""
    taken = code in _RULES or any(name == other.name for other in _RULES.values())
    if taken or severity not in SEVERITIES or effect not in EFFECTS:
        raise ValueError(f"rule {code} is registered twice or has no such severity or effect")
    made = _RULES[code] = Rule(code, name, severity, effect, routes, applies, needs_host)
    return made


def registered() -> tuple[Rule, ...]:
    """The rules of the modules imported so far, by code; lint.catalogue imports them all."""
    return tuple(_RULES[code] for code in sorted(_RULES))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that forbid the answer yes."""
    return [finding for finding in findings if finding.severity == "error"]


def some(texts: Iterable[str]) -> str:
    """The first three of a list, each once, and how many more there are: for a message."""
    every = list(dict.fromkeys(texts))
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more
