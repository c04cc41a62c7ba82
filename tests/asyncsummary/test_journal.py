"""The journal of a spool file: what it says survives being written down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.journal import Attempt, Journal
from asyncsummary_storage import NOTHING, Position

positions = st.one_of(st.just(NOTHING), st.builds(Position, st.integers(0, 1 << 40), st.text(max_size=20)))
attempts = st.builds(Attempt, st.text(max_size=40), positions, st.integers(0, 100), st.integers(0, 1 << 24))


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), attempts)
def test_text_and_back(sent: int, stop: int, attempt: Attempt) -> None:
    """Nothing is lost on the way."""
    for journal in (Journal(sent), Journal(sent).trying(attempt, stop)):
        assert Journal.from_json(journal.to_json()) == journal
    assert Journal(sent).trying(attempt, stop).committed(stop) == Journal(stop)


def test_of_an_earlier_release() -> None:
    """Which knew of no appends in two segments."""
    text = '{"format": 1, "sent": 40, "attempt": {"stop": 90, "segment": "s", "offset": 7, "version": "v", "header_bytes": 0}}'
    assert Journal.from_json(text) == Journal(40, Attempt("s", Position(7, "v"), 0, stored=0), 90)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "3", '{"format": 2, "sent": 1}', '{"format": 1}', '{"format": 1, "sent": 1, "attempt": {}}']
)
def test_what_is_no_journal(text: str) -> None:
    """Is refused, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        Journal.from_json(text)
