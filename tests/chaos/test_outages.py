"""Short outages, real and on a clock that jumps: nothing is lost but what a policy drops and counts, within bounds of time and memory."""

from tests.chaos import outages
from tests.chaos.clouds import BUCKET
from tests.support.servers import MotoServer


async def test_outages(moto: MotoServer) -> None:
    """Writing goes on; what was accepted lands, is counted as dropped, or is told at closing."""
    moto.make_bucket(BUCKET)
    section = await outages.run_outages(moto, full=False)
    assert [failure for row in section.rows for failure in row.failures] == []
    assert section.good
    assert all(row.verdict.confirmed for row in section.rows)
