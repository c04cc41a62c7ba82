"""A part of what can happen to a local disk: nothing confirmed is lost, nothing whole is rewritten, readers never see a torn record."""

from pathlib import Path

from tests.chaos import disk

SEED = 1


async def test_a_disk_in_trouble(tmp_path: Path) -> None:
    """Full, forbidden, cleaned up, torn, and rotten."""
    section = await disk.run_disk(tmp_path, SEED, full=False)
    assert [failure for row in section.rows for failure in row.failures] == []
    assert section.good
    assert all(row.verdict.confirmed or row.skipped for row in section.rows)
