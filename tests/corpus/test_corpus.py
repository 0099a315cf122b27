"""Every board of Debian's arm64 kernel: read, inspected, and devices of it generated for.

Each test takes one chunk of the boards, so that pytest-xdist has something to spread. A test goes
on past a bad board and names all of them at its end.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha1
from pathlib import Path
from typing import Any

import libfdt
import pytest

from tests.answers import codes, generate, of
from xenassign.advice.assess import Assessment, assess
from xenassign.advice.verdict import hindrances
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.draft import encode
from xenassign.devicetree.references import INTERRUPT_TREE, references
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, errors
from xenassign.host.device import is_device
from xenassign.host.platform import read_platform
from xenassign.linting.documents import document
from xenassign.linting.linter import Options, lint
from xenassign.outputs.boot.host_changes import beside_marks
from xenassign.outputs.report.plan_json import inspect, to_json
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import ClockRate, Request
from xenassign.xen.releases import DEFAULT, release

from . import contract, judges, sample

CHUNKS = 32

#: So many verdicts of ``inspect`` of a chunk are compared with the files of ``generate``.
GENERATED = 8

Figures = Callable[[Counter[str]], None]

pytestmark = pytest.mark.corpus

in_chunks = pytest.mark.parametrize("chunk", range(CHUNKS))


@pytest.fixture
def chunk_of_boards(chunk: int, board_files: list[Path]) -> list[tuple[str, Path]]:
    """(VENDOR/BOARD.dtb, file) of every CHUNKS-th board: neighbours differ little, so do chunks."""
    return [("/".join(path.parts[-2:]), path) for path in board_files[chunk::CHUNKS]]


@pytest.fixture
def neighbours(chunk: int, board_files: list[Path]) -> list[tuple[str, Path]]:
    """The same of a run of boards, which are alike: for :func:`new_devices`."""
    size = -(-len(board_files) // CHUNKS)
    run = board_files[chunk * size : (chunk + 1) * size]
    return [("/".join(path.parts[-2:]), path) for path in run]


def new_devices(tree: Tree, seen: set[tuple[str, ...]]) -> Iterator[Node]:
    """The devices of a board but for those that an earlier board of the same SoC has too.

    These have the same path and the same properties, down to the phandles, in all nodes below.
    """
    for node in filter(is_device, tree.nodes()):
        digest = sha1(usedforsecurity=False)
        for below in node.walk():
            for prop in below.properties.values():
                digest.update(prop.name.encode() + prop.value)
        key = (*tree.root.compatible[-1:], node.path, digest.hexdigest())
        if key not in seen:
            seen.add(key)
            yield node


def told(failures: list[str]) -> str:
    """The first of the failures, a line each."""
    more = f"\n… and {len(failures) - 25} more" if len(failures) > 25 else ""
    return "\n".join(failures[:25]) + more


# ---------------------------------------------------------------------------- reading


@in_chunks
def test_reader_equals_libfdt(chunk_of_boards: list[tuple[str, Path]], figures: Figures) -> None:
    """Paths, properties, their order and bytes, reservations: what libfdt reads, byte for byte."""
    counts: Counter[str] = Counter()
    failures = []
    for board, path in chunk_of_boards:
        blob = path.read_bytes()
        tree = read_blob(blob, board)
        ours = [
            (node.path, [(prop.name, prop.value) for prop in node.properties.values()])
            for node in tree.nodes()
        ]
        theirs = judges.content(blob)
        counts["read, boards"] += 1
        counts["read, nodes"] += len(ours)
        counts["read, properties"] += sum(len(properties) for _, properties in ours)
        if ours != theirs:
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), -1)
            failures.append(f"{board}: differs from libfdt at node {at}")
        fdt = libfdt.Fdt(blob)
        reserved = tuple(tuple(fdt.get_mem_rsv(i)[-2:]) for i in range(fdt.num_mem_rsv()))
        if tree.reservations != reserved:
            failures.append(f"{board}: reservations {tree.reservations}, libfdt has {reserved}")
    figures(counts)
    assert not failures, told(failures)


# ---------------------------------------------------------------------------- inspect


@in_chunks
def test_inspect(neighbours: list[tuple[str, Path]], figures: Figures) -> None:
    """Every device of every board, judged; the JSON keeps the contract; generate says the same.

    ``generate`` is asked about the first device with each of the first verdicts of a chunk, at most
    one of a board.
    """
    counts: Counter[str] = Counter()
    failures: list[str] = []
    seen: set[tuple[str, ...]] = set()
    verdicts: set[str] = set()
    for board, path in neighbours:
        try:
            tree = read_blob(path.read_bytes(), board)
            nodes = list(new_devices(tree, seen))
            judged = assess(read_platform(tree), release(DEFAULT), nodes)
            document = json.loads(to_json(inspect(judged)))
        except Exception as error:
            failures.append(f"{board}: {_where(error)}")
            continue
        failures += [f"{board}: {problem}" for problem in contract.check(document)]
        failures += [f"{board}: {problem}" for problem in _inconsistent(document)]
        counts["inspected, boards"] += 1
        _count(document, counts)
        for device in judged.devices:
            text = _verdict_form(device)
            if text not in verdicts and len(verdicts) < GENERATED:
                verdicts.add(text)
                counts["inspected, and generated for"] += 1
                failures += [f"{board}: {problem}" for problem in _disagreement(tree, device)]
                break
    figures(counts)
    assert not failures, told(failures)


def _verdict_form(device: Assessment) -> str:
    """The verdict without paths, and what generate says without options."""
    words = str(device.verdict).split(" ")
    form = " ".join("PATH" if word.startswith("/") else word for word in words)
    refused = errors(device.findings)
    return f"{form} {refused[0].code if refused else ''}"


def _disagreement(tree: Tree, device: Assessment) -> Iterator[str]:
    """What ``generate`` does otherwise than the verdict on a device says."""
    path, verdict = device.device.path, device.verdict
    plain = Request(devices=(path,), release=release(DEFAULT))
    _, files, refusals = generate(tree, plain)
    if bool(files) != device.assignable:
        yield f"{path}: assignable is {device.assignable}, generate refuses with {codes(refusals)}"
    if verdict.answer == "no":
        return
    plan, files, refusals = generate(tree, device.request)
    if not files:
        yield f"{path}: the verdict is {verdict}, generate refuses with {codes(refusals)}"
        return
    rates = tuple(
        ClockRate(finding.node, None, 1_000_000)
        for finding in of(plan, "XA501")
        if finding.node is not None
    )
    if bool(rates) != ("--clock-rate" in verdict.options):
        yield f"{path}: the verdict is {verdict}, and rates are required of {len(rates)} nodes"
    with_rates = replace(device.request, clock_rates=tuple(dict.fromkeys(rates)))
    plan, _, refusals = generate(tree, with_rates)
    hindering = {f.code for f in hindrances(plan.findings)} - {"XA403"}
    if refusals or hindering:
        yield f"{path}: the verdict is {verdict}, and the plan has {sorted(hindering)}"


def _inconsistent(document: Any) -> Iterator[str]:
    """What the shape alone does not say."""
    paths = [device["path"] for device in document["devices"]]
    if len(set(paths)) != len(paths):
        yield "a device is listed twice"
    for device in document["devices"]:
        refused = any(finding["severity"] == "error" for finding in device["findings"])
        answer = device["verdict"]["answer"]
        if (answer == "yes" and refused) or (answer == "no" and not device["verdict"]["why"]):
            yield f"{device['path']}: the verdict is {device['verdict']}"
        if device["assignable"] is refused:
            yield f"{device['path']}: assignable is {device['assignable']}, findings say otherwise"
        if device["protected"] and not (
            device["iommus"] and all(use["protects"] for use in device["iommus"])
        ):
            yield f"{device['path']}: protected, by no iommu or in part"


def _count(document: Any, counts: Counter[str]) -> None:
    for device in document["devices"]:
        counts["inspected, devices"] += 1
        counts["inspected, assignable"] += device["assignable"]
        counts[f"inspected, verdict: {device['verdict']['answer']}"] += 1
        counts["inspected, protected"] += device["protected"]
        counts[f"inspected, dma: {device['dma']}"] += 1
        codes = {f["code"] for f in device["findings"] if f["severity"] == "error"}
        counts.update(f"inspected, not assignable for: {code}" for code in codes)


def _where(error: BaseException) -> str:
    """An exception with the innermost function it came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        code = trace.tb_frame.f_code
        place = f" ({Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name})"
    return f"{type(error).__name__}: {error}{place}"


