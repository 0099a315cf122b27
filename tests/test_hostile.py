"""No output passes foreign text on as anything but text: every renderer, with a hostile board.

The lists of renderers are read from the code. A new one fails here until it has its check.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from xenassign.cli import cli, completion, main
from xenassign.devicetree import blob
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import DevicetreeError, Tree
from xenassign.errors import OutputError
from xenassign.formats.toml_text import parse_toml
from xenassign.formats.xlcfg_parser import parse as parse_config
from xenassign.linting import formats
from xenassign.linting.waivers import _START as WAIVER
from xenassign.outputs import sci
from xenassign.outputs.generated import ENDINGS, NAMES, OUTPUTS
from xenassign.outputs.generated import generate_system as generate
from xenassign.request.boot_request import UBOOT, BootRequest, parse_load
from xenassign.request.request import Accepted, Request
from xenassign.request.system_request import ImageBuilderRequest, SystemRequest

from . import hostile
from .bash import sourced

Run = Callable[..., str]
Variant = Callable[[str, str], Tree]

LOADS = ("xen=0x48000000:2M", "host=0x4a000000", "kernel=0x4c000000:16M", "dtb=0x4a800000")
GUEST = ("-d", hostile.DEVICE, "--memory", "256", "--vcpus", "1", "--name", "d1")
FORCED = ("--force-assign-without-iommu", hostile.DEVICE)


@pytest.fixture
def folder(variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the hostile files; two boards, the second of a hostile name."""
    data = variant("qemu", hostile.BOARD).data
    assert data is not None
    for name in ("host.dtb", f"{hostile.WORD}.dtb"):
        (tmp_path / name).write_bytes(data)
    other = hostile.BOARD.replace("<0 100 4>", "<0 101 4>")
    data = variant("qemu", other).data
    assert data is not None
    (tmp_path / f"other{hostile.WORD}.dtb").write_bytes(data)
    (tmp_path / "g.cfg").write_text(hostile.CFG)
    (tmp_path / f"{hostile.WORD}.cfg").write_text(hostile.CFG)
    (tmp_path / "p.dts").write_text(hostile.PARTIAL)
    (tmp_path / "s.toml").write_text(hostile.settings(f"{hostile.WORD}.dtb"))
    (tmp_path / "s.lock").write_text(hostile.lock())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program; returns what it prints to both streams, which is checked."""

    def run_it(*words: str, statuses: tuple[int, ...] = (0, 1, 2)) -> str:
        monkeypatch.setattr(sys, "argv", ["xenassign", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        assert "internal error" not in errors, errors
        assert ended.value.code in statuses, errors
        hostile.printed(errors)
        if "github" not in words:
            hostile.printed(output)
        return output

    return run_it


# ---------------------------------------------------------------------- files


def source(data: bytes) -> None:
    """dtc's rules accept the source, and only waivers that the user gave waive something."""
    text = data.decode()
    assert text.replace("\n", "").replace("\t", "").isprintable()
    document = read_source(data, "a.dts")
    comments = [comment.text for comment in document.comments]
    assert not [comment for comment in comments if WAIVER.search(comment)]
    root = read_blob(document.blob).root
    assert not any(node.has("forged") for node in root.walk())


def device_source(data: bytes) -> None:
    """The values of the device are those of the board."""
    source(data)
    root = read_blob(read_source(data, "a.dts").blob).root
    device = next(node for node in root.walk() if node.text("xen,path") == hostile.DEVICE)
    assert device.strings("clock-names") == (hostile.TEXT,) * 3
    for name in hostile.NAMES:
        assert device.strings(name) == (hostile.TEXT,) * 2


def xl_config(data: bytes) -> None:
    """It says nothing but what the plan says."""
    text = data.decode()
    assert text.replace("\n", "").isprintable()
    config = parse_config(text)
    known = {"name", "memory", "vcpus", "device_tree", "irqs", "iomem", "extra", "kernel"}
    assert {statement.name for statement in config.statements} <= known
    assert not any(WAIVER.search(comment.text) for comment in config.comments)


#: A word for U-Boot's shell that none of its versions splits, expands or leaves out.
_WORD = r'(?:[\w./,:=@+%-]+|"[\w./,:=@+%# <>\[\]-]+")'
_UBOOT_LINE = re.compile(
    rf"(?:fdt (?:addr|resize|set|rm|mknod)(?: {_WORD})+ \|\| setenv xenassign_failed 1"
    r"|setenv xenassign_failed|setenv fdt_high 0xffffffffffffffff"
    r'|if test -n "\$\{xenassign_failed\}"; then|else|fi|  booti [\w ]+ - \w+'
    r'|  echo "xenassign: [\w ,;]+"|#.*|)',
    re.ASCII,
)


