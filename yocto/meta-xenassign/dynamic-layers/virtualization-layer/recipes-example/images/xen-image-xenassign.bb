# SPDX-License-Identifier: Apache-2.0
require recipes-extended/images/xen-image-minimal.bb

SUMMARY = "Xen's minimal image with the example guest of meta-xenassign"
LICENSE = "Apache-2.0"

# /etc/xen/NAME.cfg and NAME.dtb; and the command, for the running board.
IMAGE_INSTALL:append = " xenassign-example python3-xenassign"

# The board's tree and the marks are in DEPLOY_DIR_IMAGE for the boot loader.
do_image_complete[depends] += "xenassign-example:do_deploy"
