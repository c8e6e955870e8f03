"""Settings: defaults, refusals, durations, and YAML in and out."""

from pathlib import Path
from typing import Any

import pytest
import settings_docs
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prune_mi.cli.settings import resolve
from prune_mi.config import (
    OptimizeSettings,
    Origin,
    dump_settings,
    make_search_settings,
    make_settings,
    read_yaml,
    validated,
)
from prune_mi.config.values import parse_duration
from prune_mi.errors import ConfigError, ExitCode

CONFIGS = Path(__file__).parent.parent / "configs"


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


class TestShippedFiles:
    def test_default_file_equals_the_defaults(self) -> None:
        loaded = make_settings(read_yaml(CONFIGS / "optimize_default.yaml") | {"data": "digits"})
        assert loaded == OptimizeSettings(data="digits")

    def test_what_is_made_from_the_declarations_is_as_they_are(self) -> None:
        """`python tests/settings_docs.py` writes it again."""
        assert settings_docs.DEFAULTS.read_text(encoding="utf-8") == settings_docs.default_file()
        for page in (settings_docs.ROOT / "docs").glob("*.md"):
            text = page.read_text(encoding="utf-8")
            assert text == settings_docs.written(text), page.name

    def test_fast_file_asks_for_less_work(self) -> None:
        fast = make_settings(read_yaml(CONFIGS / "optimize_fast.yaml") | {"data": "digits"})
        default = OptimizeSettings(data="digits")
        assert fast.budget is not None
        assert fast.budget <= 600
        assert (fast.generations or 99) < (default.most_generations or 0)
        assert fast.child_epochs < default.child_epochs
        assert fast.most_final_epochs < default.most_final_epochs

    @pytest.mark.parametrize(
        ("said", "under_targets", "patience"),
        [
            ({}, True, 3),
            ({"budget": "5m"}, False, None),
            ({"budget": "5m"}, True, 1),
            ({"budget": "5m", "patience": 2}, True, 2),
        ],
    )
    def test_a_budget_goes_into_the_final_training_once_a_target_is_met(
        self, said: dict[str, Any], under_targets: bool, patience: int | None
    ) -> None:
        settings = make_settings({"data": "d.npz", **said})
        assert settings.most_flat_generations(under_targets=under_targets) == patience

    def test_data_must_come_from_elsewhere(self) -> None:
        with pytest.raises(ConfigError, match="the setting `data` is required"):
            make_settings(read_yaml(CONFIGS / "optimize_default.yaml"))


class TestDurations:
    @pytest.mark.parametrize(
        ("written", "seconds"),
        [
            ("90", 90.0),
            ("90s", 90.0),
            ("25m", 1500.0),
            ("1h30m", 5400.0),
            ("1H30M", 5400.0),
            (" 2h ", 7200.0),
            ("1.5m", 90.0),
            ("1h2m3s", 3723.0),
            (90, 90.0),
            (0.5, 0.5),
            (None, None),
        ],
    )
    def test_read(self, written: object, seconds: float | None) -> None:
        assert make_settings({"data": "digits", "budget": written}).budget == seconds

    @pytest.mark.parametrize("written", ["abc", "", "m", "10 minutes", "30m1h", "-5m", "1d"])
    def test_refused_with_examples(self, written: str) -> None:
        with pytest.raises(ConfigError, match=r"`budget` is .*; expected a duration such as .*25m"):
            make_settings({"data": "digits", "budget": written})

    @pytest.mark.parametrize("written", [0, "0", "0m", -1, float("inf"), float("nan")])
    def test_must_be_positive_and_finite(self, written: object) -> None:
        with pytest.raises(ConfigError, match=r"`budget` is .*; expected a (finite )?number"):
            make_settings({"data": "digits", "budget": written})

    @given(
        hours=st.integers(0, 99),
        minutes=st.integers(0, 99),
        seconds=st.integers(0, 99),
    )
    def test_units_add_up(self, hours: int, minutes: int, seconds: int) -> None:
        total = hours * 3600 + minutes * 60 + seconds
        assert parse_duration(f"{hours}h{minutes}m{seconds}s") == total


