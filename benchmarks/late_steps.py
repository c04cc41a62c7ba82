"""What does TensorBoard show of steps that come late? Both of its readers are asked, and the answer is put into docs/late_steps.md.

    make late-steps

Each case is a run in one logdir. Its first part is there before the readers start and its second part comes while they look; at the end
two more readers start that see all at once.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncsummary as summary
from asyncsummary.protos import START, SessionLog, Summary, Value
from tests.support.tensorboard import TensorBoard

DOCUMENT = Path(__file__).parents[1] / "docs" / "late_steps.md"
BEGIN, END = "<!-- measured: make late-steps -->\n", "<!-- end of what was measured -->\n"
READERS = ("Python, live", "Python, afterwards", "Rust, live", "Rust, afterwards")

Point = tuple[int, float]
Shown = dict[str, list[Point]]
"""By what comes behind the case's name: its run, its tag."""


@dataclass(slots=True)
class Run:
    """A run of one case, and the writers that are open on it."""

    logdir: Path
    writers: dict[str, summary.SummaryWriter] = field(default_factory=dict)

    async def write(self, tag: str, *steps: int, writer: str = "first", folder: str = "", again: bool = False) -> None:
        """Write points one by one, each in an append of its own; ``again`` gives them the value 2, else 1."""
        key = f"{folder} {writer}"
        if key not in self.writers:
            logdir = f"{self.logdir}{folder}"
            self.writers[key] = summary.create_file_writer(logdir, name=f"{logdir} {writer}", late_steps="keep")
        for step in steps:
            await self.writers[key].scalar(tag, 2.0 if again else 1.0, step)
            await self.writers[key].flush()

    async def close(self) -> None:
        """Close all writers; the next write begins a new file."""
        for writer in self.writers.values():
            await writer.close()
        self.writers.clear()


Part = Callable[[Run], Awaitable[None]]


async def nothing(run: Run) -> None:
    """Some cases have all in their first part."""


@dataclass(frozen=True, slots=True)
class Case:
    """``shows`` names the curves to look at: (what comes behind the case's folder, tag)."""

    name: str
    says: str
    first: Part
    second: Part = nothing
    shows: tuple[tuple[str, str], ...] = (("", "loss"),)


async def within_a_file(run: Run) -> None:
    await run.write("loss", 20, 21, 22, 12, 23, 24)


async def up_to_22(run: Run) -> None:
    await run.write("loss", 20, 21, 22)


async def late_in_a_later_file(run: Run) -> None:
    await run.close()
    await run.write("loss", 12, 23, 24)


async def begin_with_another_tag(run: Run) -> None:
    await run.write("other", *range(6))
    await run.write("loss", *range(6))
    await run.close()


async def again_from_3(run: Run) -> None:
    await run.write("loss", 3, 4, 5, 6, again=True)


async def again_from_3_with_start(run: Run) -> None:
    """As one would do with our writers: an event that says from where the steps are repeated."""
    async with summary.FileWriter(run.logdir) as writer:
        await writer.add_session_log(SessionLog(status=START), 3)
        for step in (3, 4, 5, 6):
            await writer.add_summary(Summary(value=[Value(tag="loss", simple_value=2.0)]), step)


async def begin_without_any_start(run: Run) -> None:
    async with summary.FileWriter(run.logdir) as writer:
        for tag in ("other", "loss"):
            for step in range(6):
                await writer.add_summary(Summary(value=[Value(tag=tag, simple_value=1.0)]), step)


async def two_writers_of_one_tag(run: Run) -> None:
    await run.write("loss", 0)
    await run.write("loss", 1, writer="second")


async def two_writers_go_on(run: Run) -> None:
    await run.write("loss", 2)
    await run.write("loss", 3, writer="second")
    await run.write("loss", 4)
    await run.write("loss", 5, writer="second")


async def two_writers_of_two_tags(run: Run) -> None:
    await run.write("loss0", 0, 1)
    await run.write("loss1", 0, 1, writer="second")


async def two_tags_go_on(run: Run) -> None:
    await run.write("loss0", 2, 3)
    await run.write("loss1", 2, 3, writer="second")


async def one_step_twice(run: Run) -> None:
    await run.write("loss", 1, 2)
    await run.write("loss", 2, again=True)
    await run.write("loss", 3)


def late_into(folder: str, *late: int) -> Part:
    async def second(run: Run) -> None:
        await run.write("loss", *late, folder=folder)
        await run.write("loss", 23, 24)

    return second


