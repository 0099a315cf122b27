"""``complete``: a dom.cfg that only lists its devices becomes what today's xl requires."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.answers import at
from tests.rows import Rows
from tests.wording import Wording
from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.errors import XenassignError

GEM, UART, GPIO = "/axi/ethernet@ff0e0000", "/axi/serial@ff010000", "/axi/gpio@ff0a0000"
HEAD = 'name = "gw"\nmemory = 512\nvcpus = 2\nkernel = "/boot/Image"\n'
ADDED = """
# What xenassign set for the devices that are passed.
device_tree = "gw.dtb"
passthrough = "enabled"
irqs = [95, 54]
iomem = ["0xff0e0,0x1", "0xff010,0x1"]
"""
LISTED = """\
# The gateway.
dtdev = [
    "/axi/ethernet@ff0e0000",   # net
\t"/axi/serial@ff010000"  # console
]
"""
TAKEN_OUT = """\
# The gateway.
# No IOMMU protects these, so that they are not in dtdev: /axi/serial@ff010000.
dtdev = [
    "/axi/ethernet@ff0e0000",   # net
\t# "/axi/serial@ff010000"  # console
]
"""
PROPOSED = """\
device_assignment = ['ethernet0',
  "serial1"] # all
\tforce-assign-without-iommu = "true" ;
platform-iommu-safe=0"""
COMMENTS = """\
# Read by xenassign; xl does not know it:
# device_assignment = ['ethernet0',
#   "serial1"] # all
\t# Read by xenassign; xl does not know it:
\t# force-assign-without-iommu = "true" ;
# Read by xenassign; xl does not know it:
# platform-iommu-safe=0
"""

Complete = Callable[..., Result]


@pytest.fixture
def complete(host_files: dict[str, Path], tmp_path: Path) -> Complete:
    """complete(text, option…): its result for the ZCU102 is out/dom.cfg."""

    def call(text: str, *options: str, host: str = "zynqmp") -> Result:
        (tmp_path / "dom.cfg").write_text(text)
        into = ["-o", str(tmp_path / "out" / "dom.cfg"), "--overwrite"]
        line = ["complete", str(tmp_path / "dom.cfg"), "--host", str(host_files[host]), *into]
        return CliRunner().invoke(cli, [*line, *options])

    return call


def written(tmp_path: Path, done: Result) -> str:
    """The complete dom.cfg."""
    assert done.exit_code == 0, done.output
    return (tmp_path / "out" / "dom.cfg").read_text()


def refused(done: Result, wording: Wording, status: int) -> None:
    """One line with a place."""
    error = done.exception
    assert isinstance(error, XenassignError), done.output
    assert error.exit_status == status
    assert "\n" not in str(error)
    wording(error)


def test_dtdev_alone(complete: Complete, tmp_path: Path) -> None:
    text = written(tmp_path, complete(HEAD + LISTED))
    assert text == HEAD + TAKEN_OUT + ADDED
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"dom.cfg", *(f"gw{end}" for end in (".dtb", ".dts", ".json", *OVERLAYS))}


OVERLAYS = (".host.dtbo", ".host.dtso")


def test_proposed_keys_become_comments(complete: Complete, tmp_path: Path) -> None:
    added = ADDED.replace("irqs", f'dtdev = ["{GEM}"]\nirqs')
    assert written(tmp_path, complete(HEAD + PROPOSED)) == HEAD + COMMENTS + added


def test_lists_on_one_line(complete: Complete, tmp_path: Path, rows: Rows) -> None:
    """What is taken out takes one comma along; names become paths."""
    about = "# No IOMMU protects these, so that they are not in dtdev: {}.\n"
    both = about.format("serial1, gpio@ff0a0000")
    two = f'"{GEM[:-5]}d0000", "{GEM}"'
    forms = (
        ('dtdev = ["serial1", "ethernet0", "gpio@ff0a0000"]', both, f'dtdev = ["{GEM}"]'),
        (f'dtdev=[ "{GEM}" , "serial1" ]', about.format("serial1"), f'dtdev=[ "{GEM}" ]'),
        ('dtdev = ["serial1"]', about.format("serial1"), "dtdev = []"),
        ('dtdev = []; dtdev += ["serial1",]', about.format("serial1"), "dtdev = []; dtdev += []"),
        ('dtdev = ["ethernet@ff0[de]*", "rtc0"]', about.format("rtc0"), f"dtdev = [{two}]"),
        ('dtdev = ["*/serial@*1*"]', about.format("*/serial@*1*"), "dtdev = []"),
    )
    for old, comment, new in forms:
        with rows(old):
            text = written(tmp_path, complete(f"{HEAD}{old} # mine\n", "--ignore", "XA"))
            assert text.startswith(f"{HEAD}{comment}{new} # mine\n\n# What xenassign set")


def test_the_result_has_a_file_of_its_own(
    host_files: dict[str, Path], tmp_path: Path, wording: Wording, rows: Rows
) -> None:
    """-o names neither a file that is written beside the result, nor a folder."""
    (tmp_path / "dom.cfg").write_text(HEAD + LISTED)
    line = ["complete", str(tmp_path / "dom.cfg"), "--host", str(host_files["zynqmp"])]
    for name in ("out/gw.dtb", "out/gw.json", "out/", "."):
        with rows(name):
            output = os.path.join(tmp_path, name)
            refused(CliRunner().invoke(cli, [*line, "--overwrite", "-o", output]), wording, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"dom.cfg"}


def test_generate_does_the_same(
    complete: Complete, host_files: dict[str, Path], tmp_path: Path
) -> None:
    text = written(tmp_path, complete(HEAD + LISTED))
    line = ["generate", str(host_files["zynqmp"]), "--base-cfg", str(tmp_path / "dom.cfg")]
    done = CliRunner().invoke(cli, [*line, "-o", str(tmp_path / "made"), "--route", "xl"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "made" / "gw.cfg").read_text() == text
    for name in ("gw.dtb", "gw.host.dtbo"):
        assert (tmp_path / "made" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_contradictions(complete: Complete, wording: Wording, rows: Rows) -> None:
    """Exit status 1, with both places."""
    texts = (
        f'device_assignment = ["ethernet0"]\ndtdev = ["{UART}"]\n',
        'dtdev = ["serial1"]\nsci = "type=scmi_smc"\narm_sci = "none"\n',
        'dtdev = ["serial1"]\niomem_map = ["ff010:2000", "ff010:2000", "ff010:2001"]\n',
        'device_assignment = ["ethernet0"]\ndevice-assignment = ["serial1"]\n',
        'dtdev = ["serial1"]\nplatform-iommu-safe = 1; platform_iommu_safe = 0\n',
    )
    for text in texts:
        with rows(text):
            refused(complete(HEAD + text), wording, 1)


def test_invalid_forms(complete: Complete, wording: Wording, rows: Rows) -> None:
    texts = (
        "",
        'dtdev = ["/axi/ethernet@1"]\n',
        'dtdev = ["ethernet0", "serial1", "ethernet0"]\n',
        'dtdev = ["ethernet0", "/axi/ethernet@ff0e0000"]\n',
        'device_assignment = ["serial1", "/axi/serial@ff010000"]\n',
        'device_assignment = "serial1"\n',
        'device_assignment = [["serial1"]]\n',
        'dtdev = ["serial1"]\nplatform-iommu-safe = "maybe"\n',
        'dtdev = ["serial1"]\nsci = "optee"\n',
        'dtdev = ["serial1"]\nsci = [1]\n',
        'dtdev = ["serial1"]\ndevice_tree = "gw.dtb"\n',
        'device_tree = "/boot/none.dtb"\n',
        'iomem_map = ["0xg:1"]\ndtdev = ["serial1"]\n',
    )
    for text in texts:
        with rows(text):
            refused(complete(HEAD + text), wording, 2)
    forced = 'dtdev = ["serial1"]\nforce_assign_without_iommu = 1\n'
    refused(complete(HEAD + forced, "--iommu-policy", "strict"), wording, 2)


def test_entries_that_xl_refuses(complete: Complete, tmp_path: Path, rows: Rows) -> None:
    """The result is what xl takes: an error in the user's own entries refuses, if not waived."""
    lines = (("irqs = [95, 100]", "XA316"), ('iomem = ["ff0e0,4"]', "XA221"))
    for line, code in lines:
        text = f'{HEAD}dtdev = ["ethernet0"]\n{line}'
        with rows(line):
            done = complete(f"{text}\n")
            assert done.exit_code == 1
            (refusal,) = (said for said in done.stderr.splitlines() if said.endswith(f"[{code}]"))
            assert refusal.startswith(f"error: {tmp_path / 'dom.cfg'}:6:")
            waived = f"{text}  # xenassign: allow {code}: the board has it\n"
            assert code not in complete(waived).stderr
            assert line in written(tmp_path, complete(waived))


