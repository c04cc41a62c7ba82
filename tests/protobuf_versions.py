"""Run the tests that depend on protobuf under each major version that pyproject.toml admits, each in an environment of its own.

make test-protobuf
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

MAJORS = (5, 6, 7)
TESTS = ["test_protos.py", "test_encode.py", "test_values.py", "test_records.py", "test_writer.py"]


def run_under(major: int, folder: str) -> None:
    """Install that protobuf in front of the environment's own, and run the tests with it."""
    install = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target", folder]
    subprocess.run([*install, f"protobuf>={major},<{major + 1}"], check=True)
    environment = {**os.environ, "PYTHONPATH": folder}
    ask = "import google.protobuf as p; print(p.__version__)"
    version = subprocess.run([sys.executable, "-c", ask], env=environment, check=True, capture_output=True, text=True).stdout.strip()
    if not version.startswith(f"{major}."):
        raise SystemExit(f"asked for protobuf {major}, got {version}")
    print(f"protobuf {version}", flush=True)
    tests = [str(Path(__file__).parent / "asyncsummary" / name) for name in TESTS]
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], env=environment, check=True)


if __name__ == "__main__":
    for number in MAJORS:
        with tempfile.TemporaryDirectory() as target:
            run_under(number, target)
