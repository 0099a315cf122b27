# SPDX-License-Identifier: Apache-2.0
#
# One recipe, one system: the files that give devices of this machine's board to guests of Xen.
#
#   XENASSIGN_CONFIG        a xenassign.toml of SRC_URI; or, for one domain without such a file:
#   XENASSIGN_DEVICES       devices by path, alias, label or unique suffix
#   XENASSIGN_NAME          its name (domu1), and what xenassign.toml would say of it:
#   XENASSIGN_MEMORY        MiB
#   XENASSIGN_VCPUS
#   XENASSIGN_XEN           the release of Xen, as 4.20
#   XENASSIGN_ROUTES        xl, dom0less, or nothing for both
#   XENASSIGN_DOMAINS       only the files of these domains of XENASSIGN_CONFIG
#   XENASSIGN_EXTRA         more options of `xenassign generate`, with a shell's quotes
#
#   XENASSIGN_HOST          the board's device tree: by default the first .dtb of KERNEL_DEVICETREE
#                           in DEPLOY_DIR_IMAGE. A name without "/" in front is a file of SRC_URI.
#                           Several: revisions of the board. Empty: `host` of XENASSIGN_CONFIG.
#   XENASSIGN_HOST_DEPENDS  the task that puts it there, as virtual/kernel:do_deploy
#   XENASSIGN_HOST_OUT      deploy the board's device tree with the marks in it, by this name
#
#   XENASSIGN_LOCK          the lock: that of XENASSIGN_CONFIG, where SRC_URI has it
#   XENASSIGN_LOCKED        1: fail where a decision is not that of the lock
#
#   XENASSIGN_LINT          hand-written partial device trees and xl configurations of SRC_URI
#   XENASSIGN_LINT_EXTRA    more options of `xenassign lint`
#
#   XENASSIGN_DEPLOYSUBDIR  where in DEPLOY_DIR_IMAGE everything goes: a folder of the recipe's name
#   XENASSIGN_INSTALL       what of it the package holds, and where: *.cfg and *.dtb in
#   XENASSIGN_INSTALLDIR    ${sysconfdir}/xen
#   XENASSIGN_FILES         names in S that the task works with: the files of SRC_URI
#
# Errors, warnings and notes of xenassign are BitBake's, with file and line. See docs/yocto.md.

inherit deploy python3native

XENASSIGN_CONFIG ??= ""
XENASSIGN_DEVICES ??= ""
XENASSIGN_NAME ??= "domu1"
XENASSIGN_MEMORY ??= ""
XENASSIGN_VCPUS ??= ""
XENASSIGN_XEN ??= ""
XENASSIGN_ROUTES ??= ""
XENASSIGN_DOMAINS ??= ""
XENASSIGN_EXTRA ??= ""
XENASSIGN_HOST ??= "${@xenassign_kernel_tree(d)}"
XENASSIGN_HOST_DEPENDS ??= "${@xenassign_kernel_task(d)}"
XENASSIGN_HOST_OUT ??= ""
XENASSIGN_LOCK ??= "${@xenassign_lock(d)}"
XENASSIGN_LOCKED ??= ""
XENASSIGN_LINT ??= ""
XENASSIGN_LINT_EXTRA ??= ""
XENASSIGN_DEPLOYSUBDIR ??= "${PN}"
XENASSIGN_INSTALL ??= "*.cfg *.dtb"
XENASSIGN_INSTALLDIR ??= "${sysconfdir}/xen"
XENASSIGN_FILES ??= "${@xenassign_files(d)}"

# Nothing is compiled: the host's tools will do. Which devices there are is a matter of the machine.
INHIBIT_DEFAULT_DEPS = "1"
DEPENDS:append = " python3-xenassign-native"
PACKAGE_ARCH = "${MACHINE_ARCH}"
COMPATIBLE_HOST ?= "(aarch64|arm).*-linux.*"

S = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}"
B = "${WORKDIR}/build"

FILES:${PN} = "${XENASSIGN_INSTALLDIR}"
# A recipe that only lints has nothing to install.
ALLOW_EMPTY:${PN} = "1"


def xenassign_kernel_tree(d):
    """Where the kernel deploys the first .dtb of KERNEL_DEVICETREE: without the vendor's folder."""
    for name in (d.getVar("KERNEL_DEVICETREE") or "").split():
        if name.endswith(".dtb"):
            return os.path.join(d.getVar("DEPLOY_DIR_IMAGE"), os.path.basename(name))
    return ""


