"""The examples, as they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.events import accumulated, events_of
from tests.support.servers import GCSEmulator

ROOT = Path(__file__).parents[2]


def run(*arguments: str, environment: dict[str, str] | None = None, code: int = 0) -> str:
    """Run a program from the project's root; return what it printed."""
    found = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "120", "PYTHONASYNCIODEBUG": "", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == code, found.stderr
    assert "Warning" not in found.stderr
    return found.stdout + found.stderr


def test_digits_trainer(tmp_path: Path) -> None:
    """Trains, logs five runs, and ends with a table of what was written and the command to look at it."""
    printed = run("examples/digits_trainer.py", "--logdir", str(tmp_path / "runs"), "--epochs", "12")
    assert f"tensorboard --logdir {tmp_path / 'runs'}" in printed
    (session,) = (tmp_path / "runs").iterdir()
    assert sorted(path.name for path in session.iterdir()) == ["feeder", "rate-0.05", "rate-0.5"]
    trained = accumulated(session / "rate-0.5")
    assert sorted(trained) == ["train/accuracy", "train/gradient_norm", "train/loss", "train/step_milliseconds"]
    assert [step for step, _ in trained["train/loss"]] == list(range(12 * 44))
    assert trained["train/loss"][-1][1] < 0.3 < trained["train/loss"][0][1]
    tested = accumulated(session / "rate-0.5" / "eval")
    assert tested["test/accuracy"][-1][1] > 0.85
    total = next(line for line in printed.splitlines() if "all" in line.split())
    assert total.replace("│", " ").split()[-1] == "0"


def test_digits_trainer_on_s3() -> None:
    """The same program, on a server that it is given."""
    printed = run("examples/with_moto.py", "examples/digits_trainer.py", "--logdir", "s3://demo-bucket/runs", "--epochs", "2")
    assert "tensorboard --logdir s3://demo-bucket/runs" in printed
    assert "the bucket held 5 objects" in printed


def test_digits_trainer_on_gcs(gcs_emulator: GCSEmulator) -> None:
    """And on Google's, by one variable."""
    gcs_emulator.make_bucket("digits")
    printed = run(
        "examples/digits_trainer.py",
        "--logdir",
        "gs://digits/runs",
        "--epochs",
        "2",
        environment={"STORAGE_EMULATOR_HOST": gcs_emulator.url},
    )
    assert "tensorboard --logdir gs://digits/runs" in printed


def test_eager(tmp_path: Path) -> None:
    """Every second of a hundred steps."""
    assert "wrote 50 summaries" in run("examples/eager.py", "--logdir", str(tmp_path))
    assert [step for step, _ in accumulated(tmp_path)["loss"]] == list(range(0, 100, 2))


def test_graph_mode(tmp_path: Path) -> None:
    """Each step's loss, after the step."""
    printed = run("examples/graph_mode.py", "--logdir", str(tmp_path))
    steps = int(printed.split("trained ")[1].split()[0])
    found = accumulated(tmp_path)["loss"]
    assert [step for step, _ in found] == list(range(1, steps + 1))
    assert found[-1][1] < 0.01 < found[-2][1]


def test_hook_trainer(tmp_path: Path) -> None:
    """Saves every tenth step, and stops when the loss is low."""
    printed = run("examples/hook_trainer.py", "--logdir", str(tmp_path))
    steps = int(printed.split("stopped after ")[1].split()[0])
    found = accumulated(tmp_path)
    assert sorted(found) == ["loss", "weights/offset", "weights/slope"]
    assert [step for step, _ in found["loss"]] == list(range(1, steps + 1, 10))
    assert found["weights/slope"][-1][1] > 2.5


