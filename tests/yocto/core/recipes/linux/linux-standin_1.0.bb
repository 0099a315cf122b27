# A kernel that deploys a board's tree, without the vendor's folder as kernel-devicetree does.
PROVIDES += "virtual/kernel"
KERNEL_TREES ??= ""
FILESPATH = "${TOPDIR}/trees"
SRC_URI = "${@' '.join('file://' + os.path.basename(n) for n in (d.getVar('KERNEL_DEVICETREE') or '').split())}"
S = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}"
B = "${WORKDIR}/build"
inherit deploy
do_deploy() {
    for name in ${KERNEL_DEVICETREE}; do
        install -m 0644 "${S}/$(basename $name)" "${DEPLOYDIR}/"
    done
}
addtask deploy after do_unpack before do_build
