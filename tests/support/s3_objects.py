"""What is in a bucket of the S3 fake, and what may be done to it? Objects, unfinished uploads, and the rules for both."""

import base64
import hashlib
import itertools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

_count = itertools.count(1)


class Refusal(Exception):  # noqa: N818  # an answer of the server, not an error of the fake
    """An answer that is one of the API's errors."""

    def __init__(self, status: int, code: str, extra: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.extra = extra or {}


@dataclass(frozen=True, slots=True)
class Stored:
    """An object, or a part of an upload. ``appends`` counts those that made it."""

    content: bytes
    etag: str
    appends: int = 1

    @property
    def crc32(self) -> str:
        """The checksum as headers give it."""
        return base64.b64encode(zlib.crc32(self.content).to_bytes(4, "big")).decode()


@dataclass(slots=True)
class Upload:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    algorithm: str | None
    parts: dict[int, Stored] = field(default_factory=dict)
    initiated: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class Bucket:
    """A bucket with its rules. ``history`` names each content that an object ever had."""

    name: str
    smallest_part: int
    most_appends: int
    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    history: list[tuple[str, bytes]] = field(default_factory=list)

    def found(self, key: str) -> Stored:
        """Return the object."""
        if key not in self.objects:
            raise Refusal(404, "NoSuchKey")
        return self.objects[key]

    def put(self, key: str, body: bytes, headers: Mapping[str, str], offset: int | None) -> Stored:
        """Store an object, or append to it."""
        _verify(body, headers)
        self._require(key, headers)
        if offset is None:
            return self._store(key, Stored(body, self._etag(body)))
        if not is_directory(self.name):
            raise Refusal(501, "NotImplemented", {"Header": "x-amz-write-offset-bytes"})
        before = self.objects.get(key, Stored(b"", "", 0))
        if offset and key not in self.objects:
            raise Refusal(404, "NoSuchKey")
        if offset != len(before.content):
            raise Refusal(400, "InvalidWriteOffset")
        if before.appends >= self.most_appends:
            raise Refusal(400, "TooManyParts")
        content = before.content + body
        return self._store(key, Stored(content, self._etag(content), before.appends + 1))

    def overwrite(self, key: str, content: bytes) -> None:
        """Replace an object whatever it was, as another writer would."""
        self._store(key, Stored(content, self._etag(content)))

    def begin(self, key: str, algorithm: str | None) -> str:
        """Begin an upload and return its name."""
        name = f"upload-{next(_count):06}"
        self.uploads[name] = Upload(key, algorithm)
        return name

    def upload(self, key: str, name: str) -> Upload:
        """Return an unfinished upload."""
        if name not in self.uploads or self.uploads[name].key != key:
            raise Refusal(404, "NoSuchUpload")
        return self.uploads[name]

    def add_part(self, key: str, name: str, number: int, body: bytes, headers: Mapping[str, str]) -> Stored:
        """Store a part."""
        upload = self.upload(key, name)
        _verify(body, headers)
        upload.parts[number] = Stored(body, _md5(body))
        return upload.parts[number]

    def complete(self, key: str, name: str, wanted: Sequence[Mapping[str, str]], headers: Mapping[str, str]) -> Stored:
        """Make the parts an object."""
        upload = self.upload(key, name)
        self._require(key, headers)
        parts = []
        for given in wanted:
            part = upload.parts.get(int(given["PartNumber"]))
            if part is None or part.etag != given["ETag"]:
                raise Refusal(400, "InvalidPart")
            if upload.algorithm == "CRC32" and given.get("ChecksumCRC32") != part.crc32:
                raise Refusal(400, "InvalidRequest")
            if upload.algorithm is None and "ChecksumCRC32" in given:
                raise Refusal(400, "InvalidPart")
            parts.append(part)
        if any(len(part.content) < self.smallest_part for part in parts[:-1]):
            raise Refusal(400, "EntityTooSmall")
        del self.uploads[name]
        content = b"".join(part.content for part in parts)
        return self._store(key, Stored(content, f'{_md5(content)[:-1]}-{len(parts)}"', len(parts)))

    def listed(self, keys: Sequence[str], prefix: str, delimiter: str) -> tuple[list[str], list[str]]:
        """Return the keys under a prefix and the folders below it. A directory bucket gives them in no order."""
        if is_directory(self.name) and prefix and not prefix.endswith("/"):
            raise Refusal(400, "InvalidRequest")
        items: list[str] = []
        folders: list[str] = []
        for key in (key for key in keys if key.startswith(prefix)):
            inner, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if not found:
                items.append(key)
            elif f"{prefix}{inner}/" not in folders:
                folders.append(f"{prefix}{inner}/")
        return (items[::-1], folders[::-1]) if is_directory(self.name) else (items, folders)

    def _require(self, key: str, headers: Mapping[str, str]) -> None:
        if headers.get("If-None-Match") == "*" and key in self.objects:
            raise Refusal(412, "PreconditionFailed", {"Condition": "If-None-Match"})
        if "If-Match" in headers:
            if key not in self.objects:
                raise Refusal(404, "NoSuchKey")
            if headers["If-Match"] != self.objects[key].etag:
                raise Refusal(412, "PreconditionFailed", {"Condition": "If-Match"})

    def _store(self, key: str, stored: Stored) -> Stored:
        self.objects[key] = stored
        self.history.append((key, stored.content))
        return stored

    def _etag(self, content: bytes) -> str:
        return f'"{next(_count):032x}"' if is_directory(self.name) else _md5(content)


def is_directory(bucket: str) -> bool:
    """Return whether it is a directory bucket, of S3 Express One Zone."""
    return bucket.endswith("--x-s3")


def _verify(body: bytes, headers: Mapping[str, str]) -> None:
    given = headers.get("x-amz-checksum-crc32")
    if given is not None and given != Stored(body, "").crc32:
        raise Refusal(400, "BadDigest")


def _md5(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
