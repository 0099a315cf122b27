"""inspect: the table on a terminal, the lines elsewhere, JSON, and its filters."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob_file
from xenassign.errors import XenassignError
from xenassign.outputs.report.device_table import short_names
from xenassign.request.select import find

Invoke = Callable[..., Result]
BOARDS = ["imx8", "juno", "qemu", "rcar", "rk3588", "ti", "tricky", "zynqmp"]


@pytest.fixture
def inspect(host_files: dict[str, Path]) -> Invoke:
    """inspect(board, argument…)."""

    def invoke(host: str, *arguments: str) -> Result:
        done = CliRunner().invoke(cli, ["inspect", str(host_files[host]), *arguments])
        assert done.exit_code == 0, done.output
        of_board = all(re.match("note: (no dom0|fix): ", x) for x in done.stderr.splitlines())
        assert of_board or (done.stdout == "" and "no such device" in done.stderr)
        return done

    return invoke


def parsed(done: Result) -> list[dict[str, Any]]:
    return list(json.loads(done.stdout)["devices"])


@pytest.fixture
def shown(inspect: Invoke, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """shown(board, columns, argument…): what a terminal without colours shows."""

    def invoke(host: str, columns: int, *arguments: str) -> str:
        for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("COLUMNS", str(columns))):
            monkeypatch.setenv(name, value)
        return inspect(host, *arguments).stdout

    return invoke


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("columns", [60, 80, 120, 250])
@pytest.mark.parametrize("host", BOARDS)
def test_the_table_fits_and_no_verdict_is_cut(
    inspect: Invoke,
    shown: Callable[..., str],
    host_files: dict[str, Path],
    host: str,
    columns: int,
) -> None:
    tree = read_blob_file(str(host_files[host]))
    devices = parsed(inspect(host, "--format", "json"))
    text = shown(host, columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "\x1b" not in text
    rows = text[text.index("\nverdict  ") :].partition("\n\n")[0].splitlines()[2:]
    start = text.splitlines()[text[: text.index("\nverdict  ")].count("\n") + 1].index("device")
    cells = [row[: start - 1].rstrip() for row in rows]
    starts = [i for i, cell in enumerate(cells) if cell and not cell.startswith(" ")]
    verdicts = [
        " ".join(" ".join(cells[i:end]).split())
        for i, end in zip(starts, [*starts[1:], len(cells)], strict=True)
    ]
    wanted = [verdict(device).split() for device in devices]
    ends = short_names(tree, [word for words in wanted for word in words if word[0] == "/"])
    assert verdicts == [" ".join(ends.get(word, word) for word in words) for words in wanted]
    assert all(find(tree, end) is not None for end in ends.values())


def verdict(device: dict[str, Any]) -> str:
    """A device's verdict, as the table has it."""
    answer = device["verdict"]
    words = [f"no: {answer['why']}"] if answer["answer"] == "no" else [answer["answer"]]
    options = answer["options"]
    if "--direct-map" in options:  # which requires the others
        hidden = ("--static-memory", "--force-assign-without-iommu")
        options = [option for option in options if option not in hidden]
    return " ".join([*words, *options])


def test_a_wide_table_leaves_nothing_out(shown: Callable[..., str]) -> None:
    heading = "verdict device kind registers INTID IOMMU DMA"
    assert heading.split() in [line.split() for line in shown("qemu", 250).splitlines()]
    assert ["verdict", "device"] in [line.split() for line in shown("rk3588", 60).splitlines()]


def test_a_narrow_table_has_names_that_options_accept(shown: Callable[..., str]) -> None:
    assert "  ethernet@ff0e0000 " in shown("zynqmp", 80)
    assert "  /axi/ethernet@ff0e0000 " in shown("zynqmp", 250)


