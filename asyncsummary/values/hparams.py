"""What says with which hyperparameters a run was made? Metadata under three tags: experiment, session start, session end.

The tensor has no elements; everything is in the metadata. A session is a run, and its metrics are the scalars of that run.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.plugin_protos import (
    Experiment,
    HParamInfo,
    HParamsEntry,
    HParamsPluginData,
    Interval,
    ListValue,
    MetricInfo,
    MetricName,
    PlainValue,
    SessionEndInfo,
    SessionStartInfo,
)
from asyncsummary.protos import Summary, Value
from asyncsummary.values.given import listed, typed, utf8
from asyncsummary.values.plugin import Ready, plugin_value
from asyncsummary.values.tensor import tensor_proto

EXPERIMENT = "_hparams_/experiment"
SESSION_START = "_hparams_/session_start_info"
SESSION_END = "_hparams_/session_end_info"
STATUSES = {"unknown": 0, "success": 1, "failure": 2, "running": 3}
_STRING, _BOOL, _FLOAT64 = 1, 2, 3  # DataType


def hparams_content(values: Any, domains: Any, metrics: Any, trial_id: Any, now: float, description: Any = None) -> Ready:
    """Return the summary of a session's start, and of the experiment if domains, metrics or a description of it are given.

    Raises:
        InvalidTypeError: values other than bool, int, float, str and lists of them, names that are no str.
        InvalidSummaryError: numbers that are not finite (TensorBoard would leave them out), a domain that is none, or text
            that has no UTF-8.
    """
    if not isinstance(values, Mapping):
        raise InvalidTypeError(f"hparams: must map names to values, got {type(values).__name__}")
    plain = {_name(name, "hparams"): plain_value(value, name) for name, value in values.items()}
    start = SessionStartInfo(
        hparams=[HParamsEntry(key=name, value=plain[name]) for name in sorted(plain)],
        group_name="" if trial_id is None else _name(trial_id, "trial_id"),
        start_time_secs=now,
    )
    found = [_value(SESSION_START, HParamsPluginData(session_start_info=start))]
    if domains is not None or metrics is not None or description is not None:
        experiment = _experiment(plain, {} if domains is None else domains, () if metrics is None else metrics, now)
        if description is not None:
            experiment.description = _name(description, "description")
        found.insert(0, _value(EXPERIMENT, HParamsPluginData(experiment=experiment)))
    return Ready(Summary(value=found))


def session_end_content(status: Any, now: float) -> Ready:
    """Return the summary of a session's end.

    Raises:
        InvalidSummaryError: a status other than "success", "failure", "running" and "unknown".
    """
    if not isinstance(status, str) or status not in STATUSES:
        raise InvalidSummaryError(f"status: must be one of {', '.join(map(repr, STATUSES))}, got {shown(status)}", SESSION_END)
    end = SessionEndInfo(status=STATUSES[status], end_time_secs=now)
    return Ready(Summary(value=[_value(SESSION_END, HParamsPluginData(session_end_info=end))]))


def plain_value(value: Any, name: object) -> PlainValue:
    """Return the value of a hyperparameter: a number, a bool or a string; a list or tuple becomes a string, as in TensorBoard's own."""
    if isinstance(value, list | tuple):
        return PlainValue(string_value=_string_of(value, name))
    if callable(getattr(value, "item", None)) and getattr(value, "shape", None) == ():
        value = value.item()  # of numpy, torch or the like
    if isinstance(value, bool | np.bool_):
        return PlainValue(bool_value=bool(value))
    if isinstance(value, str):
        utf8(value, f"hparams: {name!r}")
        return PlainValue(string_value=value)
    if not isinstance(value, int | float):
        raise InvalidTypeError(f"hparams: {name!r} must be a bool, a number or a str, got {typed(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidSummaryError(f"hparams: {name!r} must be a finite double, got {shown(value)}")
    return PlainValue(number_value=number)


def _experiment(values: Mapping[str, PlainValue], domains: Any, metrics: Any, now: float) -> Experiment:
    if not isinstance(domains, Mapping):
        raise InvalidTypeError(f"domains: must map names to domains, got {type(domains).__name__}")
    infos = {name: HParamInfo(name=name, type=_type(value)) for name, value in values.items()}
    for name, domain in domains.items():
        infos[name] = _info(_name(name, "domains"), domain)
    return Experiment(hparam_infos=list(infos.values()), metric_infos=_metrics(metrics), time_created_secs=now)


def _info(name: str, domain: Any) -> HParamInfo:
    """Return what is known of a hyperparameter: a tuple of two numbers is an interval, a list or set has all values that there are."""
    if isinstance(domain, tuple):
        bounds = [plain_value(bound, name) for bound in domain]
        if len(bounds) != 2 or any(bound.WhichOneof("kind") != "number_value" for bound in bounds):
            raise InvalidSummaryError(f"domains: {name!r}: a tuple must be (lowest, highest), got {shown(domain)}; values come in a list")
        lowest, highest = (bound.number_value for bound in bounds)
        if lowest > highest:
            raise InvalidSummaryError(f"domains: {name!r}: {lowest} is above {highest}")
        return HParamInfo(name=name, type=_FLOAT64, domain_interval=Interval(min_value=lowest, max_value=highest))
    if not isinstance(domain, list | set | frozenset) or not domain:
        raise InvalidSummaryError(f"domains: {name!r}: must be a list of values, or a tuple (lowest, highest), got {shown(domain)}")
    try:
        ordered = domain if isinstance(domain, list) else sorted(domain)
    except TypeError as error:  # of several types, as a rule
        raise _several_types(name, domain) from error
    values = [plain_value(value, name) for value in ordered]
    kinds = {_type(value) for value in values}
    if len(kinds) > 1:
        raise _several_types(name, domain)
    return HParamInfo(name=name, type=kinds.pop(), domain_discrete=ListValue(values=values))


def _several_types(name: str, domain: Any) -> InvalidSummaryError:
    return InvalidSummaryError(f"domains: {name!r}: its values must be of one type, got {shown(domain)}")


def _metrics(metrics: Any) -> list[MetricInfo]:
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise InvalidTypeError(f"metrics: must be tags, or map tags to display names, got {shown(metrics)}")
    names = metrics if isinstance(metrics, Mapping) else {_name(tag, "metrics"): "" for tag in listed(metrics, "metrics")}
    return [MetricInfo(name=MetricName(tag=_name(tag, "metrics")), display_name=_name(names[tag], "metrics")) for tag in names]


def _type(value: PlainValue) -> int:
    return {"bool_value": _BOOL, "string_value": _STRING, "number_value": _FLOAT64}[value.WhichOneof("kind") or ""]


def _name(value: Any, argument: str) -> str:
    if not isinstance(value, str):
        raise InvalidTypeError(f"{argument}: must be a str, got {typed(value)}")
    utf8(value, argument)
    return value


def _string_of(values: Any, name: object) -> str:
    try:
        text = str(values)
    except Exception as error:  # an int of more than 4300 digits, or a user's class
        raise InvalidSummaryError(f"hparams: {name!r} cannot be made a str: {error}") from error
    utf8(text, f"hparams: {name!r}")
    return text


def _value(tag: str, data: HParamsPluginData) -> Value:
    return plugin_value(tag, tensor_proto(np.zeros(0, np.float32), tag), "hparams", data.SerializeToString())
