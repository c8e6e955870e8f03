"""What `optimize` gives back in Python: the slim model and the report."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import keras
from rich.console import Console

from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.keras_io.saving.compiling import compile_like
from prune_mi.preparation.loading import open_source
from prune_mi.records import ModelSource, RunReport
from prune_mi.report.html import report_html
from prune_mi.report.summary import print_closing
from prune_mi.runs.folder import BEST

_WIDTH = 100


@dataclass(frozen=True, eq=False, repr=False)
class Optimized:
    """What a run of `optimize` has come to.

    Unpacks into both: `model, report = prune_mi.optimize(...)`. It stands for the path of
    `best.keras` wherever a path is taken. A notebook shows it as tables.

    Attributes:
        report: What was found; `report.json` in the run folder says the same.
        path: Of `best.keras`: the slim model, or the original where nothing smaller was found.
        trust: How far the file is trusted.
    """

    report: RunReport
    path: Path
    trust: Trust

    @classmethod
    def of(cls, report: RunReport, folder: str | Path, trust: Trust) -> Self:
        """What a run has left in its folder."""
        return cls(report, Path(folder, BEST).absolute(), trust)

    @cached_property
    def model(self) -> keras.Model:
        """The model of `path`, compiled as the original was; opened when it is first asked for.

        Raises:
            ModelError: If the file is not there any more.
        """
        trust = self.trust
        source = ModelSource(
            self.path, allow_unsafe=trust.allow_unsafe, custom_objects=trust.custom_objects
        )
        loaded = open_source(source)
        compile_like(loaded.model, loaded.compile_config)
        return loaded.model

    def __iter__(self) -> Iterator[Any]:
        yield self.model
        yield self.report

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        console = Console(file=io.StringIO(), width=_WIDTH, no_color=True, force_jupyter=False)
        with console.capture() as captured:
            print_closing(self.report, console)
        return captured.get().strip("\n")

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return report_html(self.report)
