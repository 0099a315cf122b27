"""NAME.zephyr.c is compiled, and fills a struct with the numbers of dom.cfg; so has NAME.xrun.json.

The header is a stand-in with the fields that the file uses, as zephyr-xenlib's domain.h has them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xenassign.devicetree.blob import read_blob_file
from xenassign.errors import UsageError
from xenassign.formats.xlcfg import XlConfig
from xenassign.formats.xlcfg_parser import parse
from xenassign.outputs.generated import generate_system
from xenassign.request.request import Request, parse_clock_rate, parse_map
from xenassign.request.system_request import SystemRequest
from xenassign.xen.xlvalues import page_range

from ..conftest import FIXTURES
from ..missing import skip_or_fail
from ..wording import Wording

HEADER = """
#include <stdint.h>
struct xen_domain_iomem { uint64_t first_gfn; uint64_t first_mfn; uint64_t nr_mfns; };
struct xen_domain_cfg {
    uint64_t mem_kb;
    uint32_t flags, max_vcpus;
    struct xen_domain_iomem *iomems;
    uint32_t nr_iomems;
    uint32_t *irqs;
    uint32_t nr_irqs;
    char **dtdevs;
    uint32_t nr_dtdevs;
    char *cmdline;
    const char *dtb_start, *dtb_end;
};
"""
DOMCTL = "#define XEN_DOMCTL_CDF_iommu (1U << 5)\n"
MAIN = r"""
#include <stdio.h>
#include <domain.h>
void xenassign_net_1(struct xen_domain_cfg *cfg);
int main(void)
{
    struct xen_domain_cfg cfg = { .flags = 3 };
    xenassign_net_1(&cfg);
    printf("%u %llu %u\n", cfg.flags, (unsigned long long)cfg.mem_kb, cfg.max_vcpus);
    puts(cfg.cmdline);
    for (uint32_t i = 0; i < cfg.nr_iomems; i++)
        printf("iomem %llu %llu %llu\n", (unsigned long long)cfg.iomems[i].first_mfn,
            (unsigned long long)cfg.iomems[i].nr_mfns, (unsigned long long)cfg.iomems[i].first_gfn);
    for (uint32_t i = 0; i < cfg.nr_irqs; i++)
        printf("irq %u\n", cfg.irqs[i]);
    for (uint32_t i = 0; i < cfg.nr_dtdevs; i++)
        printf("dtdev %s\n", cfg.dtdevs[i]);
    fflush(stdout);
    FILE *file = fopen("made.dtb", "wb");
    fwrite(cfg.dtb_start, 1, (size_t)(cfg.dtb_end - cfg.dtb_start), file);
    return fclose(file);
}
"""
EXTRA = 'console=ttyAMA0 quoted="a??/ b"'
NET = Request(
    devices=("ethernet0", "serial@ff010000"),
    name="net-1",
    memory=512,
    vcpus=2,
    kernel="/lfs/Image",
    extra=EXTRA,
    routes=("xl",),
    maps=(parse_map("auto"),),
    clock_rates=(
        parse_clock_rate("ethernet0=125000000"),
        parse_clock_rate("serial@ff010000=100000000"),
    ),
)


def written(*domains: Request) -> dict[str, bytes]:
    tree = read_blob_file(FIXTURES / "zynqmp-zcu102.dtb")
    system = generate_system(tree, SystemRequest(domains, zephyr=True))
    assert not system.refusals, system.refusals
    return system.files


@pytest.fixture(scope="module", name="files")
def _files() -> dict[str, bytes]:
    return written(NET)


def compiler() -> str:
    found = shutil.which("cc")
    if found is None:
        skip_or_fail("cc is missing: apt-get install gcc libc6-dev")
    return found


def listed(config: XlConfig) -> list[str]:
    """The lists of a dom.cfg as MAIN prints them."""
    ranges = [page_range(atom.text) for atom in config.texts("iomem")]
    return [
        *(f"iomem {pages.mfn} {pages.pages} {pages.gfn}" for pages in ranges if pages is not None),
        *(f"irq {atom.text}" for atom in config.texts("irqs")),
        *(f"dtdev {atom.text}" for atom in config.texts("dtdev")),
    ]


def test_the_compiled_numbers_are_those_of_dom_cfg(files: dict[str, bytes], tmp_path: Path) -> None:
    public = tmp_path / "zephyr" / "xen" / "public"
    public.mkdir(parents=True)
    (public / "domctl.h").write_text(DOMCTL)
    (tmp_path / "domain.h").write_text(HEADER)
    (tmp_path / "main.c").write_text(MAIN)
    (tmp_path / "net.c").write_bytes(files["net-1.zephyr.c"])
    strict = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-trigraphs")
    command = [compiler(), *strict, "-I.", "net.c", "main.c", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(["./main"], cwd=tmp_path, check=True, capture_output=True, text=True)
    numbers, line, *lists = done.stdout.splitlines()
    assert numbers == f"{3 | 1 << 5} {512 << 10} 2"
    assert line == EXTRA
    config = parse(files["net-1.cfg"].decode())
    assert lists == listed(config)
    assert {entry.split()[0] for entry in lists} == {"iomem", "irq", "dtdev"}
    assert (tmp_path / "made.dtb").read_bytes() == files["net-1.dtb"]


def test_xrun_has_the_same(files: dict[str, bytes]) -> None:
    machine: dict[str, Any] = json.loads(files["net-1.xrun.json"])["vm"]
    hardware = machine["hwConfig"]
    lists = [
        *(f"iomem {i['firstMFN']} {i['nrMFNs']} {i['firstGFN']}" for i in hardware["iomems"]),
        *(f"irq {number}" for number in hardware["irqs"]),
        *(f"dtdev {path}" for path in hardware["dtdevs"]),
    ]
    assert lists == listed(parse(files["net-1.cfg"].decode()))
    assert (hardware["deviceTree"], hardware["vcpus"]) == ("net-1.dtb", 2)
    assert hardware["memKB"] == 512 << 10
    assert machine["kernel"]["path"] == "/lfs/Image"
    assert " ".join(machine["kernel"]["parameters"]) == EXTRA


def test_what_zephyr_cannot_build(wording: Wording) -> None:
    for domains in (
        (replace(NET, routes=("dom0less",)),),
        (replace(NET, memory=None, kernel=None),),
        (replace(NET, vcpus=24),),
        (replace(NET, name="a"), replace(NET, name="a.xrun")),
    ):
        with wording.raises(UsageError):
            written(*domains)