@pytest.mark.parametrize("host", BOARDS)
def test_elsewhere_a_device_is_one_line_with_tabs(inspect: Invoke, host: str) -> None:
    rows = [line.split("\t") for line in inspect(host).stdout.splitlines()]
    devices = parsed(inspect(host, "--format", "json"))
    assert [(row[0], row[1], row[2], row[3]) for row in rows] == [
        (verdict(d), d["path"], d["kind"], d["status"]) for d in devices
    ]
    for row, device in zip(rows, devices, strict=True):
        registers, intids, protected, dma = row[4:]
        assert registers.split(",") == [
            f"{r['address']:#x}+{r['size']:#x}" for r in device["reg"]
        ] or not (registers or device["reg"])
        assert {int(n) for n in intids.split(",") if n} == {
            line["intid"] for line in device["interrupts"]
        }
        assert (protected == "yes", dma) == (device["protected"], device["dma"])


@pytest.mark.parametrize("host", BOARDS)
def test_the_table_names_the_platform(
    inspect: Invoke, shown: Callable[..., str], host: str
) -> None:
    found = json.loads(inspect(host, "--format", "json").stdout)["host"]
    text = shown(host, 250)
    assert found["model"] in text or found["compatible"][0] in text
    assert f"{found['gic']['path']} (GICv{found['gic']['version']})" in text
    for iommu in found["iommus"]:
        assert iommu["path"] in text


@pytest.mark.parametrize("host", BOARDS)
def test_the_sums_below_the_table_are_right(
    inspect: Invoke, shown: Callable[..., str], host: str
) -> None:
    devices = parsed(inspect(host, "--format", "json"))
    answers = [device["verdict"]["answer"] for device in devices]
    text = shown(host, 400)
    assert (
        f"{answers.count('yes')} of {len(devices)} devices can be assigned alone with no option,"
        f" {answers.count('with')} with options.\n"
    ) in text
    kinds = [device["kind"] for device in devices]
    for kind in set(kinds):
        good = [a != "no" for a, k in zip(answers, kinds, strict=True) if k == kind]
        if any(good):
            assert f" {kind} {sum(good)} of {len(good)}" in text


def test_a_word_of_a_verdict_is_one_that_explain_accepts(inspect: Invoke) -> None:
    words = {d["verdict"]["why"] for d in parsed(inspect("tricky", "--format", "json"))} - {None}
    assert len(words) > 3
    for word in words:
        assert CliRunner().invoke(cli, ["explain", word]).exit_code == 0, word


def test_a_neighbour_of_the_console_is_not_called_a_device_of_xen(inspect: Invoke) -> None:
    """The tree's own devices share the pages of serial@1000, its console."""
    devices = parsed(inspect("tricky", "--format", "json"))
    of_xen = {d["path"] for d in devices if d["verdict"]["why"] == "device-of-xen"}
    refused = {d["path"] for d in devices if "XA102" in [f["code"] for f in d["findings"]]}
    assert of_xen == refused != set()


# --- what to try, as JSON ------------------------------------------------------------------------


