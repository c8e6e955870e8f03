"""What can go of a model, and why the rest cannot, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from prune_mi.graph.analysis.what_can_go import WhatCanGo, WhyNot, share_of
from prune_mi.graph.not_applicable import Cause
from prune_mi.report.json_report import to_plain
from prune_mi.report.wording import counted, share_text

_COUNTED = {"macs": "MACs", "params": "params"}
_CHANGES: Mapping[Cause, str] = {
    "channels": "the number of channels",
    "values": "the number of values",
    "padding": "the {size} (valid padding)",
    "strides": "the {size} (strides)",
    "pooling": "the {size} (pooling)",
    "size": "the {size}",
    "shape": "the shape",
    "dtype": "the type of the numbers",
}
_OTHERS: Mapping[Cause, str] = {
    "sequence": "turns a sequence into one vector",
    "words": "turns numbers into vectors",
    "output": "is the head, with one unit for each class",
    "protected": "is protected by --protect",
    "kept": "is needed for other inputs or outputs",
    "with_protected": "can only go together with a protected layer",
    "joins": "has several inputs or outputs",
    "readers": "is needed by the layers that read it",
}


def can_go_line(found: WhatCanGo) -> str:
    """`9 units can go, 31 % of the MACs.`, or that nothing can."""
    cost, number = _COUNTED[found.objective], len(found.units)
    if not number:
        same = "as many channels, and the same image size" if found.of_images else "as many values"
        return (
            f"Nothing that costs {cost} can go. A layer can go only if its output has the same "
            f"shape as its input: {same}."
        )
    return f"{counted(number, 'unit')} can go, {share_text(found.share)} of the {cost}."


def why_not_lines(found: WhatCanGo, most: int = 5) -> tuple[str, ...]:
    """Why layers stay, the costliest first, a line for each reason.

    Args:
        found: What can go, and what cannot.
        most: Lines at most; what is left is summed up in the last of them.
    """
    shown = found.reasons if len(found.reasons) <= most else found.reasons[: most - 1]
    rest = found.reasons[len(shown) :]
    lines = [f"{why_text(each.causes, found)} ({_weight([each], found)})" for each in shown]
    if rest:
        lines.append(f"other reasons ({_weight(rest, found)})")
    return tuple(lines)


def what_can_go_text(found: WhatCanGo, most: int = 4) -> str:
    """All of it in one paragraph."""
    lines = why_not_lines(found, most)
    return f"{can_go_line(found)} What stays: {'; '.join(lines)}." if lines else can_go_line(found)


def why_text(causes: Sequence[Cause], found: WhatCanGo) -> str:
    """`changes the number of channels and the image size (strides)`."""
    size = "image size" if found.of_images else "length"
    changed = [_CHANGES[each].format(size=size) for each in causes if each in _CHANGES]
    others = [_OTHERS[each] for each in causes if each in _OTHERS]
    return " and ".join([*([f"changes {' and '.join(changed)}"] if changed else []), *others])


def what_can_go_to_dict(found: WhatCanGo) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "objective": found.objective,
        "units": list(found.units),
        "macs_share": found.macs_share,
        "params_share": found.params_share,
        "reasons": [
            {**to_plain(each), "reason": why_text(each.causes, found)} for each in found.reasons
        ],
    }


def _weight(reasons: Sequence[WhyNot], found: WhatCanGo) -> str:
    number = sum(len(each.layers) for each in reasons)
    share = sum(share_of(each, found.objective) for each in reasons)
    return f"{counted(number, 'layer')}, {share_text(share)} of the {_COUNTED[found.objective]}"
