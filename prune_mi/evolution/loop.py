"""The loop of `optimize` and of `search`: propose, repair, screen, race, judge, record, keep best.

A strategy says what is proposed, who is trained for how long, and what is good enough: `prune.py`
makes a given model smaller, `grow.py` makes a small one better.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from prune_mi.evolution.evaluator import Evaluator
from prune_mi.evolution.recipe import kept
from prune_mi.evolution.strategy import Evolved, LineUp, Raced, Strategy
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.records import GenerationRecord, events
from prune_mi.records.generations import Generations
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Screened, Trained


class Evolution:
    """Generation after generation, until the strategy says stop.

    Args:
        run: The run under way.
        strategy: Pruning or growing.
        evaluator: Trains.
        on_elite: Called with each model that is the best now, to be kept safe.
    """

    def __init__(
        self,
        run: Run[Any],
        strategy: Strategy,
        evaluator: Evaluator,
        *,
        on_elite: Callable[[Trained], object],
    ) -> None:
        self._run = run
        self._log = run.log
        self._strategy = strategy
        self._climber = strategy.climber
        self._evaluator = evaluator
        self._on_elite = on_elite
        self._told = Generations()
        self._heard = 0

    def run(self) -> Evolved:
        """Makes generations until a stopping rule holds."""
        last: GenerationRecord | None = None
        while (reason := self._reason_to_stop(last)) is None:
            last = self._generation()
        self._log.append(events.SearchEnded(reason))
        evolved = self._strategy.evolved()
        self._run.evaluations.require(evolved.elite.graph, evolved.elite.name)
        return evolved

    def _reason_to_stop(self, last: GenerationRecord | None) -> str | None:
        """Why there is no further generation, or None; by what holds from here on."""
        is_replaying = self._log.is_replaying
        self._run.share_time()
        if (limited := self._strategy.limited()) is not None:
            if not is_replaying:
                self._on_elite(self._climber.elite)  # the best so far may be over the limit now
            self._log.append(limited)
        return self._strategy.reason_to_stop(last)

    def _generation(self) -> GenerationRecord:
        strategy, climber, log = self._strategy, self._climber, self._log
        parent = climber.parent
        strategy.begin(parent)
        ready = self._proposed(parent)
        line_up = strategy.line_up(ready, parent)
        for child, reason in line_up.left_out:
            log.append(events.Refused(child.name, reason))
        raced = self._raced(line_up)
        accepted = climber.tell(raced.eligible)
        if accepted is not None and not log.is_replaying:
            self._on_elite(accepted)
        trained = (*raced.eligible, *raced.others)
        strategy.learn(parent, accepted, trained)
        for each in trained:
            log.append(strategy.verdict(each))
        log.append(events.GenerationEnded(climber.generation, climber.elite.name))
        self._run.evaluations.keep(strategy.wanted())
        return self._record()

    def _record(self) -> GenerationRecord:
        """What the generation that has ended has tried."""
        for event in self._log.events[self._heard :]:
            self._told.hear(event)
        self._heard = len(self._log.events)
        return self._told.last

    def _proposed(self, parent: Trained) -> list[Screened]:
        """Children, repaired and screened: a wave, and others that have learned from it."""
        ready: list[Screened] = []
        while children := self._strategy.propose(parent, ready):
            self._evaluator.announce(children)
            screened, failures = self._strategy.repair(children, parent)
            self._tell_of(failures)
            ready += screened
        return ready

    def _raced(self, line_up: LineUp) -> Raced:
        """Trains candidates in rungs; who has been trained says who goes on."""
        strategy, climber = self._strategy, self._climber
        trained: dict[str, Trained] = {}
        failed: set[str] = set()
        last: list[str] = []
        field: Sequence[Screened] = line_up.field
        for place, rung in enumerate(line_up.rungs):
            if place:
                sound = [each for name, each in trained.items() if name not in failed]
                field = strategy.advance(sound, rung)
            last = []
            if not field:
                break
            later = line_up.rungs[place + 1 :]
            done, failures = self._evaluator.train(field, rung, later)
            climber.observe(done)
            before = {each.name: each for each in field}
            judged = strategy.judge([kept(before[each.name], each) for each in done])
            trained |= {each.name: each for each in judged}
            last = [each.name for each in done]
            for failure in failures:
                climber.drop(failure.name)
                failed.add(failure.name)
            self._tell_of(failures, trained)
        raced = strategy.finish(strategy.judge(list(trained.values())), last)
        self._tell_of(raced.failures)
        return raced

    def _tell_of(self, failures: Sequence[FailedEvaluation], trained: Collection[str] = ()) -> None:
        """Notes what failed; what had been `trained` before stays as it was then."""
        for each in failures:
            then = "stays as it was before" if each.name in trained else "is left out"
            self._run.notes.note(f"{each.name} failed and {then}: {each.message}")
