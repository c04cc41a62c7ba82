"""Is Pillow there? What draws into pictures, or makes them move, needs it; everything else does not."""

from typing import Any

from asyncsummary.errors import InvalidArgumentError


def require_pillow(what: str, tag: str) -> Any:
    """Return the module ``PIL.Image``.

    Raises:
        InvalidArgumentError: it is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise InvalidArgumentError(f"{what} of tag {tag!r}: need Pillow; pip install 'asyncsummary[pictures]'") from error
    return Image
