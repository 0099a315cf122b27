"""`init --from-sdt` and `--from-domains`: what is written, what is said, and what the rest makes
of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from tests.wording import REPOSITORY, Wording
from xenassign.cli import cli
from xenassign.errors import InputError, UsageError
from xenassign.formats.toml_text import parse_toml
from xenassign.request.keys.whole_file import schema

Invoke = Callable[..., Result]
FOLDER = REPOSITORY / "fixtures" / "system-device-tree"
NET = ["/axi/ethernet@ff0c0000", "/axi/serial@ff010000"]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs a command in a folder with the System Device Tree and its domains.yaml."""
    for path in FOLDER.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, [str(a) for a in arguments])


def edited(name: str, *changes: tuple[str, str]) -> None:
    """Changes a file of the folder."""
    text = Path(name).read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    Path(name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [("--from-sdt", "system.dts"), ("system.dts", "--from-domains", "domains.yaml")],
    ids=["sdt", "yaml"],
)
def test_from_the_description_to_files(
    invoke: Invoke, wording: Wording, words: tuple[str, ...]
) -> None:
    done = invoke("init", *words, "-o", "x.toml")
    following = "xenassign generate -c x.toml -o out"
    assert (done.exit_code, done.stdout) == (0, f"wrote x.toml; run: {following}\n")
    wording(*done.stderr.splitlines())
    text = Path("x.toml").read_text(encoding="utf-8")
    assert text.startswith(f"# The domains of {words[-1]}, ")
    assert text.split("\n")[1].startswith(f"# Written by `xenassign init {' '.join(words)}`")
    values = parse_toml(text, "x.toml").values
    assert Draft202012Validator(schema()).is_valid(values)
    (net,) = values["domain"]
    assert net == {
        "name": "net",
        "memory": 256,
        "vcpus": 2,
        "kernel": "net-Image",
        "ramdisk": "net-initrd",
        "extra": "console=ttyAMA0 ip=dhcp",
        "load": {"kernel": "net-Image", "ramdisk": "net-initrd"},
        "device": NET,
    }
    assert (values["host"], values["route"]) == ("system.dts", "dom0less")
    assert values["boot"] == {
        "load": {"xen": "xen", "dom0-kernel": "Image", "dom0-ramdisk": "initrd"},
        "xen-bootargs": "console=dtuart dtuart=serial0 dom0_mem=512M",
        "dom0-bootargs": "console=hvc0 root=/dev/mmcblk0p2",
    }
    assert 'static-memory = ["0x40000000:0x10000000"]' in text
    assert invoke("generate", "-c", "x.toml", "-o", "out").exit_code == 0
    files = ("out/net.dts", "out/net.dom0less.dtso")
    lint = invoke(
        "lint", "--together", "--host", "system.dts", *files, "--host-overlay", "out/net.host.dtbo"
    )
    assert lint.exit_code == 0, lint.output
    assert "error" not in lint.output


def test_the_next_step_of_a_board(invoke: Invoke) -> None:
    done = invoke("init", "system.dts", "-o", "my board.toml")
    choose = 'remove the "# " of a device in it, then run: '
    following = "xenassign generate -c 'my board.toml' -o out"
    assert done.stdout == f"wrote my board.toml; {choose}{following}\n"


def test_the_tree_is_one_of_dtc(invoke: Invoke) -> None:
    """The fixture is what dtc makes of it, and the blob is read as the source is."""
    dtc = shutil.which("dtc") or pytest.skip("apt install device-tree-compiler")
    subprocess.run([dtc, "-q", "-@", "-o", "system.dtb", "system.dts"], check=True)
    of_blob, of_source = (
        invoke("init", "--from-sdt", f"system.{end}").stdout for end in ("dtb", "dts")
    )
    assert of_blob.replace("system.dtb", "system.dts") == of_source


def test_cpus(invoke: Invoke) -> None:
    """Pinned where the route and the release can do it, else a note."""
    for words, route, cpus in (
        (("--xen", "4.21"), "dom0less", "1-2"),
        ((), "dom0less", None),
        ((), "dom0", "1-2"),
    ):
        edited("system.dts", ('xen,boot-mode = "dom0less"', f'xen,boot-mode = "{route}"'))
        done = invoke("init", "--from-sdt", "system.dts", *words, "-o", "x.toml", "--overwrite")
        (net,) = parse_toml(Path("x.toml").read_text(), "x.toml").values["domain"]
        assert net.get("cpus") == cpus
        assert ("not pinned to the CPUs 1-2" in done.stderr) is (cpus is None)
        if cpus is not None:
            assert invoke("plan", "-c", "x.toml").exit_code == 0
        edited("system.dts", (f'xen,boot-mode = "{route}"', 'xen,boot-mode = "dom0less"'))
    edited("system.dts", ("cpus = <&cpus_a72 0x6 0x1>", "cpus = <&cpus_a72 0xd 0x1>"))
    done = invoke("init", "--from-sdt", "system.dts", "--xen", "4.21")
    assert "not pinned to the CPUs 0,2-3, which only count as vcpus: the board has 3" in done.stderr


