"""The cost simulator counts what a real server sees."""

from benchmarks.append_cost import on_moto


async def test_the_simulator_agrees_with_a_server() -> None:
    """Byte for byte, request for request, object for object."""
    simulated, seen = await on_moto()
    assert seen == simulated
    assert seen.requests <= 420
    assert seen.sent <= 12_000_000
