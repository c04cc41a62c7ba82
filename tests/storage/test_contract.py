"""The contract that every backend keeps: one suite, over all of them."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asyncsummary_storage import (
    NOTHING,
    Entry,
    Fault,
    FaultyFolder,
    Folder,
    OutcomeUnknownError,
    Position,
    PreconditionFailedError,
    Script,
    SegmentMissingError,
    UnsupportedError,
    When,
)
from tests.storage import backends
from tests.storage.backends import Place
from tests.support.servers import MotoServer

NAMES = [
    "memory",
    "faultless",
    "local",
    "local-fsync",
    "s3",
    "s3-tls",
    "s3-fake",
    "s3-express-fake",
    "gcs",
    "fsspec-appending",
    "fsspec-rewriting",
]


@pytest.fixture(params=NAMES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """A place of each backend, empty."""
    name: str = request.param
    if name.startswith("local"):
        backend = backends.local(tmp_path, fsync=name.endswith("fsync"))
    elif name in {"s3", "s3-tls"}:
        moto: MotoServer = request.getfixturevalue("moto" if name == "s3" else "secure_moto")
        backend = backends.s3(moto)
    else:
        backend = getattr(backends, name.replace("-", "_"))
    async with backend() as made:
        yield made


@contextlib.asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Folder]:
    folder = place.make_folder()
    await folder.open()
    try:
        yield folder
    finally:
        await folder.close()


async def test_a_new_folder_is_empty(place: Place) -> None:
    """Opening makes nothing that a reader would see."""
    async with opened(place) as folder:
        assert await folder.entries() == []
        assert await folder.segment("a").probe() == NOTHING


async def test_opening_lists_the_folder(place: Place) -> None:
    """What is there is known at once, without another request; opening again shows what has come."""
    async with opened(place) as folder:
        await folder.segment("b").append(b"12", NOTHING)
        await folder.segment("a").append(b"1", NOTHING)
        assert await folder.open() == [Entry("a", 1), Entry("b", 2)]


async def test_appends_follow_one_another(place: Place) -> None:
    """Each append returns where the segment ends, and the bytes are there for a reader that comes later."""
    async with opened(place) as folder:
        segment = folder.segment("a")
        assert place.growth is segment.growth
        assert segment.name == "a"
        position = NOTHING
        for index in range(4):
            position = await segment.append(b"%d" % index * 10, position)
            assert 10 * (index + 1) == position.offset
            assert position == await segment.probe()
    async with opened(place) as folder:
        assert [(entry.name, entry.size) for entry in await folder.entries()] == [("a", 40)]
        assert await folder.segment("a").read(0, 100) == b"0" * 10 + b"1" * 10 + b"2" * 10 + b"3" * 10


async def test_every_byte_value_survives(place: Place) -> None:
    """Bytes are bytes."""
    data = bytes(range(256)) * 3 + b"\r\n--==0==\r\n"
    async with opened(place) as folder:
        await folder.segment("a").append(data, NOTHING)
        assert data == await folder.segment("a").read(0, len(data))


async def test_read_of_a_range(place: Place) -> None:
    """A range is exact, ends where the segment ends, and may be empty."""
    async with opened(place) as folder:
        segment = folder.segment("a")
        await segment.append(b"0123456789", NOTHING)
        assert await segment.read(3, 6) == b"345"
        assert await segment.read(8, 20) == b"89"
        assert await segment.read(4, 4) == b""
        assert await segment.read(10, 20) == b""
        assert await segment.read(15, 20) == b""


async def test_read_of_an_empty_segment(place: Place) -> None:
    """Is empty; and another process that knew it longer is told that it is another."""
    async with opened(place) as folder, opened(place) as other:
        first = await other.put("a", b"text", NOTHING)
        empty = await folder.put("a", b"", first)
        assert await folder.segment("a").read(0, 10) == b""
        with pytest.raises(PreconditionFailedError):
            await other.segment("a").append(b"more", first)
        end = await folder.segment("a").append(b"text", empty)
        assert await folder.segment("a").read(0, end.offset) == b"text"


async def test_read_of_a_missing_segment(place: Place) -> None:
    """Says so in one of our errors."""
    async with opened(place) as folder:
        with pytest.raises(SegmentMissingError):
            await folder.segment("missing").read(0, 10)


async def test_creating_what_exists_is_refused(place: Place) -> None:
    """An append at NOTHING never overwrites."""
    async with opened(place) as one, opened(place) as other:
        position = await one.segment("a").append(b"mine", NOTHING)
        with pytest.raises(PreconditionFailedError):
            await other.segment("a").append(b"theirs", NOTHING)
        assert await other.segment("a").read(0, 10) == b"mine"
        assert position == await one.segment("a").probe()


async def test_append_under_a_stale_position_is_refused(place: Place) -> None:
    """Whoever comes second at a position is told, and nothing of it is stored; the first goes on."""
    async with opened(place) as one, opened(place) as other:
        mine = one.segment("a")
        start = await mine.append(b"start ", NOTHING)
        first = await mine.append(b"first ", start)
        with pytest.raises(PreconditionFailedError):
            await other.segment("a").append(b"second", start)
        await mine.append(b"again", first)
        assert await mine.read(0, 100) == b"start first again"


async def test_append_to_what_is_missing_is_refused(place: Place) -> None:
    """A segment that vanished is not begun again in the middle."""
    async with opened(place) as folder:
        end = await folder.segment("other").append(b"text", NOTHING)
        for at in (end, Position(0, end.version)):
            with pytest.raises(PreconditionFailedError):
                await folder.segment("a").append(b"more", at)
        assert [entry.name for entry in await folder.entries()] == ["other"]


async def test_another_process_goes_on(place: Place) -> None:
    """A position found by probing serves an append, and the content before it stays."""
    async with opened(place) as folder:
        await folder.segment("a").append(b"before ", NOTHING)
    async with opened(place) as folder:
        segment = folder.segment("a")
        end = await segment.append(b"after", await segment.probe())
        assert end.offset == 12
        assert await segment.read(0, 100) == b"before after"


async def test_a_lost_position_can_be_taken_up_again(place: Place) -> None:
    """After an append whose answer was lost, probing gives the position for the next one; nothing doubles."""
    async with opened(place) as folder:
        segment = folder.segment("a")
        await segment.append(b"one ", NOTHING)
        found = await segment.probe()
        await segment.append(b"two", found)
        assert await segment.read(0, 100) == b"one two"


async def test_a_lost_reply_to_a_stored_append(place: Place) -> None:
    """Is found out by looking, and not doubled by trying again: the old position is refused, the new one holds our bytes."""
    script = Script()
    folder = FaultyFolder(place.make_folder(), script)
    await folder.open()
    segment = folder.segment("a")
    for position, data in ((NOTHING, b"one "), (None, b"two ")):
        at = position if position is not None else await segment.probe()
        script.then(Fault("append", When.AFTER))
        with pytest.raises(OutcomeUnknownError):
            await segment.append(data, at)
        with pytest.raises(PreconditionFailedError):
            await segment.append(data, at)
        found = await segment.probe()
        assert found.offset == at.offset + len(data)
        assert await segment.read(at.offset, found.offset) == data
    await segment.append(b"three", await segment.probe())
    assert await segment.read(0, 100) == b"one two three"
    await folder.close()


async def test_entries_are_sorted_and_direct(place: Place) -> None:
    """Names come in the order in which readers take them, without what lies in folders below."""
    async with opened(place) as folder:
        for name in ("b", "a.1", "a", "c"):
            await folder.segment(name).append(b"x", NOTHING)
        assert [entry.name for entry in await folder.entries()] == ["a", "a.1", "b", "c"]


async def test_a_marker_of_the_folder_is_no_segment(place: Place) -> None:
    """Consoles of object storages make folders by an empty object of the folder's name."""
    async with opened(place) as folder:
        if place.struck is not None:
            place.struck.overwrite("", b"")
            place.struck.overwrite("below/a", b"text")
        assert await folder.entries() == []