def test_standard_input_is_read_once(invoke: Invoke) -> None:
    text = Path("system.dts").read_bytes()
    done = CliRunner().invoke(cli, ["init", "--from-sdt", "-"], input=text)
    assert done.exit_code == 0, done.exception
    assert parse_toml(done.stdout, "x").values["domain"][0]["device"] == NET


def test_devices_of_another_board(invoke: Invoke) -> None:
    """HOST is the tree that the board boots with: nodes are found by path, label and name."""
    text = Path("system.dts").read_text(encoding="utf-8")
    board = re.sub(r"\tdomains \{.*", "};\n", text, flags=re.DOTALL)
    board = board.replace("axi: axi {", "axi: amba {").replace("uart1: ", "")
    Path("board.dts").write_text(board, encoding="utf-8")
    done = invoke("init", "board.dts", "--from-sdt", "system.dts")
    assert done.exit_code == 0
    values = parse_toml(done.stdout, "x").values
    assert values["host"] == "board.dts"
    assert values["domain"][0]["device"] == ["/amba/ethernet@ff0c0000", "/amba/serial@ff010000"]
    assert "left out: no such node" not in done.stderr


def test_names(invoke: Invoke, wording: Wording) -> None:
    edited("domains.yaml", ("dev: can7", 'dev: "ser*"\n          - dev: can'))
    done = invoke("init", "system.dts", "--from-domains", "domains.yaml")
    assert parse_toml(done.stdout, "x").values["domain"][0]["device"] == [
        *NET,
        "/axi/serial@ff000000",
        "/axi/can@ff060000",
    ]
    edited("domains.yaml", ("dev: can\n", "dev: serial\n          - dev: cpu@0\n"))
    with_error = invoke("init", "system.dts", "--from-domains", "domains.yaml")
    wording(with_error)
    assert isinstance(with_error.exception, UsageError)
    assert [line.split(": ")[0] for line in with_error.exception.lines] == [
        "domains.yaml:48",
        "domains.yaml:49",
    ]


def test_a_pattern_chooses_of_the_domain_around(invoke: Invoke) -> None:
    edited(
        "domains.yaml",
        ("dev: can7", 'dev: "serial*"\n          - dev: "gem*"'),
        (
            "    xen,binary: xen\n",
            "    xen,binary: xen\n    access: [ { dev: serial@ff000000 } ]\n",
        ),
    )
    done = invoke("init", "system.dts", "--from-domains", "domains.yaml")
    (net,) = parse_toml(done.stdout, "x").values["domain"]
    assert net["device"] == [*NET, "/axi/serial@ff000000"]
    assert "gem* matches no device of xen" in done.stderr


def test_without_xen(invoke: Invoke, wording: Wording) -> None:
    """The domains on the CPUs of Xen are guests, and the one that has everything is dom0."""
    edited(
        "domains.yaml",
        ('compatible: [ "openamp,domain-v1", "openamp,hypervisor-v1" ]', "id: 9"),
        ("el: 0x2", "el: 0x1"),
    )
    text = Path("domains.yaml").read_text(encoding="utf-8")
    Path("domains.yaml").write_text(text.replace(', "xen,domain-v2"', ""), encoding="utf-8")
    done = invoke("init", "system.dts", "--from-domains", "domains.yaml")
    assert [domain["name"] for domain in parse_toml(done.stdout, "x").values["domain"]] == ["net"]
    wording(done.stderr.splitlines()[0])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("system.dts", ("access = <&gem0 0x0>, <&uart1 0x3>;", "access = <0x999 0x0>;")),
        ("system.dts", ("access = <&gem0 0x0>, <&uart1 0x3>;", 'access = "[{}]";')),
        ("system.dts", ("domains {", "no-domains {")),
        ("domains.yaml", ("domains:\n  xen:", "domain:\n  xen:")),
        ("domains.yaml", ("domains:\n  xen:", "domains: 5\nnone:\n  xen:")),
    ],
    ids=["phandle", "json", "no domains", "no mapping", "a number"],
)
def test_nothing_to_write(
    invoke: Invoke, wording: Wording, name: str, change: tuple[str, str]
) -> None:
    edited(name, change)
    option = "--from-sdt" if name == "system.dts" else "--from-domains"
    done = invoke("init", "system.dts", option, name, "-o", "x.toml")
    assert isinstance(done.exception, InputError)
    assert not Path("x.toml").exists()
    wording(done)