# ---------------------------------------------------------------------------- generate


@in_chunks
@pytest.mark.usefixtures("dtc")
def test_generate(
    chunk_of_boards: list[tuple[str, Path]], figures: Figures, tmp_path: Path
) -> None:
    """Refusals that have codes, or files that dtc, libfdt and the rules of Xen find nothing in."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for board, path in chunk_of_boards:
        blob = path.read_bytes()
        counts["generated, boards"] += 1
        accepted = False
        for number, request in enumerate(sample.requests(read_blob(blob, board), board)):
            counts["generated, requests"] += 1
            counts["generated, devices asked for"] += len(request.devices)
            what = f"{board} #{number} {' '.join(request.devices)}"
            try:
                plan, files, refusals = generate(read_blob(blob, board), request)
                again = generate(read_blob(blob, board), request)
            except Exception as error:
                failures.append(f"{what}: {_where(error)}")
                continue
            if (files, refusals) != again[1:]:
                failures.append(f"{what}: the second rendering differs")
            if refusals:
                counts["generated, refused"] += 1
                failures += [f"{what}: {p}" for p in _refused(files, refusals, counts)]
                if not errors(plan.findings):
                    # What the decision allowed, only the room of old releases may forbid.
                    failures += [
                        f"{what}: {r.text()}" for r in refusals if r.code not in ("XA122", "XA123")
                    ]
                continue
            accepted = True
            counts["generated, accepted"] += 1
            counts["generated, devices given"] += len(plan.devices)
            work = tmp_path / "work"
            problems = _Files(request, files, path, work, plan).problems(counts)
            failures += [f"{what}: {problem}" for problem in problems]
        counts["generated, boards with an accepted request"] += accepted
    figures(counts)
    assert not failures, told(failures)


def _refused(
    files: dict[str, bytes], refusals: list[Finding], counts: Counter[str]
) -> Iterator[str]:
    if files:
        yield "refused, and files all the same"
    codes = {refusal.code for refusal in refusals}
    counts.update(f"generated, refused with: {code}" for code in codes)


class _Files:
    """The files of one accepted request, on disk in a directory of their own."""

    def __init__(
        self,
        request: Request,
        files: dict[str, bytes],
        host: Path,
        work: Path,
        made: DomainPlan,
    ) -> None:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        self.changes = tuple(beside_marks(made))
        self.without_dom0 = {
            "XA125": "xl" not in request.routes and "XA125" in codes(made.findings)
        }
        self.request, self.files, self.host, self.work = request, files, host, work
        for name, content in files.items():
            (work / name).write_bytes(content)

    def file(self, suffix: str) -> Path:
        return self.work / f"{self.request.name}.{suffix}"

    def problems(self, counts: Counter[str]) -> Iterator[str]:
        """Everything wrong with the files."""
        name, routes = self.request.name, self.request.routes
        wanted = {"dtb", "dts", "host.dtbo", "host.dtso", "json"}
        wanted |= {"cfg"} if "xl" in routes else set()
        wanted |= {"dom0less.dtso"} if "dom0less" in routes else set()
        if set(self.files) != {f"{name}.{suffix}" for suffix in wanted}:
            yield f"wrote {sorted(self.files)} for the routes {routes}"
            return
        plan = json.loads(self.files[f"{name}.json"])
        try:
            nodes = judges.read(self.files[f"{name}.dtb"])
        except libfdt.FdtException as error:
            yield f"libfdt cannot read {name}.dtb: {error}"
            return
        yield from judges.dangling(nodes)
        yield from judges.misplaced(nodes)
        yield from self._compiled("dts", "dtb")
        yield from self._warnings(plan, counts)
        yield from self._compiled("host.dtso", "host.dtbo")
        yield from self._marks(plan)
        yield from self._agreement(plan, nodes)
        yield from self._suppliers(plan)
        if "dom0less" in routes:
            yield from self._domain_node()
        if "xl" in routes:
            yield from self._config(plan)
        yield from self._lint(counts)

    def _lint(self, counts: Counter[str]) -> Iterator[str]:
        """The lint, which knows only the files and the board, finds no error in them.

        But for what the domain's node lacks when nobody gave it, memory and cpus, and for a dom0
        that Xen cannot build beside a system that may have none.
        """
        wanted = (".dts", ".cfg", ".dom0less.dtso", ".host.dtbo")
        given = [document(n, data) for n, data in self.files.items() if n.endswith(wanted)]
        host = read_blob(self.host.read_bytes(), self.host.name)
        report = lint(given, Options(self.request.release, self.request.routes, host=host))
        missing = {"XA702": self.request.memory, "XA703": self.request.vcpus}
        for finding in report.findings:
            allowed = self.without_dom0.get(finding.code, False)
            allowed |= missing.get(finding.code, 0) is None
            if finding.severity == "error" and not allowed:
                yield f"the lint says: {finding.text()}"
            counts[f"linted, {finding.severity}s: {finding.code}"] += 1
        counts["linted, files"] += len(given)
        counts["linted, waived: XA201"] += len(report.waived)

    def _compiled(self, source: str, blob: str) -> Iterator[str]:
        """The source compiles to the tree of the blob that was written beside it."""
        target = self.work / "compiled.dtb"
        status, said = judges.dtc(self.file(source), target, "-q")
        if status:
            yield f"dtc refuses {source}: {said.strip()}"
            return
        unequal = judges.difference(target.read_bytes(), self.files[f"{self.request.name}.{blob}"])
        if unequal:
            yield f"{source} does not compile to {blob}: {unequal}"

    def _warnings(self, plan: Any, counts: Counter[str]) -> Iterator[str]:
        scratch = self.work / "out.dts"
        host = {(check, node) for check, node, _ in judges.warnings(self.host, scratch)}
        origins = {device["guest_path"]: device["path"] for device in plan["devices"]}
        for check, node, message in judges.warnings(self.file("dtb"), scratch):
            as_host = (check, _origin(node, origins)) in host
            if judges.harmless(check, message, as_host=as_host):
                counts[f"generated, harmless warnings of dtc: {check}"] += 1
            else:
                yield f"dtc warns ({check}): {node}: {message}"

    def _marks(self, plan: Any) -> Iterator[str]:
        """The overlay marks the host's nodes, and has the plan's other changes, no others."""
        target = self.work / "marked.dtb"
        failed = judges.apply_overlay(self.host, self.file("host.dtbo"), target)
        if failed:
            yield f"fdtoverlay refuses host.dtbo: {failed}"
            return
        marked = {
            n.path for n in judges.read(target.read_bytes()) if "xen,passthrough" in n.properties
        }
        devices = {device["path"] for device in plan["devices"]}
        if not devices <= marked:
            yield f"not marked: {sorted(devices - marked)}"
        for_dom0 = {c.path for c in self.changes if any(p.name == MARK for p in c.properties)}
        if marked != {mark["path"] for mark in plan["marks"]} | for_dom0:
            yield f"marked {sorted(marked)}, the plan says {plan['marks']} and {sorted(for_dom0)}"
        if _unmarked(target.read_bytes()) != self._changed():
            yield "the overlay changes more of the host tree than its marks"

    def _changed(self) -> list[tuple[str, judges.Properties]]:
        """The board with the plan's changes besides the marks."""
        wanted = {
            (change.path, prop.name): encode(prop, {})
            for change in self.changes
            for prop in change.properties
            if prop.name != MARK
        }
        result = []
        for path, properties in judges.content(self.host.read_bytes()):
            own = {name for name, _ in properties}
            added = [(n, v) for (p, n), v in wanted.items() if p == path and n not in own]
            kept = [(name, wanted.get((path, name), value)) for name, value in properties]
            result.append((path, [*reversed(added), *kept]))
        return result

    def _agreement(self, plan: Any, nodes: list[judges.Plain]) -> Iterator[str]:
        """The plan and the partial device tree say the same."""
        carriers = {n.string("xen,path"): n for n in nodes if "xen,path" in n.properties}
        if set(carriers) != {device["path"] for device in plan["devices"]}:
            yield f"xen,path of {sorted(carriers)} only, the plan has other devices"
            return
        paths = {node.path for node in nodes}
        for device in plan["devices"]:
            node = carriers[device["path"]]
            stated = [(m["host"], m["size"], m["guest"]) for m in device["mappings"]]
            if stated != judges.windows(node):
                yield f"{node.path}: xen,reg {judges.windows(node)}, the plan has {stated}"
            if device["forced"] != ("xen,force-assign-without-iommu" in node.properties):
                yield f"{node.path}: forced in one of plan and tree only"
            if device["guest_path"] not in paths:
                yield f"guest_path {device['guest_path']} is no node"

    def _suppliers(self, plan: Any) -> Iterator[str]:
        """Nothing that a device names is lost without a word.

        Of assigned-clocks the plan says one thing for the whole property.
        """
        host = read_blob(self.host.read_bytes(), self.host.name)
        for device in plan["devices"]:
            told = {(s["node"], s["property"], s["provider"]) for s in device["suppliers"]}
            node = host.find(device["path"])
            for group in references(host, node) if node else ():
                whole = group.prop in INTERRUPT_TREE or group.prop.startswith("assigned-clock")
                for one in group.entries if not whole else ():
                    provider = one.provider.path if one.provider else None
                    if not one.empty and (device["path"], group.prop, provider) not in told:
                        yield f"{device['path']}: {group.prop} is lost, it names {provider}"

    def _domain_node(self) -> Iterator[str]:
        status, said = judges.dtc(self.file("dom0less.dtso"), self.work / "domain.dtbo", "-q")
        if status:
            yield f"dtc refuses dom0less.dtso: {said.strip()}"
            return
        domains = [
            node
            for node in judges.read((self.work / "domain.dtbo").read_bytes())
            if "compatible" in node.properties and node.string("compatible") == "xen,domain"
        ]
        if [n.path.rsplit("/", 1)[1] for n in domains] != [self.request.name]:
            yield f"dom0less.dtso has {[n.path for n in domains]} for {self.request.name}"

    def _config(self, plan: Any) -> Iterator[str]:
        """irqs decimal and each once, and both lists what the plan says."""
        config = self.files[f"{self.request.name}.cfg"].decode()
        irqs = judges.lists(config, "irqs")
        if any(re.fullmatch(r"0|[1-9][0-9]*", irq) is None for irq in irqs):
            yield f"irqs are not decimal: {irqs}"
        elif len(set(irqs)) != len(irqs):
            yield f"irqs has an INTID twice: {irqs}"
        elif {int(irq) for irq in irqs} != {n for d in plan["devices"] for n in d["irqs"]}:
            yield f"irqs {irqs} are not the plan's"
        stated = []
        for entry in judges.lists(config, "iomem"):
            match = re.fullmatch(r'"(0x[0-9a-f]+),(0x[0-9a-f]+)(?:@(0x[0-9a-f]+))?"', entry)
            if match is None:
                yield f"iomem {entry} is malformed"
                continue
            first, count, guest = (int(match[i] or match[1], 16) * judges.PAGE for i in (1, 2, 3))
            stated.append((first, count, guest))
        mappings = [
            (m["host"], m["size"], m["guest"])
            for owner in (*plan["devices"], *plan["regions"])
            for m in owner["mappings"]
        ]
        if judges.merged(stated) != judges.merged(mappings):
            yield f"iomem {stated}, the plan has {mappings}"
        protected = [f'"{d["path"]}"' for d in plan["devices"] if d["protected"]]
        if judges.lists(config, "dtdev") != protected:
            yield f"dtdev {judges.lists(config, 'dtdev')}, protected are {protected}"


def _origin(path: str, origins: dict[str, str]) -> str:
    """The host path of a guest's node: that of the device around it, and the same names below."""
    below = ""
    while path and path not in origins:
        path, _, name = path.rpartition("/")
        below = f"/{name}{below}"
    return origins.get(path, "") + below


MARK = "xen,passthrough"


def _unmarked(blob: bytes) -> list[tuple[str, judges.Properties]]:
    return [
        (path, [(name, value) for name, value in properties if name != MARK])
        for path, properties in judges.content(blob)
    ]
