"""Tests over the device trees of real boards; see fetch_boards.py for where they come from."""
