"""The commit machine: its table, and thousands of histories of a storage that fails before or after the effect."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.commit import (
    Action,
    Append,
    Begin,
    Commit,
    Committed,
    Denied,
    Fenced,
    Found,
    GaveUp,
    Outcome,
    Probe,
    Read,
    ReadBack,
    Refused,
    RetryPolicy,
    Sleep,
    Stored,
    Unavailable,
    Unknown,
    Woken,
    outcome_of,
)
from asyncsummary_storage import NOTHING, Position, SegmentFullError

ERROR = RuntimeError("storage said no")
FULL = SegmentFullError("it takes no more")
AT = Position(10, "v1")
END = Position(14, "v2")
POLICY = RetryPolicy(window_seconds=60.0)


def run(outcomes: list[Outcome], at: Position = AT, *, in_place: bool = False) -> list[Action]:
    """Return the actions after ``Begin`` and each of the outcomes, with a clock that stands still."""
    machine = Commit(b"data", at, POLICY, grows_in_place=in_place)
    return [machine.step(outcome, 0.0, 0.0) for outcome in [Begin(), *outcomes]]


@pytest.mark.parametrize(
    ("outcomes", "last"),
    [
        ([], Append(AT)),
        ([Stored(END)], Committed(END)),
        ([Refused(ERROR)], Probe()),
        ([Unknown(ERROR)], Probe()),
        ([Unknown(ERROR), Found(END)], ReadBack(10, 14)),
        ([Unknown(ERROR), Found(END), Read(b"data")], Committed(END)),
        ([Refused(ERROR), Found(END), Read(b"data")], Committed(END)),
        ([Refused(ERROR), Found(END), Read(b"else")], Fenced(END)),
        ([Refused(ERROR), Found(Position(13, "v2"))], Fenced(Position(13, "v2"))),
        ([Unknown(ERROR), Found(Position(20, "v3"))], ReadBack(10, 14)),
        ([Unknown(ERROR), Found(Position(20, "v3")), Read(b"data")], Committed(Position(20, "v3"), overtaken=True)),
        ([Refused(ERROR), Found(Position(20, "v3")), Read(b"else")], Fenced(Position(20, "v3"))),
        ([Refused(ERROR), Found(NOTHING)], Fenced(NOTHING)),
        ([Unknown(ERROR), Found(AT)], Sleep(0.05)),
        ([Unknown(ERROR), Found(AT), Woken()], Append(AT)),
        ([Unknown(ERROR), Unavailable(ERROR)], Sleep(0.05)),
        ([Unknown(ERROR), Unavailable(ERROR), Woken()], Probe()),
        ([Unknown(ERROR), Unknown(ERROR), Woken()], Probe()),
        ([Unknown(ERROR), Found(END), Unavailable(ERROR), Woken()], Probe()),
        ([Unavailable(ERROR)], Sleep(0.05)),
        ([Unavailable(ERROR), Woken()], Append(AT)),
        ([Unavailable(ERROR), Woken(), Unavailable(ERROR)], Sleep(0.1)),
        ([Unavailable(ERROR, retry_after=7.0)], Sleep(7.0)),
        ([Unavailable(ERROR, retry_after=61.0)], GaveUp(ERROR, permanent=False)),
        ([Denied(ERROR)], GaveUp(ERROR, permanent=True)),
        ([Unknown(ERROR), Denied(ERROR)], GaveUp(ERROR, permanent=True)),
        ([Unknown(ERROR), Denied(ERROR), Begin()], Probe()),
        ([Unavailable(ERROR, retry_after=61.0), Begin()], Append(AT)),
        ([outcome_of(FULL)], Probe()),
        ([outcome_of(FULL), Found(AT)], GaveUp(FULL, permanent=True)),
        ([outcome_of(FULL), Found(END), Read(b"data")], Committed(END)),
        ([outcome_of(FULL), Found(END), Read(b"else")], Fenced(END)),
        ([outcome_of(FULL), Unavailable(ERROR), Woken()], Probe()),
    ],
)
def test_table(outcomes: list[Outcome], last: Action) -> None:
    """What comes after each history."""
    assert run(outcomes)[-1] == last


PART = Position(11, "v2")
MORE = Position(13, "v3")
FAR = Position(20, "v3")
TO_PART: list[Outcome] = [Unknown(ERROR), Found(PART), Read(b"d")]
TO_MORE: list[Outcome] = [*TO_PART, Woken(), Unknown(ERROR), Found(MORE), Read(b"dat")]


@pytest.mark.parametrize(
    ("outcomes", "last"),
    [
        ([Unknown(ERROR), Found(PART)], ReadBack(10, 11)),
        ([Refused(ERROR), Found(PART)], ReadBack(10, 11)),
        (TO_PART, Sleep(0.05)),
        ([*TO_PART, Woken()], Append(PART, 1)),
        ([*TO_PART, Woken(), Stored(END)], Committed(END)),
        ([*TO_PART, Woken(), Unavailable(ERROR)], Sleep(0.1)),
        ([*TO_PART, Woken(), Unavailable(ERROR), Woken()], Append(PART, 1)),
        ([*TO_PART, Woken(), Unavailable(ERROR, retry_after=61.0)], GaveUp(ERROR, permanent=False)),
        ([*TO_PART, Woken(), Unavailable(ERROR, retry_after=61.0), Begin()], Append(PART, 1)),
        ([*TO_PART, Woken(), Denied(ERROR)], GaveUp(ERROR, permanent=True)),
        ([*TO_PART, Woken(), Unknown(ERROR)], Probe()),
        ([*TO_PART, Woken(), Unknown(ERROR), Found(PART)], ReadBack(10, 11)),
        ([*TO_PART, Woken(), Unknown(ERROR), Found(PART), Read(b"d"), Woken()], Append(PART, 1)),
        ([*TO_PART, Woken(), Unknown(ERROR), Found(MORE)], ReadBack(10, 13)),
        (TO_MORE, Sleep(0.1)),
        ([*TO_MORE, Woken()], Append(MORE, 3)),
        ([*TO_PART, Woken(), Unknown(ERROR), Found(END)], ReadBack(10, 14)),
        ([*TO_PART, Woken(), Unknown(ERROR), Found(END), Read(b"data")], Committed(END)),
        ([*TO_PART, Woken(), Refused(ERROR), Found(FAR), Read(b"data")], Committed(FAR, overtaken=True)),
        ([*TO_PART, Woken(), Refused(ERROR), Found(FAR), Read(b"dels")], Fenced(FAR, 1)),
        ([*TO_MORE, Woken(), Refused(ERROR), Found(MORE), Read(b"dis")], Fenced(MORE, 1)),
        ([*TO_MORE, Woken(), Refused(ERROR), Found(PART), Read(b"d"), Woken()], Append(PART, 1)),
        ([*TO_PART, Woken(), Refused(ERROR), Found(AT)], Sleep(0.1)),
        ([*TO_PART, Woken(), Refused(ERROR), Found(AT), Woken()], Append(AT)),
        ([*TO_PART, Woken(), Refused(ERROR), Found(NOTHING)], Fenced(NOTHING)),
        ([*TO_PART, Woken(), Refused(ERROR), Found(Position(9, "v3"))], Fenced(Position(9, "v3"))),
        ([Refused(ERROR), Found(PART), Read(b"e")], Fenced(PART)),
        ([Refused(ERROR), Found(MORE), Read(b"dis")], Fenced(MORE, 1)),
        ([Refused(ERROR), Found(MORE), Read(b"")], Fenced(MORE)),
        ([Refused(ERROR), Found(MORE), Read(b"d")], Fenced(MORE, 1)),
        ([Refused(ERROR), Found(MORE), Unavailable(ERROR), Woken()], Probe()),
        ([Refused(ERROR), Found(END), Read(b"dato")], Fenced(END, 3)),
        ([Refused(ERROR), Found(Position(10, "v2"))], Fenced(Position(10, "v2"))),
    ],
)
def test_table_of_what_grows_in_place(outcomes: list[Outcome], last: Action) -> None:
    """An append may have been cut off in the middle; what else can happen is as ever."""
    assert run(outcomes, in_place=True)[-1] == last


def test_an_object_is_not_appended_to_in_part() -> None:
    """Whatever it begins with: it is written as a whole, so it was somebody else who wrote."""
    assert run([Refused(ERROR), Found(MORE)])[-1] == Fenced(MORE)
    assert run([Refused(ERROR), Found(END), Read(b"dato")])[-1] == Fenced(END)


def test_creation() -> None:
    """Creating a segment that turns out to be there is ours if it holds our bytes, and somebody else's otherwise."""
    there = Position(4, "v1")
    assert run([Refused(ERROR), Found(there), Read(b"data")], NOTHING)[-1] == Committed(there)
    assert run([Refused(ERROR), Found(there), Read(b"thei")], NOTHING)[-1] == Fenced(there)
    assert run([Refused(ERROR), Found(Position(0, "v1"))], NOTHING)[-1] == Fenced(Position(0, "v1"))


