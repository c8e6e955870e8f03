"""Code in Lambda layers: whether this Python can read what another may have written."""

import binascii
import codecs
import marshal
import platform
from collections.abc import Mapping
from typing import Any

from prune_mi.errors import ModelError


def require_readable_code(entry: Mapping[str, Any], name: str) -> None:
    """Checks that a Lambda layer's code is of this Python; nothing of it is run.

    Keras writes a lambda as compiled code, whose form changes with Python's versions.

    Args:
        entry: The serialized layer; its file is trusted.
        name: Of the layer, for the message.

    Raises:
        ModelError: If the code cannot be read.
    """
    code = _code(entry.get("config"))
    if code is None:
        return
    try:
        marshal.loads(_decoded(code))
    except (EOFError, ValueError, TypeError) as error:
        raise ModelError(
            f"the layer {name!r} is a Lambda whose code was compiled by another version of Python; "
            f"this one, {platform.python_version()}, cannot read it ({error}). Run prune-mi with "
            "the Python version that saved the model, or there replace the Lambda by a layer of "
            "Keras's own (or of yours, with --custom-objects) and save the model again"
        ) from error


def _code(config: Any) -> str | None:
    """The text that holds the code, wherever Keras 2 or 3 puts it."""
    function = config.get("function") if isinstance(config, Mapping) else None
    if isinstance(function, Mapping):  # Keras 3
        inner = function.get("config", function)
        code = inner.get("code") if isinstance(inner, Mapping) else None
    else:  # Keras 2; a text alone is a function's name
        code = function[0] if isinstance(function, list | tuple) and function else None
    return code if isinstance(code, str) else None


def _decoded(code: str) -> bytes:
    try:
        return codecs.decode(code.encode("ascii"), "base64")
    except (UnicodeEncodeError, binascii.Error):
        return code.encode("raw_unicode_escape")  # as early versions of Keras 2 wrote it
