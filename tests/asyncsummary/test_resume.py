"""Where a writer goes on, by table; and what that costs."""

import pytest

from asyncsummary import resume
from asyncsummary.header import file_version
from asyncsummary.plan import MIB
from asyncsummary.records import frames, scan
from asyncsummary.resume import LARGEST_SCANNED, Continue, Cut, Fresh, Inspect, first_look, second_look
from asyncsummary_storage import Growth, Terms
from tests.support.spooling import records
from tests.support.writing import Bench

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


@pytest.mark.virtual_time
@pytest.mark.parametrize("can_cut", [True, False])
async def test_a_large_segment_is_not_fetched(can_cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """To see how it ends, but where a torn record can be cut off, as on a disk: S3 Express grows in place, and cuts nothing."""
    monkeypatch.setattr(resume, "LARGEST_SCANNED", 1000)
    bench = Bench(growth=Terms(Growth.IN_PLACE, can_cut=can_cut))
    bench.disk.store(f"run/{ONE}", file_version(1) + records(*range(100)))
    async with bench.writer(resume=True) as writer:
        await writer.scalar("t", 1.0, 100)
    assert ("read" in bench.script.calls) is can_cut
    assert len(bench.names) == (1 if can_cut else 2)
    assert bench.steps() == list(range(101))


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("terms", "size", "request_name", "segments"),
    [
        (Terms(Growth.REWRITE, extend_from=200, extend_requests=4), 1000, "extend", 1),
        (Terms(Growth.REWRITE), 1000, "append", 1),
        (Terms(Growth.REWRITE), MIB, "append", 2),
    ],
    ids=["extended", "rewritten", "full"],
)
async def test_going_on_costs_no_more_than_any_append(terms: Terms, size: int, request_name: str, segments: int) -> None:
    """What the storage can extend is not sent again, and what is full is left, only because a writer has been started."""
    bench = Bench(growth=terms)
    bench.disk.store(f"run/{ONE}", file_version(1) + records(*range(size // len(records(1)))))
    before = bench.disk.content[f"run/{ONE}"]
    async with bench.writer(resume=True):
        pass
    assert [call for call in bench.script.calls if call in {"append", "extend"}] == [request_name]
    assert len(bench.names) == segments
    assert (bench.disk.content[f"run/{ONE}"] == before) is (segments == 2)
