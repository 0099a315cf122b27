"""Chance of one input, in steps that can be skipped one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

#: How often an input has no mutation, one, two …; and options on its command line.
MUTATIONS = (0, 8, 6, 4, 2, 1, 0, 0, 1)
OPTIONS = (10, 6, 3, 1)


class Draw:
    """The choices of input ``index`` of a seed.

    ``random`` chooses what the input begins with. Each mutation is a step with a random of its own:
    without the steps in ``skip`` the others choose the same numbers, so that a failure can be
    reduced to the steps that it needs.
    """

    def __init__(self, seed: int, index: int, kind: str, skip: frozenset[int]) -> None:
        self._key = f"{seed}/{index}/{kind}"
        self.random = Random(self._key)
        self._skip = skip
        self.count = 0

    def steps(self, weights: Sequence[int] = MUTATIONS) -> Iterator[Random]:
        """The randoms of a few steps that are not skipped. ``weights``: how often there are none,
        one, two and so on.
        """
        (count,) = self.random.choices(range(len(weights)), weights)
        for _ in range(count):
            number, self.count = self.count, self.count + 1
            if number not in self._skip:
                yield Random(f"{self._key}/{number}")

    def chance(self, probability: float) -> bool:
        """True as often as ``probability`` says."""
        return self.random.random() < probability
