"""The loop of `optimize` and of `search`: propose, repair, screen, race, judge, record, keep best.

A strategy says what is proposed, who is trained for how long, and what is good enough: `prune.py`
makes a given model smaller, `grow.py` makes a small one better.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from prune_mi.evolution.evaluator import Evaluator, Failure, child_record
from prune_mi.evolution.strategy import Evolved, LineUp, Raced, Strategy
from prune_mi.records import ChildRecord, GenerationRecord, Observer, Verdict
from prune_mi.runs.journal import Journal
from prune_mi.search.candidate import Proposed, Screened, Trained


class Evolution:
    """Generation after generation, until the strategy says stop.

    Args:
        strategy: Pruning or growing.
        evaluator: Trains.
        journal: Gets a line a child, as soon as its generation has no more use for it.
        observer: Hears of everything.
        on_elite: Called with each newly accepted model, to be kept safe.
    """

    def __init__(
        self,
        strategy: Strategy,
        evaluator: Evaluator,
        *,
        journal: Journal,
        observer: Observer,
        on_elite: Callable[[Trained], object],
    ) -> None:
        self._strategy = strategy
        self._climber = strategy.climber
        self._evaluator = evaluator
        self._journal = journal
        self._observer = observer
        self._on_elite = on_elite
        self._records: list[ChildRecord] = []

    def run(self) -> Evolved:
        """Makes generations until a stopping rule holds."""
        generations: list[GenerationRecord] = []
        last: GenerationRecord | None = None
        while (reason := self._strategy.reason_to_stop(last)) is None:
            last = self._generation()
            if last.children:
                generations.append(last)
        return self._strategy.evolved(tuple(generations), reason)

    def _generation(self) -> GenerationRecord:
        strategy, climber = self._strategy, self._climber
        parent, self._records = climber.elite, []
        strategy.begin(parent)
        ready = self._proposed(parent)
        line_up = strategy.line_up(ready, parent)
        for child, why in line_up.left_out:
            self._record(child, "not trained", why)
        raced = self._raced(line_up)
        accepted = climber.tell(raced.eligible)
        if accepted is not None:
            self._on_elite(accepted)
        trained = (*raced.eligible, *raced.others)
        strategy.learn(parent, accepted, trained)
        for each in trained:
            self._observer.child(self._record(each, *strategy.verdict(each)))
        return GenerationRecord(
            climber.generation, parent.name, tuple(self._records), climber.elite.name
        )

    def _proposed(self, parent: Trained) -> list[Screened]:
        """Children, repaired and screened: a wave, and others that have learned from it."""
        ready: list[Screened] = []
        while children := self._strategy.propose(parent, ready):
            screened, failures = self._strategy.repair(children, parent)
            self._failed(failures)
            ready += screened
        return ready

    def _raced(self, line_up: LineUp) -> Raced:
        """Trains candidates in rungs; who has been trained says who goes on."""
        strategy, climber = self._strategy, self._climber
        trained: dict[str, Trained] = {}
        field: Sequence[Screened] = line_up.field
        for place, rung in enumerate(line_up.rungs):
            if place:
                field = strategy.advance(list(trained.values()), rung)
            if not field:
                break
            done, failures = self._evaluator.train(field, rung, generation=climber.generation)
            judged = strategy.judge(done)
            climber.observe(judged)
            trained |= {each.name: each for each in judged}
            for failure in failures:
                climber.drop(failure.candidate.name)
                trained.pop(failure.candidate.name, None)
            self._failed(failures)
        raced = strategy.finish(strategy.judge(list(trained.values())), [e.name for e in field])
        self._failed(raced.failures)
        return raced

    def _failed(self, failures: Sequence[Failure]) -> None:
        for each in failures:
            child, outcome = each.candidate, each.outcome
            self._observer.note(f"{child.name} failed and is left out: {outcome.message}")
            if isinstance(child, Screened):
                child = replace(child, seconds=child.seconds + outcome.seconds)
            self._record(child, "failed", outcome.message)

    def _record(self, child: Proposed, verdict: Verdict, detail: str) -> ChildRecord:
        """A child's record, in the journal from now on."""
        record = child_record(child, self._climber.generation, verdict, detail)
        self._journal.append(record)
        self._records.append(record)
        return record
