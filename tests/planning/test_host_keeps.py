"""What dom0 must leave on for the devices that it gave away (XA507, --keep-host-supplies)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

ALL = "/dev@79040000"
CLOCKED = "/dev@79030000"
CRU = "/clock-controller@f4000000"


def kept(plan: DomainPlan) -> set[tuple[str, str, tuple[int, ...]]]:
    return {(keep.kind, keep.provider, keep.args) for keep in plan.host_keeps}


def test_all_kinds_of_one_device(plan: Plan) -> None:
    assert kept(plan("tricky", ALL, policy="trust")) == {
        ("clock", CRU, (1, 7)),
        ("reset", CRU, (7,)),
        ("power-domain", CRU, (7,)),
        ("regulator", "/regulator-vcc-gpio", ()),
        ("regulator", "/regulator-vqmmc", ()),
        ("pinctrl", "/pinctrl@79020000/default-pins", ()),
        ("phy", "/provider@79000000", (0,)),
        ("phy", "/provider@79000000", (1,)),
        ("interconnect", "/provider@79000000", (1,)),
        ("interconnect", "/provider@79000000", (2,)),
    }


def test_clocks_count_behind_fixed_factors_and_crystals_do_not(plan: Plan) -> None:
    made = plan("tricky", CLOCKED, policy="trust")
    assert kept(made) == {("clock", CRU, args) for args in ((1, 5), (1, 6), (1, 9))}
    assert [keep.name for keep in made.host_keeps][:2] == ["assigned", "unknown"]


def test_what_the_guest_has_itself_is_not_the_hosts(plan: Plan) -> None:
    made = plan("tricky", CLOCKED, CRU, policy="trust")
    assert not made.host_keeps
    assert "XA507" not in {f.code for f in made.findings}
    assert made.dom0_options == ()


def test_one_resource_of_two_devices_is_listed_once(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        "/ { a@7e000000 { reg = <0 0x7e000000 0 0x1000>; clocks = <&cru 1 2>; };"
        " b@7e001000 { reg = <0 0x7e001000 0 0x1000>; clocks = <&cru 1 2>; }; };",
    )
    (keep,) = plan(tree, "/a@7e000000", "/b@7e001000", policy="trust").host_keeps
    assert keep.users == ("/a@7e000000", "/b@7e001000")


def test_what_a_bus_holds_counts_for_the_devices_below(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { bus@7e000000 { compatible = "simple-pm-bus"; #address-cells = <2>; #size-cells = <2>;'
        " ranges; clocks = <&cru 1 3>; power-domains = <&cru 4>;"
        ' a@7e000000 { compatible = "x,a"; reg = <0 0x7e000000 0 0x1000>; }; }; };',
    )
    made = plan(tree, "/bus@7e000000/a@7e000000", policy="trust")
    assert kept(made) == {("clock", CRU, (1, 3)), ("power-domain", CRU, (4,))}
    assert {keep.users for keep in made.host_keeps} == {("/bus@7e000000/a@7e000000",)}


def test_children_use_for_their_device(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { a@7e000000 { compatible = "x,a"; reg = <0 0x7e000000 0 0x1000>;'
        " port { resets = <&cru 9>; }; }; };",
    )
    (keep,) = plan(tree, "/a@7e000000", policy="trust").host_keeps
    assert (keep.kind, keep.args, keep.users) == ("reset", (9,), ("/a@7e000000",))


@pytest.mark.parametrize(
    ("supplies", "options"),
    [
        ("clocks = <&cru 1 2>;", ("clk_ignore_unused",)),
        ("power-domains = <&cru 2>;", ("pd_ignore_unused",)),
        ("vcc-supply = <&vqmmc>;", ("regulator_ignore_unused",)),
        (
            "clocks = <&cru 1 2>; power-domains = <&cru 2>;",
            ("clk_ignore_unused", "pd_ignore_unused"),
        ),
        ("resets = <&cru 2>;", ()),
        ("clocks = <&osc>; vcc-supply = <&vcc>;", ()),
    ],
)
def test_the_note_names_only_the_options_that_apply(
    plan: Plan, variant: Variant, supplies: str, options: tuple[str, ...]
) -> None:
    tree = variant(
        "tricky",
        f'/ {{ a@7e000000 {{ compatible = "x,a"; reg = <0 0x7e000000 0 0x1000>; {supplies} }}; }};',
    )
    made = plan(tree, "/a@7e000000", policy="trust")
    assert made.dom0_options == options
    found = [f for f in made.findings if f.code == "XA507"]
    assert bool(found) == bool(made.host_keeps)
    for finding in found:
        assert finding.severity == "note"
        assert all(option in finding.fix for option in options)
        assert finding.fix.count("_ignore_unused") == len(options)


def test_power_domains_of_firmware_that_linux_takes_for_off(plan: Plan) -> None:
    """TI's: no option of dom0 keeps them on, and only the boot loader switches them on."""
    made = plan("ti", "serial@2810000")
    assert made.dom0_options == ("clk_ignore_unused",)
    (finding,) = (f for f in made.findings if f.code == "XA507")
    assert "pd_ignore_unused" not in finding.fix
    providers = {keep.provider for keep in made.host_keeps if keep.kind == "power-domain"}
    assert providers
    for provider in providers:
        assert f"have the boot loader switch on the power domains of {provider}" in finding.fix


