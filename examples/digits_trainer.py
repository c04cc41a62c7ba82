"""An async trainer that logs as it goes: handwritten digits, two learning rates at once, and an evaluator beside them.

A feeder, two trainers and an evaluator are coroutines of one event loop. Each awaits its scalars; none of them ever waits for storage.

    python examples/digits_trainer.py                             # into runs/
    python examples/digits_trainer.py --logdir s3://bucket/runs   # with the usual AWS variables
    python examples/digits_trainer.py --logdir gs://bucket/runs   # with Google's, or STORAGE_EMULATOR_HOST
"""

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table
from sklearn.datasets import load_digits

import asyncsummary as summary

Array = NDArray[np.float32]
LEARNING_RATES = (0.5, 0.05)
BATCH = 32
EVALUATE_EVERY = 25


@dataclass(slots=True)
class Data:
    """1,797 images of 8 x 8 pixels in [0, 1], and which digits they are; the last 360 are kept for the evaluator."""

    images: Array
    digits: NDArray[np.int64]
    test_images: Array
    test_digits: NDArray[np.int64]

    @staticmethod
    def load() -> "Data":
        found: Any = load_digits()
        order = np.random.default_rng(0).permutation(len(found.data))
        images, digits = (found.data[order] / 16).astype(np.float32), found.target[order]
        return Data(images[:-360], digits[:-360], images[-360:], digits[-360:])


@dataclass(slots=True)
class Model:
    """Two layers: 64 pixels, 48 hidden units, 10 digits."""

    weights: list[Array] = field(default_factory=list)

    @staticmethod
    def new() -> "Model":
        rng = np.random.default_rng(1)
        sizes = ((64, 48), (48, 10))
        return Model([(rng.normal(size=size) / np.sqrt(size[0])).astype(np.float32) for size in sizes])

    def probabilities(self, images: Array) -> tuple[Array, Array]:
        """Return the hidden layer and the probabilities of the ten digits."""
        hidden = np.maximum(images @ self.weights[0], 0)
        scores = hidden @ self.weights[1]
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities = raised / raised.sum(axis=1, keepdims=True)
        return hidden, probabilities.astype(np.float32, copy=False)

    def train(self, images: Array, digits: NDArray[np.int64], rate: float) -> dict[str, float]:
        """Take one step of gradient descent; return what there is to log."""
        hidden, guesses = self.probabilities(images)
        rows = np.arange(len(digits))
        loss = float(-np.log(guesses[rows, digits] + 1e-9).mean())
        accuracy = float((guesses.argmax(axis=1) == digits).mean())
        error = guesses.copy()
        error[rows, digits] -= 1
        error /= len(digits)
        gradients = [images.T @ ((error @ self.weights[1].T) * (hidden > 0)), hidden.T @ error]
        for weights, gradient in zip(self.weights, gradients, strict=True):
            weights -= rate * gradient
        return {"loss": loss, "accuracy": accuracy, "gradient_norm": float(np.sqrt(sum(float((g * g).sum()) for g in gradients)))}

    def evaluate(self, images: Array, digits: NDArray[np.int64]) -> dict[str, float]:
        """Return loss and accuracy on images it was not trained on."""
        _, guesses = self.probabilities(images)
        right = guesses[np.arange(len(digits)), digits]
        return {"loss": float(-np.log(right + 1e-9).mean()), "accuracy": float((guesses.argmax(axis=1) == digits).mean())}


Batches = asyncio.Queue[tuple[Array, NDArray[np.int64]] | None]
Snapshots = asyncio.Queue[tuple[str, int, Model] | None]


