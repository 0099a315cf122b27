"""What ImageBuilder is told of domains, and what it is found to be unable to carry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.answers import codes
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.errors import UsageError
from xenassign.formats.imagebuilder_cfg import parse
from xenassign.outputs.imagebuilder.decide import (
    ImageBuilderPlan,
    decide_imagebuilder,
    room_needed,
)
from xenassign.planning.decide import decide
from xenassign.planning.plan import DomainPlan, HostMark
from xenassign.request.request import Request, parse_map
from xenassign.xen.releases import release

from ..conftest import FIXTURES

QEMU = read_blob((FIXTURES / "qemu-virt-gicv3.dtb").read_bytes(), "qemu.dtb")
CLOCK, GPIO = "/pl031@9010000", "/pl061@9030000"


def planned(name: str = "clock", device: str = CLOCK, **options: Any) -> DomainPlan:
    """A domain's plan; it has a kernel."""
    return decide(QEMU, Request((device,), name=name, **{"kernel": "Image", **options}))


def told(*plans: DomainPlan, base: str | None = None) -> ImageBuilderPlan:
    text = parse(base, "my.cfg") if base is not None else None
    return decide_imagebuilder(plans or (planned(),), text)


def test_what_is_said() -> None:
    plan = planned(memory=512, vcpus=2, ramdisk="rd", extra="console=ttyAMA0")
    (domu,) = told(plan).domus
    assert domu.values == {
        "DOMU_KERNEL": "Image",
        "DOMU_RAMDISK": "rd",
        "DOMU_CMD": "console=ttyAMA0",
        "DOMU_PASSTHROUGH_PATHS": CLOCK,
        "DOMU_PASSTHROUGH_DTB": "clock.dtb",
        "DOMU_MEM": "512",
        "DOMU_VCPUS": "2",
        "DOMU_ENHANCED": "0",
    }
    assert (domu.number, domu.new, domu.commands) == (0, True, ())
    assert codes(told(plan)) == []


def test_every_mark_is_said() -> None:
    plan = planned()._replace(marks=(HostMark(CLOCK, "it"), HostMark(GPIO, "an alternative")))
    assert told(plan).domus[0].values["DOMU_PASSTHROUGH_PATHS"] == f"{CLOCK} {GPIO}"


def test_static_memory() -> None:
    banks = ((0x80000000, 1 << 28), (0x1_0000_0000, 1 << 28))
    for direct in (False, True):
        plan = planned(routes=("dom0less",), static_memory=banks, direct_map=direct)
        values = told(plan).domus[0].values
        assert values["DOMU_STATIC_MEM"] == "0x80000000 0x10000000 0x100000000 0x10000000"
        assert values["DOMU_DIRECT_MAP"] == str(int(direct))
        assert values["DOMU_MEM"] == "512"  # else ImageBuilder says that it ignores it


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("0x40000000", "0x80000000", []),
        ("0x40000000", "0x80000001", ["XA034"]),
        ("0x8fffffff", "0xa0000000", ["XA034"]),
        ("0x90000000", "0xa0000000", []),
        ("$X", "0xa0000000", []),
        ("010", "0xa0000000", []),  # octal in bash
        ("0", "4294967296", ["XA034"]),
    ],
)
def test_files_may_be_loaded_over_static_memory(start: str, end: str, found: list[str]) -> None:
    plan = planned(routes=("dom0less",), static_memory=((0x80000000, 1 << 28),))
    made = told(plan, base=f"MEMORY_START={start}\nMEMORY_END={end}\n")
    assert codes(made) == found


def test_what_only_commands_say() -> None:
    plan = planned(vpl011=False)
    plan = plan._replace(
        pool_mib=128,
        kept_on=("/regulator",),
        request=replace(plan.request, sci="scmi_smc", release=release("4.21")),
    )
    made = told(planned("first", GPIO), plan)
    assert [command.text for command in made.commands] == [
        "fdt set /regulator regulator-always-on",
        "fdt set /regulator regulator-boot-on",
        'fdt set /chosen/domU1 xen,domain-p2m-mem-mb "<0x80>"',
        'fdt set /chosen/domU1 xen,sci_type "scmi_smc"',
        "fdt set /chosen/domU1 vpl011",
        "fdt rm /chosen/domU1 vpl011",
    ]
    assert made.append == "imagebuilder.cmds"
    assert made.domus[1].values["DOMU_VPL011"] == "0"
    assert told().append is None


