"""The agents of the SCMI firmware in the host's tree: what Xen reads, for all domains."""

#: Names of the files, which are of the whole system.
OVERLAY, SOURCE = "scmi-agents.host.dtbo", "scmi-agents.host.dtso"
NAMES = (OVERLAY, SOURCE)
