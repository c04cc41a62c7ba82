"""Fixtures for all tests, and what every test must leave behind: no task, no thread, no global state."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import uvloop

from asyncsummary.steps import forget_global_step
from tests.support.secure import SecureMotoServer
from tests.support.servers import GCSEmulator, MotoServer
from tests.support.virtual_time import VirtualTimeLoop


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_time: run on an event loop whose clock jumps to the next timer")
    config.addinivalue_line("markers", "both_loops: run on asyncio's event loop and on uvloop's")


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    if item.get_closest_marker("both_loops"):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spools of remote logdirs are made in a folder that the test does not share."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def no_global_step() -> Iterator[None]:
    """Each test begins without a global step."""
    forget_global_step()
    yield
    forget_global_step()


@pytest.fixture(autouse=True, scope="module")
def old_objects_stay() -> None:
    """What lives before a module's tests, packages above all, is not looked through after each of them: that took up to 0.3 s each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """A test must end with the tasks and the threads that it began with, but for those of the event loop's own pool."""
    before = set(threading.enumerate())
    yield
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.get_running_loop().shutdown_default_executor()
    threads = [thread for thread in threading.enumerate() if thread not in before and not thread.name.startswith("fsspecIO")]
    gc.collect()  # unclosed sessions and writers warn now, and a warning is an error
    assert left == []
    assert threads == []


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    """An S3 server on the loopback interface."""
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="session")
def secure_moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureMotoServer]:
    """An S3 server behind TLS."""
    with SecureMotoServer(tmp_path_factory.mktemp("certificates")) as server:
        yield server


@pytest.fixture(scope="session")
def gcs_emulator() -> Iterator[GCSEmulator]:
    """A GCS emulator on the loopback interface. It ignores preconditions."""
    with GCSEmulator() as server:
        yield server