@pytest.mark.parametrize("outcome", [Refused(ERROR), Unknown(ERROR)])
def test_creation_that_ended_before_the_first_byte(outcome: Outcome) -> None:
    """Where segments grow in place, one that was only made takes the append; whose it is shows in what is written there."""
    empty = Position(0, "v1")
    actions = run([outcome, Found(empty), Woken(), Refused(ERROR), Found(END), Read(b"else")], NOTHING, in_place=True)
    assert actions[2:4] == [Sleep(0.05), Append(empty)]
    assert actions[-1] == Fenced(END)


def test_the_window() -> None:
    """Waits grow, and end when the window does; then it begins again with short ones."""
    machine = Commit(b"data", AT, RetryPolicy(window_seconds=30.0))
    now, waits = 0.0, []
    action = machine.step(Begin(), now, 0.0)
    while not isinstance(action, GaveUp):
        if isinstance(action, Sleep):
            waits.append(action.seconds)
            now += action.seconds
            action = machine.step(Woken(), now, 0.0)
        else:
            action = machine.step(Unavailable(ERROR), now, 0.0)
    assert waits[:4] == [0.05, 0.1, 0.2, 0.4]
    assert max(waits) == 5.0
    assert 20.0 < now <= 30.0
    assert len(waits) == machine.retries
    assert machine.step(Begin(), now, 0.0) == Append(AT)
    assert machine.step(Unavailable(ERROR), now, 0.0) == Sleep(0.05)


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded(attempt: int, jitter: float) -> None:
    """However long storage is away."""
    assert 0.05 <= RetryPolicy(60.0).wait(attempt, jitter) <= 10.0