def test_gallery(tmp_path: Path) -> None:
    """Every kind, of three runs; the faster they learn, the better they are."""
    run("examples/gallery.py", "--logdir", str(tmp_path))
    names = ("slow", "middle", "fast")
    accuracies = [accumulated(tmp_path / name)["accuracy"][-1][1] for name in names]
    assert accuracies == sorted(accuracies)
    assert accuracies[-1] > 0.9
    for name in names:
        events = events_of(tmp_path / name)
        values = [value for event in events for value in event.summary.value]
        assert {value.WhichOneof("value") for value in values} == {"simple_value", "histo", "image", "audio", "tensor"}
        plugins = {value.metadata.plugin_data.plugin_name for value in values}
        assert plugins == {"", "custom_scalars", "histograms", "hparams", "images", "mesh", "pr_curves", "text"}
        assert [event.step for event in events if event.graph_def] == [0]
        assert "digits:00019" in (tmp_path / name / "projector_config.pbtxt").read_text()


def test_actors(tmp_path: Path) -> None:
    """Every actor's episodes and every update of the learner are there, each once."""
    assert "0 dropped" in run("examples/actors.py", "--logdir", str(tmp_path))
    found = accumulated(tmp_path)
    for number in range(16):
        assert [step for step, _ in found[f"actor{number:02d}/episode_length"]] == list(range(40))
    assert [step for step, _ in found["learner/value_of_the_start"]] == list(range(640))


def test_database(tmp_path: Path) -> None:
    """Four runs, the best of which is known; the command that it prints makes event files of them."""
    printed = run("examples/database.py", "--database", str(tmp_path / "runs.sqlite")).splitlines()
    assert [line.split()[1] for line in printed[:4]] == ["1.1", "0.3", "0.03", "0.003"]
    command = printed[4].removeprefix("for TensorBoard: asyncsummary ").split()
    run("-m", "asyncsummary", *command[:-1], str(tmp_path / "logs"))
    found = accumulated(tmp_path / "logs" / "rates" / "rate 1.1")
    assert [step for step, _ in found["loss"]] == list(range(101))
    assert found["loss"][-1][1] == pytest.approx(float(printed[0].split()[2]), abs=1e-4)


def test_ranks_each_by_itself(tmp_path: Path) -> None:
    """A run for each; what is common to all is in the first one's."""
    assert "4 ranks trained 50 steps" in run("examples/ranks.py", "--logdir", str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"rank{rank}" for rank in range(4)]
    for rank in range(4):
        found = accumulated(tmp_path / f"rank{rank}")
        assert sorted(found) == (["loss/mean", "loss/own"] if rank == 0 else ["loss/own"])
        assert all([step for step, _ in points] == list(range(50)) for points in found.values())


def test_ranks_collected_by_the_first(tmp_path: Path) -> None:
    """One run, one file, everybody's numbers; the mean is that of the four."""
    assert "4 ranks trained 50 steps" in run("examples/ranks.py", "--logdir", str(tmp_path), "--way", "one")
    assert len(list(tmp_path.iterdir())) == 1
    found = accumulated(tmp_path)
    assert sorted(found) == ["loss/mean", *(f"loss/rank{rank}" for rank in range(4))]
    for step, mean in found["loss/mean"]:
        assert mean == pytest.approx(sum(found[f"loss/rank{rank}"][step][1] for rank in range(4)) / 4)
    assert all([step for step, _ in points] == list(range(50)) for points in found.values())


@pytest.mark.parametrize(("way", "objects"), [("each", 4), ("one", 1)])
def test_ranks_on_s3(way: str, objects: int) -> None:
    """The same program, with a bucket."""
    printed = run("examples/with_moto.py", "examples/ranks.py", "--logdir", "s3://demo-bucket/ranks", "--way", way)
    assert f"the bucket held {objects} objects" in printed


@pytest.mark.parametrize(
    ("logdir", "message"),
    [("nosuch://a/b", "unknown URL scheme 'nosuch'"), ("pyproject.toml", "a file is where")],
)
def test_a_bad_logdir_is_told_in_a_line(logdir: str, message: str) -> None:
    """Without a traceback."""
    printed = run("examples/digits_trainer.py", "--logdir", logdir, code=1)
    assert message in printed
    assert "Traceback" not in printed
