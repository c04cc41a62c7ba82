"""Where a writer goes on, by table."""

import pytest

from asyncsummary.records import frames, scan
from asyncsummary.resume import Continue, Cut, Fresh, Inspect, first_look, second_look

ONE = "events.out.tfevents.0000000001.h.1.000000.v2"
TWO = "events.out.tfevents.0000000002.h.1.000000.v2"


@pytest.mark.parametrize(
    ("names", "resume", "expected"),
    [
        ([], True, Fresh(None)),
        (["notes.txt"], True, Fresh(None)),
        ([TWO, ONE, "notes.txt"], True, Inspect(TWO)),
        ([TWO, ONE], False, Fresh(TWO)),
        ([ONE, "z.tfevents"], True, Fresh("z.tfevents")),
    ],
)
def test_first_look(names: list[str], resume: bool, expected: Fresh | Inspect) -> None:
    """The last event file is gone on with, if it was asked for and has our form of name."""
    assert expected == first_look(names, resume=resume)


WHOLE = frames([b"version", b"scalar"])


@pytest.mark.parametrize(
    ("data", "can_cut", "expected"),
    [
        (WHOLE, True, Continue(ONE, len(WHOLE))),
        (WHOLE, False, Continue(ONE, len(WHOLE))),
        (WHOLE + b"torn", True, Cut(ONE, len(WHOLE))),
        (WHOLE + b"torn", False, Fresh(ONE)),
        (WHOLE + b"corrupt" * 9, True, Fresh(ONE)),
        (b"", True, Fresh(ONE)),
        (b"torn", True, Fresh(ONE)),
    ],
)
def test_second_look(data: bytes, can_cut: bool, expected: Fresh | Continue | Cut) -> None:
    """After the last whole record, if nothing but a torn one follows it."""
    _, scanner = scan(data)
    assert expected == second_look(ONE, scanner, can_cut=can_cut)