@dataclass(slots=True)
class ModelStorage:
    """Storage that keeps the precondition, and fails as it is told: before the effect, after it, or with a foreign write first."""

    faults: list[str]
    content: bytes = b"0123456789"
    version: int = 1
    late: list[tuple[bytes, Position]] = field(default_factory=list)

    @property
    def position(self) -> Position:
        return Position(len(self.content), str(self.version))

    def write(self, data: bytes, at: Position) -> bool:
        if at != self.position:
            return False
        self.content += data
        self.version += 1
        return True

    def answer(self, action: Action, data: bytes) -> Outcome:
        fault = self.faults.pop(0) if self.faults else "none"
        if fault == "late":
            for request, at in self.late:  # a request that hung in the network arrives after all
                self.write(request, at)
        if fault == "before":
            return Unavailable(ERROR)
        if isinstance(action, Append):
            data = data[action.stored :]
            if fault == "torn":
                self.write(data[:1], action.at)
                return Unknown(ERROR)
            if fault == "cut":  # somebody resumes, and takes a torn record off
                self.content = self.content[: max(10, len(self.content) - 1)]
            if fault == "hang":
                self.late.append((data, action.at))
                return Unknown(ERROR)
            if fault == "foreign":
                self.write(b"foreign", self.position)
            stored = self.write(data, action.at)
            if fault == "behind":  # stored, and somebody resumed behind it before we looked
                self.write(b"foreign", self.position)
                return Unknown(ERROR)
            if fault == "resent":  # the client sent it twice
                stored = self.write(data, action.at)
            if fault == "after":
                return Unknown(ERROR)
            return Stored(self.position) if stored else Refused(ERROR)
        if fault == "after":
            return Unknown(ERROR)
        if isinstance(action, Probe):
            return Found(self.position)
        assert isinstance(action, ReadBack)
        return Read(self.content[action.start : action.stop])


@given(st.lists(st.sampled_from(["none", "before", "after", "hang", "late", "resent", "foreign", "behind"]), max_size=12))
def test_never_lost_never_doubled(faults: list[str]) -> None:
    """Committed means stored exactly once; fenced means not stored, and a foreign write was there."""
    storage = ModelStorage(list(faults))
    action = play(storage, Commit(b"data", storage.position, RetryPolicy(window_seconds=5.0)))
    if isinstance(action, Committed):
        assert storage.content.count(b"data") == 1
        assert action.overtaken or action.position.offset == 14
        assert storage.content[10:14] == b"data"
        assert action.overtaken == (len(storage.content) > 14)
    else:
        assert isinstance(action, Fenced)
        assert action.stored == 0
        assert b"foreign" in storage.content
        assert b"data" not in storage.content


FAULTS = ["none", "before", "after", "hang", "late", "resent", "foreign", "behind", "torn", "cut"]


@given(st.lists(st.sampled_from(FAULTS), max_size=12))
def test_nothing_is_there_twice_where_appends_are_torn(faults: list[str]) -> None:
    """Committed means stored exactly once, in one piece; fenced says how much of it is stored."""
    storage = ModelStorage(list(faults))
    action = play(storage, Commit(b"data", storage.position, RetryPolicy(window_seconds=5.0), grows_in_place=True))
    if isinstance(action, Committed):
        assert storage.content[10:14] == b"data"
        assert action.overtaken == (len(storage.content) > 14)
    else:
        assert isinstance(action, Fenced)
        assert storage.content[10 : 10 + action.stored] == b"data"[: action.stored]
        assert storage.content[10:14] != b"data"
        assert storage.content[10 + action.stored : 11 + action.stored] != b"data"[action.stored : action.stored + 1]


def play(storage: ModelStorage, machine: Commit) -> Action:
    """Go on until the machine has a result, and let everything arrive that is late."""
    now = 0.0
    outcome: Outcome = Begin()
    action = machine.step(outcome, now, 0.5)
    for _ in range(200):
        if isinstance(action, Committed | Fenced):
            break
        if isinstance(action, Sleep):
            now += action.seconds
            outcome = Woken()
        elif isinstance(action, GaveUp):
            outcome = Begin()
        else:
            outcome = storage.answer(action, b"data")
        action = machine.step(outcome, now, 0.5)
    for request, at in storage.late:
        storage.write(request, at)
    return action
