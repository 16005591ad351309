"""email_verification: a code that is mailed to a contact, and typed in (CDS-WG1-02 3.6; ambiguities A26)."""

import asyncio
import io
from collections import Counter

import pytest

from app.domain.email_verification import ATTEMPTS, CODE_SECONDS
from tests.conftest import MakeServer, Registered, Server
from tests.html_pages import UserBrowser, View
from tests.message_objects import operator_decides, reread, updates_of
from tests.onboarding import (
    CONTACTS,
    INTERCONNECTION,
    code_in,
    decide,
    internal_of,
    mails,
    open_step,
    registration_of,
    request_of,
    requirement_of,
    statuses,
    verify_email,
)

FIELD = "contact_check"
SEND, AGAIN, VERIFY = "Send the code", "Send another code", "Verify"


@pytest.fixture
async def client(server: Server) -> Registered:
    return await server.register(INTERCONNECTION, client_name="Meadow Home", contacts=CONTACTS)


async def newest_code(server: Server) -> str:
    """The code in the newest mail."""
    return code_in((await mails(server))[0])


async def a_wrong_one(server: Server) -> str:
    """Another one."""
    return f"{(int(await newest_code(server)) + 1) % 10**8:08d}"


@pytest.mark.clause("WG1-02-3.6-22")
async def test_a_verified_address_completes_the_step(server: Server, client: Registered) -> None:
    """With one request_update, which is complete; neither pending nor rejected ones come before it (A26)."""
    request = await request_of(client, FIELD)
    server.clock.advance(hours=1)

    view = await verify_email(client)

    assert "This step is complete" in view.text
    assert "o•••@m•••.example" in view.text
    (update,) = await updates_of(client, request)
    assert (update["status"], update["previous_uri"]) == ("complete", request["uri"])
    assert (await reread(client, request))["status"] == "complete"
    requirement = await requirement_of(client, FIELD)
    assert requirement.status == "met"
    assert [(one.email, one.at) for one in requirement.evidence] == [("ops@meadow.example", server.clock.now)]
    assert (await registration_of(client)).verified_email == "ops@meadow.example"
    assert (await internal_of(client, request)).code is None


async def test_the_page_names_no_address(server: Server, client: Registered) -> None:
    """Whoever has the link may not know it; its owner recognises it."""
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)

    assert "ops@" not in view.response.text
    assert "meadow.example" not in view.response.text
    assert "555" not in view.response.text
    assert "o•••@m•••.example" in view.text
    assert "l•••@m•••.example" in view.text


async def test_one_chooses_among_the_contacts(server: Server, client: Registered) -> None:
    """Those that are mail addresses; the first is proposed."""
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
        first, second = [
            value for name, value in view.attributes if name == "value" and len(value) == 16 and value != "email"
        ]
        await browser.press(view, SEND, address=second)
        (mail,) = await mails(server)
        assert mail.mail.to == "legal@meadow.example"
        server.clock.advance(seconds=61)
        await browser.press(view, SEND, address=first)
        assert (await mails(server))[0].mail.to == "ops@meadow.example"
        view = await browser.press(view, SEND, address="x" * 16)
        assert view.response.status_code == 400
        assert "choose one of the addresses" in view.text


async def test_addresses_that_look_alike_are_numbered(server: Server) -> None:
    contacts = ["ops@meadow.example", "office@m2.example", "legal@meadow.example"]
    client = await server.register(INTERCONNECTION, contacts=contacts)
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
    assert "o•••@m•••.example (number 1) o•••@m•••.example (number 2) l•••@m•••.example" in view.text


async def test_the_mail_says_what_it_is_and_nothing_that_a_client_wrote(server: Server) -> None:
    """Anybody can register with somebody else's address, and a name that is an advertisement."""
    client = await server.register(INTERCONNECTION, client_name="Win at https://evil.example", contacts=["a@b.example"])
    async with UserBrowser(server) as browser:
        await browser.press(await open_step(browser, client, FIELD), SEND)

    (kept,) = await mails(server)
    mail = kept.mail
    assert (mail.to, mail.kind, mail.registration_id) == ("a@b.example", "verification_code", client.registration_id)
    assert (mail.expires - mail.created).total_seconds() == CODE_SECONDS
    assert "Prairie & Lake Energy" in mail.subject
    assert not any(letter.isdigit() for letter in mail.subject), "mail servers log it"
    assert "15 minutes" in mail.text
    assert "ignore this mail" in mail.text
    for foreign in ("Win", "evil", client.client_id, (await request_of(client, FIELD))["related_uri"]):
        assert foreign not in mail.subject + mail.text


