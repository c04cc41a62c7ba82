"""A training loop with hooks, as TF1 had them: SummarySaverHook saves every tenth step, a hook of our own stops when the loss is low.

python examples/hook_trainer.py [--logdir runs/hooks]
"""

import argparse
import asyncio

import numpy as np

import asyncsummary as summary
from asyncsummary.protos import Summary, Value


class StopAtLoss(summary.SessionRunHook):
    """Ends the loop when the train op returns a loss below a limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def before_run(self, run_context: summary.SessionRunContext) -> summary.SessionRunArgs:
        return summary.SessionRunArgs(lambda: LOSS[-1])

    def after_run(self, run_context: summary.SessionRunContext, run_values: summary.SessionRunValues) -> None:
        if run_values.results < self.limit:
            run_context.request_stop()


LOSS: list[float] = []


async def main(logdir: str) -> None:
    """Fit a line by gradient descent."""
    rng = np.random.default_rng(0)
    xs = rng.uniform(-1, 1, 200)
    ys = 3 * xs + 1 + rng.normal(scale=0.1, size=200)
    weights = np.zeros(2)
    step = summary.get_or_create_global_step()

    async def train() -> float:
        errors = weights[0] * xs + weights[1] - ys
        weights[0] -= 0.1 * 2 * float((errors * xs).mean())
        weights[1] -= 0.1 * 2 * float(errors.mean())
        LOSS.append(float((errors**2).mean()))
        step.assign_add()
        await asyncio.sleep(0)  # other tasks of a trainer get their turn here
        return LOSS[-1]

    def summaries() -> Summary:
        values = {"loss": LOSS[-1], "weights/slope": float(weights[0]), "weights/offset": float(weights[1])}
        return Summary(value=[Value(tag=tag, simple_value=value) for tag, value in values.items()])

    async with summary.FileWriter(logdir) as writer:
        saver = summary.SummarySaverHook(save_steps=10, summary_writer=writer, summary_op=summaries)
        async with summary.MonitoredSession(hooks=[saver, StopAtLoss(0.0105)]) as session:
            while not session.should_stop():
                await session.run(train)
    print(f"stopped after {int(step)} steps at a loss of {LOSS[-1]:.4f}: y = {weights[0]:.2f} x + {weights[1]:.2f}")
    print(f"look at it with: tensorboard --logdir {logdir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--logdir", default="runs/hooks")
    asyncio.run(main(parser.parse_args().logdir))