def uboot_script(data: bytes) -> None:
    """Only the commands of xenassign, each with words that are data."""
    for line in data.decode().splitlines():
        assert line.isprintable()
        assert _UBOOT_LINE.fullmatch(line), line


def bash_config(data: bytes) -> None:
    """bash sets the variables of xenassign, and runs no command."""
    variables = ("DOMU_PASSTHROUGH_PATHS", "DOMU_KERNEL", "NUM_DOMUS", "forged")
    values = sourced(data, Path.cwd(), *variables)
    assert values["DOMU_PASSTHROUGH_PATHS", 0] == hostile.DEVICE.encode()
    assert not any(name == "forged" for name, _ in values)
    uncommented = re.sub(r"(?m)^#(?=[A-Z_]+[=\[])", "", data.decode()).encode()
    assert sourced(uncommented, Path.cwd(), "DEVICE_TREE")  # bash -n accepts it
    assert data.decode().replace("\n", "").isprintable()


def uboot_commands(data: bytes) -> None:
    for line in data.decode().splitlines():
        assert re.fullmatch(rf"fdt \w+(?: {_WORD})+|#.*", line), line
        assert line.isprintable()


def document(data: bytes) -> None:
    """JSON that can be printed."""
    json.loads(data)
    hostile.printed(data.decode())


def binary(data: bytes) -> None:
    """A tree: text has no meaning in it."""
    read_blob(data)


def image(data: bytes) -> None:
    """The script is checked as text."""
    assert data[:4] == b"\x27\x05\x19\x56"


#: A line of NAME.zephyr.c: of a comment, and what is compiled.
_C_LINE = re.compile(
    r"/\*| \* [^\x00-\x1f]*| \*/|\t/\* (?:(?!\*/)[^\x00-\x1f])* \*/|#include <[a-z/.]+>|[{}];?|"
    r"(?:static (?:const )?)?(?:struct xen_domain_iomem |uint\d+_t |char \*|void )[\w\[\]() *={]+"
    r"|\t\{ [.\w =,]+ \},|\t(?:\w+, ?)+|\tcfg->[\w]+ \|?= [^\x00-\x1f]*;"
    r'|\t"(?:[^"\\\x00-\x1f]|\\[\d"\\?])*",|'
)


def c_source(data: bytes) -> None:
    """Comments, numbers and strings only."""
    for line in data.decode().split("\n"):
        assert _C_LINE.fullmatch(line), line


def efi_config(data: bytes) -> None:
    """Comments, and the values that are expected."""
    lines = [line for line in data.decode("ascii").split("\n") if not line.startswith("#")]
    options = "options=a;b \"c'"
    assert lines == ["[global]", "default=xen", "", "[xen]", options, "dtb=xen.dtb", ""]


FILES: dict[str, Callable[[bytes], None]] = {
    ".dtb": binary,
    ".dts": device_source,
    ".host.dtbo": binary,
    ".host.dtso": source,
    ".cfg": xl_config,
    ".dom0less.dtso": source,
    ".attach.host.dtbo": binary,
    ".attach.host.dtso": source,
    ".attach.dtbo": binary,
    ".attach.dtso": device_source,
    ".json": document,
    "/host-out": binary,
    "boot.cmd": uboot_script,
    "boot.scr": image,
    "imagebuilder.cfg": bash_config,
    "imagebuilder.cmds": uboot_commands,
    "xen.cfg": efi_config,
    "xen.dtb": binary,
    ".zephyr.c": c_source,
    ".xrun.json": document,
    "scmi-agents.host.dtbo": binary,
    "scmi-agents.host.dtso": source,
}
#: They have the numbers of [sci] of xenassign.toml, and are written with a board that has SCMI:
#: tests/planning/test_sci_agents.py reads them.
OF_NUMBERS = frozenset(sci.NAMES)


def kind_of(name: str) -> str:
    """The key of FILES for a file."""
    return max((kind for kind in FILES if f"/{name}".endswith(kind)), key=len)


def test_every_kind_of_file_has_a_check() -> None:
    assert set(FILES) == {*ENDINGS, *NAMES}


#: The runs that write all files. Outputs for dom0less and for a running Xen exclude each other.
WRITING = (
    (
        *FORCED,
        "--uboot-script",
        "--host-out",
        "{out}/host-out",
        "--chosen",
        "--imagebuilder",
        "--no-vpl011",
    ),
    (*FORCED, "--attach-overlay", "--route", "xl", "--zephyr", "--kernel", "k"),
    (*FORCED, "--efi", "--xen-bootargs", "a;b \"c'", "--load", "kernel=a b/$(c)"),
)


