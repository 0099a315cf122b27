"""Overlays among the files: applied to their base and judged, or refused as nothing to judge."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError
from xenassign.linting.composition import booted, with_host_overlays
from xenassign.linting.documents import read_document, read_tree_file
from xenassign.linting.lint_report import Report
from xenassign.linting.linter import Options, lint
from xenassign.xen.releases import release

from .bases import CONFIG, PARTIAL
from .test_lint import MARKS

Board = Callable[[str], Tree]

#: The partial device tree without its GPIO controller, and that as an overlay.
BASE = PARTIAL[: PARTIAL.index("\t\tgpio:")] + "\t};\n};\n"
_GPIO = PARTIAL[PARTIAL.index("\t\tgpio:") : PARTIAL.rindex("\t};\n};")].replace("\t\t", "\t")
ADD = f"/dts-v1/;\n/plugin/;\n&{{/passthrough}} {{\n{_GPIO}}};\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files in a folder of its own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("base.dts", BASE), ("add.dtso", ADD), ("marks.dtso", MARKS)):
        Path(name).write_text(text)


def report(
    *names: str, base: tuple[str, ...] = (), overlays: tuple[str, ...] = (), **options: Any
) -> Report:
    asked = Options(
        release("4.20"),
        bases=tuple(read_tree_file(name, symbols=True) for name in base),
        overlays=tuple(map(read_tree_file, overlays)),
    )
    return lint([read_document(name) for name in names], asked._replace(**options))


def compiled(source: str, blob: str) -> None:
    """A blob, as dtc makes it."""
    command = ["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", blob, source]
    subprocess.run(command, check=True)


def write(name: str, body: str) -> None:
    Path(name).write_text(f"/dts-v1/;\n/plugin/;\n{body}\n")


def test_an_overlay_is_judged_as_the_tree_that_results(board: Board) -> None:
    found = report("add.dtso", base=("base.dts",), overlays=("marks.dtso",), host=board("qemu"))
    assert [f.text() for f in found.findings] == []
    assert found.judged == {"dom0less", "xl"}


def test_findings_stand_in_the_file_that_has_the_mistake() -> None:
    wrong = ADD.replace("0x0 0x9030000>;\n\t\txen,force", "0x0 0x9030800>;\n\t\txen,force")
    Path("add.dtso").write_text(wrong)
    Path("base.dts").write_text(BASE.replace("interrupts = <0 2 4>", 'interrupts = "x"'))
    found = report("add.dtso", base=("base.dts",))
    assert found.verdict["dom0less"] == "rejected"
    places = [(f.code, f.place.file, found.line(f.place)) for f in found.findings if f.place]
    assert ("XA213", "add.dtso", wrong.splitlines()[12]) in places
    assert [line for _, file, line in places if file == "base.dts"] == ['\t\t\tinterrupts = "x";']


def test_blobs_are_judged_alike() -> None:
    compiled("base.dts", "base.dtb")
    compiled("add.dtso", "add.dtbo")
    found = report("add.dtbo", base=("base.dtb",))
    assert [f for f in found.findings if f.severity == "error"] == []


def test_waivers_of_the_overlay_and_of_the_base() -> None:
    unknown = "xen,force-assign-without-iommu;\n\t\t\txen,foo;"
    for waiver in ("", "  /* xenassign: allow XA809: a property of ours */"):
        for name, text in (("base.dts", BASE), ("add.dtso", ADD)):
            Path(name).write_text(text.replace("xen,force-assign-without-iommu;", unknown + waiver))
        found = report("add.dtso", base=("base.dts",))
        assert [f.code for f in found.findings] == ([] if waiver else ["XA809", "XA809"])
        assert {f.file for f, _ in found.waived} == ({"add.dtso"} if waiver else set())


def test_several_bases_are_applied_in_order() -> None:
    write("first.dtso", "&{/passthrough} { bus: bus { ranges; }; };")
    write("second.dtso", "&bus { rtc2@1 { xen,path = '/a'; }; };".replace("'", '"'))
    found = report("second.dtso", base=("base.dts", "first.dtso"))
    assert found.documents[0].file == "second.dtso"
    with pytest.raises(InputError):
        report("second.dtso", base=("base.dts",))


def test_a_part_without_properties_of_xen_is_one_of_the_base(board: Board) -> None:
    """The node that it changes has the xen,path of its parent, or of none."""
    write(
        "part.dtso",
        "&{/passthrough/rtc@9010000} { child { compatible = 'x'; }; };".replace("'", '"'),
    )
    for host in (None, board("qemu")):
        found = report("part.dtso", base=("base.dts",), overlays=("marks.dtso",), host=host)
        assert found.documents[0].file == "part.dtso"
        assert found.judged == {"dom0less", "xl"}


def test_what_overlays_change_of_the_host_holds_for_its_guests(board: Board) -> None:
    """As with an overlay that adds a domain and makes the console's registers a whole page."""
    body = "&{/chosen} { d { compatible = 'xen,domain'; memory = <0 0x20000>; cpus = <1>; vpl011;"
    body += " direct-map; #address-cells = <2>; #size-cells = <2>;"
    body += " xen,static-mem = <0 0x50000000 0 0x8000000>;"
    body += " m@1 { compatible = 'multiboot,kernel'; reg = <0 0x48000000 0 0x1000>; }; }; };"
    short = "&{/pl011@9000000} { reg = <0 0x9000000 0 0x200>; };"
    whole = "&{/pl011@9000000} { reg = <0 0x9000000 0 0x1000>; };"
    write("short.dtso", short)
    for more, as_host_overlay, found in (
        ("", False, True),
        (whole, False, False),
        (whole, True, False),
    ):
        write("d.dtso", (body + more).replace("'", '"'))
        given = ("short.dtso", "d.dtso") if as_host_overlay else ("short.dtso",)
        static = frozenset({"STATIC_MEMORY"})
        judged = report("d.dtso", overlays=given, host=board("qemu"), kconfig=static)
        assert ("XA734" in {f.code for f in judged.findings}) == found


