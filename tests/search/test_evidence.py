import numpy as np
import pytest

from prune_mi.search.evidence import Gains, expected_losses

UNITS = {"a": 0.01, "b": 0.02, "c": 0.02, "d": 0.10}


def _of_units(gains: dict[str, float], seen: list[tuple[list[str], float]]) -> dict[str, float]:
    """Expected losses where children have lost units alone."""
    shown = [(dict.fromkeys(units, 1.0), lost) for units, lost in seen]
    return expected_losses(Gains(gains, {}), shown)[0]


def test_a_unit_lost_alone_costs_about_what_it_cost() -> None:
    losses = _of_units(UNITS, [(["b"], 0.08), (["c"], 0.0)])
    assert losses["b"] > 0.05 > losses["c"] + 0.03
    assert losses["c"] < losses["d"]


def test_others_keep_the_order_of_their_gains() -> None:
    losses = _of_units(UNITS, [(["b"], 0.02)])
    assert losses["a"] < losses["c"] < losses["d"]
    assert losses["b"] == pytest.approx(0.02, abs=0.003)
    assert losses["c"] == pytest.approx(0.02, abs=0.003)  # an accuracy of 1 for a bit


def test_a_common_loss_is_laid_on_the_unit_of_greater_gain() -> None:
    losses = _of_units(UNITS, [(["a"], 0.005), (["a", "d"], 0.15)])
    assert losses["d"] > 0.1
    assert losses["a"] < 0.03


def test_many_children_settle_single_units() -> None:
    rng = np.random.default_rng(0)
    truth = {f"u{index}": 0.02 * index for index in range(6)}
    gains = dict.fromkeys(truth, 0.05)  # the gains say nothing
    seen = []
    for _ in range(40):
        units = [str(each) for each in rng.choice(list(truth), 3, replace=False)]
        seen.append((units, sum(truth[each] for each in units) + rng.normal(0, 0.005)))
    losses = _of_units(gains, seen)
    for name, lost in truth.items():
        assert losses[name] == pytest.approx(lost, abs=0.015)


def test_children_without_removals_and_units_without_gains_do_no_harm() -> None:
    losses = _of_units({"a": -0.1, "b": 0.0}, [([], 0.01), (["gone"], 0.02)])
    assert set(losses) == {"a", "b"}
    assert all(np.isfinite(each) for each in losses.values())
    assert _of_units({"a": 0.1}, []) == {"a": 0.0}
    assert _of_units({}, []) == {}


def test_channels_have_a_rate_of_their_own_and_cost_by_their_share() -> None:
    gains = Gains({"unit": 0.5}, {"wide": 10.0, "deep": 10.0})
    seen = [
        ({"unit": 1.0}, 0.05),
        ({"wide": 0.5}, 0.02),
        ({"wide": 0.5, "unit": 1.0}, 0.07),
        ({"deep": 0.5}, 0.10),
        ({"deep": 0.25, "wide": 0.25}, 0.06),
    ]
    losses, rate = expected_losses(gains, seen)
    assert losses["unit"] == pytest.approx(0.05, abs=0.01)
    assert losses["wide"] == pytest.approx(0.04, abs=0.02)
    assert losses["deep"] == pytest.approx(0.20, abs=0.04)
    assert (
        rate is not None and 0.003 < rate < 0.03
    )  # between that of the one and that of the other, for one of 10


def test_children_that_lost_channels_alone() -> None:
    losses, rate = expected_losses(Gains({}, {"wide": 2.0}), [({"wide": 0.5}, 0.03)])
    assert losses["wide"] == pytest.approx(0.06, abs=0.01)
    assert rate == pytest.approx(0.03)


def test_that_channels_cost_nothing_is_known_and_not_unknown() -> None:
    gains = Gains({"unit": 0.5}, {"wide": 2.0})
    assert expected_losses(gains, [({"wide": 0.5}, 0.0), ({"unit": 1.0}, 0.1)])[1] == 0.0
    assert expected_losses(gains, [({"unit": 1.0}, 0.1)])[1] is None
    assert expected_losses(gains, [])[1] is None


def test_a_child_that_is_many_times_worse_than_chance_has_lost_all_and_no_more() -> None:
    gains = Gains({"unit": 0.5}, {"wide": 2.0})
    seen = [({"wide": 0.5}, 0.03), ({"unit": 1.0}, 1e9)]
    losses, rate = expected_losses(gains, seen)
    assert losses["unit"] <= 1.0 and rate == pytest.approx(0.03, rel=0.5)
