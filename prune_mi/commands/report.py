"""`prune-mi report`: what a run has come to, from its events."""

from pathlib import Path

from prune_mi.records import RunReport, SearchReport, UnfinishedReport
from prune_mi.report.from_events import report_of
from prune_mi.report.json_report import write_report
from prune_mi.runs.folder import REPORT_FILE
from prune_mi.runs.resumption import read_before


def report_of_run(run: Path) -> RunReport | SearchReport | UnfinishedReport:
    """The report of a run, whether it has ended or not; of one that has, it is written again.

    Raises:
        RunFolderError: If there is no run in the folder, or its events are damaged.
    """
    before = read_before(run)
    found = report_of(
        before.told,
        elapsed_s=before.elapsed,
        folder=str(run),
        ended_before=before.ended_before,
    )
    if not isinstance(found, UnfinishedReport):
        write_report(found, run / REPORT_FILE)
    return found