NOTHING = [
    "&{/soc/a} { xen,passthrough; };",
    "&a { xen,passthrough; };",
    "&{/soc/a} { status = 'okay'; };",
    "&{/passthrough} { x { }; };",
    "&{/PassThrough/x} { y; };",
    "&label { x@1 { xen,path = '/a'; }; };",
    "/ { };",
]


@pytest.mark.parametrize("ending", ["dtso", "dtbo"])
@pytest.mark.parametrize("body", NOTHING)
def test_nothing_to_judge(body: str, ending: str, wording: Wording) -> None:
    write("a.dtso", body.replace("'", '"'))
    compiled("a.dtso", "a.dtbo")
    with wording.raises(InputError) as caught:
        report(f"a.{ending}")
    assert "nothing here to judge" in str(caught.value)


def test_marks_beside_a_domain_are_the_hosts(board: Board) -> None:
    Path("domu1.dts").write_text(PARTIAL)
    found = report("domu1.dts", "marks.dtso", host=board("qemu"))
    assert found.verdict["dom0less"] == "accepted"
    assert found.judged == {"dom0less", "xl"}
    Path("a.cfg").write_text(CONFIG.replace("domu1.dtb", "elsewhere.dtb"))
    assert report("a.cfg", "marks.dtso").judged == {"xl"}


MISFITS = [
    ("add.dtso", ("add.dtso",)),
    ("add.dtso", ("base.dts", "base.dts")),
    ("add.dtso", ("other.dts",)),
    ("label.dtso", ("base.dts",)),
]


@pytest.mark.parametrize(("name", "base"), MISFITS)
def test_a_wrong_base(name: str, base: tuple[str, ...], wording: Wording) -> None:
    Path("other.dts").write_text("/dts-v1/;\n/ { domain { }; };\n")
    write("label.dtso", "&nobody { x@1 { xen,path = '/a'; }; };".replace("'", '"'))
    with wording.raises(InputError):
        report(name, base=base)


def test_an_overlay_of_the_root_needs_no_base() -> None:
    tree = PARTIAL[PARTIAL.index("\tpassthrough") : PARTIAL.rindex("};")]
    write("guest.dtso", f"&{{/}} {{\n{tree}}};")
    assert [f.code for f in report("guest.dtso").findings if f.severity == "error"] == []


def test_the_target_of_an_overlay_may_be_an_alias() -> None:
    Path("base.dts").write_text(BASE.replace("aliases {", 'aliases { guest = "/passthrough";'))
    part = _GPIO.strip()
    write("add.dtso", f'/ {{ f@0 {{ target-path = "guest"; __overlay__ {{ {part} }}; }}; }};')
    assert report("add.dtso", base=("base.dts",)).verdict["xl"] == "accepted"


def test_an_overlay_of_the_host_fits_it(board: Board, wording: Wording) -> None:
    Path("domu1.dts").write_text(PARTIAL)
    write("wrong.dtso", "&{/pl031@9010001} { xen,passthrough; };")
    with wording.raises(InputError):
        report("domu1.dts", overlays=("wrong.dtso",), host=board("qemu"))
    with wording.raises(InputError):
        report("domu1.dts", overlays=("domu1.dts",), host=board("qemu"))


def test_an_overlay_of_the_host_may_build_on_another(board: Board, wording: Wording) -> None:
    Path("domu1.dts").write_text(PARTIAL)
    write("bus.dtso", "&{/} { added: bus { compatible = 'simple-bus'; }; };".replace("'", '"'))
    write("below.dtso", "&{/bus} { linux,dma-default; };")
    both = report(
        "domu1.dts", overlays=("marks.dtso", "bus.dtso", "below.dtso"), host=board("qemu")
    )
    assert both.verdict == {"dom0less": "accepted", "xl": "accepted"}
    with wording.raises(InputError):
        report("domu1.dts", overlays=("below.dtso", "bus.dtso"), host=board("qemu"))


def _has(tree: Tree | None, path: str, name: str) -> bool:
    node = tree.find(path) if tree is not None else None
    assert node is not None
    return node.has(name)


def test_a_board_with_the_same_overlays_is_not_made_again(board: Board) -> None:
    host = board("qemu")
    write("more.dtso", '&{/} { more { xen,passthrough; compatible = "a"; }; };')
    marks, more = read_tree_file("marks.dtso"), read_tree_file("more.dtso")
    for apply in (booted, lambda host, overlays: with_host_overlays(overlays, host)):
        one, both = apply(host, [marks]), apply(host, [marks, more])
        Path("commented.dtso").write_text(f"{MARKS}/* a comment */\n")
        commented = read_tree_file("commented.dtso")
        assert apply(host, [commented]) is one is not None
        assert apply(host, [commented, more]) is both is not None
        write("other.dtso", "&{/pl031@9010000} { xen,passthrough; other; };")
        changed = apply(host, [marks, read_tree_file("other.dtso")])
        assert _has(changed, "/pl031@9010000", "other")
        assert apply(host, [marks]) is one
        other = apply(host, [read_tree_file("other.dtso")])
        assert _has(other, "/pl031@9010000", "other")
        assert not _has(other, "/pl061@9030000", "xen,passthrough")