def test_every_file_is_what_it_says(folder: Path, run: Run) -> None:
    seen = set()
    loads = [word for load in LOADS for word in ("--load", load)]
    host = f"{hostile.WORD}.dtb"
    for number, options in enumerate(WRITING):
        out = folder / f"out{number}"
        out.mkdir()
        words = [word.format(out=out) for word in options]
        words += loads if "--uboot-script" in words else []
        extra = "" if "--imagebuilder" in words else "quoted=\"a 'b' $c;d\" */ \\"
        run("generate", host, *GUEST, *words, "--extra", extra, "-o", str(out), statuses=(0,))
        for name, data in hostile.files_of(out).items():
            FILES[kind_of(name)](data)
            seen.add(kind_of(name))
    assert seen == set(FILES) - OF_NUMBERS
    run("init", host, "-o", "new.toml", statuses=(0,))
    overlay = run("inspect", host, hostile.DEVICE, "--iommu-overlay", statuses=(0,))
    source(overlay.replace("STREAM_ID", "7").encode())


# ---------------------------------------------------------------------- commands

HOSTILE = hostile.TEXT
NAMED = f"{hostile.WORD}.dtb"
#: By command and --format: command lines.
COMMANDS: dict[tuple[str, str], list[tuple[str, ...]]] = {
    ("inspect", "table"): [
        (NAMED,),
        (NAMED, hostile.DEVICE, "/soc/a,b.c_d+e-f@1/other@9092000"),
        (NAMED, "--scmi"),
        (NAMED, "--html", f"{hostile.WORD}.html"),
        (NAMED, HOSTILE),
        (HOSTILE,),
        (NAMED, "--xen", HOSTILE),
    ],
    ("inspect", "json"): [(NAMED,), (NAMED, "--scmi")],
    ("generate", ""): [
        (NAMED, *GUEST, "-o", "refused"),
        (NAMED, *GUEST, "-o", hostile.WORD),
        (NAMED, *GUEST, *FORCED, "-o", hostile.WORD),
        (NAMED, "-d", HOSTILE, "-o", "o"),
        (NAMED, *GUEST, "--map", f"{HOSTILE}=auto", "-o", "o"),
        (NAMED, *GUEST, "--name", HOSTILE, "-o", "o"),
        (NAMED, *GUEST, "--extra", HOSTILE, "-o", "o"),
        (NAMED, *GUEST, "--kernel", os.fsdecode(b"\xff\x1b"), "-o", "o"),
        (NAMED, *GUEST, "--clock-rate", HOSTILE, "-o", "o"),
        (NAMED, *GUEST, "--base", "g.cfg", "-o", "o"),
        (NAMED, *GUEST, "--uboot-script", "--load", HOSTILE, "-o", "o"),
        (NAMED, *GUEST, "--uboot-script", "--load-with", HOSTILE, "-o", "o"),
        (NAMED, *GUEST, *FORCED, "--efi", "--load", f"kernel={HOSTILE}", "-o", "o"),
        (NAMED, "--host", f"other{NAMED}", *GUEST, *FORCED, "-o", "two"),
        ("-c", "s.toml", "-o", "o"),
        ("-c", "s.toml", "--lock", "s.lock", "-o", "o"),
        ("-c", HOSTILE, "-o", "o"),
        (f"--{HOSTILE}",),
    ],
    ("plan", "table"): [
        (NAMED, *GUEST),
        (NAMED, "--host", f"other{NAMED}", *GUEST, *FORCED),
        ("-c", "s.toml"),
    ],
    ("plan", "column"): [(NAMED, *GUEST), ("-c", "s.toml")],
    ("plan", "json"): [(NAMED, *GUEST), (NAMED, "--host", f"other{NAMED}", *GUEST, *FORCED)],
    **{
        ("report", form): [
            (NAMED, *GUEST),
            (NAMED, *GUEST, "--iommu-policy", "strict"),
            (NAMED, "--host", f"other{NAMED}", *GUEST, *FORCED),
            ("-c", "s.toml"),
            (HOSTILE,),
        ]
        for form in ("html", "md", "svg", "json")
    },
    **{
        ("diff", form): [
            (NAMED, f"other{NAMED}", "-v"),
            (NAMED, f"other{NAMED}", "-d", hostile.DEVICE),
            (NAMED, f"other{NAMED}", "-c", "s.toml"),
            ("s.lock", "s.toml"),
            (NAMED, HOSTILE),
            (NAMED, NAMED, "-d", HOSTILE),
        ]
        for form in ("text", "json")
    },
    **{
        ("lint", form): [
            ("g.cfg", "--host", "host.dtb", "--route", "xl"),
            (f"{hostile.WORD}.cfg", "--host", NAMED),
            ("p.dts", "g.cfg", "--host", NAMED, "--diff"),
            (HOSTILE,),
            ("g.cfg", "--select", HOSTILE),
            ("g.cfg", "--diff"),
        ]
        for form in formats.FORMATS
    },
    ("complete", ""): [
        ("g.cfg", "--host", NAMED, "-o", "o/g.cfg"),
        (f"{hostile.WORD}.cfg", "--host", NAMED, "-o", "o/g.cfg"),
        (HOSTILE, "--host", NAMED, "-o", HOSTILE),
    ],
    ("explain", ""): [(HOSTILE,)],
    ("init", ""): [(NAMED,), (NAMED, "-o", f"{hostile.WORD}.toml"), (HOSTILE,)],
    ("schema", ""): [()],
    ("collect", ""): [()],
    ("server", ""): [("--help",)],  # its input is the protocol: tests/server
}


