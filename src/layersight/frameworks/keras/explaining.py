"""What Keras and its backends say when something goes wrong, in one line."""

from __future__ import annotations

import re

from layersight.errors import LayersightError, shortened

_WRAPPED = re.compile(r"Exception encountered: ")
_NO_REASON = re.compile(r"^(Exception encountered when|Error when deserializing class)")
_DETAILS = re.compile(r"^(Arguments received by|config=\{)")


def reason_of(error: BaseException, most: int = 300) -> str:
    r"""The reason for an error, without what Keras puts around it.

    Keras wraps an error of a layer in a line that says where it arose, and in the arguments of
    the call; one of building a layer in the whole configuration. The reason is what is left.

    Args:
        error: An error of Keras or of a backend.
        most: How many characters the reason may have.

    >>> text = "Exception encountered when calling D.call().\n\nToo few.\n\nArguments received by D"
    >>> reason_of(ValueError(text))
    'Too few.'
    """
    text = _WRAPPED.split(str(error))[-1]
    kept = []
    for line in text.splitlines():
        if _DETAILS.match(line.strip()):
            break
        if not _NO_REASON.match(line.strip()):
            kept.append(line)
    return shortened("\n".join(kept), most) or shortened(text, most) or type(error).__name__


def own_error(error: BaseException) -> LayersightError | None:
    """An error of layersight that Keras has wrapped in one of its own, of the same class even."""
    seen: set[int] = set()
    cause: BaseException | None = error
    own: LayersightError | None = None
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, LayersightError):
            own = cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return own
