"""What `prune-mi inspect` shows: layers, units, totals, what can go and why the rest cannot."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from prune_mi.costs.catalog import cost_kind
from prune_mi.errors import counted
from prune_mi.graph.analysis.inspection import Inspection, WhatCanGo, WhyNot
from prune_mi.graph.ir import Shape
from prune_mi.graph.not_applicable import Cause
from prune_mi.graph.units.unit import Unit
from prune_mi.records import Cost
from prune_mi.report.json_report import to_plain
from prune_mi.report.tables import open_table
from prune_mi.report.wording import count_text, printable, quantity_text, share_text

_STYLES = {"removable": "green", "coupled": "cyan", "fixed": "", "protected": "yellow"}


def print_inspection(inspection: Inspection, console: Console) -> None:
    """Prints the layers, the units and the totals."""
    console.print(_layers(inspection))
    console.print(_units(inspection))
    for note in inspection.notes:
        console.print(Text(printable(note)))
    total = inspection.total
    console.print(
        f"{count_text(total.num_layers)} layers, {count_text(total.num_params)} params, "
        f"{quantity_text(total.macs)} MACs.",
        highlight=False,
    )
    console.print(Text(can_go_line(inspection.what_can_go)))
    lines = why_not_lines(inspection.what_can_go)
    if lines:
        console.print("What stays:")
    for line in lines:
        console.print(Padding(Text(line), (0, 0, 0, 2)))


def inspection_to_dict(inspection: Inspection) -> dict[str, Any]:
    """Plain JSON values: `layers`, `units`, `width_groups`, `total`, `what_can_go`, `notes`."""
    return {
        "layers": [to_plain(row) for row in inspection.layers],
        "units": [_unit_dict(unit, inspection.total) for unit in inspection.units],
        "width_groups": [to_plain(group) for group in inspection.widths],
        "total": {
            **to_plain(inspection.total),
            "num_removable_units": inspection.num_removable,
            "removable_macs": inspection.removable_macs,
        },
        "what_can_go": what_can_go_to_dict(inspection.what_can_go),
        "notes": list(inspection.notes),
    }


def _layers(inspection: Inspection) -> Table:
    table = open_table("Layers", ("layer", "class", "output"), ("params", "MACs", "share"))
    table.add_column("status", no_wrap=True)
    table.add_column("why", overflow="fold")
    for row in inspection.layers:
        calls = f" x{row.num_calls}" if row.num_calls > 1 else ""
        status = f"{row.status}, frozen" if row.frozen else row.status
        table.add_row(
            printable(row.name) + calls,
            printable(row.class_name),
            _shape(row.output_shape),
            count_text(row.num_params) if row.num_params else "",
            quantity_text(row.macs) if row.macs else "",
            f"{row.macs_share:.1%}" if row.macs else "",
            Text(status, style=_STYLES[row.status]),
            printable(row.reason),
        )
    return table


def _units(inspection: Inspection) -> Table:
    """All units but single layers that cost nothing: the table of layers has those."""
    table = open_table("Units", ("unit", "kind"), ("layers", "params", "MACs", "share"))
    table.add_column("can go", overflow="fold")
    for unit in inspection.units:
        if unit.kind == "layer" and not unit.macs:
            continue
        table.add_row(
            printable(unit.name),
            unit.kind,
            str(len(unit.nodes)),
            count_text(unit.num_params),
            quantity_text(unit.macs),
            f"{unit.macs / max(inspection.total.macs, 1):.1%}",
            Text("yes", style="green") if unit.reason is None else f"no: {printable(unit.reason)}",
        )
    return table


def _unit_dict(unit: Unit, total: Cost) -> dict[str, Any]:
    return {
        "name": unit.name,
        "kind": unit.kind,
        "layers": list(unit.nodes),
        "num_params": unit.num_params,
        "macs": unit.macs,
        "macs_share": unit.macs / max(total.macs, 1),
        "removable": unit.reason is None,
        "reason": unit.reason,
        "causes": list(unit.causes),
    }


def _shape(shape: Shape) -> str:
    return "x".join("?" if axis is None else str(axis) for axis in shape) or "scalar"


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
    """`9 units can go, 31 % of the MACs. With channels, 97 % can go at most.`, or what cannot."""
    cost, number = cost_kind(found.counted).label, len(found.units)
    if not number:
        same = "as many channels, and the same image size" if found.of_images else "as many values"
        text = (
            f"No whole layer that costs {cost} can go. A layer can go only if its output has the "
            f"same shape as its input: {same}."
        )
    else:
        text = f"{counted(number, 'unit')} can go, {share_text(found.share)} of the {cost}."
    if found.share_with_channels > found.share:
        text += f" With channels, {share_text(found.share_with_channels)} can go at most."
    return text


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
    text = can_go_line(found)
    return f"{text} What stays whole: {'; '.join(lines)}." if lines else text


def why_text(causes: Sequence[Cause], found: WhatCanGo) -> str:
    """`changes the number of channels and the image size (strides)`."""
    size = "image size" if found.of_images else "length"
    changed = [_CHANGES[each].format(size=size) for each in causes if each in _CHANGES]
    others = [_OTHERS[each] for each in causes if each in _OTHERS]
    return " and ".join([*([f"changes {' and '.join(changed)}"] if changed else []), *others])


def what_can_go_to_dict(found: WhatCanGo) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "objective": found.counted,
        "units": list(found.units),
        **_named_shares(found),
        "with_channels": {
            f"{name}_share": share for name, share in found.shares_with_channels.items()
        },
        "reasons": [
            {
                "causes": list(each.causes),
                "layers": list(each.layers),
                **_named_shares(each),
                "reason": why_text(each.causes, found),
            }
            for each in found.reasons
        ],
    }


def _weight(reasons: Sequence[WhyNot], found: WhatCanGo) -> str:
    number = sum(len(each.layers) for each in reasons)
    share = sum(each.shares[found.counted] for each in reasons)
    label = cost_kind(found.counted).label
    return f"{counted(number, 'layer')}, {share_text(share)} of the {label}"


def _named_shares(each: WhatCanGo | WhyNot) -> dict[str, float]:
    """Shares by names of their own, such as `macs_share`."""
    return {f"{name}_share": share for name, share in each.shares.items()}
