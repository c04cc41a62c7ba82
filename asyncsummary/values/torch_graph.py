"""Which graph is a torch module? The one that torch's own tracing finds, as its own writer makes a GraphDef of it.

Needs torch and tensorboard, whose messages torch makes.
"""

import importlib
import sys
from typing import Any

from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError, InvalidTypeError


def torch_graph_bytes(model: Any, inputs: Any, strict: bool = True) -> bytes:
    """Run the model once on the inputs, in evaluation mode, and return what was traced as a serialised GraphDef. Takes its time.

    Raises:
        InvalidTypeError: no torch module.
        InvalidSummaryError: it cannot be traced.
        InvalidArgumentError: tensorboard is not installed.
    """
    torch = sys.modules.get("torch")  # who has a module has imported it
    if torch is None or not isinstance(model, torch.nn.Module):
        raise InvalidTypeError(f"model: must be a torch.nn.Module, got {type(model).__name__}")
    try:
        traced = importlib.import_module("torch.utils.tensorboard._pytorch_graph")
    except ImportError as error:
        raise InvalidArgumentError("model: graphs of torch modules need tensorboard; pip install 'asyncsummary[torch]'") from error
    try:
        made, _ = traced.graph(model, inputs, use_strict_trace=strict)
    except Exception as error:  # whatever the model's own code raises
        raise InvalidSummaryError(f"model: {type(model).__name__} cannot be traced: {error}") from error
    return bytes(made.SerializeToString())
