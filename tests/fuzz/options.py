"""Options drawn from the tables of the command line: mostly values that fit, else hostile ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

from tests.fuzz.hostile import CELLS, NUMBERS, TEXTS, without_nul
from xenassign.request.boot_request import OF_DOMAIN, OF_SYSTEM
from xenassign.request.options import Option
from xenassign.xen.releases import RELEASES

#: How often a value is hostile.
HOSTILE = 0.12


class Values:
    """What the values of options are drawn from. ``paths``: of nodes of the board."""

    def __init__(self, device: str, paths: tuple[str, ...], files: Iterable[str]) -> None:
        self.device, self.paths = device, paths
        self.files = tuple(files)

    def file(self, random: Random, *endings: str) -> str:
        """A file of the case, mostly one with such an ending."""
        fitting = [name for name in self.files if name.endswith(endings)]
        return random.choice(fitting or self.files or ("missing",))

    def path(self, random: Random) -> str:
        """A path, mostly that of the device."""
        if random.random() < 0.7 or not self.paths:
            return self.device
        path = random.choice(self.paths)
        return path if random.random() < 0.8 else path.rpartition("/")[2]


def drawn(random: Random, table: Sequence[Option], values: Values) -> list[str]:
    """One option of a table, as words of a command line."""
    option = random.choice(table)
    flags = (option.flags,) if isinstance(option.flags, str) else option.flags
    flag = random.choice(random.choice(flags).split("/"))
    if option.metavar is None and not option.choices:
        return [flag, *_REQUIRES.get(flag, ())]
    if random.random() < HOSTILE:
        value = random.choice(NUMBERS if random.random() < 0.4 else TEXTS)
    elif option.choices:
        value = random.choice(option.choices)
    else:
        value = VALUES[option.metavar or ""](random, values)
    return [flag, without_nul(value), *_REQUIRES.get(flag, ())]


#: What an option requires, so that it is not refused alone.
_REQUIRES = {
    "--direct-map": ("--static-memory", "0x50000000:128M"),
    "--chosen": ("--host-out", "out/host.dtb"),
    "--xen-bootargs": ("--uboot-script",),
    "--dom0-bootargs": ("--uboot-script",),
    "--load-with": ("--uboot-script",),
    "--sci": ("--xen", "4.22"),
}


def _number(random: Random, _: Values) -> str:
    return random.choice(
        ("1", "2", "4", "8", "64", "128", "512", "1024", "4096", "65536", "1048576")
    )


def address(random: Random) -> str:
    """A number as an address."""
    if random.random() < HOSTILE:
        return random.choice(NUMBERS)
    return hex(random.choice(CELLS) << random.choice((0, 0, 0, 12, 20)))


def _text(random: Random, _: Values) -> str:
    return random.choice(("console=ttyAMA0", "console=hvc0 root=/dev/ram0", *TEXTS))


def _place(random: Random, values: Values) -> str:
    where = random.choice(
        ("auto", "identity", address(random), f"window:{address(random)}-{address(random)}")
    )
    what = random.choice(("", values.path(random), f"{values.path(random)}#{random.randrange(3)}"))
    return f"{what}={where}" if what else where


def _rate(random: Random, values: Values) -> str:
    clock = random.choice(("", "#0", "#1", "#apb_pclk", f"#{random.choice(TEXTS)}"))
    return f"{values.path(random)}{clock}={random.choice(('1', '24000000', address(random)))}"


def _region(random: Random, values: Values) -> str:
    action = random.choice(("map", "drop", "drop", "x"))
    return random.choice((action, f"{values.path(random)}={action}"))


def _static(random: Random, _: Values) -> str:
    size = random.choice(("512M", "1G", "0x20000000", address(random)))
    return f"{random.choice(('0x50000000', '0x80000000', address(random)))}:{size}"


def _load(random: Random, _: Values) -> str:
    domain = random.choice(("", "", "domu1/", "other/"))
    size = random.choice(("", ":2M", ":board.dtb", ":missing", f":{random.choice(TEXTS)}"))
    where = random.choice((f"{address(random)}{size}", f"{address(random)}{size}", "Image"))
    return f"{domain}{random.choice((*OF_SYSTEM, *OF_DOMAIN))}={where}"


VALUES: dict[str, Callable[[Random, Values], str]] = {
    "PATH": lambda random, values: values.path(random),
    "PATH|none": lambda random, values: random.choice(("none", values.path(random))),
    "NAME": lambda random, _: random.choice(("domu1", "d", "a-b_c", "x" * 60)),
    "FILE": lambda random, values: values.file(random, ".cfg", ".dtbo", ".dts"),
    "HOST": lambda random, values: values.file(random, "board.dtb", "board.dts", "live/"),
    "DIR": lambda random, _: random.choice((".", "folder", "out", "missing")),
    "RELEASE": lambda random, _: random.choice((*RELEASES, "4.20.3")),
    "SIZE": lambda random, values: _number(random, values) + random.choice(("", "", "M", "G", "x")),
    "N": _number,
    "TEXT": _text,
    "[PATH[#INDEX]=]WHERE": _place,
    "PATH[#CLOCK]=HZ": _rate,
    "[PATH=]map|drop": _region,
    "BASE:SIZE": _static,
    "[DOMAIN/]WHAT=ADDRESS[:SIZE|:FILE]|FILE": _load,
    "COMMAND": lambda random, _: random.choice(("load mmc 0:1", "tftpboot", "ext4load", "x;y")),
    "CODE": lambda random, _: random.choice(("XA", "XA2", "XA403", "XA204,XA401", "XA9999", "")),
}
"""By the metavar of --help; a new one needs a line here."""

#: A set of options that writes everything that the boot needs.
BOOT = (
    *("--host-out", "out/host.dtb", "--chosen", "--uboot-script", "--memory", "512"),
    *("--vcpus", "1", "--load", "xen=0x50000000:2M", "--load", "host=0x50400000"),
    *("--load", "dom0-kernel=0x51000000:16M", "--load", "kernel=0x53000000:16M"),
    *("--load", "dtb=0x54800000"),
)
#: Sets of options, each for an output or a kind of domain.
PROFILES: tuple[tuple[str, ...], ...] = (
    (),
    ("--map", "auto"),
    ("--map", "auto", "--imagebuilder", "--memory", "512", "--vcpus", "1"),
    BOOT,
    ("--imagebuilder", "--no-vpl011", "--keep-host-supplies"),
    ("--attach-overlay",),
    ("--static-memory", "0x50000000:256M", "--direct-map"),
    ("--memory", "512", "--vcpus", "1", "--extra", "console=ttyAMA0"),
    (*BOOT, "--imagebuilder", "--load-with", "load mmc 0:1"),
    (
        *("--efi", "--memory", "512", "--vcpus", "1", "--load", "kernel=Image"),
        *("--load", "dom0-kernel=0x51000000:Image", "--xen-bootargs", "console=dtuart"),
    ),
    ("--zephyr", "--memory", "512", "--vcpus", "1", "--kernel", "Image", "--extra", "a b"),
    ("--sci", "scmi_smc", "--xen", "4.22"),
    ("--sci", "scmi_smc_multiagent", "--agent", "2", "--xen", "4.22"),
    ("--keep-host-supplies", "--keep-firmware", "--route", "xl"),
    ("--xen-flavour", "amd", "--memory-region", "map", "--iommu-policy", "trust"),
)