async def feed(data: Data, epochs: int, queues: list[Batches], writer: summary.SummaryWriter) -> None:
    """Shuffle the images anew in each epoch, and hand the same batches to every trainer."""
    rng = np.random.default_rng(2)
    fed = 0
    start = time.perf_counter()
    with writer.as_default(), summary.always_record_summaries(), summary.name_scope("feeder"):
        for epoch in range(epochs):
            for rows in np.array_split(rng.permutation(len(data.images)), len(data.images) // BATCH):
                for queue in queues:
                    await queue.put((data.images[rows], data.digits[rows]))
                fed += len(rows)
            await summary.scalar("images_per_second", fed / (time.perf_counter() - start), step=epoch)
    for queue in queues:
        await queue.put(None)


async def batches(queue: Batches) -> AsyncIterator[tuple[Array, NDArray[np.int64]]]:
    """Yield batches until the feeder is done."""
    while (batch := await queue.get()) is not None:
        yield batch


async def train(name: str, rate: float, queue: Batches, snapshots: Snapshots, writer: summary.SummaryWriter, tick: Any) -> None:
    """Train one model; log every step. Steps are counted by a step of this trainer's own."""
    model = Model.new()
    step = summary.GlobalStep()
    summary.set_step(step)
    with writer.as_default(), summary.always_record_summaries(), summary.name_scope("train"):
        async for images, digits in batches(queue):
            begun = time.perf_counter()
            for tag, value in model.train(images, digits, rate).items():
                await summary.scalar(tag, value)
            await summary.scalar("step_milliseconds", 1000 * (time.perf_counter() - begun))
            if int(step) % EVALUATE_EVERY == 0:
                await snapshots.put((name, int(step), Model([weights.copy() for weights in model.weights])))
            step.assign_add()
            tick()
    await snapshots.put(None)


async def evaluate(data: Data, trainers: int, snapshots: Snapshots, writers: dict[str, summary.SummaryWriter]) -> None:
    """Evaluate what the trainers hand over; log it into a run beside each trainer's own."""
    while trainers:
        snapshot = await snapshots.get()
        if snapshot is None:
            trainers -= 1
            continue
        name, step, model = snapshot
        for tag, value in model.evaluate(data.test_images, data.test_digits).items():
            await writers[name].scalar(f"test/{tag}", value, step)


def report(console: Console, logdir: str, folder: str, writers: dict[str, summary.SummaryWriter]) -> None:
    """Say what was written, and how to look at it."""
    table = Table(title=f"written to {folder}")
    for column in ("run", "tags", "events", "bytes", "flushes", "dropped"):
        table.add_column(column, justify="left" if column == "run" else "right")
    stats = {name: writer.stats for name, writer in writers.items()}
    for name, one in stats.items():
        table.add_row(name, *(f"{number:,}" for number in (one.tags, one.committed, one.bytes, one.appends, one.dropped)))
    total = [sum(getattr(one, what) for one in stats.values()) for what in ("tags", "committed", "bytes", "appends", "dropped")]
    table.add_row("all", *(f"{number:,}" for number in total), style="bold")
    console.print(table)
    console.print(f"look at it with: {tensorboard()} --logdir {logdir}", soft_wrap=True)


def tensorboard() -> str:
    """Return the command, with its folder if it lies beside this Python and not on the PATH."""
    beside = Path(sys.executable).with_name("tensorboard")
    if shutil.which("tensorboard") or not beside.exists():
        return "tensorboard"
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


async def main(logdir: str, epochs: int) -> None:
    """Run everybody at once."""
    console = Console()
    data = Data.load()
    names = [f"rate-{rate}" for rate in LEARNING_RATES]
    folder = f"{logdir.rstrip('/')}/{time.strftime('%Y%m%d-%H%M%S')}"  # a second demo does not write over the first one's curves
    steps = epochs * (len(data.images) // BATCH)
    async with AsyncExitStack() as stack:

        async def opened(run: str) -> summary.SummaryWriter:
            writer = summary.create_file_writer(f"{folder}/{run}", flush_millis=1000)
            return await stack.enter_async_context(writer)

        trainers = {name: await opened(name) for name in names}
        evaluators = {name: await opened(summary.eval_dir(name)) for name in names}
        feeder = await opened("feeder")
        progress = stack.enter_context(Progress(console=console))
        bars = {name: progress.add_task(f"training {name}", total=steps) for name in names}

        def ticker(bar: TaskID) -> Any:
            return lambda: progress.advance(bar)

        queues: list[Batches] = [asyncio.Queue(maxsize=8) for _ in names]
        snapshots: Snapshots = asyncio.Queue(maxsize=4)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed(data, epochs, queues, feeder))
            for name, rate, queue in zip(names, LEARNING_RATES, queues, strict=True):
                tasks.create_task(train(name, rate, queue, snapshots, trainers[name], ticker(bars[name])))
            tasks.create_task(evaluate(data, len(names), snapshots, evaluators))
    report(console, logdir, folder, {**trainers, **{f"{name}/eval": writer for name, writer in evaluators.items()}, "feeder": feeder})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--logdir", default="runs", help="a folder, s3://bucket/folder or gs://bucket/folder (default: runs)")
    parser.add_argument("--epochs", type=int, default=60, help="how often to go through the images (default: 60)")
    arguments = parser.parse_args()
    try:
        asyncio.run(main(arguments.logdir, arguments.epochs))
    except* summary.SummaryError as group:
        raise SystemExit("\n".join(f"error: {error}" for error in group.exceptions)) from None
