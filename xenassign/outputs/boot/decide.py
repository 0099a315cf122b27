"""What lies where in memory when Xen starts, and what the host's tree says of it.

Decided of a system whose domains are decided: which modules each dom0less domain has, the complete
/chosen, and whether two things lie at one place. Addresses and sizes are bytes of the host.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.cells import number, split, xen_bus_cells, xen_cells
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, DraftProperty, cells, text
from xenassign.devicetree.spans import PAGE_SIZE, Span, covered
from xenassign.devicetree.tree import Node
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule, some
from xenassign.host.platform import Platform
from xenassign.outputs.boot.host_changes import all_marks, chosen_cells, domain_node
from xenassign.planning.plan import DomainPlan
from xenassign.request.boot_request import (
    CHOSEN,
    OF_DOMAIN,
    UBOOT,
    BootRequest,
    LoadOption,
)
from xenassign.system.system import SystemPlan
from xenassign.xen.layout import MIB

_ROUTES = ("dom0less",)

OVERLAP = rule("XA023", "loads-overlap", "error", "broken", routes=_ROUTES)
MISPLACED = rule("XA024", "load-in-reserved-memory", "error", "broken", routes=_ROUTES)
NO_RAM = rule("XA025", "load-outside-memory", "warning", "broken", routes=_ROUTES)
UNALIGNED = rule("XA026", "xen-unaligned", "error", "broken", routes=_ROUTES)

_ALIGNMENT = 2 * MIB
#: Beyond the bytes that are needed: U-Boot's ``fdt resize`` rounds the tree up to pages.
_SPARE = 2 * PAGE_SIZE

#: Stands in a node for a size that U-Boot will tell: small, so that no overlap is claimed by it.
_UNTOLD = PAGE_SIZE

#: compatible of whatever Xen lists as a module (process_multiboot_node).
_MODULES = frozenset({"multiboot,module", "xen,multiboot-module"})

#: compatible of the modules of a domain, or of dom0.
_KINDS = {"kernel": "kernel", "ramdisk": "ramdisk", "dtb": "device-tree"}


class LoadedModule(NamedTuple):
    """A boot module: what lies where, and the path of the node that says so.

    ``load.size`` is None where U-Boot will tell it; the node's is a stand-in until then.
    """

    load: LoadOption
    path: str
    cells: tuple[int, int]


class BootPlan(NamedTuple):
    """Everything that was decided about the boot.

    ``data``: the host's tree. ``marks``: its changes that withhold the devices from dom0.
    ``chosen``: those of /chosen. ``modules``: in the order of their nodes. ``xen``, ``host``: where
    Xen and the host's tree lie, None where that is not said. ``growth``: bytes that U-Boot has to
    make the tree larger by, for the changes to fit.
    """

    request: BootRequest
    data: bytes
    marks: tuple[Change, ...]
    chosen: Change | None
    modules: tuple[LoadedModule, ...]
    xen: LoadOption | None
    host: LoadOption | None
    growth: int
    findings: tuple[Finding, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All of them."""
        return (*self.marks, *((self.chosen,) if self.chosen else ()))


def decide(system: SystemPlan) -> BootPlan | None:
    """Decides it for the domains of a system. None: nothing is asked of the boot.

    Raises UsageError where something that has to be said is not, or nothing is of that name.
    """
    request, platform, plans = (
        system.resolved.request.boot,
        system.resolved.platform,
        system.domains,
    )
    tree = platform.tree
    _check_names(request, plans)
    if not request.outputs:
        return None
    if tree.data is None or platform.dom0_tree is not None:
        what = "no blob that could be changed" if tree.data is None else "dom0's, not the board's"
        raise UsageError(f"{tree.file}: this tree is {what}; give the .dtb that the board boots")
    wanted = request.outputs & {UBOOT, CHOSEN}
    xen, host = request.load("xen"), request.load("host")
    marks = all_marks(plans)
    chosen, modules = _chosen(platform, request, plans) if wanted else (None, ())
    if (CHOSEN in wanted or xen is not None) and wanted and not modules:
        _check_dom0(tree.find("/chosen"))
    changes = (*marks, *((chosen,) if chosen else ()))
    growth = max(0, len(edited(tree.data, changes, tree.file)) - len(tree.data)) + _SPARE
    if host is not None:
        host = host._replace(size=len(tree.data), room=len(tree.data) + growth)
    elif UBOOT in wanted:
        raise UsageError(
            "--uboot-script: where does the board's tree lie? give --load host=ADDRESS[:FILE]"
        )
    plan = BootPlan(request, tree.data, marks, chosen, modules, xen, host, growth)
    return plan._replace(findings=tuple(_judge(platform, plan, plans))) if wanted else plan


