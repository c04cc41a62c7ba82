"""The kinds of TensorBoard's plugins in a database: what is a tensor is kept, what is files is refused."""

from pathlib import Path

import numpy as np
import pytest

import asyncsummary as summary
from tests.asyncsummary.test_plugin_kinds import METHODS


@pytest.mark.parametrize("kind", METHODS)
async def test_kinds_are_accepted(kind: str, tmp_path: Path) -> None:
    """And committed."""
    call, _, _ = METHODS[kind]
    async with summary.create_db_writer(str(tmp_path / "db.sqlite"), "experiment", "run", "user") as writer:
        assert await call(writer) is True
        await writer.flush()
        assert writer.stats.committed == 1


async def test_embeddings_are_refused(tmp_path: Path) -> None:
    """A database holds no files; later writes work."""
    async with summary.create_db_writer(str(tmp_path / "db.sqlite"), "experiment", "run", "user") as writer:
        with pytest.raises(summary.InvalidSummaryError, match=r"tag 'e': the database .* holds no files, so no embeddings"):
            await writer.embedding("e", np.zeros((2, 2)), 1)
        assert await writer.scalar("s", 1.0, 1)