def test_a_device_that_may_do_dma_is_refused(complete: Complete, tmp_path: Path) -> None:
    """The command to try is this one; the key of the short form has the same effect."""
    path = "/bus@8000000/motherboard-bus@8000000/ethernet@200000000"
    text = f'{HEAD}dtdev = ["{path}"]\n'
    done = complete(text, host="juno")
    assert done.exit_code == 1
    assert "[XA401]" in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("try: "))
    assert line.startswith(f"try: xenassign complete {tmp_path / 'dom.cfg'} --host ")
    forced = complete(text, "--force-assign-without-iommu", path, host="juno")
    by_option = written(tmp_path, forced)
    tree = (tmp_path / "out" / "gw.dtb").read_bytes()
    by_key = written(tmp_path, complete(f"{text}force_assign_without_iommu=1\n", host="juno"))
    assert (
        by_key.replace("# Read by xenassign; xl does not know it:\n", "").replace(
            "# force_assign_without_iommu=1\n", ""
        )
        == by_option
    )
    assert (tmp_path / "out" / "gw.dtb").read_bytes() == tree


def test_scmi_that_the_board_does_not_have(complete: Complete, tmp_path: Path) -> None:
    """What to do is about the key, not about an option that was not given."""
    for key in ("sci", "arm_sci"):
        done = complete(f'{HEAD}dtdev = ["serial1"]\n{key} = "type=scmi_smc"\n', "--xen", "4.21")
        assert done.exit_code == 1
        assert f"remove {key} ({tmp_path / 'dom.cfg'}:6:1): " in done.stderr
        assert "--sci" not in done.stderr


