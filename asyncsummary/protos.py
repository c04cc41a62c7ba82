"""Which protobuf messages do event files hold? Our own definitions, field for field those that TensorBoard reads.

They live in a descriptor pool of their own and in a package of their own, so that TensorFlow's and TensorBoard's definitions can be
imported before or after in the same process. They are built at run time (``schema``): code that protoc generates checks the version of the
protobuf that imports it, and refuses to run two major versions later. ``protos.pyi`` has their types.
"""

from asyncsummary.schema import messages

# What the fields' specs mean is said in ``schema``.
_SCHEMA: dict[str, dict[str, str]] = {
    "Event": {
        "wall_time": "1 double",
        "step": "2 int64",
        "file_version": "3 string |what",
        "graph_def": "4 bytes |what",
        "summary": "5 Summary |what",
        "log_message": "6 LogMessage |what",
        "session_log": "7 SessionLog |what",
        "tagged_run_metadata": "8 TaggedRunMetadata |what",
        "meta_graph_def": "9 bytes |what",
        "source_metadata": "10 SourceMetadata",
    },
    "SourceMetadata": {"writer": "1 string"},
    "LogMessage": {"level": "1 int32", "message": "2 string"},
    "SessionLog": {"status": "1 int32", "checkpoint_path": "2 string", "msg": "3 string"},
    "TaggedRunMetadata": {"tag": "1 string", "run_metadata": "2 bytes"},
    "RunMetadata": {"step_stats": "1 bytes", "cost_graph": "2 bytes"},  # is only seen to be one
    "Summary": {"value": "1 Value *"},
    "Value": {
        "tag": "1 string",
        "simple_value": "2 float |value",
        "image": "4 Image |value",
        "histo": "5 HistogramProto |value",
        "audio": "6 Audio |value",
        "node_name": "7 string",
        "tensor": "8 TensorProto |value",
        "metadata": "9 SummaryMetadata",
    },
    "Image": {"height": "1 int32", "width": "2 int32", "colorspace": "3 int32", "encoded_image_string": "4 bytes"},
    "Audio": {
        "sample_rate": "1 float",
        "num_channels": "2 int64",
        "length_frames": "3 int64",
        "encoded_audio_string": "4 bytes",
        "content_type": "5 string",
    },
    "HistogramProto": {
        "min": "1 double",
        "max": "2 double",
        "num": "3 double",
        "sum": "4 double",
        "sum_squares": "5 double",
        "bucket_limit": "6 double *",
        "bucket": "7 double *",
    },
    "PluginData": {"plugin_name": "1 string", "content": "2 bytes"},
    "SummaryMetadata": {
        "plugin_data": "1 PluginData",
        "display_name": "2 string",
        "summary_description": "3 string",
        "data_class": "4 int32",
    },
    "Dim": {"size": "1 int64", "name": "2 string"},
    "TensorShapeProto": {"dim": "2 Dim *"},
    # Of a graph only what is looked at; the rest is kept as unknown fields.
    "NodeDef": {"name": "1 string", "op": "2 string", "input": "3 string *", "device": "4 string"},
    "GraphDef": {"node": "1 NodeDef *"},
    "MetaGraphDef": {"graph_def": "2 bytes"},
    "TensorProto": {
        "dtype": "1 int32",
        "tensor_shape": "2 TensorShapeProto",
        "tensor_content": "4 bytes",
        "float_val": "5 float *",
        "double_val": "6 double *",
        "int_val": "7 int32 *",
        "string_val": "8 bytes *",
        "scomplex_val": "9 float *",
        "int64_val": "10 int64 *",
        "dcomplex_val": "12 double *",
        "half_val": "13 int32 *",
        "uint32_val": "16 uint32 *",
        "uint64_val": "17 uint64 *",
    },
}


_MESSAGES = messages("asyncsummary", _SCHEMA)

Event = _MESSAGES["Event"]
SourceMetadata = _MESSAGES["SourceMetadata"]
LogMessage = _MESSAGES["LogMessage"]
SessionLog = _MESSAGES["SessionLog"]
TaggedRunMetadata = _MESSAGES["TaggedRunMetadata"]
RunMetadata = _MESSAGES["RunMetadata"]
Summary = _MESSAGES["Summary"]
Value = _MESSAGES["Value"]
Image = _MESSAGES["Image"]
Audio = _MESSAGES["Audio"]
HistogramProto = _MESSAGES["HistogramProto"]
PluginData = _MESSAGES["PluginData"]
SummaryMetadata = _MESSAGES["SummaryMetadata"]
TensorShapeProto = _MESSAGES["TensorShapeProto"]
TensorProto = _MESSAGES["TensorProto"]
NodeDef = _MESSAGES["NodeDef"]
GraphDef = _MESSAGES["GraphDef"]
MetaGraphDef = _MESSAGES["MetaGraphDef"]

# SessionLog.status
START = 1
STOP = 2
CHECKPOINT = 3