def test_the_plan_and_the_overlays_comment_list_them(generate: Generate) -> None:
    made, files, _ = generate("tricky", ALL, policy="trust", regions=("drop",))
    listed = json.loads(files["domu1.json"])
    assert {(k["kind"], k["provider"], tuple(k["args"])) for k in listed["host_keeps"]} == kept(
        made
    )
    assert all(keep["users"] == [ALL] for keep in listed["host_keeps"])
    comment = files["domu1.host.dtso"].decode()
    assert f"clock {CRU} 0x1 0x7 for {ALL}" in comment
    assert "clk_ignore_unused pd_ignore_unused regulator_ignore_unused" in comment


def test_regulators_are_kept_on_when_asked(
    generate: Generate, host_files: dict[str, Path], tmp_path: Path
) -> None:
    """fdtoverlay is the judge; what was always on is left as it is."""
    made, files, _ = generate("tricky", ALL, policy="trust", regions=("drop",), keep_supplies=True)
    assert made.kept_on == ("/regulator-vcc-gpio", "/regulator-vqmmc")
    assert made.dom0_options == ("clk_ignore_unused", "pd_ignore_unused")
    (tmp_path / "o.dtbo").write_bytes(files["domu1.host.dtbo"])
    command = ["fdtoverlay", "-i", str(host_files["tricky"]), "-o", "merged.dtb", "o.dtbo"]
    subprocess.run(command, cwd=tmp_path, check=True)
    merged = read_blob_file(tmp_path / "merged.dtb")
    on = {node.path for node in merged.nodes() if node.has("regulator-always-on")}
    assert on == set(made.kept_on)
    assert all(n.has("regulator-boot-on") for n in merged.nodes() if n.path in on)
    marked = {n.path for n in merged.nodes() if n.has("xen,passthrough")}
    assert marked == {ALL, "/dev@7d020000", *(change.path for change in made.dom0_changes)} & marked
    assert {ALL, "/dev@7d020000"} <= marked


def test_only_regulators_that_dom0_drives_and_may_switch(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { a@7e000000 { compatible = "x,a"; reg = <0 0x7e000000 0 0x1000>;'
        " a-supply = <&on>; b-supply = <&off>; c-supply = <&plain>; };"
        ' pmic { on: on { regulator-always-on; }; plain: plain { }; }; p2 { status = "disabled";'
        " off: off { }; }; };",
    )
    made = plan(tree, "/a@7e000000", policy="trust", keep_supplies=True)
    assert made.kept_on == ("/pmic/plain",)
    assert plan(tree, "/a@7e000000", policy="trust").kept_on == ()


def test_the_command_has_the_option(host_files: dict[str, Path], tmp_path: Path) -> None:
    from click.testing import CliRunner

    from xenassign.cli import cli

    arguments = ["generate", str(host_files["tricky"]), "-d", ALL, "--iommu-policy", "trust"]
    arguments += ["--memory-region", "drop"]
    arguments += ["--keep-host-supplies", "-o", str(tmp_path)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "domu1.json").read_text())["kept_on"]
