"""What HTTP headers say about time, in every form that they have."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from asyncsummary_storage.http_times import time_there, wait_asked


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), (None, None), ("soon", None), ("", None)])
def test_waits_in_seconds(header: str | None, seconds: float | None) -> None:
    """A number is a number, and what cannot be read says nothing."""
    assert seconds == wait_asked(header)


def test_waits_until_a_date() -> None:
    """A date is counted from now, and one that is over is no wait."""
    soon = datetime.now(UTC) + timedelta(seconds=90)
    waited = wait_asked(format_datetime(soon, usegmt=True))
    assert waited is not None
    assert 80.0 < waited <= 90.0
    assert wait_asked("Thu, 01 Jan 2015 00:00:00 GMT") == 0.0


@pytest.mark.parametrize(
    "header", ["Thu, 01 Jan 2015 00:00:00 GMT", "Thu, 01 Jan 2015 00:00:00 -0000", "2015-01-01T00:00:00.000Z", "2015-01-01"]
)
def test_the_time_at_the_server(header: str) -> None:
    """Is what its header says, in UTC."""
    assert time_there(header) == datetime(2015, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("header", [None, "yesterday"])
def test_no_time_at_the_server(header: str | None) -> None:
    """Without a header that can be read it is our own."""
    assert abs((time_there(header) - datetime.now(UTC)).total_seconds()) < 60.0
