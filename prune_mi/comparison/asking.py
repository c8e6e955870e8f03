"""A model asked about the test images, beside others that were asked about the same."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.data.class_order import class_names, in_given_order
from prune_mi.errors import DataError, ModelError
from prune_mi.execution.pool import WorkerPool, temporary_pool
from prune_mi.graph.cost import graph_cost
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.keras_io.saving.save import saved_size
from prune_mi.measure.quality import NO_ANSWER, answers_of
from prune_mi.preparation.baseline import shared_data
from prune_mi.preparation.interface import read_interface
from prune_mi.preparation.loading import load_fitting_data, open_source
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.selected_on import selected_on
from prune_mi.preparation.study import study, study_as
from prune_mi.records import Cost, ModelSource, Observer


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A model, and what it answers.

    Attributes:
        path: Its file.
        cost: Counted on its graph.
        size_bytes: Of its file, or of all files of its folder.
        saved_bytes: Of the same model as `.keras`, without an optimizer's state.
        names: Of the classes, in the order of the first model's outputs.
        answers: int `(n,)`, for each test image a place in `names`.
        labels: int `(n,)`, likewise.
        selected_on: bool `(n,)`, the test images that the run which wrote it has selected on.
        profile: How it was asked.
    """

    path: Path
    cost: Cost
    size_bytes: int
    saved_bytes: int
    names: tuple[str, ...]
    answers: np.ndarray
    labels: np.ndarray
    selected_on: np.ndarray
    profile: Profile

    @property
    def correct(self) -> np.ndarray:
        """Bool `(n,)`, whether each answer is right."""
        return np.asarray(self.answers == self.labels)


def opened_pool(
    sources: Sequence[ModelSource], settings: OptimizeSettings, observer: Observer
) -> AbstractContextManager[WorkerPool]:
    """Where several models are asked, all of which are trusted alike."""
    trust = Trust(sources[0].allow_unsafe, sources[0].custom_objects)
    return temporary_pool(workers=settings.workers, observer=observer, trust=trust)


def ask(
    source: ModelSource,
    settings: OptimizeSettings,
    observer: Observer,
    *,
    pool: WorkerPool,
    first: Asked | None = None,
    as_first: bool = False,
) -> Asked:
    """Opens a model and asks it about the test images.

    Args:
        source: Its file.
        settings: The data, and how they are read.
        observer: Hears what was found.
        pool: Where it is asked.
        first: The model that its answers are to be compared with.
        as_first: Whether it is to be asked as that one was, and not found out about by itself: a
            candidate that is right by chance alone is to be measured all the same.

    Raises:
        PruneMIError: As `prune_mi.optimize` does for its model, data and settings.
        ModelError: If it does not tell the same classes apart as `first`.
    """
    with _named(source.path):
        loaded = open_source(source)
        for note in loaded.notes:
            observer.note(note)
        if first is not None:
            num_classes = read_interface(loaded.model, settings.output).num_classes
            if num_classes != len(first.names):
                raise ModelError(
                    f"{source.path} tells {num_classes} classes apart, and {first.path} tells "
                    f"{len(first.names)} apart; expected models with the same classes"
                )
        data = load_fitting_data(loaded.model, settings, observer, beside=source.path)
        if first is not None and as_first:
            profile = study_as(first.profile, loaded.model, data, settings, pool=pool)
            if not data.order_known:
                data = in_given_order(data, first.names, num_classes=len(first.names))
        else:
            profile = study(
                loaded.model,
                data,
                settings,
                pool=pool,
                observer=observer,
                compiled=loaded.compile_config,
                trains=False,
            )
            data = profile.arranged(data)
        pool.use(shared_data(pool.store, profile, settings))
        pool.store.put("test_images", data.x_test)
        outputs = pool.predict(profile.graph, "test_images")
        own = class_names(data)
        names = own if first is None else first.names
        places = _places(own, names, source.path)
        labels = places[data.y_test]
        if first is not None and not np.array_equal(labels, first.labels):
            raise DataError(
                f"the test labels differ: {source.path} has {len(labels)} test images and "
                f"{first.path} has {len(first.labels)}; expected a data set that both models read "
                "alike"
            )
        answers = answers_of(outputs, len(names))
        return Asked(
            path=source.path,
            cost=graph_cost(profile.packing.original),
            size_bytes=_file_size(source.path),
            saved_bytes=saved_size(loaded.model, pool.folder),
            names=names,
            answers=np.where(answers == NO_ANSWER, NO_ANSWER, places[answers]),
            labels=labels,
            selected_on=selected_on(source.path, data.x_test),
            profile=profile,
        )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What is wrong with one of several models, told with its path."""
    try:
        yield
    except (DataError, ModelError) as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def _places(own: Sequence[str], names: Sequence[str], path: Path) -> np.ndarray:
    """For each class of a model its place among those of the first."""
    if sorted(own) != sorted(names):
        raise ModelError(
            f"the classes of {path} are {', '.join(own[:5])}, ..., but the classes of the first "
            f"model are {', '.join(names[:5])}, ...; expected the same classes"
        )
    found = {name: place for place, name in enumerate(names)}
    return np.array([found[name] for name in own])


def _file_size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)
