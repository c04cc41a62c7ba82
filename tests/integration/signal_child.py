"""A process that writes scalars, says which are accepted, and gets a signal.

python -m tests.integration.signal_child LOGDIR WHERE [DEADLINE]

WHERE: ``inside`` (handlers are installed in the coroutine), ``uvloop`` (the same there), ``before`` asyncio.run, ``threads`` (no loop in
the main thread; one writer in a loop of another, one in the background), ``hanging`` (storage never answers), ``blocked`` (nor does the
event loop), ``handler`` (there is a handler already), ``loop`` (set by loop.add_signal_handler), ``child`` (the signal is for a forked
child).
"""

import asyncio
import os
import signal
import sys
import threading
import time
from types import FrameType

import uvloop

import asyncsummary as summary
from asyncsummary.blocking import FileWriter
from asyncsummary.protos import Summary, Value
from asyncsummary_storage import Fault, When
from tests.support.writing import Bench

BEFORE_THE_OTHER = 10
"""So many summaries the blocking writer of ``threads`` has accepted before the other thread's writer begins."""


async def write_for_ever(writer: summary.SummaryWriter) -> None:
    """Print each step once it is accepted."""
    for step in range(1_000_000):
        await writer.scalar("t", step, step)
        print(step, flush=True)
        await asyncio.sleep(0)


async def inside(logdir: str, deadline: float) -> None:
    writer = summary.create_file_writer(logdir, max_queue=10**9, flush_millis=10**9)
    summary.install_signal_handlers(deadline_seconds=deadline)
    await write_for_ever(writer)


async def before(logdir: str) -> None:
    await write_for_ever(summary.create_file_writer(logdir, max_queue=10**9, flush_millis=10**9))


async def hanging(deadline: float, *, blocked: bool) -> None:
    """Say when the flush is on its way."""
    bench = Bench()
    writer = bench.writer()
    for step in range(3):
        await writer.scalar("t", 1.0, step)
    bench.script.always([Fault("append", When.HANG_BEFORE)])
    summary.install_signal_handlers(deadline_seconds=deadline)
    opened = bench.appends()
    print("ready", flush=True)
    if blocked:
        time.sleep(600)  # noqa: ASYNC251  # on purpose
    while bench.appends() == opened:
        await asyncio.sleep(0.01)
    print("flushing", flush=True)
    await asyncio.Event().wait()


def threads(logdir: str, deadline: float) -> None:
    """Two writers, none of them in the main thread."""
    summary.install_signal_handlers(deadline_seconds=deadline)
    with FileWriter(f"{logdir}/blocking", max_queue=10**9, flush_secs=10**6) as writer:
        for step in range(1_000_000):
            if step == BEFORE_THE_OTHER:
                threading.Thread(target=lambda: asyncio.run(before(f"{logdir}/loop")), daemon=True).start()
            writer.add_summary(Summary(value=[Value(tag="t", simple_value=step)]), step)


async def handler(logdir: str, deadline: float) -> None:
    """Go on until the handler that was there is called."""
    writer = summary.create_file_writer(logdir, max_queue=10**9, flush_millis=10**9)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: int, frame: FrameType | None) -> None:
        print("stop", number, writer.stats.committed, flush=True)
        loop.call_soon_threadsafe(stopped.set)

    signal.signal(signal.SIGTERM, stop)
    summary.install_signal_handlers(deadline_seconds=deadline)
    await writer.scalar("t", 1.0, 1)
    print("ready", flush=True)
    await stopped.wait()
    await writer.scalar("t", 1.0, 2)
    await writer.close()


async def of_the_loop(logdir: str, deadline: float) -> None:
    """Count how often the loop's handler is called; end a while after the first time."""
    writer = summary.create_file_writer(logdir, max_queue=10**9, flush_millis=10**9)
    stopped = asyncio.Event()

    def stop() -> None:
        print("stop", flush=True)
        stopped.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    summary.install_signal_handlers(deadline_seconds=deadline)
    await writer.scalar("t", 1.0, 1)
    print("ready", flush=True)
    await stopped.wait()
    while writer.stats.pending:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)  # for a second call, which must not come: nothing tells of what does not happen
    await writer.close()


async def in_a_child(logdir: str) -> None:
    """Print how a forked child ended that was sent SIGTERM."""
    async with summary.create_file_writer(logdir) as writer:
        await writer.scalar("t", 1.0, 1)
        summary.install_signal_handlers()
        ready, tell = os.pipe()
        child = os.fork()
        if not child:
            os.write(tell, b"!")  # a signal that comes before Python is ready in the child is lost there
            time.sleep(30)  # noqa: ASYNC251  # the parent sees that it did not end by the signal
            os._exit(1)
        os.read(ready, 1)
        os.kill(child, signal.SIGTERM)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: ASYNC222  # nothing else goes on here


def main(logdir: str, where: str, deadline: float) -> None:
    """Write until the signal ends it."""
    match where:
        case "inside":
            asyncio.run(inside(logdir, deadline))
        case "uvloop" | "uvloop-loop":
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(inside(logdir, deadline) if where == "uvloop" else of_the_loop(logdir, deadline))
        case "before":
            with summary.install_signal_handlers(deadline_seconds=deadline):
                asyncio.run(before(logdir))
        case "threads":
            threads(logdir, deadline)
        case "hanging" | "blocked":
            asyncio.run(hanging(deadline, blocked=where == "blocked"))
        case "handler":
            asyncio.run(handler(logdir, deadline))
        case "loop":
            asyncio.run(of_the_loop(logdir, deadline))
        case "child":
            asyncio.run(in_a_child(logdir))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 60.0)
