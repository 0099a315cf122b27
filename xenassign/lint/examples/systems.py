"""Examples of XA0: the domains of one system."""

from __future__ import annotations

from xenassign.lint.examples import Example


def _system(board: str, *domains: str, end: str = "") -> str:
    """A xenassign.toml of domains a, b, … with what each has after its name."""
    text = f'host = "{board}.dtb"\n'
    for name, rest in zip("ab", domains, strict=False):
        text += f'\n[[domain]]\nname = "{name}"\n{rest}\n'
    return text + end


def _devices(*paths: str) -> str:
    return f"device = [{', '.join(f'{path!r}' for path in paths)}]".replace("'", '"')


_ZCU102, _RK3588, _JUNO, _TRICKY = "zynqmp-zcu102", "rk3588-like", "juno-like", "tricky"
_NET, _UART = _devices("ethernet0"), _devices("serial@ff010000")
_TRUST = 'iommu-policy = "trust"\n'
_SCMI = 'sci = "scmi_smc"\n'
_ALLOW = """
[[allow]]
code = "XA003"
nodes = ["pwm@fd8b0000", "pwm@fd8b0010"]
reason = "both domains are ours"
"""
_CLOCK = "xenassign generate qemu-virt-gicv3.dtb -d pl031@9010000 -o out"
_LATER = _TRUST + 'attach-overlay = true\nmemory-region = "drop"\n'


def _attach(right: str, wrong: str, note: str = "") -> Example:
    """Two command lines with --attach-overlay."""
    line = "xenassign generate {} -o out --attach-overlay"
    return Example("generate", right=line.format(right), wrong=line.format(wrong), note=note)


_BOTH_NET = _system(_ZCU102, _NET, _UART)

_BOOT = (
    f"xenassign generate {_ZCU102}.dtb -d ethernet0 --clock-rate ethernet0=125000000 --memory 512"
    " --vcpus 1 -o out --host-out host.dtb --chosen"
)


def _loads(kernel: str, dtb: str, more: str = "") -> str:
    """A boot with a kernel of 32 MiB."""
    return f"{_BOOT} --load kernel={kernel}:32M --load dtb={dtb}{more}"