class TestRefusals:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"generation": 3}, "unknown setting `generation`; did you mean `generations`?"),
            ({"max-accuracy-drop": 0.1}, "did you mean `max_accuracy_drop`?"),
            (
                {"training": {"batchsize": 8}},
                "unknown setting `training.batchsize`; did you mean `batch_size`?",
            ),
            (
                {"ranking": {"seeds": 2}},
                "`ranking.seeds`; did you mean `num_seeds`?",
            ),
            (
                {"learning_rate": 1e-3},
                "expected `learning_rate` within `training`",
            ),
            ({"training": {"seed": 1}}, "`training.seed`; expected `seed` outside of any group"),
            ({"method": "mi"}, "it is one of `prune-mi search`, not of `prune-mi optimize`"),
            ({"ranking": {"zzz": 1}}, "expected one of criterion, num_samples, num_clusters"),
        ],
    )
    def test_unknown_key_names_what_may_have_been_meant(
        self, values: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            make_settings({"data": "digits"} | values)
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"generations": 0}, "generations"),
            ({"children": "many"}, "children"),
            ({"max_accuracy_drop": 1.0}, "max_accuracy_drop"),
            ({"max_accuracy_drop": -0.1}, "max_accuracy_drop"),
            ({"objective": "latency"}, "objective"),
            ({"scaling": "0-1"}, "scaling"),
            ({"training": {"distillation": 1.5}}, "training.distillation"),
            ({"seed": -1}, "seed"),
        ],
    )
    def test_wrong_value_names_setting_and_value(self, values: dict[str, Any], name: str) -> None:
        with pytest.raises(ConfigError, match=f"`{name}` is "):
            make_settings({"data": "digits"} | values)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({"children": 2.5}, "is 2.5; expected a whole number of at least 1"),
            ({"children": 0}, "is 0; expected a whole number of at least 1"),
            ({"max_accuracy_drop": 1.0}, "is 1.0; expected a number of at least 0 and below 1"),
            ({"objective": "size"}, "is 'size'; expected 'macs', 'params', "),
            ({"control": "maybe"}, "is 'maybe'; expected true or false"),
            ({"freeze": "conv"}, "is 'conv'; expected a list"),
            ({"freeze": ["("]}, "expected regular expressions, such as 'conv2d_1'"),
            ({"mix": 3}, "`mix` is 3; expected a text or names, each with a number"),
            ({"mix": {"widen-x2": "often"}}, "`mix.widen-x2` is 'often'; expected a number"),
            ({"ranking": 3}, "is 3; expected settings of its own: criterion, num_samples"),
            ({"budget": float("nan")}, "is nan; expected a finite number"),
            ({"budget": {}}, "`budget` is {}; expected a duration such as 90s"),
            ({"training": {1: 2}}, "is 1; expected the name of a setting"),
        ],
    )
    def test_wrong_value_says_what_was_expected(
        self, values: dict[str, Any], expected: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            make_settings({"data": "digits"} | values)
        assert expected in str(caught.value)
        assert "; " not in str(caught.value).replace("; expected", "")  # and nothing beside it

    def test_the_file_is_named_but_not_for_what_is_said_elsewhere(self, tmp_path: Path) -> None:
        path = write(tmp_path, "data: digits\nseed: 1\ngenerations: 0\nranking: {num_seeds: 0}\n")
        with pytest.raises(ConfigError) as caught:
            validated(OptimizeSettings, read_yaml(path) | {"seed": -1}, Origin(path, {"seed": -1}))
        told = str(caught.value)
        assert f"`generations` in {path} is 0" in told
        assert f"`ranking.num_seeds` in {path} is 0" in told
        assert "`seed` is -1" in told

    def test_all_mistakes_are_told_at_once(self) -> None:
        with pytest.raises(ConfigError, match=r"`seed`.*\. `generations`"):
            make_settings({"data": "digits", "generations": 0, "seed": -1})

    def test_ends_in_the_exit_code_of_bad_input(self) -> None:
        assert ConfigError.exit_code is ExitCode.BAD_INPUT
        assert int(ExitCode.BAD_INPUT) == 2

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"cannot read the settings file .*none\.yaml"):
            read_yaml(tmp_path / "none.yaml")

    def test_not_yaml(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="is not YAML"):
            read_yaml(write(tmp_path, "seed: [1"))

    def test_not_a_mapping(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="holds a list; expected `name: value` lines"):
            read_yaml(write(tmp_path, "- seed\n"))


class TestYaml:
    def test_override_wins_and_none_does_not(self, tmp_path: Path) -> None:
        path = write(tmp_path, "data: mnist\nseed: 3\nchildren: 4\n")
        loaded = resolve(OptimizeSettings, {"seed": 7, "children": None}, path)
        assert (loaded.data, loaded.seed, loaded.children) == ("mnist", 7, 4)

    def test_empty_file_says_nothing(self, tmp_path: Path) -> None:
        assert read_yaml(write(tmp_path, "")) == {}

    @given(
        budget=st.none() | st.floats(0.001, 1e6),
        generations=st.integers(1, 50),
        max_accuracy_drop=st.floats(0, 0.99),
        objective=st.sampled_from(["macs", "params", "accuracy"]),
        mix=st.just("deletion-heavy") | st.just({"remove-by-rank": 2.0, "insert-dropout": 0.5}),
        seed=st.integers(0, 2**31 - 1),
        ranking=st.fixed_dictionaries({"num_clusters": st.none() | st.integers(2, 50)}),
        training=st.fixed_dictionaries({"augmentation": st.sampled_from(["none", "flip+shift"])}),
    )
    def test_round_trip(self, tmp_path_factory: pytest.TempPathFactory, **values: Any) -> None:
        settings = make_settings({"data": "digits"} | values)
        path = write(tmp_path_factory.mktemp("yaml"), dump_settings(settings))
        assert make_settings(read_yaml(path)) == settings