def test_iomem_map(complete: Complete, tmp_path: Path, wording: Wording) -> None:
    """The place of a block in the guest; so is an entry of iomem with one."""
    text = written(tmp_path, complete(f'{HEAD}dtdev = ["serial1"]\niomem_map = ["ff010:0x2000"]\n'))
    assert '\niomem = ["0xff010,0x1@0x2000"]\n' in text
    assert '\n# iomem_map = ["ff010:0x2000"]\n' in text
    iomem = 'iomem = ["ff010,1@2000"]'
    text = written(tmp_path, complete(f'{HEAD}dtdev = ["serial1"]\n{iomem}\n'))
    assert f"\n{iomem}\n" in text
    assert text.count("iomem") == 1
    for page in ("ff011:2000", "ff010:3000"):
        refused(
            complete(f'{HEAD}dtdev = ["serial1"]\niomem_map = ["{page}"]\n{iomem}\n'), wording, 1
        )


# ---------------------------------------------------------------------- the user's own tree

TREE = """/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>;
    passthrough {
        compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <2>;
        interrupt-parent = <0xfde8>;
        clk: clk { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <125000000>; };
        ethernet@8000000 {
            compatible = "xlnx,zynqmp-gem", "cdns,gem";
            reg = <0 0x8000000 0 0x1000>; interrupts = <0 63 4 0 63 4>;
            clocks = <&clk>, <&clk>, <&clk>, <&clk>, <&clk>;
            clock-names = "pclk", "hclk", "tx_clk", "rx_clk", "tsu_clk";
            xen,path = "/axi/ethernet@ff0e0000"; XEN_REG
            phy-mode = "rgmii-id"; fixed-link { speed = <1000>; full-duplex; };
        };
        serial@8001000 {
            compatible = "cdns,uart-r1p12", "xlnx,xuartps";
            reg = <0 0x8001000 0 0x1000>; interrupts = <0 22 4>;
            clocks = <&clk>, <&clk>; clock-names = "uart_clk", "pclk";
            xen,path = "/axi/serial@ff010000"; xen,force-assign-without-iommu;
            xen,reg = <0 0xff010000 0 0x1000 0 0x8001000>;
        };
    };
};
"""
WITH_REG = TREE.replace("XEN_REG", "xen,reg = <0 0xff0e0000 0 0x1000 0 0x8000000>;")
ONE_TO_ONE = TREE.replace("XEN_REG", "").replace("8000000", "ff0e0000")
NAMED = f'{HEAD}device_tree = "/boot/gw.dtb"\n'
FOLLOWS = """
# What xenassign set for the devices that are passed.
passthrough = "enabled"
dtdev = ["/axi/ethernet@ff0e0000"]
irqs = [95, 54]
iomem = ["{}", "0xff010,0x1@0x8001"]
"""


