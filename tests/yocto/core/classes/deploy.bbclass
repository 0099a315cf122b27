# In openembedded-core the shared state cache brings DEPLOYDIR to DEPLOY_DIR_IMAGE.
DEPLOYDIR = "${WORKDIR}/deploy-${PN}"
do_deploy[dirs] = "${DEPLOYDIR} ${B}"
do_deploy[cleandirs] = "${DEPLOYDIR}"
do_deploy[postfuncs] += "standin_publish"
do_deploy[vardepsexclude] += "standin_publish"
standin_publish() {
    install -d "${DEPLOY_DIR_IMAGE}"
    cp -R "${DEPLOYDIR}/." "${DEPLOY_DIR_IMAGE}/"
}
