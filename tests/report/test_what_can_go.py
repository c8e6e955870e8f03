"""What can go, in words."""

from prune_mi.graph.analysis.inspection import WhatCanGo, WhyNot
from prune_mi.report.inspection import (
    can_go_line,
    what_can_go_text,
    what_can_go_to_dict,
    why_not_lines,
)


def _shares(macs: float, params: float) -> dict[str, float]:
    return {"macs": macs, "params": params}


NOTHING = WhatCanGo(
    counted="macs",
    units=(),
    shares=_shares(0.0, 0.0),
    shares_with_channels=_shares(0.0, 0.0),
    reasons=(
        WhyNot(("channels", "padding"), ("conv", "conv_1"), _shares(0.837, 0.2)),
        WhyNot(("padding",), ("conv_2",), _shares(0.146, 0.2)),
        WhyNot(("values",), ("dense",), _shares(0.0166, 0.59)),
        WhyNot(("output",), ("dense_1",), _shares(0.0002, 0.01)),
    ),
    of_images=True,
)
SOME = WhatCanGo(
    counted="params",
    units=("add/branch", "add_1/branch"),
    shares=_shares(0.5, 0.312),
    shares_with_channels=_shares(0.9, 0.97),
    reasons=NOTHING.reasons,
    of_images=False,
)


def test_nothing_can_go() -> None:
    assert can_go_line(NOTHING) == (
        "No whole layer that costs MACs can go. A layer can go only if its output has the same "
        "shape as its input: as many channels, and the same image size."
    )
    assert why_not_lines(NOTHING) == (
        "changes the number of channels and the image size (valid padding) (2 layers, 84 % of the "
        "MACs)",
        "changes the image size (valid padding) (1 layer, 15 % of the MACs)",
        "changes the number of values (1 layer, 2 % of the MACs)",
        "is the head, with one unit for each class (1 layer, under 0.1 % of the MACs)",
    )


def test_something_can_go() -> None:
    assert can_go_line(SOME) == (
        "2 units can go, 31 % of the params. With channels, 97 % can go at most."
    )
    text = what_can_go_text(SOME, most=2)
    assert text == (
        "2 units can go, 31 % of the params. With channels, 97 % can go at most. What stays whole: "
        "changes the number of channels and the length (valid padding) (2 layers, 20 % of the "
        "params); other reasons (3 layers, 80 % of the params)."
    )


def test_json_has_codes_and_words() -> None:
    found = what_can_go_to_dict(NOTHING)
    assert (found["units"], found["macs_share"]) == ([], 0.0)
    assert found["reasons"][1] == {
        "causes": ["padding"],
        "reason": "changes the image size (valid padding)",
        "layers": ["conv_2"],
        "macs_share": 0.146,
        "params_share": 0.2,
    }
