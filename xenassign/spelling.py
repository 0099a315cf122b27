"""Names that a misspelt name probably stands for: the only source of every "did you mean".

A fix may be written without a question if it corrects one typing error: one character inserted,
left out or replaced, or two neighbours exchanged. A question may also name what differs in case or
separators only; without any, what the name begins with or is the beginning of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

_SHORTEST = 4  # characters; shorter beginnings are common to unrelated names
_LONGEST = 64  # characters of a name that is searched with a typing error
_SEPARATORS = str.maketrans("_-, ", "----")


def one_typing_error(first: str, second: str) -> bool:
    """Whether two names differ by one typing error."""
    if len(first) > len(second):
        first, second = second, first
    if len(second) - len(first) > 1 or first == second:
        return False
    pairs = zip(first, second, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), len(first))
    if len(first) < len(second):
        return first[at:] == second[at + 1 :]
    exchanged = first[at : at + 2] == second[at : at + 2][::-1]
    return first[at + 1 :] == second[at + 1 :] or (
        exchanged and first[at + 2 :] == second[at + 2 :]
    )


class TypingErrors:
    """The names of a large set that are one typing error away from others, without comparing all.

    Two such names are equal after one character of either, or of one, is left out.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._shorter: dict[str, list[str]] = defaultdict(list)
        for name in names:
            for text in _shorter(name):
                self._shorter[text].append(name)

    def near(self, name: str) -> list[str]:
        """The names that are equal to a name or one typing error away."""
        others = (self._shorter.get(text, ()) for text in _shorter(name))
        every = dict.fromkeys(other for names in others for other in names)
        return [other for other in every if other == name or one_typing_error(name, other)]


def _shorter(name: str) -> dict[str, None]:
    """A name with one character left out, or none; a long one only as a whole."""
    short = range(len(name) if len(name) <= _LONGEST else 0)
    return dict.fromkeys([name, *(name[:at] + name[at + 1 :] for at in short)])


def corrections(name: str, known: Iterable[str]) -> list[str]:
    """The known names that are one typing error away, sorted."""
    return [other for other in sorted(known) if one_typing_error(name, other)]


def similar(
    name: str, known: Iterable[str], fits: Callable[[str], bool] = lambda _: True
) -> list[str]:
    """At most three known names that resemble a name and fit it: corrections first.

    ``fits``: whether the name's value could be that of a known name.
    """
    names, plain = sorted(known), _plain(name)
    alike = [other for other in names if _alike(plain, _plain(other)) and fits(other)]
    alike.sort(key=lambda other: not one_typing_error(name, other))
    return (alike or [o for o in names if _begins(plain, _plain(o)) and fits(o)])[:3]


def _alike(first: str, second: str) -> bool:
    return first == second or one_typing_error(first, second)


def _begins(first: str, second: str) -> bool:
    """Whether one name begins with the other, if that is not too short."""
    shorter, longer = sorted((first, second), key=len)
    return len(shorter) >= _SHORTEST and longer.startswith(shorter)


def _plain(name: str) -> str:
    return name.lower().translate(_SEPARATORS)


def question(names: Iterable[str]) -> str:
    """ "did you mean …?" with the names; "" if there are none."""
    listed = ", ".join(names)
    return f"did you mean {listed}?" if listed else ""


def did_you_mean(
    name: str, known: Iterable[str], fits: Callable[[str], bool] = lambda _: True
) -> str:
    """The question about the known names that :func:`similar` gives; "" if there are none."""
    return question(similar(name, known, fits))
