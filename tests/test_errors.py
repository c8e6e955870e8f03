"""What a library's error says, in a message of ours."""

from prune_mi.errors import first_line


def test_one_line_without_where_it_happened() -> None:
    text = "Exception encountered when calling Embedding.call().\n\nindices[2,0] = 151\n\nArguments"
    assert first_line(ValueError(text)) == "indices[2,0] = 151"


def test_no_escapes() -> None:
    assert first_line(ValueError("\x1b[1mindices\x1b[0m are \x1b[38;5;34mwrong\x1b[0m")) == (
        "indices are wrong"
    )


def test_no_configurations() -> None:
    error = TypeError("Could not locate class 'A'. Full object config: {'module': None, 'b': 1}")
    assert first_line(error) == "Could not locate class 'A'."


def test_an_error_that_says_nothing_is_named() -> None:
    assert first_line(KeyError()) == "KeyError"
