"""The configuration of ImageBuilder's uboot-script-gen."""
