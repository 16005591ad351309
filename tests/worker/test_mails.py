"""Mails reach a real mail server once, are tried again when it cannot, and are given up when it will not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from app.delivery.smtp import ATTEMPT_SECONDS, SmtpMailer, one_line, open_mailer
from app.domain.mails import LEASE_SECONDS, KeptMail, Mail, MailNotSent, MailStatus
from app.setting_values import SmtpServer
from app.settings import Settings
from app.store.connect import memory_client
from app.store.connection import Connection
from app.store.outbox import SCRIPTS, RedisOutbox
from app.store.pipelines import SOCKET_SECONDS
from app.worker.mails import SendMails
from tests.factories import NOW
from tests.mail_server import PASSWORD, USER, MailServer, certificate, mail_server

SENDER = ("Demo Städtische Werke", "cds@utility.example")


@pytest.fixture
async def outbox() -> AsyncIterator[RedisOutbox]:
    client = memory_client()
    connection = Connection(client)
    await connection.load(SCRIPTS)
    yield RedisOutbox(connection)
    await connection.close()
    await client.aclose()


@pytest.fixture
async def post() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


def mailer_of(server: MailServer, scheme: str = "smtp", **fields: Any) -> SmtpMailer:
    user, password = fields.pop("login", ("", ""))
    host = fields.pop("host", "127.0.0.1")
    return SmtpMailer(SmtpServer(scheme, host, server.port, user, password), SENDER, **fields)


def make_mail(mail_id: str = "one", **fields: Any) -> Mail:
    values: dict[str, Any] = {
        "id": mail_id,
        "kind": "verification_code",
        "to": "ann@meadow.example",
        "subject": "Ihr Prüfcode für Städtische Werke",
        "text": "Grüße,\n\nyour code is 123456.\n.\nA line with a dot alone.\n",
        "created": NOW,
    }
    return Mail(**(values | fields))


async def only(outbox: RedisOutbox) -> KeptMail:
    (kept,) = await outbox.latest()
    return kept


async def test_a_mail_arrives_as_it_was_written(outbox, post):
    await outbox.put(make_mail())

    assert await SendMails(outbox, mailer_of(post)).run_once(NOW)

    (letter,) = post.letters
    assert letter["From"] == "Demo Städtische Werke <cds@utility.example>"
    assert letter["To"] == "ann@meadow.example"
    assert letter["Subject"] == "Ihr Prüfcode für Städtische Werke"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime == NOW
    assert letter.get_content().replace("\r\n", "\n") == make_mail().text
    assert (post.envelopes[0].mail_from, post.envelopes[0].rcpt_tos) == ("cds@utility.example", ["ann@meadow.example"])
    kept = await only(outbox)
    assert (kept.status, kept.attempts, kept.mail.text) == (MailStatus.SENT, 1, "")


async def test_without_a_mail_server_mails_wait_and_their_time_runs_out(outbox):
    job = SendMails(outbox, None)
    await outbox.put(make_mail(expires=NOW + timedelta(minutes=15)))

    assert not await job.run_once(NOW)
    assert (await only(outbox)).status is MailStatus.WAITING
    assert await job.run_once(NOW + timedelta(minutes=15))
    assert await outbox.latest() == []


async def test_a_mail_server_that_cannot_now_is_asked_again_later_with_the_same_message_id(outbox, post):
    post.refuse_recipient += ["451 busy", "421 away"]
    job = SendMails(outbox, mailer_of(post))
    await outbox.put(make_mail())
    post.before_answer = lambda: (_ for _ in ()).throw(ConnectionResetError)  # it has the mail, and we do not know

    now = NOW
    for expected in (1, 2, 3):
        await job.run_once(now)
        kept = await only(outbox)
        assert (kept.status, kept.attempts) == (MailStatus.WAITING, expected)
        assert not await job.run_once(now + timedelta(seconds=9))
        now += timedelta(seconds=61)
    assert "ann" not in kept.last_error
    post.before_answer = None
    await job.run_once(now)

    assert (await only(outbox)).status is MailStatus.SENT
    first, second = post.letters
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()


async def test_different_mails_have_different_message_ids(outbox, post):
    for number in range(3):
        await outbox.put(make_mail(str(number)))
    await SendMails(outbox, mailer_of(post)).run_once(NOW)

    assert len({letter["Message-ID"] for letter in post.letters}) == 3


async def test_a_refused_address_is_final(outbox, post):
    post.refuse_recipient.append("550 ann@meadow.example is unknown here")
    await outbox.put(make_mail())

    await SendMails(outbox, mailer_of(post)).run_once(NOW)

    kept = await only(outbox)
    assert (kept.status, kept.last_error) == (MailStatus.FAILED, "The mail server refuses the address (550).")
    assert kept.mail.text == ""


async def test_a_refused_content_is_final_too(outbox, post):
    post.refuse_data.append("554 looks like spam")
    await outbox.put(make_mail())

    await SendMails(outbox, mailer_of(post)).run_once(NOW)

    assert (await only(outbox)).status is MailStatus.FAILED


async def test_a_refusal_of_ourselves_is_not_because_the_operator_can_mend_it(outbox, post):
    post.refuse_sender.append("550 you may not send as this")
    await outbox.put(make_mail())

    await SendMails(outbox, mailer_of(post)).run_once(NOW)

    assert (await only(outbox)).status is MailStatus.WAITING


async def test_a_mail_server_that_is_away_delays_mails_and_loses_none(outbox, post):
    away = MailServer(port=1)
    await outbox.put(make_mail())
    await SendMails(outbox, mailer_of(away)).run_once(NOW)
    assert (await only(outbox)).status is MailStatus.WAITING

    await SendMails(outbox, mailer_of(post)).run_once(NOW + timedelta(seconds=10))

    assert len(post.letters) == 1


async def test_one_bad_mail_does_not_hold_up_the_others(outbox, post):
    await outbox.put(make_mail("bad", to="not an address"))
    for number in range(20):
        await outbox.put(make_mail(str(number)))
    job = SendMails(outbox, mailer_of(post))

    while await job.run_once(NOW):
        pass

    assert len(post.letters) == 20
    assert [kept.mail.id for kept in await outbox.latest(MailStatus.FAILED)] == ["bad"]


def test_nobody_takes_over_a_mail_while_an_attempt_may_still_be_under_way():
    assert ATTEMPT_SECONDS + SOCKET_SECONDS < LEASE_SECONDS


async def test_a_crash_between_sending_and_noting_sends_the_same_mail_again_and_loses_nothing(outbox, post):
    await outbox.put(make_mail())
    mailer = mailer_of(post)
    (taken,) = await outbox.take(NOW, limit=1)
    await mailer.send(taken.mail)  # and here the process is gone

    job = SendMails(outbox, mailer)
    assert not await job.run_once(NOW + timedelta(seconds=LEASE_SECONDS - 1))
    await job.run_once(NOW + timedelta(seconds=LEASE_SECONDS))

    assert len(post.letters) == 2
    assert len({letter["Message-ID"] for letter in post.letters}) == 1
    assert (await only(outbox)).status is MailStatus.SENT


async def test_several_workers_send_each_mail_once(outbox, post):
    for number in range(40):
        await outbox.put(make_mail(str(number)))
    jobs = [SendMails(outbox, mailer_of(post)) for _ in range(4)]

    async def work(job: SendMails) -> None:
        while await job.run_once(NOW):
            pass

    await asyncio.gather(*map(work, jobs))

    assert len(post.letters) == 40
    assert len({letter["Message-ID"] for letter in post.letters}) == 40


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hello\r\nBcc: eve@evil.example\r\n\r\nBuy now"},
        {"subject": "Hello\u2028Bcc: eve@evil.example\x00\x0bBcc: eve@evil.example"},
        {"subject": "=?utf-8?q?Hello=0D=0ABcc=3A_eve=40evil.example?="},
        {"text": "Hello\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n"},
    ],
)
async def test_nobody_can_add_headers_or_recipients(post, fields):
    await mailer_of(post).send(make_mail(**fields))

    (letter,) = post.letters
    assert set(letter.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }
    assert "Bcc" not in letter
    assert post.envelopes[0].rcpt_tos == ["ann@meadow.example"]


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ann",
        "ann@meadow.example, eve@evil.example",
        "ann@meadow.example\r\nRCPT TO:<eve@evil.example>",
        "Ann <ann@meadow.example>",
        "ann@meadow.example> SIZE=1",
        '"a b"@meadow.example',
    ],
)
async def test_what_is_no_address_never_reaches_the_mail_server(post, to):
    with pytest.raises(MailNotSent) as failure:
        await mailer_of(post).send(make_mail(to=to))

    assert failure.value.permanent
    assert post.envelopes == []


def test_a_subject_is_one_line_of_limited_length():
    assert one_line(" a\r\n b\tc\u0085d\u2029 ") == "a b c d"
    assert len(one_line("x" * 5000)) == 200


async def test_connections_are_encrypted_where_the_mail_server_offers_it_and_users_sign_in(tmp_path):
    ours, trusting = certificate(tmp_path)
    async with mail_server(ours, sign_in=True) as server:
        await mailer_of(server, login=(USER, PASSWORD), tls=trusting).send(make_mail())

    assert server.encrypted == [True]


async def test_smtps_is_encrypted_from_the_start(tmp_path):
    ours, trusting = certificate(tmp_path)
    async with mail_server(ours, at_once=True) as server:
        mailer = mailer_of(server, "smtps", tls=trusting)
        await mailer.send(make_mail())
        await mailer.close()

    assert server.letters


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path, scheme):
    ours, _ = certificate(tmp_path)
    async with mail_server(ours, at_once=scheme == "smtps") as server:
        with pytest.raises(MailNotSent) as failure:
            await mailer_of(server, scheme).send(make_mail())

    assert not failure.value.permanent
    assert server.letters == []


async def test_a_wrong_password_delays_mails_until_the_operator_has_mended_it(tmp_path):
    ours, trusting = certificate(tmp_path)
    async with mail_server(ours, sign_in=True) as server:
        with pytest.raises(MailNotSent) as failure:
            await mailer_of(server, login=(USER, "wrong"), tls=trusting).send(make_mail())

    assert not failure.value.permanent
    assert failure.value.error == "The mail server does not let us in (535)."


async def test_elsewhere_a_mail_server_without_encryption_gets_nothing(post, monkeypatch):
    monkeypatch.setattr("app.delivery.smtp.is_loopback", lambda _: False)

    with pytest.raises(MailNotSent) as failure:
        await mailer_of(post).send(make_mail())
    assert not failure.value.permanent
    assert post.letters == []

    await mailer_of(post, "smtp+plain").send(make_mail())
    assert len(post.letters) == 1


async def test_the_log_says_what_happened_and_nothing_of_the_mail(json_log, outbox, post):
    post.refuse_recipient.append("550 no ann@meadow.example here")
    for number in range(2):
        await outbox.put(make_mail(str(number)))
    await SendMails(outbox, mailer_of(post)).run_once(NOW)

    lines = json_log.getvalue().decode().splitlines()
    logged = "\n".join(line for line in lines if '"logger":"mail.log"' not in line)  # which is that of the mail server
    assert "mail_sent" in logged
    assert "mail_failed" in logged
    for private in ("ann", "meadow", "123456", "Prüfcode"):
        assert private not in logged


def test_without_the_two_settings_there_is_no_mailer():
    assert open_mailer(Settings.from_environment({})) is None
    configured = {"CDS_SMTP_URL": "smtp://u:geheim@mail.example", "CDS_MAIL_FROM": "cds@utility.example"}
    mailer = open_mailer(Settings.from_environment(configured))
    assert isinstance(mailer, SmtpMailer)
    assert "geheim" not in repr(vars(mailer))


async def test_a_mistake_of_ours_is_told_and_the_mail_tried_again_like_any_other(json_log, outbox, post):
    class Broken(SmtpMailer):
        async def send(self, *_: Any) -> None:
            raise LookupError

    await outbox.put(make_mail())
    await SendMails(outbox, Broken(SmtpServer("smtp", "127.0.0.1", post.port, "", ""), SENDER)).run_once(NOW)
    await asyncio.sleep(0)

    assert b"mail_not_handed_over" in json_log.getvalue()
    assert (await only(outbox)).status is MailStatus.WAITING
    await SendMails(outbox, mailer_of(post)).run_once(NOW + timedelta(seconds=10))
    assert len(post.letters) == 1
