"""Tag naming: the cases that were seen in tf.contrib.summary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary import tags
from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.tags import TagTable, clean, tag_of


@pytest.mark.parametrize(
    ("name", "family", "scope", "tag"),
    [
        ("a b", None, "", "a_b"),
        ("a:b", None, "", "a_b"),
        ("a\nb", None, "", "a_b"),
        ("!!!", None, "", "___"),
        (" ", None, "", "_"),
        ("w b!", None, "", "w_b_"),
        ("/a", None, "", "a"),
        ("//a", None, "", "a"),
        ("a/", None, "", "a"),
        ("a//b", None, "", "a//b"),
        ("a.b-c_d/e", None, "", "a.b-c_d/e"),
        ("", None, "", ""),
        ("weird name!:/é x", None, "", "weird_name__/é_x"),
        ("中", None, "", "中"),
        ("a", "fam", "", "fam/fam/a"),
        ("a", "fam", "outer", "fam/outer/fam/a"),
        ("a", None, "outer", "outer/a"),
        ("a", None, "outer/inner", "outer/inner/a"),
        ("a", "", "", "//a"),
        ("a", "fam/", "", "fam//fam//a"),
        ("a", "/fam", "", "fam/fam/a"),
        ("a", "f m", "", "f_m/f_m/a"),
        ("", "f", "", "f/f"),
    ],
)
def test_names(name: str, family: str | None, scope: str, tag: str) -> None:
    """Each as the original names it."""
    assert tag == tag_of(name, family, scope)


@pytest.mark.parametrize("name", [None, 3, b"bytes", ["a"], 1.5])
def test_a_tag_that_is_not_str(name: object) -> None:
    """Is refused in words that show it."""
    with pytest.raises(InvalidTypeError, match="name: a tag must be a str") as caught:
        tag_of(name)
    assert caught.value.tag == name
    with pytest.raises(InvalidTypeError):
        TagTable().number(name, None, "")


def test_a_number_of_many_digits() -> None:
    """Cannot be shown, and is refused nevertheless."""
    for name, family in ((10**5000, None), ("loss", 10**5000)):
        with pytest.raises(InvalidTypeError, match="got <int> of type int"):
            tag_of(name, family)


@pytest.mark.parametrize("family", [3, b"f", ["f"]])
def test_a_family_that_is_not_str(family: object) -> None:
    """Is refused in words that name the tag."""
    with pytest.raises(InvalidTypeError, match="family of tag 'loss'"):
        tag_of("loss", family)
    with pytest.raises(InvalidTypeError, match="family of tag 'loss'"):
        TagTable().number("loss", family, "")


def test_a_tag_that_utf8_cannot_say() -> None:
    """A lone surrogate, which some file names hold, is cleaned like any other odd character; in a scope it is refused."""
    assert clean("a\ud800") == "a_"
    with pytest.raises(InvalidSummaryError, match="UTF-8"):
        tag_of("a", None, "\ud800")


def test_numbers() -> None:
    """One number for each tag, however it was given."""
    table = TagTable()
    assert [
        table.number("a", None, ""),
        table.number("b", None, ""),
        table.number("a", None, ""),
        table.number("c", "f", "s"),
        table.number("/b", None, ""),
        table.number("c", "f", "s"),
    ] == [0, 1, 0, 2, 1, 2]
    assert table.names == ["a", "b", "f/s/f/c"]
    assert table.encoded == [b"a", b"b", b"f/s/f/c"]
    assert len(table) == 3


@given(st.lists(st.integers(0, 3), max_size=50), st.integers(1, 9))
def test_bytes_of_the_first_scalars(numbers: list[int], piece: int) -> None:
    """As one by one, wherever pieces end."""
    table = TagTable()
    for name in ("a", "bc", "def/ghi", "b"):
        table.number(name, None, "")
    expected = [sum(table.sizes[number] for number in numbers[:count]) for count in range(len(numbers) + 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tags, "_PIECE", piece)
        assert table.ends_of(np.array(numbers, np.int32)).tolist() == expected
    assert table.total(np.array(numbers, np.int32)) == expected[-1]
