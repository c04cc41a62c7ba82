"""What people pass to ``scalar`` and ``scalars``, good and bad; and a writer's lane that is never used."""

import math
from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

from asyncsummary.lane import Lane


class Whole:
    """An integer to whoever asks for one."""

    def __index__(self) -> int:
        return 7


class Broken:
    """Raises an error of its own when it is asked for an integer."""

    def __index__(self) -> int:
        raise ValueError("no number today")


names = st.sampled_from(["loss", "a b", "/x", "", "é", np.str_("loss"), 3, None, b"loss", ["loss"]])
numbers = st.one_of(
    st.floats(),
    st.floats(width=32),
    st.integers(),
    st.sampled_from(
        [
            1e39,
            3.4028235e38,
            3.4028236e38,
            -1e39,
            math.nan,
            math.inf,
            True,
            None,
            "1",
            1j,
            np.float64(1e39),
            np.float64(0.5),
            np.float32(2.5),
        ]
    ),
    st.sampled_from(
        [np.float64(0.5), np.float32(2.5), np.array([1.5, 2.0]), np.array([]), np.int64(3), np.bool_(True), np.float16(0.5), 10**400]
    ),
)
steps = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([2**63, -(2**63) - 1, True, 1.0, np.float64(2.0), np.int32(5), np.uint64(2**64 - 1), None, "3", Whole(), Broken()]),
    st.sampled_from([np.array(4), np.array([4]), np.array([4, 5])]),
)
families = st.sampled_from([None, None, "fam", 3])
scopes = st.sampled_from(["", "outer"])


class Deaf(Lane):
    """A lane that never learns a tag."""

    def learn(self, scope: str, family: str | None, numbers: Mapping[str, int]) -> None:
        pass

    def learn_together(self, scope: str, family: str | None, numbers: Mapping[str, int]) -> None:
        pass
