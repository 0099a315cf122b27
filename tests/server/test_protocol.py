"""What an editor gets: diagnostics, fixes, waivers, links, through a client of someone else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types as lsp

from tests.rows import Rows

from .editor import Editor, by_code, codes

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = 'xen,path = "/pl031@9010000"'


async def test_a_mistake_is_underlined_and_its_fix_removes_it(
    editor: Editor, project: Path
) -> None:
    tree = project / "domu1.dts"
    right = tree.read_text()
    assert await editor.open(tree) == []
    shown = await editor.edit(tree, right.replace(PATH, PATH.replace("path", "pathh")))
    unknown = by_code(shown, "XA809")
    assert editor.text(tree, unknown.range) == "xen,pathh"
    assert unknown.severity == lsp.DiagnosticSeverity.Warning
    assert unknown.source == "xenassign"
    fix, waiver = await editor.actions(tree, unknown)
    assert fix.is_preferred
    assert fix.title.startswith("Fix XA809: ")
    assert editor.applied(tree, fix.edit) == right
    assert waiver.title.startswith("Allow XA809 ")
    assert await editor.edit(tree, editor.applied(tree, fix.edit)) == []


async def test_all_fixes_of_a_domain_are_one_action(editor: Editor, project: Path) -> None:
    tree, config = project / "domu1.dts", project / "domu1.cfg"
    right, right_config = tree.read_text(), config.read_text()
    await editor.open(tree, right.replace(PATH, PATH.replace("path", "pathh")))
    await editor.open(config, right_config.replace("irqs = [34, 39]", "irqs = [0x22, 39]"))
    context = lsp.CodeActionContext([], only=[lsp.CodeActionKind.SourceFixAll])
    top = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))
    (action,) = await editor.asked_actions(config, top, context)
    assert editor.applied(tree, action.edit) == right
    assert editor.applied(config, action.edit) == right_config


async def test_a_waiver_stands_above_its_statement_and_requires_a_reason(
    editor: Editor, project: Path, rows: Rows
) -> None:
    tree, config = project / "domu1.dts", project / "domu1.cfg"
    for path, code, old, new in (
        (tree, "XA809", PATH, "xen,pathes;\n\t\t\t" + PATH),
        (tree, "XA809", PATH, 'status = "okay"; l1: l2: xen,pathes; ' + PATH),
        (config, "XA601", "vcpus", "vcpuses = 1\nvcpus"),
    ):
        with rows(path.name, new):
            right = path.read_text()
            shown = await editor.open(path, right.replace(old, new))
            *_, waiver = await editor.actions(path, by_code(shown, code))
            text = editor.applied(path, waiver.edit)
            assert f"xenassign: allow {code}: " in text
            assert "XA901" in codes(await editor.edit(path, text))
            reason = text.replace(f"allow {code}: ", f"allow {code}: a test ")
            assert not {code, "XA901", "XA902"} & {*codes(await editor.edit(path, reason))}
            await editor.close()


async def test_the_other_file_of_a_domain_is_judged_again(editor: Editor, project: Path) -> None:
    tree, config = project / "domu1.dts", project / "domu1.cfg"
    await editor.open(tree)
    await editor.open(config)
    text = config.read_text()
    shown = await editor.edit(config, text.replace('"0x9030,0x1"', '"0x9031,0x1"'), shows=tree)
    assert codes(shown) == ["XA220"]
    there = {place.location.uri: place for place in shown[0].related_information or []}
    assert there.keys() == {config.as_uri(), (project / "board.dts").as_uri()}
    assert editor.text(config, there[config.as_uri()].location.range).startswith("iomem = [")
    assert await editor.edit(config, text, shows=tree) == []


async def test_what_two_domains_have_is_underlined_in_both(editor: Editor, project: Path) -> None:
    tree, other = project / "domu1.dts", project / "below" / "other.dts"
    text = tree.read_text()
    other.parent.mkdir()
    rest = text[: text.index("\t\tgpio: ")] + "\t};\n};\n"
    assert await editor.open(tree) == []
    editor.forget(tree)
    shown = await editor.open(other, rest)
    twice = by_code(shown, "XA001")
    assert twice.severity == lsp.DiagnosticSeverity.Error
    first = by_code(await editor.shown(tree), "XA001")
    for path, diagnostic, side in ((other, twice, tree), (tree, first, other)):
        assert editor.text(path, diagnostic.range) == "xen,path"
        at = next(
            place.location
            for place in diagnostic.related_information or []
            if place.location.uri == side.as_uri()
        )
        assert editor.text(side, at.range) == "xen,path"
    allowed = text.replace(PATH, f"/* xenassign: allow XA001, XA005: one at a time */ {PATH}")
    assert "XA001" not in codes(await editor.edit(tree, allowed))
    editor.forget(tree)
    assert "XA001" not in codes(await editor.edit(other, rest.replace("9010000", "9030000")))
    (project / "xenassign.toml").unlink()
    editor.changed_on_disk(tree)
    await editor.shown(tree)
    assert await editor.edit(tree, text) == []


async def test_the_other_domains_of_a_folder_need_not_be_open(
    editor: Editor, project: Path
) -> None:
    tree, config = project / "domu1.dts", project / "other.cfg"
    config.write_text('name = "other"\nmemory = 64\niomem = ["0x9030,1"]\nirqs = [39]\n')
    shown = await editor.open(tree)
    assert codes(shown) == ["XA003", "XA004"]
    page = by_code(shown, "XA003")
    assert editor.text(tree, page.range) == "xen,reg"
    assert "iomem 0x9030,0x1 (of other.cfg) and" in page.message
    (place,) = (p for p in page.related_information or [] if p.location.uri == config.as_uri())
    assert place.location.range.start == lsp.Position(2, 9)
    config.unlink()
    editor.changed_on_disk(config)
    assert await editor.shown(tree) == []


async def test_an_overlay_of_a_partial_tree_is_judged_with_its_base(
    editor: Editor, project: Path
) -> None:
    (project / "domu1.cfg").unlink()
    overlay = project / "more.dtso"
    text = '/dts-v1/;\n/plugin/;\n&rtc { xen,pathh; };\n&gpio { xen,path = "/pl061@9030000"; };\n'
    (shown,) = await editor.open(overlay, text)
    assert shown.code is None
    assert "call the base more.dts, or set base in the section [lint]" in shown.message
    section = '[lint]\nhost = "board.dtb"\nbase = "domu1.dts"\nhost-overlay = "domu1.host.dtso"\n'
    for name, toml in (("more.dtso", section), ("domu1.dtso", 'host = "board.dtb"\n')):
        (project / "xenassign.toml").write_text(toml)
        editor.changed_on_disk(project / "xenassign.toml")
        (shown,) = await editor.open(project / name, text)
        assert shown.code == "XA809"
        assert editor.text(project / name, shown.range) == "xen,pathh"
    assert await editor.open(project / "domu1.dts") == []
    without = (project / "domu1.dts").read_text().replace("rtc: rtc@", "clock: rtc@")
    editor.forget(project / "domu1.dtso")
    await editor.edit(project / "domu1.dts", without.replace("&rtc", "&clock"))
    (shown,) = await editor.shown(project / "domu1.dtso")
    assert "cannot be applied" in shown.message


async def test_a_new_file_belongs_to_its_domain_before_it_is_saved(
    editor: Editor, project: Path
) -> None:
    tree, config = project / "domu1.dts", project / "domu1.cfg"
    text = config.read_text()
    config.unlink()
    await editor.open(tree)
    editor.forget(tree)
    await editor.open(config, text.replace('"0x9030,0x1"', '"0x9031,0x1"'))
    assert codes(await editor.shown(tree)) == ["XA220"]


async def test_a_configuration_of_the_efi_loader_beside_a_domain_is_left_out(
    editor: Editor, project: Path
) -> None:
    (project / "domu1.host.cfg").write_text("[global]\ndefault=xen\n[xen]\ndtb=board.dtb\n")
    assert await editor.open(project / "domu1.dts") == []


async def test_the_other_side_of_a_finding_is_the_node_in_the_hosts_source(
    editor: Editor, project: Path
) -> None:
    tree = project / "domu1.dts"
    text = tree.read_text()
    shown = await editor.open(tree, text.replace("0x9010000 0x0 0x1000>", "0x9010000 0x0 0x2000>"))
    there = [place for diagnostic in shown for place in diagnostic.related_information or []]
    board = (project / "board.dts").read_text().split("\n")
    for place in there:
        assert place.location.uri == (project / "board.dts").as_uri()
    assert {board[place.location.range.start.line].strip() for place in there} == {
        "pl031@9010000 {"
    }


async def test_links_lead_to_files_and_to_the_hosts_nodes(editor: Editor, project: Path) -> None:
    async def linked(path: Path, text: str | None = None) -> dict[str, str]:
        await editor.open(path, text)
        params = lsp.DocumentLinkParams(editor.document(path))
        links = await editor.client.text_document_document_link_async(params)
        folder = project.as_uri() + "/"
        return {
            editor.text(path, link.range): (link.target or "").removeprefix(folder)
            for link in links or []
        }

    board = (project / "board.dts").read_text().split("\n")
    line = 1 + next(n for n, text in enumerate(board) if "pl031@9010000 {" in text)
    (project / "common.dtsi").write_text("/ { };\n")
    text = (project / "domu1.dts").read_text() + '/* /include/ "no" */ /include/ "common.dtsi"\n'
    of_tree = await linked(project / "domu1.dts", text)
    assert of_tree["common.dtsi"] == "common.dtsi"
    assert of_tree['"/pl031@9010000"'] == f"board.dts#L{line}"
    assert await linked(project / "domu1.cfg") == {'"domu1.dtb"': "domu1.dts"}
    assert await linked(project / "xenassign.toml") == {"board.dtb": "board.dtb"}


async def test_the_settings_of_the_editor_are_for_files_without_a_project(
    editor: Editor, project: Path
) -> None:
    (project / "xenassign.toml").unlink()
    tree = project / "domu1.dts"
    wrong = tree.read_text().replace("interrupts = <0 2 4>", "interrupts = <0 3 4>")
    (project / "domu1.cfg").unlink()
    assert await editor.open(tree, wrong) == []
    await editor.configure(host=str(project / "board.dtb"))
    assert "XA312" in codes(await editor.shown(tree))
    before = len(editor.client.messages)
    await editor.configure(hosts="board.dtb")
    await editor.shown(tree)
    (message,) = editor.client.messages[before:]
    assert "[lint] has no key hosts" in message.message


async def test_a_project_is_checked_at_its_keys(editor: Editor, project: Path, rows: Rows) -> None:
    path = project / "xenassign.toml"
    domain = 'host = "board.dtb"\n[[domain]]\nname = "net"\ndevice = ["/pl031@9010000"]\n'
    assert await editor.open(path, domain) == []
    shown = await editor.edit(path, domain.replace("/pl031@9010000", "/pl011@9000000"))
    assert [editor.text(path, d.range) for d in shown] == ['"/pl011@9000000"']
    assert codes(shown) == ["XA102"]
    for text, underlined, words in (
        (domain.replace("name", "nam"), "domain", "has no name"),
        (domain.replace("device", "devices"), "devices", "no key devices"),
        (domain.replace("9010000", "9010001"), 'device = ["/pl031@9010001"]', "9010001"),
        (domain.replace('"net"', '"net'), 'name = "net', "fix the TOML"),
        (domain.replace("board.dtb", "bord.dtb"), 'host = "bord.dtb"', "No such file"),
        ("[lint]\nhosts = 1\n", "hosts = 1", "no key hosts"),
    ):
        with rows(text):
            shown = await editor.edit(path, text)
            said = [(editor.text(path, d.range), d.message) for d in shown]
            assert any(at == underlined and words in message for at, message in said), said


async def test_a_file_that_a_project_names_is_underlined_until_it_is_there(
    editor: Editor, project: Path, rows: Rows
) -> None:
    path, file = project / "xenassign.toml", project / "there"
    board, marks, tree = (
        (project / name).read_bytes() for name in ("board.dtb", "domu1.host.dtso", "domu1.dts")
    )
    config = b'on_crash = "destroy"\n'
    domain = 'host = "board.dtb"\n[[domain]]\nname = "net"\ndevice = ["/pl031@9010000"]\n'
    for text, at, good in (
        ('host = "there"\n', "host", board),
        ('[lint]\nhost = "board.dtb"\nhost-overlay = ["there"]\n', "host-overlay", marks),
        ('[lint]\nbase = "there"\n', "base", tree),
        (domain + '[lint]\nhost-overlay = "there"\n', "host-overlay", marks),
        (domain + 'base-cfg = "there"\n', 'host = "board.dtb"', config),
    ):
        with rows(text):
            (shown,) = await editor.open(path, text)
            assert editor.text(path, shown.range) == at
            assert f"{file}: No such file" in shown.message
            file.write_bytes(good)
            editor.changed_on_disk(file)
            assert await editor.shown(path) == []
            file.unlink()


async def test_a_file_that_is_open_by_two_names_is_judged_by_its_last_text(
    editor: Editor, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(project)
    tree, other = project / "domu1.dts", link / "domu1.dts"
    right = tree.read_text()
    wrong = right.replace(PATH, PATH.replace("path", "pathh"))
    assert "XA809" in codes(await editor.open(tree, wrong))
    editor.forget(tree)
    assert await editor.open(other, right) == await editor.shown(tree) == []
    assert "XA809" in codes(await editor.edit(tree, wrong))
    editor.forget(other)
    editor.close_file(tree)
    assert await editor.shown(tree) == await editor.shown(other) == []
    assert "XA809" in codes(await editor.edit(other, wrong))
    await editor.open(tree, right)


async def test_what_cannot_be_read_is_underlined_where_that_is(
    editor: Editor, project: Path
) -> None:
    tree, marks = project / "domu1.dts", project / "domu1.host.dtso"
    text = tree.read_text()
    shown = await editor.open(tree, text.replace("clk: apb-pclk {", "clk: apb-pclk {{"))
    assert [editor.text(tree, d.range)[:2] for d in shown] == ["{"]
    (project / "xenassign.toml").write_text('host = "bord.dtb"\n')
    shown = await editor.edit(tree, text)
    assert [d.range.start.line for d in shown] == [0]
    assert "bord.dtb" in shown[0].message
    (project / "xenassign.toml").write_text('host = "board.dtb"\n')
    editor.changed_on_disk(project / "xenassign.toml")
    assert await editor.shown(tree) == []
    await editor.open(marks)
    assert len(await editor.edit(marks, "/dts-v1/; /plugin/; oops", shows=tree)) == 1


async def test_files_that_are_nothing_for_xen_are_left_alone(
    editor: Editor, project: Path, rows: Rows
) -> None:
    for name, text in (
        ("setup.cfg", "[metadata]\nname = x\n"),
        ("other.cfg", "colour = red\n"),
        ("board.dts", "/dts-v1/; / { not source"),
        ("part.dtsi", "xen,passthrough;"),
        ("marks.dtso", "/dts-v1/; /plugin/; &uart { xen,passthrough; };"),
    ):
        with rows(name):
            assert await editor.open(project / name, text) == []


async def test_positions_are_utf_16_and_lines_end_as_in_the_editor(
    editor: Editor, project: Path, rows: Rows
) -> None:
    tree = project / "domu1.dts"
    before = "/* \U0001f600é */ /* \x0c */ "
    right = tree.read_text().replace(PATH, before + PATH.replace("path", "pathh"))
    for end in ("\n", "\r\n"):
        with rows(end):
            wrong = right.replace("\n", end)
            unknown = by_code(await editor.open(tree, wrong), "XA809")
            assert editor.text(tree, unknown.range) == "xen,pathh"
            fix, waiver = await editor.actions(tree, unknown)
            assert editor.applied(tree, fix.edit) == wrong.replace("pathh", "path")
            assert editor.applied(tree, waiver.edit).count("\r") == wrong.count("\r") * 1 + (
                2 if "\r" in end else 0
            )
            await editor.close()