def test_a_partial_tree_alone(complete: Complete, tmp_path: Path, rows: Rows) -> None:
    """Its xen,reg counts, else its reg, 1:1 or as iomem_map states; it stays as it is."""
    moved = 'iomem_map = ["ff0e0:8000"]\n'
    comment = f"# Read by xenassign; xl does not know it:\n# {moved}"
    forms = (
        (WITH_REG, "", "", "0xff0e0,0x1@0x8000"),
        (ONE_TO_ONE, "", "", "0xff0e0,0x1"),
        (TREE.replace("XEN_REG", ""), moved, comment, "0xff0e0,0x1@0x8000"),
    )
    for tree, more, instead, entry in forms:
        with rows(entry, more):
            (tmp_path / "gw.dts").write_text(tree)
            text = written(tmp_path, complete(NAMED + more))
            assert text == NAMED + instead + FOLLOWS.format(entry)
            files = {path.name for path in (tmp_path / "out").iterdir()}
            assert files == {"dom.cfg", "gw.json", *(f"gw{end}" for end in OVERLAYS)}
            plan = (tmp_path / "out" / "gw.json").read_bytes()
            assert written(tmp_path, complete(text)) == text
            # The limit of memory is by the pages of the tree, which the result states in iomem too.
            for key in ("memory_mb_max", "memory_limited_by"):
                assert (
                    json.loads(plan)[key]
                    == json.loads((tmp_path / "out" / "gw.json").read_bytes())[key]
                )


def test_both(complete: Complete, tmp_path: Path) -> None:
    """A list beside the tree: dtdev keeps those that are protected."""
    (tmp_path / "gw.dts").write_text(WITH_REG)
    text = written(tmp_path, complete(f'{NAMED}dtdev = ["ethernet0", "serial1"]\n'))
    assert f'dtdev: serial1.\ndtdev = ["{GEM}"]\n' in text
    text = written(tmp_path, complete(f'{NAMED}device_assignment = ["serial1", "ethernet0"]\n'))
    assert f'\ndtdev = ["{GEM}"]\n' in text
    assert written(tmp_path, complete(text)) == text


def test_what_the_tree_contradicts(
    complete: Complete, tmp_path: Path, wording: Wording, rows: Rows
) -> None:
    """Exit status 1, with the places in both files."""
    (tmp_path / "gw.dts").write_text(WITH_REG)
    texts = (
        f'dtdev = ["{GPIO}"]\n',
        'device_assignment = ["ethernet0"]\n',
        'iomem = ["ff010,1"]\n',
        'iomem_map = ["ff010:20000"]\n',
        'iomem_map = ["ff011:20000"]\n',
    )
    for text in texts:
        with rows(text):
            refused(complete(NAMED + text), wording, 1)
    (tmp_path / "gw.dts").write_text(TREE.replace("XEN_REG", ""))
    refused(complete(NAMED), wording, 1)


