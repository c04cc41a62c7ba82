"""Histograms of buckets: what TF2's writer makes of numbers, and what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tensorboard.plugins.histogram import summary_v2

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.histogram_forms import buckets_content, raw_histogram_content, ready_buckets_content, rows_of
from tests.support.plugin_summaries import assert_same

NORMAL = np.random.default_rng(0).normal(size=1000)
FIELDS = {"min": 0.0, "max": 5.0, "num": 3.0, "sum": 7.0, "sum_squares": 21.0}


@pytest.mark.parametrize("buckets", [1, 30, 100])
@pytest.mark.parametrize("values", [NORMAL, NORMAL.astype(np.float32), [1, 2, 3], [], [7.0] * 5, [[1, 2], [2, 9]], 5])
def test_the_same_as_tensorboards_own(values: Any, buckets: int) -> None:
    """Of many values, of none, and of equal ones."""
    theirs = summary_v2.histogram_pb("a/tag", values, buckets, "about")
    assert_same(buckets_content(values, "a/tag", buckets, "about").summary(), theirs)


@given(arrays(np.float64, st.integers(0, 50), elements=st.floats(-1e300, 1e300)), st.integers(1, 40))
def test_every_value_is_in_one_bucket(values: Any, count: int) -> None:
    """And the edges span all of them."""
    rows = rows_of(values, count)
    assert rows[:, 2].sum() == len(values)
    assert (rows[:, 0] <= rows[:, 1]).all()
    if len(values):
        assert (rows[0, 0], rows[-1, 1]) == (values.min(), values.max())


def test_denormal_numbers() -> None:
    """Are so close together that a bucket has no width."""
    assert rows_of(np.array([0.0, 5e-324]), 30)[:, 2].tolist() == [1.0] + [0.0] * 28 + [1.0]


def test_ready_made_buckets_of_numpy() -> None:
    """Are kept as they are."""
    counts, edges = np.histogram(NORMAL, 4)
    (value,) = ready_buckets_content(counts, edges, "t", "about").summary().value
    rows = np.frombuffer(value.tensor.tensor_content).reshape(4, 3)
    assert (rows == np.stack([edges[:-1], edges[1:], counts], axis=1)).all()
    assert value.metadata.plugin_data.plugin_name == "histograms"
    assert value.metadata.summary_description == "about"


def test_a_raw_histogram() -> None:
    """Has the fields that it was given."""
    (value,) = raw_histogram_content(FIELDS, [1, 2, 5], [1, 0, 2], "t").summary().value
    assert {name: getattr(value.histo, name) for name in FIELDS} == FIELDS
    assert (list(value.histo.bucket_limit), list(value.histo.bucket)) == ([1, 2, 5], [1, 0, 2])


@pytest.mark.parametrize(
    ("values", "buckets", "kind", "message"),
    [
        ([1.0], 0, InvalidSummaryError, "buckets of tag 't': must be from 1 to 16777216, got 0"),
        ([1.0], "5", InvalidTypeError, "buckets of tag 't': must be an integer"),
        ([1.0], 2.7, InvalidTypeError, "buckets of tag 't': must be an integer, got 2.7"),
        ([1.0], True, InvalidTypeError, "buckets of tag 't': must be an integer, got True"),
        ([1.0], 1 << 25, InvalidSummaryError, "must be from 1 to 16777216"),
        ([float("nan")], 5, InvalidSummaryError, "Nan in summary histogram for: t"),
        ([float("inf")], 5, InvalidSummaryError, "Infinity in summary histogram for: t"),
        ([-1e308, 1e308], 5, InvalidSummaryError, "further apart than the largest double"),
        ([True], 5, InvalidTypeError, "values of tag 't': must be real numbers"),
    ],
)
def test_what_is_refused(values: Any, buckets: Any, kind: type[InvalidSummaryError], message: str) -> None:
    """With the tag and the reason."""
    with pytest.raises(kind, match=message):
        buckets_content(values, "t", buckets)


@pytest.mark.parametrize(
    ("counts", "edges", "kind", "message"),
    [
        ([1, 2], [0, 1], InvalidSummaryError, "edges of tag 't': must be one more than counts, got 2 and 2"),
        ([], [0], InvalidSummaryError, "must be one more than counts"),
        ([1], [1, 0], InvalidSummaryError, "edges of tag 't': must ascend"),
        ([-1], [0, 1], InvalidSummaryError, "counts of tag 't': must not be negative"),
        ([1], [0, float("inf")], InvalidSummaryError, "edges of tag 't': must be finite"),
        ([[1]], [0, 1], InvalidSummaryError, r"counts of tag 't': must be a vector, got shape \(1, 1\)"),
        (["a"], [0, 1], InvalidTypeError, "counts of tag 't': must be real numbers"),
    ],
)
def test_which_buckets_are_refused(counts: Any, edges: Any, kind: type[InvalidSummaryError], message: str) -> None:
    """With the argument."""
    with pytest.raises(kind, match=message):
        ready_buckets_content(counts, edges, "t")


@pytest.mark.parametrize(
    ("fields", "limits", "counts", "message"),
    [
        (FIELDS, [1, 2], [1], "bucket_limits of tag 't': as many as bucket_counts, got 2 and 1"),
        (FIELDS, [2, 1], [1, 1], "bucket_limits of tag 't': must ascend"),
        (FIELDS, [1, 2], [1, -1], "bucket_counts of tag 't': must not be negative"),
        ({**FIELDS, "sum": float("nan")}, [1, 2], [1, 1], "sum of tag 't': must be finite"),
    ],
)
def test_which_raw_histograms_are_refused(fields: dict[str, Any], limits: Any, counts: Any, message: str) -> None:
    """With the field."""
    with pytest.raises(InvalidSummaryError, match=message):
        raw_histogram_content(fields, limits, counts, "t")
