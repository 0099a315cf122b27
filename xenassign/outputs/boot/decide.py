"""The boot: modules and their addresses, the complete /chosen, and overlaps in memory.

Addresses and sizes are bytes of the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.cells import fits, number, split, xen_bus_cells, xen_cells
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, cells, text
from xenassign.devicetree.spans import PAGE_SIZE, Span, covered
from xenassign.devicetree.tree import Node
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule, some
from xenassign.host.platform import Platform
from xenassign.outputs.boot.chosen import (
    board_blob,
    built_by_xen,
    cells_of_chosen,
    change_of_chosen,
    check_dom0,
    kept_modules,
    loads_of,
    loads_of_dom0,
    module_node,
    without_kernel,
)
from xenassign.outputs.boot.cpu_pools import cpu_changes
from xenassign.outputs.boot.host_changes import all_marks
from xenassign.outputs.boot.sci_changes import changes_of_tree
from xenassign.planning.plan import DomainPlan
from xenassign.request.boot_request import (
    BOOTING,
    CHOSEN,
    HOST,
    PLACING,
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
#: Bytes besides those that the changes need: U-Boot's ``fdt resize`` rounds the tree up to pages.
_SPARE = 2 * PAGE_SIZE

#: The size in the node of a module until the U-Boot script sets it: small, so that it causes no
#: finding about an overlap.
_PLACEHOLDER_SIZE = PAGE_SIZE

#: The value of a --load, in messages.
_FORM = "ADDRESS:FILE"


class LoadedModule(NamedTuple):
    """A boot module. ``path``: of its node, ``cells``: the address and size cells of its reg.

    ``load.size``: None if the U-Boot script sets the size after loading the file.
    """

    load: LoadOption
    path: str
    cells: tuple[int, int]


class BootPlan(NamedTuple):
    """Everything that was decided about the boot.

    ``data``: the host's tree. ``marks``: its changes that withhold the devices from dom0.
    ``chosen``: the change of /chosen. ``modules``: in the order of their nodes. ``xen``, ``host``:
    the addresses of Xen and of the host's tree, None if not given. ``growth``: bytes by which
    U-Boot has to enlarge the tree for the changes.
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
        """All changes of the host's tree."""
        return (*self.marks, *((self.chosen,) if self.chosen else ()))


def decide(system: SystemPlan) -> BootPlan | None:
    """The boot of a system. None: no output about the boot is requested.

    Raises UsageError if a required option is missing, or an option names an unknown domain.
    """
    request, platform = system.resolved.request.boot, system.resolved.platform
    plans, tree = system.domains, platform.tree
    _check_loads(request, plans)
    if not request.outputs & {UBOOT, HOST, CHOSEN}:
        return None
    data = board_blob(platform)
    boots = bool(request.outputs & PLACING)
    missing = [*_missing(request, plans)] if boots else []
    if missing:
        raise UsageError(*missing)
    xen, host = request.load("xen"), request.load("host")
    chosen, modules = _chosen(platform, request, plans) if boots else (None, ())
    if boots and not modules and (CHOSEN in request.outputs or xen is not None):
        check_dom0(tree, _FORM)
    cpus = cpu_changes(tree, built_by_xen(plans)) if boots else ()
    last = (chosen,) if chosen else ()
    marks = (*all_marks(plans), *changes_of_tree(plans, tree, (*cpus, *last)), *cpus)
    changes = (*marks, *last)
    growth = max(0, len(edited(data, changes, tree.file)) - len(data)) + _SPARE
    if host is not None:
        host = host._replace(size=len(data), room=len(data) + growth)
    plan = BootPlan(request, data, marks, chosen, modules, xen, host, growth)
    return plan._replace(findings=tuple(_judge(platform, plan, plans))) if boots else plan


