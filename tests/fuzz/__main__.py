"""Mutated inputs: no internal error, no hang, no 500 MB, no line or command of someone else.

    python -m tests.fuzz --count 20000 --seed 1          # as CI does
    python -m tests.fuzz --seed 1 --only 1234 --keep DIR  # one input, and its files

Input i of a seed depends on both alone, at one commit of the program: the files that are mutated
are its own. Exit status 1 if there is a problem; each kind of problem is shown once, with the
command that shows it again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.campaign import campaign, only
from tests.fuzz.kinds import KINDS


def main() -> int:
    """The script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20_000, help="how many inputs")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=tuple(KINDS), help="inputs of this kind only")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after this time")
    parser.add_argument("--only", type=int, help="the number of the only input")
    parser.add_argument("--skip", default="", help="with --only: steps to leave out, with commas")
    parser.add_argument("--keep", type=Path, help="with --only: a folder for the input's files")
    given = parser.parse_args()
    if given.only is not None:
        skip = frozenset(int(step) for step in given.skip.split(",") if step)
        return only(given.seed, given.only, given.kind, skip, given.keep)
    summary = campaign(
        given.seed, given.first, given.count, given.kind, 60 * given.minutes, sys.stdout
    )
    print("\n".join(summary.lines()))
    return 1 if summary.failures else 0


if __name__ == "__main__":
    sys.exit(main())
