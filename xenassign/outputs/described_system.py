"""The xenassign.toml of a system that a System Device Tree or a domains.yaml describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from xenassign import escape
from xenassign.advice.assess import Assessment, BoardAssessment
from xenassign.devicetree.tree import Node
from xenassign.outputs.domain.text import joined
from xenassign.outputs.starter import facts_of
from xenassign.request.described.carry import Carried, CarriedDomain

_HEADER = """\
# The domains of {source}, for `xenassign generate -c`.
# Written by `xenassign init {words}`, whose notes say what is not carried.
# All keys: docs/system.md, and `xenassign schema` for editors.

"""


def described_system(
    carried: Carried,
    board: BoardAssessment,
    settings: Mapping[str, object],
    option: str,
    source: str,
) -> str:
    """The text of the file.

    ``settings``: host and the other keys of the whole file. ``source``: the name of the description
    as the file sees it, which ``option`` named. ``board`` has the devices of all domains.
    """
    by_node = {device.device.node: device for device in board.devices}
    values = dict(settings)
    if carried.route is not None:
        values["route"] = carried.route
    host = [] if settings["host"] == source else [str(settings["host"])]
    words = escape.hash_comment(" ".join((*host, option, source)))
    header = _HEADER.format(words=words, source=escape.hash_comment(source))
    return joined(
        (
            *header.splitlines(),
            *(f"{key} = {escape.toml_value(value)}" for key, value in values.items()),
            *(line for domain in carried.domains for line in _domain(domain, carried, by_node)),
            *_boot(carried),
        )
    )


def _domain(
    domain: CarriedDomain, carried: Carried, devices: Mapping[Node, Assessment]
) -> Iterator[str]:
    yield ""
    yield "[[domain]]"
    yield f"# {escape.hash_comment(', '.join(domain.about))}"
    loads = {"kernel": domain.kernel_file, "ramdisk": domain.ramdisk_file}
    if carried.route == "xl":
        loads = {}
    yield from _keys(
        {
            "name": domain.name,
            "memory": domain.memory,
            "vcpus": domain.vcpus,
            "cpus": domain.cpus,
            "kernel": domain.kernel,
            "ramdisk": domain.ramdisk,
            "extra": domain.extra,
            "load": {key: file for key, file in loads.items() if file is not None} or None,
        }
    )
    if domain.banks:
        yield "# Xen chooses where its memory is. To have it there (dom0less, STATIC_MEMORY):"
        yield f"# static-memory = {escape.toml_value([*domain.banks])}"
    yield "device = ["
    for node in domain.devices:
        about = facts_of(devices[node])
        yield f"    {escape.toml_string(node.path)},  # {escape.hash_comment(about)}".rstrip(" #")
    yield "]"


def _boot(carried: Carried) -> Iterator[str]:
    keys = [
        *_keys(
            {
                "load": carried.files or None,
                "xen-bootargs": carried.xen_bootargs,
                "dom0-bootargs": carried.dom0_bootargs,
            }
        )
    ]
    if keys:
        yield ""
        yield "[boot]"
        yield from keys


def _keys(values: Mapping[str, object]) -> Sequence[str]:
    return [f"{k} = {escape.toml_value(v)}" for k, v in values.items() if v is not None]
