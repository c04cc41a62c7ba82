"""Some hundred histories of writers, crashes and faults: what a state machine can think of, without a promise broken."""

import pytest

from tests.chaos.histories import Histories, search

EXAMPLES = 300


@pytest.mark.parametrize("seed", [1])
def test_no_history_loses_or_doubles_anything(seed: int) -> None:
    """Confirmed is there once, segments only grow, and the search did meet faults, kills and confirmations."""
    search(EXAMPLES, seed)
    assert Histories.examples >= EXAMPLES
    assert Histories.struck > EXAMPLES
    assert Histories.kills > EXAMPLES / 4
    assert Histories.confirmed_in_all > EXAMPLES
