"""May these bytes go into an event file as they are? For ``import_event``."""

import math

from google.protobuf.message import DecodeError

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import Event


def event_bytes(event: object) -> bytes:
    """Return a private copy of a serialised Event; unknown fields and odd encodings stay as they are.

    Raises:
        InvalidTypeError: not bytes, bytearray or memoryview (a message must be serialised by whoever knows its type).
        InvalidSummaryError: bytes that are no Event, or one whose wall_time is not finite, behind which TensorBoard's Rust reader
            drops the rest of the file.
    """
    if not isinstance(event, bytes | bytearray | memoryview):
        raise InvalidTypeError(f"event: must be a serialised Event as bytes, got {type(event).__name__}; call its SerializeToString()")
    data = bytes(event)
    try:
        parsed = Event.FromString(data)
    except DecodeError as error:
        raise InvalidSummaryError(f"event: these {len(data)} bytes are no serialised Event: {error}") from error
    if not math.isfinite(parsed.wall_time):
        raise InvalidSummaryError(f"event: wall_time is {parsed.wall_time}; readers would drop what follows it")
    return data