CASES = (
    Case("a", "one file: 20 21 22 12 23 24", within_a_file),
    Case("b", "20 21 22, then a new file: 12 23 24", up_to_22, late_in_a_later_file),
    Case("c1", "0..5, restart: 3′..6′", begin_with_another_tag, again_from_3, (("", "loss"), ("", "other"))),
    Case("c2", "the same, with START at step 3", begin_with_another_tag, again_from_3_with_start, (("", "loss"), ("", "other"))),
    Case("c3", "the same, no other START before", begin_without_any_start, again_from_3_with_start, (("", "loss"), ("", "other"))),
    Case("d1", "two writers, one tag: 0 2 4 and 1 3 5", two_writers_of_one_tag, two_writers_go_on),
    Case("d2", "two writers, a tag each: 0 1 2 3", two_writers_of_two_tags, two_tags_go_on, (("", "loss0"), ("", "loss1"))),
    Case("e", "one file: 1 2 2′ 3", one_step_twice),
    Case("f1", "20 21 22 23 24, and 12 in `run_late`", up_to_22, late_into("_late", 12), (("", "loss"), ("_late", "loss"))),
    Case("f2", "20 21 22 23 24, and 12 in `run/late`", up_to_22, late_into("/late", 12), (("", "loss"), ("/late", "loss"))),
    Case("f3", "20 21 22 23 24, and 12 13 5 in `run/late`", up_to_22, late_into("/late", 12, 13, 5), (("", "loss"), ("/late", "loss"))),
)


@asynccontextmanager
async def readers(logdir: Path) -> AsyncIterator[list[TensorBoard]]:
    """The Python reader and the Rust reader."""
    async with AsyncExitStack() as stack:
        boards = [TensorBoard(str(logdir), rust=rust) for rust in (False, True)]
        for board in boards:
            await asyncio.to_thread(board.__enter__)
            stack.callback(board.__exit__, None, None, None)
        yield boards


def has_marks(board: TensorBoard, count: int) -> Callable[[], bool]:
    """Whether a reader shows so many marks by now."""
    return lambda: len(board.points("marks", "mark")) >= count


async def seen(boards: list[TensorBoard], marks: Run) -> None:
    """Wait until all readers have been through the whole logdir after this call.

    A round of theirs that shows the second of our marks began after the first was there, and only the third tells that it has ended.
    """
    for _ in range(3):
        count = len(boards[0].points("marks", "mark"))
        await marks.write("mark", count)
        for board in boards:
            await board.until(has_marks(board, count + 1), "a mark")


def look(board: TensorBoard) -> dict[str, Shown]:
    """Return the points of all cases."""
    return {case.name: {f"{folder} {tag}": board.points(f"{case.name}{folder}", tag) for folder, tag in case.shows} for case in CASES}


async def measure(root: Path) -> dict[str, dict[str, Shown]]:
    """Return what each reader shows of each case."""
    runs = {case.name: Run(root / case.name) for case in CASES}
    marks = Run(root / "marks")
    await marks.write("mark", 0)
    for case in CASES:
        await case.first(runs[case.name])
    async with readers(root) as live:
        for board in live:
            await board.until(has_marks(board, 1), "the first mark")
        await seen(live, marks)
        for case in CASES:
            await case.second(runs[case.name])
        await seen(live, marks)
        async with readers(root) as fresh:
            for board in fresh:
                await board.until(has_marks(board, 7), "the last mark")
            await seen([*live, *fresh], marks)
            found = {
                name: await asyncio.to_thread(look, board)
                for name, board in zip(READERS, [live[0], fresh[0], live[1], fresh[1]], strict=True)
            }
    for run in [*runs.values(), marks]:
        await run.close()
    return found


def points_text(points: list[Point]) -> str:
    """Steps in the order in which they are served; those of a second writing have a prime."""
    return " ".join(f"{step}{'′' if value == 2.0 else ''}" for step, value in points) or "nothing"


def table(found: dict[str, dict[str, Shown]]) -> str:
    """The measured table, with one line for each curve."""
    lines = ["| | written | curve | " + " | ".join(READERS) + " |", "|---" * (3 + len(READERS)) + "|"]
    for case in CASES:
        for index, (folder, tag) in enumerate(case.shows):
            head = (case.name, case.says) if index == 0 else ("", "")
            curve = f"`run{folder}` {tag}"
            shown = (points_text(found[reader][case.name][f"{folder} {tag}"]) for reader in READERS)
            lines.append("| " + " | ".join([*head, curve, *shown]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and put the table in its place in the document."""
    with tempfile.TemporaryDirectory() as folder:
        text = table(asyncio.run(measure(Path(folder))))
    print(text)
    document = DOCUMENT.read_text() if DOCUMENT.exists() else BEGIN + END
    before, _, rest = document.partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + "\n" + text + "\n" + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