async def test_cut(place: Place) -> None:
    """A segment is shortened where that is possible, under the same precondition, or not at all."""
    async with opened(place) as folder:
        segment = folder.segment("a")
        end = await segment.append(b"whole torn", NOTHING)
        assert place.can_cut or not folder.terms.can_cut
        if not place.can_cut:
            with pytest.raises(UnsupportedError):
                await segment.cut(end, 5)
            return
        shorter = await segment.cut(end, 5)
        assert shorter.offset == 5
        with pytest.raises(PreconditionFailedError):
            await segment.cut(end, 2)
        await segment.append(b" again", shorter)
        assert await segment.read(0, 100) == b"whole again"


async def test_terms(place: Place) -> None:
    """A segment and its folder say the same about growth; what is below ``extend_from`` cannot be extended, and stays as it is."""
    async with opened(place) as folder:
        assert place.growth is folder.terms.growth
        segment = folder.segment("a")
        with pytest.raises(UnsupportedError):
            await segment.extend(b"text", NOTHING)
        end = await segment.append(b"text", NOTHING)
        terms = folder.terms
        with pytest.raises(UnsupportedError):
            await segment.extend(b" more", end)
        assert terms == folder.terms
        assert end == await segment.probe()


async def test_sweeping_removes_no_segment(place: Place) -> None:
    """Whatever its age."""
    async with opened(place) as folder:
        await folder.segment("a").append(b"text", NOTHING)
        assert await folder.sweep(-3600.0, also_of="a") == 0
        assert await folder.segment("a").read(0, 100) == b"text"


async def test_closing_twice(place: Place) -> None:
    """Does nothing."""
    folder = place.make_folder()
    await folder.open()
    await folder.close()
    await folder.close()
    assert isinstance(folder.url, str)


async def test_put_stores_a_file_as_a_whole(place: Place) -> None:
    """A new one, and then one in place of the old, longer or shorter; it is read as a segment is, and listed beside the segments."""
    async with opened(place) as folder:
        first = await folder.put("index.txt", b"one", NOTHING)
        assert first.offset == 3
        second = await folder.put("index.txt", b"two, which is longer", first)
        third = await folder.put("index.txt", b"3", second)
        assert third == await folder.segment("index.txt").probe()
        assert await folder.segment("index.txt").read(0, 100) == b"3"
        assert [(entry.name, entry.size) for entry in await folder.entries()] == [("index.txt", 1)]


async def test_put_replaces_only_what_it_was_told_to(place: Place) -> None:
    """Nothing where something is, something where nothing is, or another content of the same length: refused, and nothing is stored."""
    async with opened(place) as folder, opened(place) as other:
        with pytest.raises(PreconditionFailedError):
            await folder.put("index.txt", b"x", Position(3, "1"))
        first = await folder.put("index.txt", b"one", NOTHING)
        with pytest.raises(PreconditionFailedError):
            await other.put("index.txt", b"x", NOTHING)
        await other.put("index.txt", b"two", first)
        with pytest.raises(PreconditionFailedError):
            await folder.put("index.txt", b"x", first)
        assert await folder.segment("index.txt").read(0, 100) == b"two"
        assert len(await folder.entries()) == 1