def xenassign_is_deployed(name, d):
    return name.startswith(d.getVar("DEPLOY_DIR_IMAGE") + "/")


def xenassign_kernel_task(d):
    """The kernel's task, where a tree of DEPLOY_DIR_IMAGE is wanted."""
    hosts = (d.getVar("XENASSIGN_HOST") or "").split()
    deployed = any(xenassign_is_deployed(name, d) for name in hosts)
    return "virtual/kernel:do_deploy" if deployed else ""


def xenassign_own_trees(d):
    """[file-checksums] of trees somewhere on the machine; those deployed are not there yet."""
    hosts = (d.getVar("XENASSIGN_HOST") or "").split()
    own = (n for n in hosts if n.startswith("/") and not xenassign_is_deployed(n, d))
    return " ".join("%s:True" % name for name in own)


def xenassign_lock(d):
    config = d.getVar("XENASSIGN_CONFIG") or ""
    return os.path.splitext(config)[0] + ".lock" if config else ""


def xenassign_files(d):
    """The top names that the files of SRC_URI are unpacked to."""
    names = {}
    for uri in (d.getVar("SRC_URI") or "").split():
        kind, host, path, user, password, options = bb.fetch2.decodeurl(uri)
        if kind == "file":
            below = os.path.basename(path) if path.startswith("/") else path
            name = os.path.normpath(os.path.join(options.get("subdir", ""), below))
            names[name.split("/")[0]] = True
    return " ".join(names)


do_configure[noexec] = "1"
do_compile[noexec] = "1"

addtask xenassign after do_unpack do_patch do_prepare_recipe_sysroot before do_install do_deploy
do_xenassign[depends] += "${XENASSIGN_HOST_DEPENDS}"
do_xenassign[file-checksums] += "${@xenassign_own_trees(d)}"
do_xenassign[cleandirs] = "${B}"
do_xenassign[dirs] = "${B}/work"

# The work is done in a folder of copies, by relative names: no path of the build gets into files
# or messages, and nothing is written beside the source, not even a lock.
do_xenassign() {
    set -f
    export XDG_CACHE_HOME="${B}/cache"
    export PYTHONDONTWRITEBYTECODE=1
    mkdir -p "${B}/work" "${B}/out" "${B}/host"
    cd "${B}/work"
    for xa_name in ${XENASSIGN_FILES}; do
        cp -RL "${S}/$xa_name" .
    done
    : > ../told
    xa_hosts=""
    for xa_host in ${XENASSIGN_HOST}; do
        xenassign_fetch_host "$xa_host"
    done
    xa_status=0
    if [ -n "${XENASSIGN_CONFIG}${XENASSIGN_DEVICES}" ]; then
        xenassign_generate || xa_status=$?
    elif [ -z "${XENASSIGN_LINT}" ]; then
        bbfatal "nothing to do: set XENASSIGN_CONFIG, XENASSIGN_DEVICES or XENASSIGN_LINT"
    fi
    if [ "$xa_status" = 0 ] && [ -n "${XENASSIGN_LINT}" ]; then
        xenassign_lint || xa_status=$?
    fi
    xenassign_tell
    if [ "$xa_status" != 0 ]; then
        rm -rf "${B}/out" "${B}/host"
        bbfatal "xenassign says no (status $xa_status), for the reasons above; nothing is deployed"
    fi
    set +f
}

