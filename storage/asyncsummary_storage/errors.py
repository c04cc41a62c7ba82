"""What can go wrong with storage, whose fault it is, and whether a retry can help.

::

    StorageError
    ├── PreconditionFailedError   the segment does not end at the Position given; nothing of this append was stored (but an earlier
    │                             try of the same append may have been: read back and compare)
    ├── OutcomeUnknownError       the append was sent and no answer came: it may be stored or not. Probe, never blindly retry
    ├── TransientError            nothing was stored and a later try can succeed (server error, connection refused, disk full)
    │   └── ThrottledError        the storage asks for fewer requests; ``retry_after`` in seconds where it said how long
    └── PermanentError            a retry cannot help until somebody changes something
        ├── AccessDeniedError     wrong credentials or no permission
        ├── ContainerMissingError the bucket does not exist; buckets are never created here
        ├── NotAFolderError       something that is not a folder is where the folder should be
        ├── SegmentMissingError   what was to be read is not there
        ├── SegmentFullError      the storage takes no more appends to this segment; others are as good as before
        └── UnsupportedError      unknown URL scheme, missing package, or a storage on which appends cannot be made safe
"""


class StorageError(Exception):
    """Root of the errors that this package raises.

    ``retriable`` says whether the same call can succeed later without anybody changing anything.
    """

    retriable = False


class PreconditionFailedError(StorageError):
    """The segment does not end where the append said."""


class OutcomeUnknownError(StorageError):
    """The append may be stored or not; look before doing anything else."""

    retriable = True


class TransientError(StorageError):
    """Nothing was stored; a later try can succeed.

    ``retry_after`` is the wait in seconds that the storage asked for, or None.
    """

    retriable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ThrottledError(TransientError):
    """The storage asks for fewer requests."""


class PermanentError(StorageError):
    """A retry cannot help until somebody changes something."""


class AccessDeniedError(PermanentError):
    """Credentials are missing or wrong, or do not permit this."""


class ContainerMissingError(PermanentError):
    """The bucket does not exist."""


class NotAFolderError(PermanentError):
    """A file is where the folder should be."""


class SegmentMissingError(PermanentError):
    """The segment to read does not exist."""


class SegmentFullError(PermanentError):
    """This segment takes no more appends; whoever appends goes on in another one."""


class UnsupportedError(PermanentError):
    """This URL cannot be appended to safely, or not without another package."""
