"""Two classes, told apart by one unit, which is read as two columns (`graph.interface`)."""

from dataclasses import replace

from prune_mi.tasks.classification import ACCURACY, BALANCED
from prune_mi.tasks.classification import TASK as CLASSIFICATION

TASK = replace(CLASSIFICATION, name="binary", metrics=(ACCURACY, BALANCED))
