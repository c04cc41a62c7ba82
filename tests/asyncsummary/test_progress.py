"""Progress: what is dropped out of its turn is settled at once, and stands for nothing older."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.progress import Progress


@pytest.mark.parametrize(
    ("moves", "total", "up_to"),
    [
        ([("settle", 3)], 3, 3),
        ([("drop", 0, 3)], 3, 3),  # nothing older was on its way
        ([("drop", 4, 3)], 3, 0),  # four are
        ([("drop", 4, 3), ("settle", 3)], 6, 3),
        ([("drop", 4, 3), ("settle", 4)], 7, 7),
        ([("drop", 4, 3), ("settle", 5)], 8, 8),
        ([("drop", 4, 3), ("drop", 7, 2), ("settle", 4)], 9, 9),  # several in a row
        ([("drop", 4, 3), ("drop", 9, 1), ("settle", 4)], 8, 7),  # two were taken in between
        ([("drop", 4, 3), ("drop", 9, 1), ("settle", 4), ("settle", 2)], 10, 10),
        ([("drop", 4, 3), ("drop", 9, 1), ("settle", 6)], 10, 10),
        ([("settle", 2), ("drop", 2, 1), ("settle", 1)], 4, 4),
    ],
)
def test_some_are_dropped_out_of_turn(moves: list[tuple[str, int]], total: int, up_to: int) -> None:
    """All count at once, but in order only when everything before them is settled."""
    progress = Progress()
    for name, *numbers in moves:
        getattr(progress, name)(*numbers)
    assert (progress.total, progress.up_to) == (total, up_to)


@pytest.mark.parametrize(("target", "left"), [(0, 0), (4, 4), (5, 4), (7, 4), (8, 5), (10, 6)])
def test_left_of_a_target_among_the_dropped(target: int, left: int) -> None:
    """Those that are dropped are not left, on whichever side of it the others are."""
    progress = Progress()
    progress.drop(4, 3)
    progress.drop(9, 1)
    assert progress.left(target) == left


@given(st.lists(st.tuples(st.sampled_from("atds"), st.integers(1, 9)), max_size=60))
def test_any_history(history: list[tuple[str, int]]) -> None:
    """Acceptances, takes, drops and settlements in any order, compared with a list that has each summary by itself."""
    progress = Progress()
    states: list[str] = []
    for move, count in history:
        chosen: list[int] = []
        if move == "a":
            states += ["waiting"] * count
        elif move == "t":
            states = [state.replace("waiting", "taken") for state in states]
        elif move == "d":
            chosen = [number for number, state in enumerate(states) if state == "waiting"][:count]
            if chosen:
                progress.drop(chosen[0], len(chosen))
        elif move == "s":
            chosen = [number for number, state in enumerate(states) if state == "taken"][:count]
            progress.settle(len(chosen))
        for number in chosen:
            states[number] = "settled"
        assert progress.total == states.count("settled")
        first = next((number for number, state in enumerate(states) if state != "settled"), len(states))
        assert progress.up_to == first
        for target in range(len(states) + 1):
            assert progress.left(target) == target - states[:target].count("settled")
