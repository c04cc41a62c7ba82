"""The types of the messages that ``protos.py`` builds at run time."""

from collections.abc import Iterable
from typing import Literal

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.message import Message

START: Literal[1]
STOP: Literal[2]
CHECKPOINT: Literal[3]

class SourceMetadata(Message):
    writer: str
    def __init__(self, *, writer: str = ...) -> None: ...

class LogMessage(Message):
    level: int
    message: str
    def __init__(self, *, level: int = ..., message: str = ...) -> None: ...

class SessionLog(Message):
    status: int
    checkpoint_path: str
    msg: str
    def __init__(self, *, status: int = ..., checkpoint_path: str = ..., msg: str = ...) -> None: ...

class TaggedRunMetadata(Message):
    tag: str
    run_metadata: bytes
    def __init__(self, *, tag: str = ..., run_metadata: bytes = ...) -> None: ...

class RunMetadata(Message):
    step_stats: bytes
    cost_graph: bytes
    def __init__(self, *, step_stats: bytes = ..., cost_graph: bytes = ...) -> None: ...

class Image(Message):
    height: int
    width: int
    colorspace: int
    encoded_image_string: bytes
    def __init__(self, *, height: int = ..., width: int = ..., colorspace: int = ..., encoded_image_string: bytes = ...) -> None: ...

class Audio(Message):
    sample_rate: float
    num_channels: int
    length_frames: int
    encoded_audio_string: bytes
    content_type: str
    def __init__(
        self,
        *,
        sample_rate: float = ...,
        num_channels: int = ...,
        length_frames: int = ...,
        encoded_audio_string: bytes = ...,
        content_type: str = ...,
    ) -> None: ...

class HistogramProto(Message):
    min: float
    max: float
    num: float
    sum: float
    sum_squares: float
    @property
    def bucket_limit(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def bucket(self) -> RepeatedScalarFieldContainer[float]: ...
    def __init__(
        self,
        *,
        min: float = ...,
        max: float = ...,
        num: float = ...,
        sum: float = ...,
        sum_squares: float = ...,
        bucket_limit: Iterable[float] = ...,
        bucket: Iterable[float] = ...,
    ) -> None: ...

class PluginData(Message):
    plugin_name: str
    content: bytes
    def __init__(self, *, plugin_name: str = ..., content: bytes = ...) -> None: ...

class SummaryMetadata(Message):
    display_name: str
    summary_description: str
    data_class: int
    @property
    def plugin_data(self) -> PluginData: ...
    def __init__(
        self, *, plugin_data: PluginData | None = ..., display_name: str = ..., summary_description: str = ..., data_class: int = ...
    ) -> None: ...

class Dim(Message):
    size: int
    name: str
    def __init__(self, *, size: int = ..., name: str = ...) -> None: ...

class NodeDef(Message):
    name: str
    op: str
    device: str
    @property
    def input(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(self, *, name: str = ..., op: str = ..., input: Iterable[str] = ..., device: str = ...) -> None: ...

class GraphDef(Message):
    @property
    def node(self) -> RepeatedCompositeFieldContainer[NodeDef]: ...
    def __init__(self, *, node: Iterable[NodeDef] = ...) -> None: ...

class MetaGraphDef(Message):
    graph_def: bytes
    def __init__(self, *, graph_def: bytes = ...) -> None: ...

class TensorShapeProto(Message):
    @property
    def dim(self) -> RepeatedCompositeFieldContainer[Dim]: ...
    def __init__(self) -> None: ...

class TensorProto(Message):
    dtype: int
    tensor_content: bytes
    @property
    def tensor_shape(self) -> TensorShapeProto: ...
    @property
    def float_val(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def double_val(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def int_val(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def string_val(self) -> RepeatedScalarFieldContainer[bytes]: ...
    @property
    def scomplex_val(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def int64_val(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def dcomplex_val(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def half_val(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def uint32_val(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def uint64_val(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(
        self,
        *,
        dtype: int = ...,
        tensor_shape: TensorShapeProto | None = ...,
        tensor_content: bytes = ...,
        float_val: Iterable[float] = ...,
        double_val: Iterable[float] = ...,
        int_val: Iterable[int] = ...,
        string_val: Iterable[bytes] = ...,
        scomplex_val: Iterable[float] = ...,
        int64_val: Iterable[int] = ...,
        dcomplex_val: Iterable[float] = ...,
        half_val: Iterable[int] = ...,
        uint32_val: Iterable[int] = ...,
        uint64_val: Iterable[int] = ...,
    ) -> None: ...

class Value(Message):
    tag: str
    node_name: str
    simple_value: float
    @property
    def image(self) -> Image: ...
    @property
    def histo(self) -> HistogramProto: ...
    @property
    def audio(self) -> Audio: ...
    @property
    def tensor(self) -> TensorProto: ...
    @property
    def metadata(self) -> SummaryMetadata: ...
    def __init__(
        self,
        *,
        tag: str = ...,
        node_name: str = ...,
        simple_value: float = ...,
        image: Image | None = ...,
        histo: HistogramProto | None = ...,
        audio: Audio | None = ...,
        tensor: TensorProto | None = ...,
        metadata: SummaryMetadata | None = ...,
    ) -> None: ...

class Summary(Message):
    @property
    def value(self) -> RepeatedCompositeFieldContainer[Value]: ...
    def __init__(self, *, value: Iterable[Value] = ...) -> None: ...

class Event(Message):
    wall_time: float
    step: int
    file_version: str
    graph_def: bytes
    meta_graph_def: bytes
    @property
    def summary(self) -> Summary: ...
    @property
    def log_message(self) -> LogMessage: ...
    @property
    def session_log(self) -> SessionLog: ...
    @property
    def tagged_run_metadata(self) -> TaggedRunMetadata: ...
    @property
    def source_metadata(self) -> SourceMetadata: ...
    def __init__(
        self,
        *,
        wall_time: float = ...,
        step: int = ...,
        file_version: str = ...,
        graph_def: bytes = ...,
        meta_graph_def: bytes = ...,
        summary: Summary | None = ...,
        log_message: LogMessage | None = ...,
        session_log: SessionLog | None = ...,
        tagged_run_metadata: TaggedRunMetadata | None = ...,
        source_metadata: SourceMetadata | None = ...,
    ) -> None: ...