def _check_loads(request: BootRequest, plans: Sequence[DomainPlan]) -> None:
    """Raises UsageError for a --load that has no effect, or of an unknown domain."""
    domains = {plan.name: plan for plan in plans}
    for load in request.loads:
        if not request.outputs & BOOTING:
            raise UsageError(
                f"--load {load.name} has no effect without --uboot-script, --chosen or --efi;"
                " give one of them"
            )
        if load.domain is not None and load.domain not in domains:
            known = ", ".join(domains)
            raise UsageError(f"--load {load.name}: there is no such domain; there are {known}")
        if load.domain is not None and "dom0less" not in domains[load.domain].request.routes:
            raise UsageError(f"--load {load.name}: {load.domain} is built by xl; leave it out")


def _missing(request: BootRequest, plans: Sequence[DomainPlan]) -> Iterator[str]:
    """Each --load without which nothing can be written, as a line of an error."""
    yield from without_kernel(request, plans, _FORM)
    for plan in built_by_xen(plans):
        if request.load("dtb", plan.name) is None:
            yield f"domain {plan.name} has no dtb; give --load {plan.name}/dtb=ADDRESS"
    if UBOOT in request.outputs and request.load("host") is None:
        yield (
            "--uboot-script requires the address of the board's tree; give --load"
            " host=ADDRESS[:FILE]"
        )


def _chosen(
    platform: Platform, request: BootRequest, plans: Sequence[DomainPlan]
) -> tuple[Change, tuple[LoadedModule, ...]]:
    """The change of /chosen, and its modules: dom0's first, then the domains' in their order."""
    built, cells_of = built_by_xen(plans), cells_of_chosen(plans)
    of_dom0 = [
        _module(request, load, "/chosen", cells_of) for load in loads_of_dom0(request, _FORM)
    ]
    of_domains = [_modules(request, plan) for plan in built]
    lines = (
        ("xen,xen-bootargs", request.xen_bootargs),
        ("xen,dom0-bootargs", request.dom0_bootargs),
    )
    change = change_of_chosen(
        platform.tree,
        plans,
        [_node(module) for module in of_dom0],
        [
            tuple(_node(module, plan.request.extra) for module in modules)
            for plan, modules in zip(built, of_domains, strict=True)
        ],
        [text(name, value) for name, value in lines if value is not None],
    )
    return change, (*of_dom0, *(module for modules in of_domains for module in modules))


def _modules(request: BootRequest, plan: DomainPlan) -> list[LoadedModule]:
    """The modules of a domain."""
    path = f"/chosen/{plan.name}"
    return [_module(request, load, path, (2, 2)) for load in loads_of(request, plan)]


def _module(
    request: BootRequest, load: LoadOption, parent: str, cells_of: tuple[int, int]
) -> LoadedModule:
    set_by_script = request.load_with is not None and load.file is not None
    if load.size is None and not (set_by_script and CHOSEN not in request.outputs):
        raise UsageError(
            f"--load {load.name} has no size; give its size or its file:"
            f" --load {load.name}={load.start:#x}:FILE"
        )
    for value, count in zip((load.start, load.size or 0), cells_of, strict=True):
        if not fits(value, count):
            raise UsageError(
                f"--load {load.name}: {value:#x} does not fit into the {count} cells of {parent};"
                " load it lower"
            )
    return LoadedModule(load, f"{parent}/module@{load.start:x}", cells_of)


def _node(module: LoadedModule, bootargs: str | None = None) -> DraftNode:
    """A module's node. ``bootargs``: the domain's command line, for its kernel's node."""
    address, size = module.cells
    length = _PLACEHOLDER_SIZE if module.load.size is None else module.load.size
    reg = cells("reg", *split(module.load.start, address), *split(length, size))
    return module_node(module.load, f"module@{module.load.start:x}", reg, bootargs)


# ---------------------------------------------------------------------- overlaps


class _Occupied(NamedTuple):
    """Memory of the host in use. ``span``: in bytes."""

    owner: str
    span: Span

    @property
    def text(self) -> str:
        return f"{self.owner} ({self.span})"


