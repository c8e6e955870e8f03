"""How far a model file is trusted, and the user's own code that it needs."""

from dataclasses import dataclass
from typing import Any

from prune_mi.custom_code import custom_objects


@dataclass(frozen=True, slots=True)
class Trust:
    """What a process that opens or builds models is told.

    Attributes:
        allow_unsafe: Whether Python code in the file may run, such as a Lambda layer's.
        custom_objects: A module's name or the path of a `.py` file that defines the model's own
            layers, losses and so on, or None.
    """

    allow_unsafe: bool = False
    custom_objects: str | None = None


def apply_trust(trust: Trust) -> None:
    """Makes the user's code known to Keras, and lets it load code where that is allowed.

    Both hold for the process: children are built from configurations all through a run.

    Raises:
        ConfigError: If the custom objects cannot be imported.
    """
    import keras  # a worker unpickles this module before it has silenced Keras's backend

    if trust.custom_objects is not None:
        keras.saving.get_custom_objects().update(custom_objects(trust.custom_objects, keras))
    if trust.allow_unsafe:
        keras.config.enable_unsafe_deserialization()


def find_custom(*names: Any) -> Any:
    """The first of the user's classes and functions with one of these names; or None.

    Args:
        names: Strings, or whatever else stands in a file in their place.
    """
    import keras

    known = keras.saving.get_custom_objects()
    return next((known[name] for name in names if isinstance(name, str) and name in known), None)
