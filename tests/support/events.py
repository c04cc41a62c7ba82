"""Reads event files: by our own scanner and messages, and by TensorBoard's."""

from pathlib import Path
from typing import Any

from asyncsummary.protos import Event
from asyncsummary.records import scan


def events_in(data: bytes) -> list[Event]:
    """Return the events of an event file's bytes, which must be whole."""
    payloads, scanner = scan(data)
    assert scanner.damage is None
    return [Event.FromString(payload) for payload in payloads]


def events_of(folder: Path | str) -> list[Event]:
    """Return the events of all event files of a local run, in the order in which TensorBoard reads them."""
    return [event for path in sorted(Path(folder).glob("*tfevents*")) for event in events_in(path.read_bytes())]


def scalars_of(events: list[Event]) -> list[tuple[str, int, float]]:
    """Return (tag, step, value) of all scalars."""
    return [(value.tag, event.step, value.simple_value) for event in events for value in event.summary.value]


def accumulated(folder: Path | str) -> dict[str, list[tuple[int, float]]]:
    """Return what TensorBoard's own EventAccumulator sees of a local run: (step, value) by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator: Any = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    return {tag: [(point.step, point.value) for point in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}
