# Collects what packages install, and says nothing of the rest.
IMAGE_INSTALL = ""
IMAGE_ROOTFS = "${WORKDIR}/rootfs"
SRC_URI = ""
addtask rootfs
do_rootfs[cleandirs] = "${IMAGE_ROOTFS}"
do_rootfs[depends] += "${@' '.join(name + ':do_install' for name in d.getVar('IMAGE_INSTALL').split())}"
do_rootfs() {
    for name in ${IMAGE_INSTALL}; do
        cp -R "${TMPDIR}/packages/$name/." "${IMAGE_ROOTFS}/"
    done
}
addtask image_complete after do_rootfs before do_build
do_image_complete() {
    :
}
