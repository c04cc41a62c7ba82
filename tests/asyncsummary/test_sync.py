"""Sync of all logdirs that have a spool: what is wrong with one does not keep the others from going on."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary.cli import main
from asyncsummary.spool import Spool
from asyncsummary.sync import Synced, sync
from asyncsummary_storage import Folder, StorageError, open_folder
from tests.support.events import events_in, scalars_of
from tests.support.spooling import records

AWAY = {"key": "a", "secret": "b", "endpoint_url": "http://127.0.0.1:9"}


async def left_behind(root: Path, *logdirs: str) -> None:
    """Leave a scalar in the spool of each of these logdirs."""
    for logdir in logdirs:
        spool = Spool(root, logdir, 1 << 20)
        await spool.put(records(1), 1, 1)
        await spool.close()


def without_a_name(root: Path) -> None:
    """Leave a spool of which nobody knows whose it is."""
    folder = root / "aaa-000000000000"
    folder.mkdir(parents=True)
    (folder / "logdir").write_text("")


def steps_in(logdir: Path) -> list[int]:
    return [step for path in sorted(logdir.iterdir()) for _, step, _ in scalars_of(events_in(path.read_bytes()))]


async def test_one_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its summaries stay where they are, and can be committed later."""
    root, good, other = tmp_path / "spool", tmp_path / "good", tmp_path / "other"
    await left_behind(root, str(good), str(other), "nowhere://run")
    without_a_name(root)

    def opened(url: str, options: dict[str, object]) -> Folder:
        if url == str(other):
            raise StorageError(f"{url}: not now")
        return open_folder(url, options)

    told: list[Synced] = []
    with monkeypatch.context() as patch:
        patch.setattr("asyncsummary.sync.open_folder", opened)
        done = await sync(root, on_end=told.append)
    assert sorted(told, key=lambda one: one.logdir) == sorted(done, key=lambda one: one.logdir)
    assert {one.logdir: (one.committed, one.left, type(one.error)) for one in done} == {
        "": (0, 0, summary.InvalidArgumentError),
        str(good): (1, 0, type(None)),
        str(other): (0, 1, StorageError),
        "nowhere://run": (0, 1, summary.InvalidArgumentError),
    }
    assert len(steps_in(good)) == 1
    assert [one.error for one in await sync(root, str(other))] == [None]
    assert len(steps_in(other)) == 1


async def test_options_for_others(tmp_path: Path) -> None:
    """What a filesystem does not know is told of its logdirs only."""
    local = str(tmp_path / "run")
    await left_behind(tmp_path / "spool", local, "s3://bucket/run")
    first, second = await sync(tmp_path / "spool", storage_options=AWAY, retry_seconds=0.1)
    assert (first.logdir, second.logdir) == (local, "s3://bucket/run")
    assert (first.left, second.left) == (1, 1)
    assert "knows the option 'fsync' only" in str(first.error)
    assert isinstance(second.error, summary.OpenError)


async def test_a_bad_argument_is_raised(tmp_path: Path) -> None:
    """It is wrong whatever there is."""
    with pytest.raises(summary.InvalidArgumentError, match="retry_seconds"):
        await sync(tmp_path, retry_seconds=-1.0)


def test_in_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The logdir that is wrong is named, and the exit status says that something is left."""
    without_a_name(tmp_path / "spool")
    arguments = ["sync", "--spool-dir", str(tmp_path / "spool"), "--storage-options", json.dumps(AWAY)]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert "0 left: logdir: is empty" in said.out
    assert "nothing was left" not in said.out
    assert main([*arguments, "--retry-seconds", "-1"]) == 2


async def test_a_late_run_belongs_to_its_logdir(tmp_path: Path) -> None:
    """Who names the logdir has both sent."""
    root, run = tmp_path / "spool", tmp_path / "run"
    await left_behind(root, str(run), str(run / "late"), str(tmp_path / "other"))
    done = await sync(root, str(run))
    assert [(one.logdir, one.committed) for one in done] == [(str(run), 1), (str(run / "late"), 1)]
    assert len(steps_in(run / "late")) == 1
    assert [one.logdir for one in await sync(root)] == [str(tmp_path / "other")]


async def test_cancelled_while_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later one finds all that there was, though this process goes on."""
    root, run = tmp_path / "spool", tmp_path / "run"
    await left_behind(root, str(run))
    adopt, begun, go_on = Spool._adopt, threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:
        found = adopt(*arguments)
        begun.set()
        assert go_on.wait(30)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "_adopt", slow)
        syncing = asyncio.create_task(sync(root))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        syncing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await syncing
    go_on.set()
    (done,) = await sync(root)
    assert (done.committed, done.left, done.error) == (1, 0, None)
    assert len(steps_in(run)) == 1