def forms() -> Iterator[tuple[str, str]]:
    """Each command with each choice of its --format."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        kinds = [param.type for param in command.params if param.name == "form"]
        choices = [c for kind in kinds if isinstance(kind, click.Choice) for c in kind.choices]
        yield from ((name, choice) for choice in choices or [""])


def test_every_command_has_its_lines() -> None:
    assert set(COMMANDS) == set(forms())


@pytest.mark.parametrize(("command", "form"), sorted(forms()))
def test_what_a_command_prints(command: str, form: str, folder: Path, run: Run) -> None:
    for words in COMMANDS[command, form]:
        output = run(command, *words, *(("--format", form) if form else ()))
        if form in ("json", "sarif") and output.startswith("{"):
            json.loads(output)
        if form == "github":
            github(output)
        if command == "init" and output and "-o" not in words:
            parse_toml(output, "new.toml")


def github(output: str) -> None:
    """Each line is one annotation, of xenassign's own title."""
    for line in output.splitlines():
        assert line.isprintable()
        assert re.match(r"::(error|warning|notice) file=[^:,]*,title=XA\d{3} [\w-]+[:,]", line)
        assert line.count("::") == 2
        assert "##[" not in line


# ---------------------------------------------------------------------- completion


@pytest.mark.parametrize("shell", sorted(c.name for c in completion._Completing.__subclasses__()))
def test_what_a_shell_is_offered(shell: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The values have no character that a shell interprets; the rest is one printable line."""
    completion.register()
    shells: dict[str, type[ShellComplete]] = {
        kind.name: kind for kind in completion._Completing.__subclasses__()
    }
    completer = shells[shell](cli, {}, "xenassign", "_XENASSIGN_COMPLETE")
    for words in (["generate", "host.dtb", "-d"], ["generate", "-c", "s.toml", "--name"]):
        items = completer.get_completions(words, "")
        assert items or words[-1] == "--name"
        for item in items:
            assert re.fullmatch(r"[\w/@,.:=#+][\w/@,.:=#+-]*", item.value, re.ASCII), item.value
            # Between the parts of an item zsh has line ends, and fish a tab.
            assert re.sub(r"[\n\t]", "", completer.format_completion(item)).isprintable()


# ---------------------------------------------------------------------- the second line of defence


@pytest.mark.parametrize("number", range(len(OUTPUTS)))
@pytest.mark.parametrize(
    ("name", "other"),
    [
        (b"a,b.c_d+e-f@1", b"a;reset||$x@1"),
        (b"a,b.c_d+e-f@1", b"a\n*'\"\\\x1b;&xy@1"),
        (b"rtc@9090000", b"r&&reset|@9"),
        (b"allow", b"a;b$c"),
    ],
)
def test_names_that_no_reader_accepts(
    number: int,
    name: bytes,
    other: bytes,
    variant: Variant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An output that is given such a name all the same refuses it, or writes it as text."""
    monkeypatch.chdir(tmp_path)
    data = variant("qemu", hostile.BOARD).data
    assert data is not None
    assert len(name) == len(other)
    for pattern in ("NODE_NAME", "PROPERTY_NAME"):
        monkeypatch.setattr(blob, pattern, re.compile("(?s:.*)"))
    tree = read_blob(data.replace(name, other), "host.dtb")
    path = next(node.path for node in tree.nodes() if node.has("reg-names"))
    domain = Request(devices=(path,), forced=(Accepted(path),), memory=256, vcpus=1, name="d1")
    boot = BootRequest(frozenset({UBOOT}), tuple(map(parse_load, LOADS)))
    request = SystemRequest((domain,), boot=boot, imagebuilder=ImageBuilderRequest(None))
    monkeypatch.setattr("xenassign.outputs.generated.OUTPUTS", (OUTPUTS[number],))
    try:
        files = generate(tree, request).files
    except (DevicetreeError, OutputError):
        return
    for file, content in files.items():
        check = FILES[kind_of(file)]
        (source if check is device_source else check)(content)
