"""A few kills and pairs on each backend: what was confirmed is there once, whoever was killed or came second."""

from pathlib import Path

from tests.chaos import kills
from tests.support.servers import MotoServer

SEED = 1


async def test_killed_processes_and_two_at_once(moto: MotoServer, tmp_path: Path) -> None:
    """On a local disk, on S3 and on GCS."""
    section = await kills.run_kills(moto, tmp_path, SEED, full=False)
    assert [failure for row in section.rows for failure in row.failures] == []
    assert section.good
    assert all(row.verdict.confirmed for row in section.rows)
