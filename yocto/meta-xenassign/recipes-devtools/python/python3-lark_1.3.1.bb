# SPDX-License-Identifier: Apache-2.0
SUMMARY = "A modern parsing library for Python"
HOMEPAGE = "https://github.com/lark-parser/lark"
SECTION = "devel/python"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSE;md5=ba5edf8d60cf416b5588b1e6f152fcef"

SRC_URI[sha256sum] = "b426a7a6d6d53189d318f2b6236ab5d6429eaf09259f1ca33eb716eed10d2905"

PYPI_PACKAGE = "lark"

inherit pypi xenassign_python

XENASSIGN_PYTHON = "lark"
XENASSIGN_PYTHON_NAME = "lark"

RDEPENDS:${PN} += "python3-io python3-logging python3-pickle python3-stringold python3-unixadmin"

BBCLASSEXTEND = "native nativesdk"
