"""Which writers does this process have? All resources that were made and not forgotten, held weakly."""

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncsummary.resource import WriterResource

_known: "set[weakref.ref[WriterResource]]" = set()


def note(resource: "WriterResource") -> None:
    """Remember a resource for as long as it lives."""
    _known.add(weakref.ref(resource, _known.discard))


def living() -> "list[WriterResource]":
    """Return all that live now; any thread may ask."""
    # list() of a set of references runs no Python code, so no other thread can change the set meanwhile, and no lock is needed: a lock
    # could be held at the moment of a fork
    return [resource for reference in list(_known) if (resource := reference()) is not None]


def _leave_to_parent() -> None:
    """In a forked child, no scalar may go into the copy of its parent's queue; the resources refuse it, once they are asked."""
    for resource in living():
        resource.lane.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
