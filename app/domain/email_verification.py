"""Verifying a contact address with a mailed code.

The code belongs to the request Message, not to a browser, so it can be typed in on another device than the one on which
it was asked for. Only the newest counts, for a quarter of an hour and for five attempts; each attempt is counted in the
same atomic step that looks at it, so that guessing in parallel buys nothing.

Source: CDS-WG1-02 3.6 `email_verification`; ambiguities A26.
"""

import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import structs

from app.crypto.tokens import digest
from app.domain import onboarding_steps
from app.domain.allowances import Allowance, Allowances
from app.domain.context import Context
from app.domain.email_addresses import is_email
from app.domain.mails import Mail, Outbox
from app.domain.messages_answers import Case
from app.domain.messages_decisions import read_case
from app.domain.onboarding_steps import Step, read_step, with_evidence
from app.domain.records import Access, Change, Wanted
from app.domain.retries import until_written
from app.errors import InvalidRequest, NotFound, TooManyRequests
from app.schemas.clients import Client
from app.schemas.messages import MailedCode, MessageStatus
from app.schemas.registrations import Evidence

CODE_SECONDS: Final = 900
ATTEMPTS: Final = 5

PER_REGISTRATION: Final = (Allowance(1, 60), Allowance(10, 86400))
PER_ADDRESS: Final = (Allowance(5, 3600), Allowance(20, 86400))
"""Over all registrations: anybody can register with somebody else's address, who shall not be flooded."""

MAX_ADDRESSES: Final = 10
"""Addresses that are offered, of those in contacts."""

_MAX_TYPED: Final = 40
_THANKS: Final = "The address is verified."


class Verdict(StrEnum):
    """What has become of a code that somebody typed in."""

    RIGHT = "right"
    WRONG = "wrong"
    OVER = "over"
    """There is no code to compare with any more: it has expired, or was tried too often, or was never sent."""


class Choice(NamedTuple):
    """An address that a code can be sent to, as somebody sees it who may not know it."""

    id: str
    masked: str


def choices(step: Step) -> list[Choice]:
    """The contact addresses of a Client, in its own order; those that look alike are numbered."""
    addresses = addresses_of(step.admin)
    shown = [masked(address) for address in addresses]
    return [
        Choice(choice_id(step, address), f"{name} (number {number})" if shown.count(name) > 1 else name)
        for number, (address, name) in enumerate(zip(addresses, shown, strict=True), 1)
    ]


def choice_id(step: Step, address: str) -> str:
    """What stands for an address in a form."""
    return digest(f"address {step.request.object.message_id} {address}")[:16]


def addresses_of(client: Client) -> list[str]:
    """The contacts of a Client Object that are e-mail addresses."""
    return list(dict.fromkeys(one for one in client.contacts if is_email(one)))[:MAX_ADDRESSES]


def masked(address: str) -> str:
    """An address that its owner recognises and nobody else can write to: `m•••@m•••.example`."""
    local, _, host = address.rpartition("@")
    name, _, rest = host.partition(".")
    return f"{local[:1]}•••@{name[:1]}•••.{rest}"


def is_alive(mailed: MailedCode | None, admin: Client, now: datetime) -> bool:
    """Whether there is a code that still counts, for an address that is still a contact."""
    if mailed is None or mailed.address not in addresses_of(admin):
        return False
    return mailed.attempts_left > 0 and int(now.timestamp()) < mailed.expires


async def send_code(
    context: Context, access: Access, message_id: str, choice: str, *, allowances: Allowances, outbox: Outbox
) -> str:
    """Mail a new code to one of the contact addresses; from now on no earlier one counts.

    Returns:
        The address, masked.

    Raises:
        NotFound: There is no such step.
        InvalidRequest: The address is not one of the contacts, or not any more.
        TooManyRequests: One was sent a moment ago, or there were too many lately.
        Conflict: Others kept changing the request.
    """
    step = await read_step(context, access, message_id)
    if step.field.type != "email_verification":
        raise NotFound("There is nothing to verify here.")
    by_id = {choice_id(step, address): address for address in addresses_of(step.admin)}
    address = by_id.get(choice)
    if address is None:
        raise InvalidRequest("Please choose one of the addresses.")
    wait = await allowances.spend(access.registration_id, PER_REGISTRATION, now=access.now)
    wait = wait or await allowances.spend_for_address(address, PER_ADDRESS, now=access.now)
    if wait:
        raise TooManyRequests(
            f"We have sent a code lately. Please wait {_in_words(wait)} before you ask for another one.",
            retry_after_seconds=wait,
        )
    code = context.randomness.mailed_code()
    expires = access.now + timedelta(seconds=CODE_SECONDS)
    mailed = MailedCode(
        address=address,
        digest=_code_digest(message_id, address, code),
        expires=int(expires.timestamp()),
        attempts_left=ATTEMPTS,
    )
    await _keep(context, access, message_id, mailed)
    await outbox.put(_mail(context, access, message_id, address, code, expires))
    return masked(address)


