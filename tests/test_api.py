"""The public API: its names, what importing it costs, its answers; tests/docs runs docs/api.md."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

import xenassign
from tests.answers import codes, of
from tests.docs.pages import text_of
from xenassign import (
    RELEASES,
    Accepted,
    ClockRate,
    Finding,
    MapOption,
    MemoryOption,
    Request,
    XenassignError,
    generate,
    lint,
    plan,
    read_host,
)
from xenassign.devicetree.tree import Tree

from .test_layers import ORDER

PAGE = "docs/api.md"
ETHERNET = "/axi/ethernet@ff0e0000"
HAND_WRITTEN = "docs/examples/hand-written"


@pytest.fixture(scope="module", name="host")
def _host(host_files: dict[str, Path]) -> Tree:
    return read_host(host_files["zynqmp"])


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# --- names ---------------------------------------------------------------------------------------


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys; import typing; a = set(sys.modules); import xenassign; {}; print(*sorted("
    code += "set(sys.modules) - a))"
    assert python(code.format("dir(xenassign)")).split() == ["xenassign"]
    used = python(code.format("xenassign.Finding")).split()
    assert "xenassign.findings" in used
    assert not {"click", "jinja2", "lark", "rich", "xenassign.api"} & set(used)


def test_every_name_is_there() -> None:
    assert {*xenassign.__all__} <= {*dir(xenassign)}
    for name in xenassign.__all__:
        assert getattr(xenassign, name) is globals()[name]
    with pytest.raises(AttributeError, match="'xenassign' has no attribute 'nothing'"):
        xenassign.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_checkers_see_the_names_that_are_imported_late() -> None:
    """What is imported for types is what ``__all__`` lists."""
    source = ast.parse(Path(str(xenassign.__file__)).read_text())
    names = {
        alias.name
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("xenassign.")
        for alias in node.names
    }
    assert names == {*xenassign.__all__}


def test_every_other_package_says_that_it_is_private(repository: Path) -> None:
    for package in ORDER:
        source = (repository / "xenassign" / package / "__init__.py").read_text()
        docstring = ast.get_docstring(ast.parse(source)) or ""
        assert ("Private." in docstring) == (package != "devicetree"), package


def test_the_page_has_every_name_and_every_field() -> None:
    text = text_of(PAGE)
    assert {*xenassign.__all__} <= set(re.findall(r"\w+", text))
    table = text.partition("## Request\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
    described = [name for row in rows for name in re.findall(r"\w+", row)]
    private = {"pins", "avoid", "edits", "base", "origin"}
    private |= {"excepted", "follows", "node", "pages", "partial", "parts", "added"}
    records = (MapOption, Accepted, ClockRate, MemoryOption)
    fields = {field.name for field in dataclasses.fields(Request)}
    assert sorted(described) == sorted({*(fields - private), *(each.__name__ for each in records)})
    for record in records:
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{record.__name__}`")]
        assert tuple(re.findall(r"`(\w+)`:", row)) == record._fields


# --- answers -------------------------------------------------------------------------------------


def test_an_accepted_request(host: Tree) -> None:
    request = Request((ETHERNET,), name="net", memory=512, release=RELEASES["4.19"])
    made, planned = generate(host, request), plan(host, request)
    assert not made.refused
    assert (planned.files, planned.refused) == ({}, False)
    assert planned.findings == made.findings
    assert [device.path for device in planned.plan.devices] == [ETHERNET]
    assert made.files["net.cfg"].startswith(b"# net")
    assert {finding.domain for finding in made.findings} == {None}
    assert {finding.file for finding in made.findings} == {host.file}


def test_a_refused_request(host: Tree) -> None:
    made = generate(host, Request(("serial@ff000000",)))
    assert (made.refused, made.files) == (True, {})
    assert [finding.node for finding in of(made, "XA102")] == ["/axi/serial@ff000000"]
    assert all(isinstance(finding, Finding) for finding in made.findings)


def test_a_request_that_is_invalid_on_the_board(host: Tree) -> None:
    for ask in (plan, generate):
        with pytest.raises(XenassignError) as raised:
            ask(host, Request(("nothing", "nowhere")))
        assert len(raised.value.lines) == 2


def test_files_are_judged_from_their_bytes_and_from_disk(host: Tree, tmp_path: Path) -> None:
    files = generate(host, Request((ETHERNET,), memory=512, vcpus=1)).files
    names = ["domu1.dtb", "domu1.cfg", "domu1.host.dtbo"]
    for name in names:
        (tmp_path / name).write_bytes(files[name])
    from_bytes = lint({name: files[name] for name in names}, host=host)
    *paths, overlay = (tmp_path / name for name in names)
    from_disk = lint(paths, host=host, overlays=[overlay])
    assert from_bytes.verdict == from_disk.verdict == {"dom0less": "accepted", "xl": "accepted"}
    assert codes(from_bytes) == codes(from_disk)
    unmarked = lint({name: files[name] for name in names[:2]}, host=host)
    assert unmarked.refused
    assert of(unmarked, "XA415")


def test_what_files_are_judged_for(repository: Path) -> None:
    files = [repository / HAND_WRITTEN / name for name in ("net.dts", "net.cfg")]
    assert set(lint(files).verdict) == {"dom0less", "xl"}
    assert set(lint(files, routes=["xl"]).verdict) == {"xl"}
    with pytest.raises(XenassignError):
        lint(files, routes=["uefi"])
    with pytest.raises(XenassignError):
        lint([])
    with pytest.raises(XenassignError):
        lint(files, together=True)  # requires the host


def test_memory_vcpus_and_dom0_of_the_domain(host: Tree) -> None:
    files = generate(host, Request((ETHERNET,))).files
    tree = {"domu1.dtb": files["domu1.dtb"]}
    assert not of(lint(tree, host=host, memory=512, dom0=False), "XA203", "XA108", "XA415")
    assert of(lint(tree, host=host, memory=4096), "XA203")
    assert of(lint(tree, host=host, vcpus=9), "XA108")  # of a GICv2
    assert of(lint(tree, host=host), "XA415")


def test_the_build_and_the_release_of_xen(repository: Path) -> None:
    bank = "xen,static-mem = <0x0 0x50000000 0x0 0x20000000>;"
    base = (repository / "docs/rules/bases/virt/domain.dts").read_text()
    domain = {"d.dts": base.replace("vpl011;", f'{bank} llc-colors = "0";').encode()}
    assert of(lint(domain), "XA717")
    assert of(lint(domain, kconfig=["STATIC_MEMORY", "LLC_COLORING"]), "XA737")
    older = lint(domain, kconfig=["STATIC_MEMORY"], release=RELEASES["4.19"])
    assert codes(older) == ["XA710"]  # Xen 4.19 does not know llc-colors


def test_no_configuration_of_the_folder_is_read(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xenassign.toml").write_text('[lint]\nroute = "xl"\n')
    monkeypatch.chdir(tmp_path)
    report = lint([repository / HAND_WRITTEN / "net.dts"])
    assert set(report.verdict) == {"dom0less", "xl"}
