"""The names of a flattened model: the old ones, made unique."""

from collections.abc import Iterator

from prune_mi.keras_io.upgrade.description import GraphEntry, OldModel, TensorKey, leaves
from prune_mi.keras_io.upgrade.rewriting import clean_name


def layer_names(old: OldModel) -> dict[int, str]:
    """A name for each layer by its number.

    Layers of the outer model keep theirs. One of a model inside it keeps its name too unless that
    is taken: then the inner model's goes before it, as in `backbone_conv`.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for number, container in _outside_in(old):
        if number in names:
            continue
        own = clean_name(old.layers[number].name)
        longer = f"{clean_name(container)}_{own}"
        choices = (own, longer, *(f"{longer}_{count}" for count in range(2, len(old.layers) + 3)))
        names[number] = next(each for each in choices if each not in taken)
        taken.add(names[number])
    return names


def _outside_in(old: OldModel) -> Iterator[tuple[int, str]]:
    """Layers that remain when models are flattened, with the name of the model each is in."""
    level: list[tuple[GraphEntry, bool]] = [(old.graph, True)]
    seen: set[int] = set()
    while level:
        deeper: list[tuple[GraphEntry, bool]] = []
        for graph, outermost in level:
            if outermost:  # the inputs of inner models are gone
                for key in leaves(graph.inputs):
                    if isinstance(key, TensorKey):
                        yield key.layer, graph.name
            for call in graph.calls:
                inner = old.layers[call.layer].graph
                if inner is None:
                    yield call.layer, graph.name
                elif call.layer not in seen:
                    seen.add(call.layer)
                    deeper.append((inner, False))
        level = deeper
