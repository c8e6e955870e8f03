"""How models and data are told that were handed over as objects and lie in no file."""

_MARK = " (in memory)"


def in_memory(name: str) -> str:
    """`arrays (in memory)`: what reports and events call them."""
    return f"{name}{_MARK}"


def is_in_memory(told: str | None) -> bool:
    """Whether a name in a report or an event is that of such an object."""
    return told is not None and told.endswith(_MARK)
