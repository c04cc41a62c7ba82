"""Run the tests of storage under older releases of fsspec, s3fs and gcsfs that pyproject.toml admits, each in an environment of its own.

make test-fsspec
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

VERSIONS = ("2025.5.0", "2026.4.0")
"""The oldest, since other packages hold fsspec back; and one whose sessions have to be held on to."""

PACKAGES = ("fsspec", "s3fs", "gcsfs")


def run_under(version: str, folder: str) -> None:
    """Install those packages in front of the environment's own, with what they need, and run the tests with them."""
    install = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", folder]
    subprocess.run([*install, *(f"{package}=={version}" for package in PACKAGES)], check=True)
    environment = {**os.environ, "PYTHONPATH": folder}
    ask = f"import {', '.join(PACKAGES)}; print({', '.join(f'{package}.__version__' for package in PACKAGES)})"
    found = subprocess.run([sys.executable, "-c", ask], env=environment, check=True, capture_output=True, text=True).stdout.split()
    if set(found) != {version}:
        raise SystemExit(f"asked for {version}, got {found}")
    print(f"{', '.join(PACKAGES)} {version}", flush=True)
    tests = str(Path(__file__).parent / "storage")
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests], env=environment, check=True)


if __name__ == "__main__":
    for number in VERSIONS:
        with tempfile.TemporaryDirectory() as target:
            run_under(number, target)
