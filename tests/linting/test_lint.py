"""What files are, which belong together, and where findings stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wording import Wording
from tests.xen.mutants import dom0less_mutants, xl_mutants
from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError
from xenassign.linting import linter
from xenassign.linting.documents import ConfigFile, Document, TreeFile, read_document
from xenassign.linting.lint_report import Report
from xenassign.linting.linter import Options, lint
from xenassign.linting.verdict import domcfg
from xenassign.linting.verdict.predict import predict_dom0less, predict_xl, rejecting
from xenassign.xen.releases import release

from .bases import CONFIG, DOMAIN, PARTIAL

Board = Callable[[str], Tree]
XEN = release("4.20")


@pytest.fixture(name="files")
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes files into the folder that the test then works in; ``_`` in names is a dot."""
    monkeypatch.chdir(tmp_path)

    def write(**contents: str | bytes) -> None:
        for name, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            Path(name.replace("_", ".")).write_bytes(data)

    return write


def report(*names: str, host: Tree | None = None, **options: Any) -> Report:
    asked = Options(XEN, host=host)._replace(**options)
    return lint([read_document(name) for name in names], asked)


def told(found: Report) -> list[tuple[str, str | None, int | None]]:
    """(code, file, line) of every finding."""
    return [(f.code, f.file, f.place.line if f.place else None) for f in found.findings]


MARKS = """\
/dts-v1/; /plugin/;
/ { fragment@0 { target-path = "/pl031@9010000"; __overlay__ { xen,passthrough; }; };
    fragment@1 { target-path = "/pl061@9030000"; __overlay__ { xen,passthrough; }; }; };
"""


def test_the_examples_are_right(files: Callable[..., None], board: Board) -> None:
    files(domu1_dts=PARTIAL, domu1_cfg=CONFIG, marks_dtso=MARKS)
    found = report("domu1.dts", "domu1.cfg", "marks.dtso", host=board("qemu"))
    assert [f.text() for f in found.findings if f.severity == "error"] == []
    assert found.verdict == {"dom0less": "accepted", "xl": "accepted"}
    assert not found.refused
    assert found.not_run == ()


def test_a_host_without_marks_rejects(files: Callable[..., None], board: Board) -> None:
    files(domu1_dts=PARTIAL, domu1_cfg=CONFIG)
    found = report("domu1.dts", "domu1.cfg", host=board("qemu"))
    assert found.verdict == {"dom0less": "rejected", "xl": "rejected"}
    assert found.refused
    free = report("domu1.dts", host=board("qemu"), dom0=False)
    assert free.verdict["dom0less"] == "accepted"


def test_a_file_is_what_it_holds(files: Callable[..., None]) -> None:
    files(a=PARTIAL, b=CONFIG, c_dtb=b"rubbish", d=b"\xd0\x0d\xfe\xed")
    assert isinstance(read_document("a"), TreeFile)
    assert isinstance(read_document("b"), ConfigFile)
    assert isinstance(read_document("c.dtb"), TreeFile)
    assert isinstance(read_document("d"), TreeFile)
    assert told(report("c.dtb")) == [("XA121", "c.dtb", None)]


