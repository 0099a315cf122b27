"""The [lint] section of xenassign.toml, and which findings are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenassign.errors import InputError, UsageError
from xenassign.lint.settings import Settings, read_settings, wanted
from xenassign.lint.verdict.domcfg import BAD_IRQ, NO_TREE

FOUND = [BAD_IRQ("one"), NO_TREE("two")]  # XA602, XA612


def settings(folder: Path, text: str) -> Settings:
    path = folder / "x.toml"
    path.write_text(text)
    return read_settings(path)


def test_everything(tmp_path: Path) -> None:
    text = """
[lint]
host = "b/board.dtb"
host-overlay = ["m.dtbo", "n.dtbo"]
xen = "4.19"
route = ["xl"]
select = ["XA2", "XA3"]
ignore = ["XA405"]
include = ["inc"]
kconfig = ["STATIC_MEMORY"]
[[domain]]
name = "later"
"""
    assert settings(tmp_path, text) == Settings(
        host=str(tmp_path / "b/board.dtb"),
        overlays=(str(tmp_path / "m.dtbo"), str(tmp_path / "n.dtbo")),
        xen="4.19",
        routes=("xl",),
        select=("XA2", "XA3"),
        ignore=("XA405",),
        include=(str(tmp_path / "inc"),),
        kconfig=("STATIC_MEMORY",),
    )


def test_what_the_file_says_holds_for_the_section(tmp_path: Path) -> None:
    top = 'host = "b.dtb"\nxen = "4.19"\nroute = "xl"\n'
    taken = Settings(host=str(tmp_path / "b.dtb"), xen="4.19", routes=("xl",))
    assert settings(tmp_path, top) == taken
    own = '[lint]\nhost = "c.dtb"\nxen = "4.18"\nroute = ["dom0less"]\nselect = "XA2"'
    assert settings(tmp_path, top + own) == Settings(
        host=str(tmp_path / "c.dtb"), xen="4.18", routes=("dom0less",), select=("XA2",)
    )
    assert settings(tmp_path, 'host = ["b.dtb"]').host == str(tmp_path / "b.dtb")
    assert settings(tmp_path, 'host = ["b.dtb", "c.dtb"]').host is None


def test_no_file_and_no_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings(None) == Settings()
    (tmp_path / "xenassign.toml").write_text("[other]\na = 1\n")
    assert read_settings(None) == Settings()
    with pytest.raises(InputError, match=r"no-such: No such file"):
        read_settings(Path("no-such"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[lint]\nhots = 'a'\n", r"x\.toml:2: \[lint\] has no key hots; did you mean host"),
        ("[lint]\nhost = 1\n", r"x\.toml:2: host is no string"),
        ("[lint]\n\nselect = 2\n", r"x\.toml:3: select is no string or list of strings; write sel"),
        ("[lint]\nignore = [1]\n", r"x\.toml:2: ignore is no list of strings"),
        ("[lint]\nroute = ['xm']\n", r"x\.toml:2: no route xm; there are dom0less and xl"),
        ("# host = 1\nhost = 's'\n[lint]\nhost = 1", r"x\.toml:4: host is no string"),
        ("# xen = '4.20'\nxen = 4.20\n[lint]", r"x\.toml:2: xen is no string; write xen = .4.20."),
        (
            "a = '''\nselect = 1'''\nlint = {xen = '4.1'}",
            r"x\.toml:3: no xen 4.1; there are 4.17, ",
        ),
        ("lint = 1\n", r"x\.toml:1: lint is no section"),
        ("[lint]\nhost = \n", r"x\.toml:2:\d+: .*; mend the TOML"),
        ("[lint\n", r"x\.toml:1:\d+: .*; mend the TOML"),
        ("\udcff", r"x\.toml: is not UTF-8 text"),
    ],
)
def test_mistakes_have_a_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=message):
        read_settings(path)


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        ((), (), ["XA602", "XA612"]),
        (("XA602",), (), ["XA602"]),
        (("xa6",), (), ["XA602", "XA612"]),
        (("XA61",), (), ["XA612"]),
        ((), ("XA61",), ["XA602"]),
        (("XA6",), ("XA602",), ["XA612"]),
        (("XA2",), (), []),
    ],
)
def test_select_and_ignore(
    select: tuple[str, ...], ignore: tuple[str, ...], expected: list[str]
) -> None:
    assert [finding.code for finding in wanted(FOUND, select, ignore)] == expected


@pytest.mark.parametrize("code", ["XA99", "E501", "", "XA6021"])
def test_a_code_that_does_not_exist(code: str) -> None:
    with pytest.raises(UsageError, match="no such finding"):
        wanted(FOUND, (code,), ())
    with pytest.raises(UsageError, match="no such finding"):
        wanted(FOUND, (), (code,))
