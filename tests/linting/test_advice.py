"""Advice that is followed to the letter: the finding is gone, and nothing worse takes its place."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from xenassign.findings import Finding
from xenassign.linting.session import Session

from ..conftest import FIXTURES
from .bases import BASES

HOSTS = {"virt": "qemu-virt-gicv3.dtb", "protected": "zynqmp-zcu102.dtb"}
FILES = ("domu1.cfg", "domu1.dts", "domu1.host.dtso")


class Mistake(NamedTuple):
    """A mistake in a correct file: ``wrong`` instead of ``text``, which the advice restores."""

    code: str
    file: str
    text: str
    wrong: str
    advice: str
    base: str = "virt"


CFG, DTS = "domu1.cfg", "domu1.dts"
NET = "/axi/ethernet@ff0e0000"
DTDEV = f'dtdev = ["{NET}"]\nirqs = [95]\niomem = ["0xff0e0,0x1"]\n'
RTC = "xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x9010000>;"
FORCE = "xen,force-assign-without-iommu;"
MISTAKES = (
    Mistake("XA601", CFG, "vcpus =", "vcpu =", "did you mean vcpus?"),
    Mistake("XA601", CFG, "vcpus = 1\n", "vcpus = 1\niommu = 1\n", "remove it"),
    Mistake("XA602", CFG, "[34,", "[0x22,", "write the INTID in decimal"),
    Mistake("XA603", CFG, '"0x9010,0x1"', '"0x9010"', 'in the form "0xff0e0,0x1"'),
    Mistake("XA608", CFG, '"0x9010,0x1"', '"0x9010000,0x1"', "write its page, 0x9010"),
    Mistake("XA325", CFG, "[34,", "[2,", "add 32 to the SPI number"),
    Mistake("XA319", CFG, "[34,", "[34, 34,", "list each INTID once"),
    Mistake("XA611", CFG, "memory = 512", "memory = 512\nmemory = 512", "remove one of them"),
    Mistake("XA220", CFG, '"0x9010,0x1", ', "", "list the same pages in both"),
    Mistake("XA315", CFG, "[34, ", "[", "write the same interrupts in both"),
    Mistake("XA417", CFG, "irqs", 'dtdev = ["/pl031@9010000"]\nirqs', "remove it from dtdev"),
    Mistake("XA417", CFG, NET, "/amba/ethernet@ff0e0000", f"did you mean {NET}?", "protected"),
    Mistake(
        "XA417", CFG, f'"{NET}"', f'"{NET}", "/axi/gpu@fd4b0000"', "does not name it", "protected"
    ),
    Mistake("XA423", CFG, f'dtdev = ["{NET}"]\n', "", "add the host path to dtdev", "protected"),
    Mistake(
        "XA422",
        CFG,
        DTDEV,
        DTDEV.replace('"]', '", "/axi/mmc@ff170000"]', 1).replace("[95", "[95, 81"),
        "remove the path from dtdev together with the device's irqs and iomem",
        "protected",
    ),
    Mistake("XA412", DTS, NET, "/amba/ethernet@ff0e0000", f"did you mean {NET}?", "protected"),
    Mistake("XA413", DTS, f"{RTC}\n\t\t\t{FORCE}", RTC, f"add {FORCE[:-1]}: it does no DMA"),
    Mistake("XA411", DTS, f"{RTC}\n", "\n", "add the missing property"),
    Mistake("XA213", DTS, RTC, RTC.replace("0x1000", "0x800"), "round the block out to whole"),
    Mistake("XA216", DTS, RTC, RTC.replace("0x9010000 0x0 0x1", "0x9040000 0x0 0x1"), "map the"),
    Mistake("XA320", DTS, "<0 2 4>", "<0 34 4>", "write <0 2 4>"),
    Mistake("XA321", DTS, "<0 2 4>", "<0 2 1>", "copy the flags of the host's node"),
    Mistake("XA322", DTS, "<0xfde8>", "<&clk>", "set interrupt-parent = <0xfde8>"),
    Mistake("XA419", DTS, "reg = <0x0", f"{FORCE} reg = <0x0", f"remove {FORCE[:-1]}", "protected"),
    Mistake("XA420", DTS, "ranges;", f"ranges; {FORCE}", "remove it"),
    Mistake("XA421", DTS, "phy-mode", "iommus = <&clk>; phy-mode", "remove the prop", "protected"),
    Mistake("XA805", DTS, RTC, f'{RTC} status = "disabled";', "remove status"),
    Mistake("XA806", DTS, 'compatible = "simple-bus";', "", 'add compatible = "simple-bus"'),
    Mistake("XA807", DTS, "ranges;", "", "add an empty ranges"),
    Mistake("XA809", DTS, "xen,path =", "xen,paht =", "write xen,path"),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.code}-{m.wrong.strip()[:20]}")
def test_advice_helps_when_it_is_followed(
    mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = {name: (BASES / mistake.base / name).read_text() for name in FILES}
    correct = texts[mistake.file]
    assert mistake.text in correct

    def findings(text: str) -> list[Finding]:
        for name, content in {**texts, mistake.file: text}.items():
            Path(name).write_text(content)
        host = str(FIXTURES / HOSTS[mistake.base])
        session = Session.of(("domu1.cfg", "domu1.dts"), host=host, overlays=("domu1.host.dtso",))
        return list(session.report().findings)

    before = findings(correct.replace(mistake.text, mistake.wrong, 1))
    advised = [f for f in before if f.code == mistake.code]
    assert any(mistake.advice in f.text() for f in advised), [f.text() for f in before]
    after = findings(correct)
    assert mistake.code not in {f.code for f in after}
    assert harm(after) <= harm(before)


def harm(findings: list[Finding]) -> set[str]:
    """The codes of errors, and of what is unsafe."""
    return {f.code for f in findings if f.severity == "error" or f.effect == "unsafe"}


def test_no_way_with_risk_is_offered_without_its_risk() -> None:
    """The pages that name an option or property which lets a guest do harm say what harm."""
    risks = {
        "--allow-shared-page": "can change the registers",
        "add --force-assign-without-iommu": "does no dma",
        "add xen,force-assign-without-iommu": "does no dma",
        "direct-map dom": "reaches all of the host's memory",
    }
    named = set()
    for path in sorted(BASES.parent.glob("XA*.md")):
        text = path.read_text().partition("\nFix: ")[2].partition("\nSource: ")[0].lower()
        fix = " ".join(text.split())
        for way, risk in risks.items():
            if way in fix:
                named.add(way)
                assert risk in fix, path.name
    assert named == set(risks)