# ---------------------------------------------------------------------- numbers


def test_new_domains_follow() -> None:
    made = told(planned(), planned("gpio", GPIO), base="NUM_DOMUS=2\nDOMU_KERNEL[1]=a\n")
    assert [(one.number, one.new) for one in made.domus] == [(2, True), (3, True)]
    assert made.total == 4


def test_a_domain_is_found_again() -> None:
    base = 'NUM_DOMUS=2\nDOMU_PASSTHROUGH_DTB[1]="$OUT/clock.dtb"\nDOMU_PASSTHROUGH_DTB=a.dtb\n'
    made = told(planned("gpio", GPIO), planned(), base=base)
    assert [(one.number, one.new) for one in made.domus] == [(2, True), (1, False)]
    assert "DOMU_PASSTHROUGH_DTB" not in made.domus[1].values  # stays with its folder
    assert made.total == 3


@pytest.mark.parametrize(
    ("base", "what"),
    [
        ("NUM_DOMUS=$N\n", "my.cfg:1: NUM_DOMUS is '$N'; write a decimal number"),
        ("NUM_DOMUS=0x2\n", "my.cfg:1: NUM_DOMUS is '0x2'; write a decimal number"),
        (
            "NUM_DOMUS=1\nDOMU_PASSTHROUGH_DTB[1]=clock.dtb\n",
            "my.cfg:2: DOMU_PASSTHROUGH_DTB[1] is not less than NUM_DOMUS=1; raise",
        ),
        (
            "NUM_DOMUS=1\nDOMU_KERNEL[1]=a\n",
            "my.cfg:2: DOMU_KERNEL[1] is set, but NUM_DOMUS is 1; raise",
        ),
        ("DOMU_CMD=a\n", "my.cfg:1: DOMU_CMD[0] is set, but NUM_DOMUS is 0; raise"),
        (
            "NUM_DOMUS=2\nDOMU_PASSTHROUGH_DTB[0]=clock.dtb\nDOMU_PASSTHROUGH_DTB[1]=a/clock.dtb\n",
            "my.cfg:3: clock.dtb is in DOMU_PASSTHROUGH_DTB[0] and in [1]; keep one",
        ),
        (
            "NUM_DOMUS=1\nDOMU_PASSTHROUGH_DTB[0]=clock.dtb\nDOMU_STATIC_MEM[0]='0 1'\n",
            "my.cfg:3: DOMU_STATIC_MEM[0] is set, but clock has no --static-memory; give",
        ),
    ],
)
def test_what_contradicts_itself(base: str, what: str) -> None:
    with pytest.raises(UsageError) as error:
        told(base=base)
    assert str(error.value).startswith(what)


# ---------------------------------------------------------------------- what it cannot carry

#: Printable, but what is taken by U-Boot's shell; tests/xen/test_imagebuilder.py asks the real one.
CARRIED = "a=b;c & d|e #f !g *h ?i [j] {k} (l) ~m ^n <o>  %p @q ,r _s +t "


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        (CARRIED, False),
        ("x" * 1023, False),
        ("x" * 1024, True),
        ("a=$b", True),
        ('a="b"', True),
        ("a='b'", True),
        ("a=`b`", True),
        ("a=\\b", True),
        ("a\nb", True),
        ("a=é", True),
        ("a\tb", True),
        ("<0>", True),
        ("[00]", True),
        ("-p", True),
    ],
)
def test_command_lines(line: str, refused: bool, wording: Wording) -> None:
    findings = told(planned(extra=line)).findings
    assert [f.code for f in findings] == ["XA031"] * refused
    wording(*findings)


@pytest.mark.parametrize("name", ["a b", "-a", "a*", "a$b", "a'b", "", "~/a", "a;b", "é"])
def test_file_names(name: str) -> None:
    for option in ("kernel", "ramdisk"):
        assert codes(told(planned(**{option: name}))) == ["XA031"]


@pytest.mark.parametrize("name", ["Image", "a/b-c_d+e.gz", "/x/y@1,2:3=4%5"])
def test_file_names_that_are_carried(name: str) -> None:
    assert codes(told(planned(kernel=name, ramdisk=name))) == []


def test_paths() -> None:
    plan = planned()._replace(marks=(HostMark("/a b", ""), HostMark("/a*", ""), HostMark("/a", "")))
    assert codes(told(plan)) == ["XA031"] * 2
    assert codes(told(planned()._replace(kept_on=("/a$",)))) == ["XA031"]


