"""Who has what of a board, as a matrix of owners by kinds: rows, text, and data for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from xenassign.outputs.report.who_has_what import HEADINGS, KINDS, Ownership, Resource, intids_text


def matrix(owned: Ownership) -> list[tuple[str, ...]]:
    """The matrix: a row of headings, then a row for each owner, with counts."""
    rows: list[tuple[str, ...]] = [("", *HEADINGS)]
    for owner in owned.owners:
        counts = (str(owned.number(owner, kind)) for kind in KINDS)
        rows.append((owner.name, *counts))
    return rows


def summary(owned: Ownership) -> list[str]:
    """What the matrix shows: that nothing is shared, or each thing that two owners have."""
    lines = []
    for resource in owned.shared:
        owners = " and ".join(owner.name for owner in resource.owners)
        finding = resource.finding
        reason = f": {finding.message} [{finding.code}]" if finding is not None else ""
        lines.append(f"{resource.kind} {resource.name} has several owners, {owners}{reason}")
    return lines or ["No device, page, interrupt or stream has two owners."]


def text_lines(owned: Ownership) -> Iterator[str]:
    """The matrix as text."""
    rows = matrix(owned)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *counts in rows:
        cells = (count.rjust(width) for count, width in zip(counts, widths[1:], strict=True))
        yield "  ".join((name.ljust(widths[0]), *cells)).rstrip()
    yield from summary(owned)


def to_data(owned: Ownership) -> dict[str, object]:
    """The matrix for JSON, with every resource that a domain has or that is shared."""
    return {
        "owners": [
            {
                "kind": owner.kind,
                "name": owner.name,
                **{kind: owned.number(owner, kind) for kind in KINDS},
            }
            for owner in owned.owners
        ],
        "resources": [_resource(each) for each in of_interest(owned)],
    }


def of_interest(owned: Ownership) -> Sequence[Resource]:
    """What a domain has or uses, and what is shared."""
    return [
        resource
        for resource in owned.resources
        if resource.shared or any(holder.owner.kind == "domain" for holder in resource.holders)
    ]


def in_ranges(resources: Iterable[Resource]) -> list[Resource]:
    """The resources with interrupts that follow one another as one, where their owners agree.

    What is shared stays alone, since its finding is about it.
    """
    rows: list[Resource] = []
    runs: list[list[int]] = []
    for resource in resources:
        last = rows[-1] if rows else None
        if last and runs[-1] and _continues(last, runs[-1][-1], resource):
            runs[-1].append(runs[-1][-1] + 1)
            rows[-1] = last._replace(name=f"INTID {intids_text(runs[-1])}", size=len(runs[-1]))
        else:
            rows.append(resource)
            runs.append([resource.intid] if resource.intid is not None else [])
    return rows


def _continues(last: Resource, intid: int, resource: Resource) -> bool:
    """Whether an interrupt is the next of a row. ``intid``: the last of the row."""
    follows = resource.intid == intid + 1 and resource.holders == last.holders
    return follows and not resource.shared


def _resource(resource: Resource) -> dict[str, object]:
    return {
        "kind": resource.kind,
        "name": resource.name,
        "holders": [
            {
                "owner": {"kind": holder.owner.kind, "name": holder.owner.name},
                "uses": holder.uses,
                "why": holder.why,
                "source": holder.source,
            }
            for holder in resource.holders
        ],
        "shared": resource.shared,
        "code": resource.finding.code if resource.finding is not None else None,
    }
