"""Which writers does this process have? All resources that were made and not forgotten, held weakly."""

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
