"""``python -m xenassign``."""

from xenassign.cli import main

if __name__ == "__main__":
    main()
