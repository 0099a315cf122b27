"""What a board offers, as facts read from its device tree. Decides nothing."""
