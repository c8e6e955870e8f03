"""What a run shows and writes down: live progress, the closing summary, report.json."""

from prune_mi.report.average import print_average
from prune_mi.report.check import (
    check_to_junit,
    check_to_markdown,
    print_check,
)
from prune_mi.report.console import LiveConsole, open_observer
from prune_mi.report.conversion import print_conversion
from prune_mi.report.evaluation import print_evaluation
from prune_mi.report.files import require_writable, write_text
from prune_mi.report.inspection import inspection_to_dict, print_inspection
from prune_mi.report.json_report import (
    read_report,
    read_search_report,
    to_plain,
    write_report,
)
from prune_mi.report.prediction import print_predictions
from prune_mi.report.ranking import (
    plot_ranking,
    print_ranking,
    require_plottable,
)
from prune_mi.report.recalibration import print_recalibration
from prune_mi.report.search_summary import print_search_summary
from prune_mi.report.summary import print_summary

__all__ = [
    "LiveConsole",
    "check_to_junit",
    "check_to_markdown",
    "inspection_to_dict",
    "open_observer",
    "plot_ranking",
    "print_average",
    "print_check",
    "print_conversion",
    "print_evaluation",
    "print_inspection",
    "print_predictions",
    "print_ranking",
    "print_recalibration",
    "print_search_summary",
    "print_summary",
    "read_report",
    "read_search_report",
    "require_plottable",
    "require_writable",
    "to_plain",
    "write_report",
    "write_text",
]
