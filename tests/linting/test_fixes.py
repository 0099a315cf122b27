"""What --fix changes: the diff, the file, and nothing where the fix is ambiguous."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.wording import Wording
from xenassign.errors import OutputError, UsageError
from xenassign.linting.session import Session

from .bases import CONFIG, PARTIAL

ROUNDED = "xen,reg = <0x0 0x9030000 0x0 0x1000 0x0 0x9030000>;"
Fixed = Callable[[str, str], str]


@pytest.fixture(name="fixed")
def fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fixed:
    """The text of a file after --fix; a second run changes nothing."""
    monkeypatch.chdir(tmp_path)

    def fix(name: str, text: str) -> str:
        path = Path(name)
        path.write_text(text)
        Session.of((name,)).fix(write=True)
        first = path.read_text()
        assert Session.of((name,)).fix(write=True) == ""
        assert path.read_text() == first
        return first

    return fix


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("0x0 0x9030000 0x0 0x800 0x0 0x9030000", "0x0 0x9030000 0x0 0x1000 0x0 0x9030000"),
        ("0x0 0x9030800 0x0 0x100 0x0 0x9030800", "0x0 0x9030000 0x0 0x1000 0x0 0x9030000"),
        ("0x0 151193600 0 0x801 0x0 0x9030800", "0x0 0x9030000 0 0x2000 0x0 0x9030000"),
        ("0 0x9030800 0 0xfffff900 0 0x9030800", "0 0x9030000 0x1 0x1000 0 0x9030000"),
    ],
)
def test_registers_are_rounded_out(fixed: Fixed, wrong: str, right: str) -> None:
    text = PARTIAL.replace(ROUNDED, f"xen,reg = <{wrong}>;")
    assert fixed("a.dts", text) == text.replace(wrong, right)


@pytest.mark.parametrize(
    "wrong",
    [
        "xen,reg = <0x0 0x9030800 0x0 0x1000 0x0 0x9030000>;",  # which of the two?
        "xen,reg = <0x0 (0x9030000 + 8) 0x0 0x1000 0x0 (0x9030000 + 8)>;",  # an expression
        "xen,reg = <0x0 0x9030800 0x0 0x1000 0x0 (0x9030000 + 0x800)>;",  # not half of it
        "xen,reg = <0 0x9030800 0xffffffff 0xfffff900 0 0x9030800>;",  # no room in the cells
        "xen,reg = /bits/ 64 <0x9030800 0x1000 0x9030800>;",
    ],
)
def test_what_is_not_mechanical_stays(fixed: Fixed, wrong: str) -> None:
    text = PARTIAL.replace(ROUNDED, wrong)
    assert fixed("a.dts", text) == text


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (r'"arm,pl061\0arm,primecell"', '"arm,pl061", "arm,primecell"'),
        (r'"arm,pl061\000arm\x00c"', '"arm,pl061", "arm", "c"'),
        (r'"arm,pl061\\0"', r'"arm,pl061\\0"'),
    ],
)
def test_a_string_that_should_be_a_list(fixed: Fixed, wrong: str, right: str) -> None:
    text = PARTIAL.replace('"arm,pl061", "arm,primecell"', wrong)
    assert fixed("a.dts", text) == text.replace(wrong, right)


def test_a_misspelt_property(fixed: Fixed) -> None:
    text = PARTIAL.replace("xen,force-assign-without-iommu", "xen,force-assign-without-iomm")
    assert fixed("a.dts", text) == PARTIAL


def test_a_configuration(fixed: Fixed) -> None:
    text = "# mine\nname = 'a'\nirqs = [ 0x22, '0x23' ] # two\niomems = []\ndevice_tree = 'x'\n"
    expected = "# mine\nname = 'a'\nirqs = [ 34, 35 ] # two\niomem = []\ndevice_tree = 'x'\n"
    assert fixed("a.cfg", text) == expected


def test_what_is_waived_or_ignored_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "iomems = [] # xenassign: allow XA601: ours\nirq = []\n"
    Path("a.cfg").write_text(text)
    assert Session.of(("a.cfg",), ignore=("XA601",)).fix(write=True) == ""
    diff = Session.of(("a.cfg",)).fix(write=False)
    assert "-irq = []\n+irqs = []\n" in diff
    assert Path("a.cfg").read_text() == text


def test_the_file_keeps_its_mode_and_its_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("real.cfg").write_text("irqs = [0x22]\r\n")
    Path("real.cfg").chmod(0o640)
    Path("a.cfg").symlink_to("real.cfg")
    Session.of(("a.cfg",)).fix(write=True)
    assert Path("a.cfg").is_symlink()
    assert Path("real.cfg").read_bytes() in (b"irqs = [34]\r\n", b"irqs = [0x22]\r\n")
    assert stat.S_IMODE(Path("real.cfg").stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cfg", "real.cfg"]


def test_a_file_that_cannot_be_written(
    fixed: Fixed, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    Path("a.cfg").write_text(CONFIG.replace("34, 39", "0x22, 39"))
    session = Session.of(("a.cfg",))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "a.cfg")

    monkeypatch.setattr("os.fsync", full)
    with wording.raises(OutputError):
        session.fix(write=True)
    assert "0x22" in Path("a.cfg").read_text()


def test_standard_input_cannot_be_fixed(monkeypatch: pytest.MonkeyPatch, wording: Wording) -> None:
    import io
    import sys

    class Stream(io.StringIO):
        buffer = io.BytesIO(b"irqs = [0x22]\n")

    monkeypatch.setattr(sys, "stdin", Stream())
    session = Session.of(("-",))
    assert "+irqs = [34]" in session.fix(write=False)
    with wording.raises(UsageError):
        session.fix(write=True)


RENAMED = PARTIAL.replace("xen,path = ", "xen,paht = ", 1)


def test_line_ends_and_wide_characters_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.dts"
    text = RENAMED.replace("xen,paht", "/* € 😀 */ xen,paht").replace("\n", "\r\n")
    path.write_bytes(text.encode())
    Session.of((str(path),)).fix(write=True)
    assert path.read_bytes() == text.replace("xen,paht", "xen,path").encode()


def test_a_configuration_with_carriage_returns_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.cfg"
    path.write_bytes(b"irqs = [0x22]\r\n")  # libxlutil refuses the carriage return
    Session.of((str(path),)).fix(write=True)
    assert path.read_bytes() == b"irqs = [0x22]\r\n"


@pytest.mark.parametrize(
    ("define", "use"),
    [
        ("#define XP xen,paht", "XP = "),
        ("#define XP status = OK; xen,paht", "XP = "),  # more than a name
        ("#define XP(name...) name", "XP(xen,paht) = "),
    ],
)
def test_a_name_from_a_macro_stays(fixed: Fixed, define: str, use: str) -> None:
    text = RENAMED.replace("xen,paht = ", use).replace("OK", '"okay"')
    text = f"{define}\n".replace("OK", '"okay"') + text
    assert fixed("a.dts", text) == text


def test_an_included_file_stays(fixed: Fixed) -> None:
    """It may be that of another board too; it is fixed if it is given itself."""
    Path("common.dtsi").write_text('xen,paht = "/pl031@9010000";')
    text = PARTIAL.replace('xen,path = "/pl031@9010000";', '/include/ "common.dtsi"', 1)
    assert fixed("a.dts", text) == text
    assert Path("common.dtsi").read_text() == 'xen,paht = "/pl031@9010000";'


def test_a_fix_of_two_files_is_not_made_by_half(fixed: Fixed) -> None:
    Path("size.dtsi").write_text("0x100")
    wrong = 'xen,reg = <0x0 0x9030800 0x0 /include/ "size.dtsi" 0x0 0x9030800>;'
    text = PARTIAL.replace(ROUNDED, wrong)
    assert fixed("a.dts", text) == text


def test_of_a_property_that_is_set_twice_the_last_one_counts(fixed: Fixed) -> None:
    text = RENAMED.replace("gpio: ", "gpio0: ") + '&rtc { xen,paht = "/last"; };\n'
    assert '&rtc { xen,path = "/last"; };' in fixed("a.dts", text)


@pytest.mark.parametrize("line", ['xen,path = "/a";', 'xen,pathh = "/a";'])
def test_a_property_is_not_written_twice(fixed: Fixed, line: str) -> None:
    text = RENAMED.replace("xen,paht = ", f"{line} xen,paht = ")
    assert fixed("a.dts", text) == text


def test_a_page_with_another_device_is_not_rounded_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    board = (repository / "fixtures/host_dtbs/qemu-virt-gicv3.dts").read_text()
    alone = "xen,reg = <0x0 0x9010000 0x0 0x800 0x0 0x9010000>;"
    text = PARTIAL.replace("xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x9010000>;", alone)
    watchdog = 'watchdog@9010800 { compatible = "x,y"; reg = <0 0x9010800 0 0x800>; };'
    for end, expected in ((watchdog, text), ("", PARTIAL)):
        Path("host.dts").write_text(f"{board}\n/ {{ {end} }};\n")
        Path("a.dts").write_text(text)
        Session.of(("a.dts",), host="host.dts").fix(write=True)
        assert Path("a.dts").read_text() == expected


def test_a_fix_is_the_same_for_a_file_that_is_given_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.dts").write_text(RENAMED)
    Session.of(("a.dts", "./a.dts")).fix(write=True)
    assert Path("a.dts").read_text() == PARTIAL
