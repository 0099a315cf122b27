"""``complete``: the real xl and the real dom0less Xen take what it makes of every short form.

The board with SMMUs: a device that Xen protects, and a clock that does no DMA. All forms of a
release are in one boot of dom0; without dom0 each is a boot that ends with Xen's verdict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner

from xenassign.cli import cli

from .agreement import host_of, setup_of
from .boards import marked
from .boot import Domain, verdicts
from .dom0 import Job, boot_dom0
from .hosttree import compiled
from .machine import Machine

CLOCK, MASTER = "/pl031@9010000", "/single@a200000"
HEAD = 'name = "guest"\nmemory = 256\nvcpus = 1\n'
TREE = f"""/dts-v1/;
/ {{
    #address-cells = <2>; #size-cells = <2>;
    passthrough {{
        compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <2>;
        interrupt-parent = <0xfde8>;
        clk: clk {{ compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <1000000>; }};
        clock@b000000 {{
            compatible = "arm,pl031", "arm,primecell"; reg = <0 0xb000000 0 0x1000>;
            interrupts = <0 2 4>; clocks = <&clk>; clock-names = "apb_pclk";
            xen,path = "{CLOCK}"; xen,reg = <0 0x9010000 0 0x1000 0 0xb000000>;
            xen,force-assign-without-iommu;
        }};
        single@a200000 {{
            compatible = "example,master"; reg = <0 0xa200000 0 0x1000>; interrupts = <0 190 4>;
            xen,path = "{MASTER}";
        }};
    }};
}};
"""
#: dom0less needs the same as dom.cfg for xl, which states all but the host's nodes.
PLAIN = re.sub(r"xen,[^;]*;|interrupt-parent[^;]*;", "", TREE)
NAMED = f'{HEAD}device_tree = "own.dtb"\n'
LISTED = f'{HEAD}dtdev = ["{CLOCK}", "{MASTER}"]\n'
LONG = f"""{NAMED}passthrough = "enabled"
dtdev = ["{MASTER}"]
irqs = [34, 222]
iomem = ["0x9010,0x1@0xb000", "0xa200,0x1"]
"""
#: dom.cfg and the tree beside it, by form.
FORMS: Mapping[str, tuple[str, str | None]] = {
    "dtdev alone": (LISTED, None),
    "patterns": (f'{HEAD}dtdev = ["single@a2*", "/pl031@*"]\n', None),
    "proposed keys": (
        f'{HEAD}device-assignment = ["pl031@9010000", "{MASTER}"]\n'
        'force-assign-without-iommu = "true"\niomem_map = ["9010:b000"]\n',
        None,
    ),
    "device_tree alone": (NAMED, TREE),
    "both": (NAMED + f'dtdev = ["{CLOCK}", "{MASTER}"]\n', TREE),
    "the long form": (LONG, PLAIN),
}


def files_of(folder: Path, release: str, form: str) -> dict[str, bytes]:
    """What ``complete`` writes for both routes, and the tree that dom.cfg names, by name."""
    text, tree = FORMS[form]
    (folder / "board.dtb").write_bytes(host_of("smmu"))
    (folder / "dom.cfg").write_text(text)
    (folder / "own.dts").write_text(tree or "")
    line = ["complete", str(folder / "dom.cfg"), "--host", str(folder / "board.dtb")]
    line += ["--xen", release, "--iommu-driver", "smmu", "-o", str(folder / "out" / "dom.cfg")]
    done = CliRunner().invoke(cli, [*line, "--route", "xl", "--route", "dom0less"])
    assert done.exit_code == 0, done.output
    files = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    return {**files, "own.dtb": compiled(tree) if tree else b""}


def test_every_form(machine: Machine, tmp_path: Path) -> None:
    made = {}
    for number, form in enumerate(FORMS):
        folder = tmp_path / str(number)
        folder.mkdir()
        made[form] = files_of(folder, machine.release, form)
    host, setup = marked(host_of("smmu"), [CLOCK, MASTER]), setup_of("smmu")
    jobs = [
        Job(files["dom.cfg"].decode(), {name: files[name] for name in ("guest.dtb", "own.dtb")})
        for files in made.values()
    ]
    # What is not completed: the clock in dtdev has no IOMMU.
    *outcomes, short = boot_dom0(machine, host, [*jobs, Job(LISTED)], setup=setup)
    assert [outcome.message for outcome in outcomes] == [""] * len(FORMS)
    assert short.message
    cases = ((files["guest.dtb"], host, Domain()) for files in made.values())
    assert [outcome.message for outcome in verdicts(machine, cases, setup)] == [""] * len(FORMS)
