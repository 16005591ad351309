"""The outbox on every kind of store: nothing is lost, nothing personal stays longer than it is needed."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.domain.mails import (
    KEPT_DAYS,
    LEASE_SECONDS,
    PAUSES_SECONDS,
    WAITING_DAYS,
    Attempted,
    Mail,
    MailNotSent,
    MailStatus,
    TakenMail,
    after_failure,
)
from app.store.outbox import RedisOutbox
from tests.factories import NOW

SENT = Attempted(status=MailStatus.SENT)
LEASE = timedelta(seconds=LEASE_SECONDS)


@pytest.fixture
def outbox(connection) -> RedisOutbox:
    return RedisOutbox(connection)


def make_mail(mail_id: str, **fields: Any) -> Mail:
    values: dict[str, Any] = {
        "id": mail_id,
        "kind": "verification_code",
        "to": "ann@meadow.example",
        "subject": "Your code",
        "text": "It is 123456.",
        "created": NOW,
    }
    return Mail(**(values | fields))


async def test_a_mail_waits_in_the_outbox_where_operators_can_read_it(outbox):
    mail = make_mail("one", registration_id="00abc", expires=NOW + timedelta(minutes=15))
    await outbox.put(mail)

    (kept,) = await outbox.latest()

    assert kept.mail == mail
    assert (kept.status, kept.attempts, kept.last_error) == (MailStatus.WAITING, 0, "")


async def test_the_same_mail_put_twice_is_one_mail(outbox):
    await outbox.put(make_mail("one"))
    await outbox.put(make_mail("one", text="something else"))

    (kept,) = await outbox.latest()
    assert kept.mail.text == "It is 123456."


async def test_a_mail_that_was_sent_is_not_sent_again_when_it_is_put_again(outbox):
    await outbox.put(make_mail("one"))
    (taken,) = await outbox.take(NOW, limit=10)
    await outbox.settle(taken, SENT, NOW)

    await outbox.put(make_mail("one"))

    assert await outbox.take(NOW + LEASE, limit=10) == []


async def test_mails_are_listed_newest_first_and_page_by_page(outbox):
    for number in range(5):
        await outbox.put(make_mail(str(number)))

    first = await outbox.latest(limit=2)
    second = await outbox.latest(before=first[-1].mail.id, limit=2)
    last = await outbox.latest(before=second[-1].mail.id, limit=2)

    assert [kept.mail.id for kept in first + second + last] == ["4", "3", "2", "1", "0"]
    assert await outbox.latest(before="never there") == []


async def test_mails_can_be_listed_by_how_far_they_have_got(outbox):
    for number in range(3):
        await outbox.put(make_mail(str(number)))
    one, two, _ = await outbox.take(NOW, limit=10)
    await outbox.settle(one, SENT, NOW)
    await outbox.settle(two, Attempted(status=MailStatus.FAILED, error="SMTP 550"), NOW)

    listed = {status: [kept.mail.id for kept in await outbox.latest(status)] for status in MailStatus}

    assert listed == {MailStatus.WAITING: ["2"], MailStatus.SENT: ["0"], MailStatus.FAILED: ["1"]}
    (failed,) = await outbox.latest(MailStatus.FAILED)
    assert (failed.last_error, failed.attempts) == ("SMTP 550", 1)


async def test_who_takes_a_mail_has_it_alone_until_the_lease_ends(outbox):
    for number in range(20):
        await outbox.put(make_mail(str(number)))

    taken = await asyncio.gather(*(outbox.take(NOW, limit=3) for _ in range(10)))

    ids = [one.mail.id for batch in taken for one in batch]
    assert sorted(ids, key=int) == [str(number) for number in range(20)]
    assert await outbox.take(NOW + LEASE - timedelta(seconds=1), limit=100) == []
    again = await outbox.take(NOW + LEASE, limit=100)
    assert len(again) == 20
    assert {one.attempts for one in again} == {2}


async def test_who_has_lost_a_mail_to_somebody_else_cannot_say_that_it_failed(outbox):
    await outbox.put(make_mail("one"))
    (slow,) = await outbox.take(NOW, limit=1)
    await outbox.take(NOW + LEASE, limit=1)

    assert not await outbox.settle(slow, Attempted(status=MailStatus.FAILED, error="SMTP 550"), NOW + LEASE)
    (kept,) = await outbox.latest(MailStatus.WAITING)
    assert kept.last_error == ""


async def test_but_that_it_was_sent_counts_whoever_says_so(outbox):
    await outbox.put(make_mail("one"))
    (slow,) = await outbox.take(NOW, limit=1)
    (quick,) = await outbox.take(NOW + LEASE, limit=1)

    assert await outbox.settle(slow, SENT, NOW + LEASE)
    assert not await outbox.settle(quick, SENT, NOW + LEASE)
    assert [kept.status for kept in await outbox.latest()] == [MailStatus.SENT]


async def test_a_mail_that_was_delayed_is_due_when_it_said(outbox):
    await outbox.put(make_mail("one"))
    (taken,) = await outbox.take(NOW, limit=1)
    later = NOW + timedelta(minutes=5)
    await outbox.settle(taken, Attempted(status=MailStatus.WAITING, error="SMTP 450", again=later), NOW)

    assert await outbox.take(later - timedelta(seconds=1), limit=1) == []
    (again,) = await outbox.take(later, limit=1)
    assert (again.attempts, again.mail.text) == (2, "It is 123456.")


@pytest.mark.parametrize("status", [MailStatus.SENT, MailStatus.FAILED])
async def test_the_text_is_dropped_at_the_end_and_the_rest_some_days_later(outbox, connection, status):
    await outbox.put(make_mail("one", expires=NOW + timedelta(minutes=15)))
    (taken,) = await outbox.take(NOW, limit=1)
    await outbox.settle(taken, Attempted(status=status), NOW)

    assert "123456" not in str(await connection.command("HGETALL", "{mails}:mails"))
    assert await outbox.forget(NOW + timedelta(days=KEPT_DAYS, seconds=-1)) == 0
    assert len(await outbox.latest()) == 1
    assert await outbox.forget(NOW + timedelta(days=KEPT_DAYS)) == 1
    assert await outbox.latest() == []


@pytest.mark.parametrize("expires_in", [timedelta(minutes=15), None])
async def test_a_mail_that_has_expired_is_forgotten_without_a_trace(outbox, connection, expires_in):
    await outbox.put(make_mail("one", expires=NOW + expires_in if expires_in else None))
    ends = NOW + (expires_in or timedelta(days=WAITING_DAYS))

    assert await outbox.forget(ends - timedelta(seconds=1)) == 0
    assert await outbox.forget(ends) == 1

    names = ("mails", "list:all", "list:waiting", "due", "ends")
    left = [await connection.command("EXISTS", f"{{mails}}:{name}") for name in names]
    assert left == [0] * 5


def taken(attempts: int, **fields: Any) -> TakenMail:
    return TakenMail(mail=make_mail("one", **fields), attempts=attempts, until=0)


def test_a_delay_is_followed_by_longer_and_longer_pauses_until_four_days_have_passed():
    delayed = MailNotSent("SMTP 450", permanent=False)
    attempts, now = [], NOW
    for number in range(1, 100):
        attempted = after_failure(taken(number), delayed, now)
        if attempted.again is None:
            break
        attempts.append((attempted.again - now).total_seconds())
        now = attempted.again

    assert attempts == list(PAUSES_SECONDS) == sorted(attempts)
    assert attempted.status is MailStatus.FAILED
    assert now - NOW > timedelta(days=4)


def test_a_refusal_is_final_and_so_is_a_delay_beyond_the_time_of_the_mail():
    refused = after_failure(taken(1), MailNotSent("SMTP 550", permanent=True), NOW)
    too_late = after_failure(
        taken(4, expires=NOW + timedelta(seconds=60)), MailNotSent("SMTP 450", permanent=False), NOW
    )

    assert (refused.status, refused.again) == (MailStatus.FAILED, None)
    assert (too_late.status, too_late.again) == (MailStatus.FAILED, None)
