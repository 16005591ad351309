"""Parameters of authorization requests, as they are read from queries and forms."""

from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.authorization_answers import failure, success
from app.domain.authorization_parameters import UNDERSTOOD, Parameters
from app.domain.authorization_store import AuthorizationRequest
from app.errors import AccessDenied, InvalidRequest
from app.web.bodies import parse_pairs

ISSUER = "https://utility.example"
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
names = st.sampled_from(sorted(UNDERSTOOD)) | texts
pairs = st.lists(st.tuples(names, texts), max_size=20)


@given(pairs)
def test_what_is_encoded_is_read_again(sent):
    assert parse_pairs(urlencode(sent).encode()) == [pair for pair in sent if sent]


@given(st.binary(max_size=200) | st.from_regex(rb"([a-c]=(%[0-9A-G]{2}|\+|&|=|\xff)*)*", fullmatch=True))
def test_anything_is_read_or_refused(encoded):
    try:
        found = parse_pairs(encoded)
    except InvalidRequest:
        return
    assert len(found) == (encoded.count(b"&") + 1 if encoded else 0)
    assert parse_pairs(urlencode(found).encode()) == found


@given(pairs)
def test_parameters_without_a_value_are_left_out(sent):
    parameters = Parameters.of(sent)

    for name, _ in sent:
        assert parameters.every(name) == [value for one, value in sent if one == name and value]
    assert Parameters.of(parameters.pairs) == parameters


@given(pairs)
def test_a_parameter_has_one_value_or_none_or_is_refused(sent):
    parameters = Parameters.of(sent)
    is_repeated = {name: len(parameters.every(name)) > 1 for name, _ in sent}

    for name, repeated in is_repeated.items():
        if repeated:
            with pytest.raises(InvalidRequest):
                parameters.only(name)
        else:
            assert [parameters.only(name)] == (parameters.every(name) or [None])
    if any(is_repeated.values()):
        with pytest.raises(InvalidRequest):
            parameters.refuse_repeated()
    else:
        parameters.refuse_repeated()


@given(pairs)
def test_only_what_has_a_meaning_is_kept(sent):
    kept = Parameters.of(sent).understood()

    assert {name for name, _ in kept.pairs} <= UNDERSTOOD
    assert kept.length <= Parameters.of(sent).length
    assert all(kept.every(name) == Parameters.of(sent).every(name) for name in UNDERSTOOD)


def test_the_caller_is_the_client_of_what_it_pushes():
    assert Parameters.of([]).with_client("a").only("client_id") == "a"
    assert Parameters.of([("client_id", "a")]).with_client("a").every("client_id") == ["a"]
    for sent in ([("client_id", "b")], [("client_id", "a"), ("client_id", "a")]):
        with pytest.raises(InvalidRequest):
            Parameters.of(sent).with_client("a")


@pytest.mark.clause("RFC6749-4.1.1-01")
@given(
    st.sampled_from(
        ["https://a.example", "https://a.example/?", "https://a.example/b?c=d&e", "https://a.example/b?c&"]
    ),
    st.none() | texts.filter(bool),
    texts,
)
def test_answers_keep_the_query_of_the_redirect_uri_and_the_state(redirect_uri, state, description):
    """Whatever a state or a description holds, it ends in its parameter."""
    request = AuthorizationRequest(
        client_id="c",
        redirect_uri=redirect_uri,
        redirect_uri_sent=True,
        response_type="code",
        state=state,
        scope="s",
        authorization_details=[],
        code_challenge=None,
        prompt_login=False,
        cds_grant_id=None,
    )
    urls = {
        "code": success(ISSUER, request, "the code"),
        "error": failure(ISSUER, redirect_uri, state, AccessDenied(description, field="a")),
    }

    for name, url in urls.items():
        assert url.startswith(redirect_uri)
        query = urlsplit(url).query
        before = parse_qsl(urlsplit(redirect_uri).query, keep_blank_values=True)
        found = parse_qsl(query, keep_blank_values=True)
        assert found[: len(before)] == before
        answer = dict(found[len(before) :])
        assert answer.pop("iss") == ISSUER
        assert answer.pop("state", None) == state
        assert set(answer) == ({"code"} if name == "code" else {"error", "error_description"})
        assert f"iss={quote_plus(ISSUER)}" in query


def test_a_description_has_only_characters_that_rfc_6749_allows():
    url = failure(ISSUER, "https://a.example", None, AccessDenied('Sn\N{SNOWMAN}w "and" \\ more\r\n', field="x"))

    assert dict(parse_qsl(urlsplit(url).query))["error_description"] == "x: Sn?w ?and? ? more??"
