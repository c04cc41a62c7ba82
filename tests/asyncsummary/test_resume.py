"""Where a writer goes on, by table."""

import pytest

from asyncsummary.records import frames, scan
from asyncsummary.resume import LARGEST_SCANNED, Continue, Cut, Fresh, Inspect, first_look, second_look

ONE = "events.out.tfevents.0000000001.h.1.000000.v2"
TWO = "events.out.tfevents.0000000002.h.1.000000.v2"


@pytest.mark.parametrize(
    ("sizes", "resume", "can_cut", "expected"),
    [
        ({}, True, True, Fresh(None)),
        ({"notes.txt": 9}, True, True, Fresh(None)),
        ({TWO: 50, ONE: 50, "notes.txt": 9}, True, True, Inspect(TWO)),
        ({TWO: 50, ONE: 50}, False, True, Fresh(TWO)),
        ({ONE: 50, "z.tfevents": 50}, True, True, Fresh("z.tfevents")),
        ({ONE: 50, TWO: LARGEST_SCANNED}, True, False, Inspect(TWO)),
        ({ONE: 50, TWO: LARGEST_SCANNED + 1}, True, False, Fresh(TWO)),
        ({ONE: 50, TWO: LARGEST_SCANNED + 1}, True, True, Inspect(TWO)),
    ],
)
def test_first_look(sizes: dict[str, int], resume: bool, can_cut: bool, expected: Fresh | Inspect) -> None:
    """The last event file is gone on with, if it was asked for, has our form of name, and is no huge object."""
    assert expected == first_look(sizes, resume=resume, can_cut=can_cut)


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