# Puts the tree into the work folder and into xa_hosts, by its base name.
xenassign_fetch_host() {
    xa_base="$1"
    case "$1" in
    /*)
        xa_base="$(basename "$1")"
        if [ ! -f "$1" ]; then
            bbfatal "$xa_base: the board's tree is not there; is it what the task of XENASSIGN_HOST_DEPENDS (now: ${XENASSIGN_HOST_DEPENDS}) makes?"
        fi
        if [ -e "$xa_base" ]; then
            bbfatal "$xa_base: XENASSIGN_HOST and another file have this name; rename one"
        fi
        cp -L "$1" "$xa_base"
        ;;
    esac
    xa_hosts="$xa_hosts $xa_base"
}

xenassign_generate() {
    set --
    if [ -n "${XENASSIGN_CONFIG}" ]; then
        if [ -n "${XENASSIGN_DEVICES}" ]; then
            bbfatal "XENASSIGN_CONFIG and XENASSIGN_DEVICES are both set; put the devices into ${XENASSIGN_CONFIG}"
        fi
        set -- -c "${XENASSIGN_CONFIG}"
    else
        if [ -z "$xa_hosts" ]; then
            bbfatal "XENASSIGN_HOST is empty: this machine has no KERNEL_DEVICETREE; name the board's .dtb"
        fi
        set -- --name "${XENASSIGN_NAME}" --device-tree-path "${XENASSIGN_INSTALLDIR}/${XENASSIGN_NAME}.dtb"
        for xa_word in ${XENASSIGN_DEVICES}; do
            set -- "$@" -d "$xa_word"
        done
    fi
    [ -z "${XENASSIGN_MEMORY}" ] || set -- "$@" --memory "${XENASSIGN_MEMORY}"
    [ -z "${XENASSIGN_VCPUS}" ] || set -- "$@" --vcpus "${XENASSIGN_VCPUS}"
    [ -z "${XENASSIGN_XEN}" ] || set -- "$@" --xen "${XENASSIGN_XEN}"
    for xa_word in ${XENASSIGN_ROUTES}; do
        set -- "$@" --route "$xa_word"
    done
    [ -z "${XENASSIGN_LOCK}" ] || set -- "$@" --lock "${XENASSIGN_LOCK}"
    [ "${XENASSIGN_LOCKED}" != 1 ] || set -- "$@" --locked
    xa_more=""
    for xa_word in $xa_hosts; do
        set -- "$@" $xa_more "$xa_word"
        xa_more="--host"
    done
    [ -z "${XENASSIGN_HOST_OUT}" ] || set -- "$@" --host-out "../host/${XENASSIGN_HOST_OUT}"
    for xa_word in ${XENASSIGN_DOMAINS}; do
        xenassign_run "$@" --name "$xa_word" -o ../out || return
    done
    if [ -z "${XENASSIGN_DOMAINS}" ]; then
        xenassign_run "$@" -o ../out || return
    elif [ -n "${XENASSIGN_HOST_OUT}" ]; then
        # The board is marked for all domains, whichever files are wanted.
        xenassign_run "$@" -o ../all || return
    fi
    if [ -n "${XENASSIGN_LOCK}" ]; then
        cp "${XENASSIGN_LOCK}" ../out/
    fi
}

xenassign_run() {
    xenassign generate "$@" -v ${XENASSIGN_EXTRA} --overwrite 2>> ../told
}

xenassign_lint() {
    set -- ${XENASSIGN_LINT}
    [ -z "${XENASSIGN_XEN}" ] || set -- "$@" --xen "${XENASSIGN_XEN}"
    for xa_word in ${XENASSIGN_ROUTES}; do
        set -- "$@" --route "$xa_word"
    done
    [ -z "${XENASSIGN_CONFIG}" ] || set -- "$@" --config "${XENASSIGN_CONFIG}"
    xa_worst=0
    for xa_word in $xa_hosts; do
        xenassign lint "$@" --host "$xa_word" ${XENASSIGN_LINT_EXTRA} >> ../told 2>&1 || xa_worst=$?
    done
    if [ -z "$xa_hosts" ]; then
        xenassign lint "$@" ${XENASSIGN_LINT_EXTRA} >> ../told 2>&1 || xa_worst=$?
    fi
    return $xa_worst
}

# Each line of xenassign once, as BitBake's own. bbwarn and its like read backslashes as printf's %b.
xenassign_tell() {
    awk '!/^(error|warning|note): / || !(seen[$0]++)' ../told | sed 's/\\/\\\\/g' > ../lines
    while IFS= read -r xa_line; do
        case "$xa_line" in
        "error: "*) bberror "${xa_line#error: }" ;;
        "warning: "*) bbwarn "${xa_line#warning: }" ;;
        "note: "*) bbnote "${xa_line#note: }" ;;
        *) bbnote "$xa_line" ;;
        esac
    done < ../lines
}

# This and do_deploy may run at the same time.
do_install() {
    install -d "${D}${XENASSIGN_INSTALLDIR}"
    cd "${B}/out"
    set -f
    for xa_pattern in ${XENASSIGN_INSTALL}; do
        find . -type f -name "$xa_pattern" > ../to-install
        while IFS= read -r xa_file; do
            install -D -m 0644 "$xa_file" "${D}${XENASSIGN_INSTALLDIR}/$xa_file"
        done < ../to-install
    done
    set +f
}

do_deploy() {
    for xa_folder in out host; do
        cd "${B}/$xa_folder"
        find . -type f > ../to-deploy
        while IFS= read -r xa_file; do
            install -D -m 0644 "$xa_file" "${DEPLOYDIR}/${XENASSIGN_DEPLOYSUBDIR}/$xa_file"
        done < ../to-deploy
    done
}
addtask deploy after do_xenassign before do_build
