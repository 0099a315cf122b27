"""What an editor shows at a word: the facts about it, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from xenassign.devicetree.places import Place
from xenassign.devicetree.references import references
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node
from xenassign.escape import markdown_text, terminal
from xenassign.formats.xlcfg import Atom, ListValue, XlAssignment, XlConfig, strtol
from xenassign.host.device import HostDevice, read_device
from xenassign.host.gic import decode
from xenassign.host.neighbours import neighbours
from xenassign.linting.documents import ConfigFile, TreeFile
from xenassign.linting.guest.guest_lines import guest_lines
from xenassign.linting.guest.view import View
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.mappings import MappingEntry
from xenassign.server.words import CFG, DEVICE, DOMAIN, HOST, meaning
from xenassign.xen.iommu import protection
from xenassign.xen.releases import SPI_FIRST_INTID
from xenassign.xen.xlvalues import intid, page_range

#: Lines that are shown of a long list.
_MOST = 12


class Shown(NamedTuple):
    """Markdown, and the place that it is about."""

    text: str
    place: Place


def of_tree(tree: TreeFile, context: Context, at: tuple[int, int]) -> Shown | None:
    """What is known of the property at a line and column of a device tree."""
    written = _property_at(tree, at)
    if written is None or tree.tree is None:
        return None
    path, name, place = written
    node = tree.tree.find(path)
    if node is None:
        return None
    view = View(tree.tree, context)
    shows: dict[str, Callable[[View, Node], Iterator[str]]] = {
        "xen,path": _host_node,
        **dict.fromkeys(context.release.reg_properties, _mappings),
        "interrupts": _interrupts,
        "interrupts-extended": _interrupts,
        "clock-frequency": _stand_in,
    }
    lines = list(shows[name](view, node)) if name in shows else []
    words = _meaning(tree, path, name)
    if words is not None:
        lines.insert(0, f"**{name}**: {words}")
    if not lines:
        return None
    more = [f"… and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return Shown("\n\n".join([*lines[:_MOST], *more]), place)


def _property_at(tree: TreeFile, at: tuple[int, int]) -> tuple[str, str, Place] | None:
    """(path, name, place of the statement) of the property at a line and column."""
    for layer in tree.sources:
        for path, node in layer.nodes():
            for name, prop in node.properties.items():
                place = prop.statement
                inside = (place.line, place.column) <= at < (place.end_line, place.end_column)
                if inside and place.file == tree.file:
                    return path, name, place
    return None


def _meaning(tree: TreeFile, path: str, name: str) -> str | None:
    parts = path.lower().split("/")
    if "passthrough" in parts:
        return meaning(DEVICE, name)
    node = tree.tree.find(path) if tree.tree is not None else None
    if node is not None and "xen,domain" in node.compatible:
        return meaning(DOMAIN, name)
    return meaning(HOST, name)


def _host_node(view: View, node: Node) -> Iterator[str]:
    host = view.host(node)
    if host is not None:
        yield from device_lines(view.context, host)


def device_lines(context: Context, host: HostDevice) -> Iterator[str]:
    """What a device of the host is: registers, interrupts, IOMMU, DMA."""
    compatible = ", ".join(map(_code, host.node.compatible)) or "without compatible"
    yield f"{_code(host.path)} on the host: {compatible}"
    if host.node.status != "okay":
        yield f"status: {markdown_text(host.node.status)}"
    if host.blocks:
        spans = (Span.sized(block.address, block.size) for block in host.blocks[:_MOST])
        blocks = map(span_text, spans)
        yield f"registers: {', '.join(blocks)}"
    if host.lines:
        lines = (f"{intid_text(line.intid)} {line.trigger}" for line in host.lines[:_MOST])
        yield f"interrupts: {', '.join(lines)}"
    if context.platform is not None and context.iommus is not None:
        shield = protection(context.platform, context.iommus, host)
        yield f"IOMMU: {shield.shield.value}: {markdown_text(shield.why)}"
    yield f"DMA: {host.dma.answer}: {markdown_text(host.dma.evidence)}"


def _mappings(view: View, node: Node) -> Iterator[str]:
    partial = view.nearest(node)
    for entry in partial.entries if partial is not None else ():
        yield mapping_line(view.context, entry)


def mapping_line(context: Context, entry: MappingEntry) -> str:
    """A mapping: host and guest addresses in bytes, pages, and whose registers are in them."""
    host, guest = entry.host_span, entry.guest_span
    same = "the same guest addresses" if host == guest else f"guest {span_text(guest)}"
    return f"host {span_text(host)} → {same}{_owners(context, host)}"


def _owners(context: Context, host: Span) -> str:
    if context.platform is None:
        return ""
    owners = neighbours(context.platform).overlapping(host.rounded())
    names = list(dict.fromkeys(_code(node.path) for _, node in owners))
    return f": registers of {', '.join(names[:_MOST])}" if names else ": no registers of the host"


def _interrupts(view: View, node: Node) -> Iterator[str]:
    for line in guest_lines(view.tree, node, view.guest_gic):
        decoded = decode(0, (line.kind, line.number, line.flags))
        trigger = f", {decoded.trigger}" if decoded is not None else ""
        yield f"{intid_text(line.intid)}{trigger}{_line_of_host(view.context, line.intid)}"


def _line_of_host(context: Context, intid: int) -> str:
    if context.platform is None:
        return ""
    lines = neighbours(context.platform).lines.get(intid, ())
    users = dict.fromkeys(f"{_code(node.path)} ({line.trigger})" for line, node in lines)
    return f": on the host of {', '.join([*users][:_MOST])}" if users else ": of nobody on the host"


def _stand_in(view: View, node: Node) -> Iterator[str]:
    """A fixed-clock of the guest: its users, and what they have on the host instead."""
    if "fixed-clock" not in node.compatible:
        return
    rate = node.get("clock-frequency")
    if rate is not None and len(rate.value) == 4:
        yield f"{_rate(rate.u32())}, fixed"
    for user in view.copied:
        for group in references(view.tree, user):
            for entry in group.entries:
                if entry.provider is node:
                    name = f" {_code(entry.name)}" if entry.name else ""
                    instead = _instead_of(view, user, group.prop, entry.index)
                    yield f"clock {entry.index}{name} of {_code(user.path)}{instead}"


def _instead_of(view: View, user: Node, prop: str, index: int) -> str:
    host = view.host_node(user)
    platform = view.context.platform
    if host is None or platform is None:
        return ""
    for group in read_device(platform, host).suppliers:
        for entry in group.entries:
            if group.prop == prop and entry.index == index and entry.provider is not None:
                return f": replaces {_code(entry.provider.path)} of the host"
    return ""


def of_config(document: ConfigFile, context: Context, at: int) -> Shown | None:
    """What is known of the key or the number at an offset of a dom.cfg."""
    config = document.config
    if not isinstance(config, XlConfig):
        return None
    statement = next((s for s in config.statements if s.start <= at < s.end), None)
    if statement is None:
        return None
    atom = next((a for a in _atoms(statement) if a.start <= at < a.end), None)
    lines = list(_value(statement.name, atom, context)) if atom is not None else []
    if lines and atom is not None:
        return Shown("\n\n".join(lines), config.place(atom))
    words = meaning(CFG, statement.name)
    if words is None:
        known = context.release.xl_keys
        words = "a key of xl" if statement.name in known else "xl ignores it"
    return Shown(f"**{statement.name}**: {words}", document.place(statement))


def _atoms(statement: XlAssignment) -> Iterable[Atom]:
    value = statement.value
    items = value.items if isinstance(value, ListValue) else (value,)
    return (item for item in items if isinstance(item, Atom))


def _value(key: str, atom: Atom, context: Context) -> Iterator[str]:
    if (
        key == "iomem"
        and (mapped := page_range(atom.text, context.release.normal_mappings)) is not None
    ):
        yield mapping_line(context, MappingEntry.of_iomem(mapped))
    elif key == "irqs" and (number := intid(atom.text)) is not None:
        yield f"{intid_text(number)}{_line_of_host(context, number)}"
    elif key == "dtdev" and context.platform is not None:
        node = context.platform.tree.find_as_xen(atom.text)
        if node is not None:
            yield from device_lines(context, read_device(context.platform, node))
    elif key in ("memory", "maxmem") and (size := strtol(atom.text) or 0) > 0:
        yield f"{size} MiB: {size * 2**20 // PAGE_SIZE} pages, {size * 1024:#x} KiB"


def span_text(span: Span) -> str:
    """Addresses in bytes, and their pages."""
    pages = span.rounded().size // PAGE_SIZE
    return f"`{span}` ({pages} page{'' if pages == 1 else 's'})"


def intid_text(intid: int) -> str:
    """An INTID with what it is in a device tree."""
    if intid >= SPI_FIRST_INTID:
        return f"INTID {intid} (SPI {intid - SPI_FIRST_INTID})"
    return f"INTID {intid} ({f'PPI {intid - 16}' if intid >= 16 else 'SGI'})"


def _rate(hertz: int) -> str:
    for unit, size in (("GHz", 10**9), ("MHz", 10**6), ("kHz", 10**3)):
        if hertz >= size:
            return f"{hertz / size:g} {unit}"
    return f"{hertz} Hz"


def _code(text: str) -> str:
    """A name in the font of code, where a backtick cannot stand."""
    return f"`{terminal(text)}`" if "`" not in text else markdown_text(text)
