"""How do all summaries of a graph become one message? By ``merge_all``, for ``FileWriter.add_summary`` and ``SummarySaverHook``."""

import re
from collections.abc import Sequence

from asyncsummary.errors import InvalidArgumentError
from asyncsummary.graph import SummaryOp
from asyncsummary.graph_scope import current_graph
from asyncsummary.protos import Summary

SUMMARIES = "summaries"
"""The one key that summaries are collected under."""


class MergedOp(SummaryOp):
    """Several summaries as one message, which is what running it gives."""

    async def run(self) -> Summary:
        return await self.summary()


def merge_all(key: str = SUMMARIES, scope: str | None = None, name: str | None = None) -> SummaryOp | None:
    """Return an op that evaluates all summaries that were defined in this graph so far, in that order, into one Summary message.

    Running it writes nothing; it is for ``FileWriter.add_summary`` and ``SummarySaverHook``. Whether a summary has a writer of its own,
    and whether it is recorded, does not count. After ``tf.compat.v1.summary.merge_all``.

    Args:
        key: nothing is collected under any other.
        scope: a regular expression; only summaries whose tags begin with a match of it are taken.
        name: the name of the op.

    Returns:
        None if there are no summaries. Running the op raises InvalidArgumentError if two values have one tag.

    Raises:
        RuntimeError: outside of a graph.
    """
    graph = current_graph.get()
    if graph is None:
        raise RuntimeError("asyncsummary.merge_all is only supported in graph mode: within 'with asyncsummary.Graph().as_default():'")
    ops = [op for op in graph.all_ops if scope is None or re.match(scope, op.name)]
    if key != SUMMARIES or not ops:
        return None

    async def merged() -> Summary:
        return merge([await op.summary() for op in ops])

    op = MergedOp(graph.unique_name(name or "Merge/MergeSummary"), None, merged)
    graph.other_ops.append(op)
    return op


def merge(summaries: Sequence[Summary]) -> Summary:
    """Return one Summary with the values of all, in order.

    Raises:
        InvalidArgumentError: two values have one tag.
    """
    whole = Summary()
    tags: set[str] = set()
    for summary in summaries:
        for value in summary.value:
            if value.tag in tags:
                raise InvalidArgumentError(f"inputs: Duplicate tag {value.tag} found in summary inputs")
            tags.add(value.tag)
            whole.value.append(value)
    return whole
