"""The text files of a domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xenassign.checks.conflicts import Conflict
from xenassign.devicetree.draft import DraftNode
from xenassign.devicetree.source.writer import to_dts
from xenassign.devicetree.spans import GrowingIntervals
from xenassign.escape import dts_comment, dts_string, hash_comment, xlcfg_string
from xenassign.outputs.domain.overlay import domain_node
from xenassign.outputs.domain.waivers import with_waivers
from xenassign.planning.plan import DomainPlan, PlannedDevice, PlannedRegion
from xenassign.request.request import Request
from xenassign.xen.iommu import Shield
from xenassign.xen.sci_agents import BINDING
from xenassign.xen.xlvalues import IomemRange

_LIMITED = 60  # columns left in the line of dom.cfg


def joined(lines: Iterable[str]) -> str:
    """The lines as the text of a file."""
    return "".join(f"{line}\n" for line in lines)


def source(comment: Iterable[str], body: str, *tags: str) -> str:
    """Source below a comment, whose lines have no end. ``tags``: what follows ``/dts-v1/;``."""
    about = (f" * {line}".rstrip() for line in comment)
    return joined(("/dts-v1/;", *tags, "", "/*", *about, " */", "")) + body


def overlay_source(comment: Iterable[str], overlay: DraftNode) -> str:
    """The source of an overlay below a comment."""
    return source(comment, to_dts(overlay), "/plugin/;")


def partial_dts(plan: DomainPlan, conflicts: Iterable[Conflict] = ()) -> str:
    """NAME.dts: the source of the partial device tree, with waivers.

    ``conflicts``: of the whole system, for the waivers.
    """
    release = plan.request.release.name
    comment = _PARTIAL.format(name=plan.name, release=release, host=dts_comment(plan.model))
    return source(comment.splitlines(), to_dts(with_waivers(plan, conflicts)))


_PARTIAL = """\
Partial device tree of {name} for Xen {release}, both routes (dom0less and xl).
Host: {host}
Written by xenassign. Two warnings of dtc are expected: there is no node with the phandle 0xfde8 of
interrupt-parent (Xen and libxl use it for the guest's GIC), and clocks below /passthrough have no
reg (-W no-interrupts_property -W no-simple_bus_reg).
"""


def host_dtso(plan: DomainPlan, marks: DraftNode) -> str:
    """NAME.host.dtso: the marks as source."""
    return overlay_source(_about_marks(plan), marks)


def _about_marks(plan: DomainPlan) -> Iterator[str]:
    yield from _MARKS.format(name=plan.name).splitlines()
    if not plan.host_keeps:
        return
    yield ""
    yield "dom0 has no user of the following, and must leave it on and as the firmware set it up:"
    for keep in plan.host_keeps:
        supply = " ".join([keep.kind, keep.provider, *map(hex, keep.args)])
        keeps = f"{supply} for {', '.join(keep.users)}"
        yield f"  {dts_comment(keeps)}"
    if plan.dom0_options:
        yield f"Add to dom0's kernel command line: {' '.join(plan.dom0_options)}"


_MARKS = """\
Apply to the board's device tree (fdtoverlay, or `fdt apply` in U-Boot) before Xen starts:
Xen does not give the marked nodes to dom0, so that {name} can have them.
"""


def dom0less_dtso(plan: DomainPlan, size: int) -> str:
    """NAME.dom0less.dtso: the domain's node. ``size``: bytes of the partial device tree."""
    return overlay_source(_about_domain(plan, size), domain_node(plan))


def _about_domain(plan: DomainPlan, size: int) -> Iterator[str]:
    request = plan.request
    arguments = f" with bootargs = {dts_string(request.extra)}" if request.extra else ""
    values = {"name": plan.name, "size": size, "arguments": dts_comment(arguments)}
    yield from _DOMAIN.format(**values).splitlines()
    if request.static_memory:
        yield from _STATIC_MEMORY.splitlines()
    earlier = dict.fromkeys(end.remote for end in plan.channels if end.later)
    if earlier:
        files = ", ".join(f"{name}.dom0less.dtso" for name in earlier)
        yield f"Apply it after {files}: it has both ends of their event channels."
    others = plan.pool.users[:-1] if plan.pool is not None else ()
    if others and plan.pool is not None and plan.pool.users[-1] == plan.name:
        files = ", ".join(f"{name}.dom0less.dtso" for name in others)
        yield f"Apply it after {files}: it has their CPU pool."
    if request.memory is None:
        yield "Xen also requires memory, which was not given (--memory)."
    if request.vcpus is None:
        yield "Xen also requires cpus, which was not given (--vcpus)."


_DOMAIN = """\
The /chosen/{name} node of a dom0less domain. The boot loader adds one node below it for
each module, with its address and size in reg (or xen,uefi-binary, when booted by UEFI):
  "multiboot,kernel", "multiboot,module"{arguments}
  "multiboot,ramdisk", "multiboot,module"
  "multiboot,device-tree", "multiboot,module" for {name}.dtb ({size} bytes)
"""
_STATIC_MEMORY = """\
No module, nor Xen or its device tree, may lie in the domain's static memory.
/chosen keeps the #address-cells and #size-cells stated here: xen,static-mem is in them.
Xen is built with CONFIG_STATIC_MEMORY (CONFIG_UNSUPPORTED).
"""


def dom_cfg(plan: DomainPlan) -> str:
    """NAME.cfg: the domain configuration for xl."""
    return joined((*_guest(plan), *_memory(plan), *_devices(plan)))


def _guest(plan: DomainPlan) -> Iterator[str]:
    """What the guest is, apart from its devices."""
    request = plan.request
    board = hash_comment(plan.model or "an unnamed board")
    yield f"# {plan.name}: {board}, Xen {request.release.name}."
    if request.attach_overlay:
        steps = f"{plan.name}.attach.host.dtso has the steps in dom0 that are required before"
        yield f"# Written by xenassign; {steps}."
    else:
        overlay = f"the host overlay {plan.name}.host.dtbo must be applied to the board's tree"
        yield f"# Written by xenassign; {overlay}."
    yield f"name = {xlcfg_string(plan.name)}"
    if request.memory is not None:
        yield f"memory = {request.memory}"
    if request.vcpus is not None:
        yield f"vcpus = {request.vcpus}"
    if len(request.node.cpus) == 1:
        yield f"cpus = {xlcfg_string(request.node.cpus[0])}"
    elif request.node.cpus:
        yield f"cpus = [{', '.join(map(xlcfg_string, request.node.cpus))}]"
    if request.node.cpu_pool is not None:
        yield f"pool = {xlcfg_string(request.node.cpu_pool)}"
    if request.kernel is not None:
        yield f"kernel = {xlcfg_string(request.kernel)}"
    else:
        yield "# xl requires a kernel (--kernel PATH), a file in dom0:"
        yield '# kernel = "/boot/Image"'
    if request.ramdisk is not None:
        yield f"ramdisk = {xlcfg_string(request.ramdisk)}"
    if request.extra is not None:
        yield f"extra = {xlcfg_string(request.extra)}"


def _memory(plan: DomainPlan) -> Iterator[str]:
    """The partial device tree, and what its mappings require."""
    request = plan.request
    most = f"{plan.memory_mb_max} MiB{_limited(plan)}"
    yield ""
    yield f"# Maximum memory at which no mapping below overlaps RAM: {most}."
    yield f"device_tree = {xlcfg_string(request.device_tree_path or f'{plan.name}.dtb')}"
    if plan.pool_mib is not None:
        yield from _POOL.splitlines()
        yield f"shadow_memory = {plan.pool_mib}"
    if request.sci is not None:
        yield from (_AGENT if request.agent else _SCMI).splitlines()
        yield f"arm_sci = {xlcfg_string(sci_value(request))}"


_POOL = """
# MiB for the stage 2 tables: the default is too small for the large mappings below, which xl makes
# page by page.
"""
_SCMI = """
# The guest has the host's SCMI. Xen's command line requires scmi-smc-passthrough; dom0 has no \
SCMI then.
"""


_AGENT = """
# The guest calls the SCMI firmware as an agent of its own. Proposed for Xen (CONFIG_SCMI_SMC_MA).
"""


def sci_value(request: Request) -> str:
    """The value of arm_sci."""
    agent = f",{BINDING.xl_agent}={request.agent}" if request.agent else ""
    return f"type={request.sci}{agent}"


def _devices(plan: DomainPlan) -> Iterator[str]:
    """The lists of devices, interrupts and pages."""
    dtdev = protected_paths(plan)
    if dtdev:
        yield ""
        if plan.permissions:
            yield "# Devices behind an IOMMU that Xen drives, and those that SCMI permits."
        else:
            yield "# Devices behind an IOMMU that Xen drives: their DMA is confined to the domain."
        if any(device.protection.protected for device in plan.devices):
            yield 'passthrough = "enabled"'
        yield "dtdev = ["
        yield from (f"    {xlcfg_string(path)}," for path in dtdev)
        yield "]"
    irqs = list(_irq_lines(plan.devices))
    if irqs:
        yield ""
        yield "# INTIDs (an SPI's number plus 32), each once: xl refuses one that is listed twice."
        yield from ("irqs = [", *irqs, "]")
    iomem = list(_iomem_lines(plan))
    if iomem:
        moved = any(pages.mfn != pages.gfn for pages in plan.page_ranges)
        guest_page = ", @ first guest page if it differs" if moved else ""
        if any(pages.normal for pages in plan.page_ranges):
            guest_page = ", @ first guest page, memory type"
        yield ""
        yield f"# Pages of 4096 bytes, hexadecimal: first host page, count{guest_page}."
        yield from ("iomem = [", *iomem, "]")


def protected_paths(plan: DomainPlan) -> list[str]:
    """The host paths of the devices for dtdev: those that Xen protects by an IOMMU, and those whose
    ids it has the SCMI firmware permit.
    """
    ids = plan.permissions
    return [d.path for d in plan.devices if d.protection.protected or d.path in ids]


def _limited(plan: DomainPlan) -> str:
    """The node that limits the memory, if the text is short enough for the line."""
    limit = plan.memory_limit
    text = f"; {limit.by} is at {limit.address:#x}" if limit else ""
    return hash_comment(text) if len(text) <= _LIMITED else ""


def new_irqs(devices: Iterable[PlannedDevice]) -> Iterator[tuple[PlannedDevice, list[int]]]:
    """Devices with the INTIDs that no earlier one has; those without any interrupt are left out."""
    listed: set[int] = set()
    for device in devices:
        new = [intid for intid in device.irqs if intid not in listed]
        listed.update(new)
        if device.irqs:
            yield device, new


def _irq_lines(devices: Iterable[PlannedDevice]) -> Iterator[str]:
    """INTIDs below their device; one that an earlier device has is listed there only."""
    for device, new in new_irqs(devices):
        old = [intid for intid in device.irqs if intid not in new]
        note = f" (also {', '.join(map(str, old))}, listed above)" if old else ""
        yield f"    # {hash_comment(device.path + note)}"
        if new:
            yield f"    {', '.join(map(str, new))},"


def new_pages(
    plan: DomainPlan,
) -> Iterator[tuple[PlannedDevice | PlannedRegion, list[IomemRange]]]:
    """Devices and regions with the mappings that no earlier one has; those without any are left
    out.
    """
    seen: dict[int, GrowingIntervals[None]] = {}  # host pages, by their distance to the guest's
    for owner in plan.owners:
        entries = []
        for mapping in owner.mappings:
            alike = seen.setdefault(mapping.guest - mapping.host, GrowingIntervals())
            if alike.covering(mapping.host_span):
                continue
            alike.add(mapping.host_span, None)
            entries.append(mapping.entry)
        if owner.mappings:
            yield owner, entries


def _iomem_lines(plan: DomainPlan) -> Iterator[str]:
    """Pages below device or region; a mapping that an earlier one has is listed there only."""
    for owner, entries in new_pages(plan):
        yield f"    # {hash_comment(owner.path + _about_pages(owner, len(entries)))}"
        yield from (f'    "{entry.text}",' for entry in entries)


def _about_pages(owner: PlannedDevice | PlannedRegion, listed: int) -> str:
    """What is to be known about the mappings of a device or region, of which some are listed."""
    notes = []
    rounded = [f"{placed.block.size:#x}" for placed in owner.placed if placed.rounded]
    if rounded:
        notes.append(f"rounded out from {', '.join(rounded)} bytes")
    if listed < len(owner.mappings):
        notes.append("shares pages listed above")
    if isinstance(owner, PlannedDevice) and not owner.protection.protected:
        known = owner.protection.shield is not Shield.UNKNOWN
        notes.append("no IOMMU protection" if known else "IOMMU protection not known")
    return f" ({'; '.join(notes)})" if notes else ""
