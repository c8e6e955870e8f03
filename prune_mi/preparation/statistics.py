"""Batch-norm statistics that make a network more accurate than it is, nothing trained.

The moving statistics that a training leaves are an average over its last batches, of the images as
they were varied then. Exact ones over plain images may serve better, or worse: ResNet-8 of MLPerf
Tiny goes from 0.8719 to 0.887, a ResNet-56 from 0.9229 to 0.9163. So validation chooses among the
statistics as they are and some others; another one must be better by more than the standard error
of the difference, image by image.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prune_mi.data import NOT_VARIED, AugmentationPolicy
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import Evaluated, RecalibrateTask
from prune_mi.measure.limit import Drop, paired_drop
from prune_mi.measure.metric import image_weights
from prune_mi.preparation.baseline import Baseline
from prune_mi.records import Observer, Statistics, StatisticsCandidate
from prune_mi.repair.recalibrate import recalibrated_layers
from prune_mi.runs.recorded import Evaluations
from prune_mi.search.candidate import Trained

AS_SAVED = "as saved"
_IMAGES, _MORE_IMAGES = 2000, 10_000
_FEW_IMAGES, _FEW_SCORED = 512, 1000
Decides = Callable[[str, Callable[[], Any]], Any]
_PASSES = 2  # in inference, that one in training mode counts as


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """A network with some batch-norm statistics.

    Attributes:
        name: Such as `2,000 images, plain`, or `as saved`.
        num_images: That the statistics are of; 0 of those as saved.
        policy: How these images were varied; None of those as saved.
        candidate: The network.
        gain: Against the statistics as saved, on the same validation images.
    """

    name: str
    num_images: int
    policy: AugmentationPolicy | None
    candidate: Trained
    gain: Drop

    @property
    def told(self) -> StatisticsCandidate:
        """The same for the report."""
        return StatisticsCandidate(
            name=self.name,
            num_images=self.num_images,
            val_metric=self.candidate.quality,
            gain=self.gain.value,
            standard_error=self.gain.standard_error,
        )


class StatisticsChoice:
    """Chooses among the statistics of networks.

    Args:
        baseline: The original, measured.
        evaluations: Where networks are recalibrated and scored.
        decided: Remembers what a clock has decided; see `EventLog.decided`.
        seed: Varies the images.
        observer: Hears of what was chosen, and of what could not be compared.
    """

    def __init__(
        self,
        baseline: Baseline,
        *,
        evaluations: Evaluations | WorkerPool,
        decided: Decides = lambda what, decide: decide(),
        seed: int,
        observer: Observer,
    ) -> None:
        self._observer = observer
        self._baseline = baseline
        self._num_train = baseline.images.num_train
        self._pool = evaluations
        self._decided = decided
        self._seed = seed
        varied = baseline.profile.augmentation
        self._policies = [NOT_VARIED, *([] if varied.name == "none" else [varied])]

    def start(self, *, seconds: float | None) -> tuple[Baseline, Statistics]:
        """The baseline with what the search starts from, and what was compared.

        Args:
            seconds: Wall clock at most, or None.
        """
        given = self._baseline.given
        chosen, tried = self.of_original(seconds=seconds)
        told = Statistics(chosen.name, tuple(each.told for each in tried))
        if chosen.policy is None:
            return self._baseline, told
        self._observer.note(
            "Other batch-norm statistics make the original more accurate without training: "
            f"{chosen.candidate.quality:.4f} on validation with those of {chosen.name}, "
            f"{given.quality:.4f} as saved. The search, distillation and the control start "
            "from them. This gain does not come from pruning."
        )
        if self._baseline.profile.needs_statistics:
            self._observer.note(
                "The saved statistics do not fit the weights of the model, so the allowed drop is "
                "counted from the model with the new statistics."
            )
        return replace(self._baseline, start=chosen.candidate), told

    def of_original(self, *, seconds: float | None) -> tuple[Option, list[Option]]:
        """The original with the statistics that validation chooses, and all that were tried.

        Statistics of 2,000 images are compared, and of what won those of 10,000.

        Args:
            seconds: Wall clock at most, or None.
        """
        began, original = time.monotonic(), self._baseline.given
        as_saved = self._option(AS_SAVED, 0, None, original, original)
        affordable = self._decided(
            "images for batch-norm statistics",
            lambda: self._affordable(seconds, networks=len(self._policies), scored=None),
        )
        enough = affordable >= min(_FEW_IMAGES, self._num_train)
        if not recalibrated_layers(original.graph, keep_frozen=True):
            return as_saved, [as_saved]
        if not enough:
            self._observer.note("Batch-norm statistics were not compared: the budget is too short.")
            return as_saved, [as_saved]
        options = self._options(original, self._policies, min(_IMAGES, affordable), None)
        best = _clearly_best(options)
        if best is None or best.policy is None:
            return as_saved, [as_saved, *options]

        def affordable_now() -> int:
            left = None if seconds is None else seconds - (time.monotonic() - began)
            return self._affordable(left, networks=1, scored=None)

        more = min(_MORE_IMAGES, self._decided("more images for statistics", affordable_now))
        for again in self._options(original, [best.policy] if more > _IMAGES else [], more, None):
            options.append(again)
            further = self._option(again.name, 0, None, best.candidate, again.candidate)
            best = again if _is_clear(further.gain) else best
        return best, [as_saved, *options]

    def of_trained(
        self, trained: Sequence[Trained], *, seconds: float | None
    ) -> tuple[list[Trained], list[str]]:
        """Trained networks with the statistics that validation chooses, and what was found.

        Args:
            trained: The networks.
            seconds: Wall clock at most for all of them, or None.
        """
        asked = [each for each in trained if recalibrated_layers(each.graph, keep_frozen=True)]
        if not asked:
            return list(trained), []
        networks = len(asked) * len(self._policies)
        ways = ((_IMAGES, None), (_FEW_IMAGES, None), (_FEW_IMAGES, _FEW_SCORED))

        def affordable() -> int | None:
            for place, (count, scored) in enumerate(ways):
                enough = self._affordable(seconds, networks=networks, scored=scored)
                if enough >= min(count, self._num_train):
                    return place
            return None

        way = self._decided("batch-norm statistics after training", affordable)
        if way is None:
            return list(trained), [
                "Batch-norm statistics were not compared again after the final training: the "
                "budget leaves no time for it."
            ]
        count, scored = ways[way]
        found, notes = [], []
        for each in trained:
            best = _clearly_best(self._options(each, self._policies, count, scored))
            if best is not None and best.policy is not None and scored is not None:
                best = _clearly_best(self._options(each, [best.policy], count, None))
            found.append(each if best is None else best.candidate)
            if best is not None:
                notes.append(
                    f"After training, {each.name} got batch-norm statistics of {best.name}: "
                    f"{best.candidate.quality:.4f} on validation, {each.quality:.4f} before."
                )
        return found, notes

    def _affordable(self, seconds: float | None, *, networks: int, scored: int | None) -> int:
        """Images that there is time to recalibrate so many networks on; all where no clock runs."""
        if seconds is None:
            return self._num_train
        labels = self._baseline.images.validation_labels[:scored]
        # One worker each, as many side by side as there are ways to vary images.
        beside = min(self._pool.workers, len(self._policies))
        rate = self._baseline.images_per_second / self._pool.workers
        passes = seconds * rate * beside / max(networks, 1)
        return min(self._num_train, int((passes - len(labels)) / _PASSES))

    def _options(
        self,
        before: Trained,
        policies: Sequence[AugmentationPolicy],
        count: int,
        scored: int | None,
    ) -> list[Option]:
        """A network with other statistics, and how it then does; without those that failed."""
        if not recalibrated_layers(before.graph, keep_frozen=True):
            return []
        count = min(count, self._num_train)
        names = {
            f"{count:,} images, {'plain' if policy.name == 'none' else policy.name}": policy
            for policy in policies
        }
        tasks = [
            RecalibrateTask(name, before.graph, count, policy, scored, self._seed)
            for name, policy in names.items()
        ]
        outcomes = {each.name: each for each in self._pool.run(tasks)}
        options = []
        for name, policy in names.items():
            outcome = outcomes[name]
            if not isinstance(outcome, Evaluated):
                self._observer.note(f"Statistics of {name} failed: {outcome.message}")
            else:
                after = replace(
                    before,
                    graph=outcome.graph,
                    quality=outcome.quality,
                    scores=outcome.scores,
                )
                options.append(self._option(name, count, policy, before, after))
        return options

    def _option(
        self,
        name: str,
        count: int,
        policy: AugmentationPolicy | None,
        before: Trained,
        after: Trained,
    ) -> Option:
        labels = self._baseline.images.validation_labels[: len(after.scores)]
        weights = image_weights(labels, self._baseline.metric)
        gain = paired_drop(after.scores, before.scores[: len(labels)], weights)
        return Option(name, count, policy, after, gain)


def _is_clear(gain: Drop) -> bool:
    return gain.value > gain.standard_error


def _clearly_best(options: Sequence[Option]) -> Option | None:
    clear = [each for each in options if _is_clear(each.gain)]
    return max(clear, key=lambda each: each.gain.value, default=None)
