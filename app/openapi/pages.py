"""Routes that are pages for people, and so no part of the description; `/docs` says what is there."""

from typing import Final

from app.domain.server_metadata import AS_METADATA_PATH
from app.web.routing import ErrorStyle, Route

PAGES: Final = (
    "/",
    "/console",
    "/docs",
    "/oauth/authorizations",
    "/oauth/authorize/{transaction}",
    "/oauth/oidc/callback",
    "/oauth/receipt",
    "/oauth/sign-in",
    "/oauth/sign-out",
    "/onboarding/forms/{field_id}",
    "/onboarding/{message_id}",
    "/register",
)
"""Where pages are; what is below each of them is one too."""


def is_page(route: Route) -> bool:
    """Whether people go there: errors are pages too, and the path is one of those."""
    under = any(route.path == page or (page != "/" and route.path.startswith(f"{page}/")) for page in PAGES)
    return under and route.errors is ErrorStyle.PAGE


def is_alias(route: Route) -> bool:
    """Whether it is the second address of the authorization server metadata, at the root of the host (RFC 8414 3.1)."""
    return route.path.startswith(f"{AS_METADATA_PATH}/")
