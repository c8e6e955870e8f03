"""Children and generations, read from the events of a run; and what a reason is told by."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from prune_mi.records import events
from prune_mi.records.children import ChildRecord, GenerationRecord, Reason, Verdict
from prune_mi.records.events import Event

_VERDICTS: dict[Reason, tuple[Verdict, str]] = {
    "lost too much": ("not trained", "lost too much accuracy to recover it by training"),
    "others save more": ("not trained", "others save more cost for the accuracy they lose"),
    "others are better": (
        "not trained",
        "before training others are more accurate, or nearer to the target",
    ),
    "over the limit": (
        "over the allowed drop",
        "{accuracy:.4f} is below the required {required:.4f} plus {margin:.4f} for the error of "
        "the estimate",
    ),
    "elite is better": ("not smaller", "{elite} is better by the objective"),
    "over the target": ("over the target", "{over:.1%} above the target"),
    "less accurate": ("not better", "{accuracy:.4f}, {elite} has {best:.4f}"),
    "equal, but larger": (
        "not better",
        "{accuracy:.4f}, {elite} has {best:.4f} and fewer weights, equal within the error",
    ),
}


@dataclass(slots=True)
class Generations:
    """What a run has tried, told event by event.

    Attributes:
        ended: Generations that had children.
        last: The last that has ended, with or without children.
        children: Of the generation under way, by name, as far as they are known.
    """

    ended: list[GenerationRecord] = field(default_factory=list)
    last: GenerationRecord = field(default=GenerationRecord(0, "", (), ""))
    children: dict[str, ChildRecord] = field(default_factory=dict)
    _judged: dict[str, ChildRecord] = field(default_factory=dict)
    _began: events.GenerationBegan | None = None
    _known: dict[str, ChildRecord] = field(default_factory=dict)

    def hear(self, event: Event) -> ChildRecord | None:
        """Takes note of an event; returns the child that more is known of, or None."""
        match event:
            case events.GenerationBegan():
                self._began, self.children, self._judged = event, {}, {}
            case events.Proposed():
                return self._keep(_proposed(event, self._index))
            case events.Screened() if event.name in self.children:
                child = self.children[event.name]
                accuracy, seconds = event.quality, child.seconds + event.seconds
                return self._keep(replace(child, screened_quality=accuracy, seconds=seconds))
            case events.Trained() if event.name in self._all:
                return self._keep(_trained(self._all[event.name], event))
            case events.Failed() if event.step != "ranked" and event.name in self._all:
                child = self._all[event.name]
                self._keep(replace(child, seconds=child.seconds + event.seconds))
                return self._judge(event.name, "failed", event.message)
            case events.Accepted():
                told = f"validation accuracy {event.quality:.4f}"
                if event.required is not None:
                    told = f"{event.quality:.4f}, required {event.required:.4f}"
                return self._judge(event.name, "accepted", told)
            case events.Refused():
                verdict, text = _VERDICTS[event.reason]
                told = text.format(**event.numbers, elite=event.elite)
                return self._judge(event.name, verdict, told, event.reason)
            case events.GenerationEnded():
                self._end(event)
            case events.SearchEnded():  # what is trained from here on is no child any more
                self._known, self.children = {}, {}
        return None

    @property
    def _index(self) -> int:
        return 0 if self._began is None else self._began.index

    @property
    def _all(self) -> dict[str, ChildRecord]:
        """Children of this generation and of earlier ones, which may be trained on."""
        return {**self._known, **self.children}

    def _keep(self, child: ChildRecord) -> ChildRecord:
        self.children[child.name] = replace(child, generation=self._index)
        return self.children[child.name]

    def _judge(
        self, name: str, verdict: Verdict, detail: str, reason: Reason | None = None
    ) -> ChildRecord:
        """A child's last record; what failed once it was trained is judged by what it was then."""
        child = self._keep(replace(self._all[name], verdict=verdict, detail=detail, reason=reason))
        self._judged.pop(name, None)
        self._judged[name] = child
        return child

    def _end(self, event: events.GenerationEnded) -> None:
        parent = "" if self._began is None else self._began.parent
        found = self._judged.values()
        judged = tuple(replace(each, seconds=round(each.seconds, 3)) for each in found)
        self.last = GenerationRecord(event.index, parent, judged, event.elite)
        if judged:
            self.ended.append(self.last)
        for each in found:
            self._known[each.name] = replace(each, verdict="pending", detail="", reason=None)
        self.children, self._judged = {}, {}


def generations_of(told: Iterable[Event]) -> tuple[GenerationRecord, ...]:
    """The generations of some events that have ended, those without children left out."""
    found = Generations()
    for event in told:
        found.hear(event)
    return tuple(found.ended)


def _proposed(event: events.Proposed, generation: int) -> ChildRecord:
    return ChildRecord(
        name=event.name,
        generation=generation,
        parent=event.parent,
        morphs=event.morphs,
        num_params=event.cost.num_params,
        macs=event.cost.macs,
        num_layers=event.cost.num_layers,
        screened_quality=None,
        trained_quality=None,
        images_trained=0,
        seconds=0.0,
        verdict="pending",
        detail="",
        other_costs=event.cost.others,
    )


def _trained(child: ChildRecord, event: events.Trained) -> ChildRecord:
    """A child after one more training; one that this made worse keeps its weights."""
    before, seconds = child.trained_quality, child.seconds + event.seconds
    if before is not None and event.quality < before:
        return replace(child, seconds=seconds)
    images = child.images_trained + event.images
    return replace(child, trained_quality=event.quality, images_trained=images, seconds=seconds)
