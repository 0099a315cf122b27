"""The configuration of ImageBuilder's uboot-script-gen."""

CONFIG = "imagebuilder.cfg"
COMMANDS = "imagebuilder.cmds"
NAMES = (CONFIG, COMMANDS)
