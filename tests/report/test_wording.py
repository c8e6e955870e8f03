"""Numbers as people read them."""

import pytest

from prune_mi.records import Effect, MorphRecord
from prune_mi.report.wording import (
    clock_text,
    count_text,
    difference_text,
    morph_text,
    morphs_text,
    percent_text,
    predict_line,
    printable,
    quantity_text,
    relative_text,
    round_text,
    share_text,
    size_text,
)


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.00 k"),
        (9_996, "10.0 k"),
        (12_501_632, "12.5 M"),
        (999_600, "1.00 M"),
        (557_000_000, "557 M"),
        (4_100_000_000, "4.10 G"),
        (5_000_000_000_000_000, "5000 T"),
    ],
)
def test_quantities_have_three_digits(quantity: int, text: str) -> None:
    assert quantity_text(quantity) == text


@pytest.mark.parametrize(
    ("accuracy", "text"),
    [(0.99334, "99.3 %"), (0.1, "10.0 %"), (1.0, "100.0 %"), (0.9999, "99.9 %"), (0.0, "0.0 %")],
)
def test_only_what_is_all_right_is_a_hundred_per_cent(accuracy: float, text: str) -> None:
    assert percent_text(accuracy) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.0002, "under 0.1 %"), (0.004, "0.4 %"), (0.312, "31 %"), (1.0, "100 %")],
)
def test_shares_are_whole_but_where_they_are_small(share: float, text: str) -> None:
    assert share_text(share) == text
    assert share_text(0.998) == "99 %"


def test_a_line_to_copy_is_quoted_where_a_shell_needs_it() -> None:
    assert predict_line("run/best.keras") == "prune-mi predict run/best.keras IMAGE.png"
    assert predict_line("my run/best.keras") == "prune-mi predict 'my run/best.keras' IMAGE.png"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(512, "512 B"), (1024, "1.00 KiB"), (361_472, "353 KiB"), (1_290_240, "1.23 MiB")],
)
def test_sizes_are_binary(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text


def test_counts_and_clocks() -> None:
    assert count_text(78_666) == "78,666"
    assert [clock_text(s) for s in (-3, 0, 192.4, 4503)] == ["00:00", "00:00", "03:12", "75:03"]


def test_rounds_are_counted_in_words() -> None:
    assert [round_text(2, total) for total in (5, None)] == ["round 2 of 5", "round 2"]


def test_changes_carry_their_sign() -> None:
    assert relative_text(648, 1000) == "-35.2 %"
    assert relative_text(1100, 1000) == "+10.0 %"
    assert relative_text(7, 7) == "0 %"
    assert relative_text(7, 0) == "n/a"
    assert difference_text(0.86, 0.8719) == "-0.0119"
    assert difference_text(0.9, 0.89) == "+0.0100"
    assert difference_text(0.5, 0.50001) == "0.0000"


@pytest.mark.parametrize(
    ("kind", "effect", "text"),
    [
        ("remove-by-rank", "removes", "-branch add_4"),
        ("insert-dropout", "adds", "+dropout branch add_4"),
        ("widen", "changes", "widen branch add_4"),
    ],
)
def test_morphisms_in_a_few_characters(kind: str, effect: Effect, text: str) -> None:
    assert morph_text(MorphRecord(kind, "branch add_4", (), "", effect=effect)) == text


def test_many_narrowed_groups_are_counted() -> None:
    unit = MorphRecord("remove-unit", "add_2/branch", (), "", effect="removes")
    groups = [
        MorphRecord("narrow", f"conv_{place}/channels", (), "", effect="narrows")
        for place in range(2)
    ]
    assert morphs_text([unit, groups[0]]) == "-add_2/branch narrow conv_0/channels"
    assert morphs_text([unit, *groups]) == "-add_2/branch narrow 2 groups"
    assert morphs_text([]) == ""


def test_printable_is_one_line_without_escapes() -> None:
    assert printable("a\n  b\x1b[2J\u202ec é") == "a b?[2J?c é"
