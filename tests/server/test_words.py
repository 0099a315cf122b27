"""Hovers and completion, through a client of someone else's."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from tests.conftest import FIXTURES
from tests.linting.bases import BASES
from tests.rows import Rows

from .editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def hover(editor: Editor, path: Path, before: str, after: str = "") -> tuple[str, str]:
    """(what is shown between two texts, the text that it is about)."""
    params = lsp.HoverParams(editor.document(path), editor.position(path, before, after))
    answer = await editor.client.text_document_hover_async(params)
    if answer is None:
        return "", ""
    assert isinstance(answer.contents, lsp.MarkupContent)
    assert answer.range is not None
    return answer.contents.value, editor.text(path, answer.range)


async def proposed(editor: Editor, path: Path, before: str, after: str = "") -> dict[str, str]:
    """What is proposed between two texts, and what the text up to there becomes of each."""
    at = editor.position(path, before, after)
    answer = await editor.client.text_document_completion_async(
        lsp.CompletionParams(editor.document(path), at)
    )
    assert isinstance(answer, list)
    result = {}
    for item in answer:
        edit = item.text_edit
        assert edit is None or isinstance(edit, lsp.TextEdit)
        result[item.label] = item.insert_text if edit is None else edit.new_text
        if edit is not None:
            assert edit.range.end == at
    return {label: text or "" for label, text in result.items()}


async def test_hovers_of_a_tree(editor: Editor, project: Path, rows: Rows) -> None:
    tree = project / "domu1.dts"
    await editor.open(tree)
    text = tree.read_text()
    for before, after, words in (
        ('xen,path = "/pl031', "@9010000", "`/pl031@9010000` on the host: `arm,pl031`"),
        ('xen,path = "/pl031', "@9010000", "registers: `0x9010000-0x9011000` (1 page)"),
        ('xen,path = "/pl031', "@9010000", "INTID 34 (SPI 2) level-high"),
        ('xen,path = "/pl031', "@9010000", "IOMMU: unprotected: "),
        ('xen,path = "/pl031', "@9010000", "DMA: no: "),
        ("xen,reg = <0x0 0x9030000", " 0x0 0x1000 0x0", "the same guest addresses"),
        ("xen,reg = <0x0 0x9030000", " 0x0 0x1000 0x0", "registers of `/pl061@9030000`"),
        ("interrupts = <0 ", "7", "INTID 39 (SPI 7), level-high: on the host of `/pl061@9030000`"),
        ("clock-frequency = <", "24000000>", "24 MHz, fixed"),
        ("clock-frequency = <", "24000000>", "clock 0 `apb_pclk` of `/passthrough/rtc@9010000`"),
        ("clock-frequency = <", "24000000>", "replaces `/apb-pclk` of the host"),
    ):
        with rows(before, words):
            assert text.count(before + after) == 1
            shown, about = await hover(editor, tree, before, after)
            assert words in shown, shown
            assert before.partition(" ")[0] in about
    assert await hover(editor, tree, "rtc: rtc", "@9010000") == ("", "")


async def test_hovers_of_a_dom_cfg_and_of_a_project(
    editor: Editor, project: Path, rows: Rows
) -> None:
    config, toml = project / "domu1.cfg", project / "xenassign.toml"
    await editor.open(config)
    await editor.open(
        toml, toml.read_text() + '[[domain]]\nname = "n"\ndevice = ["pl031@9010000"]\n'
    )
    for path, before, after, words, about in (
        (config, "io", "mem", "hexadecimal numbers of 4 KiB pages", "iomem = "),
        (config, '"0x9010', ',0x1"', "host `0x9010000-0x9011000` (1 page)", '"0x9010,0x1"'),
        (config, "[34, 3", "9]", "INTID 39 (SPI 7): on the host of `/pl061@9030000`", "39"),
        (config, "memory = 51", "2", "131072 pages, 0x80000 KiB", "512"),
        (toml, "ho", "st = ", "The board's device tree", "host"),
        (toml, "devi", "ce = ", "Its devices", "device"),
        (toml, "pl031", "@9010000", "DMA: no", '"pl031@9010000"'),
    ):
        with rows(path.name, words):
            shown, at = await hover(editor, path, before, after)
            assert words in shown, shown
            assert at.startswith(about)


async def test_a_device_with_an_iommu_and_an_alias(editor: Editor, project: Path) -> None:
    for file in (BASES / "protected").iterdir():
        shutil.copy(file, project)
    shutil.copy(FIXTURES / "zynqmp-zcu102.dtb", project / "board.dtb")
    tree = project / "domu1.dts"
    await editor.open(tree)
    shown, _ = await hover(editor, tree, "xen,pa", "th")
    assert "IOMMU: protected: /axi/iommu@fd800000" in shown
    assert "DMA: yes: " in shown
    await editor.edit(tree, re.sub(r'xen,path = "[^"]*"', 'xen,path = "eth', tree.read_text()))
    words = await proposed(editor, tree, 'xen,path = "eth', ";")
    assert words["ethernet0"].startswith("/axi/ethernet@")
    (project / "xenassign.toml").write_text('host = "board.dtb"\n[[domain]]\ndevice = ["eth\n')
    await editor.open(project / "xenassign.toml")
    words = await proposed(editor, project / "xenassign.toml", '["eth', "\n")
    assert words["ethernet0"] == "ethernet0"


async def test_completion_by_place(editor: Editor, project: Path, rows: Rows) -> None:
    tree, marks = project / "domu1.dts", project / "domu1.host.dtso"
    text = tree.read_text()
    prop = 'xen,path = "/pl031@9010000";'
    for new, before, after, label, becomes in (
        ("xen,", "\t\t\txen,", "\n", "xen,reg", "xen,reg"),
        ('xen,path = "/pl0', 'xen,path = "/pl0', "\n", "/pl031@9010000", "/pl031@9010000"),
        ("/* xenassign: allow ", "allow ", "\n", "XA403", "XA403"),
        ("// xenassign: allow XA403, ", "XA403, ", "\n", "XA404", "XA404"),
    ):
        with rows(new):
            await editor.open(tree, text.replace(prop, new))
            words = await proposed(editor, tree, before, after)
            assert words.get(label) == becomes, words
            assert "xen,passthrough" not in words
    await editor.open(marks, marks.read_text().replace("xen,passthrough;", "xen,", 1))
    assert await proposed(editor, marks, "xen,", "\n") == {"xen,passthrough": "xen,passthrough"}
    await editor.open(tree, text.replace(prop, 'status = "ok'))
    assert await proposed(editor, tree, 'status = "ok', "\n") == {}


async def test_completion_of_a_dom_cfg_and_of_a_project(
    editor: Editor, project: Path, rows: Rows
) -> None:
    config, toml = project / "domu1.cfg", project / "xenassign.toml"
    await editor.open(config, config.read_text() + "dt\n# xenassign: allow \n")
    words = await proposed(editor, config, "\ndt", "\n")
    assert {"dtdev", "iomem", "llc_colors"} <= words.keys()
    assert "XA601" in await proposed(editor, config, "allow ", "\n")
    top = 'host = "board.dtb"\n'
    domain = '[[domain]]\nname = "n"\n'
    for new, before, label, becomes in (
        ('xen = "', 'xen = "', "4.20", "4.20"),
        ("ro", "\nro", "route", "route"),
        (f"{domain}dev", "\ndev", "device", "device"),
        (f'{domain}device = ["rt', '["rt', "/pl031@9010000", "/pl031@9010000"),
        (f'{domain}device = [\n  "a", "rt', ', "rt', "/pl031@9010000", "/pl031@9010000"),
        (f'{domain}[[domain.device]]\npath = "', 'path = "', "/pl061@9030000", "/pl061@9030000"),
        (f"{domain}[[domain.device]]\nma", "\nma", "map", "map"),
        ('[[allow]]\ncode = "', 'code = "', "XA003", "XA003"),
        ('[lint]\nkconfig = ["', '["', "STATIC_MEMORY", "STATIC_MEMORY"),
    ):
        with rows(new):
            await editor.open(toml, f"{top}{new}\n")
            words = await proposed(editor, toml, before, "\n")
            assert words.get(label) == becomes, words
