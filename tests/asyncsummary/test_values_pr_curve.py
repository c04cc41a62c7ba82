"""Precision-recall curves: TensorBoard's own counting, and what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import Summary
from asyncsummary.values.pr_curve import curve, pr_curve_content, pr_curve_raw_content
from tests.support.plugin_summaries import assert_same, tensorboards

rng = np.random.default_rng(0)
LABELS = rng.random(500) < 0.3
PREDICTIONS = np.clip(LABELS * 0.3 + rng.random(500) * 0.7, 0, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weights", [None, 2.5, np.arange(500) / 7])
@pytest.mark.parametrize("thresholds", [2, 11, 127, 201])
def test_the_same_as_tensorboards_own(dtype: str, weights: Any, thresholds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata and numbers; the tag is the caller's, where TensorBoard's own puts /pr_curves behind it."""
    predictions = PREDICTIONS.astype(dtype)
    module = tensorboards("pr_curve.summary", monkeypatch)
    theirs = module.pb("pr", LABELS, predictions, thresholds, weights, description="about")
    ours = pr_curve_content(LABELS, predictions, "pr", thresholds, weights, "about")
    assert_same(ours.summary(), theirs, tag="pr")


def test_raw_the_same_as_tensorboards_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six rows in the same order."""
    rows = [list(range(start, start + 5)) for start in range(6)]
    theirs = tensorboards("pr_curve.summary", monkeypatch).raw_data_pb("pr", *rows, num_thresholds=5)
    assert_same(pr_curve_raw_content(rows, "pr").summary(), theirs, tag="pr")


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.floats(0, 10)), min_size=1), st.integers(2, 20))
def test_by_definition(points: list[tuple[bool, float, float]], thresholds: int) -> None:
    """At threshold number i, all predictions count as positive whose bucket is i or above."""
    labels, predictions, weights = (np.array(column) for column in zip(*points, strict=True))
    rows = curve(labels, predictions, weights, thresholds)
    buckets = np.floor(predictions * (thresholds - 1))
    for index in range(thresholds):
        above = buckets >= index
        counts = [above & labels, above & ~labels, ~above & ~labels, ~above & labels]
        assert rows[:4, index] == pytest.approx([weights[chosen].sum() for chosen in counts], abs=1e-9)
    assert ((rows[4:] >= 0) & (rows[4:] <= 1 + 1e-12)).all()


def test_any_shape() -> None:
    """Is flattened; weights are broadcast to it."""
    flat = pr_curve_content(LABELS, PREDICTIONS, "t", 11, np.repeat([1.0, 2.0], 250))
    square = pr_curve_content(LABELS.reshape(2, 250), PREDICTIONS.reshape(2, 250), "t", 11, np.array([[1.0], [2.0]]))
    assert flat.summary() == square.summary()


def test_integer_labels_and_half_predictions() -> None:
    """Are as good; halves are computed in float32."""
    half = PREDICTIONS.astype(np.float16)
    whole = pr_curve_content(LABELS, half.astype(np.float32), "t").summary()
    assert whole == pr_curve_content(LABELS.astype(int).tolist(), half, "t").summary()


@pytest.mark.parametrize(("thresholds", "dtype"), [(201, np.int8), (500, np.uint8), (70_000, np.int16), (201, np.int64)])
def test_predictions_that_are_integers(thresholds: int, dtype: Any) -> None:
    """Zeros and ones are as good, though their dtype may not hold the numbers of so many thresholds."""
    whole = pr_curve_content(LABELS, LABELS.astype(np.float32), "t", thresholds).summary()
    assert whole == pr_curve_content(LABELS, LABELS.astype(dtype), "t", thresholds).summary()


def test_the_arrays_are_copied() -> None:
    """What the caller does to them later does not matter."""
    labels, predictions = LABELS.copy(), PREDICTIONS.copy()
    content = pr_curve_content(labels, predictions, "t", weights=(weights := np.ones(500)))
    before = content.summary().SerializeToString()
    labels[:], predictions[:], weights[:] = True, 1, 9
    assert before == content.summary().SerializeToString()
    assert content.size > 500 * 17


@pytest.mark.parametrize(
    ("labels", "predictions", "rest", "kind", "message"),
    [
        ([0.5], [0.5], {}, InvalidTypeError, "labels of tag 't': must be bools, or integers 0 and 1, got float64"),
        ([2], [0.5], {}, InvalidSummaryError, "labels of tag 't': must be 0 or 1, got 2 to 2"),
        ([True], ["a"], {}, InvalidTypeError, "predictions of tag 't': must be real numbers"),
        ([True], [0.5, 0.5], {}, InvalidSummaryError, r"labels of tag 't': have shape \(1,\), predictions have \(2,\)"),
        (np.zeros(0, bool), np.zeros(0), {}, InvalidSummaryError, "there are none"),
        ([True], [1.5], {}, InvalidSummaryError, r"predictions of tag 't': must be in \[0, 1\], got 1.5 to 1.5"),
        ([True], [float("nan")], {}, InvalidSummaryError, r"must be in \[0, 1\], got nan"),
        ([True], [0.5], {"num_thresholds": 1}, InvalidSummaryError, "num_thresholds of tag 't': must be from 2 to 16777216, got 1"),
        ([True], [0.5], {"num_thresholds": 1 << 25}, InvalidSummaryError, "num_thresholds of tag 't': must be from 2"),
        ([True], [0.5], {"num_thresholds": 2.5}, InvalidTypeError, "num_thresholds of tag 't': must be an integer, got 2.5"),
        ([True], [0.5], {"num_thresholds": "9"}, InvalidTypeError, "num_thresholds of tag 't': must be an integer"),
        ([True], [0.5], {"weights": [1, 2]}, InvalidSummaryError, r"shape \(2,\) cannot be broadcast to \(1,\)"),
        ([True], [0.5], {"weights": [-1.0]}, InvalidSummaryError, "weights of tag 't': must be finite, and not negative"),
        ([True], [0.5], {"weights": [float("inf")]}, InvalidSummaryError, "must be finite"),
        ([True, True], [0.5, 0.5], {"weights": [1e38, 3e38]}, InvalidSummaryError, "weights of tag 't': their sum is out of range for"),
        ([True, True], [0.5, 0.5], {"weights": 1e308}, InvalidSummaryError, "weights of tag 't': their sum is out of range for"),
        ([True], [0.5], {"weights": "a"}, InvalidTypeError, "weights of tag 't': must be real numbers"),
    ],
)
def test_what_is_refused(labels: Any, predictions: Any, rest: dict[str, Any], kind: type[InvalidSummaryError], message: str) -> None:
    """With the argument, the tag and the reason."""
    with pytest.raises(kind, match=message):
        pr_curve_content(labels, predictions, "t", **rest)


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([[1, 2], [1]] + [[1, 2]] * 4, InvalidSummaryError, r"false_positive_counts of tag 't': must have shape \(2,\), got \(1,\)"),
        ([[1]] * 6, InvalidSummaryError, "at least two, got"),
        ([[1, 2]] * 5 + [[1.0, float("nan")]], InvalidSummaryError, "recall of tag 't': must be finite"),
        ([[1, 2]] * 5 + [[1.0, 1e300]], InvalidSummaryError, "recall of tag 't': must be finite, in float32"),
        ([["a", "b"]] * 6, InvalidTypeError, "true_positive_counts of tag 't': must be real numbers"),
    ],
)
def test_which_raw_curves_are_refused(rows: list[list[Any]], kind: type[InvalidSummaryError], message: str) -> None:
    """With the row's name."""
    with pytest.raises(kind, match=message):
        pr_curve_raw_content(rows, "t")


def test_many_thresholds() -> None:
    """Are told as they are, where torch ends at 127."""
    summary: Summary = pr_curve_content([True, False], [0.9, 0.1], "t", 1000).summary()
    assert summary.value[0].metadata.plugin_data.content == b"\x10\xe8\x07"
