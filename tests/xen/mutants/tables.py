"""Mutations: functions that change a draft, in tables with their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

STACK = (1, 2, 3), (7, 2, 1)  # numbers of mutations, and how often
STACK_BESIDE_DOMAIN = (0, 1, 2, 3), (2, 6, 1, 1)
DOMAIN_CHANGES = 0.25


D = TypeVar("D")
T = TypeVar("T")


class InapplicableError(Exception):
    """Raised by a mutation, before it changes anything, where it has nothing to work on."""


@dataclass(frozen=True)
class Mutation(Generic[D]):
    """A function that changes a draft and says what it did, and how often it is taken."""

    name: str
    weight: float
    apply: Callable[[D], str]


class Mutations(Generic[D]):
    """A table of mutations, filled by its decorators."""

    def __init__(self) -> None:
        self.all: list[Mutation[D]] = []

    def one(self, weight: float) -> Callable[[Callable[[D], str]], Callable[[D], str]]:
        """Registers a function."""

        def register(function: Callable[[D], str]) -> Callable[[D], str]:
            self.all.append(Mutation(function.__name__, weight, function))
            return function

        return register

    def each(
        self, weight: float, table: Mapping[str, T]
    ) -> Callable[[Callable[[D, str, T], str]], Callable[[D, str, T], str]]:
        """Registers a function once for each entry of a table, each with the weight."""

        def register(function: Callable[[D, str, T], str]) -> Callable[[D, str, T], str]:
            for name, entry in table.items():

                def apply(draft: D, name: str = name, entry: T = entry) -> str:
                    return function(draft, name, entry)

                self.all.append(Mutation(f"{function.__name__}: {name}", weight, apply))
            return function

        return register

    def mutate(self, draft: D, random: Random, count: int) -> list[tuple[str, str]]:
        """Applies ``count`` mutations; (name, sentence) of each."""
        weights = [mutation.weight for mutation in self.all]
        done: list[tuple[str, str]] = []
        while len(done) < count:
            (mutation,) = random.choices(self.all, weights)
            try:
                done.append((mutation.name, mutation.apply(draft)))
            except InapplicableError:
                continue  # there is always one that applies
        return done


def pick(random: Random, items: Sequence[T]) -> T:
    if not items:
        raise InapplicableError
    return random.choice(items)
