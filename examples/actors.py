"""Async reinforcement learning in small: many actors play at once, a learner learns from whoever is done, all of them log to one run.

Sixteen actors walk a corridor, each as a task of its own that waits for its environment; the learner improves one table of values. Every
tag has its own count of steps: an actor's episodes, the learner's updates.

    python examples/actors.py [--logdir runs/actors]
"""

import argparse
import asyncio
import random

import numpy as np

import asyncsummary as summary

ACTORS = 16
CORRIDOR = 12
EPISODES = 40

Episode = list[tuple[int, int, float, int]]


async def play(values: np.ndarray[tuple[int, int], np.dtype[np.float64]], chance: random.Random) -> Episode:
    """Walk until the end of the corridor; mostly as the table says."""
    place = 0
    episode: Episode = []
    while place < CORRIDOR and len(episode) < 200:
        explores = chance.random() < 0.2 or values[place, 0] == values[place, 1]
        move = chance.randrange(2) if explores else int(values[place].argmax())
        await asyncio.sleep(chance.random() * 0.0005)  # the environment takes its time
        following = max(0, place + (1 if move else -1))
        episode.append((place, move, 1.0 if following == CORRIDOR else -0.01, following))
        place = following
    return episode


async def act(number: int, values: np.ndarray[tuple[int, int], np.dtype[np.float64]], done: "asyncio.Queue[Episode | None]") -> None:
    """Play episodes, and log how long each took."""
    chance = random.Random(number)
    with summary.name_scope(f"actor{number:02d}"):
        for count in range(EPISODES):
            episode = await play(values, chance)
            await summary.scalar("episode_length", len(episode), step=count)
            await done.put(episode)
    await done.put(None)


async def learn(values: np.ndarray[tuple[int, int], np.dtype[np.float64]], done: "asyncio.Queue[Episode | None]") -> None:
    """Learn from each episode as it comes, and log what was learned."""
    playing, updates = ACTORS, 0
    while playing:
        episode = await done.get()
        if episode is None:
            playing -= 1
            continue
        errors = []
        for place, move, reward, following in reversed(episode):
            target = reward + (0.0 if following == CORRIDOR else 0.95 * float(values[following].max()))
            errors.append(target - float(values[place, move]))
            values[place, move] += 0.2 * errors[-1]
        with summary.name_scope("learner"):
            await summary.scalar("value_of_the_start", values[0].max(), step=updates)
            await summary.histogram("errors", errors, step=updates)
        updates += 1


async def main(logdir: str) -> None:
    """Let everybody play and learn at once."""
    values = np.zeros((CORRIDOR, 2))
    done: asyncio.Queue[Episode | None] = asyncio.Queue(maxsize=ACTORS)
    async with summary.create_file_writer(logdir, flush_millis=1000) as writer:
        with writer.as_default(), summary.always_record_summaries():  # the tasks that are started here inherit both
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(learn(values, done))
                for number in range(ACTORS):
                    tasks.create_task(act(number, values, done))
    stats = writer.stats
    print(
        f"{ACTORS} actors played {ACTORS * EPISODES} episodes; {stats.committed:,} summaries of {stats.tags} tags, {stats.dropped} dropped"
    )
    print(f"look at it with: tensorboard --logdir {logdir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--logdir", default="runs/actors")
    asyncio.run(main(parser.parse_args().logdir))
