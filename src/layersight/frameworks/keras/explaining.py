"""The reason for an error of Keras or of a backend, in one line."""

from __future__ import annotations

import re

from layersight.errors import LayersightError, shortened

_WRAPPED = re.compile(r"Exception encountered: ")
_NO_REASON = re.compile(r"^(Exception encountered when|Error when deserializing class)")
_DETAILS = re.compile(r"^(Arguments received by|config=\{)")


def reason_of(error: BaseException, most: int = 300) -> str:
    r"""The reason for an error, without what Keras adds to it.

    Keras adds to an error in a layer a line that says where it arose and the arguments of the
    call, and to an error in building a layer its whole configuration.

    Args:
        error: An error of Keras or of a backend.
        most: The greatest number of characters of the reason.

    >>> text = "Exception encountered when calling D.call().\n\nToo few.\n\nArguments received by D"
    >>> reason_of(ValueError(text))
    'Too few.'
    """
    text = _WRAPPED.split(str(error))[-1]
    lines = []
    for line in text.splitlines():
        if _DETAILS.match(line.strip()):
            break
        if not _NO_REASON.match(line.strip()):
            lines.append(line)
    return shortened("\n".join(lines), most) or shortened(text, most) or type(error).__name__


def own_error(error: BaseException) -> LayersightError | None:
    """The error of layersight inside one of Keras; ``None`` if there is none."""
    seen: set[int] = set()
    cause: BaseException | None = error
    own: LayersightError | None = None
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, LayersightError):
            own = cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return own
