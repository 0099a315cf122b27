# SPDX-License-Identifier: Apache-2.0
SUMMARY = "The device tree of QEMU's virt board, as Xen gets it"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

inherit deploy nopackages

S = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}"
B = "${WORKDIR}/build"

INHIBIT_DEFAULT_DEPS = "1"
DEPENDS = "qemu-system-native dtc-native"
PACKAGE_ARCH = "${MACHINE_ARCH}"
COMPATIBLE_MACHINE = "^qemuarm64$"

# What runqemu gives QEMU: QB_MACHINE, QB_CPU, QB_SMP and QB_MEM of your image. Xen needs
# virtualization=on.
XENASSIGN_QEMU_OPTIONS ??= "-machine virt,virtualization=on,gic-version=3 -cpu cortex-a57 -smp 4 -m 4096"

do_configure[noexec] = "1"

# The seeds for the kernel's chance are new with every run of QEMU. What is deleted leaves bytes
# behind the end, which dtc does not copy.
do_compile() {
    rm -f "${B}/dumped.dtb"
    qemu-system-aarch64 ${XENASSIGN_QEMU_OPTIONS} -nodefaults -display none -machine dumpdtb="${B}/dumped.dtb"
    for xa_seed in kaslr-seed rng-seed; do
        if fdtget "${B}/dumped.dtb" /chosen $xa_seed > /dev/null 2>&1; then
            fdtput -d "${B}/dumped.dtb" /chosen $xa_seed
        fi
    done
    dtc -q -I dtb -O dtb -o "${B}/qemuarm64-xen.dtb" "${B}/dumped.dtb"
}
do_compile[dirs] = "${B}"

do_install[noexec] = "1"

do_deploy() {
    install -m 0644 "${B}/qemuarm64-xen.dtb" "${DEPLOYDIR}/qemuarm64-xen.dtb"
}
addtask deploy after do_compile before do_build
