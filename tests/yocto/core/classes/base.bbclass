# Tasks and messages as openembedded-core's base and logging have them; written for these tests.
# BitBake reads this pipe: a word and the text, ended by a NUL; %b is why backslashes count.
LOGFIFO = "${T}/fifo.${@os.getpid()}"
standin_tell() {
    standin_kind="$1" standin_word="$2"
    shift 2
    if [ -p "${LOGFIFO}" ]; then
        printf '%b\0' "$standin_kind $*" > "${LOGFIFO}"
    else
        echo "$standin_word$*"
    fi
}
bbplain() {
    standin_tell bbplain "" "$@"
}
bbnote() {
    standin_tell bbnote "NOTE: " "$@"
}
bbwarn() {
    standin_tell bbwarn "WARNING: " "$@"
}
bberror() {
    standin_tell bberror "ERROR: " "$@"
}
bbfatal() {
    standin_tell bbfatal "ERROR: " "$@"
    exit 1
}

addtask fetch
do_fetch[file-checksums] = "${@bb.fetch.get_checksum_file_list(d)}"
do_fetch[network] = "1"
python do_fetch() {
    bb.fetch2.Fetch((d.getVar("SRC_URI") or "").split(), d).download()
}

addtask unpack after do_fetch
do_unpack[cleandirs] = "${@d.getVar('UNPACKDIR') or ''}"
do_unpack[dirs] = "${WORKDIR}"
python do_unpack() {
    root = d.getVar("UNPACKDIR") or d.getVar("WORKDIR")
    bb.fetch2.Fetch((d.getVar("SRC_URI") or "").split(), d).unpack(root)
}

addtask patch after do_unpack
do_patch() {
    :
}

addtask prepare_recipe_sysroot after do_fetch before do_configure
do_prepare_recipe_sysroot[deptask] = "do_populate_sysroot"
do_prepare_recipe_sysroot() {
    :
}

addtask configure after do_patch
do_configure() {
    :
}

addtask compile after do_configure
do_compile() {
    :
}

addtask install after do_compile
do_install[dirs] = "${B}"
do_install[cleandirs] = "${D}"
do_install[postfuncs] += "standin_packages"
base_do_install() {
    :
}

# For the image of these tests.
standin_packages() {
    install -d "${TMPDIR}/packages/${PN}"
    cp -R "${D}/." "${TMPDIR}/packages/${PN}/"
}

addtask populate_sysroot after do_install
do_populate_sysroot() {
    :
}

addtask build after do_populate_sysroot
do_build[nostamp] = "1"
do_build() {
    :
}

python () {
    import re
    for variable, word in (("COMPATIBLE_MACHINE", "MACHINE"), ("COMPATIBLE_HOST", "HOST_SYS")):
        wanted = d.getVar(variable)
        if wanted and not re.match(wanted, d.getVar(word)):
            raise bb.parse.SkipRecipe("incompatible with %s" % d.getVar(word))
}

# Of PACKAGECONFIG[name] = "enable,disable,depends,rdepends" only the last field.
python () {
    for name in (d.getVar("PACKAGECONFIG") or "").split():
        fields = (d.getVarFlag("PACKAGECONFIG", name) or "").split(",")
        d.appendVar("RDEPENDS:" + d.getVar("PN"), " " + (fields + [""] * 4)[3])
}

EXPORT_FUNCTIONS do_install
