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

if __name__ == "__main__":
    imports = ("import tensorflow as tf", "import asyncsummary")
    for first, second in (imports, imports[::-1]):
        subprocess.run([sys.executable, "-W", "ignore", "-c", CHECK.format(first=first, second=second)], check=True)
