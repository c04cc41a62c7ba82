"""Hyperparameters: TensorBoard's own messages, and what is refused."""

from typing import Any

import numpy as np
import pytest

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.hparams import hparams_content, session_end_content
from tests.support.plugin_summaries import TheirSummary, assert_same, tensorboards

VALUES = {"rate": 0.5, "layers": 3, "deep": False, "optimizer": "adam", "sizes": [8, 16], "numpy": np.float64(2), "flag": np.True_}
NOW = 1700000000.25


def content_of(summary: Any, tag: str) -> Any:
    """Return the plugin's data of a value, by TensorBoard's own message."""
    from tensorboard.plugins.hparams import plugin_data_pb2

    (value,) = (value for value in TheirSummary.FromString(summary.SerializeToString()).value if value.tag == tag)
    messages: Any = plugin_data_pb2
    return messages.HParamsPluginData.FromString(value.metadata.plugin_data.content)


def test_a_session_start_the_same_as_tensorboards_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bools are bools, numbers are doubles, lists become strings; 0 and False are there, too."""
    theirs = tensorboards("hparams.summary", monkeypatch).session_start_pb(
        {name: value.item() if isinstance(value, np.generic) else value for name, value in VALUES.items()},
        group_name="trial 1",
        start_time_secs=NOW,
    )
    ours = hparams_content(VALUES, None, None, "trial 1", NOW).summary()
    (our,), (their,) = ours.value, theirs.value
    tag = "_hparams_/session_start_info"
    assert content_of(ours, tag) == content_of(theirs, tag)  # the order of a map's entries is nobody's promise
    our.metadata.plugin_data.content = their.metadata.plugin_data.content
    assert_same(ours, theirs)


def test_an_experiment_the_same_as_tensorboards_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals, all values that there are, metrics."""
    v2 = tensorboards("hparams.summary_v2", monkeypatch)
    theirs = v2.hparams_config_pb(
        [
            v2.HParam("rate", v2.RealInterval(0.1, 1.0)),
            v2.HParam("layers", v2.IntInterval(1, 4)),
            v2.HParam("optimizer", v2.Discrete(["adam", "sgd"])),
            v2.HParam("deep", v2.Discrete([False, True])),
            v2.HParam("width", v2.Discrete([8, 16])),
        ],
        [v2.Metric("loss"), v2.Metric("accuracy", display_name="Accuracy")],
        NOW,
    )
    values = {"rate": 0.5, "layers": 3, "optimizer": "adam", "deep": False, "width": 8}
    domains = {"rate": (0.1, 1.0), "layers": (1, 4), "optimizer": ["adam", "sgd"], "deep": [False, True], "width": {16, 8}}
    ours = hparams_content(values, domains, {"loss": "", "accuracy": "Accuracy"}, None, NOW).summary()
    assert [value.tag for value in ours.value] == ["_hparams_/experiment", "_hparams_/session_start_info"]
    del ours.value[1]
    assert_same(ours, theirs)


def test_an_experiment_of_metrics_alone() -> None:
    """Has the hyperparameters of this run, by their types; a description goes along."""
    summary = hparams_content(VALUES, None, ["loss"], None, NOW, "about").summary()
    experiment = content_of(summary, "_hparams_/experiment").experiment
    assert {info.name: info.type for info in experiment.hparam_infos} == {
        "rate": 3,
        "layers": 3,
        "deep": 2,
        "optimizer": 1,
        "sizes": 1,
        "numpy": 3,
        "flag": 2,
    }
    assert [metric.name.tag for metric in experiment.metric_infos] == ["loss"]
    assert experiment.description == "about"