EXAMPLES: dict[str, Example] = {
    "XA001": Example("system", right=_BOTH_NET, wrong=_system(_ZCU102, _NET, _NET)),
    "XA002": Example(
        "system",
        right=_system(_ZCU102, _devices("usb@ff9d0000"), _UART),
        wrong=_system(_ZCU102, _devices("usb@ff9d0000"), _devices("usb@fe200000")),
        note="usb@fe200000 is below usb@ff9d0000, and comes with it.",
    ),
    "XA003": Example(
        "system",
        right=_system(_RK3588, _devices("pwm@fd8b0000", "pwm@fd8b0010"), _devices("serial7")),
        wrong=_system(_RK3588, _devices("pwm@fd8b0000"), _devices("pwm@fd8b0010")),
        note="16 bytes of registers each, in one page.",
    ),
    "XA004": Example(
        "system",
        right=_system(_ZCU102, _devices("zynqmp-ipi", "power-management"), _UART),
        wrong=_system(_ZCU102, _devices("zynqmp-ipi"), _TRUST + _devices("power-management")),
        note="Both nodes state SPI 35.",
    ),
    "XA005": Example(
        "system",
        right=_system(_JUNO, _devices("usb@7ffb0000", "usb@7ffc0000"), _devices("serial1")),
        wrong=_system(_JUNO, _devices("usb@7ffb0000"), _devices("usb@7ffc0000")),
        note="Both are stream 0 of the same SMMU.",
    ),
    "XA006": Example(
        "system",
        right=_system(_RK3588, _devices("serial7"), _devices("pwm@fd8b0000", "pwm@fd8b0010")),
        wrong=_system(_RK3588, _devices("serial7"), _devices("clock-controller@fd7c0000")),
    ),
    "XA007": Example(
        "system",
        right=_system(_RK3588, _SCMI + _devices("rng@fe378000"), _devices("serial7")),
        wrong=_system(_RK3588, _SCMI + _devices("rng@fe378000"), _SCMI + _devices("serial7")),
        xen="4.21",
    ),
    "XA008": Example(
        "system",
        right=_system(_ZCU102, "memory = 1024\n" + _NET, "memory = 512\n" + _UART),
        wrong=_system(_ZCU102, "memory = 3000\n" + _NET, "memory = 3000\n" + _UART),
        note="The board's tree states 4096 MiB.",
    ),
    "XA009": Example(
        "system",
        right=_system(_RK3588, _devices("pwm@fd8b0000"), _devices("pwm@fd8b0010"), end=_ALLOW),
        wrong=_system(
            _RK3588, _devices("pwm@fd8b0000", "pwm@fd8b0010"), _devices("serial7"), end=_ALLOW
        ),
    ),
    "XA011": _attach(
        f"{_ZCU102}.dtb -d ethernet0 --xen 4.20", f"{_ZCU102}.dtb -d ethernet0 --xen 4.18"
    ),
    "XA012": Example(
        "generate",
        right=f"xenassign generate {_ZCU102}.dtb -d ethernet0 -o out",
        wrong=f"xenassign generate {_ZCU102}.dtb -d ethernet0 -o out --attach-overlay",
        note="It is no mistake to ask for the overlay: the note says what Xen needs for it.",
    ),
    "XA013": _attach(
        f"{_ZCU102}.dtb -d usb@fe200000",
        f"{_ZCU102}.dtb -d usb@ff9d0000",
        "usb@fe200000, with the interrupts, is below usb@ff9d0000.",
    ),
    "XA014": Example(
        "system",
        right=_system(_TRICKY, _LATER + _devices("dev@79040000", "provider@79000000")),
        wrong=_system(
            _TRICKY, _LATER + _devices("dev@79040000"), _LATER + _devices("provider@79000000")
        ),
        note="dev@79040000 has its PHY from provider@79000000.",
    ),
    "XA015": _attach(
        "qemu-virt-gicv3.dtb -d /pl031@9010000 --xen 4.20",
        "qemu-virt-gicv3.dtb -d /pl031@9010000 --xen 4.19",
    ),
    "XA016": _attach(
        f"{_ZCU102}.dtb -d ethernet0 --route xl", f"{_ZCU102}.dtb -d ethernet0 --route dom0less"
    ),
    "XA017": _attach(
        f"{_TRICKY}.dtb -d /dev@79030000 --iommu-policy trust",
        f"{_TRICKY}.dtb -d /alt@71000000/spi@0 --iommu-policy trust",
        "A disabled node beside spi@0 has the same interrupt.",
    ),
    "XA018": Example(
        "generate",
        right=f"xenassign generate {_JUNO}.dtb -d hdlcd@7ff60000 -o out",
        wrong=f"xenassign generate {_JUNO}.dtb -d hdlcd@7ff60000 -o out --attach-overlay",
        note="The SMMU before hdlcd@7ff60000 names it in mmu-masters.",
    ),
    "XA021": Example(
        "shell",
        right="xenassign generate rev2.dtb -d serial1 --lock rev1.lock -o out",
        wrong="xenassign generate rev2.dtb -d serial1 --lock rev1.lock --locked -o out",
        note="On the board's second revision the device has another address.",
    ),
    "XA022": Example(
        "generate",
        right="xenassign generate juno-like.dtb --host zynqmp-zcu102.dtb -d serial1"
        " --xen-console none -o out --per-host",
        wrong="xenassign generate juno-like.dtb --host zynqmp-zcu102.dtb -d serial1"
        " --xen-console none -o out",
        note="The alias is a UART on both boards, of other kinds and at other addresses.",
    ),
    "XA023": Example(
        "generate",
        right=_loads("0x60000000", "0x62000000"),
        wrong=_loads("0x60000000", "0x61f00000"),
        note="The kernel's 32 MiB end at 0x62000000.",
    ),
    "XA024": Example(
        "generate",
        right=_loads("0x60000000", "0x62000000"),
        wrong=_loads("0x3e000000", "0x62000000"),
        note="The board reserves 0x3ed00000-0x3ed40000 for a remote processor.",
    ),
    "XA025": Example(
        "generate",
        right=_loads("0x60000000", "0x62000000"),
        wrong=_loads("0x60000000", "0x90000000"),
        note="The board's memory ends at 0x80000000, and goes on at 0x800000000.",
    ),
    "XA026": Example(
        "generate",
        right=_loads("0x60000000", "0x62000000", " --load xen=0x64000000:1M"),
        wrong=_loads("0x60000000", "0x62000000", " --load xen=0x64100000:1M"),
    ),
    "XA031": Example(
        "generate",
        right=f"{_CLOCK} --imagebuilder --kernel Image --extra 'console=ttyAMA0 init=/bin/sh'",
        wrong=f"{_CLOCK} --imagebuilder --kernel Image --extra 'console=ttyAMA0 init=$INIT'",
    ),
    "XA032": Example(
        "generate",
        right=f"{_CLOCK} --imagebuilder --kernel Image",
        wrong=f"{_CLOCK} --imagebuilder",
    ),
    "XA033": Example(
        "generate",
        right=f"{_CLOCK} --imagebuilder --kernel Image --route dom0less",
        wrong=f"{_CLOCK} --imagebuilder --kernel Image --route xl",
    ),
    "XA034": Example(
        "shell",
        right="""echo 'APPEND_EXTRA_CMDS="imagebuilder.cmds"' >>my.cfg""",
        wrong="""echo 'APPEND_EXTRA_CMDS="mine.cmds"' >>my.cfg""",
        note="Then xenassign generate … --no-vpl011 --imagebuilder-base my.cfg.",
    ),
    "XA035": Example(
        "shell",
        right="echo NUM_DOMUS=2 >>my.cfg",
        wrong="echo NUM_DOMUS=12 >>my.cfg",
        note="Then xenassign generate … --imagebuilder-base my.cfg.",
    ),
    "XA036": Example(
        "shell",
        right="echo LOPPER_PATH= >>my.cfg",
        wrong="echo LOPPER_PATH=/opt/lopper/lopper.py >>my.cfg",
        note="Then xenassign generate … --imagebuilder-base my.cfg.",
    ),
}