def test_json_has_what_to_try(
    inspect: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the text has it: commands that generate accepts as they are, or why nothing helps."""
    (refused,) = parsed(inspect("zynqmp", "ams-ps@0", "--format", "json"))
    assert [each["risk"] for each in refused["try"]] == ["host-loses", "page-shared"]
    (good,) = parsed(inspect("zynqmp", "/axi/rtc@ffa60000", "--format", "json"))
    (console,) = parsed(inspect("zynqmp", "serial@ff000000", "--format", "json"))
    assert (console["try"], "console UART" in console["nothing_helps"]) == ([], True)
    document = json.loads(inspect("zynqmp", "--with", "ams-ps@0", "--format", "json").stdout)
    both = document["together"]
    for number, each in enumerate([*refused["try"], *good["try"], *both["try"]]):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert CliRunner().invoke(cli, each["argv"][1:]).exit_code == 0, each["argv"]
        assert list(folder.glob("out/*.dtb"))


# --- which devices, in which order ---------------------------------------------------------------


def test_kinds_choose_devices(inspect: Invoke) -> None:
    for words in (("--kind", "can", "--kind", "rtc"), ("--kind", "rtc,can")):
        devices = parsed(inspect("zynqmp", *words, "--format", "json"))
        assert [(d["kind"], d["path"]) for d in devices] == [
            ("can", "/axi/can@ff060000"),
            ("can", "/axi/can@ff070000"),
            ("rtc", "/axi/rtc@ffa60000"),
        ]


def paths(done: Result) -> list[str]:
    return [line.split("\t")[1] for line in done.stdout.splitlines()]


def test_compatible_strings_choose_devices(inspect: Invoke) -> None:
    found = paths(inspect("zynqmp", "--compatible", "*,zynqmp-gem"))
    assert "/axi/ethernet@ff0e0000" in found
    assert found == paths(inspect("zynqmp", "--compatible", "xlnx,zynqmp-gem"))
    both = paths(inspect("zynqmp", "--compatible", "xlnx,zynqmp-gem", "--kind", "can"))
    assert both == []


def test_an_interrupt_and_an_address_choose_devices(inspect: Invoke) -> None:
    assert paths(inspect("zynqmp", "--irq", "95")) == ["/axi/ethernet@ff0e0000"]
    assert paths(inspect("zynqmp", "--address", "0xff0e0fff")) == ["/axi/ethernet@ff0e0000"]
    assert "/axi/ethernet@ff0e0000" not in paths(inspect("zynqmp", "--address", "0xff0e1000"))


def test_the_number_of_an_spi_is_not_an_intid(host_files: dict[str, Path]) -> None:
    done = CliRunner().invoke(cli, ["inspect", str(host_files["zynqmp"]), "--irq", "63"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == (
        "note: no device has the INTID 63; SPI 63 is INTID 95, of /axi/ethernet@ff0e0000\n"
    )


@pytest.mark.parametrize(("option", "text"), [("--irq", "x"), ("--irq", "-1"), ("--address", "ff")])
def test_what_is_not_a_number_is_an_error(
    host_files: dict[str, Path], option: str, text: str
) -> None:
    done = CliRunner().invoke(cli, ["inspect", str(host_files["qemu"]), f"{option}={text}"])
    assert str(done.exception).startswith(f"{option}: '{text}' is not an ")


def test_an_unknown_kind_is_an_error_that_lists_them(host_files: dict[str, Path]) -> None:
    done = CliRunner().invoke(cli, ["inspect", str(host_files["qemu"]), "--kind", "eth"])
    assert str(done.exception).startswith("--kind eth: no such kind; the kinds are ethernet, can, ")


def test_patterns_choose_rows(inspect: Invoke, shown: Callable[..., str]) -> None:
    text = inspect("zynqmp", "/axi/can@*").stdout
    assert [line.split("\t")[1] for line in text.splitlines()] == [
        "/axi/can@ff060000",
        "/axi/can@ff070000",
    ]
    assert "\nverdict  " in shown("zynqmp", 80, "/axi/can@*")


@pytest.mark.parametrize("sort", ["verdict", "kind", "path", "address", "irq"])
def test_devices_are_sorted(inspect: Invoke, sort: str) -> None:
    def key(device: dict[str, Any]) -> Any:
        return {
            "verdict": ("yes", "with", "no").index(device["verdict"]["answer"]),
            "kind": device["kind"],
            "path": device["path"],
            "address": min([r["address"] for r in device["reg"]], default=1 << 64),
            "irq": min([line["intid"] for line in device["interrupts"]], default=1 << 64),
        }[sort]

    keys = [key(d) for d in parsed(inspect("juno", "--sort", sort, "--format", "json"))]
    assert keys == sorted(keys)
    assert keys != [key(d) for d in parsed(inspect("juno", "--format", "json"))]


def test_paths_choose_devices_in_detail(shown: Callable[..., str]) -> None:
    text = shown("zynqmp", 100, "ethernet0", "/axi/serial@*")
    assert "/axi/ethernet@ff0e0000" in text
    assert "registers    0xff0e0000, 0x1000 bytes" in text
    assert "INTID 95 (spi, level-high)" in text
    assert "/axi/iommu@fd800000 0x877" in text
    assert "protected    yes" in text
    assert "/axi/serial@ff010000" in text
    assert "/axi/mmc@" not in text
    commands = [line for line in text.splitlines() if line.startswith("  try: ")]
    assert max(map(len, set(text.splitlines()).difference(commands))) <= 100
    assert all(line.endswith(" --memory 512 --vcpus 1") for line in commands)  # to be copied
    assert "\x1b" not in text


@pytest.mark.parametrize("path", ["gpu@fd4b0000", "ethernet@ff0b0000", "rtc@ffa60000"])
def test_a_device_in_detail_ends_with_commands_that_are_accepted(
    inspect: Invoke, tmp_path: Path, path: str
) -> None:
    text = inspect("zynqmp", path).stdout
    tried = [line.split("try: ")[1] for line in text.splitlines() if "  try: " in line]
    assert tried
    for number, line in enumerate(tried):
        words = shlex.split(line)[1:]
        done = CliRunner().invoke(cli, [*words, "-o", str(tmp_path / str(number))])
        assert done.exit_code == 0, done.output


def test_a_device_in_detail_has_what_generate_says_in_its_order(inspect: Invoke) -> None:
    text = inspect("zynqmp", "ethernet0").stdout
    said = [line.strip() for line in text.splitlines()]
    severities = [line.split(":")[0] for line in said if line.endswith("]")]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    for code in ("XA204", "XA502", "XA507", "XA510", "XA817"):
        assert any(line.endswith(f"[{code}]") for line in said), code


def test_nothing_helps_where_xen_keeps_the_device(inspect: Invoke) -> None:
    assert inspect("zynqmp", "/timer").stdout.endswith(
        "  nothing helps: /timer is a timer that Xen keeps\n"
    )


def test_what_goes_along_with_a_device(
    inspect: Invoke, host_files: dict[str, Path], tmp_path: Path
) -> None:
    """imx8: two controllers with one stream. What is proposed for both is accepted."""
    one, other = "/soc@0/bus@30800000/mmc@30b50000", "/soc@0/bus@30800000/mmc@30b60000"
    lines = inspect("imx8", "--with", one).stdout.splitlines()
    assert lines[0] == f"{one} (mmc)"
    assert lines[1].startswith(f"must    {other} (mmc): ")
    assert lines[1].endswith(" [XA407]")
    assert lines[2] == "together: with --clock-rate"
    words = shlex.split(next(line for line in lines if line.startswith("try: ")))[2:]
    assert [one, other] == [words[i + 1] for i, word in enumerate(words) if word == "-d"]
    assert CliRunner().invoke(cli, [*words, "-o", str(tmp_path)]).exit_code == 0
    found = json.loads(inspect("imx8", "--with", one, "--format", "json").stdout)["together"]
    assert found["devices"] == [one, other]
    assert [(c["need"], c["path"], c["of"], c["code"]) for c in found["companions"]] == [
        ("must", other, one, "XA407")
    ]


def test_with_is_about_one_device(host_files: dict[str, Path]) -> None:
    done = CliRunner().invoke(cli, ["inspect", str(host_files["zynqmp"]), "--with", "/axi/can@*"])
    assert done.exit_code == 2
    assert "--with requires one device" in done.stderr


def test_paths_choose_devices_in_json(inspect: Invoke) -> None:
    devices = parsed(inspect("zynqmp", "gem3", "--format", "json"))
    assert [device["path"] for device in devices] == ["/axi/ethernet@ff0e0000"]
    (device,) = devices
    assert device["reg"] == [{"address": 0xFF0E0000, "size": 0x1000}]
    assert device["iommus"] == [{"iommu": "/axi/iommu@fd800000", "args": [0x877], "protects": True}]
    assert device["dma"] == "yes"
    assert device["assignable"] is True


def test_assignable_keeps_those_that_are(inspect: Invoke) -> None:
    devices = parsed(inspect("tricky", "--assignable", "--format", "json"))
    every = parsed(inspect("tricky", "--format", "json"))
    assert devices == [device for device in every if device["verdict"]["answer"] != "no"]
    assert devices


def test_a_device_that_is_none_says_why(inspect: Invoke) -> None:
    text = inspect("tricky", "/nothing").stdout
    assert "no: nothing-to-assign" in text
    assert "XA101" in text


def test_the_release_and_the_drivers_count(inspect: Invoke) -> None:
    path = ("/soc/mmc@ee140000", "--format", "json")
    assert parsed(inspect("rcar", *path))[0]["protected"] is True
    assert parsed(inspect("rcar", *path, "--iommu-driver", "smmu"))[0]["protected"] is False


# --- inspect and generate agree ------------------------------------------------------------------

#: Where they don't: (board, path, why).
DISAGREE = [
    *(
        (host, path, "assess.assess asks for no stream_findings (XA407)")
        for host, path in (
            ("imx8", "/soc@0/bus@30800000/mmc@30b50000"),
            ("imx8", "/soc@0/bus@30800000/mmc@30b60000"),
            ("juno", "/usb@7ffb0000"),
            ("juno", "/usb@7ffc0000"),
            ("tricky", "/dma@78000000"),
            ("tricky", "/dma@78010000"),
        )
    ),
    ("qemu", "/flash@0", "assess.assess does not place the blocks: identity clashes (XA203)"),
    *(
        (host, path, "assess.assess judges the node, generate its subtree")
        for host, path in (
            ("ti", "/bus@f0000/dwc3-usb@f900000"),
            ("ti", "/bus@f0000/dwc3-usb@f910000"),
            ("ti", "/bus@f0000/bus@fc00000"),
            ("imx8", "/soc@0/bus@30000000"),
            ("imx8", "/soc@0/bus@30400000"),
            (
                "juno",
                "/bus@8000000/motherboard-bus@8000000/iofpga-bus@300000000/apbregs@10000",
            ),
        )
    ),
    ("zynqmp", "/pmu", "suppliers.rewrite copies phandles of interrupt-affinity as numbers"),
]


def generated(host: Path, path: str, folder: Path) -> bool:
    arguments = ["generate", str(host), "-d", path, "-q", "-o", str(folder), "--overwrite"]
    return CliRunner().invoke(cli, arguments).exit_code == 0


@pytest.mark.parametrize("host", BOARDS)
def test_what_inspect_calls_assignable_is_what_generate_takes(
    inspect: Invoke, host_files: dict[str, Path], tmp_path: Path, host: str
) -> None:
    known = {path for board, path, _ in DISAGREE if board == host}
    for device in parsed(inspect(host, "--format", "json")):
        if device["path"] not in known:
            done = generated(host_files[host], device["path"], tmp_path)
            assert done == device["assignable"], device["path"]


@pytest.mark.parametrize(
    ("host", "path"),
    [pytest.param(host, path) for host, path, why in DISAGREE],
)
def test_inspect_and_generate_agree(
    inspect: Invoke, host_files: dict[str, Path], tmp_path: Path, host: str, path: str
) -> None:
    (device,) = parsed(inspect(host, path, "--format", "json"))
    assert generated(host_files[host], path, tmp_path) == device["assignable"]


# --- terminals -----------------------------------------------------------------------------------


def test_colours_appear_on_a_terminal(host_files: dict[str, Path]) -> None:
    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    command = [
        sys.executable,
        "-m",
        "xenassign",
        "inspect",
        str(host_files["qemu"]),
        "pl031@9010000",
    ]
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    text = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        text += piece
    os.close(main)
    assert process.wait() == 0
    assert b"\x1b[" in text


@pytest.mark.usefixtures("dtc")
def test_a_hostile_model_sends_no_control_codes(tmp_path: Path) -> None:
    source = tmp_path / "x.dts"
    source.write_text('/dts-v1/; / { model = "a\\x1b[31mb"; };')
    done = CliRunner().invoke(cli, ["inspect", str(source)])
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout


def test_scmi_lists_the_users_of_each_id(inspect: Invoke) -> None:
    text = inspect("rk3588", "--scmi").stdout
    assert "clock 17 of /firmware/scmi/protocol@14\n    /rng@fe378000: clocks\n" in text
    assert "    /mmc@fe2c0000: clocks (ciu)\n" in text
    assert "    /cpus/cpu@0: clocks\n" in text
    assert text.endswith("6 SCMI ids, 0 of them with more than one user.\n")
    assert inspect("qemu", "--scmi").stdout.startswith("0 SCMI ids")


def test_scmi_in_json(inspect: Invoke) -> None:
    found = json.loads(inspect("rk3588", "--scmi", "--format", "json").stdout)["scmi_users"]
    assert found[3] == {
        "scmi": "/firmware/scmi",
        "protocol": "clock",
        "id": 17,
        "provider": "/firmware/scmi/protocol@14",
        "users": [{"path": "/rng@fe378000", "property": "clocks", "name": None, "available": True}],
    }
    assert "scmi_users" not in json.loads(inspect("rk3588", "--format", "json").stdout)


def test_a_device_shows_what_it_uses_of_scmi(inspect: Invoke) -> None:
    text = inspect("rk3588", "/mmc@fe2c0000").stdout
    assert "SCMI         clock 23 (biu) of /firmware/scmi/protocol@14\n" in text
    (device,) = parsed(inspect("rk3588", "/mmc@fe2c0000", "--format", "json"))
    assert device["scmi"] == [{"protocol": "clock", "id": 23}, {"protocol": "clock", "id": 9}]
    assert [use["name"] for use in device["scmi_uses"]] == ["biu", "ciu"]


def test_html_is_one_file_with_the_same_bytes(
    host_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    board = str(host_files["zynqmp"])
    command = ["inspect", board, "--html", "board.html"]
    done = CliRunner().invoke(cli, command)
    assert (done.exit_code, done.stdout) == (0, "wrote board.html\n")
    page = (tmp_path / "board.html").read_bytes()
    done = CliRunner().invoke(cli, command)
    assert isinstance(done.exception, XenassignError), "it is there already"
    advice = "give --overwrite or another --html"
    assert done.exception.lines == (f"board.html: exists already; {advice}",)
    assert CliRunner().invoke(cli, [*command, "--overwrite"]).exit_code == 0
    assert (tmp_path / "board.html").read_bytes() == page
    assert [path.name for path in tmp_path.iterdir()] == ["board.html"]


def test_overwrite_is_about_the_page(host_files: dict[str, Path]) -> None:
    done = CliRunner().invoke(cli, ["inspect", str(host_files["zynqmp"]), "--overwrite"])
    assert isinstance(done.exception, XenassignError)
    assert done.exception.lines == ("--overwrite has no effect without --html; add it",)


@pytest.mark.parametrize("more", [("ethernet0",), ("--format", "json"), ("--with", "ethernet0")])
def test_html_is_about_the_whole_board(
    more: tuple[str, ...], host_files: dict[str, Path], tmp_path: Path
) -> None:
    page = tmp_path / "board.html"
    words = ["inspect", str(host_files["zynqmp"]), *more, "--html", str(page)]
    done = CliRunner().invoke(cli, words)
    assert isinstance(done.exception, XenassignError)
    assert (done.exception.exit_status, page.exists()) == (2, False)
