"""Systems that other tools describe: the domains of a System Device Tree, and of a domains.yaml."""
