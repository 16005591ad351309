"""PATCH of a Credential: when its secret expires (CDS-WG1-02 7.6; ambiguities D2 to D7, D11)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain.credentials import expire_by_operator
from app.errors import Conflict, NotFound
from tests.conftest import MakeServer, Registered, changed

PATH = "/cds-api/v1/credentials"
FIELD = "client_secret_expires_at"
HOUR = 3600


@pytest.fixture(params=[None, HOUR], ids=["never", "in an hour"])
async def registered(request: pytest.FixtureRequest, make_server: MakeServer, demo_catalog: Catalog) -> Registered:
    """A registration whose secrets never expire, and one whose secrets expire in an hour."""
    server = await make_server(changed(demo_catalog, registration={"secret_ttl_seconds": request.param}))
    return await server.register("cds_client_admin ple_grid_status")


@pytest.fixture
async def credential(registered: Registered) -> dict[str, Any]:
    """The one of an object with client_credentials."""
    return await registered.credential_of(f"{registered.client_id}-1")


def present(registered: Registered) -> int:
    return int(registered.server.clock.now.timestamp())


async def patch(registered: Registered, credential: dict[str, Any], expires_at: Any) -> dict[str, Any]:
    """A PATCH that succeeds; a GET says the same, byte for byte."""
    answer = await registered.patch(credential["uri"], {FIELD: expires_at})
    assert answer.status_code == 200, answer.text
    assert (await registered.get(credential["uri"])).content == answer.content
    new: dict[str, Any] = answer.json()
    return new


async def refused(registered: Registered, credential: dict[str, Any], value: Any) -> None:
    """A PATCH that is answered 400 and changes nothing."""
    before = (await registered.get(credential["uri"])).content
    answer = await registered.patch(credential["uri"], {FIELD: value})
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == FIELD
    assert (await registered.get(credential["uri"])).content == before
    assert await registered.messages("private_message") == []


async def is_active(registered: Registered, token: str) -> bool:
    """What introspection says."""
    caller = (registered.client_id, registered.client_secret)
    answer = await registered.server.http.post("/oauth/introspect", data={"token": token}, auth=caller)
    active: bool = answer.json()["active"]
    return active


@pytest.mark.clause("WG1-02-7.6-01", "WG1-02-7.6-07", "WG1-02-7.6-03", "WG1-02-7.6-04", "WG1-02-7.6-11")
@pytest.mark.parametrize("seconds", [0, 1, 10, HOUR])
async def test_an_expiry_from_now_up_to_the_present_one_is_accepted(
    registered: Registered, credential: dict[str, Any], seconds: int
) -> None:
    """Only it and `modified` change."""
    registered.server.clock.advance(seconds=5)
    expires_at = min(present(registered) + seconds, credential[FIELD] or present(registered) + seconds)

    new = await patch(registered, credential, expires_at)

    modified = credential["modified"] if expires_at == credential[FIELD] else "2026-06-01T12:00:05Z"
    assert new == credential | {FIELD: expires_at, "modified": modified}


@pytest.mark.clause("WG1-02-7.6-03", "WG1-02-7.6-04", "WG1-02-7.6-05")
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "1780315200",
        "2026-06-01T13:00:00Z",
        True,
        False,
        1780315210.5,
        1780315210.0,
        1e300,
        -1,
        1,
        1780315200 - HOUR,
        1780315200 - 31,
        253_402_300_800,
        2**63,
        2**64,
        10**40,
        [],
        {},
        [1780315210],
    ],
)
async def test_what_is_no_acceptable_timestamp_is_refused(
    registered: Registered, credential: dict[str, Any], value: Any
) -> None:
    """Neither another type nor the past nor the end of the calendar."""
    await refused(registered, credential, value)


@pytest.mark.clause("WG1-02-7.6-03")
async def test_an_expiry_cannot_be_put_off(registered: Registered, credential: dict[str, Any]) -> None:
    """Later than the present one, or never, is 400; where there is none, any time ahead will do (ambiguities D3)."""
    if credential[FIELD]:
        await refused(registered, credential, credential[FIELD] + 1)
        await refused(registered, credential, 0)
    else:
        assert await patch(registered, credential, 0) == credential
        far = await patch(registered, credential, 253_402_300_799)
        assert far[FIELD] == 253_402_300_799


@pytest.mark.clause("WG1-02-7.6-02", "WG1-02-7.6-06")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"client_secret": "mine"},
        {
            "client_id": "y",
            "credential_id": "z",
            "uri": "https://x.example",
            "type": "jwt",
            "created": 1,
            "modified": 2,
        },
        {"favourite_colour": "green"},
    ],
)
async def test_other_fields_are_ignored(
    registered: Registered, credential: dict[str, Any], body: dict[str, Any]
) -> None:
    """200, nothing changed, no Message (ambiguities J7)."""
    registered.server.clock.advance(seconds=5)

    answer = await registered.patch(credential["uri"], body)

    assert answer.status_code == 200
    assert answer.json() == credential
    assert await registered.messages("private_message") == []


@pytest.mark.clause("WG1-02-7.6-08", "WG1-02-7.6-09")
@pytest.mark.parametrize("ago", [0, 1, 30])
async def test_an_expiry_that_is_not_ahead_ends_the_secret_and_its_tokens_at_once(
    registered: Registered, credential: dict[str, Any], ago: int
) -> None:
    """Tokens of other Credentials go on; the clock of a Client may be half a minute late (ambiguities D2)."""
    server, client_id = registered.server, credential["client_id"]
    other = (await registered.post(PATH, {"client_id": client_id})).json()
    token = await server.access_token(client_id, credential["client_secret"])
    spared = await server.access_token(client_id, other["client_secret"])

    await patch(registered, credential, present(registered) - ago)

    answer = await server.token_response(client_id, credential["client_secret"])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert not await is_active(registered, token)
    assert await is_active(registered, spared)
    assert await server.access_token(client_id, other["client_secret"])


@pytest.mark.clause("WG1-02-7.6-09")
async def test_an_admin_token_ends_with_its_credential(registered: Registered) -> None:
    """Even the one that did it; the next request is 401 (ambiguities D6)."""
    credential = await registered.credential_of(registered.client_id)

    answer = await registered.patch(credential["uri"], {FIELD: present(registered)})

    assert answer.status_code == 200
    assert (await registered.get(PATH)).status_code == 401
    refusal = await registered.server.token_response(registered.client_id, registered.client_secret)
    assert refusal.status_code == 401


@pytest.mark.clause("WG1-02-7.6-08")
async def test_an_expiry_ahead_takes_effect_when_it_comes(registered: Registered, credential: dict[str, Any]) -> None:
    """Until then the secret works, and tokens live on until their own end (ambiguities D5, D11)."""
    server = registered.server
    await patch(registered, credential, present(registered) + 60)
    token = await server.access_token(credential["client_id"], credential["client_secret"])

    server.clock.advance(seconds=60)

    assert (await server.token_response(credential["client_id"], credential["client_secret"])).status_code == 401
    assert await is_active(registered, token)


async def test_an_expired_credential_stays_listed_and_cannot_be_revived(
    registered: Registered, credential: dict[str, Any]
) -> None:
    """Its present expiry may be repeated (ambiguities D4, D7)."""
    gone = await patch(registered, credential, present(registered))
    registered.server.clock.advance(seconds=5)

    for value in (present(registered), present(registered) + 10, 0, gone[FIELD] - 1):
        answer = await registered.patch(credential["uri"], {FIELD: value})
        assert answer.status_code == 400
    assert await patch(registered, credential, gone[FIELD]) == gone
    listing = await registered.get(PATH, params={"client_ids": credential["client_id"]})
    assert listing.json()["credentials"] == [gone]


@pytest.mark.clause("WG1-02-7.3-12")
async def test_each_change_is_in_the_changelog(registered: Registered, credential: dict[str, Any]) -> None:
    """Repeating the present value is no change."""
    new = await patch(registered, credential, present(registered) + 60)
    await patch(registered, credential, new[FIELD])

    (message,) = await registered.messages("private_message")
    assert (message["related_type"], message["related_uri"]) == ("credential", credential["uri"])
    assert "2026-06-01T12:01:00Z" in message["description"]
    assert credential["client_secret"] not in str(message)


@pytest.mark.clause("WG1-02-7.6-12", "WG1-02-7.6-10")
async def test_an_operator_ends_a_leaked_secret(registered: Registered, credential: dict[str, Any]) -> None:
    """At once, with its tokens; the Client is told why."""
    server = registered.server
    token = await server.access_token(credential["client_id"], credential["client_secret"])

    await expire_by_operator(server.context, registered.access, credential["credential_id"], "Seen on a forum.")

    shown = (await registered.get(credential["uri"])).json()
    assert shown == credential | {FIELD: present(registered)}
    assert not await is_active(registered, token)
    refusal = await server.token_response(credential["client_id"], credential["client_secret"])
    assert refusal.status_code == 401
    (message,) = [one for one in await registered.messages() if one.get("related_uri") == credential["uri"]]
    assert "Seen on a forum." in message["description"]
    assert credential["client_secret"] not in str(message)


@pytest.mark.clause("WG1-02-7.6-10")
async def test_an_operator_sets_another_expiry(registered: Registered, credential: dict[str, Any]) -> None:
    """Earlier or later than the present one, but not of a secret that has expired."""
    server = registered.server
    later = server.clock.now + timedelta(days=900)

    await expire_by_operator(server.context, registered.access, credential["credential_id"], "As agreed.", at=later)
    assert (await registered.get(credential["uri"])).json()[FIELD] == int(later.timestamp())
    await expire_by_operator(server.context, registered.access, credential["credential_id"], "Leaked.")

    with pytest.raises(Conflict):
        await expire_by_operator(server.context, registered.access, credential["credential_id"], "Oh.", at=later)
    for foreign in ("nobody", f"{registered.client_id}-cffffffffff", registered.client_id):
        with pytest.raises(NotFound):
            await expire_by_operator(server.context, registered.access, foreign, "Leaked.")


@pytest.mark.clause("WG1-02-7.6-12")
async def test_tokens_of_a_secret_that_has_expired_by_itself_can_still_be_ended(
    registered: Registered, credential: dict[str, Any]
) -> None:
    """When it turns out to have leaked before."""
    server = registered.server
    await patch(registered, credential, present(registered) + 60)
    token = await server.access_token(credential["client_id"], credential["client_secret"])
    server.clock.advance(seconds=90)
    before = (await registered.get(credential["uri"])).json()

    await expire_by_operator(server.context, registered.access, credential["credential_id"], "Seen on a forum.")

    assert not await is_active(registered, token)
    assert (await registered.get(credential["uri"])).json() == before


async def test_of_many_patches_at_once_none_puts_the_expiry_off(
    registered: Registered, credential: dict[str, Any]
) -> None:
    """Each one that is answered 200 was true when it was written, and the earliest of them is there in the end."""
    now = present(registered)
    answers = await asyncio.gather(
        *(registered.patch(credential["uri"], {FIELD: now + 60 + number * 7 % 100}) for number in range(100))
    )

    assert {answer.status_code for answer in answers} <= {200, 400, 409}
    applied = [answer.json()[FIELD] for answer in answers if answer.status_code == 200]
    assert applied
    final = (await registered.get(credential["uri"])).json()
    assert final[FIELD] == min(applied)
    assert len(await registered.messages("private_message")) == len(applied)
