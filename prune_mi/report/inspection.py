"""What `prune-mi inspect` shows: every layer, every unit that can go, and the totals."""

from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from prune_mi.graph.analysis.inspection import Inspection
from prune_mi.graph.ir import Shape
from prune_mi.graph.units.unit import Unit
from prune_mi.records import Cost
from prune_mi.report.json_report import to_plain
from prune_mi.report.tables import open_table
from prune_mi.report.what_can_go import can_go_line, what_can_go_to_dict, why_not_lines
from prune_mi.report.wording import count_text, printable, quantity_text

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
