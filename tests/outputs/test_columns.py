"""Address spaces as columns: whatever overlaps whatever, no two labels do."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xenassign.devicetree.spans import Span
from xenassign.outputs.report.page.columns import BREAK, LINE, Feature, column, fit, short_size

SPANS = st.tuples(st.integers(0, 200), st.integers(1, 60)).map(
    lambda pair: Span.sized(pair[0] * 4096, pair[1] * 4096)
)
KINDS = st.sampled_from(["ram", "window", "optional", "block"])
FEATURES = st.lists(st.tuples(SPANS, KINDS), min_size=1, max_size=20).map(
    lambda pairs: [Feature(s, k, f"node{n}", key=str(n)) for n, (s, k) in enumerate(pairs)]
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(FEATURES)
def test_labels_and_boxes(features: list[Feature]) -> None:
    result = column(features, lambda span: str(span.size), 18)
    assert {box.feature for box in result.boxes} == set(features)
    lines = [y for label in result.labels for y in (label.top, label.top + LINE)]
    lines += [gap.top + LINE for gap in result.breaks]
    assert all(later - earlier >= LINE - 1e-9 for earlier, later in pairwise(sorted(lines)))
    for box in result.boxes:
        assert box.height > 0
        assert 0 <= box.top <= box.top + box.height <= result.height + 1e-9
    for one in result.boxes:
        for other in result.boxes:
            if one.feature.span.end <= other.feature.span.start:
                assert one.top + one.height <= other.top + 1e-9, "addresses grow downwards"
            if one.feature.span.covers(other.feature.span):
                assert one.top <= other.top + 1e-9
    for label in result.labels:
        box = next(box for box in result.boxes if box.feature == label.feature)
        assert box.top < label.top < box.top + box.height


def test_what_is_empty_is_a_break() -> None:
    features = [
        Feature(Span(0x1000, 0x2000), "block", "a"),
        Feature(Span(0x5000, 0x6000), "ram", "b"),
    ]
    result = column(features, lambda span: short_size(span.size), 18)
    assert [(gap.span, gap.text) for gap in result.breaks] == [
        (Span(0, 0x1000), "4 KiB"),
        (Span(0x2000, 0x5000), "12 KiB"),
    ]
    assert result.boxes[0].top == BREAK
    assert result.labels[0].lines == ("a", "0x1000 4 KiB")


def test_features_of_one_span_share_a_label() -> None:
    span = Span(0, 0x1000)
    result = column([Feature(span, "block", "a"), Feature(span, "block", "b")], str, 18)
    assert [label.lines[0] for label in result.labels] == ["a +1"]


def test_texts_that_fit() -> None:
    assert fit("ethernet@ff0e0000", 17) == "ethernet@ff0e0000"
    assert fit("a-very-long-name@ff0e0000", 16) == "a-very…@ff0e0000"
    assert len(fit("x" * 99, 16)) == 16
    assert [short_size(n) for n in (1, 4096, 3 << 19, 1 << 40)] == [
        "1 B",
        "4 KiB",
        "1.5 MiB",
        "1 TiB",
    ]