class TestFrozen:
    def test_settings_cannot_be_changed(self) -> None:
        settings = OptimizeSettings(data="digits")
        with pytest.raises(ValidationError, match="frozen"):
            settings.seed = 1  # type: ignore[misc]

    def test_nor_can_a_group(self) -> None:
        settings = OptimizeSettings(data="digits")
        with pytest.raises(ValidationError, match="frozen"):
            settings.training.batch_size = 1  # type: ignore[misc]


class TestSearchSettings:
    def test_a_method_says_what_was_left_open(self) -> None:
        nash, mi = (make_search_settings({"data": "digits", "method": m}) for m in ("nash", "mi"))
        assert (nash.mix, nash.weights, nash.head) == ("nash", "inherit", "flatten")
        assert (mi.mix, mi.weights, mi.ranking.criterion) == ("uniform", "scratch", "paper")
        assert make_search_settings({"data": "digits"}).ranking.criterion == "bypass"

    def test_what_is_said_wins_over_the_method(self) -> None:
        said = make_search_settings(
            {
                "data": "digits",
                "method": "mi",
                "mix": "nash",
                "weights": "inherit",
                "ranking": {"criterion": "probe"},
            }
        )
        assert (said.mix, said.weights, said.ranking.criterion) == ("nash", "inherit", "probe")

    @pytest.mark.parametrize("method", [["mi"], {"a": 1}, 3])
    def test_a_method_is_a_word(self, method: object) -> None:
        with pytest.raises(ConfigError, match=r"`method` is .*; expected 'default', 'nash'"):
            make_search_settings({"data": "digits", "method": method})

    @pytest.mark.parametrize(("morphs", "last"), [(None, 2), (6, 2), (8, 2), (2, 2), (1, 1)])
    def test_the_number_of_changes_leaves_that_of_the_last_generation(
        self, morphs: int | None, last: int
    ) -> None:
        found = make_search_settings({"data": "digits", "morphs": morphs})
        assert found.morphs_final == last
        assert make_search_settings({"data": "d", "method": "mi", "morphs": 3}).morphs_final is None

    @pytest.mark.parametrize(
        ("method", "optimizer", "rate"),
        [
            ("default", "adam", 3e-3),
            ("default", "muon", 3e-3),
            ("default", "sgd", 0.05),
            ("mi", "adam", 1e-3),
            ("mi", "muon", 3e-3),
        ],
    )
    def test_the_learning_rate_goes_by_optimizer_and_method(
        self, method: str, optimizer: str, rate: float
    ) -> None:
        found = make_search_settings(
            {"data": "digits", "method": method, "training": {"optimizer": optimizer}}
        )
        assert found.training.learning_rate == rate
        assert found.training.distillation == 0
        assert found.training.augmentation == "auto"

    def test_few_images_are_seen_more_often_unless_the_user_says_how_often(self) -> None:
        settings = make_search_settings({"data": "digits"})
        few, many = settings.for_data(1000), settings.for_data(50_000)
        assert (few.child_epochs, few.final_epochs) == (20, 60)
        assert (many.child_epochs, many.final_epochs) == (5, 30)
        timed = make_search_settings({"data": "digits", "budget": "10m"}).for_data(1000)
        assert (timed.child_epochs, timed.final_epochs) == (80, 240)
        said = make_search_settings({"data": "digits", "child_epochs": 2}).for_data(1000)
        assert (said.child_epochs, said.final_epochs) == (2, 60)

    def test_they_are_written_and_read_back(self, tmp_path: Path) -> None:
        settings = make_search_settings({"data": "d", "method": "random", "image_size": "32x48"})
        assert settings.image_size == (32, 48)
        path = write(tmp_path, dump_settings(settings))
        assert make_search_settings(read_yaml(path)) == settings

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"method": "best"}, "`method` is 'best'; expected 'default', 'nash'"),
            ({"morfs": 3}, "unknown setting `morfs`; did you mean `morphs`"),
            ({"image_size": "big"}, "`image_size` is 'big'; expected a height and a width"),
            ({"training": {"rate": 1}}, "unknown setting `training.rate`"),
            ({"max_accuracy_drop": 0.1}, "`max_accuracy_drop`; it is one of `prune-mi optimize`"),
        ],
    )
    def test_what_is_wrong_is_named(self, values: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            make_search_settings({"data": "digits", **values})


class TestTheLimit:
    @pytest.mark.parametrize("value", [0.5, 1, 0.2, 1.5])
    def test_a_confidence_out_of_range_is_refused(self, value: float) -> None:
        with pytest.raises(ConfigError, match=r"`confidence` is .*; expected .* 0\.5 .* 1") as told:
            make_settings({"data": "digits", "confidence": value})
        assert told.value.exit_code == ExitCode.BAD_INPUT

    def test_an_unknown_task_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"`task` is 'boxes'; expected .*'regression'"):
            make_settings({"data": "digits", "task": "boxes"})
