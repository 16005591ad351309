"""A user's answer to an authorization request (RFC 6749 4.1.2; CDS-WG1-02 8.3).

Approving makes the Grant at once, in one change with the code, and does not wait for somebody to redeem the code
(ambiguities E13). With `cds_grant_id` the Grant that it names is changed instead. Of all answers to one request only
the first counts.

Whoever shows the page with the question calls `require_suitable_user` first, as soon as it is known who the user is. It
is looked at again when the answer comes.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.crypto.tokens import Handle, code_of_transaction, registration_of_handle
from app.domain.authorization_answers import failure, success
from app.domain.authorization_store import AuthorizationRequest, AuthorizationStore, Transaction, UserSession, UserStore
from app.domain.context import Context
from app.domain.grant_authorizations import (
    Approval,
    authorized_again,
    new_grant,
    require_own_user,
    require_waiting,
)
from app.domain.grant_creation import add
from app.domain.grant_details import Extent
from app.domain.grant_writing import Edit, carry_out, state_of
from app.domain.records import Access, Change, CodeFacts, Stored, Wanted
from app.domain.redirect_uris import is_registered
from app.domain.retries import until_written
from app.domain.users import may_authorize
from app.errors import AccessDenied, InvalidAuthorizationDetails, InvalidScope, Refusal, RequestOver, UnsuitableUser
from app.schemas.clients import Client
from app.schemas.grants import Grant
from app.schemas.registrations import Registration, RegistrationStatus

_OVER: Final = (
    "It has been answered already, or it has waited for too long. Go back to the application and start again."
)
_NOT_YOURS: Final = (
    "You cannot answer this request: it is for other users than you, or you have to sign in again first."
)
_AUTHORIZED: Final = "A user has authorized it."
_SWITCHED_OFF: Final = "The application that asks is switched off, or has changed. Nothing has been shared."


@dataclass(frozen=True, slots=True)
class Question:
    """An authorization request in front of a user who has signed in.

    Args:
        handle: Of the transaction.
        user: Who is to answer.
        now: When.
    """

    context: Context
    authorizations: AuthorizationStore
    users: UserStore
    handle: str
    transaction: Transaction
    user: UserSession
    now: datetime

    @property
    def asked(self) -> AuthorizationRequest:
        """The request."""
        return self.transaction.request

    @property
    def access(self) -> Access:
        """The server's own access to the registration of the Client."""
        return Access(registration_of_handle(Handle.TRANSACTION, self.handle) or "", self.now)

    @property
    def issuer(self) -> str:
        """Who answers."""
        return self.context.settings.public_url


@dataclass(frozen=True, slots=True)
class _Basis:
    """What an answer rests on, as it was read."""

    client: Stored[Client]
    registration: Stored[Registration]
    grant: Stored[Grant] | None


async def require_suitable_user(question: Question) -> str | None:
    """Look at `cds_grant_id` again, now that the user is known (8.3).

    No round trip without one, else one, and one more when it does not fit.

    Returns:
        None when the user may be asked, else where to send the browser: the request is over.

    Raises:
        RequestOver: It was over before.
    """
    asked = question.asked
    if asked.cds_grant_id is None:
        return None
    client, grant = await question.context.records.load(
        question.access, Wanted(Client, asked.client_id), Wanted(Grant, asked.cds_grant_id)
    )
    if client is None:
        raise RequestOver(_SWITCHED_OFF)
    try:
        _require_suitable_grant(question, client.object, grant)
    except UnsuitableUser as refusal:
        return await _end(question, refusal)
    return None


async def approve(question: Question) -> str:
    """Make or change the Grant, and send the browser back with a code. Two round trips; three with `cds_grant_id`.

    Whoever presses the button twice makes one Grant, and is sent back with the same code both times: the browser only
    follows the second answer. Once the Client has redeemed the code there is no second time, because it would redeem
    the code again and lose what it got. It is up to the caller that both come from the same session.

    Returns:
        Where to send the browser: to the Client with a code, or with an error when its request is not acceptable any
        more.

    Raises:
        RequestOver: It has been answered, has expired, or may not be answered by this user; or the Client Object is
            switched off or does not have the redirect URI any more.
        Conflict: Others kept changing the Client Object or the Grant.
    """
    if question.transaction.authenticated_after > question.user.authenticated_at:
        raise RequestOver(_NOT_YOURS)
    randomness, rid = question.context.randomness, question.access.registration_id
    approval = Approval(question.user.user_id, question.now, randomness.receipt_confirmation())
    code = code_of_transaction(question.handle)
    new_id = None if question.asked.cds_grant_id else randomness.object_id(rid, "g")
    try:
        return await until_written(lambda: _approve(question, approval, code, new_id))
    except RequestOver:
        if await _was_approved(question, code):
            return success(question.issuer, question.asked, code)
        raise