def test_options_of_a_tree_that_is_made(
    complete: Complete, tmp_path: Path, wording: Wording, rows: Rows
) -> None:
    """The user's own tree is not changed, so that they would have no effect."""
    (tmp_path / "gw.dts").write_text(WITH_REG)
    for option, value in (
        ("--map", "auto"),
        ("--clock-rate", "serial1#0=9"),
        ("--memory-region", "drop"),
        ("--align", "64k"),
        ("--allow-shared-page", "serial1"),
        ("--allow-machine-control", "serial1"),
    ):
        with rows(option):
            done = complete(NAMED, option, value)
            refused(done, wording, 2)
            assert str(done.exception).startswith(f"{option} has no effect on ")


def test_what_the_lint_refuses(complete: Complete, tmp_path: Path, wording: Wording) -> None:
    """A tree is judged as the lint judges it, with its waivers."""
    (tmp_path / "gw.dts").write_text(WITH_REG.replace("clocks = <&clk>, <&clk>;", "clocks = <9>;"))
    done = complete(NAMED)
    assert done.exit_code == 1
    assert "[XA511]" in done.stderr
    why = "/* xenassign: allow XA511: ours does not ask for it */\n clocks = <9>;"
    (tmp_path / "gw.dts").write_text(WITH_REG.replace("clocks = <&clk>, <&clk>;", why))
    assert complete(NAMED).exit_code == 0
    (tmp_path / "gw.dts").write_text("/dts-v1/; / { };")
    refused(complete(NAMED), wording, 2)
    (tmp_path / "gw.dts").write_text(WITH_REG.replace("/axi/serial@ff01", "/axi/serial@ff02"))
    refused(complete(NAMED), wording, 2)


def test_entries_that_map_nothing(complete: Complete, tmp_path: Path, rows: Rows) -> None:
    """iomem follows from xen,reg, so that its mistakes are what is wrong, for xl too."""
    good = "<0 0xff010000 0 0x1000 0 0x8001000>"
    entries = (
        ("<0 0xff010000 0 0x800 0 0x8001000>", "XA213"),
        ("<0 0xff010000 0 0x1000 0 0x8001800>", "XA213"),
        ("<0 0xff010000 0 0 0 0x8001000>", "XA227"),
        ("[]", "XA223"),
    )
    for entry, code in entries:
        with rows(entry):
            assert good in WITH_REG
            (tmp_path / "gw.dts").write_text(WITH_REG.replace(good, entry))
            done = complete(NAMED)
            assert done.exit_code == 1
            refusals = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
            assert [line.rpartition("[")[2] for line in refusals] == [f"{code}]"]
            assert "gw.dts:21:" in refusals[0]


def test_completing_twice_changes_nothing(complete: Complete, tmp_path: Path) -> None:
    """The second time the tree that the first one made is the user's own."""
    for text in (LISTED, PROPOSED):
        first = written(tmp_path, complete(HEAD + text))
        (tmp_path / "gw.dtb").write_bytes((tmp_path / "out" / "gw.dtb").read_bytes())
        done = complete(first)
        assert written(tmp_path, done) == first
        (tmp_path / "gw.dtb").unlink()


LONG = f"""{HEAD}extra = "console=ttyAMA0"
device_tree = "/boot/gw.dtb"
passthrough = "enabled"
dtdev = ["{GEM}"]
irqs = [95, 54]
iomem = ["0xff0e0,1@8000", "0xff010,0x1@0x8001"]
"""
NO_XEN = re.sub(r"xen,[^;]*;|XEN_REG|interrupt-parent[^;]*;", "", TREE)


def mappings(tree: Path) -> dict[str, tuple[int, ...]]:
    """xen,reg by xen,path of the nodes of a partial tree."""
    nodes = read_blob(tree.read_bytes()).nodes()
    found = ((node.text("xen,path"), node.cells("xen,reg")) for node in nodes)
    return {path: cells for path, cells in found if path is not None}


