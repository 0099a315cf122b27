# SPDX-License-Identifier: Apache-2.0
#
# Installs packages of Python files as they lie in the source.
#
# kirkstone has no hatchling, and a setuptools that cannot read the metadata of pyproject.toml. A
# package of Python files needs neither: it is copied, on every release alike.
#
#   XENASSIGN_PYTHON          folders of S that become packages
#   XENASSIGN_PYTHON_NAME     the distribution's name, for importlib.metadata and pip

inherit python3native

XENASSIGN_PYTHON_NAME ??= "${BPN}"

# Target and SDK bring their own interpreter; python3native says it for native.
DEPENDS:append:class-target = " python3"
DEPENDS:append:class-nativesdk = " python3"
RDEPENDS:${PN}:append:class-target = " python3-core"
RDEPENDS:${PN}:append:class-nativesdk = " python3-core"
FILES:${PN} += "${libdir}"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

xenassign_python_do_install() {
    xa_site="${D}${PYTHON_SITEPACKAGES_DIR}"
    xa_info="$xa_site/${XENASSIGN_PYTHON_NAME}-${PV}.dist-info"
    install -d "$xa_site" "$xa_info"
    for xa_package in ${XENASSIGN_PYTHON}; do
        cp -R "${S}/$xa_package" "$xa_site/"
    done
    printf 'Metadata-Version: 2.1\nName: %s\nVersion: %s\n' \
        "${XENASSIGN_PYTHON_NAME}" "${PV}" > "$xa_info/METADATA"
    xenassign_python_tidy
}

# What must not depend on the builder: compiled files, and the modes of the checkout.
xenassign_python_tidy() {
    find "${D}${PYTHON_SITEPACKAGES_DIR}" -name __pycache__ -prune -exec rm -rf {} +
    chmod -R u=rwX,go=rX "${D}${PYTHON_SITEPACKAGES_DIR}"
}

EXPORT_FUNCTIONS do_install
