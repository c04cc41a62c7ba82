"""A job of four processes that train together, each with numbers of its own: two ways to log them.

    python examples/ranks.py [--logdir runs/ranks] [--way each|one]

``each``: every rank has a run of its own, <logdir>/rank0 and so on; no rank waits for another one.
``one``: the ranks send their numbers to rank 0, whose event loop writes them all to one run.

The ranks agree on a mean after each step, as in data-parallel training; here by a barrier and a shared array, so that no further package
is needed.
"""

import argparse
import asyncio
import math
import multiprocessing
import random
from collections.abc import Callable
from ctypes import Array, c_double
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

import asyncsummary as summary

RANKS = 4
STEPS = 50
PATIENCE_SECONDS = 60  # for a rank that has died

Row = tuple[str, float, int]


@dataclass(frozen=True, slots=True)
class Job:
    """What all ranks share. ``losses`` has a place for each of them."""

    logdir: str
    losses: "Array[c_double]"
    barrier: Barrier


def step_of(rank: int, step: int, job: Job) -> tuple[float, float]:
    """Train for one step; return this rank's loss and the mean of all. Blocks until all ranks are there."""
    chance = random.Random(f"{rank} {step}")
    job.losses[rank] = math.exp(-step / 20) + chance.random() * 0.1
    job.barrier.wait(PATIENCE_SECONDS)
    mean = sum(job.losses[:]) / RANKS
    job.barrier.wait(PATIENCE_SECONDS)  # before anybody puts the next loss in
    return job.losses[rank], mean


# A run for each rank


async def log_by_itself(rank: int, job: Job) -> None:
    """Write this rank's numbers to a run of its own; what is common to all is written by rank 0 alone."""
    async with summary.create_file_writer(f"{job.logdir}/rank{rank}") as writer:
        for step in range(STEPS):
            loss, mean = await asyncio.to_thread(step_of, rank, step, job)
            await writer.scalar("loss/own", loss, step)
            if rank == 0:
                await writer.scalar("loss/mean", mean, step)


def be_a_rank(rank: int, job: Job) -> None:
    """One process."""
    asyncio.run(log_by_itself(rank, job))


# One run for all


def be_a_sender(rank: int, job: Job, to_first: "Connection[Row, None]") -> None:
    """One process but the first: it needs neither an event loop nor a writer."""
    for step in range(STEPS):
        loss, _ = step_of(rank, step, job)
        to_first.send((f"loss/rank{rank}", loss, step))


async def receive(sources: "list[Connection[None, Row]]", writer: summary.SummaryWriter) -> None:
    """Write what the ranks send, until each of them has ended."""
    while sources:
        ready = await asyncio.to_thread(connection.wait, sources)  # one thread for all of them, however many there are
        for source in [source for source in sources if source in ready]:
            try:
                tag, value, step = source.recv()
            except EOFError:
                sources.remove(source)
            else:
                await writer.scalar(tag, value, step)


async def train_as_the_first(job: Job, writer: summary.SummaryWriter) -> None:
    """Rank 0 trains like the others, and needs no pipe."""
    for step in range(STEPS):
        loss, mean = await asyncio.to_thread(step_of, 0, step, job)
        await writer.scalar("loss/rank0", loss, step)
        await writer.scalar("loss/mean", mean, step)


async def collect(job: Job, sources: "list[Connection[None, Row]]") -> None:
    """Write everybody's numbers to one run. Each rank has tags of its own, so no step comes late."""
    async with summary.create_file_writer(job.logdir) as writer, asyncio.TaskGroup() as tasks:
        tasks.create_task(train_as_the_first(job, writer))
        tasks.create_task(receive(sources, writer))


def be_the_first(job: Job, sources: "list[Connection[None, Row]]") -> None:
    """The process of rank 0."""
    asyncio.run(collect(job, sources))


# The job


def main(logdir: str, way: str) -> None:
    """Start four processes, wait for them, and say what was written."""
    # "spawn": a fork would copy locks and connections of threads that do not exist in the child
    spawn = multiprocessing.get_context("spawn")
    job = Job(logdir, spawn.RawArray(c_double, RANKS), spawn.Barrier(RANKS))
    programs: list[tuple[Callable[..., None], tuple[object, ...]]]
    theirs: list[Connection[Row, None]] = []
    if way == "each":
        programs = [(be_a_rank, (rank, job)) for rank in range(RANKS)]
    else:
        pipes = [spawn.Pipe(duplex=False) for _ in range(1, RANKS)]
        theirs = [sender for _, sender in pipes]
        programs = [(be_the_first, (job, [receiver for receiver, _ in pipes]))]
        programs += [(be_a_sender, (rank, job, sender)) for rank, sender in enumerate(theirs, 1)]
    processes = [spawn.Process(target=program, args=arguments, name=f"rank{rank}") for rank, (program, arguments) in enumerate(programs)]
    for process in processes:
        process.start()
    for sender in theirs:
        sender.close()  # so that the end of a rank is the end of its pipe
    for process in processes:
        process.join()
    failed = [process.name for process in processes if process.exitcode]
    if failed:
        raise SystemExit(f"{', '.join(failed)} failed")
    print(f"{RANKS} ranks trained {STEPS} steps, and logged to " + (f"{logdir}/rank0 and so on" if way == "each" else logdir))
    print(f"look at it with: tensorboard --logdir {logdir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--logdir", default="runs/ranks")
    parser.add_argument("--way", choices=["each", "one"], default="each")
    arguments = parser.parse_args()
    main(arguments.logdir, arguments.way)