@pytest.mark.parametrize(("status", "number"), [("success", 1), ("failure", 2), ("running", 3), ("unknown", 0)])
def test_a_session_end_the_same_as_tensorboards_own(status: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names of the statuses."""
    theirs = tensorboards("hparams.summary", monkeypatch).session_end_pb(number, NOW)
    assert_same(session_end_content(status, NOW).summary(), theirs)


@pytest.mark.parametrize(
    ("values", "rest", "kind", "message"),
    [
        ([1], {}, InvalidTypeError, "hparams: must map names to values, got list"),
        ({5: 1}, {}, InvalidTypeError, "hparams: must be a str, got 5"),
        ({"a": None}, {}, InvalidTypeError, "hparams: 'a' must be a bool, a number or a str, got None"),
        ({"a": np.zeros(2)}, {}, InvalidTypeError, "hparams: 'a' must be a bool"),
        ({"a": float("nan")}, {}, InvalidSummaryError, "hparams: 'a' must be a finite double, got nan"),
        ({"a": 10**400}, {}, InvalidSummaryError, "hparams: 'a' must be a finite double"),
        ({}, {"trial_id": 5}, InvalidTypeError, "trial_id: must be a str"),
        ({}, {"domains": [1]}, InvalidTypeError, "domains: must map names to domains"),
        ({}, {"domains": {"a": 5}}, InvalidSummaryError, r"domains: 'a': must be a list of values, or a tuple \(lowest, highest\), got 5"),
        ({}, {"domains": {"a": []}}, InvalidSummaryError, "domains: 'a': must be a list of values"),
        ({}, {"domains": {"a": (1, 2, 3)}}, InvalidSummaryError, r"a tuple must be \(lowest, highest\)"),
        ({}, {"domains": {"a": ("x", "y")}}, InvalidSummaryError, r"a tuple must be \(lowest, highest\)"),
        ({}, {"domains": {"a": (2, 1)}}, InvalidSummaryError, "domains: 'a': 2.0 is above 1.0"),
        ({}, {"domains": {"a": [1, "x"]}}, InvalidSummaryError, "domains: 'a': its values must be of one type"),
        ({}, {"metrics": "loss"}, InvalidTypeError, "metrics: must be tags"),
        ({}, {"domains": {"a": {1, "x"}}}, InvalidSummaryError, "domains: 'a': its values must be of one type"),
        ({}, {"domains": np.zeros(2)}, InvalidTypeError, "domains: must map names to domains, got ndarray"),
        ({}, {"metrics": [["x"]]}, InvalidTypeError, r"metrics: must be a str, got \['x'\]"),
        ({}, {"metrics": np.array("x")}, InvalidTypeError, "metrics: must be a list"),
        ({"a": 10**5000}, {}, InvalidSummaryError, "hparams: 'a' must be a finite double, got <int>"),
        ({"a": [10**5000]}, {}, InvalidSummaryError, "hparams: 'a' cannot be made a str"),
        ({10**5000: 1}, {}, InvalidTypeError, "hparams: must be a str, got <int>"),
        ({"a": "\ud800"}, {}, InvalidSummaryError, r"hparams: 'a': '\\ud800' is no UTF-8"),
        ({"\ud800": 1}, {}, InvalidSummaryError, r"hparams: '\\ud800' is no UTF-8"),
        ({}, {"trial_id": "\ud800"}, InvalidSummaryError, r"trial_id: '\\ud800' is no UTF-8"),
        ({}, {"metrics": ["\ud800"]}, InvalidSummaryError, r"metrics: '\\ud800' is no UTF-8"),
        ({}, {"metrics": {"a": "\ud800"}}, InvalidSummaryError, r"metrics: '\\ud800' is no UTF-8"),
        ({}, {"domains": {"a": ["\ud800"]}}, InvalidSummaryError, r"hparams: 'a': '\\ud800' is no UTF-8"),
        ({}, {"description": "\ud800"}, InvalidSummaryError, r"description: '\\ud800' is no UTF-8"),
        ({}, {"metrics": [5]}, InvalidTypeError, "metrics: must be a str, got 5"),
    ],
)
def test_what_is_refused(values: Any, rest: dict[str, Any], kind: type[InvalidSummaryError], message: str) -> None:
    """With the name and the reason."""
    with pytest.raises(kind, match=message):
        hparams_content(**{"values": values, "domains": None, "metrics": None, "trial_id": None, "now": NOW, **rest})


def test_metrics_in_an_array() -> None:
    """Are as good as in a list."""
    metrics = np.array(["loss", "accuracy"])
    assert hparams_content({}, {}, metrics, None, NOW).summary() == hparams_content({}, {}, metrics.tolist(), None, NOW).summary()


def test_which_status_is_refused() -> None:
    """Any other."""
    with pytest.raises(InvalidSummaryError, match=r"status: must be one of .*, got \['success'\]"):
        session_end_content(["success"], NOW)
    with pytest.raises(InvalidSummaryError, match="status: must be one of 'unknown', 'success', 'failure', 'running', got 'done'"):
        session_end_content("done", NOW)
