"""TensorFlow 1's own training loop, its summaries written by asyncsummary: to a folder, or to s3:// or gs://. Needs TensorFlow.

python examples/tensorflow_hook.py [--logdir runs/tensorflow]
"""

import argparse
import importlib
from typing import Any

import numpy as np

import asyncsummary.tensorflow as asyncsummary_tensorflow

tf: Any = importlib.import_module("tensorflow").compat.v1


def main(logdir: str) -> None:
    """Fit a line by gradient descent."""
    rng = np.random.default_rng(0)
    xs = rng.uniform(-1, 1, 200).astype(np.float32)
    ys = (3 * xs + 1 + rng.normal(scale=0.1, size=200)).astype(np.float32)
    with tf.Graph().as_default():
        step = tf.train.get_or_create_global_step()
        slope = tf.get_variable("slope", initializer=0.0)
        offset = tf.get_variable("offset", initializer=0.0)
        loss = tf.reduce_mean((slope * xs + offset - ys) ** 2)
        train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)
        tf.summary.scalar("loss", loss)
        tf.summary.scalar("slope", slope)
        saver = asyncsummary_tensorflow.SummarySaverHook(save_steps=10, output_dir=logdir, summary_op=tf.summary.merge_all())
        hooks = [saver, tf.train.StopAtStepHook(last_step=200)]
        # save_summaries_steps=None: the session must not add a saver of its own
        last = float("nan")
        with tf.train.MonitoredTrainingSession(hooks=hooks, save_summaries_steps=None, save_summaries_secs=None) as session:
            while not session.should_stop():
                last = session.run([train_op, loss])[1]
    asyncsummary_tensorflow.FileWriterCache.clear()
    print(f"trained to a loss of {last:.4f}; look at it with: tensorboard --logdir {logdir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--logdir", default="runs/tensorflow")
    main(parser.parse_args().logdir)
