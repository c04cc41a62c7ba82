"""Every kind of summary, of real data: three classifiers of handwritten digits, what they learn, mistake, and how sure they sound.

python examples/gallery.py [--logdir runs/gallery]
"""

import argparse
import asyncio
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import asyncsummary as summary
from asyncsummary.protos import GraphDef, NodeDef

EPOCHS = 20
SAMPLE_RATE = 8000
RATES = {"slow": 0.0001, "middle": 0.0003, "fast": 0.001}
LAYOUT = {
    "learning": {
        "loss and accuracy": ["Multiline", ["loss", "accuracy"]],
        "accuracy of the digits": ["Margin", ["accuracy", "accuracy/worst_digit", "accuracy/best_digit"]],
    }
}


class Classifier:
    """Softmax regression on 8 x 8 pixels."""

    def __init__(self, rate: float) -> None:
        found: Any = load_digits()
        order = np.random.default_rng(0).permutation(len(found.data))
        images, digits = found.data[order] / 16, found.target[order]
        self.rate = rate
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
        self.weights += self.rate * self.train.T @ (np.eye(10)[self.train_digits] - likely)
        return float(loss)

    def confusion(self) -> NDArray[np.int64]:
        """Return how often each digit (rows) was taken for each (columns)."""
        taken_for = self.predict(self.test).argmax(axis=1)
        return np.bincount(self.test_digits * 10 + taken_for, minlength=100).reshape(10, 10)


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


def confusion_figure(counts: NDArray[np.int64]) -> Figure:
    """Return a picture of a confusion matrix."""
    figure = Figure(figsize=(4, 4), dpi=80, layout="tight")
    axes = figure.add_subplot(xlabel="taken for", ylabel="digit", xticks=range(10), yticks=range(10))
    axes.imshow(np.sqrt(counts), cmap="Blues")
    for (digit, other), count in np.ndenumerate(counts):
        if count:
            axes.text(other, digit, str(count), ha="center", va="center", color="white" if digit == other else "black", fontsize=8)
    return figure


def landscape(weights: NDArray[np.float64]) -> dict[str, Any]:
    """Return the weights of one digit as a mesh: 8 x 8 points, high and red where a pixel speaks for it, deep and blue where against."""
    y, x = np.mgrid[0:8, 0:8]
    high = weights / max(np.abs(weights).max(), 1e-9)
    colors = np.stack([127.5 + 127.5 * high, 60 + 0 * high, 127.5 - 127.5 * high], axis=1).astype(np.uint8)
    corner = (y * 8 + x)[:-1, :-1].reshape(-1)
    faces = np.concatenate([np.stack([corner, corner + 8, corner + 1], axis=1), np.stack([corner + 1, corner + 8, corner + 9], axis=1)])
    return {"vertices": np.stack([x.ravel(), -y.ravel(), 2 * high], axis=1), "faces": faces, "colors": colors}


def table_of(counts: NDArray[np.int64]) -> list[list[str]]:
    """Return the commonest mistakes as rows of a table."""
    wrong = counts * (1 - np.eye(10, dtype=int))
    rows = [["**digit**", "**taken for**", "**times**"]]
    for index in np.argsort(-wrong, axis=None)[:5]:
        rows.append([str(index // 10), str(index % 10), str(wrong.flat[index])])
    return rows


def looks(model: Classifier) -> dict[str, Any]:
    """Return the labels and pictures of the images that the projector shows."""
    taken_for = model.predict(model.test).argmax(axis=1)
    rows = [(str(digit), str(other)) for digit, other in zip(model.test_digits[:300], taken_for[:300], strict=True)]
    return {"metadata": rows, "header": ["digit", "taken for"], "images": 1 - model.test[:300].reshape(-1, 8, 8), "dataformats": "NHW"}


async def write_epoch(model: Classifier, loss: float, epoch: int) -> None:
    """Write what there is to see after a pass over the data."""
    likely = model.predict(model.test)
    wrong = likely.argmax(axis=1) != model.test_digits
    counts = model.confusion()
    by_digit = counts.diagonal() / counts.sum(axis=1)
    await summary.scalar("loss", loss, step=epoch)
    extremes = {"accuracy/worst_digit": by_digit.min(), "accuracy/best_digit": by_digit.max()}
    await summary.scalars({"accuracy": 1 - wrong.mean(), **extremes}, step=epoch)
    await summary.histogram("weights", model.weights, step=epoch)
    await summary.histogram("probability of the right digit", likely[np.arange(len(likely)), model.test_digits], step=epoch, buckets=20)
    await summary.image("weights of each digit", pictures(model.weights.T), max_images=10, step=epoch)
    await summary.image("mistaken", pictures(model.test[wrong]), step=epoch, dataformats="NHWC", grid=True)
    await summary.audio("sureness", tone(float(likely.max(axis=1).mean())), SAMPLE_RATE, 1, step=epoch)
    await summary.pr_curve("is it an eight", model.test_digits == 8, likely[:, 8], step=epoch)
    if epoch % 5 == 4:
        await summary.figure("confusion", confusion_figure(counts), step=epoch)
        await summary.text("mistakes", table_of(counts), step=epoch)
        await summary.mesh("weights of the zero", step=epoch, **landscape(model.weights[:, 0]))


async def train(logdir: str, name: str) -> None:
    """Train one classifier, and write a run."""
    model = Classifier(RATES[name])
    learning = []
    async with summary.create_file_writer(f"{logdir}/{name}") as writer, writer.as_default(), summary.always_record_summaries():
        await summary.hparams({"rate": model.rate, "epochs": EPOCHS}, {"rate": sorted(RATES.values())}, ["loss", "accuracy"])
        await summary.custom_scalars(LAYOUT)
        await summary.graph(graph(), step=0)
        await summary.text("about", f"Softmax regression on **{len(model.train)}** images, at the rate `{model.rate}`.", step=0)
        for epoch in range(EPOCHS):
            loss = await asyncio.to_thread(model.learn)
            learning.append((0.5 + 0.5 * model.weights[:, 3] / np.abs(model.weights).max()).reshape(8, 8))
            await write_epoch(model, loss, epoch)
        await summary.video("a three is learnt", np.kron(learning, np.ones((1, 16, 16))), fps=5, step=EPOCHS - 1, dataformats="THW")
        await summary.embedding("digits", model.test[:300], **looks(model), step=EPOCHS - 1)
        await summary.hparams_end("success")


async def main(logdir: str) -> None:
    """Train all of them at once."""
    await asyncio.gather(*(train(logdir, name) for name in RATES))
    print(f"look at it with: tensorboard --logdir {logdir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--logdir", default="runs/gallery")
    asyncio.run(main(parser.parse_args().logdir))