async def decline(context: Context, authorizations: AuthorizationStore, handle: str, *, now: datetime) -> str:
    """Send the browser back with `access_denied`, also when it asks twice. Nobody has to have signed in for that.

    One round trip.

    Raises:
        RequestOver: It has been approved or has expired.
    """
    transaction = await authorizations.take_transaction(handle, now=now)
    if transaction is None:
        before = await authorizations.answered(handle, now=now)
        if before is None or before.approved:
            raise RequestOver(_OVER)
        transaction = before.transaction
    asked = transaction.request
    refusal = AccessDenied("The user has declined.")
    return failure(context.settings.public_url, asked.redirect_uri, asked.state, refusal)


async def _approve(question: Question, approval: Approval, code: str, new_id: str | None) -> str:
    """One attempt to approve; `new_id` is that of the Grant to be made. Raises Conflict when others were quicker."""
    context = question.context
    basis = await _read(question, new_id)
    change = Change(question.access.registration_id, question.now)
    try:
        grant_id = await _grant(question, change, basis, approval, new_id)
    except (InvalidScope, InvalidAuthorizationDetails, UnsuitableUser) as refusal:
        return await _end(question, refusal)
    change.unchanged += [basis.client, basis.registration]
    change.spend(question.handle)
    facts = _code_facts(question.asked, grant_id)
    change.issue_code(code, facts, ttl_seconds=context.settings.code_ttl_seconds)
    await context.records.apply(change)
    return success(question.issuer, question.asked, code)


async def _was_approved(question: Question, code: str) -> bool:
    """Whether the request was approved just now, and its code has not been redeemed."""
    before, facts = await asyncio.gather(
        question.authorizations.answered(question.handle, now=question.now),
        question.authorizations.code(code, now=question.now),
    )
    return bool(before and before.approved and facts)


async def _end(question: Question, refusal: Refusal) -> str:
    """End a request that turned out not to be acceptable, and say so to the Client."""
    if await question.authorizations.take_transaction(question.handle, now=question.now) is None:
        raise RequestOver(_OVER)
    return failure(question.issuer, question.asked.redirect_uri, question.asked.state, refusal)


async def _read(question: Question, new_id: str | None) -> _Basis:
    """What the answer rests on. One round trip.

    A Grant that is to be made is entered into what its user authorized now already, so that it cannot come into being
    without; nobody else knows its id yet.
    """
    asked = question.asked
    wanted = [Wanted(Client, asked.client_id), Wanted(Registration, question.access.registration_id)]
    wanted += [Wanted(Grant, asked.cds_grant_id)] if asked.cds_grant_id else []
    (client, registration, *grants), transaction, _ = await asyncio.gather(
        question.context.records.load(question.access, *wanted),
        question.authorizations.transaction(question.handle, now=question.now),
        _note(question, new_id),
    )
    if transaction is None:
        raise RequestOver(_OVER)
    if client is None or registration is None or registration.object.status is not RegistrationStatus.ACTIVE:
        raise RequestOver(_SWITCHED_OFF)
    if not may_authorize(question.user, client.object):
        raise RequestOver(_NOT_YOURS)
    if not is_registered(asked.redirect_uri, client.object, receipt=question.context.links.receipt):
        raise RequestOver(_SWITCHED_OFF)
    return _Basis(client, registration, grants[0] if grants else None)


async def _note(question: Question, grant_id: str | None) -> None:
    if grant_id:
        await question.users.note_user_grant(question.user.user_id, grant_id, created=question.now)


async def _grant(question: Question, change: Change, basis: _Basis, approval: Approval, new_id: str | None) -> str:
    """Add the Grant to `change`: a new one, or the one that waited for this user; its id."""
    context, client = question.context, basis.client
    if new_id:
        extent = Extent(question.asked.scope, question.asked.authorization_details)
        add(context, change, client, new_grant(context, client.object, new_id, extent, approval), _AUTHORIZED)
        return new_id
    waiting = _require_suitable_grant(question, client.object, basis.grant)
    grant_id = waiting.object.grant_id
    await _note(question, grant_id)
    edit = Edit(waiting, authorized_again(context, state_of(waiting), approval), question.now, _AUTHORIZED)
    await carry_out(context, change, [edit])
    return grant_id


def _require_suitable_grant(question: Question, client: Client, stored: Stored[Grant] | None) -> Stored[Grant]:
    """The Grant that is to be authorized, if it still is what the user sees, and this user's. Raises UnsuitableUser."""
    asked = question.asked
    scope, details = asked.scope.split(), asked.authorization_details
    waiting = require_waiting(stored, client, scope, details, refusal=UnsuitableUser)
    require_own_user(waiting, question.user.user_id)
    return waiting


def _code_facts(asked: AuthorizationRequest, grant_id: str) -> CodeFacts:
    return CodeFacts(
        client_id=asked.client_id,
        grant_id=grant_id,
        redirect_uri=asked.redirect_uri,
        redirect_uri_sent=asked.redirect_uri_sent,
        code_challenge=asked.code_challenge,
    )
