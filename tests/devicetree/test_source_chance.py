"""Sources by chance against dtc: the same bytes, or both refuse. ``dts_maker`` makes them."""

from __future__ import annotations

import os
from contextlib import suppress
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .dts_judge import Crashed, disagreement
from .dts_maker import Maker, damaged
from .trees import needs_dtc

#: How many other sources to ask about. Without it they are the same each time: a test must not
#: depend on the day.
_OTHERS = int(os.environ.get("XENASSIGN_CHANCE", "0"))
_SETTINGS = settings(
    max_examples=_OTHERS or 500,
    deadline=None,
    derandomize=not _OTHERS,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_RANDOM = st.randoms(use_true_random=True)


def agree(text: str, symbols: bool) -> None:
    with suppress(Crashed):  # an assertion of dtc's own failed (an empty label, for example)
        assert disagreement(text.encode(), symbols=symbols) is None, text


@needs_dtc
@_SETTINGS
@given(_RANDOM, st.booleans())
def test_sources(random: Random, symbols: bool) -> None:
    agree(Maker(random).source(), symbols)


@needs_dtc
@_SETTINGS
@given(_RANDOM, st.booleans())
def test_sources_with_more_mistakes(random: Random, symbols: bool) -> None:
    agree(Maker(random, wild=True).source(), symbols)


@needs_dtc
@_SETTINGS
@given(_RANDOM, st.booleans())
def test_damaged_sources(random: Random, symbols: bool) -> None:
    agree(damaged(random, Maker(random).source()), symbols)
