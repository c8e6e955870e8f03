"""Counts the layers of the architectures in keras.applications, for the mix `human`.

    python examples/count_human_layers.py --out prune_mi/morphisms/human_counts.json

Every architecture is built without weights at a small input, then its layers are counted by kind
and by what they stand behind (`prune_mi.graph.analysis.layer_counts`). The file that prune-mi ships
was made so. It takes some minutes and 4 GiB of memory.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import keras

from prune_mi.graph.analysis.layer_counts import LayerCounts, count_layers
from prune_mi.keras_io.model_graph.trace import trace_model

SIZE = 96  # which all architectures accept

ARCHITECTURES = sorted(
    name
    for name in dir(keras.applications)
    if name[0].isupper() and callable(getattr(keras.applications, name))
)


def count_architecture(name: str) -> LayerCounts:
    """Builds an architecture of keras.applications and counts its layers."""
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(SIZE, SIZE, 3), classes=10, classifier_activation=None
    )
    counts = count_layers(trace_model(model))
    keras.backend.clear_session()
    return counts


def to_json(counts: Mapping[str, LayerCounts]) -> str:
    """The counts as JSON, an architecture a line."""
    lines = [f"  {json.dumps(name)}: {json.dumps(asdict(each))}" for name, each in counts.items()]
    head = f'{{"keras": {json.dumps(keras.__version__)}, "architectures": {{'
    return "\n".join([head, ",\n".join(lines), "}}", ""])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Counts the layers of keras.applications.")
    parser.add_argument(
        "--architectures", nargs="+", choices=ARCHITECTURES, default=ARCHITECTURES, metavar="NAME"
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    options = parser.parse_args(arguments)
    counts = {}
    for name in options.architectures:
        counts[name] = count_architecture(name)
        print(f"{name}: {sum(counts[name].frequencies.values())} layers", file=sys.stderr)
    options.out.write_text(to_json(counts), encoding="utf-8")
    print(f"saved {options.out}")


if __name__ == "__main__":
    main()
