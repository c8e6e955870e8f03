"""What a run shows and writes down: live progress, the closing summary, report.json."""

from prune_mi.report.console import open_observer
from prune_mi.report.json_report import read_report, read_search_report, write_report
from prune_mi.report.search_summary import print_search_summary
from prune_mi.report.summary import print_summary
from prune_mi.report.unfinished import print_report

__all__ = [
    "open_observer",
    "print_report",
    "print_search_summary",
    "print_summary",
    "read_report",
    "read_search_report",
    "write_report",
]
