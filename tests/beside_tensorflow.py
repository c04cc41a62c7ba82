"""See that our messages and TensorFlow's live in one process, whichever is imported first. Needs an environment with both.

make test-tensorflow
"""

import subprocess
import sys

CHECK = """
import asyncio, glob, tempfile
{first}
{second}

async def write(folder):
    async with asyncsummary.create_file_writer(folder) as writer:
        for step in range(100):
            await writer.scalar("loss", 0.5 * step, step)

folder = tempfile.mkdtemp()
asyncio.run(write(folder))
(path,) = glob.glob(folder + "/*tfevents*")
events = list(tf.compat.v1.train.summary_iterator(path))
found = [(event.step, event.summary.value[0].tag, event.summary.value[0].simple_value) for event in events if event.summary.value]
assert found == [(step, "loss", 0.5 * step) for step in range(100)], found[:3]
assert events[0].file_version == "brain.Event:2"
from asyncsummary.protos import Event
theirs = tf.compat.v1.Event(wall_time=1.5, step=3, file_version="x").SerializeToString()
assert Event.FromString(theirs).SerializeToString() == theirs
print("{first}; {second}: TensorFlow", tf.__version__, "reads what was written")
"""

# Tensors, variables, graphs and messages of TensorFlow, wherever values, graphs and messages are taken.
VALUES = """
import asyncio, glob, tempfile
import numpy as np
import tensorflow as tf
import asyncsummary as summary

v1 = tf.compat.v1
graph = tf.Graph()
with graph.as_default():
    tf.constant(1.0, name="c")

async def write(folder):
    async with summary.create_file_writer(folder) as writer:
        await writer.scalar("tensor", tf.constant(2.5), 1)
        await writer.scalar("variable", tf.Variable(3.5), 1)
        await writer.scalar("bfloat16", tf.constant(0.5, tf.bfloat16), 1)
        await writer.histogram("histogram", tf.constant([1.0, 2.0]), 1)
        await writer.image("image", tf.zeros([1, 2, 2, 3], tf.uint8), 1, max_images=1)
        await writer.generic("generic", tf.constant(["a", "b"]), 1, v1.SummaryMetadata(display_name="d"))
        await writer.graph(graph, 1)
    async with summary.FileWriter(folder + "/v1", graph) as writer:
        await writer.add_summary(v1.Summary(value=[v1.Summary.Value(tag="t", simple_value=1.0)]), 7)
        await writer.add_session_log(v1.SessionLog(status=v1.SessionLog.START), 7)
        await writer.add_run_metadata(v1.RunMetadata(), "run", 7)
        await writer.add_event(v1.Event(wall_time=1.5, step=8, file_version="x"))

def events(folder):
    (path,) = glob.glob(folder + "/*tfevents*")
    return list(v1.train.summary_iterator(path))

folder = tempfile.mkdtemp()
asyncio.run(write(folder))
values = {{event.summary.value[0].tag: event.summary.value[0] for event in events(folder) if event.summary.value}}
assert [values[tag].simple_value for tag in ("tensor", "variable", "bfloat16")] == [2.5, 3.5, 0.5]
assert values["histogram"].histo.sum == 3.0
assert tf.io.decode_png(values["image/image"].image.encoded_image_string).shape == (2, 2, 3)
assert tf.make_ndarray(values["generic"].tensor).tolist() == [b"a", b"b"]
assert values["generic"].metadata.display_name == "d"
(graph_event,) = [event for event in events(folder) if event.graph_def]
assert v1.GraphDef.FromString(graph_event.graph_def) == graph.as_graph_def(add_shapes=True)
kinds = [event.WhichOneof("what") for event in events(folder + "/v1")]
assert kinds == ["file_version", "graph_def", "meta_graph_def", "summary", "session_log", "tagged_run_metadata", "file_version"], kinds
print("TensorFlow's tensors, variables, graphs and messages are taken as they are")
"""

if __name__ == "__main__":
    imports = ("import tensorflow as tf", "import asyncsummary")
    for first, second in (imports, imports[::-1]):
        subprocess.run([sys.executable, "-W", "ignore", "-c", CHECK.format(first=first, second=second)], check=True)
    subprocess.run([sys.executable, "-W", "ignore", "-c", VALUES.format()], check=True)
