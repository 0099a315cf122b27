"""The [lint] section of xenassign.toml, and which findings are selected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wording import Wording
from xenassign.errors import InputError, UsageError
from xenassign.linting.settings import Settings, read_settings, selected
from xenassign.linting.verdict.cfg_irqs import BAD_IRQ
from xenassign.linting.verdict.domcfg import NO_TREE

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
base = "net.dts"
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
        bases=(str(tmp_path / "net.dts"),),
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


def test_no_file_and_no_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings(None) == Settings()
    (tmp_path / "xenassign.toml").write_text("[other]\na = 1\n")
    assert read_settings(None) == Settings()
    with wording.raises(InputError):
        read_settings(Path("no-such"))


@pytest.mark.parametrize(
    "text",
    [
        "[lint]\nhots = 'a'\n",
        "[lint]\nhost = 1\n",
        "[lint]\n\nselect = 2\n",
        "[lint]\nignore = [1]\n",
        "[lint]\nroute = ['xm']\n",
        "# host = 1\nhost = 's'\n[lint]\nhost = 1",
        "# xen = '4.20'\nxen = 4.20\n[lint]",
        "a = '''\nselect = 1'''\nlint = {xen = '4.1'}",
        "lint = 1\n",
        "[lint]\nhost = \n",
        "[lint\n",
        "\udcff",
    ],
)
def test_mistakes_have_a_place(tmp_path: Path, text: str, wording: Wording) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with wording.raises(InputError):
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
    shown, hidden = selected(FOUND, select, ignore)
    assert [finding.code for finding in shown] == expected
    assert set(hidden) == set(FOUND) - set(shown)


@pytest.mark.parametrize("code", ["XA99", "E501", "", "XA6021"])
def test_a_code_that_does_not_exist(code: str, wording: Wording) -> None:
    with wording.raises(UsageError):
        selected(FOUND, (code,), ())
    with wording.raises(UsageError):
        selected(FOUND, (), (code,))


def test_all_mistakes_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        settings(tmp_path, 'xen = "5"\n[lint]\nroute = "x"\ninclde = []\n')
    assert [line.split(":")[1] for line in caught.value.lines] == ["1", "3", "4"]
