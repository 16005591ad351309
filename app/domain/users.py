"""Users: who signs in to authorize Clients, and how a session of theirs begins.

Test accounts of the catalog are for sandbox Client Objects, customers whom the identity provider of the utility knows
are for production ones; neither ever passes for the other (ambiguities F8).
"""

import hmac
from hashlib import sha256
from typing import Final, NamedTuple

from app.catalog import Catalog
from app.domain.authorization_store import UserSession
from app.errors import WrongLogin
from app.schemas.clients import Client, ClientStatus

SESSION_SECONDS: Final = 3600
"""How long a sign-in lasts. Authorizing takes minutes, and browsers are shared."""

MAX_LOGIN_LENGTH: Final = 1024
"""Characters of a username or a password, at most."""


class User(NamedTuple):
    """A person, or a made-up one.

    Args:
        id: The same text at every sign-in, of no other user whatever their way to sign in.
        name: What pages call the user.
        sandbox: A test account.
    """

    id: str
    name: str
    sandbox: bool


def sign_in_with_test_account(catalog: Catalog, username: str, password: str) -> User:
    """The made-up user of the catalog with this username, in any case of letters, and this password.

    Takes the same time whatever is wrong.

    Raises:
        WrongLogin: There is none.
    """
    found = None
    given = _digest(password)
    for account in catalog.test_accounts:
        is_password = hmac.compare_digest(given, _digest(account.password))
        is_name = hmac.compare_digest(_digest(_folded(username)), _digest(_folded(account.username)))
        if is_name and is_password:
            found = account
    if found is None or max(len(username), len(password)) > MAX_LOGIN_LENGTH:
        raise WrongLogin("The username or the password is wrong.")
    return User(f"test:{found.username}", found.name, sandbox=True)


def limit_key(username: str) -> str:
    """What failed sign-ins with a username are counted under: nothing of the name stays in memory."""
    return f"sign-in {_digest(_folded(username)).hex()}"


def session_of(user: User, *, authenticated_at: int) -> UserSession:
    """The session that begins when a user has signed in at this Unix second."""
    return UserSession(user_id=user.id, name=user.name, sandbox=user.sandbox, authenticated_at=authenticated_at)


def may_authorize(session: UserSession, client: Client) -> bool:
    """Whether this user may authorize this Client Object at all: both of the sandbox, or both of production (5.2)."""
    return client.cds_status is (ClientStatus.SANDBOX if session.sandbox else ClientStatus.PRODUCTION)


def _folded(username: str) -> str:
    return username.strip().casefold()


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
