"""Segments that are one object each: what is made of a storage's answers."""

import asyncio

import pytest

from asyncsummary_storage import ContainerMissingError, Entry, Growth, OutcomeUnknownError, Position, Terms, TransientError, objects
from asyncsummary_storage.objects import ObjectSegment
from asyncsummary_storage.position import NOTHING


class Store:
    """A storage that answers as it is told to."""

    terms = Terms(Growth.REWRITE)
    puts_are_whole = True

    def __init__(self, found: Position, listed: "list[Entry] | Exception") -> None:
        self._found = found
        self._listed = listed
        self.asked: list[str] = []

    async def head(self, key: str) -> Position:
        self.asked.append(f"head {key}")
        return self._found

    async def entries(self, prefix: str) -> list[Entry]:
        self.asked.append(f"entries {prefix}")
        if isinstance(self._listed, Exception):
            raise self._listed
        return self._listed

    async def connect(self) -> None:
        raise NotImplementedError

    async def get(self, key: str, start: int, stop: int) -> bytes:
        raise NotImplementedError

    async def put(self, key: str, content: bytes, replacing: Position) -> Position:
        raise NotImplementedError

    async def extend(self, key: str, data: bytes, at: Position) -> Position:
        raise NotImplementedError

    async def sweep(self, prefix: str, older_than_seconds: float, also_of: str | None) -> int:
        raise NotImplementedError

    async def disconnect(self) -> None:
        raise NotImplementedError


async def test_an_object_that_is_there() -> None:
    """One request."""
    store = Store(Position(3, "a"), [])
    assert await ObjectSegment(store, "run/one", "one").probe() == Position(3, "a")
    assert store.asked == ["head run/one"]


@pytest.mark.parametrize(("key", "folder"), [("run/one", "run/"), ("one", "")])
async def test_an_object_that_is_missing(key: str, folder: str) -> None:
    """If the listing says so, too."""
    store = Store(NOTHING, [Entry("one-more", 5)])
    assert await ObjectSegment(store, key, "one").probe() == NOTHING
    assert store.asked == [f"head {key}", f"entries {folder}"]


async def test_a_bucket_that_is_missing() -> None:
    """Is not taken for an object that is missing: what is in it may be there again."""
    store = Store(NOTHING, ContainerMissingError("no bucket"))
    with pytest.raises(ContainerMissingError):
        await ObjectSegment(store, "run/one", "one").probe()


async def test_answers_that_contradict_each_other() -> None:
    """Are none: whoever asks tries again."""
    store = Store(NOTHING, [Entry("one", 5)])
    with pytest.raises(TransientError, match="run/one: is said to be missing, and is listed"):
        await ObjectSegment(store, "run/one", "one").probe()


class Puts(Store):
    """A storage that takes whole objects."""

    def __init__(self) -> None:
        super().__init__(NOTHING, [])
        self.contents: list[bytes] = []

    async def put(self, key: str, content: bytes, replacing: Position) -> Position:
        self.contents.append(content)
        return Position(len(content), str(len(self.contents)))


async def test_a_turn_before_a_large_object_is_put(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cancelled there was not sent; the next append has nothing of it."""
    monkeypatch.setattr(objects, "_LARGE", 4)
    store = Puts()
    segment = ObjectSegment(store, "one", "one")
    at = await segment.append(b"abc", NOTHING)
    cancelled = asyncio.create_task(segment.append(b"never", at))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    at = await segment.append(b"d", at)
    assert (await segment.append(b"efg", at)).offset == 7
    assert store.contents == [b"abc", b"abcd", b"abcdefg"]


class Torn(Store):
    """A storage that truncates an object and then sends it again, which may be cut off after ``size`` bytes."""

    puts_are_whole = False

    def __init__(self) -> None:
        super().__init__(NOTHING, [])
        self.content = b""
        self.size: int | None = None
        self._version = 0

    def store(self, content: bytes) -> Position:
        self.content, self._version = content, self._version + 1
        self._found = Position(len(content), str(self._version))
        return self._found

    async def put(self, key: str, content: bytes, replacing: Position) -> Position:
        self.asked.append(f"put {key}")
        assert replacing == self._found
        end, self.size = self.store(content[: self.size]), None
        if end.offset < len(content):
            raise OutcomeUnknownError("cut off")
        return end

    async def get(self, key: str, start: int, stop: int) -> bytes:
        self.asked.append(f"get {key}")
        return self.content[start:stop]


async def begun(store: Torn) -> ObjectSegment:
    """Return a segment whose second append was cut off."""
    segment = ObjectSegment(store, "one", "one")
    at = await segment.append(b"abc", NOTHING)
    store.size = 2
    with pytest.raises(OutcomeUnknownError):
        await segment.append(b"def", at)
    store.asked.clear()
    return segment


async def test_a_put_that_was_cut_off() -> None:
    """Is ended by whoever looks where the object ends; the next append needs no more requests than ever."""
    store = Torn()
    segment = await begun(store)
    end = await segment.probe()
    assert (store.content, end.offset) == (b"abcdef", 6)
    assert store.asked == ["head one", "get one", "put one"]
    assert end == await segment.probe()
    await segment.append(b"ghi", end)
    assert store.asked[3:] == ["head one", "put one"]
    assert store.content == b"abcdefghi"


async def test_what_another_wrote_meanwhile() -> None:
    """Is left as it is, also where it is shorter than ours."""
    store = Torn()
    segment = await begun(store)
    theirs = store.store(b"abx")
    assert theirs == await segment.probe()
    assert store.content == b"abx"
    assert store.asked == ["head one", "get one"]
