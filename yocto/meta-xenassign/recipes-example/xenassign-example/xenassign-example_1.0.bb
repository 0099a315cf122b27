# SPDX-License-Identifier: Apache-2.0
SUMMARY = "An example: a guest of Xen with devices of the board"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

# files/MACHINE/xenassign.toml
SRC_URI = "file://xenassign.toml"

inherit xenassign

XENASSIGN_CONFIG = "xenassign.toml"
XENASSIGN_LOCK = ""

# QEMU makes its own tree, and the kernel has none for it.
XENASSIGN_HOST:qemuarm64 = "${DEPLOY_DIR_IMAGE}/qemuarm64-xen.dtb"
XENASSIGN_HOST_DEPENDS:qemuarm64 = "xenassign-qemu-host:do_deploy"

COMPATIBLE_MACHINE = "^(qemuarm64|zcu102-zynqmp)$"
