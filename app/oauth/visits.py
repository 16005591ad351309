"""A user's visit to one authorization request: whether it is this browser's, who asks, and who is signed in.

Source: RFC 6749 4.1.1 (B) and 10.12; CDS-WG1-02 5.2, 8.3.
"""

import asyncio
import hmac
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace
from starlette.requests import Request

from app.crypto.tokens import Handle, registration_of_handle
from app.domain.authorization_store import Transaction
from app.domain.records import Access, Wanted
from app.domain.users import User, may_authorize
from app.errors import CookiesNeeded, RequestOver
from app.schemas.clients import Client, ClientStatus
from app.schemas.registrations import Registration
from app.web import sessions
from app.web.access import note_client
from app.web.answers import Answer
from app.web.browser import Browser, Header, browser_of, form_token, remember_browser
from app.web.pages import base_path, redirect
from app.web.sessions import SignedIn
from app.web.state import State

OVER: Final = (
    "It has been answered already, or it has waited for too long. Go back to the application and start again there."
    " What you have authorized is on your authorizations page."
)
_OTHER_BROWSER: Final = (
    "This page belongs to the browser, and to the cookie in it, with which the request was started. Allow cookies for"
    " this site, go back to the application and start again there. Nothing has been shared."
)
_SWITCHED_OFF: Final = "The application that asks is switched off. Nothing has been shared."


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a browser to the pages of an authorization request.

    Args:
        handle: Of the transaction.
        signed_in: Whoever may answer; None while the user still has to sign in.
        headers: What the answer has to have.
    """

    handle: str
    transaction: Transaction
    client: Client
    registration: Registration
    browser: Browser
    signed_in: SignedIn | None
    headers: list[Header]

    @property
    def sandbox(self) -> bool:
        """Whether made-up users answer."""
        return self.client.cds_status is ClientStatus.SANDBOX

    @property
    def registration_id(self) -> str:
        """Whose Client asks."""
        return self.registration.registration_id

    def token(self, purpose: str) -> str:
        """What a form of this visit has to carry: of the session if there is one for `approve`, else of the browser."""
        return form_token(self.secret(purpose), self.purpose(purpose))

    def secret(self, purpose: str) -> str:
        """What the form token of a purpose is made of. Approving is up to the one user who has seen the page."""
        is_users = purpose == "approve" and self.signed_in
        return self.signed_in.handle if is_users and self.signed_in else self.browser.secret

    def purpose(self, purpose: str) -> str:
        """A purpose of forms, for this authorization request only."""
        return f"{purpose} {self.handle}"


async def arrive(request: Request[State], *, even_answered: bool = False) -> Visit:
    """The visit that a request to `/oauth/authorize/{transaction}…` is. Two round trips.

    With `even_answered` also when the user has answered just now: a button may be pressed twice.

    Raises:
        RequestOver: The authorization request is unknown, answered or expired, or its Client Object is switched off.
        CookiesNeeded: It was begun in another browser, or this one keeps no cookies.
    """
    state, handle = request.state, request.path_params["transaction"]
    registration_id = registration_of_handle(Handle.TRANSACTION, handle)
    if registration_id is None:
        raise RequestOver(OVER)
    now = state["now"]()
    transaction, signed_in = await asyncio.gather(
        state["authorizations"].transaction(handle, now=now), sessions.current(request)
    )
    if transaction is None and even_answered:
        answered = await state["authorizations"].answered(handle, now=now)
        transaction = answered.transaction if answered else None
    if transaction is None:
        raise RequestOver(OVER)
    note_client(request, transaction.request.client_id)
    browser = browser_of(request)
    transaction = await _bound(request, handle, transaction, browser)
    client, registration = await state["context"].records.load(
        Access(registration_id, now),
        Wanted(Client, transaction.request.client_id),
        Wanted(Registration, registration_id),
    )
    if client is None or registration is None or client.object.cds_status is ClientStatus.DISABLED:
        raise RequestOver(_SWITCHED_OFF)
    return Visit(
        handle=handle,
        transaction=transaction,
        client=client.object,
        registration=registration.object,
        browser=browser,
        signed_in=signed_in if _may_answer(signed_in, transaction, client.object) else None,
        headers=remember_browser(state["settings"], browser),
    )


async def signed_in(request: Request[State], handle: str, user: User) -> Answer:
    """Sign a user in who goes on with an authorization request then. Every way to sign in ends here.

    Raises:
        RequestOver: The authorization request has ended meanwhile.
    """
    state = request.state
    now = state["now"]()
    transaction = await state["authorizations"].transaction(handle, now=now)
    if transaction is None:
        raise RequestOver(OVER)
    if transaction.authenticated_after:
        fulfilled = replace(transaction, authenticated_after=0)
        if not await state["authorizations"].update_transaction(handle, fulfilled, now=now):
            raise RequestOver(OVER)
    cookie = await sessions.begin(request, user)
    return redirect(path_of(state, handle), headers=[cookie])


def path_of(state: State, handle: str, action: str = "") -> str:
    """The path of a transaction's page, or of one of the actions below it."""
    return f"{base_path(state)}/oauth/authorize/{handle}" + (f"/{action}" if action else "")


async def _bound(request: Request[State], handle: str, transaction: Transaction, browser: Browser) -> Transaction:
    """The transaction, as one of this browser. The first page binds one that is not bound yet."""
    if transaction.browser_digest:
        if browser.is_new or not hmac.compare_digest(transaction.browser_digest, browser.digest):
            raise CookiesNeeded(_OTHER_BROWSER)
        return transaction
    if request.method == "POST":
        raise CookiesNeeded(_OTHER_BROWSER)
    bound = replace(transaction, browser_digest=browser.digest)
    if not await request.state["authorizations"].update_transaction(handle, bound, now=request.state["now"]()):
        raise RequestOver(OVER)
    return bound


def _may_answer(signed_in: SignedIn | None, transaction: Transaction, client: Client) -> bool:
    """Whether a session fits: a user for this Client Object, and one who has signed in again where that is asked."""
    return bool(signed_in and may_authorize(signed_in.session, client) and not transaction.authenticated_after)
