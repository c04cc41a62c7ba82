"""Several runs into one SQLite database, as tf.contrib.summary.create_db_writer has it, and an answer by SQL: which rate was best?

python examples/database.py [--database runs.sqlite]
"""

import argparse
import asyncio
import contextlib
import random
import sqlite3
import struct

import asyncsummary as summary

RATES = (0.003, 0.03, 0.3, 1.1)
BEST = """
    SELECT run_name, data
    FROM Tensors JOIN Tags ON series = tag_id JOIN Runs USING (run_id) JOIN Experiments USING (experiment_id)
    WHERE experiment_name = 'rates' AND tag_name = 'loss' AND step = (SELECT max(step) FROM Tensors AS others WHERE others.series = tag_id)
"""


async def train(database: str, rate: float) -> None:
    """Fit a slope by gradient descent; log the loss, and now and then how far off the points are."""
    chance = random.Random(rate)
    points = [(x, 3.0 * x + chance.gauss(0.0, 0.1)) for x in (chance.random() for _ in range(50))]
    slope = 0.0
    writer = summary.create_db_writer(database, "rates", f"rate {rate}", "ada")
    async with writer, writer.as_default(), summary.always_record_summaries():
        for step in range(101):
            errors = [slope * x - y for x, y in points]
            await summary.scalar("loss", sum(error * error for error in errors) / len(errors), step=step)
            if step % 20 == 0:
                await summary.histogram("errors", errors, step=step)
            slope -= rate * 2 * sum(error * x for error, (x, _) in zip(errors, points, strict=True)) / len(points)
            await asyncio.sleep(0)


def results(database: str) -> list[tuple[float, str]]:
    """Return the last loss of each run, the best one first."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(BEST).fetchall()
    return sorted((struct.unpack("<f", data)[0], run) for run, data in rows)


async def main(database: str) -> None:
    """Train at all rates at once, each into a run of its own."""
    await asyncio.gather(*(train(database, rate) for rate in RATES))
    for loss, run in await asyncio.to_thread(results, database):
        print(f"{run:12} {loss:10.4f}")
    print(f"for TensorBoard: asyncsummary export {database} runs")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--database", default="runs.sqlite")
    asyncio.run(main(parser.parse_args().database))