def _check_names(request: BootRequest, plans: Sequence[DomainPlan]) -> None:
    domains = {plan.name: plan for plan in plans}
    for load in request.loads:
        if not request.outputs & {UBOOT, CHOSEN}:
            raise UsageError(
                f"--load {load.name} has no effect without --uboot-script or --chosen;"
                " give one of them"
            )
        if load.domain is not None and load.domain not in domains:
            known = ", ".join(domains)
            raise UsageError(f"--load {load.name}: there is no such domain; there are {known}")
        if load.domain is not None and "dom0less" not in domains[load.domain].request.routes:
            raise UsageError(f"--load {load.name}: {load.domain} is built by xl; leave it out")


def _chosen(
    platform: Platform, request: BootRequest, plans: Sequence[DomainPlan]
) -> tuple[Change, tuple[LoadedModule, ...]]:
    """The change of /chosen, and its modules: dom0's first, then the domains' in their order."""
    tree = platform.tree
    built = [plan for plan in plans if "dom0less" in plan.request.routes]
    with_banks = [plan for plan in built if plan.request.static_memory]
    cells_of = (*with_banks, *plans)[0].chosen_cells  # the board's, unless a bank needs wider ones
    of_dom0 = _dom0(request, cells_of)
    of_domains = [_modules(request, plan) for plan in built]
    properties: list[DraftProperty] = []
    if of_dom0 or with_banks:
        properties += chosen_cells(cells_of)
    for name, value in (
        ("xen,xen-bootargs", request.xen_bootargs),
        ("xen,dom0-bootargs", request.dom0_bootargs),
    ):
        if value is not None:
            properties.append(text(name, value))
    nodes = [_node(module) for module in of_dom0]
    nodes += [
        domain_node(plan, tuple(_node(module, plan.request.extra) for module in modules))
        for plan, modules in zip(built, of_domains, strict=True)
    ]
    old = tree.find("/chosen")
    # Xen would take what they name for a ramdisk (process_chosen_node).
    stale = ("linux,initrd-start", "linux,initrd-end")
    drop = tuple(name for name in stale if old is not None and old.has(name))
    change = Change(
        "/chosen",
        tuple(properties),
        tuple(nodes),
        drop,
        _older(old, {node.name for node in nodes}) if of_dom0 else (),
        why="what Xen boots",
    )
    return change, (*of_dom0, *(module for modules in of_domains for module in modules))


def _older(chosen: Node | None, new: set[str]) -> tuple[str, ...]:
    """The modules of dom0 that /chosen has and that give way: Xen takes the first kernel."""
    children = chosen.children.values() if chosen is not None else ()
    return tuple(
        node.name for node in children if node.name not in new and _MODULES & {*node.compatible}
    )


def _check_dom0(chosen: Node | None) -> None:
    """Whether the board's own /chosen has a kernel for dom0, where nothing else is to be booted."""
    if not _older(chosen, set()):
        raise UsageError(
            "Xen would have nothing to boot: no domain is for dom0less, and dom0 has no kernel;"
            " give --load dom0-kernel=ADDRESS:FILE"
        )


def _dom0(request: BootRequest, cells_of: tuple[int, int]) -> list[LoadedModule]:
    found = []
    for what in ("dom0-kernel", "dom0-ramdisk"):
        load = request.load(what)
        if load is not None:
            found.append(_module(request, load, "/chosen", cells_of))
    if found and found[0].load.what != "dom0-kernel":
        raise UsageError("--load dom0-ramdisk: and where is its kernel? give --load dom0-kernel=…")
    return found


def _modules(request: BootRequest, plan: DomainPlan) -> list[LoadedModule]:
    found = []
    for what in OF_DOMAIN:
        load = request.load(what, plan.name)
        if load is None and what != "ramdisk":
            wanted = f"{plan.name}/dtb=ADDRESS" if what == "dtb" else f"{what}=ADDRESS:FILE"
            raise UsageError(f"domain {plan.name} has no {what}; give --load {wanted}")
        if load is None:
            continue
        load = load._replace(domain=plan.name)
        if what == "dtb":
            file = load.file or f"{plan.name}.dtb"
            load = load._replace(size=len(to_blob(plan.tree)), file=file)
        found.append(_module(request, load, f"/chosen/{plan.name}", (2, 2)))
    return found


def _module(
    request: BootRequest, load: LoadOption, parent: str, cells_of: tuple[int, int]
) -> LoadedModule:
    told_later = request.load_with is not None and load.file is not None
    if load.size is None and not (told_later and CHOSEN not in request.outputs):
        raise UsageError(
            f"--load {load.name}: how large is it? give its size or its file:"
            f" --load {load.name}={load.address:#x}:FILE"
        )
    for value, count in zip((load.address, load.size or 0), cells_of, strict=True):
        if value >= 1 << 32 * count:
            raise UsageError(
                f"--load {load.name}: {value:#x} does not fit into the {count} cells of {parent};"
                " load it lower"
            )
    return LoadedModule(load, f"{parent}/module@{load.address:x}", cells_of)


