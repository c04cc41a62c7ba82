"""Every kind of summary, of real data: a classifier of handwritten digits, what it learns, what it mistakes, and how sure it sounds.

python examples/gallery.py [--logdir runs/gallery]
"""

import argparse
import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import asyncsummary as summary
from asyncsummary.protos import GraphDef, NodeDef

EPOCHS = 20
SAMPLE_RATE = 8000


class Classifier:
    """Softmax regression on 8 x 8 pixels."""

    def __init__(self) -> None:
        found: Any = load_digits()
        order = np.random.default_rng(0).permutation(len(found.data))
        images, digits = found.data[order] / 16, found.target[order]
        self.train, self.train_digits = images[:1400], digits[:1400]
        self.test, self.test_digits = images[1400:], digits[1400:]
        self.weights = np.zeros((64, 10))

    def predict(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each digit."""
        scores = np.exp(images @ self.weights)
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))

    def learn(self) -> float:
        """Make one pass over the training images; return the loss before it."""
        likely = self.predict(self.train)
        loss = -np.log(likely[np.arange(len(likely)), self.train_digits]).mean()
        self.weights += self.train.T @ (np.eye(10)[self.train_digits] - likely) / 50
        return float(loss)


def graph() -> GraphDef:
    """Return the model as a graph for TensorBoard."""
    return GraphDef(
        node=[
            NodeDef(name="images", op="Placeholder"),
            NodeDef(name="layer/weights", op="VariableV2"),
            NodeDef(name="layer/scores", op="MatMul", input=["images", "layer/weights"]),
            NodeDef(name="probabilities", op="Softmax", input=["layer/scores"]),
            NodeDef(name="digits", op="Placeholder"),
            NodeDef(name="loss", op="SparseSoftmaxCrossEntropyWithLogits", input=["layer/scores", "digits"]),
        ]
    )


def tone(probability: float) -> NDArray[np.float32]:
    """Return two seconds of a sine, the higher the surer: [1, frames] in [-1, 1]."""
    seconds = np.arange(SAMPLE_RATE * 2) / SAMPLE_RATE
    fade = np.minimum(1, (seconds[-1] - seconds) * 20)
    wave: NDArray[np.float64] = 0.5 * fade * np.sin(2 * np.pi * (220 + 660 * probability) * seconds)
    return wave.astype(np.float32).reshape(1, -1)


def pictures(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rows of 64 pixels as images of 64 x 64: [number, height, width, 1]."""
    return np.kron(rows.reshape(-1, 8, 8, 1), np.ones((1, 8, 8, 1))).astype(np.float32)


async def write_epoch(model: Classifier, loss: float, epoch: int) -> None:
    """Write what there is to see after a pass over the data."""
    likely = model.predict(model.test)
    wrong = likely.argmax(axis=1) != model.test_digits
    await summary.scalar("loss", loss, step=epoch)
    await summary.scalar("accuracy", 1 - wrong.mean(), step=epoch)
    await summary.histogram("weights", model.weights, step=epoch)
    await summary.histogram("probability of the right digit", likely[np.arange(len(likely)), model.test_digits], step=epoch)
    await summary.image("weights of each digit", pictures(model.weights.T), max_images=10, step=epoch)
    await summary.image("mistaken", pictures(model.test[wrong]), max_images=4, step=epoch)
    await summary.audio("sureness", tone(float(likely.max(axis=1).mean())), SAMPLE_RATE, 1, step=epoch)


async def main(logdir: str) -> None:
    """Train, and write."""
    model = Classifier()
    async with summary.create_file_writer(logdir) as writer, writer.as_default(), summary.always_record_summaries():
        await summary.graph(graph(), step=0)
        for epoch in range(EPOCHS):
            loss = await asyncio.to_thread(model.learn)
            await write_epoch(model, loss, epoch)
    print(f"look at it with: tensorboard --logdir {logdir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--logdir", default="runs/gallery")
    asyncio.run(main(parser.parse_args().logdir))
