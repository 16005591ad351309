"""Operators who sign in to the console with the identity provider of the utility: who they are, and as what they work.

The provider decides who is an operator, by a claim that names a role. Whoever has none is turned away.

Source: OpenID Connect Core 1.0 3.1 and 5.3.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.domain import oidc
from app.domain.authorization_store import SignInAttempt
from app.domain.oidc import IdentityProvider, SignInAnswer
from app.domain.oidc_trust import shown_name
from app.domain.operator_sessions import Newcomer
from app.domain.operators import Role
from app.errors import InsufficientRole

_ROLES: Final = (Role.ADMIN, Role.SUPPORT, Role.VIEWER)
"""The roles that may use the console, the mightiest first."""

_NAMELESS: Final = "an operator"


async def finish(
    provider: IdentityProvider,
    attempt: SignInAttempt,
    answer: SignInAnswer,
    *,
    role_claim: str,
    browser_secret: str,
    now: datetime,
) -> Newcomer:
    """The operator whom the identity provider has found out in an attempt.

    Args:
        role_claim: As for `role_among`. What is not in the ID token is asked of the provider.

    Raises:
        InsufficientRole: It gives this person no role.
        SignInStopped, IdentityProviderUnavailable, SignInFailed: As for `oidc.prove`.
    """
    proven = await oidc.prove(provider, attempt, answer, browser_secret=browser_secret, now=now)
    claims = proven.claims
    if role_among(claims, role_claim) is None:
        claims = {**await oidc.claims_from_userinfo(provider, proven), **claims}
    role = role_among(claims, role_claim)
    if role is None:
        raise InsufficientRole(
            "Your account is fine, but it has none of the roles that the console knows: viewer, support or admin. Ask"
            " whoever looks after the sign-in service of your company."
        )
    return Newcomer(shown_name(claims) or _NAMELESS, role, subject=proven.subject)


def role_among(claims: Mapping[str, Any], claim: str) -> Role | None:
    """The mightiest role that a claim names; None when it names none.

    Args:
        claim: Its name, or its path with dots (`realm_access.roles`). Its value is a text, roles with blanks or commas
            between them, or a list of texts.
    """
    value = claims[claim] if claim in claims else _at(claims, claim)
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    named = {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()
    return next((role for role in _ROLES if role in named), None)


def _at(claims: Mapping[str, Any], path: str) -> object:
    value: object = claims
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
