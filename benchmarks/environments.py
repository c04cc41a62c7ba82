"""Where are peers installed? Each in a virtual environment of its own beside the project's, made by the first run that needs it."""

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

INSTALL_SECONDS = 900
_READY = ".ready"


@dataclass(frozen=True, slots=True)
class Environment:
    """What pip installs. ``alone`` goes first and without its dependencies; ``check`` is a line of Python that must run."""

    requirements: tuple[str, ...]
    check: str
    alone: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What was installed, to see whether it is still what is wanted."""
        return "\n".join([*self.alone, *self.requirements, sys.version])


_TENSORBOARD = ("tensorboard==2.21.0", "setuptools>=77.0.3,<81")  # it imports pkg_resources, which newer setuptools do not have
_TENSORFLOW = ("tensorflow-cpu==2.21.0", *_TENSORBOARD)

ENVIRONMENTS = {
    "tensorboard": Environment(_TENSORBOARD, "from tensorboard.summary.writer import event_file_writer"),
    "tensorboardx": Environment(("tensorboardX==2.6.5", "pillow", "boto3"), "import tensorboardX, boto3"),
    # torch alone: what its wheel from PyPI depends on beside these is for GPUs, several gigabytes, and of no use here.
    "torch": Environment(
        (*_TENSORBOARD, "filelock", "typing-extensions", "sympy", "networkx", "jinja2", "fsspec", "numpy", "pillow", "boto3"),
        "from torch.utils.tensorboard import SummaryWriter",
        alone=("torch==2.13.0",),
    ),
    "tensorflow": Environment(_TENSORFLOW, "import tensorflow, tensorboard"),
    "clu": Environment(("clu==0.0.12", *_TENSORFLOW), "from clu.metric_writers import SummaryWriter"),
}


class InstallError(Exception):
    """A peer cannot be had here; the message says why."""


def python_of(name: str, root: Path) -> Path:
    """Return the interpreter of an environment."""
    return root / f".venv-bench-{name}" / "bin" / "python"


def install(name: str, root: Path) -> None:
    """Make the environment, unless it is there and as it should be.

    Raises:
        InstallError: pip cannot, or what it installed does not work.
    """
    environment = ENVIRONMENTS[name]
    python = python_of(name, root)
    ready = python.parents[1] / _READY
    if ready.exists() and ready.read_text() == environment.text:
        return
    venv.create(python.parents[1], with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if environment.alone:
        _run([*pip, "--no-deps", *environment.alone])
    _run([*pip, *environment.requirements])
    _run([str(python), "-c", environment.check])
    ready.write_text(environment.text)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InstallError(f"not installed within {INSTALL_SECONDS} s") from None
    if done.returncode:
        raise InstallError((done.stderr.strip().splitlines() or ["no message"])[-1])