def test_the_way_back(complete: Complete, tmp_path: Path, rows: Rows) -> None:
    """The long form to a partial tree and a node for dom0less, with the user's tree or without."""
    moved = {GEM: (0, 0xFF0E0000, 0, 0x1000, 0, 0x8000000)}
    moved[UART] = (0, 0xFF010000, 0, 0x1000, 0, 0x8001000)
    without = LONG.replace('device_tree = "/boot/gw.dtb"\n', "")
    (tmp_path / "gw.dts").write_text(NO_XEN)
    for text in (LONG, without, without.replace(f'dtdev = ["{GEM}"]\n', "")):
        with rows(text):
            node = written(tmp_path, complete(text, "--route", "dom0less"))
            assert 'with bootargs = "console=ttyAMA0"' in node
            assert "memory = <0x0 0x80000>;" in node
            assert mappings(tmp_path / "out" / "gw.dtb") == moved
    written(tmp_path, complete(LONG, "--route", "dom0less"))
    tree = read_blob((tmp_path / "out" / "gw.dtb").read_bytes())
    top = at(tree, "/passthrough")
    assert top.cells("interrupt-parent") == (0xFDE8,)
    assert at(tree, "/passthrough/serial@8001000").has("xen,force-assign-without-iommu")
    assert not at(tree, "/passthrough/ethernet@8000000").has("xen,force-assign-without-iommu")
    assert at(tree, "/passthrough/clk").text("compatible") == "fixed-clock"


def test_the_long_form_stays(complete: Complete, tmp_path: Path) -> None:
    """xl has all of it; without a tree one is made."""
    (tmp_path / "gw.dts").write_text(NO_XEN)
    assert written(tmp_path, complete(LONG)) == LONG
    without = LONG.replace('device_tree = "/boot/gw.dtb"\n', "")
    text = written(tmp_path, complete(without))
    assert text == f"{without}{ADDED.partition('passthrough')[0]}"


def test_what_dom0less_does_not_pass(
    complete: Complete, tmp_path: Path, wording: Wording, rows: Rows
) -> None:
    (tmp_path / "gw.dts").write_text(NO_XEN)
    for more in ("irqs += [77]", 'iomem += ["fd000,1"]'):
        with rows(more):
            refused(complete(f"{LONG}{more}\n", "--route", "dom0less"), wording, 1)


def test_both_routes(complete: Complete, tmp_path: Path) -> None:
    """One short file: dom.cfg for xl, and the node and tree for dom0less."""
    both = ("--route", "xl", "--route", "dom0less")
    text = written(tmp_path, complete(HEAD + LISTED, *both))
    assert text == HEAD + TAKEN_OUT + ADDED
    assert "xen,domain" in (tmp_path / "out" / "gw.dom0less.dtso").read_text()
    (tmp_path / "gw.dts").write_text(ONE_TO_ONE)
    text = written(tmp_path, complete(NAMED, *both))
    assert text == NAMED + FOLLOWS.format("0xff0e0,0x1")
    one_to_one = (0, 0xFF0E0000, 0, 0x1000, 0, 0xFF0E0000)
    assert mappings(tmp_path / "out" / "gw.dtb")[GEM] == one_to_one


def test_pages_of_two_devices(complete: Complete, wording: Wording, tmp_path: Path) -> None:
    """Without a tree and a list nothing says which one it is."""
    pages = f'{HEAD}iomem = ["9030,1", "a003,1"]\n'
    refused(complete(pages, host="qemu"), wording, 1)
    refused(complete(f'{HEAD}iomem = ["50000,1"]\n', host="qemu"), wording, 2)


def test_keys_of_the_short_form_beside_other_devices(
    complete: Complete, host_files: dict[str, Path], tmp_path: Path, wording: Wording
) -> None:
    (tmp_path / "dom.cfg").write_text(HEAD + "device_assignment = []\n")
    line = ["generate", str(host_files["zynqmp"]), "--base-cfg", str(tmp_path / "dom.cfg")]
    done = CliRunner().invoke(cli, [*line, "-d", "serial1", "-o", str(tmp_path / "made")])
    refused(done, wording, 2)
