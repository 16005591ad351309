"""Public documents: conditional requests, HEAD, and readers of other origins."""

import asyncio

import httpx
import pytest

from app.errors import MethodNotAllowed
from app.web.documents import Document, LaterDocument, MovedDocument

DOCUMENT = Document(b'{"a": 1}')


async def ask(app, method="GET", **headers):
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://utility.example") as http:
        return await http.request(method, "/", headers={name.replace("_", "-"): text for name, text in headers.items()})


async def test_a_document_comes_with_a_strong_tag_and_may_be_kept_for_a_while():
    response = await ask(DOCUMENT)

    assert response.json() == {"a": 1}
    assert response.headers["etag"] == DOCUMENT.etag
    assert DOCUMENT.etag.startswith('"')
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_the_tag_follows_the_body():
    assert Document(b"1").etag == Document(b"1").etag != Document(b"2").etag


@pytest.mark.parametrize(
    "known", [DOCUMENT.etag, f"W/{DOCUMENT.etag}", f'"other", {DOCUMENT.etag}', f'W/"a,b" ,W/{DOCUMENT.etag}', "*"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_reader_who_names_the_tag_gets_304_without_a_body(known, method):
    response = await ask(DOCUMENT, method, if_none_match=known)

    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["etag"] == DOCUMENT.etag
    assert "content-type" not in response.headers


@pytest.mark.parametrize("known", ['"other"', "", "nonsense", DOCUMENT.etag.strip('"'), "W/"])
async def test_any_other_tag_gets_the_document(known):
    assert (await ask(DOCUMENT, if_none_match=known)).status_code == 200


async def test_head_is_get_without_the_body():
    response = await ask(DOCUMENT, "HEAD")

    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["content-length"] == "8"


async def test_scripts_of_any_origin_may_read_it():
    response = await ask(DOCUMENT, origin="https://app.example")

    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-expose-headers"] == "ETag"


@pytest.mark.parametrize("app", [DOCUMENT, MovedDocument("https://new.example/")])
async def test_a_preflight_is_answered(app):
    response = await ask(app, "OPTIONS", origin="https://app.example", access_control_request_method="GET")

    assert response.status_code == 204
    assert response.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "If-None-Match" in response.headers["access-control-allow-headers"]


@pytest.mark.parametrize("app", [DOCUMENT, MovedDocument("https://new.example/")])
async def test_other_methods_are_refused(app):
    with pytest.raises(MethodNotAllowed):
        await ask(app, "POST")


async def test_a_document_that_has_moved_says_where():
    response = await ask(MovedDocument("https://new.example/metadata.json"))

    assert response.status_code == 301
    assert response.headers["location"] == "https://new.example/metadata.json"
    assert response.content == b""


async def test_a_document_that_takes_a_while_is_made_once_and_when_somebody_asks_for_it():
    made = []

    def make():
        made.append("once")
        return DOCUMENT

    later = LaterDocument(make)
    assert not made

    answers = await asyncio.gather(*(ask(later) for _ in range(3)))

    assert [answer.json() for answer in answers] == [{"a": 1}] * 3
    assert made == ["once"]


async def test_a_document_that_could_not_be_made_is_tried_again():
    outcomes = [OSError("the template cannot be read"), DOCUMENT]

    def make():
        outcome = outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    later = LaterDocument(make)
    with pytest.raises(OSError, match="template"):
        await ask(later)

    assert (await ask(later)).json() == {"a": 1}
