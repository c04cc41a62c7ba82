"""A part of the wire's runs, chosen by the seed: nothing lost, nothing doubled, and each fault did strike."""

from tests.chaos import wire
from tests.chaos.clouds import BUCKET
from tests.support.servers import MotoServer

SEED = 1


async def test_faults_on_the_wire(moto: MotoServer) -> None:
    """Some requests for each fault, and some storms, on both clouds."""
    moto.make_bucket(BUCKET)
    section = await wire.run_wire(moto, SEED, full=False)
    assert [failure for row in section.rows for failure in row.failures] == []
    assert section.good
    assert all(row.verdict.confirmed for row in section.rows)
