"""Write what was compared into the docs, if asked to: pytest tests/with_tensorflow --result docs/tensorflow.md."""

import platform
from collections import Counter
from pathlib import Path

import pytest

_outcomes: dict[str, Counter[str]] = {}
_docs: dict[str, str] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--result", type=Path, help="a Markdown file for the result")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        test = getattr(item, "function", None)
        if test is not None and "with_tensorflow" in item.nodeid:
            _docs[item.nodeid] = f"{test.__module__.rsplit('.', 1)[-1]}: {(test.__doc__ or test.__name__).strip().splitlines()[0]}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.nodeid in _docs and (report.when == "call" or report.outcome != "passed"):
        _outcomes.setdefault(_docs[report.nodeid], Counter())[report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--result", None)
    if path is None or not _outcomes:
        return
    import google.protobuf
    import numpy as np

    from tests.support.tensorflow import load_tensorflow

    versions = f"TensorFlow {load_tensorflow().__version__}, Python {platform.python_version()}, numpy {np.__version__}, "
    versions += f"protobuf {google.protobuf.__version__}"
    total = sum((outcomes for outcomes in _outcomes.values()), Counter[str]())
    lines = [
        "# Compared with TensorFlow, call by call",
        "",
        "Written by `make test-tensorflow`, which installs TensorFlow in an environment of its own, makes the same calls to TensorFlow and",
        "to asyncsummary, and compares the events that both write, field by field, but for wall_time and how a PNG is compressed.",
        "",
        f"Last run with {versions}: {_counts(total)}.",
        "",
        "| what was compared | cases |",
        "|---|---|",
        *(f"| {what.split(': ', 1)[1]} | {_counts(outcomes)} |" for what, outcomes in _outcomes.items()),
    ]
    path.write_text("\n".join(lines) + "\n")


def _counts(outcomes: "Counter[str]") -> str:
    words = {"failed": "FAILED"}
    return ", ".join(
        f"{count} {words.get(outcome, outcome)}" for outcome, count in sorted(outcomes.items(), key=lambda item: item[0] != "passed")
    )