async def check_code(context: Context, access: Access, message_id: str, typed: str) -> Verdict:
    """Compare what somebody typed in with the newest code; the right one completes the step (A26).

    Where an operator has rejected the step before, it is an operator's again.

    Raises:
        NotFound: There is no such step.
        Conflict: Others kept changing the request. Nothing is known about the code then.
    """
    step = await read_step(context, access, message_id)
    if step.field.type != "email_verification":
        raise NotFound("There is nothing to verify here.")
    typed = "".join(letter for letter in typed[:_MAX_TYPED] if letter not in " -\u00a0\u2007\u202f")

    async def write() -> Verdict:
        case = await read_case(context, access, message_id)
        (admin,) = await context.records.load(access, Wanted(Client, access.registration_id))
        if case.request.object.status is MessageStatus.COMPLETE:
            return Verdict.RIGHT
        mailed: MailedCode | None = case.request.internal.code
        if mailed is None or admin is None or not is_alive(mailed, admin.object, access.now):
            return Verdict.OVER
        if not hmac.compare_digest(mailed.digest, _code_digest(message_id, mailed.address, typed)):
            return await _count_failure(context, access, case, mailed)
        await _accept(context, access, step, case, mailed.address)
        return Verdict.RIGHT

    return await until_written(write)


async def _keep(context: Context, access: Access, message_id: str, mailed: MailedCode) -> None:
    async def write() -> None:
        request = (await read_step(context, access, message_id)).request
        if request.object.status is MessageStatus.COMPLETE:
            return
        change = Change(access.registration_id, access.now)
        change.replace(request, request.object, structs.replace(request.internal, code=mailed))
        await context.records.apply(change)

    await until_written(write)


async def _count_failure(context: Context, access: Access, case: Case, mailed: MailedCode) -> Verdict:
    left = mailed.attempts_left - 1
    change = Change(access.registration_id, access.now)
    code = structs.replace(mailed, attempts_left=left)
    change.replace(case.request, case.request.object, structs.replace(case.request.internal, code=code))
    await context.records.apply(change)
    return Verdict.WRONG if left else Verdict.OVER


async def _accept(context: Context, access: Access, step: Step, case: Case, address: str) -> None:
    stored = case.registration
    if stored is None:
        raise NotFound("There is no such registration.")
    evidence = Evidence(at=access.now, message_id=case.request.object.message_id, email=address)
    verified = structs.replace(stored.object, verified_email=address)
    change = Change(access.registration_id, access.now)
    if case.request.object.status is MessageStatus.REJECTED:
        case = replace(case, registration=replace(stored, object=verified))
        onboarding_steps.confirm(context, change, case, step.field, evidence, _THANKS)
    else:
        verified = with_evidence(verified, step.field.id, evidence)
        case = replace(case, registration=replace(stored, object=verified))
        await onboarding_steps.accept(context, access, change, case, _THANKS)
    await context.records.apply(change)


def _code_digest(message_id: str, address: str, code: str) -> str:
    return digest(f"code {message_id} {address} {code}")


def _mail(context: Context, access: Access, message_id: str, address: str, code: str, expires: datetime) -> Mail:
    """The mail. It repeats nothing that a Client has written: anybody can register with somebody else's address."""
    utility = context.catalog.server.name
    return Mail(
        id=f"{message_id}-{context.randomness.nonce()}",
        kind="verification_code",
        to=address,
        subject=f"{utility}: a code for your address",  # without the code, because mail servers log subjects
        text=(
            f"Somebody has registered an application with {utility} and named this address as a contact.\n\n"
            f"If that was you, type this code into the page where you asked for it:\n\n    {code[:4]} {code[4:]}\n\n"
            f"It is good for {CODE_SECONDS // 60} minutes. Give it to nobody: we never ask for it in any other way.\n\n"
            "If you know nothing about this, you can ignore this mail. Without the code nothing happens.\n\n"
            f"{utility}\n{context.settings.public_url}/\n"
        ),
        created=access.now,
        registration_id=access.registration_id,
        expires=expires,
    )


def _in_words(seconds: int) -> str:
    if seconds <= 90:  # noqa: PLR2004 -- seconds that people can count
        return f"{seconds} seconds"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes <= 90 else f"{-(-minutes // 60)} hours"  # noqa: PLR2004 -- likewise
