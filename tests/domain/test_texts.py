"""Which characters can be seen."""

import pytest

from app.domain.texts import is_blank


@pytest.mark.parametrize(
    "value", ["", " \n\t", "\u00a0\u2003", "\u200b\u200d\ufeff", "\u2066\u2069", "\u3164\u115f", "\u0301"]
)
def test_white_space_and_marks_without_a_letter_are_blank(value):
    assert is_blank(value)


@pytest.mark.parametrize("value", [".", "\u200ba", "名", "👩\u200d👩", "\u202eabc\u202c", "५", "€"])
def test_one_letter_digit_or_sign_is_enough_to_be_seen(value):
    assert not is_blank(value)