def _loaded(plan: BootPlan) -> list[_Occupied]:
    """The memory of all loads. A kernel or ramdisk of several domains is there once."""
    loaded: dict[LoadOption, _Occupied] = {}
    for load in (plan.xen, plan.host, *(module.load for module in plan.modules)):
        if load is not None:
            key = load if load.image == "dtb" else load._replace(domain=None)
            loaded.setdefault(key, _Occupied(load.name, load.span))
    return list(loaded.values())


def _memory_of(module: Node) -> Iterator[_Occupied]:
    """The memory of a module of the board's tree; nothing if its reg is invalid.

    Its cells are those of the nearest node above it that states them (device_tree_for_each_node).
    """
    address, size = xen_bus_cells(*module.ancestors())
    reg = xen_cells(module.value("reg") or b"")
    if max(address, size) <= 2 and min(address, size) >= 1 and len(reg) >= address + size:
        span = Span.sized(number(reg[:address]), number(reg[address : address + size]))
        yield _Occupied(f"{module.path} of the board's tree", span)


def unpacked_twice(loads: Iterable[tuple[LoadOption, str]]) -> Iterator[Finding]:
    """Compressed kernels of several domains: Xen frees one after unpacking it for the first.

    ``loads``: the modules, each with its place, which is equal if they are one file.
    """
    users: dict[str, list[str]] = {}
    for load, place in loads:
        if load.image == "kernel" and load.packed:
            users.setdefault(place, []).append(load.name)
    for place, names in users.items():
        if len(names) > 1:
            yield OVERLAP(
                f"{some(names)} are one file {place}, compressed by gzip: Xen unpacks it"
                " for the first domain and then no longer finds it for the next",
                node="/chosen",
                fix="unpack it before the boot, or load it once for each domain",
            )


def _judge(platform: Platform, plan: BootPlan, plans: Sequence[DomainPlan]) -> Iterator[Finding]:
    loaded = _loaded(plan)
    kept = [each for node in kept_modules(platform.tree, plan.chosen) for each in _memory_of(node)]
    for index, load in enumerate(loaded):
        for other in (*loaded[:index], *(module for module in kept if module.span != load.span)):
            if load.span.overlaps(other.span):
                yield OVERLAP(f"{other.text} and {load.text} overlap", node="/chosen")
    yield from unpacked_twice(
        (module.load, f"at {module.load.start:#x}") for module in plan.modules
    )
    for load in (*loaded, *kept):
        reserved = [r.text for r in _reserved(platform, plans) if load.span.overlaps(r.span)]
        if reserved:
            yield MISPLACED(f"{load.text} overlaps {some(reserved)}", node="/chosen")
        if load not in kept and _outside(platform, load.span):
            yield NO_RAM(f"{load.text}: the board's tree states no memory there", node="/memory")
    if plan.xen is not None and plan.xen.start % _ALIGNMENT:
        yield UNALIGNED(f"xen is at {plan.xen.start:#x}", node="/chosen")


def _reserved(platform: Platform, plans: Sequence[DomainPlan]) -> Iterator[_Occupied]:
    """Memory that nothing may be loaded to."""
    for plan in plans:
        for base, size in plan.request.static_memory:
            yield _Occupied(f"static memory of {plan.name}", Span.sized(base, size))
        for share in plan.shares:
            yield _Occupied(f"{share.title} of {plan.name}", share.placed.mapping.host_span)
    for node, block in platform.reserved:
        yield _Occupied(node.path, block.span)
    for base, size in platform.tree.reservations:
        yield _Occupied("an entry of the reservation block", Span.sized(base, size))


def _outside(platform: Platform, span: Span) -> bool:
    """Whether a part of the span is in no bank of memory, if the tree states banks."""
    banks = [block.span for block in platform.memory if block.size]
    return bool(banks) and not covered(span, banks)
