"""Who has proven an address hears by mail, too, that a Credential will expire; nobody else does."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain.mail_notices import mail_of
from app.domain.mails import KeptMail, Outbox
from app.domain.records import Change, Wanted
from app.schemas.registrations import Registration, RegistrationStatus
from app.worker.due import Settling
from app.worker.mails import NoticeMails
from tests.conftest import MakeServer, Registered, Server, changed

DAY = timedelta(days=1)
ANN = "ann@meadow.example"


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """Secrets live for ninety days here."""
    return await make_server(changed(demo_catalog, registration={"secret_ttl_seconds": 90 * 86400}))


async def mails_of(server: Server) -> list[KeptMail]:
    """The outbox, after everything that is due has happened and has been told, twice."""
    state = server.service.state
    assert state
    settling = Settling(server.context, state["directory"])
    while await settling.run_once(server.clock.now):
        pass
    await state["feed"].relay()
    outbox: Outbox = state["outbox"]
    job = NoticeMails(server.context, state["feed"], outbox, consumer="test")
    while await job.run_once(server.clock.now):
        pass
    return await outbox.latest()


async def with_verified_address(registered: Registered, **fields: Any) -> None:
    records, access = registered.server.context.records, registered.access
    (stored,) = await records.load(access, Wanted(Registration, registered.registration_id))
    change = Change(registered.registration_id, access.now)
    change.replace(stored, replace(stored.object, verified_email=ANN, **fields))
    await records.apply(change)


async def test_a_verified_address_gets_one_mail_when_a_credential_will_expire(server):
    registered = await server.register(contacts=["office@meadow.example", ANN])
    await with_verified_address(registered)
    assert await mails_of(server) == []

    server.clock.advance(days=76)
    (kept,) = await mails_of(server)
    credential = (await registered.get("/cds-api/v1/credentials")).json()["credentials"][0]
    assert (kept.mail.to, kept.mail.kind) == (ANN, "credential_expiring")
    assert kept.mail.subject.endswith("a credential expires on 2026-08-30")
    assert credential["credential_id"] in kept.mail.text
    assert credential["client_secret"] not in kept.mail.text
    assert kept.mail.expires == server.clock.now + 14 * DAY
    assert await mails_of(server) == [kept]


@pytest.mark.parametrize("case", ["nothing verified", "no contact any more", "suspended"])
async def test_nobody_else_gets_one(server, case):
    contacts = ["office@meadow.example"] if case == "no contact any more" else [ANN]
    registered = await server.register(contacts=contacts)
    if case != "nothing verified":
        status = RegistrationStatus.SUSPENDED if case == "suspended" else RegistrationStatus.ACTIVE
        await with_verified_address(registered, status=status)

    server.clock.advance(days=76)
    assert await mails_of(server) == []
    assert not case.startswith("nothing") or any(
        message["name"] == "Credential expires soon" for message in await registered.messages()
    )


async def test_an_event_that_cannot_become_a_mail_holds_up_no_other(server, monkeypatch):
    registered = await server.register(contacts=[ANN])
    await with_verified_address(registered)
    await registered.post("/cds-api/v1/credentials", {"client_id": registered.client_id})
    server.clock.advance(days=76)
    monkeypatch.setattr("app.worker.mails.mail_of", _fail_once(monkeypatch))

    assert len(await mails_of(server)) == 1


def _fail_once(monkeypatch: pytest.MonkeyPatch) -> Any:
    async def fail(*_: Any) -> None:
        monkeypatch.setattr("app.worker.mails.mail_of", mail_of)
        raise ValueError

    return fail
