"""tf.contrib.summary's own example for graph execution, with await: summaries are defined once, and written whenever a session runs them.

python examples/graph_mode.py [--logdir runs/graph]
"""

import argparse
import asyncio

import numpy as np

import asyncsummary as summary


async def main(train_dir: str) -> None:
    """Define a model and its summaries, then train it."""
    with summary.Graph().as_default():
        global_step = summary.get_or_create_global_step()
        summary_writer = summary.create_file_writer(train_dir, flush_millis=10000)
        weights = np.array([4.0, -3.0])

        def loss() -> float:
            return float((weights**2).sum())

        async def train_op() -> None:
            weights[:] *= 0.9
            global_step.assign_add()
            await asyncio.sleep(0)

        with summary_writer.as_default(), summary.always_record_summaries():
            # model definition code goes here
            # and in it call
            await summary.scalar("loss", loss)
            await summary.histogram("weights", lambda: weights)
            # In this case every call generates an op, which all_summary_ops() returns
            async with summary.Session() as sess:
                await summary.initialize()
                while loss() > 0.01:
                    await sess.run([train_op, summary.all_summary_ops()])
        await summary_writer.close()
        print(f"trained {int(global_step)} steps; look at them with: tensorboard --logdir {train_dir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--logdir", default="runs/graph")
    asyncio.run(main(parser.parse_args().logdir))
