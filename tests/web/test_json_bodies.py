"""JSON bodies: control characters are refused, and so is what would take long to build."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.web.bodies import parse_json_object

ACCEPTED = {"\t", "\n", "\r"}


@given(st.text())
def test_escaped_or_not_text_comes_through_and_control_characters_do_not(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    body = json.dumps({"text": text}).encode()

    if any((character < " " and character not in ACCEPTED) or character == "\x7f" for character in text):
        with pytest.raises(InvalidRequest):
            parse_json_object(body.replace(b"\x7f", b"\\u007f"))
    else:
        assert parse_json_object(body) == {"text": text}


@pytest.mark.parametrize(
    ("body", "is_refused"),
    [
        (rb'{"a":"\u0000"}', True),
        (rb'{"a":"\\\u0002"}', True),
        (rb'{"a":"x\\\\\u001F"}', True),
        (rb'{"\u0001":1}', True),
        (b'{"a":"\x02"}', True),
        (rb'{"a":"\\u0002"}', False),
        (rb'{"a":"\\\\u0002"}', False),
        (rb'{"a":"\u0009\u000a\u000D\u0020"}', False),
    ],
)
def test_a_backslash_that_is_text_itself_escapes_nothing(body: bytes, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(InvalidRequest):
            parse_json_object(body)
    else:
        assert parse_json_object(body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (rb'{"name":"fine","notes":"\u0000"}', "notes"),
        (b'{"notes":[{"deep":"\x7f"}],"name":"fine"}', "notes"),
        (rb'{"<b>":"\u0000"}', None),
        (rb'{"\u0000":"fine"}', None),
    ],
)
def test_the_refusal_names_the_member_with_the_control_character(body: bytes, field: str | None) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_json_object(body)

    assert refusal.value.field == field


@pytest.mark.parametrize("value", [b"[]", b"{}", b"0.5", b'"x"'])
def test_millions_of_tiny_values_are_refused_before_they_are_built(value: bytes) -> None:
    body = b'{"a":[' + b",".join([value] * 2_000_000) + b"]}"

    with pytest.raises(InvalidRequest, match="values"):
        parse_json_object(body)
