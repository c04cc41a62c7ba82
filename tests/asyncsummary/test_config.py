"""A writer's arguments: defaults, and what is said about bad ones."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asyncsummary import InvalidArgumentError, create_file_writer
from asyncsummary.batch import BatchPolicy
from asyncsummary.config import MAX_PENDING_BYTES, WriterConfig, make_config
from asyncsummary.order import LatePolicy
from asyncsummary.queue import Overflow

DEFAULTS: dict[str, Any] = {
    "max_queue": None,
    "flush_millis": None,
    "filename_suffix": None,
    "resume": False,
    "storage_options": None,
    "max_pending_bytes": MAX_PENDING_BYTES,
    "overflow": "block",
    "late_steps": "warn",
    "retry_seconds": 60.0,
}


def config(logdir: Any = "runs", **changes: Any) -> WriterConfig:
    return make_config(logdir, **{**DEFAULTS, **changes})


@pytest.mark.parametrize("logdir", ["runs/a", Path("runs/a"), "file:///tmp/a"])
def test_local_defaults(logdir: Any) -> None:
    """Those of the original."""
    made = config(logdir)
    assert made.batch == BatchPolicy(10, 120.0, MAX_PENDING_BYTES // 16)
    assert (made.filename_suffix, made.resume, made.overflow, made.late_steps) == (".v2", False, Overflow.BLOCK, LatePolicy.WARN)


@pytest.mark.parametrize("logdir", ["s3://b/a", "gs://b/a", "memory://a"])
def test_remote_defaults(logdir: str) -> None:
    """Fewer requests: by time and bytes only."""
    assert config(logdir).batch == BatchPolicy(None, 10.0, MAX_PENDING_BYTES // 16)


def test_given_values() -> None:
    """Integers of any kind; zero is a value."""
    made = config(max_queue=np.int64(0), flush_millis=0, filename_suffix="", max_pending_bytes=1000, late_steps="drop", overflow="raise")
    assert made.batch == BatchPolicy(0, 0.0, 62)
    assert (made.filename_suffix, made.limits.bytes) == ("", 1000)
    assert config("s3://b/a", max_queue=5).batch.max_queue == 5


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("max_queue", -1),
        ("max_queue", 1.5),
        ("max_queue", "10"),
        ("max_queue", True),
        ("flush_millis", -1),
        ("flush_millis", 1000.0),
        ("flush_millis", float("nan")),
        ("filename_suffix", 3),
        ("filename_suffix", "a/b"),
        ("resume", "yes"),
        ("resume", 1),
        ("storage_options", "anon"),
        ("max_pending_bytes", 0),
        ("max_pending_bytes", None),
        ("max_pending_bytes", 1e6),
        ("overflow", "explode"),
        ("overflow", None),
        ("late_steps", "never"),
        ("retry_seconds", 0),
        ("retry_seconds", float("inf")),
        ("retry_seconds", "60"),
        ("name", 3),
        ("logdir", ""),
        ("logdir", b"runs"),
        ("logdir", 5),
        ("logdir", "a\0b"),
        ("logdir", Path("s3://bucket/run")),
        ("logdir", "nosuch://bucket/run"),
        ("logdir", "s3://"),
        ("logdir", "runs/tfevents.1/"),
        ("logdir", "runs/\ud800"),
        ("logdir", "memory://runs/\udcff"),
        ("filename_suffix", "\ud800"),
        ("spool_dir", "\ud800"),
        pytest.param("flush_millis", 10**400, id="millis beyond a float"),
        pytest.param("retry_seconds", 10**400, id="seconds beyond a float"),
        pytest.param("name", 10**5000, id="a name of 5000 digits"),
        pytest.param("max_queue", -(10**5000), id="5000 digits"),
    ],
)
def test_bad_arguments(argument: str, value: Any) -> None:
    """Raise at the call, and name the argument."""
    arguments: dict[str, Any] = {"logdir": "runs", argument: value}
    with pytest.raises(InvalidArgumentError, match=f"^{argument}: ") as caught:
        create_file_writer(**arguments)
    assert isinstance(caught.value, ValueError)


async def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    """Are names of files all the same, where Python has escaped what it has found."""
    logdir = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    async with create_file_writer(logdir, filename_suffix="\udcfe") as writer:
        await writer.scalar("t", 1.0, 1)
    (name,) = os.listdir(os.fsencode(logdir))
    assert name.endswith(b"\xfe")


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are those of the folder in which the writer was made, and of the user's home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    made = config("runs/a", spool_dir="spool")
    assert (made.logdir, made.spool_root) == (str(tmp_path / "runs" / "a"), tmp_path / "spool")
    made = config("~/runs", spool_dir="~/spool")
    assert (made.logdir, made.spool_root) == (str(tmp_path / "home" / "runs"), tmp_path / "home" / "spool")
    assert config("s3://b/a").logdir == "s3://b/a"


def test_unknown_scheme_names_the_known_ones() -> None:
    """And the packages to install."""
    with pytest.raises(InvalidArgumentError, match=r"logdir: .*unknown URL scheme 'nosuch'.*s3fs.*gcsfs.*known: "):
        create_file_writer("nosuch://a/b")


def test_a_url_that_pathlib_shortened() -> None:
    """Would make a local folder called "s3:"."""
    with pytest.raises(InvalidArgumentError, match="pass it as a str, s3://"):
        create_file_writer(Path("s3://bucket/run"))
