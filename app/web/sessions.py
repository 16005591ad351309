"""Who is signed in with the browser in front of a user, and how that begins and ends.

Every way to sign in ends in `begin`: the session gets a new handle, so that one which somebody planted in the browser
never becomes good, and the session before it is forgotten.
"""

from typing import NamedTuple

from starlette.requests import Request

from app.domain.authorization_store import UserSession
from app.domain.users import SESSION_SECONDS, User, session_of
from app.web.browser import (
    Header,
    forget_session,
    form_token,
    remember_session,
    require_own_form,
    require_own_site,
    session_handle,
)
from app.web.state import State

SIGN_OUT = "sign out"


class SignedIn(NamedTuple):
    """A session with its handle, which is a secret between the browser and us."""

    handle: str
    session: UserSession

    @property
    def name(self) -> str:
        """What pages call the user."""
        return self.session.name

    @property
    def sign_out_token(self) -> str:
        """What the form that signs out has to carry."""
        return form_token(self.handle, SIGN_OUT)


async def current(request: Request[State]) -> SignedIn | None:
    """The session of this browser, or None."""
    handle = session_handle(request)
    session = await request.state["users"].session(handle, now=request.state["now"]()) if handle else None
    return SignedIn(handle, session) if handle and session else None


async def begin(request: Request[State], user: User) -> Header:
    """Sign a user in; the answer has to have the header."""
    state = request.state
    now = state["now"]()
    before = session_handle(request)
    handle = state["context"].randomness.session()
    session = session_of(user, authenticated_at=int(now.timestamp()))
    await state["users"].create_session(handle, session, now=now, ttl_seconds=SESSION_SECONDS)
    if before:
        await state["users"].end_session(before)
    return remember_session(state["settings"], handle)


async def end(request: Request[State], form: dict[str, str]) -> Header:
    """Sign out, when a page of ours asked for it; the answer has to have the header.

    The form of another site comes without the cookie, and its answer must not remove it either.

    Raises:
        ForeignForm: It was not a page of ours.
    """
    require_own_site(request)
    handle = session_handle(request)
    if handle:
        require_own_form(request, form, handle, SIGN_OUT)
        await request.state["users"].end_session(handle)
    return forget_session(request.state["settings"])
