"""Examples of XA1: the device, the blob and its form."""

from __future__ import annotations

from xenassign.lint.examples import Example

_QEMU = "xenassign generate qemu-virt-gicv3.dtb -d pl031@9010000"
_RK3588 = "xenassign generate rk3588-like.dtb"
_ZCU102 = "xenassign generate zynqmp-zcu102.dtb"
_BOARD = "xenassign generate board.dtb"
_LIVE = "xenassign generate /proc/device-tree"
_MANY = "xenassign generate qemu-virt-gicv3.dtb -d 'virtio_mmio@*'"

EXAMPLES: dict[str, Example] = {
    "XA101": Example(
        "generate",
        right=f"{_ZCU102} -d ethernet@ff0e0000 -o out",
        wrong=f"{_ZCU102} -d ethernet-phy@c -o out",
        note="A PHY is a child of the Ethernet controller, reached over its MDIO bus.",
    ),
    "XA102": Example(
        "generate",
        right=f"{_QEMU} -o out",
        wrong=f"{_QEMU} -d pl011@9000000 -o out",
        note="pl011@9000000 is the UART of stdout-path, which Xen uses.",
    ),
    "XA103": Example(
        "board",
        right='compatible = "arm,pl031", "arm,primecell";',
        wrong='compatible = "arm,pl031", "arm,primecell";\n\t\t\tstatus = "disabled";',
        options=("-d", "rtc@10000"),
        note="The node is that of rtc@10000.",
    ),
    "XA104": Example(
        "generate",
        right=f"{_QEMU} --memory 512 -o out",
        wrong=f"{_QEMU} -d memory@40000000 -o out",
    ),
    "XA105": Example(
        "generate",
        right=f"{_ZCU102} -d usb@ff9e0000 -d usb@fe300000 -o out",
        wrong=f"{_ZCU102} -d usb@ff9e0000 -o out",
        note='usb@fe300000 stands below usb@ff9e0000, and has status = "disabled".',
    ),
    "XA106": Example(
        "board",
        right="reg = <0x10000 0x1000>;",
        wrong="reg = <0x10000 0x1000>, <0x200000 0x1000>;",
        options=("-d", "rtc@10000"),
        note="The bus above has ranges for 1 MiB only.",
    ),
    "XA107": Example(
        "board",
        right="interrupts = <0 68 4>;",
        wrong="interrupts = <0 68 4>;\n\t\t\tcd-gpios = <&gpio 5 1>;",
        options=("-d", "gpio@20000"),
        note="The node is that of mmc@40000, which stays with the host.",
    ),
    "XA108": Example(
        "protected-config",
        right="vcpus = 1",
        wrong="vcpus = 9",
        host=True,
        note="The ZCU102 has a GICv2.",
    ),
    "XA109": Example(
        "generate",
        right=f"{_QEMU} -o out",
        wrong=f"{_QEMU} -d its@8080000 -o out",
    ),
    "XA110": Example(
        "generate",
        right=f"{_RK3588} -d syscon@fd5d8000 -o out",
        wrong=f"{_RK3588} -d usb2phy@8000 -o out",
        note="usb2phy@8000 is a block inside of syscon@fd5d8000, which has no ranges.",
    ),
    "XA111": Example(
        "shell",
        right=f"{_BOARD} -d rtc@10000 --route xl -o out",
        wrong=f"{_LIVE} -d rtc@10000 -o out",
        note="In dom0, where /proc/device-tree is the tree that Xen made.",
    ),
    "XA112": Example(
        "shell",
        right=f"{_BOARD} -d ethernet@30000 --route xl -o out",
        wrong=f"{_LIVE} -d ethernet@30000 -o out",
        note="In dom0. An SMMU that Xen drives stands before the device.",
    ),
    "XA113": Example(
        "shell",
        right=f"{_BOARD} -d rtc@10000 --route xl -o out",
        wrong=f"{_LIVE} -d rtc@10000 -o out",
        note="In dom0. rtc@10000 was marked when Xen booted.",
    ),
    "XA114": Example(
        "shell",
        right=f"{_LIVE} -d rtc@10000 -o out",
        wrong=f"{_LIVE} -d gpio@20000 -o out",
        note="In dom0. rtc@10000 was marked when Xen booted, gpio@20000 was not.",
    ),
    "XA115": Example(
        "shell",
        right=f"{_LIVE} -d rtc@10000 -o out",
        wrong=f"{_LIVE} -d rtc@10000 --xen 4.17 -o out",
        note="In dom0, of Xen 4.20.",
    ),
    "XA116": Example(
        "shell",
        right=f"{_LIVE} -d rtc@10000 -o out",
        wrong=f"{_LIVE} -d rtc@10000 --route dom0less -o out",
        note="In dom0.",
    ),
    "XA117": Example(
        "shell",
        right="xenassign generate /sys/firmware/fdt -d ethernet@30000 -o out",
        wrong=f"{_LIVE} -d ethernet@30000 -o out",
        note="Without Xen, on a board that has an SMMUv2 and an SMMUv3.",
    ),
    "XA118": Example(
        "shell",
        right=f"{_LIVE} -d rtc@10000 -o out",
        wrong=f"{_LIVE} -d adc@70000 -o out",
        note="In dom0. adc@70000 has 0x200 bytes, and serial@70800 is Xen's console.",
    ),
    "XA121": Example(
        "shell",
        right="dtc -I dts -O dtb -o domu1.dtb domu1.dts",
        wrong="cp domu1.dts domu1.dtb",
    ),
    "XA122": Example(
        "generate",
        right=f"{_QEMU} --vcpus 4 -o out",
        wrong=f"{_QEMU} --vcpus 64 -o out",
    ),
    "XA123": Example(
        "generate",
        right=f"{_MANY} --iommu-policy trust --xen 4.18 -o out",
        wrong=f"{_MANY} --iommu-policy trust --xen 4.17 -o out",
        note="The 32 nodes do not fit into the 4096 bytes of Xen 4.17.",
    ),
}
