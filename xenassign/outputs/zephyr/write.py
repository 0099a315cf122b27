"""NAME.zephyr.c, which fills struct xen_domain_cfg, and NAME.xrun.json.

Lists and numbers are those of NAME.cfg. xenlib copies /passthrough and /aliases of the partial
device tree; its GIC has the phandle of libxl, 65000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xenassign.devicetree.blob_writer import to_blob
from xenassign.escape import dts_comment, dts_string, json_document
from xenassign.outputs.domain.text import joined, new_irqs, new_pages, protected_paths
from xenassign.outputs.zephyr import SOURCE, XRUN
from xenassign.outputs.zephyr.decide import ZephyrPlan
from xenassign.planning.plan import DomainPlan
from xenassign.system.system import SystemPlan

_BYTES = 16  # of the partial device tree, in a line


def write(_: SystemPlan, plan: ZephyrPlan) -> dict[str, bytes]:
    """The files by name."""
    files: dict[str, bytes] = {}
    for domain, name in plan.domains:
        files[f"{domain.name}{SOURCE}"] = joined(_source(domain, name)).encode()
        files[f"{domain.name}{XRUN}"] = json_document(_xrun(domain)).encode()
    return files


def _xrun(plan: DomainPlan) -> dict[str, object]:
    """The container's config.json for xrun. Without --extra there are no parameters."""
    request = plan.request
    assert request.memory is not None, "decide() refuses a domain without memory"
    return {
        "ociVersion": "1.0.1",
        "vm": {
            "hypervisor": {"path": "xen", "parameters": []},
            "kernel": {
                "path": request.kernel,
                "parameters": [] if request.extra is None else request.extra.split(),
            },
            "hwConfig": {
                "deviceTree": request.device_tree_path or f"{plan.name}.dtb",
                "vcpus": request.vcpus,
                "memKB": request.memory << 10,
                "dtdevs": protected_paths(plan),
                "iomems": [
                    {"firstGFN": pages.gfn, "firstMFN": pages.mfn, "nrMFNs": pages.pages}
                    for _, entries in new_pages(plan)
                    for pages in entries
                ],
                "irqs": [intid for _, new in new_irqs(plan.devices) for intid in new],
            },
        },
    }


def _source(plan: DomainPlan, name: str) -> Iterator[str]:
    yield from _ABOUT.format(name=dts_comment(plan.name), marks=f"{plan.name}.host.dtbo").split(
        "\n"
    )
    yield from ("", "#include <domain.h>", "#include <zephyr/xen/public/domctl.h>")
    types = {"iomems": "struct xen_domain_iomem ", "irqs": "uint32_t ", "dtdevs": "char *"}
    entries = {"iomems": _iomems(plan), "irqs": _irqs(plan), "dtdevs": _dtdevs(plan)}
    kept = {field: [*lines] for field, lines in entries.items()}
    for field, lines in kept.items():
        if lines:
            yield from ("", f"static {types[field]}{field}[] = {{", *lines, "};")
    tree = to_blob(plan.tree)
    yield from ("", "static const uint8_t dtb[] __attribute__((aligned(8))) = {")
    for at in range(0, len(tree), _BYTES):
        yield "\t" + " ".join(f"{byte:#04x}," for byte in tree[at : at + _BYTES])
    yield "};"
    yield from ("", f"void xenassign_{name}(struct xen_domain_cfg *cfg)", "{")
    for field, lines in kept.items():
        if lines:
            yield f"\tcfg->{field} = {field};"
            yield f"\tcfg->nr_{field} = sizeof({field}) / sizeof({field}[0]);"
    if kept["dtdevs"]:
        yield "\tcfg->flags |= XEN_DOMCTL_CDF_iommu;"
    yield from (
        "\tcfg->dtb_start = (const char *)dtb;",
        "\tcfg->dtb_end = (const char *)dtb + sizeof(dtb);",
        *_values(plan),
        "}",
    )


_ABOUT = """\
/*
 * The devices of {name}, for dom0 with zephyr-xenlib. Written by xenassign.
 * The host overlay {marks} must be applied to the board's tree.
 * Set everything else of the domain's struct xen_domain_cfg, then call the function below.
 */"""


def _values(plan: DomainPlan) -> Iterator[str]:
    request = plan.request
    assert request.memory is not None, "decide() refuses a domain without memory"
    yield f"\tcfg->mem_kb = {request.memory << 10};"
    yield f"\tcfg->max_vcpus = {request.vcpus};"
    if request.extra is not None:
        yield f"\tcfg->cmdline = {dts_string(request.extra)};"


def _iomems(plan: DomainPlan) -> Iterator[str]:
    for owner, entries in new_pages(plan):
        yield _comment(owner.path)
        for pages in entries:
            yield (
                f"\t{{ .first_gfn = {pages.gfn:#x}, .first_mfn = {pages.mfn:#x},"
                f" .nr_mfns = {pages.pages:#x} }},"
            )


def _irqs(plan: DomainPlan) -> Iterator[str]:
    """INTIDs: an SPI's number plus 32."""
    for device, new in new_irqs(plan.devices):
        yield _comment(device.path)
        if new:
            yield f"\t{_joined(map(str, new))}"


def _dtdevs(plan: DomainPlan) -> Iterator[str]:
    return (f"\t{dts_string(path)}," for path in protected_paths(plan))


def _comment(text: str) -> str:
    return f"\t/* {dts_comment(text)} */"


def _joined(items: Iterable[str]) -> str:
    return " ".join(f"{item}," for item in items)