# ---------------------------------------------------------------------- the other findings


def test_no_kernel() -> None:
    plan = planned(kernel=None)
    assert codes(told(plan)) == ["XA032"]
    known = "NUM_DOMUS=1\nDOMU_PASSTHROUGH_DTB[0]=clock.dtb\n"
    assert codes(told(plan, base=known)) == ["XA032"]
    assert codes(told(plan, base=f"{known}DOMU_KERNEL[0]=a\n")) == []


def test_a_domain_of_xl() -> None:
    made = told(planned(routes=("xl",), kernel=None, vpl011=False))
    assert codes(made) == ["XA033"]
    assert made.domus[0].values["DOMU_NOBOOT"] == "1"
    assert made.commands == ()


def test_what_has_to_be_changed_by_hand() -> None:
    plan = planned(vpl011=False)
    base = "XEN=x\nAPPEND_EXTRA_CMDS=mine.txt\n"
    made = told(plan, base=base)
    (finding,) = made.findings
    assert finding.code == "XA034"
    assert finding.text().startswith("warning: my.cfg:2:1: APPEND_EXTRA_CMDS is mine.txt: append")
    assert made.append is None
    assert codes(told(base=base)) == []  # there are no commands
    ours = told(plan, base="APPEND_EXTRA_CMDS=sub/imagebuilder.cmds\n")
    assert (codes(ours), ours.append) == ([], "sub/imagebuilder.cmds")
    assert codes(told(base=f"XEN_PASSTHROUGH_PATHS='{CLOCK}'\n")) == ["XA034"]
    assert codes(told(base="XEN_PASSTHROUGH_PATHS=\n")) == []


@pytest.mark.parametrize("name", ["LOPPER_PATH", "PASSTHROUGH_DTS_REPO"])
def test_what_replaces_the_tree(name: str) -> None:
    (finding,) = told(base=f"XEN=x\n{name}=/x\n").findings
    assert finding.code == "XA036"
    assert finding.text().startswith(f"error: my.cfg:2:1: {name} is set: clock.dtb would not be")
    assert codes(told(base=f"{name}=\n")) == []


def test_room() -> None:
    plan = planned(extra="x" * 1000)
    assert codes(told(plan)) == []
    plans = [planned(f"d{number}", extra="x" * 900) for number in range(3)]
    assert codes(told(*plans)) == ["XA035"]
    assert codes(told(*plans, base="FIT=a.fit\n")) == []
    small = told(base="NUM_DOMUS=1\nDOMU_KERNEL=a\n")
    line = "c" * 100
    large = parse(f"NUM_DOMUS=1\nDOMU_KERNEL=a\nDOMU_CMD={line}\nXEN_CMD={line}\n")
    plain = parse("NUM_DOMUS=1\nDOMU_KERNEL=a\n")
    assert room_needed(small.domus, large) == room_needed(small.domus, plain) + 200


def test_a_vuart_that_is_switched_off() -> None:
    known = "NUM_DOMUS=1\nDOMU_PASSTHROUGH_DTB[0]=clock.dtb\nDOMU_VPL011[0]=0\n"
    assert told(base=known).domus[0].values["DOMU_VPL011"] == "1"


def test_pv_interfaces_are_the_users() -> None:
    known = "NUM_DOMUS=1\nDOMU_PASSTHROUGH_DTB[0]=clock.dtb\nDOMU_ENHANCED[0]=1\n"
    assert "DOMU_ENHANCED" not in told(base=known).domus[0].values


def test_pv_interfaces_bring_extended_regions(wording: Wording) -> None:
    base = "NUM_DOMUS=1\nDOMU_PASSTHROUGH_DTB[0]=clock.dtb\nDOMU_ENHANCED[0]={}\n"
    in_bank = {"memory": 256, "maps": (parse_map(f"{CLOCK}=0x60000000"),)}
    for value, options, expected in (
        ("1", in_bank, ["XA204"]),
        ('"no-xenstore"', in_bank, ["XA204"]),
        ("0", in_bank, []),
        ("1", {"memory": 256}, []),
        ("1", {**in_bank, "release": release("4.21")}, []),
    ):
        made = told(planned(**options), base=base.format(value))
        assert codes(made) == expected
        wording(*made.findings)
