CLASSOVERRIDE = "class-native"
PACKAGE_ARCH = "x86_64"
python () {
    def native(name):
        return name if name.endswith("-native") or name.startswith("virtual/") else name + "-native"

    for variable in ("DEPENDS", "RDEPENDS:" + d.getVar("PN")):
        names = (d.getVar(variable) or "").replace("\n", " ").split()
        d.setVar(variable, " ".join(native(name) for name in names))
    d.appendVar("DEPENDS", " " + (d.getVar("RDEPENDS:" + d.getVar("PN")) or ""))
}
do_populate_sysroot() {
    install -d "${TMPDIR}/sysroot"
    cp -R "${D}/." "${TMPDIR}/sysroot/"
}
