"""Writers on storage in memory, with scripted faults and any configuration."""

from dataclasses import dataclass, field
from pathlib import Path

from asyncsummary.batch import BatchPolicy
from asyncsummary.commit import RetryPolicy
from asyncsummary.config import Durability, ForeignWriter, WriterConfig
from asyncsummary.handle import FileWriterHandle
from asyncsummary.order import LatePolicy
from asyncsummary.protos import Event
from asyncsummary.queue import Limits, Overflow
from asyncsummary.resource import WriterResource
from asyncsummary_storage import FaultyFolder, Growth, MemoryDisk, MemoryFolder, Script, Terms
from tests.support.events import events_in, scalars_of


@dataclass(slots=True)
class Bench:
    """A disk in memory, a script of faults before it, and writers on both."""

    script: Script = field(default_factory=Script)
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    growth: Growth | Terms = Growth.IN_PLACE
    late_script: Script | None = None
    """Faults of the late run alone, if it is to have its own."""

    def writer(
        self,
        *,
        max_queue: int | None = None,
        flush_seconds: float = 120.0,
        summaries: int = 10_000,
        pending_bytes: int = 1 << 20,
        overflow: Overflow = Overflow.BLOCK,
        late_steps: LatePolicy = LatePolicy.WARN,
        retry_seconds: float = 60.0,
        resume: bool = False,
        spool_root: Path | None = None,
        max_spool_bytes: int = 1 << 30,
        durability: Durability = Durability.COMMIT,
        foreign_writer: ForeignWriter = ForeignWriter.CONTINUE,
    ) -> FileWriterHandle:
        """Return a writer that is not open yet."""
        config = WriterConfig(
            "in-memory:run",
            resume=resume,
            batch=BatchPolicy(max_queue, flush_seconds, pending_bytes // 2),
            limits=Limits(summaries, pending_bytes),
            overflow=overflow,
            late_steps=late_steps,
            retry=RetryPolicy(retry_seconds),
            spool_root=spool_root,
            max_spool_bytes=max_spool_bytes,
            durability=durability,
            foreign_writer=foreign_writer,
        )
        return FileWriterHandle(WriterResource("test", config, self._folder))

    def _folder(self, logdir: str) -> FaultyFolder:
        script = self.late_script if self.late_script is not None and logdir.endswith("/late") else self.script
        return FaultyFolder(MemoryFolder(logdir.removeprefix("in-memory:"), self.disk, self.growth), script)

    @property
    def names(self) -> list[str]:
        """The segments of the run on the disk."""
        return sorted(name for name in self.disk.content if name.count("/") == 1 and "tfevents" in name)

    def late(self) -> list[tuple[str, int, float]]:
        """All scalars in the late run, in the order of reading."""
        names = sorted(name for name in self.disk.content if name.startswith("run/late/"))
        return scalars_of([event for name in names for event in events_in(self.disk.content[name])])

    def events(self) -> list[Event]:
        """All events on the disk, in the order of reading."""
        return [event for name in self.names for event in events_in(self.disk.content[name])]

    def scalars(self) -> list[tuple[str, int, float]]:
        """All scalars on the disk, in the order of reading."""
        return scalars_of(self.events())

    def steps(self) -> list[int]:
        """The steps of all scalars on the disk."""
        return [step for _, step, _ in self.scalars()]

    def appends(self) -> int:
        """How many appends were tried."""
        return self.script.calls.count("append")
