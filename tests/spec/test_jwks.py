"""The published halves of signing keys (RFC 7517), and where they are found."""

import json

import pytest

from app.crypto.signing_keys import keys_document, new_key
from tests.conftest import PUBLIC_URL

PATH = "/.well-known/jwks.json"
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k"}


async def test_only_public_halves_are_published(make_server, tmp_path):
    path = tmp_path / "keys.json"
    keys = [new_key(), new_key("RS256")]
    path.write_bytes(keys_document(keys))
    server = await make_server(CDS_ACCESS_TOKEN_FORMAT="jwt", CDS_SIGNING_KEYS=str(path))

    answer = await server.http.get(PATH)

    published = answer.json()["keys"]
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert [key["kid"] for key in published] == [key.kid for key in keys]
    assert [key["alg"] for key in published] == ["ES256", "RS256"]
    assert {key["use"] for key in published} == {"sig"}
    assert not any(PRIVATE & set(key) for key in published)
    for written in json.loads(path.read_bytes())["keys"]:
        assert written["d"] not in answer.text


async def test_members_of_ours_and_unknown_ones_are_not_published(make_server):
    key = new_key().private_document() | {"nbf": 5, "note": "geheim"}
    server = await make_server(CDS_ACCESS_TOKEN_FORMAT="jwt", CDS_SIGNING_KEYS=json.dumps({"keys": [key]}))

    (published,) = (await server.http.get(PATH)).json()["keys"]

    assert set(published) == {"kty", "kid", "crv", "x", "y", "use", "alg"}


async def test_the_document_can_be_kept_and_asked_for_again(make_server):
    server = await make_server(CDS_ACCESS_TOKEN_FORMAT="jwt")
    first = await server.http.get(PATH)

    again = await server.http.get(PATH, headers={"If-None-Match": first.headers["etag"]})
    head = await server.http.head(PATH)
    post = await server.http.post(PATH)

    assert first.headers["cache-control"] == "public, max-age=300"
    assert first.headers["access-control-allow-origin"] == "*"
    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")
    assert post.status_code == 405


async def test_the_metadata_name_the_document_when_something_is_signed(make_server):
    signing = await make_server(CDS_ACCESS_TOKEN_FORMAT="jwt")
    ready = await make_server(CDS_SIGNING_KEYS=keys_document([new_key()]).decode())
    opaque = await make_server()

    uris = [
        (await server.http.get("/.well-known/oauth-authorization-server")).json().get("jwks_uri")
        for server in (signing, ready, opaque)
    ]

    assert uris == [PUBLIC_URL + PATH, PUBLIC_URL + PATH, None]
    assert (await opaque.http.get(PATH)).json() == {"keys": []}


@pytest.mark.parametrize("ends", [True, False])
async def test_a_key_is_published_until_its_end_and_before_its_beginning(make_server, clock, tmp_path, ends):
    now = int(clock.now.timestamp())
    path = tmp_path / "keys.json"
    old, new = new_key().private_document(), new_key(signs_from=now + 600)
    path.write_bytes(
        json.dumps({"keys": [new.private_document(), old | ({"exp": now + 900} if ends else {})]}).encode()
    )
    server = await make_server(CDS_ACCESS_TOKEN_FORMAT="jwt", CDS_SIGNING_KEYS=str(path))

    async def kids() -> list[str]:
        return [key["kid"] for key in (await server.http.get(PATH)).json()["keys"]]

    assert await kids() == [new.kid, old["kid"]]
    clock.advance(seconds=900)
    assert await kids() == ([new.kid] if ends else [new.kid, old["kid"]])


async def test_a_change_of_the_file_is_published_with_the_next_request(make_server, tmp_path):
    path = tmp_path / "keys.json"
    first, second = new_key(), new_key()
    path.write_bytes(keys_document([first]))
    server = await make_server(CDS_ACCESS_TOKEN_FORMAT="jwt", CDS_SIGNING_KEYS=str(path))
    before = await server.http.get(PATH)
    path.write_bytes(keys_document([second, first]))

    after = await server.http.get(PATH, headers={"If-None-Match": before.headers["etag"]})

    assert after.status_code == 200
    assert [key["kid"] for key in after.json()["keys"]] == [second.kid, first.kid]
