"""Names of segments: they sort in the order of reading, whatever the clock and the host do."""

from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.segments import event_files, is_ours, next_name


def test_form() -> None:
    """Seconds, host, process, sequence, and the suffix as it is given."""
    name = next_name(1795171448.9, "host-1", 42, 7, ".v2", None)
    assert (name.name, name.seconds) == ("events.out.tfevents.1795171448.host-1.42.000007.v2", 1795171448)
    assert next_name(5.0, "host", 1, 0, "", None).name == "events.out.tfevents.0000000005.host.1.000000"


def test_odd_hosts() -> None:
    """A name stays one path component."""
    assert next_name(5.0, "a/b", 1, 0, "", None).name == "events.out.tfevents.0000000005.a_b.1.000000"
    assert next_name(5.0, "", 1, 0, "", None).name == "events.out.tfevents.0000000005.localhost.1.000000"


@given(st.lists(st.tuples(st.floats(0, 9e9), st.text("ab.", max_size=3), st.integers(1, 99), st.integers(0, 9)), min_size=1, max_size=20))
def test_names_only_go_up(moments: list[tuple[float, str, int, int]]) -> None:
    """Also when the clock goes back, and when another host or process goes on."""
    last: str | None = None
    for now, host, pid, sequence in moments:
        name = next_name(now, host, pid, sequence, ".v2", last)
        assert last is None or name.name > last
        assert is_ours(name.name)
        assert f".{name.seconds:010d}." in name.name
        last = name.name


def test_after_a_file_of_another_kind() -> None:
    """Its name has no seconds to go by; ours still sorts after it where it can."""
    assert next_name(5.0, "h", 1, 0, "", "custom.tfevents").name.startswith("events.out.tfevents.")


def test_event_files() -> None:
    """What TensorBoard reads, in its order."""
    names = ["b.tfevents", "notes.txt", "events.out.tfevents.1.h", "a.tfevents.x", "x.tfevents.y.profile-empty"]
    assert event_files(names) == ["a.tfevents.x", "b.tfevents", "events.out.tfevents.1.h"]
    assert not is_ours("a.tfevents.x")