def _node(module: LoadedModule, bootargs: str | None = None) -> DraftNode:
    """A module's node. ``bootargs``: the domain's, which its kernel has."""
    what = module.load.what.removeprefix("dom0-")
    address, size = module.cells
    length = _UNTOLD if module.load.size is None else module.load.size
    reg = (*split(module.load.address, address), *split(length, size))
    properties = [
        text("compatible", f"multiboot,{_KINDS[what]}", "multiboot,module"),
        cells("reg", *reg),
    ]
    if bootargs is not None and what == "kernel":
        properties.append(text("bootargs", bootargs))
    return DraftNode(f"module@{module.load.address:x}", tuple(properties))


# ---------------------------------------------------------------------- the places


class _Occupied(NamedTuple):
    """Memory of the host, in bytes, and what has it."""

    owner: str
    span: Span

    @property
    def text(self) -> str:
        return f"{self.owner} ({self.span})"


def _loaded(plan: BootPlan) -> list[_Occupied]:
    """What lies in memory. A kernel or ramdisk that several domains have is one thing."""
    found: dict[LoadOption, _Occupied] = {}
    for one in (plan.xen, plan.host, *(module.load for module in plan.modules)):
        if one is not None:
            thing = one if one.what == "dtb" else one._replace(domain=None)
            span = Span.sized(one.address, max(one.size or 1, one.room))
            found.setdefault(thing, _Occupied(one.name, span))
    return list(found.values())


def _kept(platform: Platform, chosen: Change | None) -> Iterator[_Occupied]:
    """The boot modules that the board's /chosen has already and that stay."""
    old = platform.tree.find("/chosen")
    if old is None or chosen is None:
        return
    gone = {*chosen.remove, *(node.name for node in chosen.children)}
    for node in (one for one in old.children.values() if one.name not in gone):
        for module in (node, *node.children.values()):
            if _MODULES & {*module.compatible}:
                yield from _span_of(module)


def _span_of(module: Node) -> Iterator[_Occupied]:
    """Where a module of the board's tree lies; nothing where that cannot be read.

    Its cells are those of the nearest node above it that states them (device_tree_for_each_node).
    """
    address, size = xen_bus_cells(*module.ancestors())
    reg = xen_cells(module.value("reg") or b"")
    if max(address, size) <= 2 and min(address, size) >= 1 and len(reg) >= address + size:
        span = Span.sized(number(reg[:address]), number(reg[address : address + size]))
        yield _Occupied(f"{module.path} of the board's tree", span)


def _unpacked_twice(plan: BootPlan) -> Iterator[Finding]:
    """A kernel that Xen unpacks for one domain, and frees, is not there for the next."""
    users: dict[int, list[str]] = {}
    for module in plan.modules:
        if module.load.what == "kernel" and module.load.packed:
            users.setdefault(module.load.address, []).append(module.load.name)
    for address, names in users.items():
        if len(names) > 1:
            yield OVERLAP(
                f"{some(names)} are one file at {address:#x}, compressed by gzip: Xen unpacks it"
                " for the first domain and then no longer finds it for the next",
                node="/chosen",
                fix="unpack it before, or load it once for each domain",
            )


def _judge(platform: Platform, plan: BootPlan, plans: Sequence[DomainPlan]) -> Iterator[Finding]:
    loaded = _loaded(plan)
    kept = list(_kept(platform, plan.chosen))
    for index, load in enumerate(loaded):
        for other in (*loaded[:index], *(old for old in kept if old.span != load.span)):
            if load.span.overlaps(other.span):
                yield OVERLAP(f"{other.text} and {load.text} overlap", node="/chosen")
    yield from _unpacked_twice(plan)
    for load in (*loaded, *kept):
        taken = [other.text for other in _taken(platform, plans) if load.span.overlaps(other.span)]
        if taken:
            yield MISPLACED(f"{load.text} overlaps {some(taken)}", node="/chosen")
        if load not in kept and _outside(platform, load.span):
            yield NO_RAM(f"{load.text}: the board's tree states no memory there", node="/memory")
    if plan.xen is not None and plan.xen.address % _ALIGNMENT:
        yield UNALIGNED(f"xen is at {plan.xen.address:#x}", node="/chosen")


def _taken(platform: Platform, plans: Sequence[DomainPlan]) -> Iterator[_Occupied]:
    for one in plans:
        for base, size in one.request.static_memory:
            yield _Occupied(f"static memory of {one.name}", Span.sized(base, size))
    for node, block in platform.reserved:
        yield _Occupied(node.path, block.span)
    for base, size in platform.tree.reservations:
        yield _Occupied("an entry of the reservation block", Span.sized(base, size))


def _outside(platform: Platform, span: Span) -> bool:
    """Whether a part of it is in no bank of memory, where the tree states any."""
    banks = [block.span for block in platform.memory if block.size]
    return bool(banks) and not covered(span, banks)
