"""Which tensor is a Keras model? Its configuration as JSON, of which TensorBoard makes a conceptual graph, as tf.summary writes it."""

import json
from collections.abc import Mapping
from typing import Any

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.protos import Summary
from asyncsummary.values.given import utf8
from asyncsummary.values.plugin import Ready, plugin_value, strings


def keras_content(model: Any, tag: str) -> Ready:
    """Return the summary of a model: of anything with ``to_json``, of that JSON, or of what is in it.

    Raises:
        InvalidTypeError: something else.
        InvalidSummaryError: it has no JSON, one that configures no layers, or one that has no UTF-8.
    """
    text = _json(model, tag)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidSummaryError(f"model of tag {tag!r}: is no JSON: {error}", tag) from error
    layers = found.get("config", {}).get("layers") if isinstance(found, dict) and isinstance(found.get("config"), dict) else None
    if not isinstance(layers, list) or not all(isinstance(layer, dict) and isinstance(layer.get("config"), dict) for layer in layers):
        raise InvalidSummaryError(f"model of tag {tag!r}: its JSON configures no layers: {shown(text, 80)}", tag)
    return Ready(Summary(value=[plugin_value(tag, strings(utf8(text, "model", tag), shape=()), "graph_keras_model", b"1")]))


def _json(model: Any, tag: str) -> str:
    if isinstance(model, str):
        return model
    if isinstance(model, bytes):
        return model.decode("utf-8", "replace")
    if isinstance(model, Mapping):
        try:
            return json.dumps(model)
        except (TypeError, ValueError) as error:
            raise InvalidSummaryError(f"model of tag {tag!r}: cannot be written as JSON: {error}", tag) from error
    if not callable(getattr(model, "to_json", None)):
        raise InvalidTypeError(f"model of tag {tag!r}: must be a Keras model, or its configuration, got {type(model).__name__}", tag)
    try:
        return str(model.to_json())
    except Exception as error:  # Keras raises NotImplementedError and others for models that are code
        raise InvalidSummaryError(f"model of tag {tag!r}: has no configuration: {error}", tag) from error
