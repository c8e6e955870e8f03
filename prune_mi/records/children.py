"""What a search has tried: places, morphisms, children, generations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from prune_mi.records.models import Cost

Effect = Literal["removes", "narrows", "adds", "changes"]
Reason = Literal[
    "lost too much",
    "others save more",
    "others are better",
    "over the limit",
    "elite is better",
    "less accurate",
    "equal, but larger",
    "over the target",
]
Verdict = Literal[
    "pending",
    "accepted",
    "over the allowed drop",
    "over the target",
    "not smaller",
    "not better",
    "not trained",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a network a change is made, in words that hold for every network.

    Attributes:
        third: 0, 1 or 2: the third of the network's calls that it lies in, from the input on.
        behind: What yields the tensor there: `input`, `kernel`, `norm`, `activation`, `pooling`,
            `noise`, `join` or `other`.
    """

    third: int
    behind: str


@dataclass(frozen=True, slots=True)
class MorphRecord:
    """One applied morphism.

    Attributes:
        kind: Name of the morphism in the catalog, such as `remove-by-rank`.
        target: The unit or tensor it was applied to.
        layers: Names of the layers that went or came.
        reason: Why this site, for instance its information gain in bits.
        place: Where in the network; None where nobody learns from it.
        effect: What became of layers: they went, lost channels, came, or were changed.
        share: Of channels that went: how much of what all of their group added in the parent.
    """

    kind: str
    target: str
    layers: tuple[str, ...]
    reason: str
    place: Place | None = None
    effect: Effect = "changes"
    share: float = 1.0

    @property
    def is_removal(self) -> bool:
        """Whether layers went."""
        return self.effect == "removes"

    @property
    def takes_away(self) -> bool:
        """Whether layers or channels went."""
        return self.effect in ("removes", "narrows")

    @property
    def is_insertion(self) -> bool:
        """Whether layers came."""
        return self.effect == "adds"


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """One child, as the journal and the report keep it.

    Attributes:
        name: `g2c3` is child 3 of generation 2; both count from 1.
        parent: Name of the model it was made from; `reference` is the original.
        morphs: What distinguishes it from `parent`, in order.
        num_params, macs, num_layers: Its cost.
        other_costs: Further costs by name.
        screened_quality: Validation accuracy repaired but untrained, or None.
        trained_quality: Validation accuracy after training, or None.
        images_trained: Images its own training has seen, all its slices together.
        seconds: Time its evaluation took.
        verdict: Accepted, or why not; `pending` while its generation is under way.
        detail: The verdict's figures in a sentence, or the failure's message.
        reason: Why it was not accepted, in a word; None of others.
    """

    name: str
    generation: int
    parent: str
    morphs: tuple[MorphRecord, ...]
    num_params: int
    macs: int
    num_layers: int
    screened_quality: float | None
    trained_quality: float | None
    images_trained: int
    seconds: float
    verdict: Verdict
    detail: str
    reason: Reason | None = None
    other_costs: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def cost(self) -> Cost:
        """What it costs."""
        return Cost(self.num_params, self.macs, self.num_layers, self.other_costs)


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """One generation: its parent, all its children, and the elite it ended with."""

    index: int
    parent: str
    children: tuple[ChildRecord, ...]
    elite: str
