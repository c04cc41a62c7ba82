"""Where does a segment end, and in which version of it? A ``Position`` says both."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """The end of a segment as it was seen last.

    ``offset`` is its length in bytes. ``version`` is the storage's own name for exactly this content (S3: the ETag with its quotes,
    GCS: the generation, local: device and inode); ``None`` says that there is no such segment yet. An append carries the Position it
    follows, and the storage refuses it when the segment no longer ends there.
    """

    offset: int
    version: str | None

    def __post_init__(self) -> None:
        if self.offset < 0:
            raise ValueError(f"offset must not be negative, got {self.offset}")

    @property
    def exists(self) -> bool:
        """Whether a segment was seen at all; an empty file exists, too."""
        return self.version is not None


NOTHING = Position(0, None)
"""The Position of a segment that does not exist: an append at it creates the segment, or is refused if somebody else did."""
