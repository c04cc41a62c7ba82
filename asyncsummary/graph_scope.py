"""In which graph are summaries defined here, if in any? A context variable, apart so that scopes and steps can ask it."""

import contextvars
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncsummary.graph import Graph

current_graph: "contextvars.ContextVar[Graph | None]" = contextvars.ContextVar("asyncsummary_graph", default=None)
