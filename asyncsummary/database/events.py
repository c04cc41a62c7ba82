"""Which Event was a row? The way back, for those who want event files of a database. Pure.

What TensorFlow writes for a kind of summary becomes that kind again. A histogram in a database has no minimum, maximum and sums any more;
they are estimated from its buckets. Whatever looks otherwise stays the tensor that it is, with its metadata.
"""

import struct

import numpy as np

from asyncsummary.database.rows import SMALLEST_NORMAL, Metadata
from asyncsummary.database.tensors import DOUBLE, Tensor, number_of, proto_of
from asyncsummary.protos import Audio, Event, HistogramProto, Image, PluginData, Summary, SummaryMetadata, TensorProto, Value
from asyncsummary.values.buckets import LARGEST
from asyncsummary.values.tensor import STRING

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_COLORS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Channels, by the colour type in a PNG's header."""
_PNG_COLOR_AT = 25
_WAV_HEADER = struct.Struct("<4xI8xIHHIIHH4xI")  # the same fields as values/audio.py writes
_KINDS = {"simple_value": "scalars", "histo": "histograms", "image": "images", "audio": "audio"}


def event_of_row(tag: str, metadata: Metadata, step: int, time: float, tensor: Tensor) -> bytes:
    """Return the serialised Event of a row of Tensors."""
    value = _legacy(metadata.plugin_name, tensor) or Value(tensor=proto_of(tensor))
    value.tag = tag
    kind = value.WhichOneof("value") or ""
    if metadata != Metadata(_KINDS.get(kind, "")):  # what was not there in the first place is not put in
        value.metadata.CopyFrom(
            SummaryMetadata(
                plugin_data=PluginData(plugin_name=metadata.plugin_name, content=metadata.plugin_data),
                display_name=metadata.display_name,
                summary_description=metadata.description,
            )
        )
    return Event(wall_time=time, step=step, summary=Summary(value=[value])).SerializeToString()


def _legacy(plugin: str, tensor: Tensor) -> Value | None:
    """Return the value as its kind's own message, None if it has to be a tensor."""
    match plugin:
        case "scalars":
            return _scalar(tensor)
        case "histograms":
            histogram = _histogram(tensor)
            return None if histogram is None else Value(histo=histogram)
        case "images":
            image = _image(tensor)
            return None if image is None else Value(image=image)
        case "audio":
            audio = _audio(tensor)
            return None if audio is None else Value(audio=audio)
        case _:
            return None


def _scalar(tensor: Tensor) -> Value | None:
    """Return float32 where that is exact; a double where only that is, which readers of scalars know, too."""
    number = number_of(tensor)
    if number is None or np.iscomplexobj(number):
        return None
    if tensor.dtype != DOUBLE and _is_float32(number):
        return Value(simple_value=float(number))
    proto = TensorProto(dtype=DOUBLE, tensor_content=np.array(number, "<f8").tobytes())
    proto.tensor_shape.SetInParent()
    return Value(tensor=proto)


def _is_float32(number: np.generic) -> bool:
    """Whether float32 holds just this number, which is an integer, or a float of no more bits."""
    return number.dtype.kind == "f" or int(np.float32(number)) == int(number)


def _histogram(tensor: Tensor) -> HistogramProto | None:
    if tensor.dtype != DOUBLE or not tensor.shape.endswith(",3") or not tensor.data:
        return None
    lefts, rights, counts = np.frombuffer(tensor.data, "<f8").reshape(-1, 3).T
    if lefts[0] != SMALLEST_NORMAL or not (lefts[1:] == rights[:-1]).all():
        return None  # of another writer's making, TensorFlow 2 for one
    used = np.flatnonzero(counts)
    found = HistogramProto(min=LARGEST, max=-LARGEST, bucket_limit=rights.tolist(), bucket=counts.tolist())
    if not used.size:
        return found
    edges = np.concatenate([[-LARGEST], rights])
    low, high, weights = edges[used], edges[used + 1], counts[used]
    found.min, found.max, found.num = float(low[0]), float(high[-1]), float(weights.sum())
    # The outermost buckets reach to the largest double, which says nothing of the values in them.
    middles = np.where(high == LARGEST, low, np.where(low == -LARGEST, high, low / 2 + high / 2))
    found.sum, found.sum_squares = float((weights * middles).sum()), float((weights * middles * middles).sum())
    return found


def _image(tensor: Tensor) -> Image | None:
    if tensor.dtype != STRING or len(tensor.strings) != 3:
        return None
    width, height, png = tensor.strings
    if not (width.isdigit() and height.isdigit() and png.startswith(_PNG_SIGNATURE) and len(png) > _PNG_COLOR_AT):
        return None
    return Image(height=int(height), width=int(width), colorspace=_PNG_COLORS.get(png[_PNG_COLOR_AT], 0), encoded_image_string=png)


def _audio(tensor: Tensor) -> Audio | None:
    if tensor.dtype != STRING or len(tensor.strings) != 2 or tensor.strings[1]:
        return None
    wav = tensor.strings[0]
    if not wav.startswith(b"RIFF") or len(wav) < _WAV_HEADER.size:
        return None
    _, _, _, channels, rate, _, width, _, size = _WAV_HEADER.unpack_from(wav)
    if not width:
        return None
    return Audio(sample_rate=rate, num_channels=channels, length_frames=size // width, encoded_audio_string=wav, content_type="audio/wav")
