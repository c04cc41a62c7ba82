"""Which messages do TensorBoard's plugins look for in a summary's metadata, and beside event files? Our own definitions of them.

As in ``protos``, field for field those that the plugins read, in a pool of their own. Enums are int32 here, a map is a list of its entries,
and ``PlainValue`` is google.protobuf.Value: on the wire these are the same.
"""

from asyncsummary.schema import messages

_SCHEMA: dict[str, dict[str, str]] = {
    "PrCurvePluginData": {"version": "1 int32", "num_thresholds": "2 uint32"},
    "AudioPluginData": {"version": "1 int32", "encoding": "2 int32"},
    "MeshPluginData": {
        "version": "1 int32",
        "name": "2 string",
        "content_type": "3 int32",
        "json_config": "5 string",
        "shape": "6 int32 *",
        "components": "7 uint32",
    },
    # custom_scalars
    "Layout": {"version": "1 int32", "category": "2 Category *"},
    "Category": {"title": "1 string", "chart": "2 Chart *", "closed": "3 bool"},
    "Chart": {"title": "1 string", "multiline": "2 MultilineChartContent |content", "margin": "3 MarginChartContent |content"},
    "MultilineChartContent": {"tag": "1 string *"},
    "MarginChartContent": {"series": "1 Series *"},
    "Series": {"value": "1 string", "lower": "2 string", "upper": "3 string"},
    # hparams
    "HParamsPluginData": {
        "version": "1 int32",
        "experiment": "2 Experiment |data",
        "session_start_info": "3 SessionStartInfo |data",
        "session_end_info": "4 SessionEndInfo |data",
    },
    "Experiment": {
        "description": "1 string",
        "user": "2 string",
        "time_created_secs": "3 double",
        "hparam_infos": "4 HParamInfo *",
        "metric_infos": "5 MetricInfo *",
        "name": "6 string",
    },
    "HParamInfo": {
        "name": "1 string",
        "display_name": "2 string",
        "description": "3 string",
        "type": "4 int32",
        "domain_discrete": "5 ListValue |domain",
        "domain_interval": "6 Interval |domain",
    },
    "Interval": {"min_value": "1 double", "max_value": "2 double"},
    "MetricName": {"group": "1 string", "tag": "2 string"},
    "MetricInfo": {
        "name": "1 MetricName",
        "display_name": "3 string",
        "description": "4 string",
        "dataset_type": "5 int32",
    },
    "SessionStartInfo": {
        "hparams": "1 HParamsEntry *",
        "model_uri": "2 string",
        "monitor_url": "3 string",
        "group_name": "4 string",
        "start_time_secs": "5 double",
    },
    "HParamsEntry": {"key": "1 string", "value": "2 PlainValue"},
    "SessionEndInfo": {"status": "1 int32", "end_time_secs": "2 double"},
    "PlainValue": {"number_value": "2 double |kind", "string_value": "3 string |kind", "bool_value": "4 bool |kind"},
    "ListValue": {"values": "1 PlainValue *"},
    # projector_config.pbtxt
    "ProjectorConfig": {"model_checkpoint_path": "1 string", "embeddings": "2 EmbeddingInfo *", "model_checkpoint_dir": "3 string"},
    "EmbeddingInfo": {
        "tensor_name": "1 string",
        "metadata_path": "2 string",
        "bookmarks_path": "3 string",
        "tensor_shape": "4 uint32 *",
        "sprite": "5 SpriteMetadata",
        "tensor_path": "6 string",
    },
    "SpriteMetadata": {"image_path": "1 string", "single_image_dim": "2 uint32 *"},
}

_MESSAGES = messages("asyncsummary.plugins", _SCHEMA)

PrCurvePluginData = _MESSAGES["PrCurvePluginData"]
AudioPluginData = _MESSAGES["AudioPluginData"]
MeshPluginData = _MESSAGES["MeshPluginData"]
Layout = _MESSAGES["Layout"]
Category = _MESSAGES["Category"]
Chart = _MESSAGES["Chart"]
MultilineChartContent = _MESSAGES["MultilineChartContent"]
MarginChartContent = _MESSAGES["MarginChartContent"]
Series = _MESSAGES["Series"]
HParamsPluginData = _MESSAGES["HParamsPluginData"]
Experiment = _MESSAGES["Experiment"]
HParamInfo = _MESSAGES["HParamInfo"]
Interval = _MESSAGES["Interval"]
MetricName = _MESSAGES["MetricName"]
MetricInfo = _MESSAGES["MetricInfo"]
SessionStartInfo = _MESSAGES["SessionStartInfo"]
HParamsEntry = _MESSAGES["HParamsEntry"]
SessionEndInfo = _MESSAGES["SessionEndInfo"]
PlainValue = _MESSAGES["PlainValue"]
ListValue = _MESSAGES["ListValue"]
ProjectorConfig = _MESSAGES["ProjectorConfig"]
EmbeddingInfo = _MESSAGES["EmbeddingInfo"]
SpriteMetadata = _MESSAGES["SpriteMetadata"]
