"""tf.contrib.summary's own example for eager execution, with await: a default writer, a recording condition, and the global step.

python examples/eager.py [--logdir runs/eager]
"""

import argparse
import asyncio
import math

import asyncsummary as summary


async def main(train_dir: str) -> None:
    """Log a loss that falls, at every second step."""
    global_step = summary.get_or_create_global_step()
    summary_writer = summary.create_file_writer(train_dir, flush_millis=10000)
    async with summary_writer, summary_writer.as_default(), summary.record_summaries_every_n_global_steps(2):
        for _ in range(100):
            # model code goes here
            # and in it call
            await summary.scalar("loss", math.exp(-int(global_step) / 20))
            # In this case every second call to summary.scalar will generate a record
            global_step.assign_add()
    print(f"wrote {summary_writer.stats.committed} summaries; look at them with: tensorboard --logdir {train_dir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--logdir", default="runs/eager")
    asyncio.run(main(parser.parse_args().logdir))
