"""Which rows are there? Each with what is measured, beside whom, and the goal."""

from benchmarks.goals import Evenness, Goal
from benchmarks.rows import LOGDIR_ON_S3, OURS, PHOTO, Arguments, Column, Plot, Program, Row

CLU, TENSORBOARD, TENSORBOARDX, TENSORFLOW, TORCH = "clu", "tensorboard", "tensorboardx", "tensorflow", "torch"


def scalars(name: str, program: str, environment: str, count: int) -> Program:
    """Return a writer of scalars; slow ones write fewer, and rates are compared."""
    return Program(name, "scalars", program, environment, {"count": count}, {"count": count // 5})


ONE_BY_ONE = Row(
    "1",
    "Scalars, one `await` each",
    "20 tags to a local folder, from making the writer to its close, flush included; all with their default settings. Slow writers write "
    "fewer. *raw* is as many calls of a buffered file's `write`, with records of the same sizes: what no writer in Python can beat. "
    "*in parts* writes the same bytes by four calls for each record: length, checksum, payload, checksum, as writers of such files do. "
    "*framed* makes each record's frame, with its checksums, around a payload that is there; *awaits* are as many awaits of a method that "
    "does nothing. TF1's FileWriter gets messages that were made before. clu takes the 20 tags of a step in one call.",
    (
        scalars("asyncsummary", "asyncsummary", OURS, 1_000_000),
        scalars("raw", "raw", OURS, 1_000_000),
        scalars("in parts", "parts", OURS, 1_000_000),
        scalars("framed", "framed", OURS, 1_000_000),
        scalars("awaits", "nothing", OURS, 1_000_000),
        scalars("TF1 FileWriter", "tf1", TENSORFLOW, 100_000),
        scalars("EventFileWriter", "event_file_writer", TENSORBOARD, 50_000),
        scalars("tensorboardX", "tensorboardx", TENSORBOARDX, 50_000),
        scalars("torch", "torch", TORCH, 20_000),
        scalars("tf.summary", "tf2", TENSORFLOW, 20_000),
        scalars("clu", "clu", CLU, 20_000),
    ),
    (Column("rate", "scalars/s"), Column("bytes", "bytes each")),
    (
        Goal("at least 1,000,000/s", "asyncsummary", "rate", least=1e6, unit="/s"),
        Goal("at least 10× TF1's FileWriter", "asyncsummary", "rate", least=10, against=("TF1 FileWriter",), unit="×"),
        Goal("at least 45× tensorboardX", "asyncsummary", "rate", least=45, against=("tensorboardX",), unit="×"),
        Goal("at least a third of raw", "asyncsummary", "rate", least=1 / 3, against=("raw",), unit="×"),
    ),
    subject="asyncsummary",
    seconds=170,
)

COST = Row(
    "2",
    "CPU and memory of the same",
    "The same program. CPU is that of the whole process, all threads, from making the writer to its close. Memory is the peak of resident "
    "memory (VmHWM) over what was resident (VmRSS) after another writer of the same process had written 2,000 scalars and was closed.",
    (Program("asyncsummary", "scalars", "asyncsummary", arguments={"count": 1_000_000, "warm": 2_000}),),
    (Column("cpu_microseconds", "CPU per scalar", " µs"), Column("memory_mib", "peak memory growth", " MiB")),
    (
        Goal("at most 1 µs of CPU per scalar", "asyncsummary", "cpu_microseconds", most=1, unit=" µs"),
        Goal("memory grows by at most 64 MiB", "asyncsummary", "memory_mib", most=64, unit=" MiB"),
    ),
    seconds=20,
)

MANY_AT_ONCE = Row(
    "3",
    "Scalars, many at once",
    "`await writer.scalars({...}, step)` with 20 tags in each call, and `await writer.scalar_series(tag, values, steps)` with numpy arrays "
    "of 10,000 points. To a local folder, from making the writer to its close, flush included.",
    (
        Program("scalars()", "many_at_once", "scalars", arguments={"count": 2_000_000}, quick={"count": 400_000}),
        Program("scalar_series()", "many_at_once", "scalar_series", arguments={"count": 4_000_000, "block": 10_000}),
    ),
    (Column("rate", "scalars/s"),),
    (
        Goal("scalars(): at least 2,000,000/s", "scalars()", "rate", least=2e6, unit="/s"),
        Goal("scalar_series(): at least 5,000,000/s", "scalar_series()", "rate", least=5e6, unit="/s"),
    ),
    seconds=40,
)


def grown(what: str, counts: tuple[int, ...], rest: Arguments, quick: Arguments) -> tuple[Program, ...]:
    """Return a program for each count of one thing, with the rest as it is."""
    return tuple(
        Program(
            f"{count:,} {what if count > 1 else what[:-1]}",
            "growth",
            "asyncsummary",
            arguments={**rest, what: count},
            quick={**quick, what: count},
            rounds=3 if count > 1_000_000 else 1_000,
            at=count,
        )
        for count in counts
    )


MILLION, QUICK_MILLION = {"events": 1_000_000}, {"events": 200_000}
COROUTINES = grown("coroutines", (1, 10, 100, 1_000), MILLION, QUICK_MILLION)
DIFFERENT_TAGS = grown("tags", (1, 100, 10_000), MILLION, QUICK_MILLION)
EVENTS = grown("events", (1_000, 10_000, 100_000, 1_000_000, 10_000_000), {}, {})


def names(programs: tuple[Program, ...]) -> tuple[str, ...]:
    """Return the programs' names."""
    return tuple(program.name for program in programs)


def growth_plot(name: str, axis: str, programs: tuple[Program, ...]) -> Plot:
    """Return the curve of one kind of growth."""
    return Plot(name, f"Cost of one scalar by {axis}", axis, "event_microseconds", "µs per scalar", names(programs))


GROWTH = Row(
    "4",
    "Growth",
    "What one scalar costs in an open writer that has written each tag before: all `await writer.scalar` and one flush at their end, "
    "divided by the number of scalars. 1,000,000 scalars, 20 tags and one coroutine, but for what is varied; coroutines take turns after "
    "every 100. What is fixed is apart: opening and closing the writer, and the first use of a tag (one scalar of each and a flush).",
    COROUTINES + DIFFERENT_TAGS + EVENTS,
    (
        Column("event_microseconds", "per scalar", " µs"),
        Column("open_close_milliseconds", "open and close", " ms"),
        Column("first_use_microseconds", "first use of a tag", " µs"),
    ),
    tuple(
        Evenness(f"cost per scalar within 1.5×, {first.name} to {last.name}", names(programs), "event_microseconds", most=1.5)
        for programs in (COROUTINES, DIFFERENT_TAGS, EVENTS)
        for first, last in [(programs[0], programs[-1])]
    ),
    quick_rounds=1,
    seconds=110,
    plots=(
        growth_plot("growth-coroutines", "coroutines", COROUTINES),
        growth_plot("growth-tags", "tags", DIFFERENT_TAGS),
        growth_plot("growth-events", "scalars written", EVENTS),
    ),
)


def kinds(file: str, name: str, program: str, environment: str, count: int, **arguments: str) -> Program:
    """Return a writer of histograms or of images."""
    return Program(name, file, program, environment, {"count": count, **arguments}, {"count": count // 5})


HISTOGRAMS = Row(
    "5",
    "Histograms of 100,000 float32",
    "From making the writer to its close. torch, tensorboardX and asyncsummary sort into TensorFlow's 1,551 buckets, tf.summary and clu "
    "into 30.",
    (
        kinds("histograms", "asyncsummary", "asyncsummary", OURS, 1_000),
        kinds("histograms", "torch", "torch", TORCH, 500),
        kinds("histograms", "tensorboardX", "tensorboardx", TENSORBOARDX, 500),
        kinds("histograms", "tf.summary", "tf2", TENSORFLOW, 200),
        kinds("histograms", "clu", "clu", CLU, 200),
    ),
    (Column("rate", "histograms/s"), Column("bytes", "bytes each")),
    (
        Goal("at least 1,000/s", "asyncsummary", "rate", least=1_000, unit="/s"),
        Goal(
            "at least 5× the best peer",
            "asyncsummary",
            "rate",
            least=5,
            against=("torch", "tensorboardX", "tf.summary", "clu"),
            unit="×",
        ),
    ),
    subject="asyncsummary",
    rounds=3,
    seconds=80,
)

IMAGES = Row(
    "6",
    "Images, a photo of 256 by 256 by 3",
    "A part of scikit-learn's china.jpg, from making the writer to its close. *Pillow* is its PNG as it comes, without a writer.",
    (
        kinds("images", "asyncsummary", "asyncsummary", OURS, 200, photo=PHOTO),
        kinds("images", "Pillow", "pillow", OURS, 100, photo=PHOTO),
        kinds("images", "clu", "clu", CLU, 100, photo=PHOTO),
        kinds("images", "tf.summary", "tf2", TENSORFLOW, 100, photo=PHOTO),
        kinds("images", "tensorboardX", "tensorboardx", TENSORBOARDX, 100, photo=PHOTO),
        kinds("images", "torch", "torch", TORCH, 100, photo=PHOTO),
    ),
    (Column("rate", "images/s"), Column("bytes", "bytes each")),
    (
        Goal("at least 3× clu", "asyncsummary", "rate", least=3, against=("clu",), unit="×"),
        Goal("at most 1.15× the bytes of Pillow's PNG", "asyncsummary", "bytes", most=1.15, against=("Pillow",), unit="×"),
    ),
    subject="asyncsummary",
    rounds=3,
    seconds=70,
)


def loop(name: str, program: str, environment: str, seconds: float, rounds: int = 1_000, **arguments: int) -> Program:
    """Return a writer beside a heartbeat. A quick run takes three seconds."""
    settings: Arguments = {"seconds": seconds, "logdir": LOGDIR_ON_S3, **arguments}
    return Program(name, "event_loop", program, environment, settings, {"seconds": 3}, rounds)


EVENT_LOOP = Row(
    "7",
    "What the event loop feels of a slow bucket",
    "2,000 scalars per second for 30 s (peers: 8 s) to S3 (moto) where each request takes 200 ms, and a flush every 0.5 s; *with images*, "
    "also a PNG of a megabyte each second. A *stall* is a heartbeat, due every millisecond, that came more than 5 ms late. *no writer* is "
    "what the machine and the program do to the loop by themselves. Peers are called from coroutines: as they come, with `flush()`; and "
    "*tuned*, with max_queue=100,000 and flush_secs=0.5, so that their own thread flushes and no coroutine ever does. What they have only "
    "queued then shows when they are closed, which is given up after 15 s.",
    (
        loop("no writer", "idle", OURS, 10),
        loop("asyncsummary", "asyncsummary", OURS, 30),
        loop("asyncsummary, with images", "asyncsummary", OURS, 30, image=1),
        loop("torch", "torch", TORCH, 8, 1),
        loop("torch, tuned", "torch", TORCH, 8, 1, queue=100_000),
        loop("torch, tuned, with images", "torch", TORCH, 8, 1, queue=100_000, image=1),
        loop("tensorboardX", "tensorboardx", TENSORBOARDX, 8, 1),
        loop("tensorboardX, tuned", "tensorboardx", TENSORBOARDX, 8, 1, queue=100_000),
        loop("tensorboardX, tuned, with images", "tensorboardx", TENSORBOARDX, 8, 1, queue=100_000, image=1),
    ),
    (
        Column("stall_percent", "time in stalls", " %"),
        Column("longest_stall_milliseconds", "longest", " ms"),
        Column("call_p50_microseconds", "scalar, p50", " µs"),
        Column("call_p99_microseconds", "p99", " µs"),
        Column("share_percent", "written of what was due", " %"),
        Column("close_seconds", "then closing", " s"),
    ),
    tuple(
        goal
        for name in ("asyncsummary", "asyncsummary, with images")
        for goal in (
            Goal(f"{name}: at most 1 % of the time in stalls", name, "stall_percent", most=1, unit=" %"),
            Goal(f"{name}: no stall above 20 ms", name, "longest_stall_milliseconds", most=20, unit=" ms"),
            Goal(f"{name}: `await scalar()` p99 at most 50 µs", name, "call_p99_microseconds", most=50, unit=" µs"),
        )
    ),
    request_milliseconds=200,
    rounds=3,
    quick_rounds=1,
    seconds=260,
)

TO_S3 = Row(
    "8",
    "1,000,000 scalars to S3",
    "The program of row 2, to a local folder and to S3 (moto), where each request takes 20 ms. The server shares "
    "this machine's cores with the writer.",
    (
        Program("local", "scalars", "asyncsummary", arguments={"count": 1_000_000, "warm": 2_000}),
        Program("S3", "scalars", "asyncsummary", arguments={"count": 1_000_000, "warm": 2_000, "logdir": LOGDIR_ON_S3}),
    ),
    (Column("rate", "scalars/s"), Column("seconds", "seconds"), Column("memory_mib", "peak memory growth", " MiB")),
    (Goal("at most 1.5× the time of a local folder", "S3", "seconds", most=1.5, against=("local",), unit="×"),),
    subject="local",
    request_milliseconds=20,
    seconds=40,
)

IMPORT = Row(
    "9",
    "Importing it",
    "In fresh interpreters, with a warm file cache and compiled modules: first numpy and protobuf's runtime, then `import asyncsummary`. "
    "What only some users need (s3fs, gcsfs, botocore, aiohttp, PIL and the like) must not be loaded by that.",
    (Program("asyncsummary", "imports", "asyncsummary"),),
    (
        Column("milliseconds", "import asyncsummary", " ms"),
        Column("base_milliseconds", "numpy and protobuf before", " ms"),
        Column("loaded_too_soon", "packages too many"),
    ),
    (
        Goal("at most 120 ms beyond numpy and protobuf", "asyncsummary", "milliseconds", most=120, unit=" ms"),
        Goal("no cloud package loaded", "asyncsummary", "loaded_too_soon", most=0),
    ),
    rounds=15,
    quick_rounds=5,
    unrecorded_rounds=1,
    seconds=30,
)

VISIBLE = Row(
    "10",
    "From `await scalar()` to a reader",
    "A scalar every 10 ms, `flush_millis=1000`, nobody calls flush. A reader in another process looks again and again, into the local "
    "folder or at the objects of S3 (moto), where each of the writer's requests takes 50 ms. *one request* is what a flush of a single "
    "scalar takes in the same run; allowed are flush_millis, two of those, and the time from one look of the reader to its next.",
    tuple(
        Program(name, "visible", "asyncsummary", arguments={"seconds": 15, **where}, quick={"seconds": 3})
        for name, where in (("local", {}), ("S3", {"logdir": LOGDIR_ON_S3}))
    ),
    (
        Column("p99_milliseconds", "p99", " ms"),
        Column("p50_milliseconds", "p50", " ms"),
        Column("request_milliseconds", "one request", " ms"),
        Column("look_milliseconds", "one look", " ms"),
        Column("beyond_milliseconds", "p99 beyond what is allowed", " ms"),
    ),
    tuple(
        Goal(f"{name}: p99 not beyond flush_millis and 2 requests", name, "beyond_milliseconds", most=0, unit=" ms")
        for name in ("local", "S3")
    ),
    request_milliseconds=50,
    rounds=2,
    quick_rounds=1,
    seconds=70,
)

ROWS = (ONE_BY_ONE, COST, MANY_AT_ONCE, GROWTH, HISTOGRAMS, IMAGES, EVENT_LOOP, TO_S3, IMPORT, VISIBLE)