async def test_a_code_may_be_entered_on_another_device_as_people_write_it(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as desk, UserBrowser(server) as phone:
        await desk.press(await open_step(desk, client, FIELD), SEND)
        code = await newest_code(server)
        view = await open_step(phone, client, FIELD)
        assert "o•••@m•••.example" in view.text
        view = await phone.press(view, VERIFY, code=f" {code[:4]}-{code[4:]} ")

    assert "This step is complete" in view.text


async def test_a_wrong_code_changes_nothing_but_the_attempts(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    async with UserBrowser(server) as browser:
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        for code in (await a_wrong_one(server), "", "1", "x" * 5000, "\uff11\uff12\uff13", "\u202e"):
            answer = await browser.submit(view, VERIFY, code=code)
            assert answer.status_code == 400, code
        assert "not good any more" in View(answer).text
        view = await browser.press(view, VERIFY, code=await newest_code(server))

    assert "not good any more" in view.text
    assert await statuses(client, request) == ["open"]
    assert (await requirement_of(client, FIELD)).status == "open"
    assert (await registration_of(client)).verified_email == ""


async def test_five_attempts_are_all_there_are(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        wrong, right = await a_wrong_one(server), await newest_code(server)
        said = [(await browser.press(view, VERIFY, code=wrong)).text for _ in range(ATTEMPTS - 1)]
        assert all("This is not the code" in one for one in said)
        assert "not good any more" in (await browser.press(view, VERIFY, code=wrong)).text
        assert "not good any more" in (await browser.press(view, VERIFY, code=right)).text
        server.clock.advance(seconds=61)
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        view = await browser.press(view, VERIFY, code=await newest_code(server))
    assert "This step is complete" in view.text


async def test_guessing_at_once_buys_no_attempts(server: Server, client: Registered) -> None:
    """Of a hundred guesses at the same moment five are looked at, at most; each of them is counted."""
    async with UserBrowser(server) as browser:
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        wrong = await a_wrong_one(server)
        answers = await asyncio.gather(*(browser.submit(view, VERIFY, code=wrong) for _ in range(100)))

    said = Counter("This is not the code" in answer.text for answer in answers)
    assert {answer.status_code for answer in answers} <= {400, 409}
    left = (await internal_of(client, await request_of(client, FIELD))).code.attempts_left
    assert left < ATTEMPTS
    assert said[True] == min(ATTEMPTS - left, ATTEMPTS - 1), "the last one is told that there is no other"


async def test_the_right_code_among_many_guesses_counts_once(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        right = await newest_code(server)
        answers = await asyncio.gather(*(browser.submit(view, VERIFY, code=right) for _ in range(20)))

    assert {answer.status_code for answer in answers} <= {303, 200, 409}
    assert len(await updates_of(client, await request_of(client, FIELD))) == 1
    assert len((await requirement_of(client, FIELD)).evidence) == 1


async def test_only_the_newest_code_counts(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        old = await newest_code(server)
        server.clock.advance(seconds=61)
        view = await browser.press(view, AGAIN)
        new = await newest_code(server)
        assert "This is not the code" in (await browser.press(view, VERIFY, code=old)).text
        assert "This step is complete" in (await browser.press(view, VERIFY, code=new)).text


async def test_a_code_lives_for_a_quarter_of_an_hour(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        server.clock.advance(seconds=CODE_SECONDS)
        late = await browser.press(view, VERIFY, code=await newest_code(server))
        assert "not good any more" in late.text
        assert [form.button for form in late.forms] == [SEND]


async def test_the_code_of_one_registration_is_of_no_use_to_another(server: Server, client: Registered) -> None:
    other = await server.register(INTERCONNECTION, contacts=CONTACTS)
    async with UserBrowser(server) as browser:
        await browser.press(await open_step(browser, client, FIELD), SEND)
        code = await newest_code(server)
        view = await browser.press(await open_step(browser, other, FIELD), SEND)
        view = await browser.press(view, VERIFY, code=code)
    assert "This is not the code" in view.text
    assert (await requirement_of(other, FIELD)).status == "open"


async def test_an_address_that_is_no_contact_any_more_is_not_verified(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        code = await newest_code(server)
        admin = (await client.clients())["cds_client_admin"]
        changed = await client.put(admin["cds_client_uri"], admin | {"contacts": ["new@meadow.example"]})
        assert changed.status_code == 200
        assert "not good any more" in (await browser.press(view, VERIFY, code=code)).text
        server.clock.advance(seconds=61)
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        assert (await mails(server))[0].mail.to == "new@meadow.example"
        assert "This step is complete" in (await browser.press(view, VERIFY, code=await newest_code(server))).text


@pytest.mark.parametrize("contacts", [[], ["+1 555 0100", "not@an address", '"x"@y.example', "<script>@x.example"]])
async def test_without_an_address_the_page_says_what_to_do(server: Server, contacts: list[str]) -> None:
    client = await server.register(INTERCONNECTION, contacts=contacts)
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
        assert "There is no address yet" in view.text
        assert view.forms == []
        answer = await browser.send("POST", str(view.response.url), data={"do": "send"})
    assert answer.status_code == 403
    assert await mails(server) == []


async def test_there_is_a_pause_between_two_mails(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        server.clock.advance(seconds=20)
        answer = await browser.submit(view, AGAIN)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "40")
        assert "Please wait 40 seconds" in View(answer).text
        assert VERIFY in [form.button for form in View(answer).forms]
        server.clock.advance(seconds=40)
        await browser.press(view, AGAIN)
    assert len(await mails(server)) == 2


async def test_a_registration_gets_ten_mails_a_day(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
        sent = []
        for _ in range(15):
            sent.append((await browser.submit(view, SEND)).status_code)
            server.clock.advance(minutes=30)
        assert sent == [303] * 10 + [429] * 5
        server.clock.advance(hours=24)
        assert (await browser.submit(view, SEND)).status_code == 303


async def test_nobody_is_flooded_by_many_registrations(server: Server) -> None:
    """Five an hour and twenty a day to one address, however it is written."""
    sent = []
    async with UserBrowser(server) as browser:
        for number in range(28):
            address = "Victim@x.example" if number % 2 else "victim@X.example"
            client = await server.register(INTERCONNECTION, contacts=[address])
            sent.append((await browser.submit(await open_step(browser, client, FIELD), SEND)).status_code)
            server.clock.advance(minutes=10 if number < 8 else 20)
    assert sent[:8] == [303] * 5 + [429] + [303] * 2
    assert sent.count(303) == 20
    assert len(await mails(server)) == 20


async def test_many_clicks_at_once_send_one_mail(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
        answers = await asyncio.gather(*(browser.submit(view, SEND) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [303] + [429] * 19
    assert len(await mails(server)) == 1


async def test_a_form_of_another_site_sends_no_mail(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
        values = view.form(SEND).values
        headers = {"Origin": "https://evil.example"}
        answer = await browser.send("POST", str(view.response.url), data=values, headers=headers)
    assert answer.status_code == 403
    assert await mails(server) == []


async def test_an_operator_may_complete_the_step_without_a_code(server: Server, client: Registered) -> None:
    await decide(client, FIELD, "complete", "We have talked on the phone.")
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
    assert "This step is complete" in view.text


async def test_after_a_rejection_a_code_leads_to_an_operator(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    await decide(client, FIELD, "rejected", "Please use an address of your company.")

    view = await verify_email(client)

    assert "We have it" in view.text
    assert await statuses(client, request) == ["pending", "rejected", "pending"]
    await operator_decides(client, request, "complete")
    assert (await requirement_of(client, FIELD)).status == "met"


async def test_no_code_and_no_address_reaches_the_log(json_log: io.BytesIO, make_server: MakeServer) -> None:
    server = await make_server()
    client = await server.register(INTERCONNECTION, contacts=CONTACTS)
    async with UserBrowser(server) as browser:
        view = await browser.press(await open_step(browser, client, FIELD), SEND)
        await browser.press(view, VERIFY, code=await a_wrong_one(server))
        await browser.press(view, VERIFY, code=await newest_code(server))
    lines = json_log.getvalue().decode()
    code = await newest_code(server)
    for secret in (code, f"{code[:4]} {code[4:]}", "ops@meadow.example", await a_wrong_one(server)):
        assert secret not in lines


async def test_the_store_does_not_hold_a_code_that_waits(server: Server, client: Registered) -> None:
    """But for the mail that is to be sent."""
    async with UserBrowser(server) as browser:
        await browser.press(await open_step(browser, client, FIELD), SEND)
    code = (await internal_of(client, await request_of(client, FIELD))).code
    assert await newest_code(server) not in str(code)