def test_a_blob_that_only_xen_reads_is_not_taken_for_a_good_one(
    files: Callable[..., None], wording: Wording
) -> None:
    """A strange name would otherwise hide every finding about what the guest finds."""
    files(a_dts=PARTIAL.replace("compatible =", 'x_y = "a"; compatible =', 1))
    blob = read_document("a.dts")
    assert isinstance(blob, TreeFile)
    files(a_dtb=blob.blob.replace(b"x_y\0", b"x@y\0"))
    found = report("a.dtb")
    assert [f.code for f in found.findings] == ["XA815"]
    assert found.verdict == {"dom0less": "accepted", "xl": "accepted"}
    assert found.refused
    files(c_dts=PARTIAL)
    good = report("c.dts")
    bad = report("c.dts", overlays=(TreeFile("a.dtb", Path("a.dtb").read_bytes()),))
    assert [f.code for f in bad.findings if f not in good.findings] == ["XA815"]
    wording(*found.findings)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.dts", "/dts-v1/;\n/ { a = <&nothing>; };\n"),
        ("a.dts", "/dts-v1/;\n/ { a = ; };\n"),
        ("a.cfg", ""),
        ("a.cfg", " \n"),
        ("a.dtsi", "rtc@1000 { xen,path = '/a'; };\n"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_place(
    files: Callable[..., None], name: str, content: str, wording: Wording
) -> None:
    files(**{name.replace(".", "_"): content})
    with wording.raises(InputError):
        read_document(name)


def test_a_missing_file_is_an_error(wording: Wording) -> None:
    with wording.raises(InputError):
        read_document("no-such")


def test_syntax_of_a_configuration_is_a_finding_with_its_place(files: Callable[..., None]) -> None:
    files(a_cfg="name = 'a'\nirqs = [1 +\n")
    found = report("a.cfg")
    assert told(found) == [("XA605", "a.cfg", 2)]
    assert found.verdict["xl"] == "rejected"


def test_findings_point_at_the_cell(files: Callable[..., None]) -> None:
    wrong = PARTIAL.replace("0x0 0x9030000>;\n\t\t\txen,force", "0x0 0x9030800>;\n\t\t\txen,force")
    files(a_dts=wrong)
    (found,) = [f for f in report("a.dts").findings if f.code == "XA213"]
    assert found.place is not None
    line = wrong.splitlines()[found.place.line - 1]
    assert line[found.place.column - 1 : found.place.end_column - 1] == "0x9030800"


def test_findings_of_a_blob_have_a_file_and_a_node(
    files: Callable[..., None], generate: Callable[..., tuple[object, dict[str, bytes]]]
) -> None:
    blob = generate("qemu", "/pl031@9010000")[1]["domu1.dtb"]
    files(a_dtb=blob.replace(b"arm,pl031", b"arm,pl03\0"))
    files(b_dtb=blob.replace((34 - 32).to_bytes(4, "big"), (34).to_bytes(4, "big")))
    assert all(f.file == "b.dtb" and f.place is None for f in report("b.dtb").findings)


# --- which partial device tree a configuration means ---------------------------------------------


def test_the_tree_of_a_configuration_is_the_given_file_of_that_name(
    files: Callable[..., None],
) -> None:
    files(domu1_dts=PARTIAL, other_dts="/dts-v1/; / { };", a_cfg=CONFIG)
    assert [f.code for f in report("a.cfg", "domu1.dts").findings if "xl" in f.routes] == []
    Path("domu1.dts").unlink()
    elsewhere = report("a.cfg", "other.dts")
    assert "XA816" in {f.code for f in elsewhere.findings}


TARGET = CONFIG.replace("domu1.dtb", "/usr/lib/xen/boot/domu1.dtb")


def test_a_tree_that_only_the_target_has_is_unknown(
    files: Callable[..., None], wording: Wording
) -> None:
    files(a_cfg=TARGET)
    found = report("a.cfg")
    assert [(f.code, f.severity, f.effect) for f in found.findings] == [
        ("XA816", "warning", "unknown")
    ]
    assert found.verdict["xl"] == "unknown"
    assert not found.refused
    wording(*found.findings)


@pytest.mark.parametrize("name", ["", "/etc/xen/", "..", "boot/."])
def test_a_device_tree_that_names_no_file_is_rejected(
    files: Callable[..., None], name: str, wording: Wording
) -> None:
    files(a_cfg=CONFIG.replace("domu1.dtb", name))
    (found,) = report("a.cfg").findings
    assert (found.code, found.effect) == ("XA607", "rejected")
    wording(found)


@pytest.mark.parametrize("name", ["domu1.dtb", "domu1.dts"])
def test_the_tree_of_the_target_is_the_one_beside_the_configuration(
    files: Callable[..., None], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = PARTIAL.replace("0x0 0x9030000>;\n\t\t\txen,force", "0x0 0x9030800>;\n\t\t\txen,force")
    files(a_cfg=TARGET, b_dts=wrong)
    tree = read_document("b.dts")
    assert isinstance(tree, TreeFile)
    files(**{name.replace(".", "_"): tree.blob if name.endswith("b") else wrong})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = report("../a.cfg")
    assert ("XA213", f"../{name}") in {(f.code, f.file) for f in found.findings}
    assert "XA816" not in {f.code for f in found.findings}
    assert found.verdict["xl"] == "accepted"


def test_the_tree_of_the_target_is_the_one_that_is_given(files: Callable[..., None]) -> None:
    files(a_cfg=TARGET, other_dts=PARTIAL)
    other = read_document("other.dts")
    assert isinstance(other, TreeFile)
    assert report("a.cfg", partial=other).verdict["xl"] == "accepted"
    files(domu1_dts=PARTIAL)
    assert report("a.cfg", "domu1.dts").verdict["xl"] == "accepted"


def test_an_overlay_is_no_tree_for_xl(files: Callable[..., None]) -> None:
    files(a_cfg=CONFIG.replace("domu1.dtb", "m.dtbo"), m_dtso=MARKS)
    overlay = read_document("m.dtso")
    assert isinstance(overlay, TreeFile)
    files(m_dtbo=overlay.blob)
    assert report("a.cfg").verdict["xl"] == "rejected"


def test_the_tree_of_a_configuration_is_found_beside_it(
    files: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(domu1_dtb=(tmp_path / "x").read_bytes() if (tmp_path / "x").exists() else b"rubbish")
    files(a_cfg=CONFIG)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "XA121" in {f.code for f in report("../a.cfg").findings}


def test_source_is_no_device_tree_for_xl(files: Callable[..., None]) -> None:
    files(domu1_dts=PARTIAL, a_cfg=CONFIG.replace("domu1.dtb", "domu1.dts"))
    found = report("a.cfg", "domu1.dts")
    assert told(found) == [("XA121", "a.cfg", 5)]
    assert found.verdict == {"dom0less": "accepted", "xl": "rejected"}


def test_partial_goes_first(files: Callable[..., None]) -> None:
    files(domu1_dts="/dts-v1/; / { };", mine_dts=PARTIAL, a_cfg=CONFIG)
    mine = read_document("mine.dts")
    assert isinstance(mine, TreeFile)
    assert report("a.cfg", partial=mine).verdict["xl"] == "accepted"


def test_device_tree_that_is_a_configuration(files: Callable[..., None], wording: Wording) -> None:
    files(domu1_dtb=b"", a_cfg=CONFIG, b_cfg=CONFIG.replace("domu1.dtb", "a.cfg"))
    with wording.raises(InputError):
        report("b.cfg")


def test_a_tree_for_xl_alone_need_not_speak_to_xen(files: Callable[..., None]) -> None:
    plain = "".join(
        f"{line}\n" for line in PARTIAL.splitlines() if not line.strip().startswith("xen,")
    )
    files(domu1_dts=plain, domu1_cfg=CONFIG)
    assert report("domu1.dts", "domu1.cfg").findings == ()
    assert {f.code for f in report("domu1.dts").findings} >= {"XA802"}
    files(less_cfg=CONFIG.replace('"0x9010,0x1", ', ""))
    assert [f.code for f in report("domu1.dts", "less.cfg").findings] == ["XA215"]


# --- routes, order, duplicates -------------------------------------------------------------------


def test_a_route_alone(files: Callable[..., None]) -> None:
    files(a_dts="/dts-v1/; / { };")
    both = report("a.dts")
    assert set(both.verdict) == {"dom0less", "xl"}
    xl = report("a.dts", routes=("xl",))
    assert xl.verdict == {"xl": "rejected"}
    assert all("xl" in f.routes for f in xl.findings)


def test_one_finding_for_both_routes(files: Callable[..., None]) -> None:
    files(a_dtb=b"rubbish")
    (found,) = report("a.dtb").findings
    assert found.routes == ("dom0less", "xl")


def test_the_order_is_that_of_the_files_and_of_their_lines(files: Callable[..., None]) -> None:
    files(b_cfg="foo = 1\nbar = 2\n", a_cfg="foo = 1\n")
    found = report("b.cfg", "a.cfg")
    assert told(found) == [("XA601", "b.cfg", 1), ("XA601", "b.cfg", 2), ("XA601", "a.cfg", 1)]


def test_rules_that_need_the_host_are_named(files: Callable[..., None]) -> None:
    files(a_dts=PARTIAL)
    codes = set(report("a.dts").not_run)
    assert {"XA412", "XA312", "XA221"} <= codes
    assert "XA213" not in codes


DOMAIN_FAR = DOMAIN.replace("reg = <0x0 0x48000000", "reg = <0x80 0x48000000")


def test_memory_of_the_host_counts_where_it_is_known(
    files: Callable[..., None], board: Board
) -> None:
    """A board's file often has a placeholder that the firmware replaces."""
    files(host_dts=DOMAIN_FAR)
    assert "XA713" not in {f.code for f in report("host.dts", host=board("qemu")).findings}
    live = report("host.dts", host=board("qemu"), live_host=True)
    assert "XA713" in {f.code for f in live.findings}


# --- the verdict is the one that tests/xen compares with the hypervisor's ------------------------


@pytest.fixture(name="made", scope="module")
def generated(generate: Callable[..., Any]) -> dict[str, bytes]:
    """The files of two devices of QEMU's board."""
    files: dict[str, bytes] = generate("qemu", "/pl031@9010000", "/pl061@9030000")[1]
    return files


@pytest.mark.slow
def test_the_verdict_of_a_damaged_tree_is_the_foretold_one(
    board: Board, made: dict[str, bytes]
) -> None:
    options = Options(XEN, host=board("qemu"))
    seen = set()
    for mutant in dom0less_mutants(made["domu1.dtb"], 11, 200):
        found = lint([TreeFile("p.dtb", mutant.data)], options)
        foretold = predict_dom0less(mutant.data, linter.context(options, (), options.host))
        rejected = bool(rejecting(foretold, "dom0less"))
        assert found.verdict["dom0less"] == ("rejected" if rejected else "accepted"), mutant.what
        seen.add(rejected)
    assert seen == {False, True}


def test_the_verdict_of_a_damaged_configuration_is_the_foretold_one(
    board: Board, made: dict[str, bytes]
) -> None:
    options = Options(XEN, host=board("qemu"))
    seen = set()
    for mutant in xl_mutants(made["domu1.cfg"].decode(), made["domu1.dtb"], 11, 100):
        file = ConfigFile("domu1.cfg", mutant.cfg, domcfg.read(mutant.cfg, "domu1.cfg"))
        if file.device_tree != "domu1.dtb":
            continue  # another file, which is not there
        given: list[Document] = [file]
        if mutant.partial is not None:
            given.append(TreeFile("domu1.dtb", mutant.partial))
        files = {"domu1.dtb": mutant.partial}
        foretold = predict_xl(mutant.cfg, files.get, linter.context(options, (), options.host))
        rejected = bool(rejecting(foretold, "xl"))
        found = lint(given, options)
        assert found.verdict["xl"] == ("rejected" if rejected else "accepted"), mutant.what
        seen.add(rejected)
    assert seen == {False, True}
