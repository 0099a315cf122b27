# SPDX-License-Identifier: Apache-2.0
SUMMARY = "Device assignment on Xen on Arm made simple"
DESCRIPTION = "Writes the partial device tree, the xl configuration, the marks of the host's tree \
and the dom0less node that give devices of a board to a guest of Xen, and checks those made by hand."
SECTION = "devel/python"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

# The source is the very tree that this layer lies in; what is in it counts for the hash of the
# task. Who copies the layer alone puts a git URI here, or sets XENASSIGN_SOURCE to a checkout.
XENASSIGN_SOURCE ?= "${THISDIR}/../../../.."
FILESEXTRAPATHS:prepend := "${XENASSIGN_SOURCE}:"
SRC_URI = "file://xenassign file://grammar file://knowledge file://templates file://completions file://docs/rules file://man file://LICENSE"

# Releases from styhead on unpack into UNPACKDIR, and refuse WORKDIR as S.
S = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}"

inherit xenassign_python

XENASSIGN_PYTHON = "xenassign"
XENASSIGN_PYTHON_NAME = "xenassign"
XENASSIGN_INTERPRETER = "python3"
XENASSIGN_INTERPRETER:class-native = "nativepython3"

# What hatchling does for the wheel: package data, the entry point, manual and completion.
do_install:append() {
    for xa_data in grammar knowledge templates completions; do
        cp -R "${S}/$xa_data" "${D}${PYTHON_SITEPACKAGES_DIR}/xenassign/"
    done
    install -d "${D}${PYTHON_SITEPACKAGES_DIR}/xenassign/docs"
    cp -R "${S}/docs/rules" "${D}${PYTHON_SITEPACKAGES_DIR}/xenassign/docs/"
    xenassign_python_tidy
    install -d "${D}${bindir}"
    printf '#!/usr/bin/env %s\nfrom xenassign.cli import main\n\nmain()\n' \
        "${XENASSIGN_INTERPRETER}" > "${D}${bindir}/xenassign"
    chmod 0755 "${D}${bindir}/xenassign"
    install -d "${D}${mandir}/man1"
    install -m 0644 "${S}"/man/*.1 "${D}${mandir}/man1/"
    xa_from="${S}/completions"
    install -D -m 0644 "$xa_from/xenassign.bash" "${D}${datadir}/bash-completion/completions/xenassign"
    install -D -m 0644 "$xa_from/_xenassign" "${D}${datadir}/zsh/site-functions/_xenassign"
    install -D -m 0644 "$xa_from/xenassign.fish" "${D}${datadir}/fish/vendor_completions.d/xenassign.fish"
}

FILES:${PN} += "${datadir}/bash-completion ${datadir}/zsh ${datadir}/fish"

# kirkstone, whose Python is 3.10: tomllib is not Python's yet, and there is no python3-rich, which
# draws the tables of `inspect` and `plan`. What is recommended must exist, too.
XENASSIGN_TOML = "${@'python3-tomli' if d.getVar('PYTHON_BASEVERSION') == '3.10' else 'python3-tomllib'}"
XENASSIGN_TOML:class-native = "${@'python3-tomli' if d.getVar('PYTHON_BASEVERSION') == '3.10' else ''}"
XENASSIGN_TABLES = "${@'' if d.getVar('PYTHON_BASEVERSION') == '3.10' else 'python3-rich'}"

RDEPENDS:${PN} += "python3-click python3-jinja2 python3-lark ${XENASSIGN_TOML}"
XENASSIGN_STDLIB = "python3-crypt python3-difflib python3-fcntl python3-io python3-json python3-numbers python3-resource python3-shell python3-threading"
RDEPENDS:${PN}:append:class-target = " ${XENASSIGN_STDLIB}"
RDEPENDS:${PN}:append:class-nativesdk = " ${XENASSIGN_STDLIB}"
# The class needs no tables, and not every release has python3-rich for the build and the SDK.
RRECOMMENDS:${PN}:append:class-target = " ${XENASSIGN_TABLES}"

# "domains" in it: `init --from-domains`, which reads YAML.
PACKAGECONFIG ??= ""
PACKAGECONFIG[domains] = ",,,python3-ruamel-yaml"

BBCLASSEXTEND = "native nativesdk"
