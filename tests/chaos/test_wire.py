"""A part of the wire's runs, chosen by the seed: nothing lost, nothing doubled, and each fault did strike."""

import pytest

from tests.chaos import wire
from tests.chaos.clouds import BACKENDS, BUCKET
from tests.support.servers import MotoServer

SEED = 1


async def test_faults_on_the_wire(moto: MotoServer) -> None:
    """Some requests for each fault, and some storms, on both clouds."""
    moto.make_bucket(BUCKET)
    section = await wire.run_wire(moto, SEED, full=False)
    assert [failure for row in section.rows for failure in row.failures] == []
    assert section.good
    assert all(row.verdict.confirmed for row in section.rows)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_run_without_faults(backend: str, moto: MotoServer) -> None:
    """Megabytes in one batch, with each warning an error: every request works at once, and nothing has to be told."""
    moto.make_bucket(BUCKET)
    for script in wire.SCRIPTS[backend]:
        assert "create" in await wire.clean_requests(backend, script, moto)
