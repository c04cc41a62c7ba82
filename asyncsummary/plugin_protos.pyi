"""The types of the messages that ``plugin_protos.py`` builds at run time."""

from collections.abc import Iterable

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.message import Message

class PrCurvePluginData(Message):
    version: int
    num_thresholds: int
    def __init__(self, *, version: int = ..., num_thresholds: int = ...) -> None: ...

class AudioPluginData(Message):
    version: int
    encoding: int
    def __init__(self, *, version: int = ..., encoding: int = ...) -> None: ...

class MeshPluginData(Message):
    version: int
    name: str
    content_type: int
    json_config: str
    components: int
    @property
    def shape(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(
        self,
        *,
        version: int = ...,
        name: str = ...,
        content_type: int = ...,
        json_config: str = ...,
        shape: Iterable[int] = ...,
        components: int = ...,
    ) -> None: ...

class Layout(Message):
    version: int
    @property
    def category(self) -> RepeatedCompositeFieldContainer[Category]: ...
    def __init__(self, *, version: int = ..., category: Iterable[Category] = ...) -> None: ...

class Category(Message):
    title: str
    closed: bool
    @property
    def chart(self) -> RepeatedCompositeFieldContainer[Chart]: ...
    def __init__(self, *, title: str = ..., chart: Iterable[Chart] = ..., closed: bool = ...) -> None: ...

class Chart(Message):
    title: str
    @property
    def multiline(self) -> MultilineChartContent: ...
    @property
    def margin(self) -> MarginChartContent: ...
    def __init__(
        self, *, title: str = ..., multiline: MultilineChartContent | None = ..., margin: MarginChartContent | None = ...
    ) -> None: ...

class MultilineChartContent(Message):
    @property
    def tag(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(self, *, tag: Iterable[str] = ...) -> None: ...

class MarginChartContent(Message):
    @property
    def series(self) -> RepeatedCompositeFieldContainer[Series]: ...
    def __init__(self, *, series: Iterable[Series] = ...) -> None: ...

class Series(Message):
    value: str
    lower: str
    upper: str
    def __init__(self, *, value: str = ..., lower: str = ..., upper: str = ...) -> None: ...

class HParamsPluginData(Message):
    version: int
    @property
    def experiment(self) -> Experiment: ...
    @property
    def session_start_info(self) -> SessionStartInfo: ...
    @property
    def session_end_info(self) -> SessionEndInfo: ...
    def __init__(
        self,
        *,
        version: int = ...,
        experiment: Experiment | None = ...,
        session_start_info: SessionStartInfo | None = ...,
        session_end_info: SessionEndInfo | None = ...,
    ) -> None: ...

class Experiment(Message):
    description: str
    user: str
    time_created_secs: float
    name: str
    @property
    def hparam_infos(self) -> RepeatedCompositeFieldContainer[HParamInfo]: ...
    @property
    def metric_infos(self) -> RepeatedCompositeFieldContainer[MetricInfo]: ...
    def __init__(
        self,
        *,
        description: str = ...,
        user: str = ...,
        time_created_secs: float = ...,
        hparam_infos: Iterable[HParamInfo] = ...,
        metric_infos: Iterable[MetricInfo] = ...,
        name: str = ...,
    ) -> None: ...

class HParamInfo(Message):
    name: str
    display_name: str
    description: str
    type: int
    @property
    def domain_discrete(self) -> ListValue: ...
    @property
    def domain_interval(self) -> Interval: ...
    def __init__(
        self,
        *,
        name: str = ...,
        display_name: str = ...,
        description: str = ...,
        type: int = ...,
        domain_discrete: ListValue | None = ...,
        domain_interval: Interval | None = ...,
    ) -> None: ...

class Interval(Message):
    min_value: float
    max_value: float
    def __init__(self, *, min_value: float = ..., max_value: float = ...) -> None: ...

class MetricName(Message):
    group: str
    tag: str
    def __init__(self, *, group: str = ..., tag: str = ...) -> None: ...

class MetricInfo(Message):
    display_name: str
    description: str
    dataset_type: int
    @property
    def name(self) -> MetricName: ...
    def __init__(
        self, *, name: MetricName | None = ..., display_name: str = ..., description: str = ..., dataset_type: int = ...
    ) -> None: ...

class SessionStartInfo(Message):
    model_uri: str
    monitor_url: str
    group_name: str
    start_time_secs: float
    @property
    def hparams(self) -> RepeatedCompositeFieldContainer[HParamsEntry]: ...
    def __init__(
        self,
        *,
        hparams: Iterable[HParamsEntry] = ...,
        model_uri: str = ...,
        monitor_url: str = ...,
        group_name: str = ...,
        start_time_secs: float = ...,
    ) -> None: ...

class HParamsEntry(Message):
    key: str
    @property
    def value(self) -> PlainValue: ...
    def __init__(self, *, key: str = ..., value: PlainValue | None = ...) -> None: ...

class SessionEndInfo(Message):
    status: int
    end_time_secs: float
    def __init__(self, *, status: int = ..., end_time_secs: float = ...) -> None: ...

class PlainValue(Message):
    number_value: float
    string_value: str
    bool_value: bool
    def __init__(self, *, number_value: float = ..., string_value: str = ..., bool_value: bool = ...) -> None: ...

class ListValue(Message):
    @property
    def values(self) -> RepeatedCompositeFieldContainer[PlainValue]: ...
    def __init__(self, *, values: Iterable[PlainValue] = ...) -> None: ...

class ProjectorConfig(Message):
    model_checkpoint_path: str
    model_checkpoint_dir: str
    @property
    def embeddings(self) -> RepeatedCompositeFieldContainer[EmbeddingInfo]: ...
    def __init__(
        self, *, model_checkpoint_path: str = ..., embeddings: Iterable[EmbeddingInfo] = ..., model_checkpoint_dir: str = ...
    ) -> None: ...

class EmbeddingInfo(Message):
    tensor_name: str
    metadata_path: str
    bookmarks_path: str
    tensor_path: str
    @property
    def tensor_shape(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def sprite(self) -> SpriteMetadata: ...
    def __init__(
        self,
        *,
        tensor_name: str = ...,
        metadata_path: str = ...,
        bookmarks_path: str = ...,
        tensor_shape: Iterable[int] = ...,
        sprite: SpriteMetadata | None = ...,
        tensor_path: str = ...,
    ) -> None: ...

class SpriteMetadata(Message):
    image_path: str
    @property
    def single_image_dim(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(self, *, image_path: str = ..., single_image_dim: Iterable[int] = ...) -> None: ...
