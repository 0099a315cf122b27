"""Which known name a misspelt one stands for, compared with a plain edit distance."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xenassign.spelling import TypingErrors, corrections, did_you_mean, one_typing_error, similar

WORDS = st.text("ab-", max_size=6)


def changed(word: str, letters: str) -> set[str]:
    """Every text that one typing error makes of a word."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    return {
        *(left + right[1:] for left, right in cuts if right),
        *(left + letter + right for left, right in cuts for letter in letters),
        *(left + letter + right[1:] for left, right in cuts if right for letter in letters),
        *(left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1),
    } - {word}


@given(WORDS, WORDS)
@example("ab", "ba")
@example("aab", "aba")
def test_one_typing_error(first: str, second: str) -> None:
    expected = second in changed(first, "ab-")
    assert one_typing_error(first, second) is expected
    near = TypingErrors([second]).near(first)
    assert near == ([second] if expected or first == second else [])


def test_what_is_surely_meant() -> None:
    known = ("iomem", "irqs", "pci", "memory")
    assert corrections("iomems", known) == ["iomem"]
    assert corrections("imoem", known) == ["iomem"]
    assert corrections("iommu", known) == []
    assert corrections("vpci", known) == ["pci"]


def test_what_is_asked_about() -> None:
    known = ("device-tree", "device_tree", "force-assign-without-iommu", "iomem")
    assert similar("Device-Tree", known) == ["device-tree", "device_tree"]
    assert similar("force", known) == ["force-assign-without-iommu"]
    assert similar("vpci", ["pci"], lambda name: name != "pci") == []
    assert similar("iom", known) == []  # too short to be a beginning
    assert did_you_mean("iommu", known) == ""
    assert did_you_mean("iomen", known) == "did you mean iomem?"


def test_many_names_are_not_compared_one_by_one() -> None:
    names = [f"device@{number:x}" for number in range(0x10000000, 0x10000000 + 20000)]
    index = TypingErrors(names)
    assert all(name in index.near(f"devise@{name[7:]}") for name in names)
    assert TypingErrors(["x" * 100_000]).near("x" * 100_000)


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("--hots", "did you mean --host?"),
        ("--iommu-drivers", "did you mean --iommu-driver?"),
        ("--host_overlay", "did you mean --host-overlay?"),
        ("-o", "see `xenassign lint --help`"),  # and not: did you mean -h?
        ("--iomem", "see `xenassign lint --help`"),  # no option is one typing error away
    ],
)
def test_an_option(option: str, advice: str) -> None:
    command = [sys.executable, "-m", "xenassign", "lint", option, "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: No such option")
    assert done.stderr.endswith(f"; {advice}\n")