def test_what_has_another_form(invoke: Invoke, wording: Wording) -> None:
    edited(
        "domains.yaml",
        ("size: 256M", "size: much"),
        ("dev: can7", "dev: 7\n          - serial0\n          - 5\n          - { label: x }"),
        ("cpumask: '0x6'", "cpumask: all"),
        ("xen,kernel: net-Image", "xen,kernel: [ a ]\n        access!linux: []\n        news: 1"),
    )
    done = invoke("init", "system.dts", "--from-domains", "domains.yaml")
    assert done.exit_code == 0
    wording(*done.stderr.splitlines())
    (net,) = parse_toml(done.stdout, "x").values["domain"]
    assert sorted(net) == ["device", "extra", "load", "name", "ramdisk"]


def test_nothing_is_left_out_without_a_note(invoke: Invoke) -> None:
    """Keys without a value; and memory that static-memory cannot state is not proposed as it."""
    edited(
        "domains.yaml",
        ("dev: can7", "dev: ~\n          - dev: []"),
        ("size: 256M", "size: 0x1234"),
    )
    done = invoke("init", "system.dts", "--from-domains", "domains.yaml")
    assert done.stderr.count("access: {dev} names no dev; it is left out") == 2
    assert "4660 bytes of memory became 1 MiB" in done.stderr
    assert "static-memory" not in done.stdout


def test_texts_that_the_files_cannot_have(invoke: Invoke) -> None:
    """Each is left out with a note, and the file is one that the schema accepts."""
    edited(
        "domains.yaml",
        ("xen,binary: xen\n", "xen,binary: 0x1000:xen\n"),
        ("dom0_mem=512M", "dom0_mem=512M\\n"),
        ("xen,kernel: net-Image", 'xen,kernel: "net\\u2028"'),
        ("xen,initrd: net-initrd", "xen,initrd: 4:x"),
        ("    domains:\n      dom0", "    xen,device-tree: -x\n    domains:\n      dom0"),
    )
    done = invoke("init", "system.dts", "--from-domains", "domains.yaml")
    values = parse_toml(done.stdout, "x").values
    assert Draft202012Validator(schema()).is_valid(values)
    (net,) = values["domain"]
    assert ("kernel" in net, net["ramdisk"], "load" in net) == (False, "4:x", False)
    assert "xen-bootargs" not in values["boot"]
    assert sorted(values["boot"]["load"]) == ["dom0-kernel", "dom0-ramdisk"]
    assert [
        done.stderr.count(f"{key} is left out")
        for key in ("xen,binary", "xen,cmdline", "xen,kernel", "xen,initrd", "xen,device-tree")
    ] == [1, 1, 1, 1, 1]


def test_interrupts_of_several_clusters(invoke: Invoke) -> None:
    """Xen does not know the node that System Device Trees put between devices and the GICs."""
    edited(
        "system.dts",
        (
            "\t\tuart0: serial",
            '\t\timux: interrupt-multiplex {\n\t\t\tcompatible = "interrupt-multiplex";\n'
            "\t\t\t#address-cells = <0>;\n\t\t\t#interrupt-cells = <3>;\n"
            "\t\t\tinterrupt-controller;\n\t\t};\n\n\t\tuart0: serial",
        ),
        ("ranges;\n\t\tinterrupt-parent = <&gic>", "ranges;\n\t\tinterrupt-parent = <&imux>"),
    )
    done = invoke("init", "--from-sdt", "system.dts")
    assert done.exit_code == 0
    first = done.stderr.splitlines()[0]
    assert first.startswith("note: system.dts: interrupts end at /axi/interrupt-multiplex")


def test_options_that_contradict(invoke: Invoke, wording: Wording) -> None:
    both = ("--from-sdt", "system.dts", "--from-domains", "domains.yaml")
    for words in (both, ("--from-domains", "domains.yaml"), ()):
        done = invoke("init", *words)
        assert isinstance(done.exception, UsageError)
        wording(done)


def test_yaml_is_an_extra(
    invoke: Invoke, wording: Wording, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    done = invoke("init", "system.dts", "--from-domains", "domains.yaml")
    assert isinstance(done.exception, InputError)
    assert "pip install 'xenassign[domains]'" in str(done.exception)
    wording(done)


def test_plan_says_what_init_does_not(invoke: Invoke) -> None:
    """The written file is a question: the plan refuses what Xen refuses."""
    edited("system.dts", ("iommus = <&smmu 0x234>;", ""))
    assert invoke("init", "--from-sdt", "system.dts", "-o", "x.toml").exit_code == 0
    done = invoke("plan", "-c", "x.toml", "--format", "json")
    assert done.exit_code == 1
    assert "XA401" in json.dumps(json.loads(done.stdout))
